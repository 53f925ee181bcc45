"""The tape: plain data about one derivation. What is printed, proved, generated and checked comes from it."""

from dataclasses import dataclass
from typing import Any

from symbackprop.backprop.wording import note, why
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.network.network import Equation, Network
from symbackprop.printing.text import text


@dataclass(frozen=True)
class Adjoint(Equation):
    """A named adjoint: `symbol` = ∂J/∂of = `expression`."""

    of: Any


@dataclass(frozen=True)
class Step:
    """One line of a derivation: `before` equals `after`, by a rule.

    Both are ∂J/∂v, or sums over the entries of terms such as δ3 ⊙ ∂z3/∂W, for each entry of W; `shape` is that of v
    or W. `node` is the quantity that the rule works on, `expression` what it is made by, and `parts` are those of its
    parts that are derived in their turn. `constants` do not depend on W; `held` do, but what comes through them is a
    term of its own. `symbol` is the name that ∂J/∂node gets, if this line gives it one.
    """

    rule: str
    before: Any
    after: Any
    shape: tuple[Any, ...]
    wrt: Any
    node: Any = None
    expression: Any = None
    parts: tuple[Any, ...] = ()
    constants: tuple[Any, ...] = ()
    held: tuple[Any, ...] = ()
    symbol: Any = None
    known: tuple[tuple[Any, Any], ...] = ()  # quantities with their ∂J/∂…, from which the route goes on
    slope: Any = None  # f′ at its argument, in the form that the line has
    row: str = "row"  # what a row of the node, or of what is summed, is called: an example, where it is one
    column: str = "column"  # and what a column is

    @property
    def note(self) -> str:
        """The side condition: `y is constant`."""
        return note(self, text)

    @property
    def why(self) -> str:
        """One plain sentence about the rule."""
        return why(self, text)


@dataclass(frozen=True)
class Section:
    """The route to one parameter's gradient, from what earlier sections found."""

    parameter: Any
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Tape:
    """A network and its derivation."""

    network: Network
    wrt: tuple[Any, ...]
    equations: tuple[Equation, ...]  # those that the cost needs, the cost last
    adjoints: tuple[Adjoint, ...]  # the named ones: δ3 = …, in order of computation
    gradients: dict[str, Any]  # by parameter name, in declared order
    sections: tuple[Section, ...]  # one a parameter, from the cost back

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def cost(self) -> Equation:
        return self.equations[-1]

    @property
    def used_adjoints(self) -> tuple[Adjoint, ...]:
        """Those that a gradient is made of: others are left behind where something cancels."""
        used: set[Any] = set().union(*(gradient.free_symbols for gradient in self.gradients.values()))
        kept = []
        for adjoint in reversed(self.adjoints):
            if adjoint.symbol in used:
                used |= adjoint.expression.free_symbols
                kept.append(adjoint)
        return tuple(reversed(kept))

    @property
    def result_names(self) -> tuple[str, ...]:
        """What an evaluation returns: `J`, `dJdW1`, …"""
        return (self.cost.name, *(self.gradient_name(name) for name in self.gradients))

    def gradient_name(self, parameter: str) -> str:
        """`dJdW1` for W1."""
        return f"d{self.cost.name}d{parameter}"

    def partials(self) -> dict[str, Gradient]:
        """The ∂J/∂… that each adjoint's and each gradient's name stands for."""
        cost = self.cost.symbol
        adjoints = {adjoint.name: Gradient(cost, adjoint.of) for adjoint in self.adjoints}
        return adjoints | {self.gradient_name(p.name): Gradient(cost, p) for p in self.wrt}
