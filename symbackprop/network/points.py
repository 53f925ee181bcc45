"""Random points at which proofs compare numbers: small sizes, values of three decimals, away from kinks."""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

import mpmath
import numpy as np
from sympy import Integer

from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.gathers import Gather
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.shapes import shape_of
from symbackprop.expressions.slicing import Concatenate, Slice
from symbackprop.network.draw import Draw
from symbackprop.network.evaluate import Evaluation, Number, Value, each
from symbackprop.network.network import Network, by_names
from symbackprop.network.sampling import assigned, conditions, draws

_SMALL = 5  # a size that may stay as it is
_DRAWS = 200
_NEAR = mpmath.mpf(10) ** -9  # far more than the step of a finite difference


class AtAKink(Exception):  # noqa: N818 — not an error: nothing is claimed there
    """A network for which no random point was found where it has a value and is away from its kinks."""


SIZES = (3, 2, *range(4, 12))  # for named and for large sizes, in the order of preference
OTHER_SIZES = (2, 4, 3, *range(5, 12))


def generic_point(network: Network, rng: np.random.Generator, sizes: Sequence[int] = SIZES) -> "Point":
    """Return a random point, with sizes chosen from `sizes`, where no function of parameters is near a kink.

    Raises:
        AtAKink: every random point is near a kink, as for relu(relu(Z)) of negative numbers, or outside the domain.
    """
    for _ in range(_DRAWS):
        try:
            point = Point(network, rng, sizes)
            if not point.is_near_a_kink():
                return point
        except (ArithmeticError, TypeError):  # a division by 0; complex numbers, which have no order
            continue
    raise AtAKink


class Point(Evaluation):
    """A random point of a network: small sizes, and random values of the arguments."""

    def __init__(self, network: Network, rng: np.random.Generator, sizes: Sequence[int] = SIZES):
        super().__init__(small_sizes(network, sizes))
        self.network = network
        self.definitions = {e.symbol: e.expression for e in by_names(network)}
        named = {str(d): self.sizes[d] for d in network.dimensions}
        self.parts = {s: [(node, quantities(node)) for node in postorder(e)] for s, e in self.definitions.items()}
        self.given = {
            symbol: _drawn(draw, self.shape(symbol), rng)
            for symbol, draw in zip(network.arguments, draws(network, named).values(), strict=True)
        }
        self.values = self.evaluated()

    def evaluated(self, known: Mapping[Expression, Value] | None = None) -> dict[Expression, Value]:
        """Return the value of every quantity; the values in `known` replace computed ones."""
        values: dict[Expression, Value] = dict(self.given) | dict(known or {})
        for symbol, expression in self.definitions.items():
            value = self.value(expression, values)
            values.setdefault(symbol, value)
        return values

    def is_near_a_kink(self) -> bool:
        """Return True if a function that depends on a parameter is evaluated near one of its kinks."""
        varying = self._varying()
        maps = [node for node in varying if isinstance(node, ops.Elementwise | Applied)]
        at_kinks = (
            abs(entry - mpmath.mpf(int(kink)))
            for node in maps
            for kink in node.function.row.kinks
            for entry in np.ravel(self.values[quantities(node)[0]])
        )
        leads = (self._lead(node) for node in varying if isinstance(node, ops.Largest))
        return any(distance < _NEAR for distance in chain(at_kinks, leads))

    def _varying(self) -> set[Expression]:
        """Return the parameters and all that depends on them."""
        varying = set(self.network.parameters)
        for symbol, expression in self.definitions.items():
            for node, parts in (*self.parts[symbol], (symbol, [expression])):
                if not varying.isdisjoint(parts):
                    varying.add(node)
        return varying

    def _lead(self, node: Matrix) -> Number:
        """Return the smallest lead of the largest entry over the second largest, over all rows or columns."""
        in_lines = np.moveaxis(self.values[node.argument], node.axis, -1)
        lines = (sorted(line) for line in in_lines.reshape(-1, in_lines.shape[-1]))
        return min((line[-1] - line[-2] for line in lines if len(line) > 1), default=mpmath.inf)


def _drawn(draw: Draw, shape: tuple[int, ...], rng: np.random.Generator) -> Value:
    """Return a random value; the entries of each one-hot row are any numbers that add up to 1."""
    if not draw.one_hot:
        return _rounded(draw.value(rng, shape))
    rows = _rounded(rng.uniform(0.05, 0.95, shape))
    return rows / rows.sum(axis=-1, keepdims=True)


def _rounded(drawn: np.ndarray | float) -> Value:
    """Return random numbers, rounded to three decimals."""
    return each(lambda x: mpmath.mpf(round(float(x) * 1000) or 1) / 1000, drawn)


def small_sizes(network: Network, choices: Sequence[int] = SIZES) -> dict[Size, int]:
    """Return a small number for each size: sizes that occur in one part of an equation differ, and 1 stays 1."""
    nodes_ = [node for equation in by_names(network) for node in postorder(equation.expression)]
    has_many_axes = any(len(shape_of(node)) > 2 for node in nodes_)
    meet = dict.fromkeys(group for node in nodes_ for group in _meeting(node, has_many_axes=has_many_axes))
    choices = sorted(choices) if has_many_axes else choices
    kept = any(isinstance(node, Slice | Concatenate | Gather) for node in nodes_)  # their bounds are numbers
    unused = (size for argument in network.arguments for size in shape_of(argument))
    every = dict.fromkeys(size for sizes in (*meet, unused) for size in sizes)
    fixed = {size: int(size) for size in every if size.is_Integer and (kept or size <= _SMALL)} | {Integer(1): 1}
    named = dict.fromkeys(symbol for size in every for symbol in sorted(size.free_symbols, key=str))
    free = [*named, *(size for size in every if size.is_Integer and size not in fixed)]
    return assigned(free, fixed, meet, conditions(network), choices)


def _meeting(node: Expression, *, has_many_axes: bool) -> list[tuple[Size, ...]]:
    """Return groups of sizes that should differ; with more than two axes only neighbours, to have fewer entries."""
    if has_many_axes:
        return list(pairwise(shape_of(node)))
    return [tuple(dict.fromkeys(n for part in (node, *quantities(node)) for n in shape_of(part)))]
