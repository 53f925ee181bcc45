"""Values of formulas at a point: matrices of numbers, with further axes for the free indices of a formula.

Shapes are strict, and all sizes of a network differ at a point, so that shapes which match there match for all
sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import NDArray

CLOSE = 1e-8  # relative to the largest entry; derivatives are right to about 1e-11
_ROUNDED = 1e-13
PERTURBATIONS = "perturbations"  # an index over the perturbations of a quantity, from which a derivative is computed

Array: TypeAlias = NDArray[np.float64]


class ShapeMismatchError(Exception):
    """An error about shapes that do not match."""


@dataclass(frozen=True)
class IndexedArray:
    """An array whose axes are the free indices, rows and columns, and for ∂A/∂B also the rows and columns of B."""

    array: Array
    indices: tuple[str, ...] = ()
    is_derivative: bool = False  # ∂A/∂B of a matrix A
    notes: frozenset[str] = frozenset()

    @property
    def shape(self) -> tuple[int, ...]:
        """The numbers of rows and columns, and for ∂A/∂B also those of B."""
        return tuple(self.array.shape[len(self.indices) :])

    @property
    def is_number(self) -> bool:
        """True for a matrix with one entry."""
        return self.shape == (1, 1)

    def with_indices(self, indices: tuple[str, ...]) -> Array:
        """Return the array with an axis for each of these indices, of length 1 if the value does not have the index."""
        known = [k for k in indices if k in self.indices]
        order = [self.indices.index(k) for k in known]
        ordered = np.transpose(self.array, [*order, *range(len(self.indices), self.array.ndim)])
        at = tuple(slice(None) if k in self.indices else None for k in indices)
        return ordered[(*at, ...)]


MOST = 200  # rows or columns of a matrix that a document writes out


def whole(value: IndexedArray) -> int:
    """Return a number of rows or columns, or an end of a range, as an integer."""
    number = float(value.array.ravel()[0]) if value.is_number and not value.indices else np.nan
    if not (0 <= number <= MOST and number == int(number)):
        raise ShapeMismatchError(f"{number:.6g} is not a number of rows or columns from 0 to {MOST}")
    return int(number)


def scalar(number: SupportsFloat | Array) -> IndexedArray:
    """Return a number as a value."""
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
    """Return the sum of values with the signs 1 or -1."""
    indices = _union(*values)
    kinds = {value.is_derivative for value in values}
    if len(kinds) > 1:  # a 0 may be a derivative
        kept = [(v, sign) for v, sign in zip(values, signs, strict=True) if v.is_derivative or np.any(v.array)]
        values, signs = [value for value, _ in kept], tuple(sign for _, sign in kept)
        kinds = {value.is_derivative for value in values}
    if len(kinds) > 1:
        raise ShapeMismatchError("∂A/∂B of matrices and a matrix are added")
    _broadcast(values)
    total = sum(sign * value.with_indices(indices) for sign, value in zip(signs, values, strict=True))
    return IndexedArray(np.asarray(total), indices, kinds.pop(), _notes(*values))


def _broadcast(values: list[IndexedArray]) -> tuple[int, ...]:
    """Return the shape of a sum: numbers are added to each entry, a bias (a row or a column) to each row or column."""
    try:
        whole = np.broadcast_shapes(*(value.shape for value in values))
    except ValueError:
        whole = ()
    if whole not in {value.shape for value in values}:  # a row and a column have no sum
        shapes = " and ".join(dict.fromkeys(shape_text(value) for value in values))
        raise ShapeMismatchError(f"{shapes} are added")
    return whole


def shape_text(value: IndexedArray) -> str:
    """Return a shape as text, such as 2×3."""
    return "×".join(map(str, value.shape))


def entrywise(one: IndexedArray, other: IndexedArray, *, strict: bool = False) -> IndexedArray:
    """Return the Hadamard product; with `strict`, without broadcasting."""
    if one.is_derivative or other.is_derivative:
        return contracted(one, other) if strict else contracted(*_spread(one, other))
    if one.shape != other.shape and not one.is_number and not other.is_number:
        if strict or 1 not in (*one.shape, *other.shape):
            raise ShapeMismatchError(f"{shape_text(one)} and {shape_text(other)} have no product entry by entry")
        _broadcast([one, other])
    indices = _union(one, other)
    return IndexedArray(one.with_indices(indices) * other.with_indices(indices), indices, False, _notes(one, other))


def _spread(one: IndexedArray, derivative: IndexedArray) -> tuple[IndexedArray, IndexedArray]:
    """Return both factors, with a row or column broadcast to the shape of A in ∂A/∂B, or ∂a/∂B to that of a matrix."""
    if one.is_derivative or not derivative.is_derivative or one.is_number:
        return one, derivative
    a = derivative.shape[:2]
    if _fits(one.shape, a):
        return replace(one, array=np.broadcast_to(one.array, (*one.array.shape[:-2], *a))), derivative
    if _fits(a, one.shape):
        lead = derivative.array.shape[: len(derivative.indices)]
        return one, replace(
            derivative, array=np.broadcast_to(derivative.array, (*lead, *one.shape, *derivative.shape[2:]))
        )
    return one, derivative


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return all(size in {1, other} for size, other in zip(shape, whole, strict=True))


def product(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return the matrix product, or the product of a number and a matrix."""
    if one.is_derivative or other.is_derivative:
        return contracted(one, other)
    if one.is_number or other.is_number:
        return entrywise(one, other)
    if one.shape[1] != other.shape[0]:
        raise ShapeMismatchError(f"{shape_text(one)} times {shape_text(other)}")
    indices = _union(one, other)
    return IndexedArray(one.with_indices(indices) @ other.with_indices(indices), indices, False, _notes(one, other))


def contracted(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return the chain-rule product of a matrix and ∂A/∂B, which is a sum over the entries of A."""
    indices = _union(one, other)
    a, b = one.with_indices(indices), other.with_indices(indices)
    notes = _notes(one, other) | {"chain"}
    for number, derivative in ((one, other), (other, one)):
        if not number.is_derivative and number.is_number and derivative.shape[:2] != (1, 1):
            grown = number.with_indices(indices)[..., None, None]
            return IndexedArray(grown * derivative.with_indices(indices), indices, True, notes)
    if not other.is_derivative or (not one.is_derivative and one.shape != other.shape[:2]):
        return _linear(one, other, indices)
    if one.shape[-2:] != other.shape[:2]:
        raise ShapeMismatchError(f"{shape_text(one)} times a ∂A/∂B whose A is {shape_text(other)}")
    subscripts = "...mnab,...abpq->...mnpq" if one.is_derivative else "...ab,...abpq->...pq"
    return IndexedArray(np.einsum(subscripts, a, b), indices, one.is_derivative, notes)


def _linear(one: IndexedArray, other: IndexedArray, indices: tuple[str, ...]) -> IndexedArray:
    """Return X ∂W/∂V or ∂W/∂V X, the matrix product of X with each derivative."""
    a, b = one.shape[:2], other.shape[:2]
    if a[1] != b[0]:
        raise ShapeMismatchError(f"{shape_text(one)} times {shape_text(other)}")
    subscripts = "...abpq,...bc->...acpq" if one.is_derivative else "...ab,...bcpq->...acpq"
    array = np.einsum(subscripts, one.with_indices(indices), other.with_indices(indices))
    notes = _notes(one, other)
    if array.shape[-4:-2] == (1, 1):
        return IndexedArray(array[..., 0, 0, :, :], indices, False, notes)
    return IndexedArray(array, indices, True, notes)


def transposed(value: IndexedArray) -> IndexedArray:
    """Return the transpose; for ∂A/∂B, transpose A, or the whole Jacobian if A and B are vectors."""
    if value.is_derivative and not (1 in value.shape[:2] and 1 in value.shape[2:]):
        return replace(value, array=np.swapaxes(value.array, -3, -4))
    if value.is_derivative:
        value = as_matrix(value)
    return replace(value, array=np.swapaxes(value.array, -1, -2))


def as_matrix(derivative: IndexedArray) -> IndexedArray:
    """Return ∂a/∂b of vectors as a matrix with a row for each entry of a."""
    a, b = derivative.shape[:2], derivative.shape[2:]
    if 1 not in a or 1 not in b:
        raise ShapeMismatchError("∂A/∂B of matrices has four indices")
    shape = derivative.array.shape[: len(derivative.indices)]
    return IndexedArray(derivative.array.reshape(*shape, max(a), max(b)), derivative.indices, False, derivative.notes)


def summed(value: IndexedArray, index: str) -> IndexedArray:
    """Return the sum over a free index."""
    return reduced(value, index, np.sum)


def reduced(value: IndexedArray, index: str, function: Callable[..., Array]) -> IndexedArray:
    """Return the sum, the product or the largest entry over a free index."""
    array = function(value.array, axis=value.indices.index(index))
    return replace(value, array=array, indices=tuple(k for k in value.indices if k != index))


def multiplied(value: IndexedArray, index: str) -> IndexedArray:
    """Return the product over a free index of numbers; the order of matrices in such a product is not known."""
    if not value.is_number or value.is_derivative:
        raise ShapeMismatchError("a product over an index is read for numbers only")
    return reduced(value, index, np.prod)


def combined(one: IndexedArray, other: IndexedArray, function: Callable[[Array, Array], Array]) -> IndexedArray:
    """Return a function of two values, of which the second is a number for each of its indices."""
    indices = _union(one, other)
    if one.is_derivative or other.is_derivative or not other.is_number:
        raise ShapeMismatchError("a power of this kind is not read")
    with np.errstate(all="ignore"):
        array = np.asarray(function(one.with_indices(indices), other.with_indices(indices)), float)
    return IndexedArray(array, indices, False, _notes(one, other))


def total(value: IndexedArray) -> IndexedArray:
    """Return the sum of all entries; for ∂A/∂B, the sum over the entries of A."""
    if value.is_derivative:
        return replace(value, array=value.array.sum(axis=(-4, -3)), is_derivative=False)
    return replace(value, array=value.array.sum(axis=(-2, -1), keepdims=True))


def entry(value: IndexedArray, indices: tuple[str | int, ...]) -> IndexedArray:
    """Return A_{ij}, or a_i for a vector; letters are free indices, numbers count from 1."""
    if value.is_derivative:
        raise ShapeMismatchError("an index stands at ∂A/∂B")
    rows, columns = value.shape
    if len(indices) == 2:
        return _at(_at(value, -2, indices[0]), -1, indices[1])
    if len(indices) == 1 and 1 in value.shape:
        return _at(value, -2 if columns == 1 else -1, indices[0])
    raise ShapeMismatchError(f"{len(indices)} indices at a matrix of {rows}×{columns}")


def line(value: IndexedArray, index: str | int, axis: int) -> IndexedArray:
    """Return the row (axis 0) or column (axis 1) at an index, such as one example."""
    return _at(value, axis - 2, index)


def part(value: IndexedArray, ranges: tuple[tuple[int | None, int | None], ...]) -> IndexedArray:
    """Return a range of rows and columns, excluding its end; for ∂A/∂B, of the rows and columns of A."""
    places = [slice(None)] * (value.array.ndim - len(value.shape))
    for size, (first, last) in zip(value.shape, ranges, strict=False):
        if not 0 <= (first or 0) < (size if last is None else last) <= size:
            raise ShapeMismatchError(f"there is no part {first or 0}:{size if last is None else last} of {size}")
        places.append(slice(first, last))
    return replace(value, array=value.array[tuple(places)])


def listed(value: IndexedArray, rows: str, columns: str) -> IndexedArray:
    """Return the matrix of the values for all indices `rows` and `columns`: entries, or stacked rows or columns."""
    letters = tuple(letter for letter in (rows, columns) if letter)
    if value.is_derivative or not set(letters) <= set(value.indices):
        raise ShapeMismatchError("the letter that runs along the dots does not occur in the items beside them")
    others = tuple(index for index in value.indices if index not in letters)
    array = value.with_indices((*others, *letters))
    if len(letters) == 2 or (rows and value.shape[0] == 1) or (columns and value.shape[1] == 1):
        array = array[..., 0, 0] if len(letters) == 2 else array[..., 0, :] if rows else array[..., 0]
        return IndexedArray(np.swapaxes(array, -1, -2) if letters == (columns,) else array, others, False, value.notes)
    raise ShapeMismatchError(f"matrices of {shape_text(value)} are listed")


def blocks(rows: list[list[IndexedArray]]) -> IndexedArray:
    """Return a matrix of blocks; derivatives ∂A/∂B are combined along the axes of A."""
    derivative = next((value for row in rows for value in row if value.is_derivative), None)
    if derivative is not None:
        rows = [[_zero_derivative(value, derivative) for value in row] for row in rows]
    every = [value for row in rows for value in row]
    if len({value.is_derivative for value in every}) > 1:
        raise ShapeMismatchError("∂A/∂B of matrices and a matrix stand side by side")
    indices = _union(*every)
    axis = -4 if every[0].is_derivative else -2
    lead = np.broadcast_shapes(*(value.with_indices(indices).shape[: len(indices)] for value in every))

    def grown(value: IndexedArray) -> Array:
        array = value.with_indices(indices)
        return np.broadcast_to(array, (*lead, *array.shape[len(indices) :]))

    try:
        lines = [np.concatenate([grown(value) for value in row], axis + 1) for row in rows]
        array = np.concatenate(lines, axis)
    except ValueError:
        shapes = " and ".join(dict.fromkeys(map(shape_text, every)))
        raise ShapeMismatchError(f"{shapes} do not fit beside each other") from None
    return IndexedArray(array, indices, every[0].is_derivative, _notes(*every))


def _zero_derivative(value: IndexedArray, derivative: IndexedArray) -> IndexedArray:
    """Return a zero with the axes of ∂A/∂B, so that it can be added to this derivative; any other value unchanged."""
    if value.is_derivative or np.any(value.array):
        return value
    return IndexedArray(np.zeros((*value.shape, *derivative.shape[2:])), (), True, value.notes)


def _at(value: IndexedArray, axis: int, place: str | int) -> IndexedArray:
    if place == ":":
        return value
    if isinstance(place, int):
        if not 1 <= place <= value.shape[axis]:
            raise ShapeMismatchError(f"there is no entry {place}")
        return replace(value, array=np.take(value.array, [place - 1], axis=axis))
    if place in value.indices:
        position = value.indices.index(place)
        if value.array.shape[position] != value.shape[axis]:
            raise ShapeMismatchError(f"the index {place} runs over axes of different lengths")
        front = np.moveaxis(value.array, (position, axis), (0, 1))  # the diagonal
        inner = np.stack([front[k, k] for k in range(front.shape[0])])
        array = np.expand_dims(np.moveaxis(inner, 0, position), axis)
        return replace(value, array=array)
    array = np.expand_dims(np.moveaxis(value.array, axis, 0), axis)
    return IndexedArray(array, (place, *value.indices), False, value.notes)


def mapped(value: IndexedArray, function: Callable[[Array], Array]) -> IndexedArray:
    """Return the value with a function applied to every entry."""
    with np.errstate(all="ignore"):
        return replace(value, array=np.asarray(function(value.array), float))


def of_one_example(value: IndexedArray) -> IndexedArray:
    """Return an array without the indices that have only one value."""
    kept = tuple(k for k, size in zip(value.indices, value.array.shape, strict=False) if size > 1)
    rest = value.array.shape[len(value.indices) :]
    sizes = [size for size in value.array.shape[: len(value.indices)] if size > 1]
    return replace(value, array=value.array.reshape(*sizes, *rest), indices=kept)


def _aligned(one: IndexedArray, other: IndexedArray) -> tuple[Array, Array] | None:
    """Return the arrays of two values with the indices of both, or None if they cannot be compared."""
    if one.is_derivative != other.is_derivative or one.shape != other.shape:
        return None
    try:
        indices = _union(one, other)
    except ShapeMismatchError:
        return None
    return one.with_indices(indices), other.with_indices(indices)


def same(one: IndexedArray, other: IndexedArray) -> bool:
    """Return True if two values are equal up to rounding."""
    arrays = _aligned(one, other) if set(one.indices) == set(other.indices) else None
    return arrays is not None and close(*arrays)


def same_for_each(one: IndexedArray, other: IndexedArray) -> bool:
    """Return True if two values are equal for all values of the indices that only one of them has."""
    arrays = _aligned(one, other) if set(one.indices) != set(other.indices) else None
    return arrays is not None and close(*np.broadcast_arrays(*arrays))


def close(one: Array, other: Array) -> bool:
    """Return True if two finite arrays are equal up to rounding."""
    if np.shape(one) != np.shape(other) or not (np.all(np.isfinite(one)) and np.all(np.isfinite(other))):
        return False
    sizes = [float(np.max(np.abs(array), initial=0.0)) for array in (one, other)]
    scale = max(sizes)
    if min(sizes) == 0 and scale < _ROUNDED:  # a sum that is 0 but for rounding
        return True
    return bool(np.max(np.abs(one - other), initial=0.0) <= CLOSE * max(scale, 1e-12))


def ratio(one: IndexedArray, other: IndexedArray) -> float | None:
    """Return c if one value is c times the other, else None."""
    arrays = _aligned(one, other) if set(one.indices) == set(other.indices) else None
    if arrays is None:
        return None
    a, b = arrays
    square = float(np.sum(b * b))
    if not square or not np.isfinite(square):
        return None
    c = float(np.sum(a * b)) / square
    return c if abs(c) > CLOSE and close(a, c * b) else None
