"""Recognition of functions that are written as formulas: 1/(1 + exp(−z)) is the sigmoid, exp(z)/Σ exp(z) the softmax.

Each row of the table is an identity between the written formula and a named function; the tests compare their values.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce

import sympy
from sympy import Add, Mul, Pow, S

from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.constructors import add, hadamard
from symbackprop.expressions.functions import FUNCTION, Applied
from symbackprop.expressions.matrices import (
    HadamardPower,
    HadamardProduct,
    MatAdd,
    Ones,
    is_name,
    postorder,
    scaled,
    split,
)
from symbackprop.expressions.operations import (
    Broadcast,
    Elementwise,
    Largest,
    LogSoftmax,
    LogSumExp,
    Softmax,
    Sums,
    Total,
    repeated,
)
from symbackprop.expressions.shapes import is_matrix


def recognized_throughout(expression: Expression, definitions: Mapping[Expression, Expression]) -> Expression:
    """Return the expression with each part that equals a named function as that function; see `recognized`.

    It is for code: also log cosh z becomes a sum that does not overflow.
    """
    found: dict[Expression, Expression] = {}
    for node in postorder(expression):
        parts = [found.get(part, part) for part in node.args]
        value = recognized(node if parts == list(node.args) else node.func(*parts), definitions)
        stable = _log_of_cosh(value)
        found[node] = value if stable is None else stable
    return found[expression]


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
    """Return True for exp(z), a sum of its entries, 1 + exp(z), the softmax, and the sigmoid of a scalar."""
    if is_name(value):
        return value in definitions and _is_of_exp(definitions[value], definitions)
    if isinstance(value, Sums | Total):
        return _is_of_exp(value.argument, definitions)
    if isinstance(value, MatAdd):
        return _one_plus_exp(value) is not None
    return isinstance(value, Softmax) or _exponent(value) is not None or _is_scalar_sigmoid(value)


def _is_scalar_sigmoid(value: Expression) -> bool:
    return not is_matrix(value) and _argument("sigmoid", value) is not None


def _argument(name: str, value: Expression) -> Expression | None:
    """Return the z of f(z), where f is the elementwise function with this name, else None."""
    if isinstance(value, _OF_NUMBERS.get(name, ())):
        return value.args[0]
    return value.args[1] if isinstance(value, Elementwise | Applied) and value.function == FUNCTION[name] else None


_OF_NUMBERS = {"exp": sympy.exp, "log": sympy.log}  # of a scalar, SymPy's own
_exponent, _logarithm = partial(_argument, "exp"), partial(_argument, "log")


def _base(value: Expression, exponent: int) -> Expression | None:
    """Return the z of a power of z with this exponent, else None."""
    return value.args[0] if isinstance(value, HadamardPower | Pow) and value.args[1] == exponent else None


def _terms(value: Expression) -> list[tuple[Scalar, Expression]]:
    """Return (c, A) for each term c · A of a sum."""
    terms = value.args if isinstance(value, MatAdd | Add) else (value,)
    return [split(term) if is_matrix(term) else term.as_coeff_Mul() for term in terms]


def _is_one(value: Expression) -> bool:
    return isinstance(value, Ones) or value == 1


def _affine_in_exp(value: Expression) -> tuple[Scalar, Scalar, Expression | None]:
    """Return (a, b, z) for a + b exp(z), else (0, 0, None)."""
    terms = _terms(value)
    constant = [coefficient for coefficient, core in terms if _is_one(core)]
    others = [(coefficient, _exponent(core)) for coefficient, core in terms if not _is_one(core)]
    return (constant[0], *others[0]) if len(constant) == len(others) == 1 else (S.Zero, S.Zero, None)


def _one_plus_exp(value: Expression) -> Expression | None:
    """Return the z of 1 + exp(z), else None."""
    if not isinstance(value, MatAdd | Add):
        return None
    a, b, z = _affine_in_exp(value)
    return z if a == b == 1 else None


def _negative(z: Expression) -> Expression:
    return scaled(-1, z) if is_matrix(z) else -z


def _sigmoid(value: Expression) -> Expression | None:
    """Return the sigmoid of z for 1/(1 + exp(−z)), else None."""
    z = _one_plus_exp(_base(value, -1))
    return None if z is None else FUNCTION["sigmoid"](_negative(z))


def _sigmoid_prime(value: Expression) -> Expression | None:
    """Return the derivative of the sigmoid for exp(−z)/(1 + exp(−z))², else None."""
    if not isinstance(value, HadamardProduct | Mul) or len(value.args) != 2:
        return None
    for one, other in (value.args, value.args[::-1]):
        z = _exponent(one)
        if z is not None and _one_plus_exp(_base(other, -2)) == z:
            return FUNCTION["sigmoid"].prime(_negative(z))
    return None


def _sigmoids_of_quotient(value: Expression) -> Expression | None:
    """Return b σ(z) + a σ(−z) for (a + b exp(z))/(1 + exp(z)), also as a part of a product; else None."""
    for divisor, rest in _each_factor(value):
        written, named = _one_plus_exp(_base(divisor, -1)), _argument("sigmoid", divisor)
        z = written if named is None else _negative(named)
        for factor, others in () if z is None else _each_factor(_product(rest)):
            a, b, exponent = _affine_in_exp(factor) if _exponent(factor) is None else (S.Zero, S.One, _exponent(factor))
            if exponent == z:
                above, below = FUNCTION["sigmoid"](z), FUNCTION["sigmoid"](_negative(z))
                return _product([_sum([(b, above), (a, below)]), *others])
    return None


def _tanh(value: Expression) -> Expression | None:
    """Return tanh(z) for (exp(z) − exp(−z))/(exp(z) + exp(−z)), else None."""
    for divisor, rest in _each_factor(value):
        base = _base(divisor, -1)
        below = {} if base is None else {_exponent(core): c for c, core in _terms(base)}
        above = {_exponent(core): c for c, core in _terms(rest[0])} if len(rest) == 1 else {}
        for z, sign in above.items():
            if z is not None and above == {z: sign, _negative(z): -sign} and below == {z: 1, _negative(z): 1}:
                return _sum([(sign, FUNCTION["tanh"](z))])
    return None


def _each_factor(value: Expression) -> Iterator[tuple[Expression, list[Expression]]]:
    """Yield each factor of a product entry by entry, with the other factors."""
    factors = value.args if isinstance(value, HadamardProduct | Mul) else (value,)
    for k, factor in enumerate(factors):
        yield factor, [*factors[:k], *factors[k + 1 :]]


def _product(factors: Sequence[Expression]) -> Expression:
    return hadamard(*factors) if factors and is_matrix(factors[0]) else Mul(*factors)


def _sum(terms: Sequence[tuple[Scalar, Expression]]) -> Expression:
    kept = [scaled(c, term) if is_matrix(term) else c * term for c, term in terms if c != 0]
    return add(*kept) if is_matrix(kept[0]) else Add(*kept)


def _of_scalar_sigmoid(value: Expression) -> Expression | None:
    """Return −softplus(−z) for log(σ(z)), and σ(−z) for 1 − σ(z), of a scalar z, else None.

    The same of matrices is for generated code alone, in `codegen/stability.py`: a formula shows it as it is written.
    """
    if is_matrix(value):
        return None
    inner = _logarithm(value)
    z = None if inner is None else _argument("sigmoid", inner)
    if z is not None:
        return -FUNCTION["softplus"](-z)
    terms = {core: coefficient for coefficient, core in _terms(value)}
    arguments = [z for core in terms if (z := _argument("sigmoid", core)) is not None]
    is_rest = len(terms) == 2 and len(arguments) == 1 and set(terms.values()) == {1, -1}
    return FUNCTION["sigmoid"](-arguments[0]) if is_rest and terms.get(S.One) == 1 else None


def _softplus(value: Expression) -> Expression | None:
    """Return the softplus of z for log(1 + exp(z)), else None."""
    more = _argument("log1p", value)
    z = _one_plus_exp(_logarithm(value)) if more is None else _exponent(more)
    return None if z is None else FUNCTION["softplus"](z)


def _log_of_cosh(value: Expression) -> Expression | None:
    """Return z + softplus(−2z) − log 2 for log(cosh(z)), else None."""
    inner = _logarithm(value)
    z = None if inner is None else _argument("cosh", inner)
    if z is None:
        return None
    one = Ones(*z.shape) if is_matrix(z) else S.One
    return _sum([(S.One, z), (S.One, FUNCTION["softplus"](_sum([(S(-2), z)]))), (-sympy.log(2), one)])


def _log_of_exponentials(value: Expression) -> Expression | None:
    """Return z for log(exp(z)), z + softplus(u − z) for log(exp(z) + exp(u)), and so on for more terms; else None."""
    inner = _logarithm(value)
    terms = [] if inner is None else _terms(inner)
    exponents = [z for c, core in terms if c == 1 and (z := _exponent(core)) is not None]
    if not terms or len(exponents) < len(terms):
        return None
    return reduce(lambda one, z: one + FUNCTION["softplus"](z - one), exponents)


def _log_of_total(value: Expression) -> Expression | None:
    """Return the log-sum-exp of all entries for log(Σ exp(z)), else None."""
    inner = _logarithm(value)
    z = _exponent(inner.argument) if isinstance(inner, Total) else None
    return None if z is None else Total(_log_sum_exp(z))


def _log_sum_exp(z: Matrix) -> Matrix:
    """Return the log-sum-exp of all entries, an array of one entry."""
    for axis in reversed(range(len(z.shape))):
        z = z if z.shape[axis] == 1 else LogSumExp(z, axis)
    return z


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


def _softmax_of_all(value: Expression) -> Expression | None:
    """Return the softmax of all entries for exp(z) / Σ exp(z), else None."""
    coefficient, powers = split(value)
    z = _exponent(powers) if is_matrix(powers) else None
    if z is None or not coefficient.is_Pow or coefficient.args != (Total(powers), -1):
        return None
    long = [axis for axis, size in enumerate(z.shape) if size != 1] or [len(z.shape) - 1]
    if len(long) == 1:
        return Softmax(_unshifted(z, long[0]), long[0])
    return FUNCTION["exp"](z - repeated(_log_sum_exp(z), z.shape))


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
    inner = _logarithm(value)
    return LogSoftmax(*inner.args) if isinstance(inner, Softmax) else None


_ROWS: tuple[Callable[[Expression], Expression | None], ...] = (
    _sigmoid,
    _sigmoid_prime,
    _sigmoids_of_quotient,
    _tanh,
    _of_scalar_sigmoid,
    _softplus,
    _log_of_exponentials,
    _log_of_total,
    _softmax,
    _softmax_of_all,
    _log_softmax,
)
