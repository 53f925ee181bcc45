"""A network at a point: what each quantity is, ∂J/∂v, and how anything changes when one quantity is moved."""

from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise, LogSoftmax, LogSumExp, Softmax
from symbackprop.expressions.shapes import shape_of
from symbackprop.mistakes.contributions import BackwardPass, PassAtPoint
from symbackprop.network.evaluate import IN_FLOATS, Evaluation, small_sizes
from symbackprop.network.network import ONE_HOT, TARGET, Network
from symbackprop.network.sampling import draws
from symbackprop.proofread.interpreter.conventions import Layout
from symbackprop.proofread.interpreter.cost_terms import unnamed
from symbackprop.proofread.interpreter.symbol_table import SymbolTable

OTHER_SIZES = 2  # the number of the point at which all sizes are others
_MORE = 3
ALL, ONE_EXAMPLE, UNITS = "all examples", "one example", "one example and one unit"
ONE_COLUMN = "one example, laid out the other way than all of them"

# of results, for each table of names and layout
Cache: TypeAlias = dict[tuple[SymbolTable, Layout], dict[Hashable, Any]]


class NetworkAtPoint:
    """A network at random values.

    Args:
        network: it must have a cost.
        extent: ALL sizes, pairwise different; ONE_EXAMPLE; or UNITS, where each size is 1.
        seed: for the values.
        is_hard: whether one-hot targets are 1 and 0, rather than shares that add up to 1.
        more: what is added to each size.
    """

    def __init__(self, network: Network, extent: str, seed: int, is_hard: bool = False, more: int = 0):
        self.network = network
        self.extent = extent
        self.sizes = {size: n + more * size.is_Symbol for size, n in _sizes(network, extent).items()}
        self.examples = network.examples
        rng = np.random.default_rng(seed)
        self.given = _drawn(network, self.sizes, rng, is_hard)
        self.evaluation = Evaluation(self.sizes)
        self.cache: Cache = {}

    @property
    def unperturbed(self) -> "NetworkAtPoint":
        """The point itself."""
        return self

    @cached_property
    def at(self) -> PassAtPoint:
        return PassAtPoint(_backward(self.network), self.sizes, self.given)

    @cached_property
    def values(self) -> dict[Any, Any]:
        """Of every quantity and every part of an equation."""
        values: dict[Any, Any] = dict(self.at.values)
        for equation in (*self.network.equations, self.network.cost):  # also those that the cost does not need
            values.setdefault(equation.symbol, self._value(equation.expression, values))
        return self.with_terms(values)

    def with_terms(self, values: dict[Any, Any]) -> dict[Any, Any]:
        """With the parts of the cost that have no name."""
        for term in unnamed(self.network):
            values.setdefault(term, self._value(term, values))
        return values

    def _value(self, expression: Any, values: dict[Any, Any]) -> Any:
        with np.errstate(all="ignore"):
            return self.evaluation.value(expression, values, IN_FLOATS)

    def moved(self, node: Any, arrays: Any, held: frozenset[Any] = frozenset()) -> "PerturbedPoint":
        """The world in which a quantity has other values, and all that is computed from it but what is held."""
        key = node, arrays.tobytes(), held
        if key not in self.known_moves:
            self.known_moves[key] = PerturbedPoint(self, node, arrays, held)
        return self.known_moves[key]

    def is_moved(self, _: Any) -> bool:
        return False

    @cached_property
    def formulas(self) -> dict[Any, tuple[Any, frozenset[Any]]]:
        """Of each quantity that is computed, and of each term of the cost, its formula and the parts of that."""
        network = self.network
        named = {equation.symbol: equation.expression for equation in (*network.equations, network.cost)}
        named |= {term: term for term in unnamed(network) if term not in named}
        return {name: (formula, frozenset(postorder(formula))) for name, formula in named.items()}

    @cached_property
    def known_moves(self) -> dict[Any, "PerturbedPoint"]:
        return {}

    @property
    def is_degenerate(self) -> bool:
        """Whether a softmax has one class only: then it says nothing."""
        return bool(self.saying_nothing)

    @cached_property
    def saying_nothing(self) -> frozenset[Any]:
        """The quantities, the cost among them, that come from a softmax of one class."""
        found: set[Any] = set()
        for equation in (*self.network.equations, self.network.cost):
            nodes = list(postorder(equation.expression))
            lines = (node for node in nodes if isinstance(node, Softmax | LogSoftmax | LogSumExp))
            if found & set(nodes) or any(self.evaluation.size(line.args[0].shape[line.axis]) == 1 for line in lines):
                found.add(equation.symbol)
        return frozenset(found)


class Worlds:
    """The points at which statements are looked at."""

    def __init__(self, network: Network, seed: int, is_hard: bool = False):
        self.network, self.seed, self.is_hard = network, seed, is_hard
        self.sizes_of_examples = {size for size in network.examples[1] if size.is_Symbol}
        self.known: dict[tuple[str, int], NetworkAtPoint | None] = {}

    def at(self, extent: str, point: int) -> NetworkAtPoint | None:
        key = extent, point
        if key not in self.known:
            try:
                more = _MORE if point == OTHER_SIZES else 0
                world = NetworkAtPoint(self.network, extent, self.seed + point, self.is_hard, more)
                _ = world.values
                self.known[key] = None if world.is_degenerate and extent != UNITS else world
            except (ValueError, ZeroDivisionError, np.linalg.LinAlgError, KeyError, TypeError):
                self.known[key] = None
        return self.known[key]


class _Computed(dict[Any, Any]):
    """The values of named quantities, of which those that change are computed when they are asked for."""

    def __init__(self, world: NetworkAtPoint, node: Any, arrays: Any, held: Mapping[Any, Any]):
        super().__init__(world.given)
        self.world = world
        self.changed = {node}
        self.rest: list[Any] = []  # what changes, in its order
        for symbol, (_, nodes) in world.formulas.items():
            if symbol in held or symbol == node:
                continue
            if self.changed.isdisjoint(nodes):
                self[symbol] = world.values[symbol]
            else:
                self.changed.add(symbol)
                self.rest.append(symbol)
        self.update(held)
        self.each = [{**self, node: array} for array in arrays] if self.rest else []
        self[node] = arrays

    def __contains__(self, node: object) -> bool:
        return super().__contains__(node) or node in self.world.formulas

    def __missing__(self, node: Any) -> Any:
        while self.rest and not super().__contains__(node):
            symbol = self.rest.pop(0)
            formula = self.world.formulas[symbol][0]
            for values in self.each:
                values[symbol] = self.world._value(formula, values)
            self[symbol] = np.stack([np.asarray(values[symbol], float) for values in self.each])
        if not super().__contains__(node):
            raise KeyError(node)
        return self[node]


class PerturbedPoint:
    """A world with a quantity at many other values at once: what changes has a first axis for them."""

    def __init__(self, world: NetworkAtPoint, node: Any, arrays: Any, held: frozenset[Any]):
        self.unperturbed = world
        self.cache: Cache = {}
        self.given = held | {node}
        self.network, self.extent, self.sizes = world.network, world.extent, world.sizes
        self.examples = world.examples
        self.saying_nothing = world.saying_nothing
        self.values = _Computed(world, node, arrays, {other: world.values[other] for other in held})

    def is_moved(self, node: Any) -> bool:
        """Whether it has a value for each move."""
        return node in self.values.changed


Point: TypeAlias = NetworkAtPoint | PerturbedPoint

_BACKWARDS: dict[int, tuple[Network, BackwardPass]] = {}


def _backward(network: Network) -> BackwardPass:
    """By all arguments that are matrices: people derive by inputs too."""
    if id(network) not in _BACKWARDS:
        _BACKWARDS.clear()
        wrt = tuple(s for s in network.arguments if shape_of(s) and network.roles[str(s.name)] != ONE_HOT)
        _BACKWARDS[id(network)] = network, BackwardPass(network, wrt)
    return _BACKWARDS[id(network)][1]


def _sizes(network: Network, extent: str) -> dict[Any, int]:
    sizes = small_sizes(network)
    if extent == UNITS:
        return dict.fromkeys(sizes, 1)
    if extent in {ONE_EXAMPLE, ONE_COLUMN}:
        _, examples = network.examples
        return sizes | dict.fromkeys(examples & sizes.keys(), 1) if len(examples) == 1 else sizes
    for size in network.examples[1] & sizes.keys():
        if sizes[size] == 2 and size.is_Symbol:  # else a factor 2 looks like one N
            sizes = sizes | {size: max(sizes.values()) + 1}
    return sizes


def _drawn(network: Network, sizes: Mapping[Any, int], rng: np.random.Generator, is_hard: bool) -> dict[Any, Any]:
    evaluation = Evaluation(sizes)
    named = {str(d): sizes[d] for d in network.dimensions}
    found = {}
    for symbol, draw in zip(network.arguments, draws(network, named).values(), strict=True):
        shape = evaluation.shape(symbol)
        axis = _axis_of_classes(network, symbol)
        if axis is not None:
            shares = rng.uniform(0.05, 0.95, shape)
            largest = shares == shares.max(axis=axis, keepdims=True)
            found[symbol] = largest * 1.0 if is_hard else shares / shares.sum(axis=axis, keepdims=True)
        else:
            found[symbol] = getattr(rng, draw.method)(*draw.arguments, shape or None)
    return found


def _axis_of_classes(network: Network, symbol: Any) -> int | None:
    """The axis along which a target adds up to 1: that of the softmax whose logarithm the cost multiplies it with."""
    role = network.roles[str(symbol.name)]
    if role not in {TARGET, ONE_HOT}:
        return None
    nodes = [node for equation in (*network.equations, network.cost) for node in postorder(equation.expression)]
    lines = [node for node in nodes if isinstance(node, Softmax | LogSoftmax | LogSumExp)]
    axes = [node.axis for node in lines if node.args[0].shape == symbol.shape]
    has_logarithm = any(
        isinstance(node, LogSoftmax | LogSumExp) or (isinstance(node, Elementwise) and node.function.name == "log")
        for node in nodes
    )
    if axes and (role == ONE_HOT or has_logarithm):
        return int(axes[-1])
    return 1 if role == ONE_HOT else None
