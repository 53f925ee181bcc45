"""What a written formula is at a point: matrices in numbers, with axes for the indices that are free in it.

Shapes are strict, and no two dimensions of a network have the same size there, so that what fits in numbers fits
for all sizes.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

CLOSE = 1e-8  # relative to the largest entry; slopes are right to about 1e-11


MOVES = "moves"  # an index over the places to which a quantity is moved, to find a slope


class ShapeMismatchError(Exception):
    """Shapes that do not fit."""


@dataclass(frozen=True)
class IndexedArray:
    """An array: first an axis for each free index, then rows and columns, then, for ∂A/∂B, those of B."""

    array: Any
    indices: tuple[str, ...] = ()
    is_slope: bool = False  # ∂A/∂B of a matrix A
    notes: frozenset[str] = frozenset()

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns (and those of B)."""
        return tuple(self.array.shape[len(self.indices) :])

    @property
    def is_number(self) -> bool:
        return self.shape == (1, 1)

    def noted(self, *notes: str) -> "IndexedArray":
        return replace(self, notes=self.notes.union(notes))

    def with_indices(self, indices: tuple[str, ...]) -> Any:
        """The array with the axes of these indices, of length 1 where it has none."""
        known = [k for k in indices if k in self.indices]
        order = [self.indices.index(k) for k in known]
        moved = np.transpose(self.array, [*order, *range(len(self.indices), self.array.ndim)])
        at = tuple(slice(None) if k in self.indices else None for k in indices)
        return moved[(*at, ...)]


MOST = 200  # rows and columns of what a document writes out


def whole(value: IndexedArray) -> int:
    """A value that is a size, or the end of a range."""
    number = float(value.array.ravel()[0]) if value.is_number and not value.indices else np.nan
    if not (0 <= number <= MOST and number == int(number)):
        raise ShapeMismatchError(f"{number:.6g} is no number of rows or columns from 0 to {MOST}")
    return int(number)


def scalar(number: Any) -> IndexedArray:
    return IndexedArray(np.full((1, 1), float(number)))


def _union(*values: IndexedArray) -> tuple[str, ...]:
    indices = tuple(dict.fromkeys(k for value in values for k in value.indices))
    for k in indices:
        sizes = {value.array.shape[value.indices.index(k)] for value in values if k in value.indices}
        if len(sizes) > 1:
            raise ShapeMismatchError(f"the index {k} runs over axes of different lengths")
    return indices


def _notes(*values: IndexedArray) -> frozenset[str]:
    return frozenset().union(*(value.notes for value in values))


def plus(values: list[IndexedArray], signs: tuple[int, ...]) -> IndexedArray:
    indices = _union(*values)
    slopes = {value.is_slope for value in values}
    if len(slopes) > 1:
        raise ShapeMismatchError("∂A/∂B of matrices and a matrix are added")
    _broadcast(values)
    total = sum(sign * value.with_indices(indices) for sign, value in zip(signs, values, strict=True))
    return IndexedArray(np.asarray(total), indices, slopes.pop(), _notes(*values))


def _broadcast(values: list[IndexedArray]) -> tuple[int, ...]:
    """Numbers are added to each entry, and a row or a column (a bias) to each of a matrix."""
    try:
        whole = np.broadcast_shapes(*(value.shape for value in values))
    except ValueError:
        whole = ()
    if whole not in {value.shape for value in values}:  # a row and a column have no sum
        shapes = " and ".join(dict.fromkeys(shape_text(value) for value in values))
        raise ShapeMismatchError(f"{shapes} are added")
    return whole


def shape_text(value: IndexedArray) -> str:
    return "×".join(map(str, value.shape))


def entrywise(one: IndexedArray, other: IndexedArray, *, strict: bool = False) -> IndexedArray:
    """The Hadamard product; strict without broadcasting."""
    if one.is_slope or other.is_slope:
        return contracted(one, other) if strict else contracted(*_spread(one, other))
    if one.shape != other.shape and not one.is_number and not other.is_number:
        pair = {one.shape, other.shape}
        lines = [s for s in pair if 1 in s]
        if strict or not lines:
            raise ShapeMismatchError(f"{shape_text(one)} and {shape_text(other)} have no product entry by entry")
        _broadcast([one, other])
    indices = _union(one, other)
    return IndexedArray(one.with_indices(indices) * other.with_indices(indices), indices, False, _notes(one, other))


def _spread(one: IndexedArray, slope: IndexedArray) -> tuple[IndexedArray, IndexedArray]:
    """A row or a column before ∂A/∂B, in the shape of A; and the ∂a/∂B of a row or a column, in that of a matrix."""
    if one.is_slope or not slope.is_slope or one.is_number:
        return one, slope
    a = slope.shape[:2]
    if _fits(one.shape, a):
        return replace(one, array=np.broadcast_to(one.array, (*one.array.shape[:-2], *a))), slope
    if _fits(a, one.shape):
        lead = slope.array.shape[: len(slope.indices)]
        return one, replace(slope, array=np.broadcast_to(slope.array, (*lead, *one.shape, *slope.shape[2:])))
    return one, slope


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return all(size in {1, other} for size, other in zip(shape, whole, strict=True))


def product(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """The matrix product, or a number times a matrix."""
    if one.is_slope or other.is_slope:
        return contracted(one, other)
    if one.is_number or other.is_number:
        return entrywise(one, other)
    if one.shape[1] != other.shape[0]:
        raise ShapeMismatchError(f"{shape_text(one)} times {shape_text(other)}")
    indices = _union(one, other)
    return IndexedArray(one.with_indices(indices) @ other.with_indices(indices), indices, False, _notes(one, other))


def contracted(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """The chain rule: what stands before ∂A/∂B is summed over the entries of A."""
    indices = _union(one, other)
    a, b = one.with_indices(indices), other.with_indices(indices)
    notes = _notes(one, other) | {"chain"}
    for number, slope in ((one, other), (other, one)):
        if not number.is_slope and number.is_number and slope.shape[:2] != (1, 1):
            grown = number.with_indices(indices)[..., None, None]
            return IndexedArray(grown * slope.with_indices(indices), indices, True, notes)
    if not other.is_slope or (not one.is_slope and one.shape != other.shape[:2]):
        return _linear(one, other, indices)
    if one.shape[-2:] != other.shape[:2]:
        raise ShapeMismatchError(f"{shape_text(one)} times a ∂A/∂B whose A is {shape_text(other)}")
    subscripts = "...mnab,...abpq->...mnpq" if one.is_slope else "...ab,...abpq->...pq"
    return IndexedArray(np.einsum(subscripts, a, b), indices, one.is_slope, notes)


def _linear(one: IndexedArray, other: IndexedArray, indices: tuple[str, ...]) -> IndexedArray:
    """X ∂W/∂V and ∂W/∂V X: a matrix product with each slope."""
    a, b = one.shape[:2], other.shape[:2]
    if a[1] != b[0]:
        raise ShapeMismatchError(f"{shape_text(one)} times {shape_text(other)}")
    subscripts = "...abpq,...bc->...acpq" if one.is_slope else "...ab,...bcpq->...acpq"
    array = np.einsum(subscripts, one.with_indices(indices), other.with_indices(indices))
    notes = _notes(one, other)
    if array.shape[-4:-2] == (1, 1):
        return IndexedArray(array[..., 0, 0, :, :], indices, False, notes)
    return IndexedArray(array, indices, True, notes)


def transposed(value: IndexedArray) -> IndexedArray:
    """Of ∂a/∂b of vectors as that of a matrix; of any other ∂A/∂B it is A that is transposed."""
    if value.is_slope and not (1 in value.shape[:2] and 1 in value.shape[2:]):
        return replace(value, array=np.swapaxes(value.array, -3, -4))
    if value.is_slope:
        value = as_matrix(value)
    return replace(value, array=np.swapaxes(value.array, -1, -2))


def as_matrix(slope: IndexedArray) -> IndexedArray:
    """∂a/∂b of vectors as a matrix with a row for each entry of a."""
    a, b = slope.shape[:2], slope.shape[2:]
    if 1 not in a or 1 not in b:
        raise ShapeMismatchError("∂A/∂B of matrices has four indices")
    shape = slope.array.shape[: len(slope.indices)]
    return IndexedArray(slope.array.reshape(*shape, max(a), max(b)), slope.indices, False, slope.notes)


def summed(value: IndexedArray, index: str) -> IndexedArray:
    """Over a free index."""
    axis = value.indices.index(index)
    return replace(value, array=value.array.sum(axis=axis), indices=tuple(k for k in value.indices if k != index))


def total(value: IndexedArray) -> IndexedArray:
    """Over all entries; of ∂A/∂B over those of A."""
    if value.is_slope:
        return replace(value, array=value.array.sum(axis=(-4, -3)), is_slope=False)
    return replace(value, array=value.array.sum(axis=(-2, -1), keepdims=True))


def entry(value: IndexedArray, indices: tuple[str | int, ...]) -> IndexedArray:
    """A_{ij}: letters are free indices, numbers count from 1. One index is of a vector's entries, or of rows."""
    if value.is_slope:
        raise ShapeMismatchError("an index stands at ∂A/∂B")
    rows, columns = value.shape
    places: tuple[Any, ...]
    if len(indices) == 2:
        places = (indices[0], indices[1])
    elif len(indices) == 1 and 1 in value.shape:
        places = (indices[0], None) if columns == 1 else (None, indices[0])
    else:
        raise ShapeMismatchError(f"{len(indices)} indices at a matrix of {rows}×{columns}")
    result = value
    for axis, place in zip((-2, -1), places, strict=True):
        result = _at(result, axis, place)
    return result


def line(value: IndexedArray, index: str | int, axis: int) -> IndexedArray:
    """One example: a row (axis 0) or a column (axis 1)."""
    return _at(value, axis - 2, index)


def part(value: IndexedArray, ranges: tuple[tuple[int | None, int | None], ...]) -> IndexedArray:
    """Rows and columns from a first one up to a last one that is left out; of ∂A/∂B those of A."""
    places = [slice(None)] * (value.array.ndim - len(value.shape))
    for size, (first, last) in zip(value.shape, ranges, strict=False):
        if not 0 <= (first or 0) < (size if last is None else last) <= size:
            raise ShapeMismatchError(f"there is no part {first or 0}:{size if last is None else last} of {size}")
        places.append(slice(first, last))
    return replace(value, array=value.array[tuple(places)])


def listed(value: IndexedArray, rows: str, columns: str) -> IndexedArray:
    """Numbers in rows and columns, or rows one below the other, or columns side by side, for each index."""
    letters = tuple(letter for letter in (rows, columns) if letter)
    if value.is_slope or not set(letters) <= set(value.indices):
        raise ShapeMismatchError("what runs along the dots does not stand in what is written there")
    others = tuple(index for index in value.indices if index not in letters)
    array = value.with_indices((*others, *letters))
    if len(letters) == 2 or (rows and value.shape[0] == 1) or (columns and value.shape[1] == 1):
        array = array[..., 0, 0] if len(letters) == 2 else array[..., 0, :] if rows else array[..., 0]
        return IndexedArray(np.swapaxes(array, -1, -2) if letters == (columns,) else array, others, False, value.notes)
    raise ShapeMismatchError(f"matrices of {shape_text(value)} are listed")


def blocks(rows: list[list[IndexedArray]]) -> IndexedArray:
    """Matrices side by side and one below the other; of ∂A/∂B the A."""
    every = [value for row in rows for value in row]
    slope = next((value for value in every if value.is_slope), None)
    if slope is not None:
        rows = [[_zero_slope(value, slope) for value in row] for row in rows]
        every = [value for row in rows for value in row]
    if len({value.is_slope for value in every}) > 1:
        raise ShapeMismatchError("∂A/∂B of matrices and a matrix stand side by side")
    indices = _union(*every)
    axis = -4 if every[0].is_slope else -2
    lead = np.broadcast_shapes(*(value.with_indices(indices).shape[: len(indices)] for value in every))

    def grown(value: IndexedArray) -> Any:
        array = value.with_indices(indices)
        return np.broadcast_to(array, (*lead, *array.shape[len(indices) :]))

    try:
        lines = [np.concatenate([grown(value) for value in row], axis + 1) for row in rows]
        array = np.concatenate(lines, axis)
    except ValueError:
        shapes = " and ".join(dict.fromkeys(map(shape_text, every)))
        raise ShapeMismatchError(f"{shapes} do not fit beside each other") from None
    return IndexedArray(array, indices, every[0].is_slope, _notes(*every))


def _zero_slope(value: IndexedArray, slope: IndexedArray) -> IndexedArray:
    """Zeros beside a ∂A/∂B are one too."""
    if value.is_slope or np.any(value.array):
        return value
    return IndexedArray(np.zeros((*value.shape, *slope.shape[2:])), (), True, value.notes)


def _at(value: IndexedArray, axis: int, place: str | int | None) -> IndexedArray:
    if place is None or place == ":":
        return value
    if isinstance(place, int):
        if not 1 <= place <= value.shape[axis]:
            raise ShapeMismatchError(f"there is no entry {place}")
        return replace(value, array=np.take(value.array, [place - 1], axis=axis))
    if place in value.indices:
        rank = value.indices.index(place)
        if value.array.shape[rank] != value.shape[axis]:
            raise ShapeMismatchError(f"the index {place} runs over axes of different lengths")
        front = np.moveaxis(value.array, (rank, axis), (0, 1))  # the diagonal
        inner = np.stack([front[k, k] for k in range(front.shape[0])])
        array = np.expand_dims(np.moveaxis(inner, 0, rank), axis)
        return replace(value, array=array)
    array = np.expand_dims(np.moveaxis(value.array, axis, 0), axis)
    return IndexedArray(array, (place, *value.indices), False, value.notes)


def mapped(value: IndexedArray, function: Any) -> IndexedArray:
    with np.errstate(all="ignore"):
        return replace(value, array=np.asarray(function(value.array), float))


def of_one_example(value: IndexedArray) -> IndexedArray:
    """Without the indices that have one value alone."""
    kept = tuple(k for k, size in zip(value.indices, value.array.shape, strict=False) if size > 1)
    rest = value.array.shape[len(value.indices) :]
    sizes = [size for size in value.array.shape[: len(value.indices)] if size > 1]
    return replace(value, array=value.array.reshape(*sizes, *rest), indices=kept)


def same(one: IndexedArray, other: IndexedArray) -> bool:
    """Whether two values are equal to within rounding."""
    if one.is_slope != other.is_slope or set(one.indices) != set(other.indices) or one.shape != other.shape:
        return False
    try:
        indices = _union(one, other)
    except ShapeMismatchError:
        return False
    return close(one.with_indices(indices), other.with_indices(indices))


def same_for_each(one: IndexedArray, other: IndexedArray) -> bool:
    """Whether they are equal for each value of the indices that stand in one of them alone."""
    if one.is_slope != other.is_slope or one.shape != other.shape or set(one.indices) == set(other.indices):
        return False
    try:
        indices = _union(one, other)
    except ShapeMismatchError:
        return False
    a, b = np.broadcast_arrays(one.with_indices(indices), other.with_indices(indices))
    return close(a, b)


def close(one: Any, other: Any) -> bool:
    if np.shape(one) != np.shape(other) or not (np.all(np.isfinite(one)) and np.all(np.isfinite(other))):
        return False
    scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
    return bool(np.max(np.abs(one - other), initial=0.0) <= CLOSE * max(scale, 1e-12))


def ratio(one: IndexedArray, other: IndexedArray) -> float | None:
    """c where one is c times the other."""
    if one.is_slope != other.is_slope or set(one.indices) != set(other.indices) or one.shape != other.shape:
        return None
    try:
        indices = _union(one, other)
    except ShapeMismatchError:
        return None
    a, b = one.with_indices(indices), other.with_indices(indices)
    square = float(np.sum(b * b))
    if not square or not np.isfinite(square):
        return None
    c = float(np.sum(a * b)) / square
    return c if abs(c) > CLOSE and close(a, c * b) else None
