"""Concatenations and slices of matrices: the gates of an LSTM, a patch, a head of attention."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from sympy import Expr, Integer, Piecewise
from sympy.core.sympify import _sympify
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.printer import Printer

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape, Size
from symbackprop.expressions.matrices import Ones, Zeros, operand, scaled, split
from symbackprop.expressions.operations import COLUMNS, ROWS, MatrixOperation, axis_of, replaced
from symbackprop.expressions.shapes import Mismatch, is_matrix, is_room, is_size, require_matrices


class AxisBlock(NamedTuple):
    """A matrix and its position along an axis, from `start` up to, but excluding, `stop`."""

    start: Expr
    stop: Expr
    matrix: Matrix


class Concatenate(MatrixOperation):
    """Matrices stacked vertically (axis 0) or side by side (axis 1): `Concatenate(axis, A, B, …)`."""

    syntax = "concatenate"

    @property
    def axis(self) -> int:
        """Return 0 (stacked vertically) or 1 (side by side)."""
        return int(self.args[0])

    @property
    def operands(self) -> tuple[Expression, ...]:
        """Return the matrices."""
        return tuple(self.args[1:])

    @property
    def blocks(self) -> list[AxisBlock]:
        """Return the matrices with the positions that they fill along the axis."""
        stops = list(accumulate(matrix.shape[self.axis] for matrix in self.operands))
        return list(map(AxisBlock, [Integer(0), *stops], stops, self.operands))

    @property
    def shape(self) -> Shape:
        """Return the shape of the concatenation."""
        return replaced(self.operands[0].shape, self.axis, self.blocks[-1].stop)

    def check(self) -> None:
        """Require matrices whose shapes agree in the other axis."""
        require_matrices(self, self.operands)
        first = self.operands[0]
        what = ("columns", "rows")[self.axis] if len(first.shape) == 2 else "entries along the other axes"
        for other in self.operands[1:]:
            if replaced(other.shape, self.axis, Integer(1)) != replaced(first.shape, self.axis, Integer(1)):
                shapes = [shape_text(matrix.shape) for matrix in (first, other)]
                raise Mismatch(
                    self,
                    lambda show, other=other, shapes=shapes: (  # type: ignore[misc]
                        f"{show(first)} is {shapes[0]} but {show(other)} is {shapes[1]}; their {what} must be as many"
                    ),
                )

    def _entry(self, i: Scalar, j: Scalar, **kwargs: object) -> Expr:
        position = i if self.axis == ROWS else j
        pieces = []
        for start, stop, matrix in self.blocks:
            if (position < stop) == False:  # noqa: E712 — SymPy's relation, or SymPy's false
                continue
            at = (i - start, j) if self.axis == ROWS else (i, j - start)
            pieces.append((matrix._entry(*at, **kwargs), position < stop))
            if pieces[-1][1] == True:  # noqa: E712 — SymPy's relation, or SymPy's true
                break
        return Piecewise(*pieces)

    def _typed(self, printer: Printer) -> str:
        inner = ", ".join(map(printer._print, self.operands))
        return f"{printer.named(self.syntax)}(({inner}), axis={self.axis})"

    _numpycode = _typed

    def _text(self, printer: Printer) -> str:
        if len(self.shape) != 2:
            return f"concatenate(({', '.join(map(printer._print, self.operands))}), axis={self.axis})"
        return f"[{('; ' if self.axis == ROWS else ', ').join(map(printer._print, self.operands))}]"

    def _latex(self, printer: Printer) -> str:
        if len(self.shape) != 2:
            parts = ", ".join(map(printer._print, self.operands))
            return rf"\operatorname{{concatenate}}_{{\text{{axis {self.axis}}}}}\!\left({parts}\right)"
        sign = r" \\ " if self.axis == ROWS else " & "
        return rf"\begin{{bmatrix}} {sign.join(map(printer._print, self.operands))} \end{{bmatrix}}"


class Slice(MatrixOperation):
    """The rows (axis 0) or the columns (axis 1) from `start` up to, but excluding, `stop`."""

    precedence = PRECEDENCE["Atom"]

    @property
    def axis(self) -> int:
        """Return 0 (rows) or 1 (columns)."""
        return int(self.args[1])

    @property
    def bounds(self) -> tuple[Expr, Expr]:
        """Return (start, stop)."""
        return self.args[2], self.args[3]

    @property
    def margins(self) -> tuple[Expr, Expr]:
        """Return the numbers of entries along the axis before and behind the slice."""
        start, stop = self.bounds
        return start, self.argument.shape[self.axis] - stop

    @property
    def shape(self) -> Shape:
        """Return the shape of the slice."""
        start, stop = self.bounds
        return replaced(self.argument.shape, self.axis, stop - start)

    def check(self) -> None:
        """Require 0 ≤ start < stop ≤ size for all values of symbolic sizes that are large enough."""
        super().check()
        (start, stop), size = self.bounds, self.argument.shape[self.axis]
        inside = all(map(is_room, self.margins)) and start.is_integer and stop.is_integer
        if not (inside and is_size(stop - start)):
            named = ("rows", "columns")[self.axis] if len(self.shape) == 2 else f"entries along axis {self.axis}"
            what, rule = named, "0 ≤ start < stop ≤ size must hold whatever the sizes are, if they are large enough"
            raise Mismatch(
                self,
                lambda show: (
                    f"{show(self.argument)} has {size} {what}, and {start}:{stop} is not a part of them: {rule}"
                ),
            )

    def _entry(self, i: Scalar, j: Scalar, **kwargs: object) -> Expr:
        start = self.bounds[0]
        at = (i + start, j) if self.axis == ROWS else (i, j + start)
        return self.argument._entry(*at, **kwargs)

    def _positions(self, printer: Printer) -> str:
        start, stop = map(printer._print, self.bounds)
        whole = [":"] * len(self.shape)
        return ", ".join(replaced(tuple(whole), self.axis, f"{start}:{stop}"))

    def _typed(self, printer: Printer) -> str:
        return f"{printer.bracket_name(self.argument)}[{self._positions(printer)}]"

    _text = _numpycode = _typed

    def _latex(self, printer: Printer) -> str:
        return f"{printer.bracket_name(self.argument)}_{{{self._positions(printer)}}}".replace(", ", r",\,")


# Constructors for derivations


def sliced(matrix: Matrix, axis: int, start: Size, stop: Size) -> Expression:
    """Return a slice of a matrix, with the scalar factor in front."""
    coefficient, matrix = split(matrix)
    if (start, stop) == (0, matrix.shape[axis]):
        return scaled(coefficient, matrix)
    if isinstance(matrix, Concatenate) and matrix.axis == axis:
        for block in matrix.blocks:
            if (block.start, block.stop) == (start, stop):
                return scaled(coefficient, block.matrix)
    part = Slice(matrix, axis, start, stop)
    if isinstance(matrix, Ones | Zeros):
        return scaled(coefficient, matrix.func(*part.shape))
    return scaled(coefficient, part)


def padded(matrix: Matrix, axis: int, start: Size, size: Size) -> Expression:
    """Return a matrix padded with zeros to this size; it begins at index `start` of the axis. Scalars are in front."""
    coefficient, matrix = split(matrix)
    return scaled(coefficient, _filled([AxisBlock(start, start + matrix.shape[axis], matrix)], axis, size))


def _filled(blocks: Sequence[AxisBlock], axis: int, size: Size) -> Expression:
    """Return the concatenation of blocks, which are in order, with zeros between them."""
    parts: list[Expression] = []
    at: Size = Integer(0)

    def zeros(width: Size) -> list[Expression]:
        return [Zeros(*replaced(blocks[0].matrix.shape, axis, width))] if width != 0 else []

    for start, stop, matrix in blocks:
        parts += [*zeros(start - at), matrix]
        at = stop
    parts += zeros(size - at)
    return parts[0] if len(parts) == 1 else Concatenate(axis, *parts)


def merged(terms: Iterable[Expression]) -> list[Expression]:
    """Return the terms of a sum, in which zero-padded terms whose blocks do not overlap are merged."""
    kept: list[Expression] = []
    for term in terms:
        partner = next((k for k, other in enumerate(kept) if _together(other, term) is not None), None)
        if partner is None:
            kept.append(term)
        else:
            kept[partner] = _together(kept[partner], term)
    return kept


def _together(one: Expression, other: Expression) -> Expression:
    first, second = _padded_blocks(one), _padded_blocks(other)
    if first is None or second is None or first[0] != second[0]:
        return None
    (axis, blocks), (_, more) = first, second
    for block in more:
        rank = next((k for k, known in enumerate(blocks) if (known.start - block.stop).is_nonnegative), len(blocks))
        if rank and not (block.start - blocks[rank - 1].stop).is_nonnegative:
            return None
        blocks = [*blocks[:rank], block, *blocks[rank:]]
    return _filled(blocks, axis, one.shape[axis])


def _padded_blocks(term: Expression) -> tuple[int, list[AxisBlock]] | None:
    """Return the axis and the blocks of a matrix that is padded with zeros; None for any other matrix."""
    coefficient, matrix = split(term)
    if not isinstance(matrix, Concatenate):
        return None
    blocks = [AxisBlock(b.start, b.stop, scaled(coefficient, b.matrix)) for b in matrix.blocks]
    kept = [block for block in blocks if not isinstance(block.matrix, Zeros)]
    return (matrix.axis, kept) if len(kept) < len(blocks) else None


# What a user writes


def concatenate(matrices: Iterable[Expression], axis: int = ROWS) -> Expression:
    """Return matrices stacked vertically (axis=0) or side by side (axis=1), as `np.concatenate` does.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> concatenate([NamedMatrix("h", 5, 3), NamedMatrix("x", 5, 2)], axis=1).shape
    (5, 5)
    """
    parts = [operand(matrix) for matrix in matrices] if isinstance(matrices, Iterable) else [operand(matrices)]
    if not parts or not all(map(is_matrix, parts)):
        raise ShapeError(f"concatenate takes a list of matrices, not {matrices!r:.80}")
    return parts[0] if len(parts) == 1 else Concatenate(axis_of(axis), *parts)


def columns(matrix: Matrix, start: Size, stop: Size) -> Expression:
    """Return the columns from `start` up to, but excluding, `stop`; both may be sizes such as `2*H`.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> columns(NamedMatrix("z", 5, 8), 0, 3).shape
    (5, 3)
    """
    return Slice(operand(matrix), COLUMNS, _sympify(start), _sympify(stop))


def rows(matrix: Matrix, start: Size, stop: Size) -> Expression:
    """Return the rows from `start` up to, but excluding, `stop`."""
    return Slice(operand(matrix), ROWS, _sympify(start), _sympify(stop))
