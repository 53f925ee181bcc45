"""What NumPy's operations make of quantities, where those of rank 1 are rows; the ranks are seen to by `arrays`."""

from collections.abc import Callable
from typing import Any

from sympy import Integer

from symbackprop.expressions.constructors import hadamard, matmul, transposed
from symbackprop.expressions.functions import FUNCTION, ElementwiseFunction
from symbackprop.expressions.matrices import Eye, Ones, Zeros, scaled, split
from symbackprop.expressions.operations import COLUMNS, ROWS, Sums, broadcast, sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate
from symbackprop.network import numpy_semantics as arithmetic


def plus(a: Any, b: Any) -> Any:
    """a + b; zeros, in which people gather sums, are left out."""
    for zeros, other in ((a, b), (b, a)):
        if isinstance(zeros, Zeros) and getattr(other, "shape", None) == zeros.shape:
            return other
    return arithmetic.plus(a, b)


def applied(value: Any, name: str, order: int = 0) -> Any:
    """An elementwise function, or its derivative."""
    return ElementwiseFunction(name, order)(value)


def multiplied(a: Any, b: Any) -> Any:
    """a b, the matrix product; a product with an identity is the other factor."""
    arithmetic.product(a, b)
    return matmul(a, b)


def product_of_rows(a: Any, b: Any) -> Any:
    """The inner product of two rows, a number."""
    return arithmetic.total(arithmetic.times(a, b))


def turned(value: Any) -> Any:
    return transposed(value) if is_matrix(value) else value


def spread(value: Any, rows: Any, columns: Any) -> Any:
    """A number, a row or a column repeated to a shape."""
    return broadcast(value, rows, columns) if is_matrix(value) else scaled(value, Ones(rows, columns))


def entry(value: Any) -> Any:
    """The only entry of a 1×1 matrix, or the sum of all; that of sums over rows is the sum over all."""
    coefficient, matrix = split(value)
    return coefficient * arithmetic.total(matrix.argument if isinstance(matrix, Sums) else matrix)


def as_matrix(value: Any) -> Any:
    """A number as a 1×1 matrix."""
    return scaled(value, Ones(1, 1))


def reduced(value: Any, name: str, axis: int | None) -> Any:
    return _REDUCTIONS[name](value, axis)


def _std(value: Any, axis: int | None) -> Any:
    return FUNCTION["sqrt"](arithmetic.var(value, axis))


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": arithmetic.total,
    "mean": arithmetic.mean,
    "var": arithmetic.var,
    "std": _std,
    "max": arithmetic.largest,
    "min": lambda value, axis: -arithmetic.largest(-value, axis),
}


def above(a: Any, b: Any) -> Any:
    """1 where a > b, else 0."""
    return FUNCTION["relu"].prime(arithmetic.minus(a, b))


def not_above(a: Any, b: Any) -> Any:
    """1 where a ≤ b, else 0."""
    return arithmetic.minus(Integer(1), above(a, b))


def chosen(mask: Any, a: Any, b: Any) -> Any:
    """a where the mask is 1, b where it is 0."""
    if b == 0 or b.func is Zeros:
        return arithmetic.times(mask, a)
    other = arithmetic.minus(Integer(1), mask)
    if a == 0 or a.func is Zeros:
        return arithmetic.times(other, b)
    return arithmetic.plus(arithmetic.times(mask, a), arithmetic.times(other, b))


def picked(value: Any, one_hot: Any, axis: int) -> Any:
    """The entry of each row (axis 1), or of each column, that a label names, as a row."""
    found = sums(hadamard(value, one_hot if axis == COLUMNS else turned(one_hot)), axis)
    return turned(found) if axis == COLUMNS else found


def placed(value: Any, one_hot: Any, new: Any, axis: int) -> Any:
    """A matrix with the entries that labels name (see `picked`) replaced by a number, or by the entries of a row."""
    new = turned(new) if is_matrix(new) and axis == COLUMNS else new
    one_hot = one_hot if axis == COLUMNS else turned(one_hot)
    return arithmetic.plus(
        arithmetic.times(value, arithmetic.minus(Integer(1), one_hot)), arithmetic.times(one_hot, new)
    )


def part(value: Any, axis: int, start: Any, stop: Any) -> Any:
    return arithmetic.part(value, axis, start, stop)


def replaced(value: Any, axis: int, start: Any, stop: Any, new: Any) -> Any:
    """A matrix with some rows or columns replaced."""
    size = value.shape[axis]
    across = value.shape[1 - axis]
    shape = (stop - start, across) if axis == ROWS else (across, stop - start)
    parts = [] if start == 0 else [arithmetic.part(value, axis, Integer(0), start)]
    parts.append(new if is_matrix(new) and new.shape == shape else spread(new, *shape))
    parts += [] if stop == size else [arithmetic.part(value, axis, stop, size)]
    return joined(*parts, axis=axis) if len(parts) > 1 else parts[0]


def replaced_rows(value: Any, new: Any, start: Any, stop: Any) -> Any:
    return replaced(value, ROWS, start, stop, new)


def replaced_columns(value: Any, new: Any, start: Any, stop: Any) -> Any:
    return replaced(value, COLUMNS, start, stop, new)


def joined(*parts: Any, axis: int) -> Any:
    return Concatenate(Integer(axis), *parts)


def joined_rows(*parts: Any) -> Any:
    return joined(*parts, axis=ROWS) if len(parts) > 1 else parts[0]


def joined_columns(*parts: Any) -> Any:
    return joined(*parts, axis=COLUMNS) if len(parts) > 1 else parts[0]


def diagonal(row: Any) -> Any:
    """The matrix with a row on its diagonal."""
    size = row.shape[1]
    return hadamard(Eye(size), broadcast(row, size, size))


def on_the_diagonal(matrix: Any) -> Any:
    """The diagonal of a square matrix, as a row."""
    arithmetic.square(matrix, "diag")
    return sums(hadamard(Eye(matrix.shape[0]), matrix), ROWS)
