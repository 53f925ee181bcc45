"""NumPy's operations on expressions, in which vectors are rows; `TracedArray` stores the ranks."""

from collections.abc import Callable
from functools import partial

from sympy import Integer

from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.constructors import hadamard, matmul, transposed
from symbackprop.expressions.functions import FUNCTION, ElementwiseFunction
from symbackprop.expressions.matrices import Eye, Ones, Zeros, scaled, split
from symbackprop.expressions.operations import COLUMNS, ROWS, Sums, broadcast, sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate
from symbackprop.network import numpy_semantics as arithmetic


def plus(a: Expression, b: Expression) -> Expression:
    """Return a + b; initial zeros of a sum are dropped."""
    for zeros, other in ((a, b), (b, a)):
        if isinstance(zeros, Zeros) and getattr(other, "shape", None) == zeros.shape:
            return other
    return arithmetic.plus(a, b)


def elementwise(value: Expression, name: str) -> Expression:
    """Return an elementwise function of a value, given the name of the function."""
    return ElementwiseFunction(name)(value)


def matrix_product(a: Matrix, b: Matrix) -> Matrix:
    """Return the matrix product of a and b; a product with an identity matrix is the other factor."""
    arithmetic.product(a, b)  # for its messages about shapes
    return matmul(a, b)


def inner_product(a: Matrix, b: Matrix) -> Scalar:
    """Return the sum of the products of the entries of two matrices with the same shape."""
    return arithmetic.total(arithmetic.times(a, b))


def transpose(value: Expression) -> Expression:
    """Return the transpose; a scalar is its own transpose."""
    return transposed(value) if is_matrix(value) else value


def broadcast_to(value: Expression, rows: Size, columns: Size) -> Matrix:
    """Return a scalar, a row or a column broadcast to a shape."""
    return broadcast(value, rows, columns) if is_matrix(value) else scaled(value, Ones(rows, columns))


def only_entry(value: Matrix) -> Scalar:
    """Return the only entry of a 1×1 matrix as a scalar; for a sum along an axis of A, the sum of all of A."""
    coefficient, matrix = split(value)
    return coefficient * arithmetic.total(matrix.argument if isinstance(matrix, Sums) else matrix)


def as_matrix(value: Scalar) -> Matrix:
    """Return a scalar as a 1×1 matrix."""
    return scaled(value, Ones(1, 1))


def reduced(value: Expression, name: str, axis: int | None) -> Expression:
    """Return a reduction of a value, such as "sum", given by its name."""
    return _REDUCTIONS[name](value, axis)


_REDUCTIONS: dict[str, Callable[[Expression, int | None], Expression]] = {
    "sum": arithmetic.total,
    "mean": arithmetic.mean,
    "var": arithmetic.var,
    "std": lambda value, axis: FUNCTION["sqrt"](arithmetic.var(value, axis)),
    "max": arithmetic.largest,
    "min": lambda value, axis: -arithmetic.largest(-value, axis),
}


def picked(value: Matrix, one_hot: Matrix, axis: int) -> Matrix:
    """Return, as a row, the entry of each row (axis 1) or of each column (axis 0) at its class label."""
    found = sums(hadamard(value, one_hot if axis == COLUMNS else transposed(one_hot)), axis)
    return transposed(found) if axis == COLUMNS else found


def with_picked_replaced(value: Matrix, one_hot: Matrix, new: Expression, axis: int) -> Matrix:
    """Return a matrix whose entries at class labels (see `picked`) are replaced by a number, or by a row's entries."""
    new = transposed(new) if is_matrix(new) and axis == COLUMNS else new
    one_hot = one_hot if axis == COLUMNS else transposed(one_hot)
    kept = arithmetic.times(value, arithmetic.minus(Integer(1), one_hot))
    return arithmetic.plus(kept, arithmetic.times(one_hot, new))


def with_slice_replaced(value: Matrix, new: Expression, axis: int, start: Size, stop: Size) -> Matrix:
    """Return a matrix with the rows (axis 0) or columns (axis 1) from start to stop replaced."""
    size, across = value.shape[axis], value.shape[1 - axis]
    shape = (stop - start, across) if axis == ROWS else (across, stop - start)
    parts = [] if start == 0 else [arithmetic.part(value, axis, Integer(0), start)]
    parts.append(new if is_matrix(new) and new.shape == shape else broadcast_to(new, *shape))
    parts += [] if stop == size else [arithmetic.part(value, axis, stop, size)]
    return _joined(axis, *parts)


def _joined(axis: int, *parts: Matrix) -> Matrix:
    """Return matrices one below the other (axis 0) or side by side (axis 1)."""
    return Concatenate(Integer(axis), *parts) if len(parts) > 1 else parts[0]


joined_rows, joined_columns = partial(_joined, ROWS), partial(_joined, COLUMNS)


def diagonal(row: Matrix) -> Matrix:
    """Return the diagonal matrix with the entries of a row."""
    size = row.shape[1]
    return hadamard(Eye(size), broadcast(row, size, size))


def diagonal_of(matrix: Matrix) -> Matrix:
    """Return the diagonal of a square matrix, as a row."""
    arithmetic.square(matrix, "diag")
    return sums(hadamard(Eye(matrix.shape[0]), matrix), ROWS)
