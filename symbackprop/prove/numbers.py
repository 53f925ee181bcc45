"""The network in numbers: every named quantity and every part, at small sizes, in 50 digits.

What each node means is said once more here, by arrays: with numbers in them these are values, with symbols in them
they are the scalar equations that SymPy differentiates.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Integer, Rational

from symbackprop import nodes
from symbackprop.flow import by_names
from symbackprop.functions import ElementwiseFunction, z
from symbackprop.maps import Broadcast, Elementwise, LogSumExp, MapNode, Softmax, Sums, Total
from symbackprop.network import Network
from symbackprop.nodes import postorder, quantities
from symbackprop.points import draws
from symbackprop.shapes import is_matrix, shape_of

DIGITS = 50
_SMALL = 5  # a size that may stay as it is
_DRAWS = 200
_NEAR = mpmath.mpf(10) ** -9  # far more than a finite difference moves anything


@dataclass(frozen=True)
class Arithmetic:
    """exp, log and the elementwise functions of one kind of number."""

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    function: Callable[[ElementwiseFunction], Callable[[Any], Any]]


@cache
def _numeric(function: ElementwiseFunction) -> Callable[[Any], Any]:
    return sympy.lambdify(z, function.expression, "mpmath")


IN_DIGITS = Arithmetic(mpmath.exp, mpmath.log, _numeric)
IN_SYMBOLS = Arithmetic(sympy.exp, sympy.log, lambda function: function.at)


def _each(function: Callable[[Any], Any], array: Any) -> Any:
    """A function of each entry of an array, or of a scalar."""
    if np.ndim(array) == 0:
        return function(array)
    return np.array([function(entry) for entry in array.ravel()], dtype=object).reshape(array.shape)


def _softmax(how: Arithmetic, node: Any, M: Any) -> Any:
    powers = _each(how.exp, M)
    return powers / powers.sum(axis=node.axis, keepdims=True)


# fmt: off
MEANING: dict[type, Callable[..., Any]] = {
    sympy.Add:             lambda how, node, *xs: sum(xs),
    sympy.Mul:             lambda how, node, *xs: reduce(operator.mul, xs),
    sympy.Pow:             lambda how, node, x, n: x**n,
    sympy.exp:             lambda how, node, x: how.exp(x),
    sympy.log:             lambda how, node, x: how.log(x),
    Total:                 lambda how, node, M: M.sum(),
    nodes.MatAdd:          lambda how, node, *Ms: sum(Ms),
    nodes.Scaled:          lambda how, node, c, M: c * M,
    nodes.MatMul:          lambda how, node, *Ms: reduce(np.dot, Ms),
    nodes.Transpose:       lambda how, node, M: M.T,
    nodes.HadamardProduct: lambda how, node, *Ms: reduce(operator.mul, Ms),
    nodes.HadamardPower:   lambda how, node, M, n: _each(lambda x: x**n, M),
    Elementwise:           lambda how, node, M: _each(how.function(node.function), M),
    Sums:                  lambda how, node, M: M.sum(axis=node.axis, keepdims=True),
    Softmax:               _softmax,
    LogSumExp:             lambda how, node, M: _each(how.log, _each(how.exp, M).sum(axis=node.axis, keepdims=True)),
}
# fmt: on


def arguments(node: Any) -> list[Any]:
    """The quantities that a node works on, without axes and sizes."""
    return [node.argument] if isinstance(node, MapNode | Total) else quantities(node)


class AtAKink(Exception):  # noqa: N818 — it is no error: nothing is claimed there
    """No point was found away from the kinks of the functions of a network."""


def generic_point(network: Network, rng: np.random.Generator) -> "Point":
    """A random point that is not near a kink of one of the network's functions.

    Raises AtAKink where each one that was drawn is, as for relu(relu(Z)) of negative numbers.
    """
    for _ in range(_DRAWS):
        point = Point(network, rng)
        if not point.is_near_a_kink():
            return point
    raise AtAKink


class Point:
    """A random point of a network at small sizes."""

    def __init__(self, network: Network, rng: np.random.Generator):
        self.network = network
        self.sizes = small_sizes(network)
        self.definitions = {e.symbol: e.expression for e in by_names(network)}
        named = {str(d): self.sizes[d] for d in network.dimensions}
        self.given = {
            symbol: _number(draw.method, draw.arguments, self.shape(symbol), rng)
            for symbol, draw in zip(network.arguments, draws(network, named).values(), strict=True)
        }
        self.values = self.evaluated()

    def shape(self, quantity: Any) -> tuple[int, ...]:
        return tuple(self.sizes.get(size, int(size) if size.is_Integer else 0) for size in shape_of(quantity))

    def evaluated(self, known: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
        """The value of every quantity; what is `known` is taken as it is."""
        values: dict[Any, Any] = dict(self.given) | dict(known or {})
        for symbol, expression in self.definitions.items():
            value = self.value(expression, values)
            values.setdefault(symbol, value)
        return values

    def is_near_a_kink(self) -> bool:
        maps = [node for node in self.values if isinstance(node, Elementwise)]
        return any(
            abs(entry - mpmath.mpf(int(kink))) < _NEAR
            for node in maps
            for kink in node.function.row.kinks
            for entry in np.ravel(self.values[node.argument])
        )

    def value(self, expression: Any, values: dict[Any, Any], how: Arithmetic = IN_DIGITS) -> Any:
        """The value of an expression; those of its parts are noted in `values`."""
        for node in postorder(expression):
            if node not in values:
                values[node] = self.combined(node, [values[part] for part in arguments(node)], how)
        return values[expression]

    def combined(self, node: Any, parts: list[Any], how: Arithmetic) -> Any:
        """What a node makes of the values of its parts."""
        if node in self.sizes and not is_matrix(node):
            return self.sizes[node] if node.is_Symbol else _exactly(node)
        if isinstance(node, nodes.Ones | nodes.Zeros):
            return np.full(self.shape(node), mpmath.mpf(int(isinstance(node, nodes.Ones))), dtype=object)
        if isinstance(node, Broadcast):
            return np.broadcast_to(parts[0], self.shape(node))
        if not parts:
            return _exactly(node)
        kind = next(kind for kind in type(node).__mro__ if kind in MEANING)
        return MEANING[kind](how, node, *parts)


def _exactly(number: Any) -> Any:
    return mpmath.mpf(number.p) / number.q if isinstance(number, Rational) else mpmath.mpf(sympy.N(number, DIGITS))


def _number(method: str, given: tuple[float, float], shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Random rationals: what is drawn, in thousandths."""
    drawn = getattr(rng, method)(*given, shape or None)
    return _each(lambda x: mpmath.mpf(round(float(x) * 1000) or 1) / 1000, drawn if shape else float(drawn))


def small_sizes(network: Network) -> dict[Any, int]:
    """A small size for each dimension, so that those which meet in one part of an equation differ; 1 stays 1."""
    meet: dict[Any, dict[Any, None]] = {}  # in the order of their first use
    for equation in by_names(network):
        for node in postorder(equation.expression):
            together = dict.fromkeys(size for part in (node, *arguments(node)) for size in shape_of(part))
            for size in together:
                meet.setdefault(size, {}).update((other, None) for other in together if other != size)
    sizes = {size: int(size) for size in meet if size.is_Integer and size <= _SMALL} | {Integer(1): 1}
    for dimension, others in meet.items():
        taken = {sizes.get(other) for other in others} | {1}
        sizes.setdefault(dimension, next(size for size in (3, 2, *range(4, 99)) if size not in taken))
    return sizes
