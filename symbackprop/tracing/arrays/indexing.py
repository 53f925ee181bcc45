"""Indexing `x[…]` and `x[…] = …` of placeholder arrays by rows and columns, masks, and class labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from sympy import Integer

from symbackprop.expressions.aliases import Size
from symbackprop.expressions.operations import COLUMNS, ROWS
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network import numpy_words as words
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Mask, Operand, TracedArray, reshaped
from symbackprop.tracing.arrays.products import Labels, stacked
from symbackprop.tracing.arrays.run import TraceRun
from symbackprop.tracing.untraceable import Untraceable

Bounds: TypeAlias = tuple[Size, Size]  # from the first to before the last


class MaskedEntries(TracedArray):
    """The entries of a matrix that a mask selects."""

    def sum(self, *_: object, **__: object) -> NoReturn:
        """Raise Untraceable."""
        raise Untraceable("the entries that a mask picks are reduced, as in x[x > 0].sum(): write np.sum(x * (x > 0))")

    mean = max = min = var = std = reduced = sum


@dataclass(frozen=True)
class Region:
    """A range of rows and a range of columns, and the shape of this part in NumPy."""

    bounds: tuple[Bounds, Bounds]
    shape: tuple[int, ...]


def item(array: TracedArray, key: object) -> TracedArray:
    """Return x[key]."""
    if isinstance(key, Mask):
        return MaskedEntries(array.run, array.node)
    labelled = _labelled(array, key)
    if labelled is not None:
        return array.made(op.picked, labelled[0], rank=1, options=(labelled[1],))
    if isinstance(key, Labels):
        return TracedArray(array.run, key.node) @ array  # a row of x for each label
    keys = _single_keys(array, key)
    if keys is not None:
        whole = stacked(array.run, [item(array, one) for one in keys])
        return whole if not isinstance(key, tuple) or _is_whole(key[1:]) or whole.ndim == 1 else whole.T
    region = _region(array, key)
    found = array
    for axis, bounds in enumerate(region.bounds):
        if array.ndim == 2 or axis == COLUMNS:
            found = found.made(arithmetic.part, options=(axis, *bounds))
    return reshaped(found, region.shape)


def with_item(array: TracedArray, key: object, value: Any) -> TracedArray:
    """Return the array x after x[key] = value."""
    if isinstance(key, Mask):
        return key.made(words.chosen, value, array, rank=array.ndim)
    labelled = _labelled(array, key)
    if labelled is not None:
        return array.made(op.with_picked_replaced, labelled[0], value, rank=2, options=(labelled[1],))
    if isinstance(key, Labels):
        raise Untraceable("the rows that class labels name are set, as in x[y] = …; np.add.at(x, y, …) can be traced")
    keys = _single_keys(array, key)
    if keys is not None:
        for k, one in enumerate(keys):
            array = with_item(array, one, value if np.ndim(value) < 1 else value[k])
        return array
    region = _region(array, key)
    new = _fitted(array.run, value, region)
    rows, columns = region.bounds
    if array.ndim < 2:
        return array.made(op.with_slice_replaced, new, rank=array.ndim, options=(COLUMNS, *columns))
    inner = array.made(arithmetic.part, options=(ROWS, *rows))
    inner = inner.made(op.with_slice_replaced, new, rank=2, options=(COLUMNS, *columns))
    return array.made(op.with_slice_replaced, inner, rank=2, options=(ROWS, *rows))


def _labelled(array: TracedArray, key: object) -> tuple[TracedArray, int] | None:
    """Return the one-hot matrix of x[range(N), labels], and the axis that the labels index; None for any other key."""
    if not (isinstance(key, tuple) and len(key) == 2 and array.ndim == 2):
        return None
    rows, labels = key
    for axis, found, whole in ((COLUMNS, labels, rows), (ROWS, rows, labels)):
        if isinstance(found, Labels) and is_range(whole, array.shape[1 - axis]):
            return TracedArray(array.run, found.node), axis
    return None


def _single_keys(array: TracedArray, key: object) -> list[tuple[object, ...]] | None:
    """Return a separate key for each entry or row of an array of indices; None for a whole axis or any other key."""
    keys = key if isinstance(key, tuple) else (key,)
    lists = {k: list(one) for k, one in enumerate(keys) if _is_indices(one)}
    if not lists or (len(lists) == 1 and is_range(keys[min(lists)], array.shape[min(lists)])):
        return None
    count = max(map(len, lists.values()))
    columns = [lists.get(k, [one] * count) for k, one in enumerate(keys)]
    return [tuple(int(x) if isinstance(x, np.integer) else x for x in one) for one in zip(*columns, strict=True)]


def _is_indices(key: object) -> bool:
    kind = np.asarray(key).dtype.kind if isinstance(key, list | range | np.ndarray) else ""
    if kind == "b":
        raise Untraceable(
            "entries are picked by an array of truth values that does not depend on the arguments: multiply by it, or "
            "give it as an argument"
        )
    return kind in {"i", "u"} and np.ndim(np.asarray(key)) == 1


def _is_whole(keys: Iterable[object]) -> bool:
    """Return True if the keys contain slices, and each slice spans a whole axis."""
    slices = [key for key in keys if isinstance(key, slice)]
    return bool(slices) and all(key == slice(None) for key in slices)


def is_range(value: object, size: int) -> bool:
    """Return True if a list contains all indices of an axis in order."""
    if isinstance(value, range | list | np.ndarray):
        return np.array_equal(np.asarray(value), np.arange(size))
    return False


def _region(array: TracedArray, key: object) -> Region:
    keys = list(key) if isinstance(key, tuple) else [key]
    indexed = sum(k is not None and k is not Ellipsis for k in keys)
    if indexed > array.ndim:
        raise IndexError(f"an array of {array.ndim} axes is indexed by {indexed}")
    filled = [slice(None)] * (array.ndim - indexed)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys = [*keys[:at], *filled, *keys[at + 1 :]]
    bounds: list[Bounds] = []
    shape: list[int] = []
    for one in keys:
        if one is None:
            shape.append(1)
            continue
        found, kept = _bounds(array, len(bounds), one)
        bounds.append(found)
        shape += [kept] if kept is not None else []
    if array.ndim < 2:
        bounds = [(Integer(0), Integer(1))] * (2 - array.ndim) + bounds
    return Region((bounds[0], bounds[1]), tuple(shape))


def _bounds(array: TracedArray, axis: int, key: object) -> tuple[Bounds, int | None]:
    """Return the bounds along an axis, and the size of this axis in the result, or None for a single index."""
    size, length = array.shape[axis], array.node.size[axis]
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not -size <= key < size:
            raise IndexError(f"index {key} is out of bounds for axis {axis} with size {size}")
        start = length + int(key) if key < 0 else array.run.sizes.length(int(key)) if key else Integer(0)
        return (start, start + 1), None
    if isinstance(key, slice):
        first, last, step = key.indices(size)
        if step != 1 or last <= first:
            written = ":".join("" if n is None else str(n) for n in (key.start, key.stop, key.step))
            raise Untraceable(f"the slice [{written}] is taken; one in steps of 1 that is not empty can be traced")
        limits = [length if n == size else array.run.sizes.length(n) if n else Integer(0) for n in (first, last)]
        return (limits[0], limits[1]), last - first
    if is_range(key, size):
        return (Integer(0), length), size
    raise Untraceable(
        f"an array is indexed by {type(key).__name__}; whole numbers, slices, masks and class labels can be traced"
    )


def _fitted(run: TraceRun, value: Operand, region: Region) -> TracedArray:
    """Return the value in the shape of the region to which it is assigned."""
    new = TracedArray(run, run.node(value))
    sizes = tuple(int((stop - start).xreplace(run.sizes.sizes)) for start, stop in region.bounds)
    if new.ndim and [n for n in new.shape if n != 1] == [n for n in region.shape if n != 1]:
        return reshaped(new, sizes)
    rows, columns = (stop - start for start, stop in region.bounds)
    return new.made(op.broadcast_to, rank=2, options=(rows, columns))
