"""Order of computation: one forward pass that the cost and all gradients share."""

from collections.abc import Collection
from dataclasses import dataclass

from sympy import Symbol

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.program import FreshNames
from symbackprop.codegen.stability import stabilized
from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.functions import z
from symbackprop.expressions.matrices import NamedMatrix, postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import Equation

FORWARD, COST, BACKWARD, GRADIENT = "forward", "cost", "backward", "gradient"


@dataclass(frozen=True)
class ScheduledAssignment:
    """One line `name = expression` of the generated code."""

    part: str  # FORWARD, COST, BACKWARD or GRADIENT
    name: str
    expression: Expression
    derived: Expression  # the same, as the derivation writes it


@dataclass(frozen=True)
class Schedule:
    """Assignments in order, and the name of the value of each elementwise function in them."""

    assignments: tuple[ScheduledAssignment, ...]
    outputs: dict[Elementwise, str]

    def needed_for(self, results: Collection[str]) -> tuple[ScheduledAssignment, ...]:
        """Return the assignments that a result needs."""
        needed, kept = set(results), []
        for assignment in reversed(self.assignments):
            if assignment.name in needed:
                needed |= self._uses(assignment.expression)
                kept.append(assignment)
        return tuple(reversed(kept))

    def _uses(self, expression: Expression) -> set[str]:
        parts = (part for node in postorder(expression) for part in (node, *_named_parts(node)))
        return {str(symbol) for symbol in expression.free_symbols} | {self.outputs.get(part, "") for part in parts}


def schedule(tape: Tape) -> Schedule:
    """Return a tape's equations, adjoints and gradients in an order in which they can be computed.

    A part that the code of an elementwise function uses repeatedly is assigned before its first use, unless an equation
    computes it. Such parts are f(z), if f′(z) is computed from it, and an argument that is an expression.
    """
    order = in_order(tape)
    named = {expression for part, _, expression in order if part == FORWARD}
    nodes = [node for _, _, expression in order for node in postorder(expression)]
    wanted = {part for node in nodes for part in _named_parts(node)} - named
    names = FreshNames(
        {str(s) for s in (*tape.network.symbols, *tape.network.dimensions)} | {a.name for a in tape.adjoints}
    )
    stored: dict[Expression, Matrix] = {}
    outputs: dict[Expression, str] = {}
    assignments: list[ScheduledAssignment] = []

    def assign(part: str, name: str, whole: Expression, derived: Expression) -> None:
        expression = whole.xreplace(stored)
        assignments.append(ScheduledAssignment(part, name, expression, derived))
        if isinstance(expression, Elementwise):
            outputs.setdefault(expression, name)

    for part, equation, whole in order:
        for node in postorder(whole):
            needed = [n for n in (node, *_named_parts(node)) if n in wanted and n not in stored]
            for expression in sorted(needed, key=lambda n: isinstance(n, Elementwise)):  # an argument before f of it
                name = names.fresh("t")
                assign(part, name, expression, expression)
                stored[expression] = NamedMatrix(name, *expression.shape)
        assign(part, equation.name, whole, equation.expression)
    return Schedule(tuple(assignments), outputs)


def _named_parts(node: Expression) -> list[Matrix]:
    """Return the parts of an elementwise function that its code uses repeatedly."""
    if not isinstance(node, Elementwise):
        return []
    function, argument = node.function, node.argument
    if function.prime_of_output is not None:
        return [node.output, *_named_parts(node.output)]
    repeated = function.code_expression.count(z) > 1 and not argument.is_symbol
    return [argument] if repeated else []


def in_order(tape: Tape) -> list[tuple[str, Equation, Expression]]:
    """Return the phase, the equation and its right-hand side in a numerically stable form, for each equation.

    The equations are in order of computation, in which gradients are as early as possible.
    """
    order = [(FORWARD, equation) for equation in tape.equations[:-1]] + [(COST, tape.cost)]
    adjoints = {adjoint.symbol for adjoint in tape.adjoints}
    waiting = {
        name: (Equation(_named(tape.gradient_name(name), g), g), g.free_symbols & adjoints)
        for name, g in reversed(tape.gradients.items())
    }
    known: set[Expression] = set()
    for adjoint in (None, *tape.adjoints):
        if adjoint is not None:
            order.append((BACKWARD, adjoint))
            known.add(adjoint.symbol)
        for name in [name for name, (_, needed) in waiting.items() if needed <= known]:
            order.append((GRADIENT, waiting.pop(name)[0]))
    definitions = {equation.symbol: equation.expression for equation in tape.equations[:-1]}
    return [(part, equation, stabilized(equation.expression, definitions)) for part, equation in order]


def _named(name: str, gradient: Expression) -> Expression:
    return NamedMatrix(name, *gradient.shape) if is_matrix(gradient) else Symbol(name, real=True)
