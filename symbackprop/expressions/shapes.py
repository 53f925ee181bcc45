"""Sizes, shapes, and the strict checks of them that SymPy lacks for symbolic sizes."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import pairwise
from numbers import Integral

from sympy import Basic, Dummy, Expr, Integer, Symbol

from symbackprop.errors import ShapeError, shape_text

Show = Callable[[Basic], str]


class Mismatch(Exception):  # noqa: N818 — it says what is the case, the network makes the error of it
    """A part of an expression with inconsistent operands; `message(show)` returns the text, printed with `show`."""

    def __init__(self, piece: Basic, message: Callable[[Show], str]):
        super().__init__(piece)
        self.piece = piece
        self.message = message


def dimension(size: object) -> Expr:
    """Return a size as an expression, given its name, a positive whole number, or an expression in sizes.

    >>> dimension("N"), dimension(3), 4 * dimension("H")
    (N, 3, 4*H)
    """
    if isinstance(size, str) and size.isidentifier():
        return Symbol(size, integer=True, positive=True)
    if isinstance(size, Symbol) and size.is_integer and size.is_positive:
        return size
    if isinstance(size, Expr) and size.free_symbols and size.is_polynomial() and size.is_integer and is_size(size):
        return size
    if isinstance(size, Integral | Integer) and not isinstance(size, bool) and int(size) >= 1:
        return Integer(int(size))
    raise ShapeError(f"a dimension is a name or a whole number of at least 1, not {size!r}")


_MOST_LESS = 8  # than the size of an axis, for the size of a part of it


def is_size(size: Expr) -> bool:
    """Return True for a size that is at least 1, or that is so once its names are large enough, as L - 2 is.

    >>> N, H = dimension("N"), dimension("H")
    >>> is_size(2 * N), is_size(N - 1), is_size(N - H), is_size(Integer(0))
    (True, True, False, False)
    """
    return bool(size.is_positive) or (bool(size.free_symbols) and bool((size + _MOST_LESS).is_positive))


def is_room(length: Expr) -> bool:
    """Return True for a number of entries that is at least 0, or that is so once its names are large enough.

    >>> N, H = dimension("N"), dimension("H")
    >>> is_room(Integer(0)), is_room(N - 2), is_room(N - H), is_room(Integer(-1))
    (True, True, False, False)
    """
    return bool(length.is_nonnegative) or (bool(length.free_symbols) and bool((length + _MOST_LESS).is_nonnegative))


LENGTH = Dummy("length", integer=True, positive=True)  # of an axis


def told_sizes(shapes: Sequence[Sequence[Expr]]) -> dict[Expr, tuple[int, int, Expr]]:
    """Return each named size that arrays of these shapes tell: the array, the axis, and the size given its LENGTH.

    A size that no axis has alone is computed from a sum or product in which it is the only one that is not told before.

    >>> N, H, K = map(dimension, "NHK")
    >>> told_sizes([(N, H * K + 1), (K,)])
    {N: (0, 0, _length), K: (1, 0, _length), H: (0, 1, (_length - 1)/K)}
    """
    axes = [(k, axis, size) for k, shape in enumerate(shapes) for axis, size in enumerate(shape)]
    told: dict[Expr, tuple[int, int, Expr]] = {}
    for k, axis, size in axes:
        if size.is_Symbol:
            told.setdefault(size, (k, axis, LENGTH))
    made = [place for place in axes if place[2].args]
    while found := next(filter(None, (_told(*place, told) for place in made)), None):
        told |= found
    return told


def _told(k: int, axis: int, size: Expr, told: Collection[Expr]) -> dict[Expr, tuple[int, int, Expr]] | None:
    """Return the one size that is not told yet, if this sum of products is linear in it."""
    match [name for name in size.free_symbols if name not in told]:
        case [name] if (factor := size.diff(name)).free_symbols.isdisjoint({name}):
            return {name: (k, axis, (LENGTH - size.xreplace({name: Integer(0)})) / factor)}
    return None


def _typed(size: Expr) -> str:
    """Return a size as it is typed in Python: 3, or "N"."""
    return str(size) if size.is_Integer else f'"{size}"'


def is_matrix(expression: object) -> bool:
    """Return True if an expression is a matrix, False if it is a scalar."""
    return bool(getattr(expression, "is_Matrix", False))


def shape_of(expression: Basic) -> tuple[Expr, ...]:
    """Return (rows, columns) for a matrix, () for a scalar."""
    return expression.shape if is_matrix(expression) else ()


def require_matrices(piece: Basic, parts: Sequence[Basic]) -> None:
    """Require every part to be a matrix; a scalar is never broadcast silently."""
    for part in parts:
        if not is_matrix(part):
            other = next((p for p in parts if is_matrix(p)), None)
            raise Mismatch(piece, partial(_scalar_where_matrix, scalar=part, matrix=other))


def _scalar_where_matrix(show: Show, scalar: Basic, matrix: Basic | None) -> str:
    if matrix is None:
        return f"{show(scalar)} is a scalar, a matrix is needed"
    rows, columns = map(_typed, shape_of(matrix))
    return (
        f"{show(matrix)} is {shape_text(shape_of(matrix))} but {show(scalar)} is a scalar, which has no rows or "
        f"columns; as a matrix it is {show(scalar)}*sb.ones({rows}, {columns})"
    )


def require_same_shape(piece: Basic, parts: Sequence[Basic]) -> None:
    """Require identical symbolic shapes, as entrywise operations need them."""
    require_matrices(piece, parts)
    for other in parts[1:]:
        if shape_of(other) != shape_of(parts[0]):
            raise Mismatch(piece, partial(_different, first=parts[0], other=other))


def require_square(piece: Basic, matrix: Basic, hint: Callable[[Show], str] = lambda _: "") -> None:
    """Require a square matrix, as an inverse needs it."""
    require_matrices(piece, [matrix])
    rows, columns = shape_of(matrix)
    if rows != columns:
        shape = shape_text((rows, columns))
        raise Mismatch(piece, lambda show: f"{show(matrix)} is {shape}; a square matrix is needed here{hint(show)}")


def _different(show: Show, first: Basic, other: Basic) -> str:
    pairs = zip(("row", "column"), shape_of(first), shape_of(other), strict=True)
    what, a, b = next((what, a, b) for what, a, b in pairs if a != b)
    message = (
        f"{show(first)} is {shape_text(shape_of(first))} but {show(other)} is {shape_text(shape_of(other))}; "
        f"the {what} dimensions {a} and {b} differ"
    )
    for small, large in ((first, other), (other, first)):
        (n, k), (rows, columns) = shape_of(small), shape_of(large)
        if (n, k) in ((1, columns), (rows, 1)):
            repeated = "row" if n == 1 else "column"
            return f"{message}; sb.broadcast({show(small)}, {_typed(rows)}, {_typed(columns)}) repeats the {repeated}"
    return message


def require_inner(piece: Basic, factors: Sequence[Basic]) -> None:
    """Require equal inner dimensions of a matrix product, symbol for symbol."""
    require_matrices(piece, factors)
    for left, right in pairwise(factors):
        if shape_of(left)[1] != shape_of(right)[0]:
            raise Mismatch(piece, partial(_inner, left=left, right=right))


def _inner(show: Show, left: Basic, right: Basic) -> str:
    hint = ""
    if shape_of(left) == shape_of(right):
        hint = f"; for the product entry by entry, write sb.hadamard({show(left)}, {show(right)})"
    return (
        f"{show(left)} is {shape_text(shape_of(left))} but {show(right)} is {shape_text(shape_of(right))}; "
        f"the inner dimensions {shape_of(left)[1]} and {shape_of(right)[0]} differ{hint}"
    )
