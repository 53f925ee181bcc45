"""The contributions of a backward pass, one for each edge of the computation graph, as formulas and as numbers.

Each contribution is an expression in the adjoint of its user, so that one of them can be changed, and the
resulting gradients computed, without another derivation.
"""

from collections import ChainMap
from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sympy import S, Symbol

from symbackprop.backprop.adjoints import Contribution, Edge, contributions
from symbackprop.backprop.graph import ComputationGraph
from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.matrices import NamedMatrix, is_name, postorder, quantities
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.evaluate import IN_FLOATS, Arithmetic, Evaluation
from symbackprop.network.network import Network


class BackwardPass:
    """The backward pass of a network as formulas, which contain placeholders for the adjoints.

    Args:
        network: a network with a cost.
        wrt: the parameters.
    """

    def __init__(self, network: Network, wrt: tuple[Expression, ...]):
        self.network = network
        self.wrt = wrt
        self.graph = ComputationGraph(network, wrt)
        self.placeholders = {node: _placeholder(index, node) for index, node in enumerate(self.graph.order)}
        self.contributions: dict[Edge, Contribution] = {
            contribution.edge: contribution
            for node in reversed(self.graph.order)
            for contribution in contributions(self.graph, node, self.placeholders[node])
        }

    @property
    def unmoved(self) -> set[str]:
        """The names of the parameters with which the cost changes in jumps at most, as that of sign, or not at all."""
        return {str(p.name) for p in self.wrt if p not in self.graph.definition}


class PassAtPoint:
    """A backward pass at given values of the arguments, in floats or in arbitrary precision.

    Args:
        backward: the pass.
        sizes: the value of every size, symbolic or not.
        given: the value of every argument of the network, by symbol.
        how: the arithmetic, in floats or in arbitrary precision.
    """

    def __init__(
        self,
        backward: BackwardPass,
        sizes: Mapping[Size, int],
        given: Mapping[Expression, Any],
        how: Arithmetic = IN_FLOATS,
    ):
        self.backward = backward
        self.how = how
        self.evaluation = Evaluation(sizes)
        self.given = given
        self.values: dict[Expression, Any] = dict(given)
        self.numeric: dict[Edge, Any] = {}  # the contributions of the right pass
        self._constant: dict[Expression, list[Expression]] = {}
        self._placeholders = set(backward.placeholders.values())
        with np.errstate(all="ignore"):
            for equation in backward.graph.equations:
                self.values[equation.symbol] = self.value(equation.expression)
            self.right = self.adjoints({})

    def value(self, expression: Expression) -> Any:
        """Return the value of an expression that contains no adjoint."""
        with np.errstate(all="ignore"):
            return self.evaluation.value(expression, self.values, self.how)

    def adjoints(
        self, changed: Mapping[Edge, Expression], cut: frozenset[Expression] = frozenset()
    ) -> dict[Expression, Any]:
        """Return ∂J/∂v for every v, with some contributions changed; quantities in `cut` are treated as constants.

        Adjoints that do not depend on a changed contribution are taken from the right pass.
        """
        graph, is_first = self.backward.graph, not self.numeric
        found: dict[Expression, Any] = {}
        known: dict[Expression, Any] = {}
        stale = {part for _, part in changed}
        numeric: dict[Edge, Any] = {}
        for node in reversed(graph.order):
            is_fresh = is_first or node in cut or node in stale
            adjoint = None if node in cut else self._sum(node, numeric) if is_fresh else self.right.get(node)
            if adjoint is not None:
                found[node] = known[self.backward.placeholders[node]] = adjoint
            for part in graph.parts[node]:
                edge = node, part
                if is_fresh or edge in changed:
                    formula = changed.get(edge, self.backward.contributions[edge].value)
                    numeric[edge] = None if adjoint is None else self._contribution(formula, known, part)
                    stale.add(part)
        if is_first:
            self.numeric = numeric
        return found

    def _sum(self, node: Expression, numeric: Mapping[Edge, Any]) -> Any:
        """Return the sum of the contributions of a quantity's uses, or None if it has no use."""
        if node == self.backward.graph.cost:
            return self.how.number(S.One)
        edges = [(user, node) for user in self.backward.graph.users[node]]
        values = [numeric.get(edge, self.numeric.get(edge)) for edge in edges]
        kept = [value for value in values if value is not None]
        return reduce(add, kept) if kept else None

    def _contribution(self, formula: Expression, known: dict[Expression, Any], part: Expression) -> Any:
        if formula == 0:
            return 0 * np.asarray(self.values[part])
        if formula not in self._constant:
            self._constant[formula] = _without(formula, self._placeholders)
        for node in self._constant[formula]:
            if node not in self.values:
                parts = [self.values[part] for part in quantities(node)]
                self.values[node] = self.evaluation.combined(node, parts, self.how)
        return self.evaluation.value(formula, ChainMap({}, known, self.values), self.how)  # type: ignore[arg-type]

    def gradients(self, adjoints: Mapping[Expression, Any]) -> dict[str, Any]:
        """Return ∂J/∂W for every parameter, by its name."""
        return {
            str(p.name): adjoints[p] if p in adjoints else 0 * np.asarray(self.values[p]) for p in self.backward.wrt
        }


def _placeholder(index: int, node: Expression) -> Expression:
    """Return a symbol for ∂J/∂node, with a name that no network contains."""
    name = f"adjoint {index}"
    return NamedMatrix(name, *node.shape) if is_matrix(node) else Symbol(name, real=True)


def _without(expression: Expression, placeholders: set[Expression]) -> list[Expression]:
    """Return the parts of an expression that contain no adjoint, in postorder (parts first)."""
    free: dict[Expression, bool] = {}
    for node in postorder(expression):
        free[node] = node not in placeholders if is_name(node) else all(free[part] for part in quantities(node))
    return [node for node, is_free in free.items() if is_free]
