"""What every document says, in order, before any notation: the network, each gradient's route, the result."""

from dataclasses import dataclass
from typing import Any

from symbackprop.functions import ElementwiseFunction
from symbackprop.maps import Elementwise
from symbackprop.nodes import postorder
from symbackprop.tape import SEVERAL_USES, Step, Tape


@dataclass(frozen=True)
class Section:
    """The route to one parameter's gradient, from what earlier sections found."""

    parameter: Any
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Outline:
    """The parts of a document about a tape."""

    tape: Tape
    functions: tuple[ElementwiseFunction, ...]  # the elementwise functions of the network
    sections: tuple[Section, ...]
    result: tuple[Step, ...]  # the backpropagation equations: the steps that end in a δ or in a gradient

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
        """A network with one activation calls it f; with several, each keeps its own name."""
        taken = "f" in self.tape.network.symbols or "f" in map(str, self.tape.network.dimensions)
        return {self.functions[0].name: "f"} if len(self.functions) == 1 and not taken else {}


def outline(tape: Tape) -> Outline:
    """Arrange a tape for reading."""
    whole = {step.before.of: i for i, step in enumerate(tape.steps) if step.before.through is None}
    parameters = sorted(tape.wrt, key=lambda p: _arrival(tape, whole[p]))
    known: set[int] = set()
    sections = [Section(parameter, _route(tape, whole[parameter], known)) for parameter in parameters]
    ends = {i for i, step in enumerate(tape.steps) if step.symbol is not None} | {whole[p] for p in tape.wrt}
    result = [tape.steps[i] for i in sorted(ends, key=lambda i: _arrival(tape, i))]
    return Outline(tape, _functions(tape), tuple(sections), tuple(result))


def _route(tape: Tape, end: int, known: set[int]) -> tuple[Step, ...]:
    """The steps that lead to one, without those already known; they are known from then on."""
    route, pending = [], [end]
    while pending:
        position = pending.pop()
        if position not in known:
            known.add(position)
            route.append(position)
            pending += tape.steps[position].needs
    return tuple(tape.steps[i] for i in sorted(route))


def _functions(tape: Tape) -> tuple[ElementwiseFunction, ...]:
    nodes = (node for equation in tape.equations for node in postorder(equation.expression))
    return tuple(dict.fromkeys(node.function.undifferentiated for node in nodes if isinstance(node, Elementwise)))


def _arrival(tape: Tape, position: int) -> tuple[int, int]:
    """When the walk back from the cost has all that a step says; a sum says what its last part brought."""
    step = tape.steps[position]
    return (max(step.needs) if step.rule == SEVERAL_USES else position), position
