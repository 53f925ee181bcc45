"""Recognition of functions that are written as formulas: 1/(1 + exp(−z)) is the sigmoid, exp(z)/Σ exp(z) the softmax.

Each row of the table is an identity between the written formula and a named function; the tests compare their values.
"""

from collections.abc import Callable, Mapping
from functools import partial

from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.constructors import add
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.matrices import HadamardPower, HadamardProduct, MatAdd, Ones, is_name, scaled, split
from symbackprop.expressions.operations import (
    COLUMNS,
    Broadcast,
    Elementwise,
    Largest,
    LogSoftmax,
    Softmax,
    Sums,
    Total,
)


def recognized(value: Expression, definitions: Mapping[Expression, Expression]) -> Expression:
    """Return a named function if the formula equals one, else the formula itself.

    `definitions` maps names that the user gave to parts of the formula to their expressions.
    """
    formulas = (value, _opened(value, definitions)) if definitions else (value,)
    return next((named for formula in formulas for row in _ROWS if (named := row(formula)) is not None), value)


def _opened(value: Expression, definitions: Mapping[Expression, Expression]) -> Expression:
    """Return the value with the names of exponentials, and of their sums, replaced by their definitions."""
    parts = {
        s: definitions[s] for s in value.free_symbols if s in definitions and _is_of_exp(definitions[s], definitions)
    }
    return _opened(value.xreplace(parts), definitions) if parts else value


def _is_of_exp(value: Expression, definitions: Mapping[Expression, Expression]) -> bool:
    """Return True for exp(z), a sum of its entries, 1 + exp(z), and the softmax."""
    if is_name(value):
        return value in definitions and _is_of_exp(definitions[value], definitions)
    if isinstance(value, Sums | Total):
        return _is_of_exp(value.argument, definitions)
    if isinstance(value, MatAdd):
        return _one_plus_exp(value) is not None
    return isinstance(value, Softmax) or _exponent(value) is not None


def _argument(name: str, value: Expression) -> Expression | None:
    """Return the z of f(z), where f is the elementwise function with this name, else None."""
    return value.argument if isinstance(value, Elementwise) and value.function == FUNCTION[name] else None


_exponent = partial(_argument, "exp")


def _base(value: Expression, exponent: int) -> Expression | None:
    """Return the z of a power of z with this exponent, else None."""
    return value.args[0] if isinstance(value, HadamardPower) and value.args[1] == exponent else None


def _one_plus_exp(value: Expression) -> Expression | None:
    """Return the z of 1 + exp(z), else None."""
    if not isinstance(value, MatAdd) or len(value.args) != 2:
        return None
    ones = [term for term in value.args if isinstance(term, Ones)]
    others = [term for term in value.args if not isinstance(term, Ones)]
    return _exponent(others[0]) if len(ones) == 1 else None


def _sigmoid(value: Expression) -> Expression | None:
    """Return the sigmoid of z for 1/(1 + exp(−z)), else None."""
    z = _one_plus_exp(_base(value, -1))
    return None if z is None else FUNCTION["sigmoid"](scaled(-1, z))


def _sigmoid_prime(value: Expression) -> Expression | None:
    """Return the derivative of the sigmoid for exp(−z)/(1 + exp(−z))², else None."""
    if not isinstance(value, HadamardProduct) or len(value.args) != 2:
        return None
    for one, other in (value.args, value.args[::-1]):
        z = _exponent(one)
        if z is not None and _one_plus_exp(_base(other, -2)) == z:
            return FUNCTION["sigmoid"].prime(scaled(-1, z))
    return None


def _softplus(value: Expression) -> Expression | None:
    """Return the softplus of z for log(1 + exp(z)), else None."""
    z = _one_plus_exp(_argument("log", value))
    return None if z is None else FUNCTION["softplus"](z)


def _softmax(value: Expression) -> Expression | None:
    """Return the softmax of z for exp(z) / Σ exp(z) along an axis, also with z − max z in place of z; else None."""
    if not isinstance(value, HadamardProduct) or len(value.args) != 2:
        return None
    for one, other in (value.args, value.args[::-1]):
        z = _exponent(one)
        sums = _base(other.argument if isinstance(other, Broadcast) else other, -1)
        if z is not None and isinstance(sums, Sums) and sums.argument == one:
            return Softmax(_unshifted(z, sums.axis), sums.axis)
    return None


def _softmax_of_row(value: Expression) -> Expression | None:
    """Return the softmax of a single row for exp(z) / Σ exp(z), else None."""
    coefficient, powers = split(value)
    z = _exponent(powers)
    if z is None or z.shape[0] != 1 or not coefficient.is_Pow or coefficient.args != (Total(powers), -1):
        return None
    return Softmax(_unshifted(z, COLUMNS), COLUMNS)


def _unshifted(z: Matrix, axis: int) -> Matrix:
    """Return z for z − max z, which has the same softmax, and any other argument unchanged."""
    terms = z.args if isinstance(z, MatAdd) else (z,)
    kept = [term for term in terms if not _is_constant_along(split(term)[1], axis)]
    return add(*kept) if kept and len(kept) < len(terms) else z


def _is_constant_along(term: Matrix, axis: int) -> bool:
    if isinstance(term, Ones):
        return True
    return isinstance(term, Broadcast) and isinstance(term.argument, Largest) and term.argument.axis == axis


def _log_softmax(value: Expression) -> Expression | None:
    inner = _argument("log", value)
    return LogSoftmax(*inner.args) if isinstance(inner, Softmax) else None


_ROWS: tuple[Callable[[Expression], Expression | None], ...] = (
    _sigmoid,
    _sigmoid_prime,
    _softplus,
    _softmax,
    _softmax_of_row,
    _log_softmax,
)
