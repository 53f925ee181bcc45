"""The state that the arrays of one run share: the graph, the sizes, and the known numbers."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbackprop.budget import spend
from symbackprop.expressions.aliases import Expression, Shape
from symbackprop.expressions.gathers import reshaped
from symbackprop.expressions.matrices import Eye, LowerOnes, MatMul, Ones, Zeros, scaled
from symbackprop.network import numpy_words as words
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.network.word_calls import INSTEAD
from symbackprop.tracing.aliases import NumpyFunction
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.graph import TracedNode, TraceGraph, in_topological_order
from symbackprop.tracing.sizes import Sizes
from symbackprop.tracing.untraceable import Untraceable

CLIP, EPSILON = "clip", "epsilon"  # guards: a number is kept away from 0, or a small one is added
TINY = 1e-5
_MOST_OFF = 8  # the main diagonal: a place farther off may depend on the size
_MOST_ENTRIES = 16  # of an array of numbers that is taken entry by entry
_REFUSED = ("where", "offset", "initial", "weights")  # options that change what is computed


class Placeholder:
    """An array without numbers, which a node of the graph describes."""

    node: TracedNode
    numbers: np.ndarray | None = None  # of an array that follows from sizes alone

    def numbered(self, numbers: np.ndarray) -> "Placeholder":
        """Return the array with its numbers."""
        raise NotImplementedError

    @property
    def as_called(self) -> "Placeholder":
        """The array as an argument of a word: with a node that has the axes of the array."""
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """The concrete shape, as a tuple like NumPy's."""
        raise NotImplementedError


@dataclass
class TraceRun:
    """The state of one run of the user's code on placeholder arrays."""

    sizes: Sizes
    graph: TraceGraph
    functions: Mapping[str, NumpyFunction]  # NumPy's functions on placeholders, by name; those of numpy_functions.py
    values: dict[Expression, Any] | None = None  # of the arguments, by symbol: conditions are decided by these
    conditions: list[str] = field(default_factory=list)  # the conditions that were decided
    ignored: frozenset[str] = frozenset()  # of the guards against log(0) and a division by 0: CLIP, EPSILON
    blocks: dict[tuple[TracedNode, int], tuple[TracedNode, ...]] = field(default_factory=dict)  # along an axis

    def call(self, name: str, args: Sequence[object], kwargs: Mapping[str, Any]) -> Any:
        """Return the result of a NumPy function in the table, called on placeholders."""
        spend()
        if name not in self.functions:
            module = "np" if hasattr(np, name) else "np.linalg" if hasattr(np.linalg, name) else "scipy.special"
            instead = f": write {' '.join(filter(None, INSTEAD[name]))}" if name in INSTEAD else ""
            raise Untraceable(f"{module}.{name} is not among the functions that can be traced{instead}")
        refused = [key for key in _REFUSED if kwargs.get(key) is not None and kwargs[key] is not np._NoValue]
        refused = [key for key in refused if (name, key) != ("average", "weights")]
        if refused:
            raise Untraceable(f"np.{name} is called with {refused[0]}=; without it, it can be traced")
        out = kwargs.get("out")
        left_out = ("out", "casting", "order", *(key for key in _REFUSED if (name, key) != ("average", "weights")))
        options = {key: value for key, value in kwargs.items() if key not in left_out}
        found = _numbered(self.functions[name](self, *args, **options), name, args, options)
        target = out[0] if isinstance(out, tuple) else out
        if isinstance(target, Placeholder):
            target.node = found.node
            return target
        return found

    def call_ufunc(self, ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, object]) -> object:
        """Return the result of a call that NumPy passes to `__array_ufunc__`: a ufunc, or its reduce, outer or at."""
        if method == "__call__":
            return self.call(ufunc.__name__, inputs, options)
        name = {"add": "sum", "maximum": "max", "minimum": "min"}.get(ufunc.__name__)
        if method == "reduce" and name is not None:
            return self.call(name, inputs, {"axis": 0, **options})
        if f"{ufunc.__name__}.{method}" in self.functions:
            return self.call(f"{ufunc.__name__}.{method}", inputs, {})
        raise Untraceable(f"np.{ufunc.__name__}.{method} is not among the functions that can be traced")

    def counted(self, n: int) -> TracedNode:
        """Return the node of 0, 1, …, n - 1: the sums of the first 1, 2, … ones, less 1."""
        size = self.sizes.length(n)
        ones = Ones(1, size)
        return self.graph.leaf(MatMul(ones, LowerOnes(size, size).T) - ones, 1)

    def constant(self, numbers: np.ndarray) -> TracedNode | None:
        """Return the node of a constant array, an identity matrix, a triangle or a few numbers; None for others."""
        try:
            return self._constant(numbers)
        except Untraceable:
            return None

    def number(self, array: Placeholder, problem: str) -> np.ndarray:
        """Return the numbers of an array; raise Untraceable with the message `problem` if they are unknown."""
        if self.values is None:
            raise Untraceable(problem)
        evaluation = Evaluation({})
        for node in in_topological_order([array.node]):
            if node.symbol not in self.values:
                self.values[node.symbol] = evaluation.value(node.expression(), self.values, IN_FLOATS)
        return np.asarray(self.values[array.node.symbol]).reshape(array.shape)

    def node(self, value: Any) -> TracedNode:
        """Return the node of an operand, which is a placeholder, an array of numbers, a list, or a number."""
        if isinstance(value, Placeholder):
            return value.node
        if isinstance(value, np.ndarray) and value.ndim:
            return self._constant(value)
        if isinstance(value, list | tuple) and value:
            if holds_placeholder(value):
                return self.node(self.call("array", (value,), {}))
            return self.node(np.array(value))
        try:
            return self.graph.leaf(self.sizes.number(value.item() if hasattr(value, "item") else value), 0)
        except (TypeError, ValueError):
            raise Untraceable(
                f"a {type(value).__name__} is combined with an array; numbers and arrays of numbers can be"
            ) from None

    def _constant(self, values: np.ndarray) -> TracedNode:
        """Return the node of an array of numbers: a constant array, an identity matrix, or a few numbers."""
        if values.dtype.kind not in "biuf":
            raise Untraceable(
                f"an array of shape {values.shape} and type {values.dtype} is combined with an argument; those of real "
                "numbers can be"
            )
        if values.ndim > 2:
            return self._of_more_axes(values)
        shape = (1, *values.shape)[-2:]
        size = tuple(self.sizes.length(n) for n in shape)
        flat = values.reshape(shape)
        if np.all(flat == flat.flat[0]):
            return self.graph.leaf(scaled(self.sizes.number(flat.flat[0].item()), Ones(*size)), values.ndim)
        if shape[0] == shape[1] and np.array_equal(flat, np.eye(shape[0])):
            return self.graph.leaf(Eye(size[0]), values.ndim)
        triangle = self._triangle(flat, size)
        if triangle is not None:
            return self.graph.leaf(triangle, values.ndim)
        if flat.size > _MOST_ENTRIES:
            raise Untraceable(
                f"an array of {flat.size} numbers, which are not all the same, is combined with an argument: give it "
                "as an argument too, with its shape"
            )
        rows = [op.joined_columns(*(op.as_matrix(self.sizes.number(x.item())) for x in row)) for row in flat]
        return self.graph.leaf(op.joined_rows(*rows), values.ndim)

    def _of_more_axes(self, values: np.ndarray) -> TracedNode:
        """Return the node of numbers that differ along two axes at most, or of a few numbers."""
        sizes = [self.sizes.length(n) for n in values.shape]
        core = values.reshape([n for n in values.shape if n != 1])
        if np.all(values == values.flat[0]):
            return self.graph.leaf(scaled(self.sizes.number(values.flat[0].item()), Ones(*sizes)), values.ndim)
        node = self._constant(core if core.ndim <= 2 else values.ravel())
        return self.graph.leaf(reshaped(node.symbol, sizes), values.ndim)

    def _triangle(self, values: np.ndarray, size: Shape) -> Expression | None:
        """Return a matrix with one number up to a diagonal and another one beyond, such as a causal mask; else None."""
        low, high = values[-1, 0], values[0, -1]
        rows, columns = values.shape
        k = int(np.sum(values[0] == low)) - 1  # the diagonal, if it begins in the first row
        k = k if k >= 0 else -int(np.argmax(values[:, 0] == low))
        if (
            low == high
            or min(rows, columns) < 2
            or abs(k) > _MOST_OFF
            or not np.array_equal(values == low, np.tri(rows, columns, k) > 0)
        ):
            return None
        if not np.array_equal(values == high, np.tri(rows, columns, k) == 0):
            return None
        below = words.lower_ones(size, k)
        first, other = (
            scaled(self.sizes.number(number), mask)
            for number, mask in ((low.item(), below), (high.item(), words.complement(below)))
        )
        return other if low == 0 else first if high == 0 else first + other

    def filled(self, shape: int | Sequence[int], number: float) -> TracedNode:
        """Return the node of np.full(shape, number)."""
        sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        if not sizes:
            return self.node(number)
        lengths = [self.sizes.length(int(n)) for n in ((1, *sizes) if len(sizes) == 1 else sizes)]
        value = Zeros(*lengths) if number == 0 else scaled(self.sizes.number(number), Ones(*lengths))
        return self.graph.leaf(value, len(sizes))


def plain(value: Any) -> Any:
    """Return a placeholder that has numbers as these numbers, also in lists, and any other value unchanged."""
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return value.numbers if isinstance(value, Placeholder) and value.numbers is not None else value


def _numbered(found: Any, name: str, args: Sequence[object], options: Mapping[str, object]) -> Any:
    """Return the result of a function with its numbers, if all its arguments have numbers."""
    if not any(map(_has_numbers, args)):
        return found
    known = [plain(argument) for argument in args]
    if any(map(holds_placeholder, known)):
        return found
    function = _OF_NUMBERS.get(name, getattr(np, name, None))
    if not isinstance(found, Placeholder) or function is None or any(map(holds_placeholder, options.values())):
        return found
    with np.errstate(all="ignore"):
        return found.numbered(np.asarray(function(*known, **options)))


def _has_numbers(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_numbers, value))
    return isinstance(value, Placeholder) and value.numbers is not None


_OF_NUMBERS = {"getitem": operator.getitem}


def is_guard(bound: object) -> bool:
    """Return True for a bound that is very near to −1, 0 or 1, such as 1 − 1e-7: it keeps values in a domain."""
    if not isinstance(bound, float | np.floating) or not abs(float(bound)) < 2:
        return False
    off = abs(float(bound) - round(float(bound)))
    return abs(round(float(bound))) < 2 and 0 < off <= 1.001 * TINY  # 1 - 1e-5 is rounded


def is_tiny(value: object) -> bool:
    """Return True for a small number, such as one that is added to a probability before taking its logarithm."""
    return isinstance(value, float | np.floating) and 0 < abs(float(value)) <= TINY


def holds_placeholder(value: object) -> bool:
    """Return True for a placeholder, and for a list that contains one at any depth."""
    return isinstance(value, Placeholder) or (isinstance(value, list | tuple) and any(map(holds_placeholder, value)))
