"""The document read for a cost without its penalties: many texts differentiate the data's part first."""

from symbackprop.errors import SymbackpropError
from symbackprop.network.network import INPUT, ONE_HOT, TARGET, Network
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.search import complete
from symbackprop.proofread.interpreter.cost_terms import cost_terms
from symbackprop.proofread.interpreter.network_at_point import NetworkAtPoints

_KEY = "without penalties"


def without_penalties(reading: DocumentReading) -> DocumentReading | None:
    """Return the document read for the cost without the terms that need no data; None if there are none."""
    if _KEY not in reading.at_other_points:
        points, network = reading.points, _without_penalties(reading.network)
        if network is None:
            return None
        others = NetworkAtPoints(network, points.seed, points.is_hard, points.labels)
        others.budget = points.budget
        reading.at_other_points[_KEY] = complete(reading.like(points=others))
    return reading.at_other_points[_KEY]


def _without_penalties(network: Network) -> Network | None:
    needed = set(network.of_role(INPUT, TARGET, ONE_HOT))
    for equation in network.equations:
        if not needed.isdisjoint(equation.expression.free_symbols):
            needed.add(equation.symbol)
    terms = cost_terms(network)
    of_data = [term for term in terms if not needed.isdisjoint(term.free_symbols)]
    if not of_data or len(of_data) == len(terms):
        return None
    fresh = network.without_equations()
    try:
        for equation in network.equations:
            fresh.define(equation.name, equation.expression)
        fresh.minimize(network.cost.name, sum(of_data))
    except SymbackpropError:
        return None
    return fresh
