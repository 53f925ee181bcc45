"""Random values for the arguments of a network, without coincidences that would hide a mistake."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sympy import Pow, S, log

from symbackprop.errors import ArgumentError, listed
from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.intervals import POSITIVE, Range, ranges
from symbackprop.expressions.matrices import Determinant, HadamardPower, Inverse, MatMul, postorder, split
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.domain import LIMITED, Outside, first_outside
from symbackprop.network.draw import Draw, another_draw, nearby_draw
from symbackprop.network.network import ONE_HOT, PARAMETER, SCALAR, TARGET, Network
from symbackprop.network.size_conditions import at_least

_STEPS = 5000  # of a search for sizes


def distinct_sizes(network: Network, examples: int = 5) -> dict[str, int]:
    """Return a number for each named size; all differ, so that no square matrix hides a missing transpose.

    >>> import symbackprop as sb
    >>> distinct_sizes(sb.mlp(["D", "H", "K"]))
    {'N': 5, 'D': 6, 'K': 7, 'H': 8}
    """
    every = dict.fromkeys(size for s in network.arguments for size in shape_of(s))
    fixed = {size: int(size) for size in every if size.is_Integer}
    largest = examples + len(network.dimensions) + len(fixed) + 8
    sizes = assigned(network.dimensions, fixed, [every], conditions(network), range(examples, largest))
    return {str(dimension): sizes[dimension] for dimension in network.dimensions}


def assigned(
    free: Iterable[Size],
    fixed: Mapping[Size, int],
    different: Iterable[Iterable[Size]],
    ordered: Iterable[tuple[Size, Size]],
    choices: Sequence[int],
) -> dict[Size, int]:
    """Return numbers for the free sizes.

    Args:
        free: the sizes that need a number.
        fixed: the sizes that have one.
        different: groups of sizes that should differ. Where there are too few numbers for that, only those near one
            another in a group differ.
        ordered: pairs of sizes, of which the first must be at least as large as the second.
        choices: the numbers to choose from.
    """
    groups, pairs, wanted = [list(group) for group in different], list(ordered), list(free)
    width = len(choices)
    while width:
        near = [group[k : k + width] for group in groups for k in range(max(len(group) - width, 0) + 1)]
        sizes = _Search(wanted, near, pairs, choices).found(dict(fixed), 0)
        if sizes is not None:
            return sizes
        width //= 2
    return dict(fixed) | dict.fromkeys(wanted, choices[0])


class _Search:
    """A search, of a limited number of steps, for numbers that differ within groups and are ordered in pairs."""

    def __init__(
        self,
        wanted: Sequence[Size],
        groups: Sequence[Sequence[Size]],
        pairs: Sequence[tuple[Size, Size]],
        choices: Sequence[int],
    ):
        self._wanted, self._groups, self._pairs, self._choices = wanted, groups, pairs, choices
        self._steps_left = _STEPS

    def found(self, known: Mapping[Size, int], index: int) -> dict[Size, int] | None:
        """Return numbers for the sizes from an index on, beside the known ones; None if none were found."""
        if index == len(self._wanted):
            return dict(known)
        further = ({**known, self._wanted[index]: choice} for choice in self._choices)
        found = (self.found(sizes, index + 1) for sizes in further if self._fits(sizes))
        return next((sizes for sizes in found if sizes is not None), None)

    def _fits(self, known: Mapping[Size, int]) -> bool:
        self._steps_left -= 1
        if self._steps_left < 0:
            return False
        for group in self._groups:
            values = [v for v in (_value(size, known) for size in group) if v is not None]
            if len(set(values)) < len(values):
                return False
        compared = ((_value(a, known), _value(b, known)) for a, b in self._pairs)
        return all(a is None or b is None or a >= b for a, b in compared)


def _value(size: Size, known: Mapping[Size, int]) -> int | None:
    """Return the number of a size, or of an expression such as N - 1 of sizes; None if it is not known yet."""
    if size in known:
        return known[size]
    parts = {symbol: known.get(symbol) for symbol in size.free_symbols}
    return int(size.xreplace(parts)) if None not in parts.values() else None


def conditions(network: Network) -> list[tuple[Size, Size]]:
    """Return pairs of sizes of which the first must be at least as large as the second.

    They are the rows and columns of each X whose Xᵀ X is inverted, and each size such as N - 1, which is at least 1.
    """
    return [*at_least(network), *_ranks(network)]


def _ranks(network: Network) -> list[tuple[Size, Size]]:
    equations = [*network.equations, network.cost]
    values: dict[Expression, Expression] = {e.symbol: e.expression for e in network.equations}
    found = (node for e in equations for node in postorder(e.expression) if isinstance(node, Inverse | Determinant))
    products = (split(values.get(node.args[0], node.args[0]))[1] for node in found)
    return [(f.shape[1], p.shape[0]) for p in products if isinstance(p, MatMul) for f in p.args[:-1]]


def draws(
    network: Network, sizes: Mapping[str, int] | None = None, given: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Draw]:
    """Return the distribution of each argument, by name.

    Inputs are standard normal, targets lie in (0, 1) or are one-hot rows, parameters are normal with a variance of
    1 / rows (so that activations are not saturated), hyperparameters lie in (0, 1). If a function may be undefined,
    such as log of an input, all values lie in (1, 2). Where the cost is still undefined, other distributions are tried.

    Args:
        network: a network with a cost.
        sizes: the values of named sizes; all others are chosen.
        given: values of some arguments, which are not drawn.
    """
    if not isinstance(network, Network):
        raise ArgumentError(f"random values are drawn for a Network, not for a {type(network).__name__}")
    adapted, key = _ADAPTED.setdefault(network, {}), tuple((sizes or {}).items())
    if not given and key in adapted:
        return adapted[key]
    known = distinct_sizes(network) | dict(sizes or {})
    unknown = [name for name in known if name not in map(str, network.dimensions)]
    if unknown:
        raise ArgumentError(f"{listed(unknown)} is not a dimension; there are {listed(network.dimensions)}")
    found = _adapted(network, known, given)
    if not given:
        adapted[key] = found
    return found


_ADAPTED: WeakKeyDictionary[Network, dict[tuple[tuple[str, int], ...], dict[str, Draw]]] = WeakKeyDictionary()


def _by_role(network: Network, known: Mapping[str, int], *, limited: bool) -> dict[str, Draw]:
    chosen = {}
    for symbol in network.arguments:
        size = tuple(int(n.xreplace({d: known[str(d)] for d in n.free_symbols})) for n in shape_of(symbol))
        role = network.roles[symbol.name]
        chosen[str(symbol.name)] = _draw("limited" if limited and role != ONE_HOT else role, size)
    return chosen


def _adapted(network: Network, known: Mapping[str, int], given: Mapping[str, Any]) -> dict[str, Draw]:
    """Return distributions of which several points lie in the domain of the cost, or the best that were found.

    Where a part of the network has no value, one of the arguments that it depends on gets another distribution. That is
    kept unless the computation then ends earlier.
    """
    limited = _has_limited_domain(network)
    best = _by_role(network, known, limited=limited)
    found = _progress(network, known, best, given)
    if limited and found.outside is not None:  # as log(1 - sigmoid(z)) is where all values are above 1
        ordinary = _by_role(network, known, limited=False)
        other = _progress(network, known, ordinary, given)
        if other.outside is None:
            return ordinary
    rng = np.random.default_rng(0)
    for k in range(_TRIES):
        if found.outside is None:
            break
        causes = [name for name in _causes(network, found.outside) if name not in given and not best[name].one_hot]
        if not causes:
            break
        name = causes[rng.integers(len(causes))]
        is_near = k > _FAR and rng.integers(2)
        draw = nearby_draw(best[name], rng) if is_near else another_draw(best[name].size, min(2, k / _FAR), rng)
        changed = best | {name: draw}
        other = _progress(network, known, changed, given)
        if other.reached >= found.reached:
            best, found = changed, other
    return best


_TRIES, _REDRAWS = 400, 100
_FAR = 30  # tries of distributions whose scale is near 1, before those near the best one
_POINTS = range(5)  # seeds; generated tests have the same


@dataclass(frozen=True)
class _Progress:
    """How far the computation came at the points of some distributions."""

    reached: tuple[int, float]  # points with a value, and the progress at the first without
    outside: Outside | None


def _progress(
    network: Network, known: Mapping[str, int], chosen: Mapping[str, Draw], given: Mapping[str, Any]
) -> _Progress:
    for seed in _POINTS:
        outside = _outside(network, known, _drawn(chosen, given, np.random.default_rng(seed)))
        if outside is not None:
            return _Progress((seed, outside.progress), outside)
        if not _is_limited(network):
            break
    return _Progress((len(_POINTS), 0), None)


def _is_limited(network: Network) -> bool:
    """Return True if the network has a function that is undefined at some numbers."""
    nodes = (node for e in (*network.equations, network.cost) for node in postorder(e.expression))
    return any(
        isinstance(node, LIMITED) or (isinstance(node, Elementwise | Applied) and node.function.row.domain != S.Reals)
        for node in nodes
    )


def _drawn(chosen: Mapping[str, Draw], given: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {name: draw.value(rng) for name, draw in chosen.items()} | dict(given)


def _outside(network: Network, known: Mapping[str, int], values: Mapping[str, Any]) -> Outside | None:
    sizes = {size: known[str(size)] for size in network.dimensions}
    return first_outside(network, sizes, {symbol: values[str(symbol.name)] for symbol in network.arguments})


def _causes(network: Network, outside: Outside) -> list[str]:
    """Return the names of the arguments on which a part of an equation depends."""
    used = set(outside.node.free_symbols)
    for equation in reversed(network.equations):
        if equation.symbol in used:
            used |= equation.expression.free_symbols
    return [str(symbol.name) for symbol in network.arguments if symbol in used]


def _draw(role: str, size: tuple[int, ...]) -> Draw:
    drawn = {
        SCALAR: lambda: Draw("uniform", (0.1, 0.9), size),
        TARGET: lambda: Draw("uniform", (0.05, 0.95), size),
        ONE_HOT: lambda: Draw("integers", (0, size[-1]), size, one_hot=True),
        "limited": lambda: Draw("uniform", (1, 2), size),
        PARAMETER: lambda: Draw("normal", (0, size[0] ** -0.5 if size else 1), size),
    }
    return drawn.get(role, lambda: Draw("normal", (0, 1), size))()


def _has_limited_domain(network: Network) -> bool:
    """Return True if a function may be undefined at some arguments, as is log of an input."""
    known = dict.fromkeys(network.dimensions, POSITIVE)
    known |= dict.fromkeys(network.of_role(SCALAR, TARGET, ONE_HOT), (0, 1))
    for equation in (*network.equations, network.cost):
        found = ranges(equation.expression, known)
        if any(_may_be_undefined(node, found) for node in found):
            return True
        known[equation.symbol] = found[equation.expression]
    return False


def _may_be_undefined(node: Expression, found: Mapping[Expression, Range]) -> bool:
    if isinstance(node, Elementwise | Applied):
        domain = node.function.row.domain  # one that is bounded on both sides has no place for numbers from 1 to 2
        return bool(domain.inf.is_finite and domain.sup == S.Infinity) and found[node.args[1]][0] < domain.inf
    is_root = isinstance(node, HadamardPower | Pow) and node.args[1].is_integer is False
    return (is_root or isinstance(node, log)) and not node.is_number and found[node.args[0]][0] < 0


def random_values(
    network: Network, sizes: Mapping[str, int] | None = None, *, seed: int | None = None
) -> dict[str, Any]:
    """Return random values for every argument: a point at which to check gradients, where these are finite.

    Args:
        network: a network with a cost.
        sizes: the values of named sizes; all others are chosen, and differ from each other.
        seed: repeats the random numbers.

    Raises:
        ArgumentError: `sizes` contains a name that is not a size, or no point was found in the domain of the cost.

    >>> import symbackprop as sb
    >>> values = sb.random_values(sb.mlp([2, 3, 1]), seed=0)
    >>> {name: value.shape for name, value in values.items()}
    {'X': (5, 2), 'y': (5, 1), 'W1': (2, 3), 'W2': (3, 1)}
    """
    return random_point(network, sizes, {}, seed)


def random_point(
    network: Network, sizes: Mapping[str, int] | None, given: Mapping[str, Any], seed: int | None
) -> dict[str, Any]:
    """Return the given values, and random ones for all other arguments, at which the cost and its gradients are finite.

    Given values that have a wrong shape, and what alone makes the cost undefined (values, or sizes of 0), are left for
    others to refuse.
    """
    chosen = draws(network, sizes)
    rng = np.random.default_rng(seed)
    if not all(np.shape(value) == chosen[name].size for name, value in given.items()):
        return _drawn(chosen, given, rng)
    chosen = draws(network, sizes, given)
    known = distinct_sizes(network) | dict(sizes or {})
    for _ in range(_REDRAWS):
        values = _drawn(chosen, given, rng)
        outside = _outside(network, known, values)
        causes = [] if outside is None else [name for name in _causes(network, outside) if name not in given]
        if outside is None or ((given or 0 in known.values()) and not causes):
            return values
        problem = f"{outside}; give values of your own for {listed(causes) or 'every argument'}"
    raise ArgumentError(f"no random point was found in the domain of the cost: {problem}")
