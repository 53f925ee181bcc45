"""The content of every document, in any notation: the network, the steps to each gradient, the result."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, count

from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Tape
from symbackprop.errors import ArgumentError, nearest
from symbackprop.expressions.aliases import Expression, Matrix, Shape, Size
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.expressions.functions import Applied, ElementwiseFunction
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import INPUT, ONE_HOT, SCALAR, TARGET
from symbackprop.network.size_conditions import LeastSize, least_sizes
from symbackprop.printing.indices import Indices

DETAILS = ("full", "delta", "result")
VIEWS = ("matrix", "index", "both")


@dataclass(frozen=True)
class ShownFormula:
    """A formula `name = left = right`, or `= right` if it continues the previous line."""

    right: Expression
    left: Expression | None = None
    name: Expression | None = None

    def left_side(self, show: Callable[[Expression], str]) -> str:
        """Return `name = left`, without a part that is None; `show` prints the expressions."""
        return " = ".join(show(part) for part in (self.name, self.left) if part is not None)


@dataclass(frozen=True)
class DocumentLine:
    """A formula in the chosen views, the shape of both sides, and the step that it shows, if any."""

    formulas: tuple[ShownFormula, ...]
    shape: Shape
    step: Step | None = None


@dataclass(frozen=True)
class ParameterSection:
    """The steps to the gradient of one parameter, from the results of earlier sections."""

    parameter: Matrix
    lines: tuple[DocumentLine, ...]


@dataclass(frozen=True)
class Outline:
    """The parts of a document about a tape; a part that its level of detail omits is empty."""

    tape: Tape
    functions: tuple[ElementwiseFunction, ...]  # the elementwise functions of the network
    network: tuple[DocumentLine, ...]
    sections: tuple[ParameterSection, ...]
    result: tuple[DocumentLine, ...]  # the backpropagation equations: a line for each δ and for each gradient

    @property
    def declared(self) -> list[tuple[Expression, str]]:
        """The arguments of the network, each with the word for its role."""
        network = self.tape.network
        words = {s: ROLE_WORDS.get(network.roles[s.name], network.roles[s.name]) for s in network.arguments}
        given = "direction" if network.gradient_prefix else "upstream gradient"
        return [*(words | dict.fromkeys(network.upstream.values(), given)).items()]

    @property
    def examples(self) -> str:
        """The words `Rows are examples`, `Columns are examples` or `One example`."""
        axis, sizes = self.tape.network.examples
        return "One example" if sizes == {1} else f"{('Rows', 'Columns')[axis]} are examples"

    @property
    def least_sizes(self) -> list[LeastSize]:
        """The least sizes, as far as they are above 1."""
        return least_sizes(self.tape.network)

    @property
    def definitions(self) -> list[ElementwiseFunction]:
        """The f, f′, … that documents define, up to the highest derivative in the formulas.

        Definitions such as tanh(z) = tanh(z), and f′′(z) = 0 of a step function, are omitted.
        """
        highest = {f.undifferentiated: f for f in sorted(_applied(self.tape), key=lambda f: f.order)}
        orders = (accumulate(range(highest[f].order + 1), lambda g, _: g.prime, initial=f) for f in self.functions)
        return [f for f in chain.from_iterable(orders) if self._is_defined(f)]

    def _is_defined(self, f: ElementwiseFunction) -> bool:
        if f.order == 0:
            return f.name in self.function_names or type(f.expression).__name__ != f.name
        return f.order == 1 or f.expression != 0

    @property
    def function_names(self) -> dict[str, str]:
        """The letters of elementwise functions by name; see the function `function_names`."""
        return function_names(self.tape)


def function_names(tape: Tape) -> dict[str, str]:
    """Return the letters of functions by name: f for the activation of a network that has only one.

    Several activations keep their names, and so does a function that only the cost uses.
    """
    taken = "f" in tape.network.symbols or "f" in map(str, tape.network.dimensions)
    functions = _functions(tape)
    nodes = (node for e in tape.network.equations for node in postorder(e.expression))
    activations = {node.function for node in nodes if isinstance(node, Elementwise)}
    return {functions[0].name: "f"} if len(functions) == 1 and not taken and functions[0] in activations else {}


def outline(tape: Tape, detail: str = "full", view: str = "matrix") -> Outline:
    """Return the content of a document about a tape.

    Raises `ArgumentError` for an unknown level of detail or view.
    """
    for what, given, known in (("detail", detail, DETAILS), ("view", view, VIEWS)):
        if given not in known:
            raise ArgumentError(f"unknown {what} {given!r}: {nearest(given, known)}")
    arranged = _Arranged(tape, view)
    result = tuple(arranged.result())
    if detail == "result":
        return Outline(tape, (), (), (), result)
    network = tuple(arranged.network())
    sections = tuple(arranged.sections()) if detail == "full" else ()
    return Outline(tape, _functions(tape), network, sections, result)


class _Arranged:
    """The lines of a document in one view."""

    def __init__(self, tape: Tape, view: str):
        self.tape = tape
        self.view = view
        self.indices = Indices(index_letters(tape))

    def line(self, about: Expression, formula: ShownFormula, shape: Shape, step: Step | None = None) -> DocumentLine:
        """Return a formula about a quantity, in the chosen views."""
        shown = [formula] if self.view != "index" else []
        if self.view != "matrix":
            parts = (formula.right, formula.left, formula.name)
            shown.append(
                ShownFormula(*(part if part is None else self.indices.statement(about, part) for part in parts))
            )
        return DocumentLine(tuple(shown), tuple(shape), step)

    def network(self) -> Iterator[DocumentLine]:
        """Yield the equations; ∂J/∂output is given in place of a cost, if the network ends in outputs."""
        given, cost = self.tape.given, self.tape.cost.symbol
        for equation in self.tape.equations[: -1 if given else None]:
            formula = ShownFormula(equation.expression, equation.symbol)
            yield self.line(equation.symbol, formula, shape_of(equation.symbol))
        for output, upstream in given.items():
            yield self.line(output, ShownFormula(upstream, Gradient(cost, output)), shape_of(output))

    def sections(self) -> Iterator[ParameterSection]:
        """Yield the steps to the gradient of each parameter."""
        for section in self.tape.sections:
            lines, last = [], None
            for step in section.steps:
                about = step.before.of if isinstance(step.before, Gradient) else step.wrt
                continues = step.before == last and step.symbol is None
                formula = ShownFormula(step.after, None if continues else step.before, step.symbol)
                lines.append(self.line(about, formula, step.shape, step))
                last = step.after
            yield ParameterSection(section.parameter, tuple(lines))

    def result(self) -> Iterator[DocumentLine]:
        """Yield a line for each δ and each gradient, in the order of the sections."""
        named = {adjoint.of: adjoint for adjoint in self.tape.adjoints}
        cost, used = self.tape.cost.symbol, {adjoint.symbol for adjoint in self.tape.used_adjoints}
        for section in self.tape.sections:
            for step in section.steps:
                if step.symbol in used:
                    adjoint = named[step.node]
                    formula = ShownFormula(adjoint.expression, step.before, adjoint.symbol)
                    yield self.line(step.before.of, formula, step.shape)
            gradient = self.tape.gradients[str(section.parameter.name)]
            yield self.line(
                section.parameter, ShownFormula(gradient, Gradient(cost, section.parameter)), shape_of(gradient)
            )


ROLE_WORDS = {SCALAR: "hyperparameter", ONE_HOT: "one-hot target"}  # of roles that documents do not call by their name


def index_letters(tape: Tape) -> dict[Size, str]:
    """Return the index letter of each size: n for the N examples, h for a layer of width H, …"""
    network = tape.network
    inputs, targets = (
        [symbol for symbol in network.of_role(*roles) if len(shape_of(symbol)) == 2]
        for roles in ((INPUT,), (TARGET, ONE_HOT))
    )
    places = ((inputs, 0, "n"), (targets, 1, "k"), (inputs, 1, "d"))
    usual = {symbols[0].shape[axis]: letter for symbols, axis, letter in places if symbols}
    letters: dict[Size, str] = {}
    for size in dict.fromkeys(n for s in (*network.symbols.values(), *_parts(tape)) for n in shape_of(s)):
        own = str(size).lower() if str(size).isalpha() and len(str(size)) == 1 else usual.get(size, "h")
        candidates = chain([own], "hijlmpqrst", (f"i{number}" for number in count(1)))
        letters[size] = next(letter for letter in candidates if letter not in letters.values())
    return letters


def _parts(tape: Tape) -> Iterator[Expression]:
    return (part for equation in tape.equations for part in postorder(equation.expression))


def _functions(tape: Tape) -> tuple[ElementwiseFunction, ...]:
    """Return the elementwise functions that documents define: all except elementary ones such as exp and log."""
    functions = dict.fromkeys(function.undifferentiated for function in _applied(tape))
    return tuple(function for function in functions if not function.row.elementary)


def _applied(tape: Tape) -> list[ElementwiseFunction]:
    """Return the functions in the equations, each as often as it is applied to a matrix or a scalar."""
    return [part.function for part in _parts(tape) if isinstance(part, Elementwise | Applied)]
