"""Assignment to a part of an array of any number of axes, as in `out[:, :, i, j] = …`.

What was assigned before is remembered in blocks, so that an array of zeros that is filled part by part is in the end
the concatenation of its parts.
"""

from collections.abc import Sequence
from typing import Any

from sympy import Integer

from symbackprop.expressions.aliases import Expression, Matrix, Shape, Size
from symbackprop.expressions.gathers import reshaped
from symbackprop.expressions.matrices import Ones, scaled
from symbackprop.expressions.operations import repeated
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, sliced
from symbackprop.tracing.arrays.array import TracedArray
from symbackprop.tracing.arrays.word_calls import word_node
from symbackprop.tracing.untraceable import Untraceable


def assigned(array: TracedArray, keys: Sequence[Any], value: Any) -> TracedArray:
    """Return an array after an assignment to the part that the keys pick (see `array_functions.indexed`)."""
    if any(key is None or (len(key) == 3 and key[2] != 1) for key in keys):
        raise Untraceable("a part with steps, or with a new axis, is assigned to; slices in steps of 1 can be traced")
    bounds = [(key[0], key[0] + 1) if len(key) == 1 else (key[0], key[1]) for key in keys]
    kept = tuple(stop - start for key, (start, stop) in zip(keys, bounds, strict=True) if len(key) > 1)
    whole = tuple(stop - start for start, stop in bounds)
    new = TracedArray(array.run, word_node(array.run, _fitted, value, kept, whole))
    return _replaced(array, new, bounds, 0)


def _fitted(value: Expression, kept: Shape, whole: Shape) -> Matrix:
    """Return what is assigned, repeated as NumPy does it, with an axis of one entry for each place that is named."""
    if not is_matrix(value):
        return scaled(value, Ones(*whole))
    extra = len(value.shape) - len(kept)
    if extra > 0 and set(value.shape[:extra]) == {1}:
        value = reshaped(value, value.shape[extra:] or (Integer(1),))
    return reshaped(repeated(value, kept), whole) if kept else reshaped(value, whole)


def _replaced(array: TracedArray, new: TracedArray, bounds: list[tuple[Size, Size]], axis: int) -> TracedArray:
    """Return an array whose part within bounds is replaced, along this axis and those after it."""
    if axis == len(bounds):
        return new
    (start, stop), size = bounds[axis], array.node.size[axis]
    if (start, stop) == (0, size):
        return _replaced(array, new, bounds, axis + 1)
    inner = _replaced(_part(array, axis, start, stop), new, bounds, axis + 1)
    before = _blocks(array, axis, Integer(0), start) if start != 0 else []
    after = _blocks(array, axis, stop, size) if stop != size else []
    return _joined(axis, [*before, inner, *after])


def _joined(axis: int, parts: list[TracedArray]) -> TracedArray:
    """Return arrays joined along an axis, and remember them as its blocks."""
    if len(parts) == 1:
        return parts[0]
    run = parts[0].run
    found = TracedArray(run, word_node(run, _concatenated, axis, *parts))
    run.blocks[found.node, axis] = tuple(part.node for part in parts)
    return found


def _concatenated(axis: Size, *parts: Matrix) -> Matrix:
    return Concatenate(axis, *parts)


def _part(array: TracedArray, axis: int, start: Size, stop: Size) -> TracedArray:
    parts = _blocks(array, axis, start, stop)
    return _joined(axis, parts)


def _blocks(array: TracedArray, axis: int, start: Size, stop: Size) -> list[TracedArray]:
    """Return the part of an array from `start` to `stop`, as blocks that were assigned before where it has them."""
    run = array.run
    at: Size = Integer(0)
    found = []
    for node in run.blocks.get((array.node, axis), ()):
        block = TracedArray(run, node)
        end = at + node.size[axis]
        first, last = _later(at, start), _earlier(end, stop)
        if first is None or last is None:
            return [_cut(array, axis, start, stop)]
        if (last - first).is_positive:
            found.append(_cut(block, axis, first - at, last - at))
        at = end
    return found or [_cut(array, axis, start, stop)]


def _cut(array: TracedArray, axis: int, start: Size, stop: Size) -> TracedArray:
    if (start, stop) == (0, array.node.size[axis]):
        return array
    return TracedArray(array.run, word_node(array.run, sliced, array, axis, start, stop))


def _later(one: Size, other: Size) -> Size | None:
    """Return the larger of two places; None if that depends on the sizes."""
    return one if (one - other).is_nonnegative else other if (other - one).is_nonnegative else None


def _earlier(one: Size, other: Size) -> Size | None:
    """Return the smaller of two places; None if that depends on the sizes."""
    return one if (other - one).is_nonnegative else other if (one - other).is_nonnegative else None
