"""Placeholders for the arrays in the user's code: each operation adds a node to the graph, by NumPy's shape rules.

Shapes are concrete (see `sizes`), so that `np.zeros((N, H))` and `range(N)` run. Code that would convert a placeholder
to a plain number, such as `float(x)`, raises `Untraceable`.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias, cast

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.network import array_functions as arrays
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network import numpy_words as words
from symbackprop.network.word_calls import OTHER_REDUCTIONS, REDUCTIONS
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.graph import NodeOperation, Options, TracedNode
from symbackprop.tracing.arrays.run import EPSILON, Placeholder, TraceRun, holds_placeholder, is_tiny, plain
from symbackprop.tracing.arrays.word_calls import Word, word_node
from symbackprop.tracing.untraceable import NumberNeeded, Untraceable

Operand: TypeAlias = object  # a placeholder, an array of numbers or a number; `TraceRun.node` refuses all else
Axis: TypeAlias = int | tuple[int, ...] | None
_Binary: TypeAlias = Callable[["TracedArray", Operand], "TracedArray"]

_EQUALITY = "arrays are compared by == or !=, which depends on their numbers; <, <=, > and >= can be traced"
_CONDITION = "what is done depends on the numbers: a condition is an array; np.where(condition, a, b) can be traced"
_NUMBER = "float(), int() or an index needs the number of an array; NumPy's own functions can be traced without it"
_SIGNS = {">": "gt", "<": "lt", ">=": "ge", "<=": "le", "==": "eq", "!=": "ne"}
_REDUCTIONS = REDUCTIONS | OTHER_REDUCTIONS


def _operators(operation: NodeOperation) -> tuple[_Binary, _Binary, _Binary]:
    """Return the methods of a Python operator: the usual one, the reflected one, and the in-place one."""

    def changed(self: "TracedArray", other: Operand) -> "TracedArray":
        new = self.combined(operation, other)
        if new.shape != self.shape:
            shown = self.run.sizes.shown
            raise Untraceable(
                f"an array of shape {shown(self.shape)} is changed in place by an operation whose result has the shape "
                f"{shown(new.shape)}"
            )
        self.node = new.node
        return self

    return (
        lambda self, other: self.combined(operation, other),
        lambda self, other: self.combined(operation, other, reflected=True),
        changed,
    )


def _method(name: str) -> Callable[..., Any]:
    """Return the method that is the function of this name in the table of NumPy's functions."""
    return lambda self, *args, **kwargs: self.run.call(name, (self, *args), kwargs)


def _comparison(sign: str) -> Callable[["TracedArray", Operand], "Mask"]:
    def compared(self: "TracedArray", other: Operand) -> "Mask":
        found = self.combined(words.RELATIONS[sign], other)
        mask = Mask(self.run, found.node)
        mask.numbers = found.numbers
        return mask

    return compared


class TracedArray(Placeholder):
    """A placeholder for an array, which has a shape but no numbers."""

    __array_priority__ = 1000.0
    is_mask = False

    def __init__(self, run: TraceRun, node: TracedNode):
        self.run = run
        self.node = node

    # shapes

    @property
    def shape(self) -> tuple[int, ...]:
        """The concrete shape, as a tuple like NumPy's."""
        return self.run.sizes.of(self.node.size)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.node.rank

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype:
        """The dtype that a NumPy array of these entries has."""
        return np.dtype(bool if self.is_mask else float)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    @property
    def as_called(self) -> "TracedArray":
        """The array as an argument of a word: with a node that has the axes of the array."""
        return self

    # operations

    def made(
        self, operation: NodeOperation, *others: Operand, rank: int | None = None, options: Options = ()
    ) -> "TracedArray":
        """Return an operation on this array and others."""
        nodes = [self.node, *map(self.run.node, others)]
        rank = max(node.rank for node in nodes) if rank is None else rank
        return TracedArray(self.run, self.run.graph.node(operation, nodes, *options, rank=rank))

    def combined(self, operation: NodeOperation, other: Operand, *, reflected: bool = False) -> "TracedArray":
        """Return an elementwise operation on this array and another one; if reflected, on the other one and this."""
        if isinstance(other, str) or other is None:
            raise TypeError(f"an array and a {type(other).__name__} are combined")
        if EPSILON in self.run.ignored and operation in (op.plus, arithmetic.minus) and is_tiny(other):
            return self.copy()
        nodes = [self.node, self.run.node(other)]
        rank = max(node.rank for node in nodes)
        node = self.run.graph.node(operation, nodes[::-1] if reflected else nodes, rank=rank)
        return self._with_numbers(TracedArray(self.run, node), _OF_NUMBERS.get(operation), other, reflected=reflected)

    def _with_numbers(self, found: "TracedArray", function: Any, *others: Any, reflected: bool = False) -> Any:
        """Return a result with its numbers, if all of its operands have numbers."""
        known = [plain(self), *map(plain, others)]
        if self.numbers is None or function is None or any(map(holds_placeholder, known)):
            return found
        with np.errstate(all="ignore"):
            return found.numbered(np.asarray(function(*(known[::-1] if reflected else known))))

    def numbered(self, numbers: np.ndarray) -> "TracedArray":
        """Return the array with its numbers, in the simplest form that they have."""
        node = self.run.constant(numbers) if numbers.ndim else None
        found = type(self)(self.run, self.node if node is None or node.rank != self.node.rank else node)
        found.numbers = numbers
        return found

    def called(self, word: Word, *arguments: object, **named: object) -> "TracedArray":
        """Return a word of texts that is called on this array."""
        return TracedArray(self.run, word_node(self.run, word, self, *arguments, **named))

    def moved(self, word: Word, *arguments: object) -> "TracedArray":
        """Return an array with entries of this one at other places: of a mask, a mask."""
        return (Mask if self.is_mask else TracedArray)(self.run, self.called(word, *arguments).node)

    dot, __matmul__ = _method("dot"), _method("matmul")

    def __rmatmul__(self, other: Operand) -> "TracedArray":
        return TracedArray(self.run, self.run.node(other)) @ self

    __add__, __radd__, __iadd__ = _operators(op.plus)
    __sub__, __rsub__, __isub__ = _operators(arithmetic.minus)
    __mul__, __rmul__, __imul__ = _operators(arithmetic.times)
    __truediv__, __rtruediv__, __itruediv__ = _operators(arithmetic.divided)
    __pow__, __rpow__, __ipow__ = _operators(arithmetic.to_the)

    def __neg__(self) -> "TracedArray":
        return cast("TracedArray", self._with_numbers(self.made(operator.neg), np.negative))

    def __pos__(self) -> "TracedArray":
        return self.copy()

    def __abs__(self) -> "TracedArray":
        return cast("TracedArray", self._with_numbers(self.made(op.elementwise, options=("abs",)), np.absolute))

    # comparisons

    __gt__, __lt__, __ge__, __le__ = map(_comparison, (">", "<", ">=", "<="))

    def __eq__(self, other: object) -> Any:
        if self.run.values is None and self.ndim and other is not None:
            return Mask(self.run, self.combined(words.RELATIONS["=="], other).node)
        theirs = self.run.number(other, _EQUALITY) if isinstance(other, TracedArray) else other
        return self.run.number(self, _EQUALITY) == theirs

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    __hash__ = None  # type: ignore[assignment]

    # other shapes

    @property
    def T(self) -> "TracedArray":  # noqa: N802 — NumPy's name
        """The array with its axes in reverse order; a vector is its own transpose."""
        return self.made(op.transpose) if self.ndim == 2 else self.moved(arrays.transpose) if self.ndim > 2 else self

    @property
    def mT(self) -> "TracedArray":  # noqa: N802 — NumPy's name
        """The array with its last two axes exchanged."""
        return self.T if self.ndim == 2 else self.moved(arrays.swapaxes, -1, -2)

    def transpose(self, *axes: Any) -> "TracedArray":
        """Return the array with its axes in another order."""
        order = tuple(axes[0]) if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        if self.ndim > 2 and order not in ((), (None,)):
            return self.moved(arrays.transpose, *order)
        return self if order and order == tuple(range(self.ndim)) else self.T

    swapaxes, cumsum, clip, diagonal, trace, repeat, argmax, argmin = map(
        _method, ("swapaxes", "cumsum", "clip", "diagonal", "trace", "repeat", "argmax", "argmin")
    )

    def reshape(self, *shape: Any, **_: object) -> "TracedArray":
        """Return the array in another shape; one size may be -1."""
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return reshaped(self, tuple(int(n) for n in sizes))

    def ravel(self, *_: object, **__: object) -> "TracedArray":
        """Return the entries as a vector."""
        return self.reshape(-1)

    flatten = ravel

    def squeeze(self, axis: Axis = None) -> "TracedArray":
        """Return the array without axes of size 1."""
        if self.ndim > 2 or isinstance(axis, tuple):
            return self.moved(arrays.squeeze, axis)
        kept = [n for k, n in enumerate(self.shape) if n != 1 or (axis is not None and axis % self.ndim != k)]
        return reshaped(self, tuple(kept))

    def copy(self, *_: object, **__: object) -> "TracedArray":
        """Return a copy; in-place changes of the copy do not affect this array."""
        return type(self)(self.run, self.node)

    def astype(self, dtype: Any, *_: object, **__: object) -> "TracedArray":
        """Return the array itself for float types, or a mask for bool; raise Untraceable for rounding to integers."""
        if np.dtype(dtype).kind in "iu" and not self.is_mask:
            raise Untraceable("astype(int) rounds an array, which has no derivative: leave the array as floats")
        return (Mask if np.dtype(dtype) == bool and self.is_mask else TracedArray)(self.run, self.node)

    # reductions

    def reduced(self, name: str, axis: Axis = None, keepdims: bool = False) -> "TracedArray":
        """Return a reduction, such as "sum", over all entries or along an axis."""
        if self.ndim > 2:
            return self.called(_REDUCTIONS[name], axis=axis, keepdims=bool(keepdims))
        if isinstance(axis, tuple):
            axis = None if len(axis) > 1 and {a % self.ndim for a in axis} == set(range(self.ndim)) else axis[0]
        if axis is None or self.ndim < 2:
            whole = self.made(op.reduced, rank=0, options=(name, None))
            return reshaped(whole, (1,) * self.ndim) if keepdims else whole
        along = int(axis) % 2
        line = self.made(op.reduced, rank=2, options=(name, along))
        return line if keepdims else reshaped(line, (self.shape[1 - along],))

    def sum(self, axis: Axis = None, dtype: object = None, out: object = None, keepdims: bool = False) -> "TracedArray":
        """Return the sum."""
        return self.reduced("sum", axis, keepdims)

    def mean(
        self, axis: Axis = None, dtype: object = None, out: object = None, keepdims: bool = False
    ) -> "TracedArray":
        """Return the mean."""
        return self.reduced("mean", axis, keepdims)

    def var(
        self, axis: Axis = None, dtype: object = None, out: object = None, ddof: int = 0, keepdims: bool = False
    ) -> "TracedArray":
        """Return the variance: the sum of squared deviations divided by the number of entries minus `ddof`."""
        return self.reduced("var", axis, keepdims) * _correction(self, axis, ddof)

    def std(
        self, axis: Axis = None, dtype: object = None, out: object = None, ddof: int = 0, keepdims: bool = False
    ) -> "TracedArray":
        """Return the standard deviation."""
        return self.reduced("std", axis, keepdims) * _correction(self, axis, ddof) ** 0.5

    def max(self, axis: Axis = None, out: object = None, keepdims: bool = False) -> "TracedArray":
        """Return the largest entry."""
        return self.reduced("max", axis, keepdims)

    def min(self, axis: Axis = None, out: object = None, keepdims: bool = False) -> "TracedArray":
        """Return the smallest entry."""
        return self.reduced("min", axis, keepdims)

    # conversions to numbers, which are impossible

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    __index__ = __int__

    def _number(self) -> Any:
        if self.numbers is None:
            raise NumberNeeded(_NUMBER)
        return self.numbers.item()

    def item(self, *_: object) -> "TracedArray":
        """Return the only entry."""
        return reshaped(self, ())

    def tolist(self) -> NoReturn:
        """Raise Untraceable."""
        raise Untraceable("tolist() needs the numbers of an array: index the array itself, without tolist()")

    def __bool__(self) -> bool:
        truth = bool(self.run.number(self, _CONDITION))
        self.run.conditions.append(f"{self.node.serial}: {truth}")
        return truth

    def __format__(self, how: str) -> str:
        """Return a name, whatever the format, since there is no number; what is printed is not shown."""
        return "an array"

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        if self.numbers is not None:
            return self.numbers
        raise Untraceable(
            "a function that is not NumPy's converts an array to one of numbers; NumPy's functions can be traced"
        )

    # what Python and NumPy call

    def __iter__(self) -> "Iterator[TracedArray]":
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0])) if self.numbers is None else iter(self.numbers)

    def __getitem__(self, key: object) -> "TracedArray":
        found: TracedArray = self.run.call("getitem", (self, key), {})
        return found

    def __setitem__(self, key: object, value: Operand) -> None:
        self.node = self.run.call("setitem", (self, key, value), {}).node

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Operand, **options: object) -> object:
        return self.run.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(
        self, function: Callable[..., object], _: object, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> object:
        return self.run.call(function.__name__, args, kwargs)


_OF_NUMBERS: dict[NodeOperation, Any] = {
    op.plus: np.add,
    arithmetic.minus: np.subtract,
    arithmetic.times: np.multiply,
    arithmetic.divided: np.true_divide,
    arithmetic.to_the: np.float_power,
    **{words.RELATIONS[sign]: getattr(operator, name) for sign, name in _SIGNS.items()},
}


class Mask(TracedArray):
    """An array that is 1 where a comparison is true, and 0 elsewhere."""

    is_mask = True

    def __invert__(self) -> "Mask":
        return Mask(self.run, self.made(words.complement).node)

    def __and__(self, other: Operand) -> "Mask":
        return Mask(self.run, self.combined(arithmetic.times, other).node)

    def __or__(self, other: Any) -> "Mask":
        return ~(~self & ~other)


class Flattened(TracedArray):
    """The entries of a matrix, one after the other; `node` is the matrix.

    What works on each entry, and a sum, is traced as that of the matrix; all else as that of a vector.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of entries, as a tuple."""
        return (int(np.prod(super().shape)),)

    @property
    def ndim(self) -> int:
        """The number of axes, 1."""
        return 1

    @property
    def matrix(self) -> TracedArray:
        """The matrix that was flattened."""
        return TracedArray(self.run, self.node)

    @property
    def as_called(self) -> TracedArray:
        """The vector of the entries."""
        return self.matrix.called(arrays.ravel)

    def reshape(self, *shape: Any, **_: object) -> TracedArray:
        """Return the matrix in another shape."""
        return self.matrix.reshape(*shape)

    def made(
        self, operation: NodeOperation, *others: Operand, rank: int | None = None, options: Options = ()
    ) -> TracedArray:
        """Return a reduction of the entries, or an operation on each entry."""
        if rank == 0 or not others:
            found = self.matrix.made(operation, *others, rank=rank, options=options)
            return Flattened(self.run, found.node) if found.ndim == 2 else found
        return self.as_called.made(operation, *others, rank=rank, options=options)

    def combined(self, operation: NodeOperation, other: Any, *, reflected: bool = False) -> TracedArray:
        """Return an elementwise operation on this and another array, or a number."""
        same = isinstance(other, Flattened) and other.matrix.shape == self.matrix.shape
        if not same and np.ndim(other) and not (isinstance(other, TracedArray) and other.ndim == 0):
            theirs = other.as_called if isinstance(other, TracedArray) else other
            return self.as_called.combined(operation, theirs, reflected=reflected)
        theirs = other.matrix if isinstance(other, Flattened) else other
        return Flattened(self.run, self.matrix.combined(operation, theirs, reflected=reflected).node)

    def reduced(self, name: str, axis: Axis = None, keepdims: bool = False) -> TracedArray:
        """Return a reduction over all entries."""
        return self.matrix.reduced(name)

    def __getitem__(self, key: object) -> TracedArray:
        return self.as_called[key]


def _correction(array: TracedArray, axis: Any, ddof: int) -> Any:
    """Return the factor n / (n - ddof) that corrects a mean over n entries."""
    if not ddof:
        return 1
    sizes = [array.shape[one] for one in np.atleast_1d(axis)] if axis is not None else [array.size]
    n = filled(array.run, (), int(np.prod(sizes)))
    return n / (n - ddof)


def filled(run: TraceRun, shape: int | Sequence[int], number: float) -> TracedArray:
    """Return np.full(shape, number) as an array that can store placeholders."""
    return TracedArray(run, run.filled(shape, number))


def reshaped(array: TracedArray, shape: tuple[int, ...]) -> TracedArray:
    """Return an array in another shape, in which one size may be -1; a matrix that becomes a vector is flattened."""
    left = array.size // max(int(np.prod([n for n in shape if n != -1])), 1)
    sizes = tuple(left if n == -1 else n for n in shape)
    if sizes == array.shape:
        return array.copy()
    if int(np.prod(sizes)) != array.size:
        shown = array.run.sizes.shown
        raise Untraceable(
            f"an array of shape {shown(array.shape)} is put into the shape {shown(sizes)}, whose number of entries is "
            "another one if the sizes have names; declare a size that is divided as a product, as in '2*K'"
        )
    if sizes == (array.size,) and array.ndim == 2 and 1 not in array.shape:
        return Flattened(array.run, array.node)
    if [n for n in sizes if n != 1] != [n for n in array.shape if n != 1] or max(len(sizes), array.ndim) > 2:
        return array.moved(arrays.reshape, *shape) if sizes else array.called(arrays.only_entry)
    rank = len(sizes)
    if array.ndim == 0:
        return array.made(op.as_matrix, rank=rank)
    if rank == 0:
        return array.made(op.only_entry, rank=0)
    same = (1, *sizes)[-2:] == (1, *array.shape)[-2:]
    return array.made(_identity if same else op.transpose, rank=rank)


def _identity(value: Expression) -> Expression:
    return value
