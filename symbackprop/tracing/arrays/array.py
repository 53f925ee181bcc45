"""Arrays of a person's code without numbers: each operation adds a node to the graph, by NumPy's rules of rank.

Shapes are concrete (see `sizes`), so that `np.zeros((N, H))` and `range(N)` run. What would lose the quantity, such as
`float(x)`, raises `Untraceable`.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbackprop.expressions.matrices import Eye, Ones, Zeros, scaled
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.graph import Graph, Node, needed
from symbackprop.tracing.sizes import Sizes
from symbackprop.tracing.untraceable import Untraceable

NO_NUMBER = "a number is wanted of a quantity, as float() does"
_EQUALITY = "two quantities are compared for equality"
CLIP, EPSILON = "clip", "epsilon"  # guards: a number is kept off 0, or a small one is added
TINY = 1e-5
_MOST_ENTRIES = 16  # of an array of numbers that is taken entry by entry


@dataclass
class Run:
    """What arrays of one run share: what the sizes mean, the graph, and what NumPy's functions and `x[…]` do."""

    sizes: Sizes
    graph: Graph
    numpy: Any
    indexing: Any
    values: dict[Any, Any] | None = None  # of the arguments, by symbol: what depends on numbers is decided by these
    conditions: list[str] = field(default_factory=list)  # what was decided
    ignored: frozenset[str] = frozenset()  # of the guards against log(0) and a division by 0: CLIP, EPSILON

    def number(self, array: "Array", what: str) -> Any:
        """The numbers of an array, where there are some."""
        if self.values is None:
            raise Untraceable(what)
        evaluation = Evaluation({})
        for node in needed([array.node]):
            if node.symbol not in self.values:
                value = node.symbol if node.operation is None else node.operation(*_symbols(node), *node.options)
                self.values[node.symbol] = evaluation.value(value, self.values, IN_FLOATS)
        return np.asarray(self.values[array.node.symbol]).reshape(array.shape)

    def array(self, symbol: Any, rank: int) -> "Array":
        return Array(self, self.graph.leaf(symbol, rank))

    def node(self, value: Any) -> Node:
        """The node of an array, or of numbers."""
        if isinstance(value, Array):
            return value.node
        if isinstance(value, np.ndarray) and value.ndim:
            return self._constant(value)
        if isinstance(value, list | tuple) and value:
            return self.node(np.array(value)) if not holds_array(value) else self.numpy.call("array", (value,), {}).node
        try:
            return self.graph.leaf(self.sizes.number(value.item() if hasattr(value, "item") else value), 0)
        except (TypeError, ValueError):
            raise Untraceable(f"a {type(value).__name__} stands in a formula") from None

    def _constant(self, values: np.ndarray) -> Node:
        """An array of numbers: one number throughout, an identity, or a few numbers."""
        if values.ndim > 2 or values.dtype.kind not in "biuf":
            raise Untraceable(f"an array of shape {values.shape} and type {values.dtype} stands in a formula")
        shape = (1, *values.shape)[-2:]
        size = tuple(self.sizes.length(n) for n in shape)
        flat = values.reshape(shape)
        if np.all(flat == flat.flat[0]):
            return self.graph.leaf(scaled(self.sizes.number(flat.flat[0].item()), Ones(*size)), values.ndim)
        if shape[0] == shape[1] and np.array_equal(flat, np.eye(shape[0])):
            return self.graph.leaf(Eye(size[0]), values.ndim)
        if flat.size > _MOST_ENTRIES:
            raise Untraceable("an array of numbers stands in a formula")
        rows = [op.joined_columns(*(op.as_matrix(self.sizes.number(x.item())) for x in row)) for row in flat]
        return self.graph.leaf(op.joined_rows(*rows), values.ndim)

    def filled(self, shape: Any, number: Any) -> "Array":
        """np.full."""
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        if len(shape) > 2:
            raise Untraceable(f"an array has {len(shape)} axes")
        if not shape:
            return Array(self, self.node(number))
        rows, columns = (self.sizes.length(int(n)) for n in (1, *shape)[-2:])
        value = Zeros(rows, columns) if number == 0 else scaled(self.sizes.number(number), Ones(rows, columns))
        return Array(self, self.graph.leaf(value, len(shape)))


def is_tiny(value: Any) -> bool:
    """A small number, such as is added to a probability before its logarithm."""
    return isinstance(value, float | np.floating) and 0 < abs(float(value)) <= TINY


def _symbols(node: Node) -> list[Any]:
    return [part.symbol for part in node.parts]


def holds_array(value: Any) -> bool:
    """Whether an array stands in a list, however deep."""
    return isinstance(value, Array) or (isinstance(value, list | tuple) and any(map(holds_array, value)))


def _binary(operation: Callable[..., Any]) -> Any:
    return lambda self, other: self.combined(operation, other)


def _reflected(operation: Callable[..., Any]) -> Any:
    return lambda self, other: self.combined(operation, other, reflected=True)


def _in_place(operation: Callable[..., Any]) -> Any:
    def changed(self: Any, other: Any) -> Any:
        if other is NotImplemented:
            return NotImplemented
        new = self.combined(operation, other)
        if new.shape != self.shape:
            raise Untraceable(f"an array of shape {self.shape} is changed in place by one of shape {new.shape}")
        self.node = new.node
        return self

    return changed


class Array:
    """An array without numbers."""

    __array_priority__ = 1000.0
    is_mask = False

    def __init__(self, run: Run, node: Node):
        self.run = run
        self.node = node

    # shapes

    @property
    def shape(self) -> tuple[int, ...]:
        return self.run.sizes.of(self.node.size)

    @property
    def ndim(self) -> int:
        return self.node.rank

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> Any:
        return np.dtype(bool if self.is_mask else float)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    # what is made of it

    def made(self, operation: Callable[..., Any], *others: Any, rank: int | None = None, options: Any = ()) -> "Array":
        """An operation on this and others."""
        nodes = [self.node, *map(self.run.node, others)]
        rank = max(node.rank for node in nodes) if rank is None else rank
        return Array(self.run, self.run.graph.node(operation, nodes, *options, rank=rank))

    def combined(self, operation: Callable[..., Any], other: Any, *, reflected: bool = False) -> "Array":
        if isinstance(other, str) or other is None:
            raise TypeError(f"an array and a {type(other).__name__} are combined")
        if EPSILON in self.run.ignored and operation in (op.plus, arithmetic.minus) and is_tiny(other):
            return self.copy()
        nodes = [self.node, self.run.node(other)]
        rank = max(node.rank for node in nodes)
        return Array(self.run, self.run.graph.node(operation, nodes[::-1] if reflected else nodes, rank=rank))

    def __matmul__(self, other: Any) -> "Array":
        return self.run.numpy.call("dot", (self, other), {})

    def __rmatmul__(self, other: Any) -> "Array":
        return self.run.numpy.call("dot", (other, self), {})

    __add__, __radd__, __iadd__ = _binary(op.plus), _reflected(op.plus), _in_place(op.plus)
    __sub__, __rsub__, __isub__ = _binary(arithmetic.minus), _reflected(arithmetic.minus), _in_place(arithmetic.minus)
    __mul__, __rmul__, __imul__ = _binary(arithmetic.times), _reflected(arithmetic.times), _in_place(arithmetic.times)
    __truediv__, __rtruediv__ = _binary(arithmetic.divided), _reflected(arithmetic.divided)
    __itruediv__ = _in_place(arithmetic.divided)
    __pow__, __rpow__, __ipow__ = (
        _binary(arithmetic.to_the),
        _reflected(arithmetic.to_the),
        _in_place(arithmetic.to_the),
    )

    def __neg__(self) -> "Array":
        return self.made(operator.neg)

    def __pos__(self) -> "Array":
        return self.copy()

    def __abs__(self) -> "Array":
        return self.made(op.applied, options=("abs",))

    # comparisons

    def __gt__(self, other: Any) -> "Array":
        return Mask(self.run, self.combined(op.above, other).node)

    def __lt__(self, other: Any) -> "Array":
        return Mask(self.run, self.combined(op.above, other, reflected=True).node)

    def __le__(self, other: Any) -> "Array":
        return Mask(self.run, self.combined(op.not_above, other).node)

    def __ge__(self, other: Any) -> "Array":
        return Mask(self.run, self.combined(op.not_above, other, reflected=True).node)

    def __eq__(self, other: Any) -> Any:
        theirs = self.run.number(other, _EQUALITY) if isinstance(other, Array) else other
        return self.run.number(self, _EQUALITY) == theirs

    def __ne__(self, other: Any) -> Any:
        return ~(self == other)

    __hash__ = None  # type: ignore[assignment]

    # shapes changed

    @property
    def T(self) -> "Array":  # noqa: N802 — NumPy's name
        return self.made(op.turned) if self.ndim == 2 else self

    def transpose(self, *axes: Any) -> "Array":
        given = tuple(axes[0]) if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        return self if given and given == tuple(range(self.ndim)) else self.T

    def reshape(self, *shape: Any, **_: Any) -> "Array":
        given = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        wanted = [int(n) for n in given]
        if -1 in wanted:
            others = int(np.prod([n for n in wanted if n != -1]))
            wanted[wanted.index(-1)] = self.size // max(others, 1)
        return reshaped(self, tuple(wanted))

    def ravel(self, *_: Any, **__: Any) -> "Array":
        return self.reshape(-1)

    flatten = ravel

    def squeeze(self, axis: Any = None) -> "Array":
        kept = [n for k, n in enumerate(self.shape) if n != 1 or (axis is not None and axis % self.ndim != k)]
        return reshaped(self, tuple(kept))

    def copy(self, *_: Any, **__: Any) -> "Array":
        return type(self)(self.run, self.node)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> "Array":
        if np.dtype(dtype).kind in "iu" and not self.is_mask:
            raise Untraceable("a quantity is rounded to whole numbers")
        return Mask(self.run, self.node) if np.dtype(dtype) == bool and self.is_mask else Array(self.run, self.node)

    # reductions

    def reduced(self, name: str, axis: Any = None, keepdims: bool = False) -> "Array":
        axes = axis if isinstance(axis, tuple) else (axis,)
        if len(axes) > 1:
            axis = None if {a % self.ndim for a in axes} == set(range(self.ndim)) else axes[0]
        if axis is None or self.ndim < 2:
            whole = self.made(op.reduced, rank=0, options=(name, None))
            return reshaped(whole, (1,) * self.ndim) if keepdims else whole
        axis = int(axis) % 2
        line = self.made(op.reduced, rank=2, options=(name, axis))
        return line if keepdims else reshaped(line, (self.shape[1 - axis],))

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> "Array":
        return self.reduced("sum", axis, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> "Array":
        return self.reduced("mean", axis, keepdims)

    def var(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False
    ) -> "Array":
        return self.reduced("var", axis, keepdims) * _correction(self, axis, ddof)

    def std(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False
    ) -> "Array":
        return self.reduced("std", axis, keepdims) * _correction(self, axis, ddof) ** 0.5

    def max(self, axis: Any = None, out: Any = None, keepdims: Any = False) -> "Array":
        return self.reduced("max", axis, keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: Any = False) -> "Array":
        return self.reduced("min", axis, keepdims)

    def dot(self, other: Any) -> "Array":
        return self.run.numpy.call("dot", (self, other), {})

    # what has no numbers

    def __float__(self) -> float:
        raise Untraceable(NO_NUMBER)

    __int__ = __float__
    __index__ = __float__

    def item(self, *_: Any) -> "Array":
        return reshaped(self, ())

    def tolist(self) -> Any:
        raise Untraceable("a list of numbers is wanted of a quantity")

    def __bool__(self) -> bool:
        truth = bool(self.run.number(self, "what is done depends on the numbers"))
        self.run.conditions.append(f"{self.node.serial}: {truth}")
        return truth

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("an array of numbers is wanted of a quantity")

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key: Any) -> "Array":
        return self.run.indexing.item(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.node = self.run.indexing.with_item(self, key, value).node

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return self.run.numpy.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, _: Any, args: Any, kwargs: Any) -> Any:
        return self.run.numpy.call(function.__name__, args, kwargs)


class Mask(Array):
    """1 where a comparison holds, else 0."""

    is_mask = True

    def __invert__(self) -> "Array":
        return Mask(self.run, self.combined(arithmetic.minus, 1, reflected=True).node)

    def __and__(self, other: Any) -> "Array":
        return Mask(self.run, self.combined(arithmetic.times, other).node)

    def __or__(self, other: Any) -> "Array":
        return ~(~self & ~other)


class Flattened(Array):
    """The entries of a matrix one after the other; `node` is the matrix."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(np.prod(super().shape)),)

    @property
    def ndim(self) -> int:
        return 1

    @property
    def matrix(self) -> Array:
        return Array(self.run, self.node)

    def reshape(self, *shape: Any, **_: Any) -> Array:
        return self.matrix.reshape(*shape)

    def made(self, operation: Callable[..., Any], *others: Any, rank: int | None = None, options: Any = ()) -> Array:
        if rank == 0 or not others:
            found = self.matrix.made(operation, *others, rank=rank, options=options)
            return Flattened(self.run, found.node) if found.ndim == 2 else found
        raise Untraceable("the entries of a matrix are put one after the other")

    def combined(self, operation: Callable[..., Any], other: Any, *, reflected: bool = False) -> Array:
        same = isinstance(other, Flattened) and other.matrix.shape == self.matrix.shape
        if not same and np.ndim(other) and not (isinstance(other, Array) and other.ndim == 0):
            raise Untraceable("the entries of a matrix are put one after the other")
        theirs = other.matrix if isinstance(other, Flattened) else other
        return Flattened(self.run, self.matrix.combined(operation, theirs, reflected=reflected).node)

    def reduced(self, name: str, axis: Any = None, keepdims: bool = False) -> Array:
        return self.matrix.reduced(name)

    def __getitem__(self, key: Any) -> Array:
        raise Untraceable("the entries of a matrix are put one after the other")


def _correction(array: Array, axis: Any, ddof: int) -> Any:
    count = array.size if axis is None else array.shape[int(axis)]
    if not ddof:
        return 1
    n = array.run.array(array.run.sizes.number(count), 0)
    return n / (n - ddof)


# ranks


def reshaped(array: Array, shape: tuple[int, ...]) -> Array:
    """The same entries in another shape: axes of one entry come and go, a matrix of one column becomes a row."""
    if shape == array.shape:
        return array.copy()
    if shape == (array.size,) and array.ndim == 2 and 1 not in array.shape:
        return Flattened(array.run, array.node)
    if [n for n in shape if n != 1] != [n for n in array.shape if n != 1] or len(shape) > 2:
        raise Untraceable(f"an array of shape {array.shape} is put into the shape {shape}")
    rank = len(shape)
    if array.ndim == 0:
        return array.made(op.as_matrix, rank=rank)
    if rank == 0:
        return array.made(op.entry, rank=0)
    as_two = (1, *array.shape)[-2:]
    same = (1, *shape)[-2:] == as_two
    return array.made(_itself if same else op.turned, rank=rank)


def _itself(value: Any) -> Any:
    return value
