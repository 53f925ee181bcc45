"""Intervals that contain the entries of a quantity: they show if its logarithm or root is defined.

An interval is (low, high). A bound that is attained only at single points, as x² attains 0, counts as excluded, because
a generic point does not attain it.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from math import inf, isnan

import sympy
from sympy import Add, Mul, Pow

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.gathers import Gather, Scattered
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Broadcast, Elementwise, Largest, LogSoftmax, Softmax, Sums, Total
from symbackprop.expressions.slicing import Concatenate, Slice

Range = tuple[float, float]
ANY: Range = (-inf, inf)
POSITIVE: Range = (0, inf)


def ranges(expression: Expression, known: Mapping[Expression, Range]) -> dict[Expression, Range]:
    """Return the interval of every part of an expression, given the intervals of its symbols.

    >>> from sympy import Symbol
    >>> x = Symbol("x", real=True)
    >>> ranges(1 + x**2, {})[1 + x**2]
    (1.0, inf)
    """
    found: dict[Expression, Range] = {}
    for node in postorder(expression):
        found[node] = known.get(node, ANY) if node.is_symbol else _range(node, found)
    return found


def _range(node: Expression, found: Mapping[Expression, Range]) -> Range:
    if not hasattr(node, "shape") and node.is_number:
        return (float(node), float(node)) if node.is_real else ANY
    number, averaged = _as_mean(node)
    if averaged is not None:
        return _times((number, number), found[averaged])
    of = next((_RANGES[kind] for kind in type(node).__mro__ if kind in _RANGES), None)
    return ANY if of is None else of(node, *(found[part] for part in nodes.quantities(node)))


def _as_mean(node: Expression) -> tuple[float, Matrix | None]:
    """Return (m, A) for an expression m · mean(A); (0, None) for any other expression."""
    sums = next((part for part in node.args if isinstance(part, Sums | Total)), None)
    if sums is None or not isinstance(node, nodes.Scaled | Mul):
        return 0, None
    shape = sums.argument.shape
    count = Mul(*shape) if isinstance(sums, Total) else shape[sums.axis]
    coefficient = node.args[0] if isinstance(node, nodes.Scaled) else node / sums
    number = coefficient * count
    return (float(number), sums.argument) if number.is_number else (0, None)


def _plus(one: Range, other: Range) -> Range:
    return one[0] + other[0], one[1] + other[1]


def _times(one: Range, other: Range) -> Range:
    corners = [a * b for a in one for b in other]
    finite = [0.0 if isnan(corner) else corner for corner in corners]  # 0 · ∞ is arbitrarily near to 0
    return min(finite), max(finite)


def _power(node: Expression, base: Range, *_: Range) -> Range:
    exponent = node.args[1]
    if exponent.is_Integer and exponent % 2 == 0:
        largest = max(map(abs, base)) ** abs(int(exponent))
        return (0, largest) if exponent > 0 else POSITIVE
    if base[0] >= 0:
        return POSITIVE
    return base if exponent == 1 else ANY


def _summed(_: object, entries: Range, *__: Range) -> Range:
    """Return the interval of a sum of any number of entries."""
    low, high = entries
    return (0 if low >= 0 else -inf), (0 if high <= 0 else inf)


def _same(_: object, entries: Range, *__: Range) -> Range:
    return entries


def _product(_: object, *factors: Range) -> Range:
    return reduce(_times, factors)


def _of_function(node: Expression, *_: Range) -> Range:
    function = node.args[0]
    return function.row.range if function.order == 0 else ANY


# fmt: off
_RANGES: dict[type, Callable[..., Range]] = {
    Add:                   lambda _, *xs: reduce(_plus, xs),
    Mul:                   _product,
    Pow:                   _power,
    sympy.exp:             lambda *_: POSITIVE,
    Applied:               _of_function,
    Total:                 _summed,
    nodes.Ones:            lambda _: (1, 1),
    nodes.Zeros:           lambda _: (0, 0),
    nodes.LowerOnes:       lambda _: (0, 1),
    nodes.MatAdd:          lambda _, *xs: reduce(_plus, xs),
    nodes.Scaled:          _product,
    nodes.HadamardProduct: _product,
    nodes.HadamardPower:   _power,
    nodes.MatMul:          lambda _, *xs: _summed(_, reduce(_times, xs)),
    nodes.Transpose:       _same,
    Sums:                  _summed,
    Broadcast:             _same,
    Slice:                 _same,
    Largest:               _same,
    Einsum:                lambda _, *xs: _summed(_, reduce(_times, xs)),
    Gather:                _same,
    Scattered:             _summed,
    Concatenate:           lambda _, *xs: (min(low for low, _ in xs), max(high for _, high in xs)),
    Elementwise:           _of_function,
    Softmax:               lambda *_: (0, 1),
    LogSoftmax:            lambda *_: (-inf, 0),
}
# fmt: on
