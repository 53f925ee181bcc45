"""What every document says, in order, before any notation: the network, each gradient's route, the result."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from sympy import Expr

from symbackprop.backprop.tape import Step, Tape
from symbackprop.errors import ArgumentError, nearest
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import INPUT, ONE_HOT, SCALAR, TARGET
from symbackprop.printing.indices import Indices

DETAILS = ("full", "delta", "result")
VIEWS = ("matrix", "index", "both")


@dataclass(frozen=True)
class Formula:
    """`name = left = right`, or `= right` where it goes on from the line before."""

    right: Any
    left: Any = None
    name: Any = None


@dataclass(frozen=True)
class Line:
    """A formula in the wanted views, the shape of both its sides, and the step that it is, if it is one."""

    formulas: tuple[Formula, ...]
    shape: tuple[Any, ...]
    step: Step | None = None


@dataclass(frozen=True)
class Section:
    """The route to one parameter's gradient, from what earlier sections found."""

    parameter: Any
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Outline:
    """The parts of a document about a tape; what its level of detail leaves out is empty."""

    tape: Tape
    functions: tuple[ElementwiseFunction, ...]  # the elementwise functions of the network
    network: tuple[Line, ...]
    sections: tuple[Section, ...]
    result: tuple[Line, ...]  # the backpropagation equations: a line for each δ and for each gradient

    @property
    def examples(self) -> str:
        axis, _ = self.tape.network.examples
        return f"{('Rows', 'Columns')[axis]} are examples"

    @property
    def definitions(self) -> list[ElementwiseFunction]:
        """f and f′ for each function, but for the f that its own name says: tanh(z) = tanh(z)."""
        return [
            f
            for function in self.functions
            for f in (function, function.prime)
            if f.order or f.name in self.function_names or type(f.expression).__name__ != f.name
        ]

    @property
    def function_names(self) -> dict[str, str]:
        return function_names(self.tape)


def function_names(tape: Tape) -> dict[str, str]:
    """A network with one activation calls it f; of several each keeps its name, and so does one of the cost alone."""
    taken = "f" in tape.network.symbols or "f" in map(str, tape.network.dimensions)
    functions = _functions(tape)
    parts = (part for e in tape.network.equations for part in postorder(e.expression))
    activations = {part.function for part in parts if isinstance(part, Elementwise)}
    return {functions[0].name: "f"} if len(functions) == 1 and not taken and functions[0] in activations else {}


def outline(tape: Tape, detail: str = "full", view: str = "matrix") -> Outline:
    """Arrange a tape for reading.

    Raises `ArgumentError` for a level of detail or a view that there is not.
    """
    for what, given, known in (("detail", detail, DETAILS), ("view", view, VIEWS)):
        if given not in known:
            raise ArgumentError(f"unknown {what} {given!r}: {nearest(given, known)}")
    arranged = _Arranged(tape, view)
    result = tuple(arranged.result())
    if detail == "result":
        return Outline(tape, (), (), (), result)
    network = tuple(arranged.equation(e.symbol, e.expression) for e in tape.equations)
    sections = tuple(arranged.sections()) if detail == "full" else ()
    return Outline(tape, _functions(tape), network, sections, result)


class _Arranged:
    """The lines of a document in one view."""

    def __init__(self, tape: Tape, view: str):
        self.tape = tape
        self.view = view
        self.indices = Indices(index_letters(tape))

    def line(self, about: Any, formula: Formula, shape: Any, step: Step | None = None) -> Line:
        """A formula about a quantity, in the wanted views."""
        shown = [formula] if self.view != "index" else []
        if self.view != "matrix":
            sides = (formula.left, formula.right) if formula.left is not None else (formula.right,)
            rewritten = self.indices.statement(about, *sides)
            name = None if formula.name is None else self.indices.statement(about, formula.name)[0]
            left = rewritten[0] if formula.left is not None else None
            shown.append(Formula(rewritten[-1], left, name))
        return Line(tuple(shown), tuple(shape), step)

    def equation(self, symbol: Any, expression: Any) -> Line:
        return self.line(symbol, Formula(expression, symbol), shape_of(symbol))

    def sections(self) -> Iterator[Section]:
        for section in self.tape.sections:
            lines, last = [], None
            for step in section.steps:
                about = step.before.of if isinstance(step.before, Gradient) else step.wrt
                goes_on = step.before == last and step.symbol is None
                formula = Formula(step.after, None if goes_on else step.before, step.symbol)
                lines.append(self.line(about, formula, step.shape, step))
                last = step.after
            yield Section(section.parameter, tuple(lines))

    def result(self) -> Iterator[Line]:
        """The δ's and the gradients, in the order in which the sections find them."""
        named = {adjoint.of: adjoint for adjoint in self.tape.adjoints}
        cost, used = self.tape.cost.symbol, {adjoint.symbol for adjoint in self.tape.used_adjoints}
        for section in self.tape.sections:
            for step in section.steps:
                if step.symbol in used:
                    adjoint = named[step.node]
                    formula = Formula(adjoint.expression, step.before, adjoint.symbol)
                    yield self.line(step.before.of, formula, step.shape)
            gradient = self.tape.gradients[str(section.parameter.name)]
            yield self.line(section.parameter, Formula(gradient, Gradient(cost, section.parameter)), gradient.shape)


ROLE_WORDS = {SCALAR: "hyperparameter", ONE_HOT: "one-hot target"}  # where it is not called as it is typed


def index_letters(tape: Tape) -> dict[Expr, str]:
    """The letter that runs over each dimension: n over the N examples, h over a layer of width H, …"""
    network = tape.network
    inputs, targets = network.of_role(INPUT), network.of_role(TARGET, ONE_HOT)
    places = ((inputs, 0, "n"), (targets, 1, "k"), (inputs, 1, "d"))
    usual = {symbols[0].shape[axis]: letter for symbols, axis, letter in places if symbols}
    letters: dict[Expr, str] = {}
    for size in dict.fromkeys(n for s in (*network.symbols.values(), *_parts(tape)) for n in shape_of(s)):
        own = str(size).lower() if str(size).isalpha() and len(str(size)) == 1 else usual.get(size, "h")
        candidates = chain([own], "hijlmpqrst", (f"i{rank}" for rank in count(1)))
        letters[size] = next(letter for letter in candidates if letter not in letters.values())
    return letters


def _parts(tape: Tape) -> Iterator[Any]:
    return (part for equation in tape.equations for part in postorder(equation.expression))


def _functions(tape: Tape) -> tuple[ElementwiseFunction, ...]:
    """The functions that a reader should be told of."""
    maps = (part for part in _parts(tape) if isinstance(part, Elementwise))
    functions = dict.fromkeys(part.function.undifferentiated for part in maps)
    return tuple(function for function in functions if not function.row.elementary)
