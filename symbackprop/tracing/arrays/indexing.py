"""Indexing `x[…]` and `x[…] = …` of placeholder arrays by rows and columns, masks, and class labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from sympy import Integer

from symbackprop.expressions.aliases import Size
from symbackprop.expressions.operations import COLUMNS, ROWS
from symbackprop.expressions.shapes import is_room
from symbackprop.network import array_functions as arrays
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network import numpy_words as words
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Mask, Operand, TracedArray, reshaped
from symbackprop.tracing.arrays.assignment import assigned
from symbackprop.tracing.arrays.products import Labels, stacked
from symbackprop.tracing.arrays.run import TraceRun, plain
from symbackprop.tracing.arrays.word_calls import word_node
from symbackprop.tracing.untraceable import Untraceable

Bounds: TypeAlias = tuple[Size, Size]  # from the first to before the last
Key: TypeAlias = tuple[Size, ...] | None  # of `array_functions.indexed`


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
    key = plain(key)
    if isinstance(array, Labels):
        return array.part(key)
    return MaskedEntries(array.run, array.node) if isinstance(key, Mask) else _picked(array, key)


def _picked(array: TracedArray, key: object) -> TracedArray:
    if isinstance(key, tuple) and len(key) == array.ndim > 2 and _is_one_of_each(array, key):
        return (array * key[-1].one_hot).sum(axis=-1)
    labelled = _labelled(array, key)
    if labelled is not None:
        return array.made(op.picked, labelled[0], rank=1, options=(labelled[1],))
    if isinstance(key, Labels):
        return _rows_at(array, key)
    keys = _single_keys(array, key)
    if keys is not None:
        return _stacked_again(array, key, [item(array, one) for one in keys])
    if _is_beyond(array, key):
        return array.moved(arrays.indexed, *_keys(array, key))
    region = _region(array, key)
    found = array
    for axis, bounds in enumerate(region.bounds):
        if array.ndim == 2 or axis == COLUMNS:
            found = found.made(arithmetic.part, options=(axis, *bounds))
    return reshaped(found, region.shape)


def _is_one_of_each(array: TracedArray, keys: tuple[Any, ...]) -> bool:
    """Return True for keys as in p[arange(B)[:, None], arange(T), y], which pick the entry at each label."""
    *places, labels = keys
    if not isinstance(labels, Labels) or not all(isinstance(place, np.ndarray) for place in places):
        return False
    whole = np.indices(array.shape[:-1], sparse=True)
    return all(
        place.ndim <= len(places)
        and np.array_equal(place.reshape((1,) * (len(places) - place.ndim) + place.shape), one)
        for place, one in zip(places, whole, strict=True)
    )


def _rows_at(array: TracedArray, labels: Labels) -> TracedArray:
    """Return a row of an array, a matrix or more, for each label."""
    one_hot = TracedArray(array.run, labels.node)
    if array.ndim < 3:
        return one_hot @ array
    return TracedArray(array.run, word_node(array.run, arrays.tensordot, one_hot, array, axes=1))


def _stacked_again(array: TracedArray, key: object, parts: list[TracedArray]) -> TracedArray:
    """Return the parts that an array of indices picks, one after the other along the axis that it indexes."""
    if array.ndim > 2 or parts[0].ndim > 1:
        lists = [k for k, one in enumerate(key if isinstance(key, tuple) else (key,)) if _is_indices(one)]
        before = key[: lists[0]] if isinstance(key, tuple) else ()
        axis = sum(not isinstance(one, int | np.integer) for one in before)
        return TracedArray(array.run, word_node(array.run, arrays.stack, parts, axis=axis))
    whole = stacked(array.run, parts)
    return whole if not isinstance(key, tuple) or _is_whole(key[1:]) or whole.ndim == 1 else whole.T


def with_item(array: TracedArray, key: object, value: Any) -> TracedArray:
    """Return the array x after x[key] = value."""
    key = plain(key)
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
    if _is_beyond(array, key):
        return assigned(array, _keys(array, key), value)
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


def _is_beyond(array: TracedArray, key: object) -> bool:
    """Return True if an array of more than two axes is indexed, or made, or a slice has steps."""
    keys = _complete(array, key)
    left = sum(not isinstance(one, int | np.integer) for one in keys)
    steps = any(isinstance(one, slice) and one.step not in (None, 1) for one in keys)
    return steps or max(array.ndim, left) > 2


def _complete(array: TracedArray, key: object) -> list[Any]:
    """Return a key for each axis, and None for each new one."""
    keys = list(key) if isinstance(key, tuple) else [key]
    indexed = sum(k is not None and k is not Ellipsis for k in keys)
    if indexed > array.ndim:
        raise IndexError(f"an array of {array.ndim} axes is indexed by {indexed}")
    filled = [slice(None)] * (array.ndim - indexed)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    return [*keys[:at], *filled, *keys[at + 1 :]]


def _keys(array: TracedArray, key: object) -> list[Key]:
    """Return the keys of `array_functions.indexed`."""
    found: list[Key] = []
    axis = 0
    for one in _complete(array, key):
        if one is None:
            found.append(None)
            continue
        size, length = array.shape[axis], array.node.size[axis]
        if isinstance(one, slice) and one.step is not None and one.step < 0:
            if (one.start, one.stop) != (None, None):
                raise Untraceable(f"the slice [{_written(one)}] is taken; with a negative step, [::-1] can be traced")
            found.append((length - 1, Integer(-1), Integer(int(one.step))))
        elif isinstance(one, slice):
            first, last, step = one.indices(size)
            if last <= first:
                raise Untraceable(f"the slice [{_written(one)}] is taken, which is empty")
            stop = length if last == size else _place(array, axis, one.stop)
            found.append((Integer(0) if first == 0 else _place(array, axis, one.start), stop, Integer(step)))
        else:
            bounds, kept = _bounds(array, axis, one)
            found.append(bounds[:1] if kept is None else (*bounds, Integer(1)))
        axis += 1
    return found


def _place(array: TracedArray, axis: int, at: Any) -> Size:
    """Return a bound of a slice as a place on the axis, counted from its start."""
    return array.node.size[axis] + int(at) if at < 0 else array.run.sizes.length(int(at))


def _written(key: slice) -> str:
    return ":".join("" if n is None else str(n) for n in (key.start, key.stop, key.step))


def _region(array: TracedArray, key: object) -> Region:
    keys = _complete(array, key)
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
        if length.free_symbols and not (is_room(start) and is_room(length - start - 1)):
            raise Untraceable(
                f"[{key}] is taken from an axis of {length} entries, of which there may be fewer: give their"
                f" number in the shapes, such as 4 in place of {length}; a loop over an axis needs that too"
            )
        return (start, start + 1), None
    if isinstance(key, slice):
        first, last, step = key.indices(size)
        if step != 1 or last <= first:
            raise Untraceable(f"the slice [{_written(key)}] is taken, which is empty")
        start = _place(array, axis, key.start) if first else Integer(0)
        return (start, length if last == size else _place(array, axis, key.stop)), last - first
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
