"""What every document says, in order, before any notation: the network, each gradient's route, the result."""

from dataclasses import dataclass
from typing import Any

from symbackprop.backprop import SEVERAL_USES, Step, Tape
from symbackprop.functions import ElementwiseFunction
from symbackprop.maps import Elementwise
from symbackprop.network import postorder


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
    def function_names(self) -> dict[str, str]:
        """A network with one activation calls it f; with several, each keeps its own name."""
        return {self.functions[0].name: "f"} if len(self.functions) == 1 else {}


def outline(tape: Tape) -> Outline:
    """Arrange a tape for reading."""
    gradients = {parameter: _final_step(tape, parameter) for parameter in tape.wrt}
    ends = {i for i, step in enumerate(tape.steps) if step.symbol is not None} | set(gradients.values())
    sections, known = [], set[int]()
    for parameter in sorted(tape.wrt, key=lambda p: _arrival(tape, gradients[p])):
        route = tape.route(parameter.name, known)
        known.update(route)
        sections.append(Section(parameter, tuple(tape.steps[i] for i in route)))
    by_arrival = sorted(ends, key=lambda i: _arrival(tape, i))
    return Outline(tape, _functions(tape), tuple(sections), tuple(tape.steps[i] for i in by_arrival))


def _functions(tape: Tape) -> tuple[ElementwiseFunction, ...]:
    nodes = (node for equation in tape.equations for node in postorder(equation.expression))
    return tuple(dict.fromkeys(node.function.undifferentiated for node in nodes if isinstance(node, Elementwise)))


def _final_step(tape: Tape, parameter: Any) -> int:
    return max(i for i, s in enumerate(tape.steps) if s.before.of == parameter and s.before.through is None)


def _arrival(tape: Tape, position: int) -> tuple[int, int]:
    """When the walk back from the cost has all that a step says; a sum says what its last part brought."""
    step = tape.steps[position]
    return (max(step.needs) if step.rule == SEVERAL_USES else position), position
