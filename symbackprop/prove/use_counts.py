"""The users of each quantity, found again in the network's equations, so that a missing contribution is detected.

This module uses nothing from the graph with which the gradients were derived.
"""

from collections.abc import Iterable

from sympy import Mul, default_sort_key
from sympy.matrices.expressions import MatrixSymbol

from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import ByEntry, Gradient, ScalarByEntry
from symbackprop.expressions.matrices import HadamardProduct, Ones, changing, scaled
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import Network, by_names


class Recount:
    """The quantities of a network, named ones and all parts of their equations, with the users of each."""

    def __init__(self, network: Network):
        self.cost = network.cost.symbol
        self.definitions = {e.symbol: e.expression for e in by_names(network)}
        self.names = {e: s for s, e in self.definitions.items() if not e.is_symbol}
        self.users: dict[Expression, set[Expression]] = {}
        self.found: dict[Expression, set[Expression]] = {}  # the dependents of each quantity that was asked for
        for symbol, expression in self.definitions.items():
            self._count(expression, symbol)

    def _count(self, part: Expression, user: Expression) -> None:
        known = part in self.users
        self.users.setdefault(part, set()).add(user)
        if not known and not isinstance(part, MatrixSymbol):
            for inner in changing(part):
                self._count(inner, part)

    def expression(self, quantity: Expression) -> Expression:
        """Return the right-hand side of a named quantity's equation, or any other quantity unchanged."""
        return self.definitions.get(quantity, quantity)

    def needed(self) -> dict[Expression, Expression]:
        """Return the definitions that the cost needs, in order."""
        needed = {self.cost}
        for symbol, expression in reversed(self.definitions.items()):
            if symbol in needed:
                needed |= expression.free_symbols
        return {symbol: expression for symbol, expression in self.definitions.items() if symbol in needed}

    def dependents(self, quantity: Expression) -> set[Expression]:
        """Return all quantities that depend on a quantity, itself included."""
        if quantity not in self.found:
            found, pending = {quantity}, [quantity]
            while pending:
                fresh = self.users.get(pending.pop(), set()) - found
                found |= fresh
                pending += fresh
            self.found[quantity] = found
        return self.found[quantity]

    def above(self, quantity: Expression, known: Iterable[Expression]) -> tuple[set[Expression], set[Expression]]:
        """Return the nearest known quantities that depend on a quantity, and the unknown quantities between them."""
        stops = set(known)
        nearest: set[Expression] = set()
        between: set[Expression] = set()
        pending = [quantity]
        while pending:
            users = self.users.get(pending.pop(), set())
            nearest |= users & stops
            fresh = users - stops - between
            between |= fresh
            pending += fresh
        return nearest, between


def partials_in(side: Expression) -> list[Scalar]:
    """Return the symbols ∂C/∂W in one side of a step, in a fixed order."""
    return sorted(side.atoms(ByEntry, ScalarByEntry), key=default_sort_key)


def is_gradient(side: Expression, parameter: Expression) -> bool:
    """Return True if a side of a step is ∂J/∂W itself, with the ∂C/∂W worked out, rather than a sum of terms."""
    return is_matrix(side) if is_matrix(parameter) else not isinstance(side, Gradient) and not partials_in(side)


def paired(adjoint: Expression, differential: Expression) -> Scalar:
    """Return Σ adjoint ⊙ differential."""
    return Total(hadamard(adjoint, differential)) if is_matrix(differential) else adjoint * differential


def coefficient(term: Scalar) -> tuple[Expression, Expression] | None:
    """Return (C, G) of a term Σ G ⊙ ∂C/∂W, where G has the shape of C; None for a term of another form."""
    partials = partials_in(term)
    if len(partials) != 1:
        return None
    (partial,) = partials
    if isinstance(partial, ScalarByEntry):
        rest = term / partial
        return None if rest.has(partial) else (partial.of, rest)
    totals = [part for part in Mul.make_args(term) if part.has(partial)]
    if len(totals) != 1 or not isinstance(totals[0], Total):
        return None
    inner = totals[0].argument
    factors = list(inner.args) if isinstance(inner, HadamardProduct) else [inner]
    if factors.count(partial) != 1:
        return None
    factors.remove(partial)
    adjoint = hadamard(*factors) if factors else Ones(*partial.shape)
    return None if adjoint.has(partial) else (partial.of, scaled(term / totals[0], adjoint))
