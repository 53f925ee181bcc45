"""`x[…]` and `x[…] = …` of arrays without numbers: rows and columns, masks, and the entry that a label names."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Integer

from symbackprop.expressions.operations import COLUMNS, ROWS
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Array, Mask, Run, reshaped
from symbackprop.tracing.arrays.products import Labels, stacked
from symbackprop.tracing.untraceable import Untraceable


class Selected(Array):
    """The entries that a mask picks, in the places that they came from."""

    def sum(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("entries that a mask picks are added up")

    mean = max = min = var = std = reduced = sum


@dataclass(frozen=True)
class Part:
    """Rows and columns from where to where, and the shape that NumPy gives them."""

    bounds: tuple[tuple[Expr, Expr], tuple[Expr, Expr]]
    shape: tuple[int, ...]


def item(array: Array, key: Any) -> Array:
    """x[key]."""
    if isinstance(key, Mask):
        return Selected(array.run, array.node)
    labelled = _labelled(array, key)
    if labelled is not None:
        return array.made(op.picked, labelled[0], rank=1, options=(labelled[1],))
    if isinstance(key, Labels):
        return _looked_up(array, key)
    places = _places(array, key)
    if places is not None:
        picked = [item(array, place) for place in places]
        whole = stacked(array.run, picked)
        return whole if not isinstance(key, tuple) or _is_whole(key[1:]) or whole.ndim == 1 else whole.T
    part = _part(array, key)
    found = array
    for axis, bounds in enumerate(part.bounds):
        if array.ndim == 2 or axis == COLUMNS:
            found = found.made(op.part, options=(axis, *bounds))
    return reshaped(found, part.shape)


def with_item(array: Array, key: Any, value: Any) -> Array:
    """What x is after x[key] = value."""
    if isinstance(key, Mask):
        return key.made(op.chosen, value, array, rank=array.ndim)
    labelled = _labelled(array, key)
    if labelled is not None:
        return array.made(op.placed, labelled[0], value, rank=2, options=(labelled[1],))
    if isinstance(key, Labels):
        raise Untraceable("rows are changed that labels name")
    places = _places(array, key)
    if places is not None:
        for k, place in enumerate(places):
            array = with_item(array, place, value if np.ndim(value) < 1 else value[k])
        return array
    part = _part(array, key)
    new = _fitted(array.run, value, part)
    rows, columns = part.bounds
    inner = array
    if array.ndim == 2:
        inner = array.made(op.part, options=(ROWS, *rows))
    inner = inner.made(op.replaced_columns, new, rank=array.ndim, options=columns)
    return array.made(op.replaced_rows, inner, rank=array.ndim, options=rows) if array.ndim == 2 else inner


def _labelled(array: Array, key: Any) -> tuple[Array, int] | None:
    """The one-hot matrix of x[range(N), labels], and along which axis the labels name entries; None of another key."""
    if not (isinstance(key, tuple) and len(key) == 2 and array.ndim == 2):
        return None
    rows, labels = key
    if isinstance(labels, Labels) and is_range(rows, array.shape[0]):
        return Array(array.run, labels.node), COLUMNS
    if isinstance(rows, Labels) and is_range(labels, array.shape[1]):
        return Array(array.run, rows.node), ROWS
    return None


def _places(array: Array, key: Any) -> list[Any] | None:
    """The single places that whole numbers in arrays name; None of another key, and of one that is all of an axis."""
    keys = key if isinstance(key, tuple) else (key,)
    several = [k for k, one in enumerate(keys) if _is_numbers(one)]
    if not several or (len(several) == 1 and is_range(keys[several[0]], array.shape[several[0]])):
        return None
    count = max(len(keys[k]) for k in several)
    lists = [list(one) if k in several else [one] * count for k, one in enumerate(keys)]
    return [tuple(int(x) if isinstance(x, np.integer) else x for x in place) for place in zip(*lists, strict=True)]


def _is_numbers(value: Any) -> bool:
    kind = np.asarray(value).dtype.kind if isinstance(value, list | range | np.ndarray) else ""
    if kind == "b":
        raise Untraceable("entries are picked by an array of truth values")
    return bool(kind in "iu" and kind and np.ndim(value) == 1)


def _is_whole(keys: Any) -> bool:
    return all(k == slice(None) for k in keys if isinstance(k, slice)) and any(isinstance(k, slice) for k in keys)


def is_range(value: Any, size: int) -> bool:
    """Whether it counts from 0 through all of an axis."""
    if isinstance(value, range | list | np.ndarray):
        return np.array_equal(np.asarray(value), np.arange(size))
    return False


def _looked_up(array: Array, labels: Labels) -> Array:
    """x[labels]: a row of x for each label."""
    one_hot = Array(array.run, labels.node)
    return one_hot @ array


def _part(array: Array, key: Any) -> Part:
    keys = list(key) if isinstance(key, tuple) else [key]
    given = sum(k is not None and k is not Ellipsis for k in keys)
    if given > array.ndim:
        raise IndexError(f"an array of {array.ndim} axes is indexed by {given}")
    filled = [slice(None)] * (array.ndim - given)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys = [*keys[:at], *filled, *keys[at + 1 :]]
    bounds: list[tuple[Expr, Expr]] = []
    shape: list[int] = []
    for one in keys:
        if one is None:
            shape.append(1)
            continue
        axis = len(bounds)
        found, kept = _bounds(array, axis, one)
        bounds.append(found)
        shape += [kept] if kept is not None else []
    if array.ndim < 2:
        bounds = [(Integer(0), Integer(1))] * (2 - array.ndim) + bounds
    return Part((bounds[0], bounds[1]), tuple(shape))


def _bounds(array: Array, axis: int, key: Any) -> tuple[tuple[Expr, Expr], int | None]:
    """From where to where, and how many that are; None for one that is taken out of its axis."""
    size, length = array.shape[axis], array.node.size[axis]
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not -size <= key < size:
            raise IndexError(f"index {key} is out of bounds for axis {axis} with size {size}")
        start = length + int(key) if key < 0 else array.run.sizes.length(int(key)) if key else Integer(0)
        return (start, start + 1), None
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        if step != 1 or stop <= start:
            raise Untraceable(f"a part from {key.start} to {key.stop} in steps of {step}")
        limits = tuple(length if n == size else array.run.sizes.length(n) if n else Integer(0) for n in (start, stop))
        return (limits[0], limits[1]), stop - start
    if is_range(key, size):
        return (Integer(0), length), size
    raise Untraceable(f"an array is indexed by {type(key).__name__}")


def _fitted(run: Run, value: Any, part: Part) -> Array:
    """The value in the shape of the part it is put into."""
    new = Array(run, run.node(value))
    sizes = tuple(int((stop - start).xreplace(run.sizes.sizes)) for start, stop in part.bounds)
    if new.ndim and [n for n in new.shape if n != 1] == [n for n in part.shape if n != 1]:
        return reshaped(new, sizes)
    rows, columns = (stop - start for start, stop in part.bounds)
    return new.made(op.spread, rank=2, options=(rows, columns))
