"""NumPy's operations on quantities of a network: entrywise, with broadcasting.

A quantity is a matrix expression, or a scalar. The results are expressions of a network: a repeated row is a
`Broadcast`, and a number added to a matrix becomes a multiple of ones. All functions raise `ShapeError` if shapes are
inconsistent.
"""

from itertools import zip_longest

from sympy import Integer, Mul, log

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape, Size
from symbackprop.expressions.constructors import hadamard, power
from symbackprop.expressions.einsum import product as product_of_arrays
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.matrices import Determinant, Inverse, Ones, Trace, operand, scaled
from symbackprop.expressions.operations import Largest, Sums, Total, axis_of, repeated
from symbackprop.expressions.shapes import is_matrix, shape_of
from symbackprop.expressions.slicing import Slice
from symbackprop.printing.text import typed, typed_factor


def plus(a: Expression, b: Expression) -> Expression:
    """Return a + b.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> typed(plus(NamedMatrix("X", 5, 3), NamedMatrix("b", 1, 3)))
    'X + b'
    """
    return _added(a, b, "+")


def minus(a: Expression, b: Expression) -> Expression:
    """Return a - b."""
    return _added(a, -b, "-", shown=b)


def _added(a: Expression, b: Expression, sign: str, shown: Expression | None = None) -> Expression:
    if is_matrix(a) != is_matrix(b):
        shape = shape_of(a) or shape_of(b)
        if 0 in (a, b):
            return a if b == 0 else b
        a, b = (x if is_matrix(x) else scaled(x, Ones(*shape)) for x in (a, b))
    elif is_matrix(a):
        a, b = together(a, b, sign, shown)
    return a + b


def times(a: Expression, b: Expression) -> Expression:
    """Return a * b, entry by entry."""
    if is_matrix(a) and is_matrix(b):
        return hadamard(*together(a, b, "*"))
    return scaled(b, a) if is_matrix(a) else scaled(a, b) if is_matrix(b) else a * b


def divided(a: Expression, b: Expression) -> Expression:
    """Return a / b, entry by entry."""
    if b == 0:
        raise ShapeError(f"{typed(a)} / 0: a division by zero")
    if is_matrix(a) and is_matrix(b):
        together(a, b, "/")  # so that a message shows what was written
    return times(a, power(b, -1)) if a != 1 else power(b, -1)


def product(a: Matrix, b: Matrix) -> Matrix:
    """Return a @ b, the matrix product."""
    one, other = typed_factor(a), typed_factor(b)
    for factor in (a, b):
        if not is_matrix(factor):
            raise ShapeError(
                f"{one} @ {other}: {typed(factor)} is a scalar; the product with a number is {one} * {other}"
            )
    if len(a.shape) == len(b.shape) == 2:
        if a.shape[1] != b.shape[0]:
            raise ShapeError(_no_product(a, b))
        return a * b
    if a.shape[-1] != b.shape[-2:][0] or not _repeat_together(a.shape[:-2], b.shape[:-2]):
        raise ShapeError(f"{one} @ {other}: {sizes_in_words(a, b)}, which have no product")
    return product_of_arrays(a, b)


def to_the(a: Expression, n: Scalar) -> Expression:
    """Return a ** n, entry by entry; with a matrix as exponent as exp(n log a), for positive a."""
    if is_matrix(n):
        return FUNCTION["exp"](times(n, log(a) if a.is_number else FUNCTION["log"](a)))
    return power(a, n)


def together(a: Matrix, b: Matrix, sign: str, shown: Matrix | None = None) -> tuple[Matrix, Matrix]:
    """Return two matrices broadcast to one shape, by NumPy's rule."""
    pairs = zip_longest(reversed(a.shape), reversed(b.shape), fillvalue=Integer(1))
    sizes = tuple(_common(n, m) for n, m in pairs)[::-1]
    if None in sizes:
        raise ShapeError(_no_broadcast(a, b if shown is None else shown, sign))
    return repeated(a, sizes), repeated(b, sizes)


def _repeat_together(one: Shape, other: Shape) -> bool:
    """Return True if two shapes broadcast together."""
    return all(n == m or 1 in (n, m) for n, m in zip(reversed(one), reversed(other), strict=False))


def _common(n: Size, m: Size) -> Size | None:
    return n if m in {n, 1} else m if n == 1 else None


# reductions


Axes = int | tuple[int, ...] | None  # of a reduction; None are all of them


def axes_of(axis: Axes, a: Matrix) -> tuple[int, ...]:
    """Return one axis, or several, as numbers from 0 in order; all axes of an array for None."""
    ndim = len(a.shape)
    if axis is None:
        return tuple(range(ndim))
    found = [axis_of(one, ndim) for one in (axis if isinstance(axis, tuple) else (axis,))]
    if len(set(found)) < len(found):
        raise ShapeError(f"axis={axis}: an axis is named twice")
    return tuple(sorted(found))


def total(a: Expression, axis: Axes = None) -> Expression:
    """Return the sum of all entries (axis=None), over the rows (axis=0), the columns (axis=1), or several axes.

    The axes stay, with one entry each.
    """
    if not is_matrix(a):
        return a
    if axis is None:
        return Total(a)
    for one in axes_of(axis, a):
        a = Sums(a, one)
    return a


def count(a: Expression, axis: Axes = None) -> Size:
    """Return the number of entries over which a reduction runs."""
    return Mul(*(a.shape[one] for one in axes_of(axis, a))) if is_matrix(a) else Integer(1)


def mean(a: Expression, axis: Axes = None) -> Expression:
    """Return the mean: the sum divided by the number of entries."""
    return times(1 / count(a, axis), total(a, axis))


def var(a: Expression, axis: Axes = None) -> Expression:
    """Return the variance as NumPy defines it: the mean squared deviation, divided by N, not by N - 1."""
    return mean(power(minus(a, mean(a, axis)), 2), axis)


def largest(a: Expression, axis: Axes = None) -> Expression:
    """Return the largest entry of all, of each column (axis=0), of each row (axis=1), or over several axes."""
    if not is_matrix(a):
        return a
    for one in reversed(axes_of(axis, a)):
        a = Largest(a, one)
    return Total(a) if axis is None else a


def maximum(a: Expression, b: Expression) -> Expression:
    """Return the larger of a and b, entry by entry, as b + relu(a - b); where they are equal, the result is b."""
    if a.is_number and not b.is_number:
        a, b = b, a
    return plus(b, FUNCTION["relu"](minus(a, b)))


def minimum(a: Expression, b: Expression) -> Expression:
    """Return the smaller of a and b, entry by entry, as b - relu(b - a); where they are equal, the result is b."""
    if a.is_number and not b.is_number:
        a, b = b, a
    return minus(b, FUNCTION["relu"](minus(b, a)))


# linear algebra and parts


def square(a: Expression, name: str) -> Matrix:
    """Return the argument of the function `name`; raise ShapeError unless it is a square matrix."""
    if not is_matrix(a):
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is a scalar; a square matrix is needed")
    if len(a.shape) != 2 or a.shape[0] != a.shape[1]:
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is {shape_text(a.shape)}; a square matrix is needed")
    return a


def inv(a: Expression) -> Matrix:
    """Return the inverse."""
    return Inverse(square(a, "inv"))


def trace(a: Expression) -> Scalar:
    """Return the sum of the diagonal entries."""
    return Trace(square(a, "trace"))


def det(a: Expression) -> Scalar:
    """Return the determinant."""
    return Determinant(square(a, "det"))


def part(a: Matrix, axis: int, start: Size, stop: Size) -> Matrix:
    """Return the rows (axis=0) or columns (axis=1) of a matrix from `start` up to, but excluding, `stop`."""
    start, stop, size = operand(start), operand(stop), a.shape[axis]
    return a if (start, stop) == (0, size) else Slice(a, axis, start, stop)


# messages


def sizes_in_words(a: Matrix, b: Matrix) -> str:
    """Return a phrase with the shapes of two matrices."""
    return f"{typed(a)} is {shape_text(a.shape)} but {typed(b)} is {shape_text(b.shape)}"


def _no_broadcast(a: Matrix, b: Matrix, sign: str) -> str:
    message = f"{typed_factor(a)} {sign} {typed_factor(b)}: {sizes_in_words(a, b)}, which do not broadcast together"
    if len(a.shape) != 2 or len(b.shape) != 2:
        return message
    if sign == "*" and a.shape[1] == b.shape[0]:
        return f"{message}; for the matrix product write {typed_factor(a)} @ {typed_factor(b)}"
    if a.shape == b.shape[::-1]:
        return f"{message}; {typed_factor(a)} {sign} {typed_factor(b)}.T does"
    return message


def _no_product(a: Matrix, b: Matrix) -> str:
    one, other = typed_factor(a), typed_factor(b)
    message = f"{one} @ {other}: {sizes_in_words(a, b)}; the inner dimensions {a.shape[1]} and {b.shape[0]} differ"
    if a.shape == b.shape:
        return f"{message}; for the product entry by entry write {one} * {other}"
    if a.shape[1] == b.shape[1]:
        return f"{message}; {one} @ {other}.T fits"
    if a.shape[0] == b.shape[0]:
        return f"{message}; {one}.T @ {other} fits"
    return f"{message}; {other} @ {one} fits" if b.shape[1] == a.shape[0] else message
