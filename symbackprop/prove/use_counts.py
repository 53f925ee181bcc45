"""What uses what, counted again from the network's equations: a dropped contribution must not pass.

Here nothing is taken over from the walk that derived the gradients.
"""

from collections.abc import Iterable
from typing import Any

from sympy import Basic, Mul, default_sort_key
from sympy.matrices.expressions import MatrixSymbol

from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import ByEntry, ScalarByEntry
from symbackprop.expressions.matrices import HadamardProduct, Ones, changing, scaled
from symbackprop.expressions.operations import Total
from symbackprop.network.network import Network, by_names


class Recount:
    """The quantities of a network: names, and all parts of their equations."""

    def __init__(self, network: Network):
        self.cost = network.cost.symbol
        self.definitions = {e.symbol: e.expression for e in by_names(network)}
        self.names = {e: s for s, e in self.definitions.items() if not e.is_symbol}
        self.users: dict[Basic, set[Basic]] = {}
        for symbol, expression in self.definitions.items():
            self._count(expression, symbol)

    def _count(self, part: Any, user: Basic) -> None:
        known = part in self.users
        self.users.setdefault(part, set()).add(user)
        if not known and not isinstance(part, MatrixSymbol):
            for inner in changing(part):
                self._count(inner, part)

    def expression(self, quantity: Any) -> Any:
        """What a quantity is, in the quantities that its equation names."""
        return self.definitions.get(quantity, quantity)

    def dependents(self, quantity: Basic) -> set[Basic]:
        """All that changes with a quantity."""
        found, pending = {quantity}, [quantity]
        while pending:
            fresh = self.users.get(pending.pop(), set()) - found
            found |= fresh
            pending += fresh
        return found

    def above(self, quantity: Basic, known: Iterable[Basic]) -> tuple[set[Basic], set[Basic]]:
        """The nearest known quantities that use it, and the unknown ones on the way to them."""
        stops = set(known)
        nearest: set[Basic] = set()
        between: set[Basic] = set()
        pending = [quantity]
        while pending:
            users = self.users.get(pending.pop(), set())
            nearest |= users & stops
            fresh = users - stops - between
            between |= fresh
            pending += fresh
        return nearest, between


def partials_in(side: Any) -> list[Any]:
    """The ∂C/∂W of one side of a step."""
    return sorted(side.atoms(ByEntry, ScalarByEntry), key=default_sort_key)


def coefficient(term: Any) -> tuple[Any, Any]:
    """(C, G) of a term Σ G ⊙ ∂C/∂W: G has the shape of C.

    Raises ValueError for a term of another form.
    """
    partials = partials_in(term)
    if len(partials) != 1:
        raise ValueError(f"{term} has {len(partials)} partial derivatives")
    (partial,) = partials
    if isinstance(partial, ScalarByEntry):
        rest = term / partial
        if rest.has(partial):
            raise ValueError(f"{term} is not linear in {partial}")
        return partial.of, rest
    totals = [part for part in Mul.make_args(term) if part.has(partial)]
    if len(totals) != 1 or not isinstance(totals[0], Total):
        raise ValueError(f"{term} is no sum of entries")
    inner = totals[0].argument
    factors = list(inner.args) if isinstance(inner, HadamardProduct) else [inner]
    if factors.count(partial) != 1:
        raise ValueError(f"{term} is not entry by entry in {partial}")
    factors.remove(partial)
    error = hadamard(*factors) if factors else Ones(*partial.shape)
    return partial.of, scaled(term / totals[0], error)
