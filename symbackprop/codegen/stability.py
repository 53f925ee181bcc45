"""Logarithms of exponentials as one function of their argument: log softmax(z), log σ(z), log (1 + exp z); 1 − σ(z).

On the way by the exponential, floating point would lose them: at z = −1200 the softmax is 0, and its log is −∞.
"""

from collections.abc import Callable, Mapping
from typing import Any

from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.matrices import HadamardPower, HadamardProduct, MatAdd, Ones, postorder, scaled, split
from symbackprop.expressions.operations import Broadcast, Elementwise, LogSoftmax, LogSumExp, Softmax, Sums

EXP, LOG, SIGMOID, SOFTPLUS = (FUNCTION[name] for name in ("exp", "log", "sigmoid", "softplus"))


def without_detours(expression: Any, definitions: Mapping[Any, Any]) -> Any:
    """The expression with such logarithms as functions of their own; `definitions` are what names stand for.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> z = NamedMatrix("z", 5, 3)
    >>> without_detours(LOG(Elementwise(SIGMOID, z)), {})
    -Elementwise(ElementwiseFunction(softplus, 0), -z)
    """
    parts = postorder(expression)
    found = {node: _shortcut(node.argument, definitions) for node in parts if _is_of(LOG, node)}
    found |= {node: _complement(node) for node in parts if isinstance(node, MatAdd)}
    found |= {
        node: _of_quotient(node, definitions) for node in parts if isinstance(node, HadamardProduct | HadamardPower)
    }
    return expression.xreplace({node: short for node, short in found.items() if short is not None})


def _complement(value: Any) -> Any:
    """1 − σ(u) as σ(−u), which does not cancel; None of anything else."""
    terms = {core: coefficient for coefficient, core in map(split, value.args)}
    sigmoids = [core for core in terms if _is_of(SIGMOID, core)]
    if len(terms) != 2 or len(sigmoids) != 1 or terms.get(Ones(*value.shape)) != -terms[sigmoids[0]]:
        return None
    return scaled(-terms[sigmoids[0]], Elementwise(SIGMOID, scaled(-1, sigmoids[0].argument)))


def _of_quotient(node: Any, definitions: Mapping[Any, Any]) -> Any:
    """(exp u)ᵐ/(1 + exp u)ⁿ as σ(u)ᵐ σ(−u)ⁿ⁻ᵐ, and exp u over its sums as softmax u; None where there is neither."""
    factors = list(node.args) if isinstance(node, HadamardProduct) else [node]
    for divisor in factors:
        base, n = _divided_by(divisor)
        u, whole = _grown(definitions.get(base, base), definitions)
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


def _divided_by(factor: Any) -> tuple[Any, int]:
    """(A, n) of a factor A⁻ⁿ, which may be a repeated row or column; n is 0 of any other."""
    core = factor.argument if isinstance(factor, Broadcast) else factor
    if isinstance(core, HadamardPower) and core.args[1].is_Integer and core.args[1].is_negative:
        base = core.args[0]
        return base.argument if isinstance(base, Broadcast) else base, -int(core.args[1])
    return core, 0


def _grown(base: Any, definitions: Mapping[Any, Any]) -> tuple[Any, Any]:
    """(u, A) of an A that is 1 + exp u or the sums of exp u; (None, None) of anything else."""
    if isinstance(base, Sums):
        inner = [definitions.get(base.argument, base.argument)]
    else:
        inner = [part for part in base.args if not isinstance(part, Ones)] if isinstance(base, MatAdd) else []
        inner = [definitions.get(part, part) for part in inner] if len(base.args) == 2 else []
    exponentials = [part for part in inner if _is_of(EXP, part)]
    return (exponentials[0].argument, base) if len(inner) == len(exponentials) == 1 else (None, None)


def _is_of(function: Any, node: Any) -> bool:
    return isinstance(node, Elementwise) and node.function == function


def _shortcut(argument: Any, definitions: Mapping[Any, Any]) -> Any:
    """log of an argument, without the argument."""
    value = definitions.get(argument, argument)
    shortcut = next((_SHORTCUTS[kind] for kind in type(value).__mro__ if kind in _SHORTCUTS), None)
    return None if shortcut is None else shortcut(value, definitions)


def _of_map(value: Any, _: Any) -> Any:
    return scaled(-1, Elementwise(SOFTPLUS, scaled(-1, value.argument))) if value.function == SIGMOID else None


def _of_sums(value: Any, definitions: Mapping[Any, Any]) -> Any:
    inner = definitions.get(value.argument, value.argument)
    return LogSumExp(inner.argument, value.axis) if _is_of(EXP, inner) else None


def _of_one_and_another(value: Any, definitions: Mapping[Any, Any]) -> Any:
    """log(1 + exp z) is softplus z, log(1 − σ(z)) is −softplus z."""
    others = [term for term in value.args if not isinstance(term, Ones)]
    if len(value.args) != 2 or len(others) != 1:
        return None
    coefficient, core = split(others[0])
    core = definitions.get(core, core)
    if coefficient == 1 and _is_of(EXP, core):
        return Elementwise(SOFTPLUS, core.argument)
    if coefficient == -1 and _is_of(SIGMOID, core):
        return scaled(-1, Elementwise(SOFTPLUS, core.argument))
    return None


_SHORTCUTS: dict[type, Callable[[Any, Mapping[Any, Any]], Any]] = {
    Softmax: lambda value, _: LogSoftmax(*value.args),
    Elementwise: _of_map,
    Sums: _of_sums,
    MatAdd: _of_one_and_another,
}
