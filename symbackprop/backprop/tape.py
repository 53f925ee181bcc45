"""The tape: plain data about one derivation, from which it is printed, proved, turned into code and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.backprop.step import Step
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.network.network import Equation, Network


@dataclass(frozen=True)
class Adjoint(Equation):
    """A named adjoint: `symbol` = ∂J/∂of = `expression`."""

    of: Expression


@dataclass(frozen=True)
class Section:
    """The steps to one parameter's gradient, from the adjoints that earlier sections found."""

    parameter: Expression
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Tape:
    """A network and its derivation."""

    network: Network
    wrt: tuple[Expression, ...]
    equations: tuple[Equation, ...]  # the equations that the cost needs, the cost last
    adjoints: tuple[Adjoint, ...]  # the named ones: δ3 = …, in order of computation
    gradients: dict[str, Expression]  # by parameter name, in the order of declaration
    sections: tuple[Section, ...]  # one per parameter, from the cost back
    given: Mapping[Expression, Expression] = field(default_factory=dict)  # ∂J/∂output = G, where there is no cost

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps of all sections."""
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def cost(self) -> Equation:
        """Return the equation of the cost."""
        return self.equations[-1]

    @property
    def used_adjoints(self) -> tuple[Adjoint, ...]:
        """Return the named adjoints that a gradient contains: an adjoint may be unused after a cancellation."""
        used: set[Expression] = set().union(*(gradient.free_symbols for gradient in self.gradients.values()))
        kept = []
        for adjoint in reversed(self.adjoints):
            if adjoint.symbol in used:
                used |= adjoint.expression.free_symbols
                kept.append(adjoint)
        return tuple(reversed(kept))

    @property
    def result_names(self) -> tuple[str, ...]:
        """Return the names that an evaluation returns: `J`, `dJdW1`, …"""
        return (self.cost.name, *self.gradient_names)

    @property
    def gradient_names(self) -> tuple[str, ...]:
        """Return the names of the gradients: `dJdW1`, …; `dW1`, … for an upstream gradient."""
        return tuple(map(self.gradient_name, self.gradients))

    def gradient_name(self, parameter: str) -> str:
        """Return `dJdW1` for W1, or `dW1` for an upstream gradient."""
        usual = "d" if self.network.upstream else f"d{self.cost.name}d"
        prefix = self.network.gradient_prefix
        return f"{prefix or usual}{parameter.removeprefix('G_') if prefix == 'Jv_' else parameter}"

    def partials(self) -> dict[str, Gradient]:
        """Return ∂J/∂v by its name, for each named adjoint and each gradient."""
        cost = self.cost.symbol
        adjoints = {adjoint.name: Gradient(cost, adjoint.of) for adjoint in self.adjoints}
        return adjoints | {self.gradient_name(p.name): Gradient(cost, p) for p in self.wrt}
