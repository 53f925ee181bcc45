"""Logarithms of exponentials as one function of their argument: log softmax(z), log σ(z), log (1 + exp z); 1 − σ(z).

On the way by the exponential, floating point would lose them: at z = −1200 the softmax is 0, and its log is −∞.
"""

from collections.abc import Callable, Mapping
from typing import Any

from symbackprop.functions import FUNCTION
from symbackprop.maps import Elementwise, LogSoftmax, LogSumExp, Softmax, Sums
from symbackprop.nodes import MatAdd, Ones, postorder, scaled, split

EXP, LOG, SIGMOID, SOFTPLUS = (FUNCTION[name] for name in ("exp", "log", "sigmoid", "softplus"))


def without_detours(expression: Any, definitions: Mapping[Any, Any]) -> Any:
    """The expression with such logarithms as functions of their own; `definitions` are what names stand for.

    >>> from symbackprop.nodes import NamedMatrix
    >>> z = NamedMatrix("z", 5, 3)
    >>> without_detours(LOG(Elementwise(SIGMOID, z)), {})
    -Elementwise(ElementwiseFunction(softplus, 0), -z)
    """
    parts = postorder(expression)
    found = {node: _shortcut(node.argument, definitions) for node in parts if _is_of(LOG, node)}
    found |= {node: _complement(node) for node in parts if isinstance(node, MatAdd)}
    return expression.xreplace({node: short for node, short in found.items() if short is not None})


def _complement(value: Any) -> Any:
    """1 − σ(u) as σ(−u), which does not cancel; None of anything else."""
    terms = {core: coefficient for coefficient, core in map(split, value.args)}
    sigmoids = [core for core in terms if _is_of(SIGMOID, core)]
    if len(terms) != 2 or len(sigmoids) != 1 or terms.get(Ones(*value.shape)) != -terms[sigmoids[0]]:
        return None
    return scaled(-terms[sigmoids[0]], Elementwise(SIGMOID, scaled(-1, sigmoids[0].argument)))


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
