"""The computation graph between the parameters and the cost: the varying quantities and their uses.

The nodes are the named quantities and the parts of their equations; a part that is written twice is one node, and a
part that is the whole of an equation is the named quantity itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from sympy import Mul

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import Scaled, changing, is_name, postorder, quantities
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import Equation, Network, by_names


class ComputationGraph:
    """The quantities that lie between the parameters and the cost.

    Attributes:
        order: the nodes, each after its parts.
        definition: the expression that defines each node: its own operation, or that of its equation.
        parts: the nodes that each node is computed from.
        users: the nodes that are computed from each node.
        given: the outputs with their upstream gradients, if no output is computed from another one; else ∂J/∂output is
            not the upstream gradient alone.
    """

    def __init__(self, network: Network, wrt: tuple[Expression, ...]):
        self.network = network
        self.cost = network.cost.symbol
        self.equations = _needed(by_names(network))
        self.given = _given(network, self.equations)
        named = [e for e in self.equations if not (is_name(e.expression) or e.expression.is_number)]
        self.names = {e.expression: e.symbol for e in named}
        self.active = _dependent(self.equations, wrt) & _changing_the_cost(self.equations)
        self.definition = self._definitions()
        self.order = list(self.definition)
        self.parts = {node: self._parts_of(node) for node in self.order}
        self.users: dict[Expression, list[Expression]] = {node: [] for node in self.order}
        for node in reversed(self.order):
            for part in self.parts[node]:
                self.users[part].append(node)

    def _definitions(self) -> dict[Expression, Expression]:
        equations = [e for e in self.equations if e.symbol in self.active]
        parts = {e.symbol: [p for p in postorder(e.expression, changing) if self.varies(p)] for e in equations}
        every = {part for inner in parts.values() for part in inner}
        uses = Counter(a for part in every for a in self._varying(part)) + Counter(e.expression for e in equations)
        found: dict[Expression, Expression] = {}
        for e in equations:
            is_own = uses[e.expression] == 1 and not is_name(e.expression)
            inner = [part for part in parts[e.symbol] if not (is_own and part == e.expression)]
            found |= {part: part for part in inner if part not in found}
            found[e.symbol] = e.expression
        return found

    def factored(self, node: Expression) -> Expression:
        """Return the part that a node is a constant multiple of, or None; the sum over a 1×1 matrix is a multiple."""
        expression, parts = self.definition[node], self.parts[node]
        if len(parts) != 1 or parts[0] == expression:
            return None
        if isinstance(expression, Total):
            return parts[0] if set(parts[0].shape) == {1} else None
        return parts[0] if type(expression) in (Scaled, Mul) and is_matrix(parts[0]) == is_matrix(node) else None

    def is_another_name(self, node: Expression) -> bool:
        """Return True if a node only gives its single part a second name."""
        return self.parts[node] == [self.definition[node]]

    def varies(self, expression: Expression) -> bool:
        """Return True if an expression depends on the parameters along a path that changes the cost."""
        return _varies(expression, self.active)

    def constants(self, node: Expression) -> tuple[Expression, ...]:
        """Return the operands of a node that do not vary, except numbers and sizes."""
        sizes = set(self.network.dimensions)
        return tuple(a for a in quantities(self.definition[node]) if not self.varies(a) and a.free_symbols - sizes)

    def _parts_of(self, node: Expression) -> list[Expression]:
        expression = self.definition[node]
        if expression != node and expression in self.definition:
            return [expression]
        return [] if is_name(expression) else self._varying(expression)

    def _varying(self, expression: Expression) -> list[Expression]:
        return [a for a in dict.fromkeys(changing(expression)) if self.varies(a)]


def _given(network: Network, equations: list[Equation]) -> dict[Expression, Expression]:
    """Return the outputs with their upstream gradients, or nothing if an output is used in another equation."""
    used = {symbol for equation in equations[:-1] for symbol in equation.expression.free_symbols}
    return {} if used & network.upstream.keys() else dict(network.upstream)


def _needed(equations: list[Equation]) -> list[Equation]:
    """Return the equations that the last one depends on, in order."""
    needed = _used_by_the_last(equations, lambda expression: expression.free_symbols)
    return [equation for equation in equations if equation.symbol in needed]


def _changing_the_cost(equations: list[Equation]) -> set[Expression]:
    """Return the names on which the cost, the last equation, depends differentiably."""
    return _used_by_the_last(equations, lambda expression: postorder(expression, changing))


def _used_by_the_last(equations: list[Equation], used: Callable[[Expression], Iterable[Expression]]) -> set[Expression]:
    found = {equations[-1].symbol}
    for equation in reversed(equations):
        if equation.symbol in found:
            found.update(used(equation.expression))
    return found


def _dependent(equations: list[Equation], wrt: tuple[Expression, ...]) -> set[Expression]:
    """Return the parameters `wrt` and the names whose values depend on them."""
    dependent = set(wrt)
    for equation in equations:
        if _varies(equation.expression, dependent):
            dependent.add(equation.symbol)
    return dependent


def _varies(expression: Expression, active: set[Expression]) -> bool:
    return any(part in active for part in postorder(expression, changing))
