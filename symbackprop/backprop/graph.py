"""How the parameters flow into the cost: the varying quantities of a network, and what uses what.

The network is read as one graph. Its nodes are the named quantities and the parts of their equations; a part that
is written twice is one node, and a part that is the whole of an equation is the named quantity itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from symbackprop.expressions.matrices import changing, is_name, postorder, quantities
from symbackprop.network.network import Equation, Network, by_names


class Flow:
    """The quantities that lie between the parameters and the cost."""

    def __init__(self, network: Network, wrt: tuple[Any, ...]):
        self.network = network
        self.cost = network.cost.symbol
        self.equations = _needed(by_names(network))
        self.names = {e.expression: e.symbol for e in self.equations if not is_name(e.expression)}
        self.active = _dependent(self.equations, wrt) & _changing_the_cost(self.equations)
        equations = [e for e in self.equations if e.symbol in self.active]
        parts = {e.symbol: [p for p in postorder(e.expression, changing) if self.varies(p)] for e in equations}
        every = {part for inner in parts.values() for part in inner}
        uses = Counter(a for part in every for a in self._varying(part)) + Counter(e.expression for e in equations)
        # what each node is made by: its own operation, or the one that its equation ends with
        self.made_by: dict[Any, Any] = {}
        for e in equations:
            own = uses[e.expression] == 1 and not is_name(e.expression)
            inner = [part for part in parts[e.symbol] if not (own and part == e.expression)]
            self.made_by |= {part: part for part in inner if part not in self.made_by}
            self.made_by[e.symbol] = e.expression
        self.order = list(self.made_by)  # each after all that it is made of
        self.parts = {node: self._parts_of(node) for node in self.order}
        self.users: dict[Any, list[Any]] = {node: [] for node in self.order}
        for node in reversed(self.order):
            for part in self.parts[node]:
                self.users[part].append(node)

    def is_another_name(self, node: Any) -> bool:
        """Whether a named quantity is the same as another one, rather than made of it."""
        return self.parts[node] == [self.made_by[node]]

    def varies(self, expression: Any) -> bool:
        return _varies(expression, self.active)

    def constants(self, node: Any) -> tuple[Any, ...]:
        """The parts that do not vary, without numbers and sizes."""
        sizes = set(self.network.dimensions)
        return tuple(a for a in quantities(self.made_by[node]) if not self.varies(a) and a.free_symbols - sizes)

    def _parts_of(self, node: Any) -> list[Any]:
        expression = self.made_by[node]
        if expression != node and expression in self.made_by:
            return [expression]
        return [] if is_name(expression) else self._varying(expression)

    def _varying(self, expression: Any) -> list[Any]:
        return [a for a in dict.fromkeys(changing(expression)) if self.varies(a)]


def _needed(equations: list[Equation]) -> list[Equation]:
    """The equations that the last one depends on, in order."""
    needed = _used_by_the_last(equations, lambda expression: expression.free_symbols)
    return [equation for equation in equations if equation.symbol in needed]


def _changing_the_cost(equations: list[Equation]) -> set[Any]:
    """The names whose values the last one has a derivative by."""
    return _used_by_the_last(equations, lambda expression: postorder(expression, changing))


def _used_by_the_last(equations: list[Equation], used: Callable[[Any], Iterable[Any]]) -> set[Any]:
    found = {equations[-1].symbol}
    for equation in reversed(equations):
        if equation.symbol in found:
            found.update(used(equation.expression))
    return found


def _dependent(equations: list[Equation], wrt: tuple[Any, ...]) -> set[Any]:
    """The names whose values change with what is derived by."""
    dependent = set(wrt)
    for equation in equations:
        if _varies(equation.expression, dependent):
            dependent.add(equation.symbol)
    return dependent


def _varies(expression: Any, active: set[Any]) -> bool:
    return any(part in active for part in postorder(expression, changing))
