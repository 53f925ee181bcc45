"""Rewriting for numerical stability: log softmax(z), log σ(z), log(1 + exp z), 1 − σ(z) as one function of z each.

Computed with the exponential, their values would be lost: at z = −1200 the softmax is 0 in floats, and its log −∞.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.functions import FUNCTION, ElementwiseFunction
from symbackprop.expressions.matrices import HadamardPower, HadamardProduct, MatAdd, Ones, postorder, scaled, split
from symbackprop.expressions.operations import Broadcast, Elementwise, LogSoftmax, LogSumExp, Softmax, Sums

EXP, LOG, SIGMOID, SOFTPLUS = (FUNCTION[name] for name in ("exp", "log", "sigmoid", "softplus"))

Definitions: TypeAlias = Mapping[Expression, Expression]  # of names


def stabilized(expression: Expression, definitions: Definitions) -> Expression:
    """Return the expression in a numerically stable form, with names replaced by definitions where that helps.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> z = NamedMatrix("z", 5, 3)
    >>> stabilized(LOG(Elementwise(SIGMOID, z)), {})
    -Elementwise(ElementwiseFunction(softplus, 0), -z)
    """
    parts = postorder(expression)
    found = {node: _log(node.argument, definitions) for node in parts if _is(LOG, node)}
    found |= {node: _complement(node) for node in parts if isinstance(node, MatAdd)}
    found |= {node: _quotient(node, definitions) for node in parts if isinstance(node, HadamardProduct | HadamardPower)}
    return expression.xreplace({node: short for node, short in found.items() if short is not None})


def _complement(value: MatAdd) -> Matrix | None:
    """Return 1 − σ(u) as σ(−u), which has no cancellation; None for any other form."""
    terms = {core: coefficient for coefficient, core in map(split, value.args)}
    sigmoids = [core for core in terms if _is(SIGMOID, core)]
    if len(terms) != 2 or len(sigmoids) != 1 or terms.get(Ones(*value.shape)) != -terms[sigmoids[0]]:
        return None
    return scaled(-terms[sigmoids[0]], Elementwise(SIGMOID, scaled(-1, sigmoids[0].argument)))


def _quotient(node: Matrix, definitions: Definitions) -> Matrix | None:
    """Return (exp u)ᵐ/(1 + exp u)ⁿ as σ(u)ᵐ σ(−u)ⁿ⁻ᵐ, or exp u over its sums as softmax u; None for any other form."""
    factors = list(node.args) if isinstance(node, HadamardProduct) else [node]
    for divisor in factors:
        base, n = _divisor(divisor)
        u, whole = _sum_of_exp(definitions.get(base, base), definitions)
        if u is None or not n:
            continue
        rest = [factor for factor in factors if factor is not divisor]
        above = [factor for factor in rest if definitions.get(factor, factor) == Elementwise(EXP, u)][:n]
        if isinstance(whole, Sums) and len(above) < n:
            continue
        kept = [factor for factor in rest if factor not in above]
        kept += [factor for factor in rest if factor in above][n:]
        if isinstance(whole, Sums):
            return hadamard(*kept, *[Softmax(u, whole.axis)] * n)
        up, down = Elementwise(SIGMOID, u), Elementwise(SIGMOID, scaled(-1, u))
        return hadamard(*kept, *[up] * len(above), *[down] * (n - len(above)))
    return None


def _divisor(factor: Matrix) -> tuple[Matrix, int]:
    """Return (A, n) for a factor A⁻ⁿ, which may be a repeated row or column; n is 0 for any other factor."""
    core = factor.argument if isinstance(factor, Broadcast) else factor
    if isinstance(core, HadamardPower) and core.args[1].is_Integer and core.args[1].is_negative:
        base = core.args[0]
        return base.argument if isinstance(base, Broadcast) else base, -int(core.args[1])
    return core, 0


def _sum_of_exp(base: Matrix, definitions: Definitions) -> tuple[Matrix | None, Matrix | None]:
    """Return (u, A) if A is 1 + exp u or the sums of exp u along an axis; (None, None) for any other form."""
    if isinstance(base, Sums):
        inner = [definitions.get(base.argument, base.argument)]
    else:
        inner = [part for part in base.args if not isinstance(part, Ones)] if isinstance(base, MatAdd) else []
        inner = [definitions.get(part, part) for part in inner] if len(base.args) == 2 else []
    exponentials = [part for part in inner if _is(EXP, part)]
    return (exponentials[0].argument, base) if len(inner) == len(exponentials) == 1 else (None, None)


def _is(function: ElementwiseFunction, node: Expression) -> bool:
    return isinstance(node, Elementwise) and node.function == function


def _log(argument: Matrix, definitions: Definitions) -> Matrix | None:
    """Return a numerically stable form of the logarithm of an argument, or None if there is none."""
    value = definitions.get(argument, argument)
    rewrite = next((_LOGS[kind] for kind in type(value).__mro__ if kind in _LOGS), None)
    return None if rewrite is None else rewrite(value, definitions)


def _log_of_sums(value: Sums, definitions: Definitions) -> Matrix | None:
    inner = definitions.get(value.argument, value.argument)
    return LogSumExp(inner.argument, value.axis) if _is(EXP, inner) else None


def _log_of_sum(value: MatAdd, definitions: Definitions) -> Matrix | None:
    """Return log(1 + exp z) as softplus z, and log(1 − σ(z)) as −softplus z; None for any other form."""
    others = [term for term in value.args if not isinstance(term, Ones)]
    if len(value.args) != 2 or len(others) != 1:
        return None
    coefficient, core = split(others[0])
    core = definitions.get(core, core)
    if coefficient == 1 and _is(EXP, core):
        return Elementwise(SOFTPLUS, core.argument)
    if coefficient == -1 and _is(SIGMOID, core):
        return scaled(-1, Elementwise(SOFTPLUS, core.argument))
    return None


_LOGS: dict[type, Callable[[Matrix, Definitions], Matrix | None]] = {
    Softmax: lambda value, _: LogSoftmax(*value.args),
    Elementwise: lambda value, _: (
        scaled(-1, Elementwise(SOFTPLUS, scaled(-1, value.argument))) if value.function == SIGMOID else None
    ),
    Sums: _log_of_sums,
    MatAdd: _log_of_sum,
}
