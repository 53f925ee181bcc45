"""The operations that SymPy lacks or breaks: elementwise functions, sums, broadcasting, softmax.

Each has SymPy's hooks: `shape`, `_entry` (the value of an entry), and one for each printer: `_latex`, `_text`
(Unicode), `_typed` (as users type it), `_numpycode` (NumPy source). `syntax` is its name in typed formulas.
"""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Dummy, Expr, Integer, Sum
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.printer import Printer

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape, Size
from symbackprop.expressions.matrices import Operators, operand, scaled, split
from symbackprop.expressions.shapes import Mismatch, dimension, is_matrix, require_matrices, shape_of

ROWS, COLUMNS = 0, 1  # NumPy's axis: summing over the rows (examples), or over the columns
_AXIS_WORDS = {ROWS: "rows", COLUMNS: "columns"}
_LATEX_ROWS = r"_{\text{rows}}"


def _sum_over(body: Callable[[Scalar], Scalar], size: Size) -> Scalar:
    """Return Σ body(i) for i = 0 … size-1; if the size is a number, term by term."""
    if size.is_Integer:
        return sympy.Add(*[body(Integer(i)) for i in range(int(size))])
    index = Dummy("i", integer=True)
    return Sum(body(index), (index, 0, size - 1))


class _OnMatrix:
    """A matrix operation whose first argument is the matrix to which it applies."""

    args: tuple[Expression, ...]

    @property
    def argument(self) -> Expression:
        """Return the matrix to which the operation applies."""
        return self.args[0]

    @property
    def operands(self) -> tuple[Expression, ...]:
        """Return the quantities to which the operation applies, without axes and sizes."""
        return (self.argument,)

    def check(self) -> None:
        """Require a matrix."""
        require_matrices(self, [self.argument])


class MatrixOperation(_OnMatrix, Operators, MatrixExpr):
    """A matrix operation of this package; its first argument is the matrix to which it applies."""

    syntax: str
    precedence = PRECEDENCE["Func"]

    def _typed(self, printer: Printer) -> str:
        return f"{self.syntax}({printer._print(self.argument)})"

    _text = _typed


class FunctionOf:
    """A function of the table with its argument, a matrix or a scalar: `args` are f and the argument."""

    args: tuple[Expression, ...]

    @property
    def function(self) -> Expression:
        """Return the function f."""
        return self.args[0]

    @property
    def is_step(self) -> bool:
        """Return True if f is a step function, whose derivative is 0."""
        return bool(self.function.is_step)

    def _typed(self, printer: Printer) -> str:
        return f"{self.function.syntax}({printer._print(self.args[1])})"

    def _text(self, printer: Printer) -> str:
        return f"{printer.function_name(self.function)}({printer._print(self.args[1])})"

    def _latex(self, printer: Printer) -> str:
        return rf"{printer.function_name(self.function)}\!\left({printer._print(self.args[1])}\right)"


class Elementwise(FunctionOf, MatrixOperation):
    """A function of each entry: `Elementwise(f, Z)`, where f is a row of the table of functions."""

    @property
    def argument(self) -> Matrix:
        """Return Z."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        """Return the shape of Z."""
        return self.argument.shape

    @property
    def output(self) -> "Elementwise":
        """Return f(Z), for f(Z) or a derivative of f at Z."""
        return Elementwise(self.function.undifferentiated, self.argument)

    def _entry(self, i: Scalar, j: Scalar, **kwargs: object) -> Expr:
        return self.function.at(self.argument._entry(i, j, **kwargs))


class _Along(MatrixOperation):
    """An operation along an axis.

    An operation on each row is printed without its axis; one on each column with it, as in Σ_rows.
    """

    reduces = True  # the axis to one entry; else the shape stays
    in_latex = ""  # the name of the function in LaTeX, where `syntax` is not right

    @property
    def axis(self) -> int:
        """Return the axis: of a matrix 0 (over the rows) or 1 (over the columns)."""
        return int(self.args[1])

    @property
    def shape(self) -> Shape:
        """Return the shape of the result."""
        shape = self.argument.shape
        return replaced(shape, self.axis, Integer(1)) if self.reduces else shape

    def _line(self, i: Scalar, j: Scalar) -> tuple[Callable[[Scalar], Scalar], Size]:
        """Return the entries from which entry (i, j) is computed, as a function of one index, and their number."""
        entry, size = self.argument._entry, self.argument.shape[self.axis]
        return (lambda k: entry(k, j)) if self.axis == ROWS else (lambda k: entry(i, k)), size

    def _typed(self, printer: Printer) -> str:
        options = f"axis={self.axis}{', keepdims=True' * self.reduces}"
        return f"{printer.named(self.syntax)}({printer._print(self.argument)}, {options})"

    def _over(self, rows: str) -> str:
        """Return the given words for an operation on each column, and "" for one on each row, along the last axis."""
        last = len(self.argument.shape) - 1
        return "" if self.axis == last else rows if last == COLUMNS else rows.replace("rows", f"axis {self.axis}")

    @property
    def _axis_words(self) -> str:
        return _AXIS_WORDS[self.axis] if len(self.argument.shape) == 2 else f"axis {self.axis}"

    def _text(self, printer: Printer) -> str:
        return f"{self.syntax}{self._over('_rows')}({printer._print(self.argument)})"

    def _latex(self, printer: Printer) -> str:
        name = self.in_latex or rf"\operatorname{{{self.syntax}}}"
        return rf"{name}{self._over(_LATEX_ROWS)}\!\left({printer._print(self.argument)}\right)"

    def _numpycode(self, printer: Printer) -> str:
        return f"_{self.syntax}({printer._print(self.argument)}, {self.axis})"


class Sums(_Along):
    """The sum over the rows (axis 0: the result is a row) or over the columns (axis 1: the result is a column)."""

    syntax = "sum"
    precedence = PRECEDENCE["Mul"]

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        return _sum_over(*self._line(i, j))

    def _text(self, printer: Printer) -> str:
        return f"Σ_{self._axis_words.replace(' ', '')} {printer.summand(self.argument)}"

    def _latex(self, printer: Printer) -> str:
        return rf"\sum_{{\text{{{self._axis_words}}}}} {printer.summand(self.argument)}"

    _numpycode = _Along._typed


class LogSumExp(_Along):
    """log Σ exp over the rows (axis 0) or over the columns (axis 1)."""

    syntax = "logsumexp"

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        entry, size = self._line(i, j)
        return sympy.log(_sum_over(lambda k: sympy.exp(entry(k)), size))


class Softmax(_Along):
    """exp(Z) divided by its sum over the columns (axis 1: each row adds up to 1) or the rows (axis 0)."""

    syntax = "softmax"
    reduces = False

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        entry, size = self._line(i, j)
        return sympy.exp(self.argument._entry(i, j)) / _sum_over(lambda k: sympy.exp(entry(k)), size)


class LogSoftmax(_Along):
    """The log of the softmax, Z − log Σ exp Z along the axis."""

    syntax = "log_softmax"
    in_latex = r"\operatorname{log\,softmax}"
    reduces = False

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        entry, size = self._line(i, j)
        return self.argument._entry(i, j) - sympy.log(_sum_over(lambda k: sympy.exp(entry(k)), size))


class Largest(_Along):
    """The largest entry of each column (axis 0) or of each row (axis 1)."""

    syntax = "max"
    in_latex = r"\max"

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        entry, size = self._line(i, j)
        return sympy.Max(*[entry(Integer(k)) for k in range(int(size))])


class AtLargest(_Along):
    """1 at the largest entry of each column (axis 0) or row (axis 1), 0 elsewhere; k equal largest entries get 1/k.

    It is the derivative of `Largest`, and constant except where another entry becomes the largest.
    """

    syntax = "at_max"
    reduces = False
    is_step = True

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        entry, size = self._line(i, j)
        line = [entry(Integer(k)) for k in range(int(size))]
        here = [sympy.Piecewise((1, one >= sympy.Max(*line)), (0, True)) for one in line]
        return here[int(i if self.axis == ROWS else j)] / sympy.Add(*here)

    def _text(self, printer: Printer) -> str:
        inner = printer._print(self.argument)
        return f"[{inner} = max{self._over('_rows')}({inner})]"

    def _latex(self, printer: Printer) -> str:
        inner = printer._print(self.argument)
        return rf"\left[{inner} = \max{self._over(_LATEX_ROWS)}\left({inner}\right)\right]"


class Broadcast(MatrixOperation):
    """A row or a column repeated to rows × columns, such as 1 b, the column of ones times the row b.

    An array of other axes is repeated by NumPy's rule: the shapes are aligned at the right.
    """

    syntax = "broadcast_to"

    @property
    def shape(self) -> Shape:
        """Return the shape to which the argument is repeated."""
        return tuple(self.args[1:])

    @property
    def is_of_matrices(self) -> bool:
        """Return True for a row or a column that is repeated to a matrix."""
        return len(self.shape) == len(self.argument.shape) == 2

    @property
    def axis(self) -> int:
        """Return the axis along which a row or a column is repeated."""
        return ROWS if self.argument.shape[0] != self.shape[0] else COLUMNS

    @property
    def repeated(self) -> tuple[int, ...]:
        """Return the axes of the result along which the entries are repeated."""
        inner = (Integer(1),) * (len(self.shape) - len(self.argument.shape)) + tuple(self.argument.shape)
        pairs = enumerate(zip(inner, self.shape, strict=True))
        return tuple(axis for axis, (size, target) in pairs if size != target)

    def check(self) -> None:
        """Require an array, such as a row or a column, that can be repeated to the shape."""
        super().check()
        inner, target = self.argument.shape, self.shape
        aligned = target[len(target) - len(inner) :]
        fits = len(inner) <= len(target) and all(n in (1, size) for n, size in zip(inner, aligned, strict=True))
        if not fits or (self.is_of_matrices and len(self.repeated) > 1):
            message = f"is {shape_text(inner)}, which cannot be repeated to {shape_text(target)}"
            raise Mismatch(self, lambda show: f"{show(self.argument)} {message}")

    def _entry(self, i: Scalar, j: Scalar, **kwargs: object) -> Expr:
        zero = Integer(0)
        at = (zero, j) if self.axis == ROWS else (i, zero)
        return self.argument._entry(*at, **kwargs)

    def _typed(self, printer: Printer) -> str:
        return printer._print_Broadcast(self)

    _text = _latex = _numpycode = _typed


class Total(_OnMatrix, Expr):
    """The sum of all entries of a matrix, or of another array: a scalar."""

    is_commutative = True
    is_real = True
    precedence = PRECEDENCE["Mul"]
    syntax = "sum"

    def as_sum(self) -> Expr:
        """Return Σᵢⱼ of the entries as a SymPy `Sum`, or term by term if the sizes are numbers."""
        rows, columns = self.argument.shape
        return _sum_over(lambda i: _sum_over(lambda j: self.argument._entry(i, j), columns), rows)

    def _typed(self, printer: Printer) -> str:
        return printer.call("sum", self.argument)

    _numpycode = _typed

    def _text(self, printer: Printer) -> str:
        return self._printed(printer, "Σ ")

    def _latex(self, printer: Printer) -> str:
        return self._printed(printer, r"\sum ")

    def _printed(self, printer: Printer, sign: str) -> str:
        if set(self.argument.shape) == {1}:  # the sum of one entry is that entry
            return printer.summand(self.argument)
        return sign + printer.summand(self.argument)


# What a user writes


def replaced(shape: Shape, axis: int, size: Size) -> Shape:
    """Return a shape with another size, or indices with another index, at one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def axis_of(axis: Any, ndim: int = 2) -> int:
    """Return an axis of an array with so many axes as 0, 1, …; NumPy's -1 and -2 count from the end."""
    if isinstance(axis, bool) or axis not in range(-ndim, ndim):
        if ndim == 2:
            raise ShapeError(f"axis is 0 (over the rows) or 1 (over the columns), not {axis!r}")
        axes = "the only axis is 0" if ndim == 1 else f"the axes are 0 to {ndim - 1}"
        raise ShapeError(f"there is no axis {axis!r}: {axes}")
    return int(axis) % ndim


def total(matrix: Matrix) -> Expression:
    """Return the sum of all entries of a matrix; a scalar is its own sum.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> total(NamedMatrix("A", 3, 2)).as_sum().free_symbols
    {A}
    """
    matrix = operand(matrix)
    return Total(matrix) if is_matrix(matrix) else matrix


def _with_axis(matrix: Matrix, axis: Any) -> tuple[Expression, int]:
    """Return an array and one of its axes, counted from 0."""
    matrix = operand(matrix)
    return matrix, axis_of(axis, len(shape_of(matrix)) or 2)


def sums(matrix: Matrix, axis: int) -> Expression:
    """Return the sums over the rows (axis=0: a 1×K row) or over the columns (axis=1: an N×1 column)."""
    return Sums(*_with_axis(matrix, axis))


def softmax(matrix: Matrix, axis: int = COLUMNS) -> Expression:
    """Return exp divided by its sum along an axis; with axis=1, the entries of each row add up to 1."""
    return Softmax(*_with_axis(matrix, axis))


def log_softmax(matrix: Matrix, axis: int = COLUMNS) -> Expression:
    """Return the log of the softmax along an axis, computed without the quotient."""
    return LogSoftmax(*_with_axis(matrix, axis))


def largest(matrix: Matrix, axis: int | None = None) -> Expression:
    """Return the largest entry along an axis (axis=1: of each row, an N×1 column); axis=None: of the whole matrix."""
    matrix = operand(matrix)
    if axis is None:
        for k in reversed(range(len(matrix.shape))):
            matrix = Largest(matrix, k)
        return Total(matrix)
    return Largest(*_with_axis(matrix, axis))


def logsumexp(matrix: Matrix, axis: int = COLUMNS) -> Expression:
    """Return the log of the sum of exp along an axis; the result for axis=1 is an N×1 column."""
    return LogSumExp(*_with_axis(matrix, axis))


def broadcast(matrix: Matrix, rows: Size, columns: Size) -> Expression:
    """Return a 1×K row or an N×1 column repeated to rows × columns, with a scalar factor in front.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> broadcast(NamedMatrix("b1", 1, 4), "N", 4).shape
    (N, 4)
    """
    matrix, target = operand(matrix), (dimension(rows), dimension(columns))
    if not is_matrix(matrix):
        raise ShapeError(f"broadcast repeats a row or a column, but {matrix} is a scalar")
    return repeated(matrix, target)


def repeated(matrix: Matrix, target: Shape) -> Expression:
    """Return an array repeated to a shape by NumPy's rule, with a scalar factor in front; it has the shape or fits."""
    if matrix.shape == target:
        return matrix
    coefficient, matrix = split(matrix)
    if matrix.shape == (1, 1) and len(target) == 2 and 1 not in target:
        matrix = Broadcast(matrix, 1, target[1])
    return scaled(coefficient, Broadcast(matrix, *target))
