"""A network at a point: what each quantity is, ∂J/∂v, and how anything changes when one quantity is moved."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from symbackprop.backward import AtAPoint, Backward
from symbackprop.maps import LogSoftmax, LogSumExp, Softmax
from symbackprop.network import ONE_HOT, Network
from symbackprop.nodes import postorder
from symbackprop.points import draws
from symbackprop.prove.numbers import IN_FLOATS, Evaluation, small_sizes
from symbackprop.shapes import shape_of

ALL, ONE_EXAMPLE, UNITS = "all examples", "one example", "one example and one unit"


class World:
    """A network at random values.

    Args:
        network: it must have a cost.
        extent: ALL sizes, pairwise different; ONE_EXAMPLE; or UNITS, where each size is 1.
        seed: for the values.
    """

    def __init__(self, network: Network, extent: str, seed: int):
        self.network = network
        self.extent = extent
        self.sizes = _sizes(network, extent)
        rng = np.random.default_rng(seed)
        self.given = _drawn(network, self.sizes, rng)
        self.evaluation = Evaluation(self.sizes)

    @cached_property
    def at(self) -> AtAPoint:
        return AtAPoint(_backward(self.network), self.sizes, self.given)

    @cached_property
    def values(self) -> dict[Any, Any]:
        """Of every quantity and every part of an equation."""
        values: dict[Any, Any] = dict(self.at.values)
        values[self.network.cost.symbol] = self._value(self.network.cost.expression, values)
        return values

    def _value(self, expression: Any, values: dict[Any, Any]) -> Any:
        with np.errstate(all="ignore"):
            return self.evaluation.value(expression, values, IN_FLOATS)

    def moved(self, node: Any, array: Any) -> "Moved":
        """The world in which a quantity has another value, and all that is computed from it too."""
        key = node, np.asarray(array, float).tobytes()
        if key not in self.known_moves:
            self.known_moves[key] = Moved(self, {node: array})
        return self.known_moves[key]

    @cached_property
    def known_moves(self) -> dict[Any, "Moved"]:
        return {}

    @property
    def is_degenerate(self) -> bool:
        """Whether a softmax has one class only: then it says nothing."""
        equations = (*self.network.equations, self.network.cost)
        nodes = (node for equation in equations for node in postorder(equation.expression))
        lines = (node for node in nodes if isinstance(node, Softmax | LogSoftmax | LogSumExp))
        return any(self.evaluation.size(node.args[0].shape[node.axis]) == 1 for node in lines)


class Moved:
    """A world with some quantities at other values."""

    def __init__(self, world: World, fixed: Mapping[Any, Any]):
        self.world = world
        self.fixed = dict(fixed)
        self.network, self.extent, self.sizes = world.network, world.extent, world.sizes

    @cached_property
    def values(self) -> dict[Any, Any]:
        values = {**self.world.given, **self.fixed}
        network = self.network
        for equation in (*network.equations, network.cost):
            value = self.world._value(equation.expression, values)
            values.setdefault(equation.symbol, value)
        return values

    def moved(self, node: Any, array: Any) -> "Moved":
        return Moved(self.world, {**self.fixed, node: array})


_BACKWARDS: dict[int, tuple[Network, Backward]] = {}


def _backward(network: Network) -> Backward:
    """By all arguments that are matrices: people derive by inputs too."""
    if id(network) not in _BACKWARDS:
        _BACKWARDS.clear()
        wrt = tuple(s for s in network.arguments if shape_of(s) and network.roles[str(s.name)] != ONE_HOT)
        _BACKWARDS[id(network)] = network, Backward(network, wrt)
    return _BACKWARDS[id(network)][1]


def _sizes(network: Network, extent: str) -> dict[Any, int]:
    sizes = small_sizes(network)
    if extent == UNITS:
        return dict.fromkeys(sizes, 1)
    if extent == ONE_EXAMPLE:
        _, examples = network.examples
        return sizes | dict.fromkeys(examples & sizes.keys(), 1) if len(examples) == 1 else sizes
    return sizes


def _drawn(network: Network, sizes: Mapping[Any, int], rng: np.random.Generator) -> dict[Any, Any]:
    evaluation = Evaluation(sizes)
    named = {str(d): sizes[d] for d in network.dimensions}
    found = {}
    for symbol, draw in zip(network.arguments, draws(network, named).values(), strict=True):
        shape = evaluation.shape(symbol)
        if draw.one_hot:
            shares = rng.uniform(0.05, 0.95, shape)
            found[symbol] = shares / shares.sum(axis=1, keepdims=True)
        else:
            found[symbol] = getattr(rng, draw.method)(*draw.arguments, shape or None)
    return found
