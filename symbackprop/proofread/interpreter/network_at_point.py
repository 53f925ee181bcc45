"""A network at a point: the values of quantities, their ∂J/∂v, and the effects of a perturbation."""

from collections.abc import Hashable, Mapping
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np

from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise, LogSoftmax, LogSumExp, Softmax
from symbackprop.expressions.shapes import shape_of
from symbackprop.mistakes.contributions import BackwardPass, PassAtPoint
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.network.network import ONE_HOT, TARGET, Network
from symbackprop.network.points import small_sizes
from symbackprop.network.sampling import draws
from symbackprop.proofread.interpreter.budget import Budget
from symbackprop.proofread.interpreter.conventions import DocumentLayout
from symbackprop.proofread.interpreter.cost_terms import unnamed
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import Array

OTHER_SIZES = 2  # the number of the point at which all sizes are others
_MORE = 3
_MOST_DRAWS = 8
_SEEDS_BETWEEN = 100
ALL, ONE_EXAMPLE, UNITS = "all examples", "one example", "one example and one unit"
ONE_COLUMN = "one example, laid out the other way than all of them"

Values: TypeAlias = dict[Expression, Array]
Held: TypeAlias = frozenset[Expression | str]  # quantities that are held fixed, and BY_PARAMETERS of derivatives.py
# of results, for each table of names and layout
Cache: TypeAlias = dict[tuple[SymbolTable, DocumentLayout], dict[Hashable, Any]]


class NetworkAtPoint:
    """A network at random values.

    Args:
        network: a network with a cost.
        scope: the sample scope: ALL (all sizes differ), ONE_EXAMPLE, or UNITS (all sizes are 1).
        seed: the seed of the values.
        is_hard: True if entries of one-hot targets are 1 and 0; False if they are positive and add up to 1.
        labels: the values that the other targets have: 0 and 1, or one of them; () if they are random numbers.
        more: a number that is added to each size.
    """

    def __init__(
        self,
        network: Network,
        scope: str,
        seed: int,
        *,
        is_hard: bool = False,
        more: int = 0,
        labels: tuple[int, ...] = (),
    ):
        self.network = network
        self.scope = scope
        self.sizes = {size: n + more * size.is_Symbol for size, n in _sizes(network, scope).items()}
        self.examples = network.examples
        rng = np.random.default_rng(seed)
        self.given = _drawn(network, self.sizes, rng, is_hard)
        for target in network.of_role(TARGET) if labels else ():
            drawn = np.asarray(labels, float)[rng.integers(0, len(labels), np.shape(self.given[target]))]
            drawn[(0,) * drawn.ndim] = labels[seed % len(labels)]  # a single target has each value at some point
            self.given[target] = drawn
        self.evaluation = Evaluation(self.sizes)
        self.cache: Cache = {}
        self.known_perturbations: dict[tuple[Expression, bytes, Held], PerturbedPoint] = {}

    @property
    def unperturbed(self) -> "NetworkAtPoint":
        """The point itself."""
        return self

    @cached_property
    def at(self) -> PassAtPoint:
        """The forward and the backward pass at this point."""
        return PassAtPoint(_backward(self.network), self.sizes, self.given)

    @cached_property
    def values(self) -> Values:
        """The value of every quantity and of every part of an equation."""
        values: Values = dict(self.at.values)
        for node, (formula, _) in self.formulas.items():  # also if the cost does not need it
            values.setdefault(node, self._value(formula, values))
        return values

    def _value(self, expression: Expression, values: Values) -> Array:
        with np.errstate(all="ignore"):
            return self.evaluation.value(expression, values, IN_FLOATS)

    def perturbed(self, node: Expression, arrays: Array, held: Held = frozenset()) -> "PerturbedPoint":
        """Return the point with other values of a quantity, and of all that depends on it except `held`."""
        key = node, arrays.tobytes(), held
        if key not in self.known_perturbations:
            self.known_perturbations[key] = PerturbedPoint(self, node, arrays, held)
        return self.known_perturbations[key]

    def is_perturbed(self, _: Expression) -> bool:
        """Return False, since no quantity is perturbed at this point."""
        return False

    @cached_property
    def formulas(self) -> dict[Expression, tuple[Expression, frozenset[Expression]]]:
        """The formula, and the parts of the formula, of each computed quantity and each term of the cost."""
        network = self.network
        named = {equation.symbol: equation.expression for equation in (*network.equations, network.cost)}
        named |= {term: term for term in unnamed(network) if term not in named}
        return {name: (formula, frozenset(postorder(formula))) for name, formula in named.items()}

    @cached_property
    def degenerate_quantities(self) -> frozenset[Expression]:
        """The quantities, possibly the cost, that depend on a softmax over one class, which is always 1."""
        found: set[Expression] = set()
        for equation in (*self.network.equations, self.network.cost):
            nodes = list(postorder(equation.expression))
            lines = (node for node in nodes if isinstance(node, Softmax | LogSoftmax | LogSumExp))
            if found & set(nodes) or any(self.evaluation.size(line.args[0].shape[line.axis]) == 1 for line in lines):
                found.add(equation.symbol)
        return frozenset(found)


class NetworkAtPoints:
    """The points at which statements are evaluated, each computed when it is first used."""

    def __init__(self, network: Network, seed: int, is_hard: bool = False, labels: tuple[int, ...] = ()):
        self.network, self.seed, self.is_hard, self.labels = network, seed, is_hard, labels
        self.sizes_of_examples = {size for size in network.examples[1] if size.is_Symbol}
        self.budget = Budget()
        self.known: dict[tuple[str, int], NetworkAtPoint | None] = {}

    def forget(self, symbols: SymbolTable) -> None:
        """Forget the values that were computed with these meanings of names."""
        for point in filter(None, self.known.values()):
            for cache in (point.cache, *(other.cache for other in point.known_perturbations.values())):
                for key in [key for key in cache if key[0] is symbols]:
                    del cache[key]

    def at(self, scope: str, number: int) -> NetworkAtPoint | None:
        """Return the point with this number, or None if the network has no values in this sample scope."""
        key = scope, number
        if key not in self.known:
            try:
                more = _MORE if number == OTHER_SIZES else 0
                point = self._drawn(scope, number, more)
                self.known[key] = None if point.degenerate_quantities and scope != UNITS else point
            except (ValueError, ZeroDivisionError, np.linalg.LinAlgError, KeyError, TypeError):
                self.known[key] = None
        return self.known[key]

    def _drawn(self, scope: str, number: int, more: int) -> NetworkAtPoint:
        """Return a point; with single numbers, if possible one at which none of them is 0, as behind a ReLU."""
        for other in range(0, _MOST_DRAWS * _SEEDS_BETWEEN if scope == UNITS else 1, _SEEDS_BETWEEN):
            seed = self.seed + number + other
            point = NetworkAtPoint(self.network, scope, seed, is_hard=self.is_hard, more=more, labels=self.labels)
            named = (point.values[equation.symbol] for equation in self.network.equations)
            if all(np.all(np.asarray(value, float) != 0) for value in named):
                break
        return point


class _PerturbedValues(dict[Expression, Array]):
    """The values of named quantities; a perturbed value is computed when it is first used."""

    def __init__(self, point: NetworkAtPoint, node: Expression, arrays: Array, held: Values):
        super().__init__(point.given)
        self.point = point
        self.changed = {node}
        self.rest: list[Expression] = []  # the quantities that change, in their order
        for symbol, (_, nodes) in point.formulas.items():
            if symbol in held or symbol == node:
                continue
            if self.changed.isdisjoint(nodes):
                self[symbol] = point.values[symbol]
            else:
                self.changed.add(symbol)
                self.rest.append(symbol)
        self.update(held)
        self.each = [{**self, node: array} for array in arrays] if self.rest else []
        self[node] = arrays

    def __contains__(self, node: object) -> bool:
        return super().__contains__(node) or node in self.point.formulas

    def __missing__(self, node: Expression) -> Array:
        while self.rest and not super().__contains__(node):
            symbol = self.rest.pop(0)
            formula = self.point.formulas[symbol][0]
            for values in self.each:
                values[symbol] = self.point._value(formula, values)
            self[symbol] = np.stack([np.asarray(values[symbol], float) for values in self.each])
        if not super().__contains__(node):
            raise KeyError(node)
        return self[node]


class PerturbedPoint:
    """A point with many values of one quantity: each quantity that depends on it has a first axis for them."""

    def __init__(self, point: NetworkAtPoint, node: Expression, arrays: Array, held: Held):
        self.unperturbed = point
        self.cache: Cache = {}
        self.given = held | {node}
        self.network, self.scope, self.sizes = point.network, point.scope, point.sizes
        self.examples = point.examples
        self.degenerate_quantities = point.degenerate_quantities
        self.is_of_argument = node in point.given and not held
        self._passes = [(node, array) for array in arrays]
        self._adjoints: dict[Expression, Array] = {}
        self.values = _PerturbedValues(point, node, arrays, {other: point.values[other] for other in held})

    def adjoint(self, node: Expression) -> Array:
        """Return ∂J/∂v for each perturbation, along a first axis."""
        if not self._adjoints:
            backward, given = _backward(self.network), self.unperturbed.given
            found = [PassAtPoint(backward, self.sizes, {**given, of: array}).right for of, array in self._passes]
            self._adjoints = {v: np.stack([np.asarray(right[v], float) for right in found]) for v in found[0]}
        return self._adjoints[node]

    def is_perturbed(self, node: Expression) -> bool:
        """Return True if a quantity has a value for each perturbation."""
        return node in self.values.changed


Point: TypeAlias = NetworkAtPoint | PerturbedPoint


@lru_cache(maxsize=1)
def _backward(network: Network) -> BackwardPass:
    """Return the backward pass for all matrix arguments, since documents also contain gradients of inputs."""
    wrt = tuple(s for s in network.arguments if shape_of(s) and network.roles[str(s.name)] != ONE_HOT)
    return BackwardPass(network, wrt)


def _sizes(network: Network, scope: str) -> dict[Size, int]:
    sizes = small_sizes(network)
    if scope == UNITS:
        return dict.fromkeys(sizes, 1)
    if scope in {ONE_EXAMPLE, ONE_COLUMN}:
        _, examples = network.examples
        return sizes | dict.fromkeys(examples & sizes.keys(), 1) if len(examples) == 1 else sizes
    for size in network.examples[1] & sizes.keys():
        if sizes[size] == 2 and size.is_Symbol:  # else a factor 2 looks like one N
            sizes = sizes | {size: max(sizes.values()) + 1}
    return sizes


def _drawn(network: Network, sizes: Mapping[Size, int], rng: np.random.Generator, is_hard: bool) -> Values:
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
            found[symbol] = draw.value(rng, shape)
    return found


def _axis_of_classes(network: Network, symbol: Expression) -> int | None:
    """Return the axis along which a target adds up to 1, that of the softmax in the cost, or None."""
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
