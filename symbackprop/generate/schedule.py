"""The order of computation: one forward pass, shared by the cost and by every gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from symbackprop.backprop import Tape
from symbackprop.maps import Elementwise
from symbackprop.network import Equation, postorder
from symbackprop.nodes import NamedMatrix

FORWARD, COST, BACKWARD, GRADIENT = "forward", "cost", "backward", "gradient"


@dataclass(frozen=True)
class Statement:
    """`name = expression`, the part of the computation it belongs to, and the expression as it was derived."""

    part: str
    name: str
    expression: Any
    derived: Any


@dataclass(frozen=True)
class Schedule:
    """Statements in order, and which name holds the value of which elementwise map."""

    statements: tuple[Statement, ...]
    outputs: dict[Elementwise, str]

    def forward(self) -> tuple[Statement, ...]:
        """What the cost alone needs."""
        return tuple(s for s in self.statements if s.part in (FORWARD, COST))


def schedule(tape: Tape) -> Schedule:
    """Put a tape's equations, adjoints and gradients into the order in which they can be computed.

    Where f′ is computed from the value of f, that value is computed once: by the equation that has it, or
    else by a statement of its own before its first use.
    """
    order = _in_order(tape)
    named = {e.expression: e.name for _, e in order if isinstance(e.expression, Elementwise)}
    slopes = [node for _, e in order for node in postorder(e.expression) if _reuses_output(node)]
    wanted = {_undifferentiated(node) for node in slopes} - set(named)
    fresh = _fresh_names(tape)
    stored: dict[Any, Any] = {}
    statements: list[Statement] = []
    for part, equation in order:
        for node in postorder(equation.expression):
            f = _undifferentiated(node) if _reuses_output(node) else node
            if f in wanted and f not in stored:
                named[f] = fresh()
                statements.append(Statement(part, named[f], f, f))
                stored[f] = NamedMatrix(named[f], *f.shape)
        expression = equation.expression.xreplace(stored)
        statements.append(Statement(part, equation.name, expression, equation.expression))
    return Schedule(tuple(statements), named)


def _undifferentiated(node: Any) -> Elementwise:
    """f(Z) of f′(Z)."""
    return Elementwise(node.function.undifferentiated, node.argument)


def _reuses_output(node: Any) -> bool:
    return isinstance(node, Elementwise) and node.function.order == 1 and node.function.row.prime_of_output is not None


def _in_order(tape: Tape) -> list[tuple[str, Equation]]:
    order = [(FORWARD, equation) for equation in tape.equations[:-1]] + [(COST, tape.cost)]
    adjoints = {adjoint.symbol for adjoint in tape.adjoints}
    waiting = {
        name: (Equation(NamedMatrix(tape.gradient_name(name), *g.shape), g), g.free_symbols & adjoints)
        for name, g in reversed(tape.gradients.items())
    }
    known: set[Any] = set()
    for adjoint in (None, *tape.adjoints):
        if adjoint is not None:
            order.append((BACKWARD, adjoint))
            known.add(adjoint.symbol)
        for name in [name for name, (_, needed) in waiting.items() if needed <= known]:
            order.append((GRADIENT, waiting.pop(name)[0]))
    return order


def _fresh_names(tape: Tape) -> Callable[[], str]:
    taken = {str(s) for s in (*tape.network.symbols, *tape.network.dimensions)} | {a.name for a in tape.adjoints}
    names = (name for name in (f"t{i}" for i in count(1)) if name not in taken)
    return lambda: next(names)
