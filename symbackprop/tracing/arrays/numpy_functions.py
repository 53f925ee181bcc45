"""The table of NumPy's functions on placeholder arrays; a function that is not in it cannot be traced.

`PlaceholderNumpy` replaces the module while the user's code runs: functions with only numbers as arguments
are NumPy's own, but functions that create arrays create placeholders, which can store other placeholders.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from sympy import Integer

from symbackprop.expressions.functions import FUNCTIONS as ROWS_OF_FUNCTIONS
from symbackprop.expressions.linear_algebra import norm
from symbackprop.expressions.operations import COLUMNS
from symbackprop.network import array_functions as arrays_of
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network import numpy_words as words
from symbackprop.network.elaborate import CALLS
from symbackprop.network.word_calls import WORDS
from symbackprop.tracing.aliases import NumpyFunction
from symbackprop.tracing.arrays import indexing
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Axis, Flattened, Mask, Operand, TracedArray, filled, reshaped
from symbackprop.tracing.arrays.einsum import einsum
from symbackprop.tracing.arrays.graph import NodeOperation
from symbackprop.tracing.arrays.products import ConcatenatedArrays, Labels, as_array, dot, outer, product, stacked
from symbackprop.tracing.arrays.run import CLIP, TraceRun, holds_placeholder, is_guard, is_tiny
from symbackprop.tracing.arrays.word_calls import Word, most_axes, word_node
from symbackprop.tracing.randomness import random_module
from symbackprop.tracing.untraceable import Untraceable


def _elementwise(name: str) -> NumpyFunction:
    return lambda run, x, *_, **__: as_array(run, x).made(op.elementwise, options=(name,))


def _method(name: str) -> NumpyFunction:
    return lambda run, x, *args, **kwargs: getattr(as_array(run, x), name)(*args, **kwargs)


def _operator(name: str) -> NumpyFunction:
    return lambda run, a, b, *_, **__: getattr(as_array(run, a), name)(b)


def _combined(operation: NodeOperation) -> NumpyFunction:
    """Return an operation on quantities that are broadcast together."""

    def combined(run: TraceRun, *operands: Operand, **_: object) -> TracedArray:
        first, *others = (as_array(run, operand) for operand in operands)
        return first.made(operation, *others)

    return combined


def _mask(run: TraceRun, condition: Operand) -> Mask:
    """Return a mask unchanged, and for another array the mask of the entries that are not 0."""
    array = as_array(run, condition)
    return array if isinstance(array, Mask) else Mask(run, array.made(words.unequal, 0).node)


def _where(run: TraceRun, condition: Operand, *cases: Operand) -> TracedArray:
    if len(cases) != 2:
        raise Untraceable("np.where is traced as np.where(condition, a, b)")
    return TracedArray(run, _mask(run, condition).node).made(words.chosen, *cases)


def _select(run: TraceRun, conditions: Sequence[Operand], choices: Sequence[Operand], default: Operand = 0) -> Any:
    """Return np.select: the choice of the first condition that holds."""
    found = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        found = _where(run, condition, choice, found)
    return found


def _line(operation: NodeOperation, name: str) -> NumpyFunction:
    """Return an operation along an axis, by default that of NumPy: all entries of a vector, or the last axis."""

    def line(run: TraceRun, x: Operand, *args: Any, axis: int | None = None, **kwargs: Any) -> TracedArray:
        array = as_array(run, x)
        if array.ndim > 2:
            return array.called(WORDS[name], *(args or (axis,)), **kwargs)
        if axis is None and array.ndim > 1:
            raise Untraceable(f"np.{name} of a matrix without an axis runs through all its entries: name the axis")
        along = COLUMNS if array.ndim == 1 else int(axis or 0) % 2
        return array.made(operation, options=(along, *args, *kwargs.values()))

    return line


def _diff(run: TraceRun, x: Operand, n: int = 1, axis: int = -1) -> TracedArray:
    array = as_array(run, x)
    if array.ndim > 2:
        return array.called(WORDS["diff"], n, axis)
    return array.made(words.diff, options=(COLUMNS if array.ndim == 1 else axis % 2, int(n)))


def _roll(run: TraceRun, x: Operand, shift: int, axis: int | None = None) -> TracedArray:
    array = as_array(run, x)
    if array.ndim > 2:
        return array.moved(arrays_of.roll, shift, axis)
    if axis is None and array.ndim > 1:
        raise Untraceable("np.roll of a matrix without an axis moves entries from row to row: name the axis")
    return array.made(words.roll, options=(Integer(shift), COLUMNS if array.ndim == 1 else int(axis or 0) % 2))


def _triangle(operation: NodeOperation) -> NumpyFunction:
    return lambda run, m, k=0: as_array(run, m).made(operation, options=(int(k),))


def _split(run: TraceRun, x: Operand, at: Any, axis: int = 0) -> list[TracedArray]:
    """Return equal parts of an array, or the parts between positions."""
    array = as_array(run, x)
    size = array.shape[axis]
    cuts = [int(cut) for cut in at] if np.ndim(at) else [size * k // int(at) for k in range(1, int(at))]
    if not np.ndim(at) and size % int(at):
        raise Untraceable(f"np.split: an axis of {run.sizes.shown((size,))} entries is cut into {at} equal parts")
    before = (slice(None),) * (axis % array.ndim)
    return [array[(*before, slice(*bounds))] for bounds in pairwise([0, *cuts, size])]


def _solve(run: TraceRun, A: Operand, b: Operand) -> TracedArray:
    inverse = as_array(run, A).made(arithmetic.inv)
    return product(run, inverse, b)


def _slogdet(run: TraceRun, A: Operand) -> tuple[TracedArray, TracedArray]:
    matrix = as_array(run, A)
    sign = matrix.made(arithmetic.det, rank=0).made(op.elementwise, options=("sign",))
    return sign, matrix.made(words.log_abs_det, rank=0)


def _clip(run: TraceRun, x: Operand, low: Any = None, high: Any = None, *_: object, **__: object) -> TracedArray:
    array = as_array(run, x)
    if CLIP in run.ignored:
        high = None if is_guard(high) or (is_tiny(low) and high == 1) else high
        low = None if is_guard(low) else low
    array = array if low is None else array.combined(arithmetic.maximum, low)
    return array if high is None else array.combined(arithmetic.minimum, high)


def _maximum(run: TraceRun, a: Operand, b: Operand, **_: object) -> TracedArray:
    if CLIP in run.ignored and (is_guard(a) or is_guard(b)):
        return as_array(run, b if is_guard(a) else a)
    return as_array(run, a).combined(arithmetic.maximum, b)


def _minimum(run: TraceRun, a: Operand, b: Operand, **_: object) -> TracedArray:
    if CLIP in run.ignored and (is_guard(a) or is_guard(b)):
        return as_array(run, b if is_guard(a) else a)
    return as_array(run, a).combined(arithmetic.minimum, b)


def _concatenate(
    run: TraceRun, arrays: Sequence[Operand], axis: int | None = 0, **_: object
) -> TracedArray | ConcatenatedArrays:
    parts = [as_array(run, value) for value in arrays]
    if any(isinstance(part, Flattened) for part in parts):
        return ConcatenatedArrays([part.matrix if isinstance(part, Flattened) else part for part in parts])
    if len({part.ndim for part in parts}) > 1 or axis is None:
        raise Untraceable("arrays of different numbers of axes are joined: give them the same number by reshape")
    rank = parts[0].ndim
    if rank > 2:
        return TracedArray(run, word_node(run, CALLS["concatenate"], parts, axis))
    operation = op.joined_rows if rank == 2 and axis % 2 == 0 else op.joined_columns
    return parts[0].made(operation, *parts[1:], rank=rank)


def _append(run: TraceRun, a: Operand, b: Operand, axis: int | None = None) -> TracedArray | ConcatenatedArrays:
    parts = [as_array(run, value) for value in (a, b)]
    return _concatenate(run, [part.ravel() for part in parts] if axis is None else parts, axis or 0)


def _vstack(run: TraceRun, arrays: Sequence[Operand], **_: object) -> TracedArray:
    parts = [as_array(run, value) for value in arrays]
    if max(part.ndim for part in parts) > 2:
        return TracedArray(run, word_node(run, CALLS["concatenate"], parts, 0))
    return parts[0].made(op.joined_rows, *parts[1:], rank=2)


def _stack(run: TraceRun, arrays: Sequence[Operand], axis: int | None = 0, **_: object) -> TracedArray:
    parts = [as_array(run, value) for value in arrays]
    if max(part.ndim for part in parts) > 1:
        return TracedArray(run, word_node(run, arrays_of.stack, parts, axis=axis or 0))
    whole = stacked(run, parts)
    return whole if axis in (0, None, -2) else whole.T


def _as_columns(run: TraceRun, arrays: Sequence[Operand]) -> TracedArray:
    """Trace np.column_stack and np.c_: vectors become columns, side by side with the columns of matrices."""
    parts = [as_array(run, value) for value in arrays]
    columns = [part if part.ndim == 2 else reshaped(part, (part.size, 1)) for part in parts]
    return columns[0].made(op.joined_columns, *columns[1:], rank=2)


def _fill_diagonal(run: TraceRun, array: Operand, value: Operand, **_: object) -> None:
    if not isinstance(array, TracedArray) or array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise Untraceable("np.fill_diagonal fills the diagonal of a square matrix that the function has made itself")
    one = as_array(run, np.eye(array.shape[0]))
    array.node = (array * (1 - one) + one * value).node


def _choose(run: TraceRun, labels: Operand, choices: TracedArray, **_: object) -> TracedArray:
    if not isinstance(labels, Labels):
        raise Untraceable("np.choose is traced with class labels; np.where(condition, a, b) chooses by a condition")
    return indexing.item(choices, (labels, range(choices.shape[1])))


def _diag(run: TraceRun, x: Operand) -> TracedArray:
    array = as_array(run, x)
    return array.made(op.diagonal, rank=2) if array.ndim == 1 else array.made(op.diagonal_of, rank=1)


def _norm(run: TraceRun, x: Operand, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> TracedArray:
    array = as_array(run, x)
    if axis is None and array.ndim < 2:
        axis = 0
    if ord not in (None, 2, "fro", 1, np.inf) and axis is not None and not isinstance(axis, tuple) and ord > 0:
        return ((abs(array) ** ord).sum(axis=axis, keepdims=keepdims)) ** (1 / ord)
    if ord not in (None, 2, "fro", 1, np.inf) or (axis is None and ord not in (None, "fro")):
        raise Untraceable(f"np.linalg.norm with ord={ord!r}; the root of the sum of squares can be traced, without ord")
    if axis is None:
        whole = keepdims or array.ndim > 2
        return _sqrt(run, (array**2).sum(keepdims=keepdims)) if whole else array.made(norm, rank=0)
    if ord in (1, np.inf):
        return (abs(array).sum if ord == 1 else abs(array).max)(axis=axis, keepdims=keepdims)
    if array.ndim == 1 and not keepdims:
        return array.made(norm, rank=0)
    return _sqrt(run, (array**2).sum(axis=axis, keepdims=keepdims))


def _like(number: float) -> NumpyFunction:
    return lambda run, x, *_, **__: filled(run, x.shape, number)


def _as_array(run: TraceRun, x: Any, dtype: object = None, **_: object) -> TracedArray:
    return x.copy() if isinstance(x, TracedArray) else stacked(run, list(x))


def _at_least_2d(run: TraceRun, x: Operand) -> TracedArray:
    array = as_array(run, x)
    return reshaped(array, (1, *array.shape)[-2:]) if array.ndim else reshaped(array, (1, 1))


def _argument(name: str) -> NumpyFunction:
    """Return np.argmax or np.argmin: labels of the entries along an axis, or numbers where these are known."""

    def position(run: TraceRun, x: Operand, axis: int | None = None, **_: object) -> object:
        array = as_array(run, x)
        if run.values is None and axis is not None and array.ndim > 1:
            line = (array if name == "argmax" else -array).moved(arrays_of.moveaxis, axis, -1)
            return Labels(run, (line >= line.max(axis=-1, keepdims=True)).node)
        numbers = run.number(array, f"np.{name} is used, which needs the numbers of an array")
        return getattr(np, name)(numbers, axis=axis)

    return position


def _take_along_axis(run: TraceRun, x: Operand, indices: Any, axis: int = -1) -> TracedArray:
    array = as_array(run, x)
    if not isinstance(indices, Labels) or axis % array.ndim != array.ndim - 1:
        raise Untraceable("np.take_along_axis is traced with class labels along the last axis, as in y[..., None]")
    return (array[..., None, :] * indices.one_hot).sum(axis=-1)


def _take(run: TraceRun, x: Operand, indices: Any, axis: int | None = None, **_: object) -> TracedArray:
    array = as_array(run, x)
    if axis is None and array.ndim > 1:
        raise Untraceable("np.take without an axis counts all entries of an array: name the axis")
    before = (slice(None),) * ((axis or 0) % array.ndim)
    return indexing.item(array, (*before, indices) if before else indices)


def _add_at(run: TraceRun, array: Operand, indices: Any, values: Any) -> None:
    """Trace np.add.at, which may add several values to the same row."""
    if not isinstance(array, TracedArray):
        raise Untraceable("np.add.at adds to an array of numbers: create it by np.zeros in the function itself")
    if isinstance(indices, Labels):
        array.node = (array + TracedArray(run, indices.node).T @ values).node
        return
    for k, index in enumerate(np.ravel(indices)):
        array[int(index)] = array[int(index)] + (values if np.ndim(values) < 1 else values[k])


def _expand_dims(run: TraceRun, x: Operand, axis: Any) -> TracedArray:
    array = as_array(run, x)
    for one in sorted(np.atleast_1d(axis) % (array.ndim + np.size(axis))):
        array = array[(*[slice(None)] * int(one), None)]
    return array


def _word(name: str, word: Word) -> NumpyFunction:
    """Return the function that is a word of texts; options about types are left out."""

    def called(run: TraceRun, *arguments: Any, **named: Any) -> TracedArray:
        options = {key: value for key, value in named.items() if key != "dtype"}
        try:
            bound = inspect.signature(word).bind(*arguments, **options)
        except TypeError as error:
            raise Untraceable(f"np.{name}: {error}; it is traced as {name}{inspect.signature(word)}") from None
        return TracedArray(run, word_node(run, word, *bound.args, **bound.kwargs))

    return called


def _beyond(name: str, function: NumpyFunction) -> NumpyFunction:
    """Return a function that is the word of texts if an array has more than two axes."""

    def either(run: TraceRun, *arguments: Any, **named: Any) -> Any:
        found = _word(name, (CALLS | WORDS)[name]) if most_axes(arguments, named) > 2 else function
        return found(run, *arguments, **named)

    return either


_FEW = 4  # numbers of a range that stand in a formula one by one
_sqrt = _elementwise("sqrt")
_AXES = ("sum", "mean", "var", "std", "max", "min", "reshape", "ravel", "transpose", "squeeze", "copy")
_SCIPY = ("erf", "gammaln", "digamma")  # rows of the table that are functions of SciPy
_ELEMENTWISE = {name: name for name in ROWS_OF_FUNCTIONS if hasattr(np, name) or name in _SCIPY} | words.OTHER_NAMES
# fmt: off
FUNCTIONS: dict[str, NumpyFunction] = {
    **{name: _combined(operation) for name, operation in words.ENTRYWISE.items()},
    **{name: _elementwise(row) for name, row in _ELEMENTWISE.items() if row in ROWS_OF_FUNCTIONS},
    **{name: _method(name) for name in _AXES},
    "amax": _method("max"), "amin": _method("min"),
    "add": _operator("__add__"), "subtract": _operator("__sub__"),
    "multiply": _operator("__mul__"), "divide": _operator("__truediv__"),
    "true_divide": _operator("__truediv__"), "power": _operator("__pow__"),
    "float_power": _operator("__pow__"),
    "maximum": _maximum, "minimum": _minimum,
    "negative": lambda run, x, **_: -x, "reciprocal": lambda run, x, **_: 1 / x,
    "greater": _operator("__gt__"), "less": _operator("__lt__"), "equal": _operator("__eq__"),
    "greater_equal": _operator("__ge__"), "less_equal": _operator("__le__"),
    "not_equal": _operator("__ne__"),
    **dict.fromkeys(("logical_and", "bitwise_and"), lambda run, a, b, **_: _mask(run, a) & _mask(run, b)),
    **dict.fromkeys(("logical_or", "bitwise_or"), lambda run, a, b, **_: _mask(run, a) | _mask(run, b)),
    **dict.fromkeys(("logical_not", "invert"), lambda run, x, **_: ~_mask(run, x)),
    "fmax": _maximum,
    "dot": dot, "matmul": product, "outer": outer, "multiply.outer": outer, "add.at": _add_at,
    "inner": _beyond("inner", lambda run, a, b: product(run, a, b.T)),
    "vdot": lambda run, a, b: product(run, a.ravel(), b.ravel()), "einsum": einsum,
    "where": _where, "clip": _clip, "diag": _diag, "diagflat": _diag, "norm": _norm,
    "concatenate": _concatenate, "vstack": _vstack, "stack": _stack, "row_stack": _vstack,
    "column_stack": _as_columns, "fill_diagonal": _fill_diagonal, "choose": _choose,
    **dict.fromkeys(("isnan", "isinf"), lambda run, x, **_: np.broadcast_to(False, x.shape)),  # numbers are finite
    "isfinite": lambda run, x, **_: np.broadcast_to(True, x.shape),
    "take_along_axis": _take_along_axis, "argmax": _argument("argmax"), "argmin": _argument("argmin"),
    "hstack": lambda run, arrays, **_: _concatenate(run, arrays, min(as_array(run, arrays[0]).ndim - 1, 1)),
    "append": _append,
    "zeros_like": _like(0), "ones_like": _like(1), "empty_like": _like(0),
    "full_like": lambda run, x, number, *_, **__: filled(run, x.shape, number),
    **dict.fromkeys(("array", "asarray", "asanyarray", "ascontiguousarray"), _as_array),
    **dict.fromkeys(("positive", "atleast_1d", "nan_to_num", "float64", "float32"), lambda run, x, *_, **__: x),
    "atleast_2d": _at_least_2d, "expand_dims": _expand_dims,
    "broadcast_to": lambda run, x, shape, **_: as_array(run, x) + filled(run, shape, 0),
    "shape": lambda run, x: x.shape, "ndim": lambda run, x: x.ndim,
    "size": lambda run, x, axis=None: x.size if axis is None else x.shape[axis],
    "trace": lambda run, x, *_, **__: as_array(run, x).made(arithmetic.trace, rank=0),
    "select": _select, "take": _take,
    "ptp": lambda run, x, **kwargs: as_array(run, x).max(**kwargs) - as_array(run, x).min(**kwargs),
    "cumsum": _line(words.cumsum, "cumsum"), "diff": _diff, "roll": _roll, "split": _split, "array_split": _split,
    "hsplit": lambda run, x, at: _split(run, x, at, min(as_array(run, x).ndim - 1, 1)), "vsplit": _split,
    "tril": _triangle(words.tril), "triu": _triangle(words.triu), "solve": _solve, "slogdet": _slogdet,
    "kron": lambda run, a, b: as_array(run, a).made(WORDS["kron"], b, rank=2),
    "inv": lambda run, x: as_array(run, x).made(arithmetic.inv), "det": lambda run, x: x.made(arithmetic.det, rank=0),
    "getitem": lambda run, x, key: indexing.item(x, key),
    "setitem": lambda run, x, key, value: indexing.with_item(x, key, value),
}
# fmt: on
FUNCTIONS |= {
    name: _word(name, word) for name, word in (CALLS | WORDS | arrays_of.ARRAY_CALLS).items() if name not in FUNCTIONS
}


def _filled(
    number: float, real: NumpyFunction, run: TraceRun, shape: Any, dtype: Any = float, *args: object, **kwargs: object
) -> object:
    if np.dtype(dtype).kind != "f" or np.ndim(shape) > 1:
        return real(shape, dtype, *args, **kwargs)
    return filled(run, shape, number)


def _full(run: TraceRun, shape: Any, number: Any, *_: object, **__: object) -> TracedArray:
    return filled(run, (), 0) + number + filled(run, shape, 0)


def _eye(run: TraceRun, n: int, *args: Any, **kwargs: Any) -> TracedArray:
    return as_array(run, np.eye(n, *args, **kwargs))


def _arange(run: TraceRun, *bounds: Any, **options: Any) -> object:
    """Return np.arange(n) as an array that has a formula beside its numbers, and any other range as numbers."""
    if len(bounds) > 1 or options or not isinstance(bounds[0], int | np.integer) or bounds[0] <= _FEW:
        return np.arange(*bounds, **options)
    return TracedArray(run, run.counted(int(bounds[0]))).numbered(np.arange(bounds[0]))


_CREATING: dict[str, NumpyFunction] = {  # functions that create placeholders even of numbers alone
    **{name: partial(_filled, number, getattr(np, name)) for name, number in (("zeros", 0), ("ones", 1), ("empty", 0))},
    "full": _full,
    "eye": _eye,
    "arange": _arange,
    "identity": _eye,
}


class PlaceholderNumpy:
    """The placeholder for the module NumPy; `run` is the state of the trace."""

    def __init__(self, run: TraceRun):
        self.run = run

    def __getattr__(self, name: str) -> object:
        if name == "linalg":
            return self
        if name == "random":
            return random_module()
        if name == "c_":
            return _Columns(self.run)
        if name in _CREATING:
            return partial(_CREATING[name], self.run)
        real = getattr(np, name) if hasattr(np, name) else getattr(np.linalg, name)
        is_function = callable(real) and not isinstance(real, type)
        return _TracedFunction(self.run, name, real) if is_function or name in FUNCTIONS else real

    def replacement(self, value: object) -> object:
        """Return the placeholder for a value in the user's module if it is NumPy, or a function of NumPy or SciPy."""
        if isinstance(value, ModuleType):
            known = value in (np, np.linalg) or value.__name__ == "scipy.special"
            return self if known else value
        if not callable(value) or isinstance(value, type):
            return value
        module = "numpy" if isinstance(value, np.ufunc) else str(getattr(value, "__module__", None))
        if module.split(".")[0] not in ("numpy", "scipy"):
            return value
        return _TracedFunction(self.run, getattr(value, "__name__", ""), value)


class _Columns:
    """The placeholder for np.c_, by which columns are joined."""

    def __init__(self, run: TraceRun):
        self.run = run

    def __getitem__(self, arrays: Any) -> object:
        if not holds_placeholder(arrays):
            return np.c_[arrays]
        return _as_columns(self.run, arrays if isinstance(arrays, tuple) else (arrays,))


class _TracedFunction:
    """A function of NumPy that is traced if an argument is a placeholder, and is NumPy's own otherwise."""

    def __init__(self, run: TraceRun, name: str, real: Any):
        self.run, self.name, self.real = run, name, real

    def __call__(self, *args: object, **kwargs: object) -> object:
        if any(map(holds_placeholder, (*args, *kwargs.values()))):
            return self.run.call(self.name, args, kwargs)
        return self.real(*args, **kwargs)

    def __getattr__(self, method: str) -> Callable[..., object]:
        """Return a method of a ufunc, such as `np.add.at` or `np.add.reduce`."""
        if method.startswith("__"):
            raise AttributeError(method)

        def called(*args: object, **kwargs: object) -> object:
            if any(map(holds_placeholder, args)):
                return self.run.call_ufunc(self.real, method, args, kwargs)
            return getattr(self.real, method)(*args, **kwargs)

        return called
