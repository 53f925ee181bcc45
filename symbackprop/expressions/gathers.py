"""Nodes that only move entries: transposes of axes, reshapes, windows, every second entry, axes turned round.

A gather says, for each place of its result, the place of its argument (`source`): one line that serves symbols in a
proof, numbers in the reference evaluation, and formulas entry by entry. Its adjoint, `Scattered`, adds up at each place
what was taken from there.
"""

from collections.abc import Sequence
from typing import Any

from sympy import Basic, Integer, Mul, expand
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.printer import Printer

from symbackprop.errors import shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Shape, Size
from symbackprop.expressions.matrices import NamedMatrix, Ones, Transpose, Zeros, scaled, split
from symbackprop.expressions.operations import MatrixOperation, Sums, replaced
from symbackprop.expressions.places import divided
from symbackprop.expressions.shapes import Mismatch, is_size

Places = tuple[Any, ...]


class Gather(MatrixOperation):
    """A node whose entries are entries of its argument: those at `source`."""

    precedence = PRECEDENCE["Atom"]

    def source(self, at: Places) -> Places:
        """Return the place in the argument of the entry at a place: indices, numbers, or arrays of numbers."""
        raise NotImplementedError

    def adjoint(self, G: Matrix) -> Expression:
        """Return the adjoint of the argument, given that of the result."""
        coefficient, G = split(G)
        return scaled(coefficient, Zeros(*self.argument.shape) if isinstance(G, Zeros) else Scattered(self, G))

    def on(self, argument: Matrix) -> "Gather":
        """Return the same gather of another argument."""
        return self.func(argument, *self.args[1:])

    def _called(self, name: str, *settings: object) -> str:
        return f"{name}({', '.join(map(str, settings))})"

    def _latex(self, printer: Printer) -> str:
        name, settings = self._words(printer)
        return rf"\operatorname{{{name}}}_{{{settings}}}\!\left({printer._print(self.argument)}\right)"

    def _words(self, printer: Printer) -> tuple[str, str]:
        """Return the name of the operation, and its settings, for LaTeX."""
        raise NotImplementedError


class Permute(Gather):
    """The axes in another order: axis k of the result is axis `axes[k]` of the argument."""

    syntax = "transpose"

    @property
    def axes(self) -> tuple[int, ...]:
        """Return the axes of the argument in the order of the result."""
        return tuple(map(int, self.args[1:]))

    @property
    def shape(self) -> Shape:
        """Return the sizes in the new order."""
        return tuple(self.argument.shape[axis] for axis in self.axes)

    def check(self) -> None:
        """Require each axis of the argument once."""
        super().check()
        if sorted(self.axes) != list(range(len(self.argument.shape))):
            raise Mismatch(self, lambda show: f"{show(self.argument)} has no axes {self.axes} to be put in order")

    def source(self, at: Places) -> Places:
        """Return the indices in the order of the argument."""
        return tuple(at[self.axes.index(axis)] for axis in range(len(at)))

    def adjoint(self, G: Matrix) -> Expression:
        """Return the adjoint with its axes turned back."""
        return permuted(G, [self.axes.index(axis) for axis in range(len(self.axes))])

    def _typed(self, printer: Printer) -> str:
        return f"{printer.bracket_name(self.argument)}.{self._called('transpose', *self.axes)}"

    _text = _numpycode = _typed

    def _words(self, printer: Printer) -> tuple[str, str]:
        return "transpose", ", ".join(map(str, self.axes))


class Reshape(Gather):
    """The same entries, in the same order, in another shape."""

    syntax = "reshape"

    @property
    def shape(self) -> Shape:
        """Return the new shape."""
        return tuple(self.args[1:])

    def check(self) -> None:
        """Require as many entries as the argument has."""
        super().check()
        inner, outer = self.argument.shape, self.shape
        if expand(Mul(*inner) - Mul(*outer)) != 0:
            raise Mismatch(
                self,
                lambda show: f"{show(self.argument)} is {shape_text(inner)} and cannot be put into {shape_text(outer)}",
            )

    def source(self, at: Places) -> Places:
        """Return the place in the argument, within each group of axes that have as many entries together."""
        found: list[Any] = []
        for inner, outer in grouped(self.argument.shape, self.shape):
            flat: Any = Integer(0)
            for axis in outer:
                flat = flat * self.shape[axis] + at[axis]
            digits = []
            for axis in reversed(inner[1:]):  # what is left over is the place on the first axis of the group
                flat, digit = divided(flat, self.argument.shape[axis])
                digits.append(digit)
            found += [flat, *reversed(digits)] if inner else []
        return tuple(found)

    def adjoint(self, G: Matrix) -> Expression:
        """Return the adjoint in the shape of the argument."""
        return reshaped(G, self.argument.shape)

    @property
    def dropped(self) -> tuple[int, ...]:
        """Return the axes, over which the argument is a sum, that are left out; else no axes."""
        axes = summed_axes(self.argument)
        kept = tuple(size for axis, size in enumerate(self.argument.shape) if axis not in axes)
        return axes if kept == self.shape else ()

    def _typed(self, printer: Printer) -> str:
        if self.dropped:
            return _sum_in_code(self.argument, printer, keepdims=False)
        return f"{printer.bracket_name(self.argument)}.{self._called('reshape', *map(printer._print, self.shape))}"

    _numpycode = _typed

    def _text(self, printer: Printer) -> str:
        return printer._print(self.argument) if self.only_drops else self._typed(printer)

    @property
    def only_drops(self) -> bool:
        """Return True if axes of one entry come or go, and nothing else changes."""
        return [n for n in self.shape if n != 1] == [n for n in self.argument.shape if n != 1]

    def _latex(self, printer: Printer) -> str:
        return printer._print(self.argument) if self.only_drops else super()._latex(printer)

    def _words(self, printer: Printer) -> tuple[str, str]:
        return "reshape", printer.shape(self.shape)


class Window(Gather):
    """All windows of `size` neighbouring places along an axis; the places in a window are a new last axis."""

    syntax = "sliding_window_view"

    @property
    def axis(self) -> int:
        """Return the axis along which the windows lie."""
        return int(self.args[1])

    @property
    def size(self) -> Size:
        """Return the number of places in a window."""
        return self.args[2]

    @property
    def shape(self) -> Shape:
        """Return the shape with the number of windows along the axis, and the size of a window at the end."""
        count = expand(self.argument.shape[self.axis] - self.size + 1)
        return (*replaced(self.argument.shape, self.axis, count), self.size)

    def check(self) -> None:
        """Require that a window fits whatever the sizes are."""
        super().check()
        whole = self.argument.shape[self.axis]
        if not is_size(expand(whole - self.size + 1)):
            raise Mismatch(
                self,
                lambda show: (
                    f"{show(self.argument)} has {whole} entries along axis {self.axis}, and windows of {self.size} "
                    "do not fit whatever the sizes are"
                ),
            )

    def source(self, at: Places) -> Places:
        """Return the place of an entry of a window."""
        *rest, tap = at
        return replaced(tuple(rest), self.axis, rest[self.axis] + tap)

    def _typed(self, printer: Printer) -> str:
        name, inner = printer.named(self.syntax), printer._print(self.argument)
        return f"{name}({inner}, {printer._print(self.size)}, axis={self.axis})"

    def _numpycode(self, printer: Printer) -> str:
        return f"np.lib.stride_tricks.{self._typed(printer).removeprefix('np.')}"

    def _text(self, printer: Printer) -> str:
        return f"windows({printer._print(self.argument)}, {printer._print(self.size)}, axis={self.axis})"

    def _words(self, printer: Printer) -> tuple[str, str]:
        return "windows", rf"{printer._print(self.size)},\,\text{{axis {self.axis}}}"


class Strided(Gather):
    """The entries start, start + step, … along an axis, `count` of them; a negative step turns the axis round."""

    @property
    def axis(self) -> int:
        """Return the axis."""
        return int(self.args[1])

    @property
    def steps(self) -> tuple[Size, Size, Size]:
        """Return (start, step, count)."""
        return tuple(self.args[2:])

    @property
    def shape(self) -> Shape:
        """Return the shape with the number of entries that are taken."""
        return replaced(self.argument.shape, self.axis, self.steps[2])

    def check(self) -> None:
        """Require that the first and the last entry are on the axis whatever the sizes are."""
        super().check()
        start, step, count = self.steps
        size, last = self.argument.shape[self.axis], expand(start + step * (count - 1))
        ends = (start, last, expand(size - 1 - start), expand(size - 1 - last))
        if not (all(end.is_nonnegative for end in ends) and count.is_positive and step.is_nonzero):
            raise Mismatch(
                self,
                lambda show: (
                    f"{show(self.argument)} has {size} entries along axis {self.axis}; {count} of them from {start} in "
                    f"steps of {step} are not a part of them whatever the sizes are"
                ),
            )

    def source(self, at: Places) -> Places:
        """Return the place of the entry that is taken."""
        start, step, _ = self.steps
        return replaced(at, self.axis, start + step * at[self.axis])

    def slice_code(self, printer: Printer) -> str:
        """Return the slice in NumPy's syntax."""
        start, step, count = self.steps
        size, stop = self.argument.shape[self.axis], expand(start + step * (count - 1) + (1 if step > 0 else -1))
        first = "" if start == (0 if step > 0 else size - 1) else printer._print(start)
        last = "" if stop in ((size,) if step > 0 else (-1,)) else printer._print(stop)
        return ", ".join([":"] * self.axis + [f"{first}:{last}:{printer._print(step)}"])

    def _typed(self, printer: Printer) -> str:
        return f"{printer.bracket_name(self.argument)}[{self.slice_code(printer)}]"

    _text = _numpycode = _typed

    def _latex(self, printer: Printer) -> str:
        return f"{printer.bracket_name(self.argument)}_{{{self.slice_code(printer)}}}".replace(", ", r",\,")


class Scattered(MatrixOperation):
    """The adjoint of a gather: at each place of its argument, the sum of all that was taken from there.

    `args` are the gather, of a symbol that has the shape of its argument, and G in the shape of the gather.
    """

    precedence = PRECEDENCE["Atom"]

    def __new__(cls, gather: Gather, G: Matrix) -> Matrix:
        """Return the node; of the gather's argument nothing but the shape is kept."""
        return Basic.__new__(cls, gather.on(NamedMatrix("whole", *gather.argument.shape)), G)

    @property
    def gather(self) -> Gather:
        """Return the gather."""
        return self.args[0]

    @property
    def argument(self) -> Matrix:
        """Return G."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        """Return the shape of the gather's argument."""
        return self.gather.argument.shape

    @property
    def free_symbols(self) -> set[Basic]:
        """Return those of G and of the sizes."""
        sizes = {symbol for size in self.shape for symbol in size.free_symbols}
        return set(self.argument.free_symbols) | sizes

    def check(self) -> None:
        """Require an adjoint in the shape of the gather."""
        super().check()
        if self.argument.shape != self.gather.shape:
            shape = shape_text(self.gather.shape)
            raise Mismatch(
                self, lambda show: f"{show(self.argument)} is {shape_text(self.argument.shape)}, not {shape}"
            )

    def _typed(self, printer: Printer) -> str:
        kind = {Window: "windows", Strided: "strided"}.get(type(self.gather), "places")
        settings = ", ".join(map(printer._print, self.gather.args[2:]))
        return f"added_at_{kind}({printer._print(self.argument)}, {settings}, axis={self.gather.args[1]})"

    _text = _typed

    def _numpycode(self, printer: Printer) -> str:
        inner, axis = printer._print(self.argument), self.gather.args[1]
        if isinstance(self.gather, Window):
            return f"_overlap_add({inner}, {axis}, {printer.shape_code(self.shape)})"
        start, step = map(printer._print, self.gather.args[2:4])
        return f"_put_apart({inner}, {axis}, {start}, {step}, {printer.shape_code(self.shape)})"

    def _latex(self, printer: Printer) -> str:
        settings = r",\,".join([*map(printer._print, self.gather.args[2:]), rf"\text{{axis {self.gather.args[1]}}}"])
        name = {Window: "windows", Strided: "steps"}.get(type(self.gather), "places")
        return rf"\operatorname{{add\_at\_{name}}}_{{{settings}}}\!\left({printer._print(self.argument)}\right)"


def grouped(one: Shape, other: Shape) -> list[tuple[list[int], list[int]]]:
    """Return the axes of two shapes of as many entries, in the smallest groups that have as many entries.

    >>> from sympy import symbols
    >>> B, T, D = symbols("B T D", integer=True, positive=True)
    >>> grouped((B, T, D), (B * T, D))
    [([0, 1], [0]), ([2], [1])]
    """
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(one) or j < len(other):
        inner, outer = ([i] if i < len(one) else []), ([j] if j < len(other) else [])
        a, b = _entries(one, inner), _entries(other, outer)
        if a != b and 1 in (a, b):  # an axis of one entry comes or goes
            inner, outer = (inner, []) if a == 1 and inner else ([], outer)
        while inner and outer and expand(_entries(one, inner) - _entries(other, outer)) != 0:
            fewer = (_entries(other, outer) / _entries(one, inner)).is_integer
            can_grow = inner[-1] + 1 < len(one)
            if can_grow and (fewer or outer[-1] + 1 == len(other)):
                inner.append(inner[-1] + 1)
            else:
                outer.append(outer[-1] + 1)
        groups.append((inner, outer))
        i, j = i + len(inner), j + len(outer)
    return groups


def _entries(shape: Shape, axes: Sequence[int]) -> Size:
    return Mul(*(shape[axis] for axis in axes))


def summed_axes(matrix: Matrix) -> tuple[int, ...]:
    """Return the axes over which an expression is a sum: those of the sums that it is made of, one after the other."""
    axes = []
    while isinstance(matrix, Sums):
        axes.append(matrix.axis)
        matrix = matrix.argument
    return tuple(sorted(axes))


def _sum_in_code(matrix: Matrix, printer: Printer, *, keepdims: bool) -> str:
    axes = summed_axes(matrix)
    while isinstance(matrix, Sums):
        matrix = matrix.argument
    over = str(axes[0]) if len(axes) == 1 else str(axes)
    return f"{printer.named('sum')}({printer._print(matrix)}, axis={over}{', keepdims=True' * keepdims})"


# Constructors


def permuted(matrix: Matrix, axes: Sequence[int]) -> Expression:
    """Return an array with its axes in another order, with the scalar factor in front; of a matrix, its transpose."""
    coefficient, matrix = split(matrix)
    if list(axes) == list(range(len(axes))):
        return scaled(coefficient, matrix)
    if isinstance(matrix, Ones | Zeros):
        return scaled(coefficient, matrix.func(*(matrix.shape[axis] for axis in axes)))
    if len(axes) == 2:
        return scaled(coefficient, matrix.args[0] if isinstance(matrix, Transpose) else Transpose(matrix))
    if isinstance(matrix, Permute):
        return scaled(coefficient, permuted(matrix.argument, [matrix.axes[axis] for axis in axes]))
    return scaled(coefficient, Permute(matrix, *axes))


def reshaped(matrix: Matrix, shape: Sequence[Size]) -> Expression:
    """Return an array in another shape, with the scalar factor in front; a shape of a shape is one reshape."""
    coefficient, matrix = split(matrix)
    if isinstance(matrix, Reshape):
        matrix = matrix.argument
    if tuple(shape) == tuple(matrix.shape):
        return scaled(coefficient, matrix)
    if isinstance(matrix, Ones | Zeros):
        return scaled(coefficient, matrix.func(*shape))
    return scaled(coefficient, Reshape(matrix, *shape))


def without_axes(matrix: Matrix, axes: Sequence[int]) -> Expression:
    """Return an array without these axes, which have one entry each."""
    return reshaped(matrix, [size for axis, size in enumerate(matrix.shape) if axis not in axes])


def summed(matrix: Matrix, axes: Sequence[int]) -> Expression:
    """Return the sums over some axes, which stay with one entry each, with the scalar factor in front."""
    coefficient, matrix = split(matrix)
    for axis in axes:
        if isinstance(matrix, Ones):
            coefficient = coefficient * matrix.shape[axis]
            matrix = Ones(*replaced(matrix.shape, axis, Integer(1)))
        elif matrix.shape[axis] != 1:
            matrix = Sums(matrix, axis)
    return scaled(coefficient, matrix)
