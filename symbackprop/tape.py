"""The tape: plain data about one derivation. What is printed, proved, generated and checked comes from it."""

from dataclasses import dataclass
from typing import Any

from sympy import Basic

from symbackprop.errors import listed
from symbackprop.network import Equation, Network
from symbackprop.printing.text import text

SEVERAL_USES = "sum over all uses"
SAME_QUANTITY = "same quantity"
NO_DEPENDENCE = "constant rule"


class Partial(Basic):
    """∂J/∂v as it stands before it is worked out; `through` is the use of v that is looked at, if one is."""

    def __new__(cls, cost: Basic, of: Basic, through: Basic | None = None) -> "Partial":
        return Basic.__new__(cls, *([cost, of] if through is None else [cost, of, through]))

    @property
    def cost(self) -> Any:
        return self.args[0]

    @property
    def of(self) -> Any:
        return self.args[1]

    @property
    def through(self) -> Any:
        return self.args[2] if len(self.args) > 2 else None


@dataclass(frozen=True)
class Step:
    """One application of one rule: `before` (a ∂J/∂…) equals `after`, which has `shape`.

    `constants` are what the rule took as constant, `symbol` is the name that the result gets, if it gets
    one, and `needs` are the positions of the steps it builds on.
    """

    rule: str
    before: Partial
    after: Any
    shape: tuple[Any, ...]
    constants: tuple[Any, ...] = ()
    symbol: Any = None
    needs: tuple[int, ...] = ()

    @property
    def note(self) -> str:
        """The side condition in words: `y is constant`."""
        return constants_in_words(self.rule, [text(c) for c in self.constants], text(self.before.of))


def constants_in_words(rule: str, constants: list[str], of: str) -> str:
    """The side condition of a step, from its constants as they are printed."""
    if rule == NO_DEPENDENCE:
        return f"{listed(constants)} does not depend on {of}"
    return f"{listed(constants)} {'is' if len(constants) == 1 else 'are'} constant" if constants else ""


@dataclass(frozen=True)
class Tape:
    """A network and its derivation."""

    network: Network
    wrt: tuple[Any, ...]
    equations: tuple[Equation, ...]  # those that the cost needs, the cost last
    adjoints: tuple[Equation, ...]  # the named ones: δ3 = …, in order of computation
    gradients: dict[str, Any]  # by parameter name, in declared order
    steps: tuple[Step, ...]

    @property
    def cost(self) -> Equation:
        return self.equations[-1]

    @property
    def result_names(self) -> tuple[str, ...]:
        """What an evaluation returns: `J`, `dJdW1`, …"""
        return (self.cost.name, *(self.gradient_name(name) for name in self.gradients))

    def gradient_name(self, parameter: str) -> str:
        """`dJdW1` for W1."""
        return f"d{self.cost.name}d{parameter}"
