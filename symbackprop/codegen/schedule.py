"""The order of computation: one forward pass, shared by the cost and by every gradient."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from typing import Any

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.stability import without_detours
from symbackprop.expressions.functions import z
from symbackprop.expressions.matrices import NamedMatrix, postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.network.network import Equation

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

    def needed_for(self, results: Collection[str]) -> tuple[Statement, ...]:
        """The statements without those that no result needs."""
        needed, kept = set(results), []
        for statement in reversed(self.statements):
            if statement.name in needed:
                needed |= self._uses(statement.expression)
                kept.append(statement)
        return tuple(reversed(kept))

    def _uses(self, expression: Any) -> set[str]:
        maps = (part for node in postorder(expression) for part in (node, *_needed_once(node)))
        return {str(symbol) for symbol in expression.free_symbols} | {self.outputs.get(part, "") for part in maps}


def schedule(tape: Tape) -> Schedule:
    """Put a tape's equations, adjoints and gradients into the order in which they can be computed.

    What is needed more than once inside one function's code is computed once, by the equation that has it, or
    else by a statement of its own before its first use: the value of f where f′ is computed from it, and an
    argument that is an expression where the code names it repeatedly.
    """
    definitions = {equation.symbol: equation.expression for equation in tape.equations[:-1]}
    order = [(part, e, without_detours(e.expression, definitions)) for part, e in in_order(tape)]
    named = {expression for part, _, expression in order if part == FORWARD}
    nodes = [node for _, _, expression in order for node in postorder(expression)]
    wanted = {part for node in nodes if isinstance(node, Elementwise) for part in _needed_once(node)} - named
    fresh = _fresh_names(tape)
    stored: dict[Any, Any] = {}
    outputs: dict[Any, str] = {}
    statements: list[Statement] = []

    def state(part: str, name: str, whole: Any, derived: Any) -> None:
        expression = whole.xreplace(stored)
        statements.append(Statement(part, name, expression, derived))
        if isinstance(expression, Elementwise):
            outputs.setdefault(expression, name)

    for part, equation, whole in order:
        for node in postorder(whole):
            needed = [n for n in (node, *_needed_once(node)) if n in wanted and n not in stored]
            for expression in sorted(needed, key=_is_map):  # an argument before the map of it
                name = fresh()
                state(part, name, expression, expression)
                stored[expression] = NamedMatrix(name, *expression.shape)
        state(part, equation.name, whole, equation.expression)
    return Schedule(tuple(statements), outputs)


def _is_map(node: Any) -> bool:
    return isinstance(node, Elementwise)


def _needed_once(node: Any) -> list[Any]:
    """What the code of a map names, that deserves a name of its own."""
    if not _is_map(node):
        return []
    function, argument = node.function, node.argument
    if function.order == 1 and function.row.prime_of_output is not None:
        f = Elementwise(function.undifferentiated, argument)
        return [f, *_needed_once(f)]
    repeated = function.code_expression.count(z) > 1 and not argument.is_symbol
    return [argument] if repeated else []


def in_order(tape: Tape) -> list[tuple[str, Equation]]:
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
