"""NumPy's functions on arrays without numbers, one table; what is not in it is not traced.

A stand-in for the module, which takes its place in a person's code while that runs: functions that are given numbers
alone are NumPy's own, but those that make arrays make such as can hold quantities.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from symbackprop.expressions.linear_algebra import norm
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.tracing.arrays import indexing
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import CLIP, TINY, Array, Flattened, Mask, Run, holds_array, is_tiny, reshaped
from symbackprop.tracing.arrays.einsum import einsum
from symbackprop.tracing.arrays.products import Labels, Vector, outer, product, stacked
from symbackprop.tracing.untraceable import Untraceable

Function = Callable[..., Any]


def _applied(name: str, order: int = 0) -> Function:
    return lambda run, x, *_, **__: _array(run, x).made(op.applied, options=(name, order))


def _operator(operation: Function) -> Function:
    def combined(run: Run, a: Any, b: Any, *_: Any, **__: Any) -> Array:
        return _array(run, a).combined(operation, b)

    return combined


def _method(name: str) -> Function:
    return lambda run, x, *args, **kwargs: getattr(_array(run, x), name)(*args, **kwargs)


def _comparison(name: str) -> Function:
    def compared(run: Run, a: Any, b: Any, *_: Any, **__: Any) -> Any:
        return _equal(run, a, b) if name == "__eq__" else getattr(_array(run, a), name)(b)

    return compared


def _array(run: Run, value: Any) -> Array:
    return value if isinstance(value, Array) else Array(run, run.node(value))


def _equal(run: Run, a: Any, b: Any) -> Any:
    return _array(run, a) == b


def _where(run: Run, mask: Any, *chosen: Any) -> Array:
    if not isinstance(mask, Mask) or len(chosen) != 2:
        raise Untraceable("np.where of what is no comparison")
    a, b = (Array(run, run.node(value)) for value in chosen)
    rank = max(mask.ndim, a.ndim, b.ndim)
    return mask.made(op.chosen, a, b, rank=rank)


def _clip(run: Run, x: Any, low: Any = None, high: Any = None, *_: Any, **__: Any) -> Array:
    array = _array(run, x)
    if CLIP in run.ignored and is_tiny(low) and (high is None or abs(1 - high) <= TINY):
        return array
    array = array if low is None else array.combined(arithmetic.maximum, low)
    return array if high is None else array.combined(arithmetic.minimum, high)


def _maximum(run: Run, a: Any, b: Any, **_: Any) -> Array:
    if CLIP in run.ignored and (is_tiny(a) or is_tiny(b)):
        return _array(run, b if is_tiny(a) else a)
    return _array(run, a).combined(arithmetic.maximum, b)


def _joined(axis: int) -> Function:
    def joined(run: Run, arrays: Any, **_: Any) -> Array:
        return _concatenate(run, arrays, axis)

    return joined


def _concatenate(run: Run, arrays: Any, axis: Any = 0, **_: Any) -> Any:
    parts = [_array(run, value) for value in arrays]
    if any(isinstance(part, Flattened) for part in parts):
        return Vector([part.matrix if isinstance(part, Flattened) else part for part in parts])
    if len({part.ndim for part in parts}) > 1 or axis is None:
        raise Untraceable("arrays of different ranks are joined")
    rank = parts[0].ndim
    rows = rank == 2 and axis % 2 == 0
    operation = op.joined_rows if rows else op.joined_columns
    return parts[0].made(operation, *parts[1:], rank=rank)


def _vstack(run: Run, arrays: Any, **_: Any) -> Array:
    parts = [_array(run, value) for value in arrays]
    return parts[0].made(op.joined_rows, *parts[1:], rank=2)


def _hstack(run: Run, arrays: Any, **_: Any) -> Array:
    return _concatenate(run, arrays, 1 if _array(run, arrays[0]).ndim == 2 else 0)


def _stack(run: Run, arrays: Any, axis: Any = 0, **_: Any) -> Array:
    whole = stacked(run, list(arrays))
    return whole if axis in (0, None) else whole.T


def _diag(run: Run, x: Any) -> Array:
    array = _array(run, x)
    if array.ndim == 1:
        return array.made(op.diagonal, rank=2)
    return array.made(op.on_the_diagonal, rank=1)


def _norm(run: Run, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Array:
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and _array(run, x).ndim == 2):
        raise Untraceable("a norm that is no sum of squares")
    array = _array(run, x)
    if axis is None:
        return array.made(_norm_of, rank=0)
    return _applied("sqrt")(run, (array**2).sum(axis=axis, keepdims=keepdims))


def _norm_of(value: Any) -> Any:
    return norm(value)


def _log1p(run: Run, x: Any, **_: Any) -> Array:
    return _applied("log")(run, _array(run, x) + 1)


def _expm1(run: Run, x: Any, **_: Any) -> Array:
    return _applied("exp")(run, x) - 1


def _logaddexp(run: Run, a: Any, b: Any, **_: Any) -> Array:
    if not isinstance(a, Array) and a == 0:
        return _applied("softplus")(run, b)
    return _applied("softplus")(run, b - _array(run, a)) + a


def _like(number: Any) -> Function:
    return lambda run, x, *_, **__: run.filled(x.shape, number)


def _full_like(run: Run, x: Any, number: Any, *_: Any, **__: Any) -> Array:
    return run.filled(x.shape, number)


def _as_array(run: Run, x: Any, dtype: Any = None, **_: Any) -> Array:
    if isinstance(x, Array):
        return x.copy()
    return stacked(run, list(x))


def _at_least_2d(run: Run, x: Any) -> Array:
    array = _array(run, x)
    return reshaped(array, (1, *array.shape)[-2:]) if array.ndim else reshaped(array, (1, 1))


def _expanded(run: Run, x: Any, axis: int) -> Array:
    return x[None, :] if axis in (0, -2) else x[:, None]


def _broadcast_to(run: Run, x: Any, shape: Any, **_: Any) -> Array:
    return _array(run, x) + run.filled(shape, 0)


def _trace(run: Run, x: Any) -> Array:
    return _array(run, x).made(arithmetic.trace, rank=0)


def _same(run: Run, x: Any, *_: Any, **__: Any) -> Any:
    return x


def _sum(run: Run, x: Any, *args: Any, **kwargs: Any) -> Array:
    return _array(run, x).sum(*args, **kwargs)


def _argument(name: str) -> Function:
    """The place of the largest or smallest entry, where there are numbers to tell it."""

    def place(run: Run, x: Any, axis: Any = None, **_: Any) -> Any:
        return getattr(np, name)(run.number(_array(run, x), f"np.{name} is used"), axis=axis)

    return place


def _appended(run: Run, a: Any, b: Any, axis: Any = None) -> Any:
    return _concatenate(run, (a, b), 0 if axis is None else axis)


def _log_to(base: int) -> Function:
    return lambda run, x, **_: _applied("log")(run, x) / _applied("log")(run, run.filled((), base))


_AXES = ("sum", "mean", "var", "std", "max", "min", "reshape", "ravel", "transpose", "squeeze", "copy")
_ELEMENTWISE = ("exp", "log", "tanh", "sqrt", "abs", "square", "sin", "cos", "sign")
# fmt: off
FUNCTIONS: dict[str, Function] = {
    **{name: _applied(name) for name in _ELEMENTWISE},
    **{name: _method(name) for name in _AXES},
    "absolute": _applied("abs"), "fabs": _applied("abs"), "amax": _method("max"), "amin": _method("min"),
    "add": _operator(op.plus), "subtract": _operator(arithmetic.minus),
    "multiply": _operator(arithmetic.times), "divide": _operator(arithmetic.divided),
    "true_divide": _operator(arithmetic.divided), "power": _operator(arithmetic.to_the),
    "float_power": _operator(arithmetic.to_the),
    "maximum": _maximum, "minimum": _operator(arithmetic.minimum),
    "negative": lambda run, x, **_: -x, "positive": _same, "reciprocal": lambda run, x, **_: 1 / x,
    "greater": _comparison("__gt__"), "less": _comparison("__lt__"), "equal": _comparison("__eq__"),
    "greater_equal": _comparison("__ge__"), "less_equal": _comparison("__le__"),
    "logical_not": lambda run, x, **_: ~x, "invert": lambda run, x, **_: ~x,
    "logical_and": lambda run, a, b, **_: a & b, "bitwise_and": lambda run, a, b, **_: a & b,
    "log1p": _log1p, "expm1": _expm1, "logaddexp": _logaddexp, "log2": _log_to(2), "log10": _log_to(10),
    "dot": product, "matmul": product, "outer": outer, "inner": lambda run, a, b: product(run, a, b.T),
    "vdot": lambda run, a, b: product(run, a.ravel(), b.ravel()), "einsum": einsum,
    "where": _where, "clip": _clip, "trace": _trace, "diag": _diag, "diagflat": _diag, "norm": _norm,
    "concatenate": _concatenate, "hstack": _hstack, "vstack": _vstack, "stack": _stack, "row_stack": _vstack,
    "argmax": _argument("argmax"), "argmin": _argument("argmin"), "append": _appended,
    "zeros_like": _like(0), "ones_like": _like(1), "empty_like": _like(0), "full_like": _full_like,
    "array": _as_array, "asarray": _as_array, "asanyarray": _as_array, "ascontiguousarray": _as_array,
    "atleast_2d": _at_least_2d, "atleast_1d": _same, "expand_dims": _expanded, "broadcast_to": _broadcast_to,
    "nan_to_num": _same, "float64": _same, "float32": _same, "shape": lambda run, x: x.shape,
    "size": lambda run, x, axis=None: x.size if axis is None else x.shape[axis], "ndim": lambda run, x: x.ndim,
    "inv": lambda run, x: _array(run, x).made(arithmetic.inv), "det": lambda run, x: x.made(arithmetic.det, rank=0),
    "builtin sum": lambda run, x, start=0: _array(run, x).sum(axis=0) + start, "expit": _applied("sigmoid"),
}
# fmt: on
FILLED = {"zeros": 0, "ones": 1, "empty": 0}
RANDOM = "uses random numbers"
_REFUSED = ("where", "offset", "initial", "weights")  # options that change what is computed


class Numpy:
    """The stand-in for the module. `run` is set when all of it is known."""

    run: Run

    def __getattr__(self, name: str) -> Any:
        if name == "linalg":
            return self
        if name == "random":
            raise Untraceable(RANDOM)
        if name in FILLED:
            return partial(self.filled, FILLED[name], getattr(np, name))
        if name in ("eye", "identity"):
            return self.eye
        if name == "full":
            return self.full
        real = getattr(np, name) if hasattr(np, name) else getattr(np.linalg, name)
        return (
            self.instead_of(name, real)
            if (callable(real) and not isinstance(real, type)) or name in FUNCTIONS
            else real
        )

    def instead(self, value: Any) -> Any:
        """What takes the place of a value in a person's module: of NumPy, and of functions of NumPy and SciPy."""
        if isinstance(value, ModuleType):
            known = value in (np, np.linalg) or value.__name__ == "scipy.special"
            return self if known else value
        if not callable(value) or isinstance(value, type):
            return value
        module = "numpy" if isinstance(value, np.ufunc) else str(getattr(value, "__module__", None))
        if module.split(".")[0] not in ("numpy", "scipy"):
            return value
        return self.instead_of(value.__name__, value)

    def instead_of(self, name: str, real: Any) -> Any:
        return _Instead(self, name, real)

    def call(self, name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """A function of arrays without numbers."""
        if name not in FUNCTIONS:
            raise Untraceable(f"np.{name} is used")
        refused = [key for key in _REFUSED if kwargs.get(key) is not None and kwargs[key] is not np._NoValue]
        if refused:
            raise Untraceable(f"np.{name} is used with {refused[0]}=")
        out = kwargs.get("out")
        given = {key: value for key, value in kwargs.items() if key not in ("out", "casting", "order", *_REFUSED)}
        found = FUNCTIONS[name](self.run, *args, **given)
        target = out[0] if isinstance(out, tuple) else out
        if isinstance(target, Array):
            target.node = found.node
            return target
        return found

    def ufunc(self, ufunc: Any, method: str, inputs: Any, options: Mapping[str, Any]) -> Any:
        """What `__array_ufunc__` asks for: the function, its reduction, or its addition at some places."""
        if method == "__call__":
            return self.call(ufunc.__name__, inputs, options)
        name = {"add": "sum", "maximum": "max", "minimum": "min"}.get(ufunc.__name__)
        if method == "reduce" and name is not None:
            return self.call(name, inputs, {"axis": 0, **options})
        if method == "at" and ufunc is np.add:
            return self.added_at(*inputs)
        if method == "outer" and ufunc is np.multiply:
            return self.call("outer", inputs, {})
        raise Untraceable(f"np.{ufunc.__name__}.{method} is used")

    def added_at(self, array: Any, places: Any, values: Any) -> None:
        """np.add.at: each label's row gets all that is added to it."""
        if not isinstance(array, Array):
            raise Untraceable("np.add.at of an array of numbers")
        if isinstance(places, Labels):
            array.node = (array + Array(self.run, places.node).T @ values).node
            return
        for k, place in enumerate(np.ravel(places)):
            array[int(place)] = array[int(place)] + (values if np.ndim(values) < 1 else values[k])

    def filled(self, number: Any, real: Any, shape: Any, dtype: Any = float, *args: Any, **kwargs: Any) -> Any:
        if np.dtype(dtype).kind != "f" or np.ndim(shape) > 1 or len(np.atleast_1d(shape)) > 2:
            return real(shape, dtype, *args, **kwargs)
        return self.run.filled(shape, number)

    def full(self, shape: Any, number: Any, *_: Any, **__: Any) -> Any:
        return self.run.filled((), 0) + number + self.run.filled(shape, 0)

    def eye(self, n: int, *args: Any, **kwargs: Any) -> Any:
        return Array(self.run, self.run.node(np.eye(n, *args, **kwargs)))


class _Instead:
    """A function of NumPy, which is its own where it is given numbers alone."""

    def __init__(self, numpy: Numpy, name: str, real: Any):
        self.numpy, self.name, self.real = numpy, name, real

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(map(holds_array, (*args, *kwargs.values()))):
            return self.numpy.call(self.name, args, kwargs)
        return self.real(*args, **kwargs)

    def __getattr__(self, method: str) -> Any:
        """`np.add.at`, `np.add.reduce`."""
        if method.startswith("__"):
            raise AttributeError(method)

        def called(*args: Any, **kwargs: Any) -> Any:
            if any(map(holds_array, args)):
                return self.numpy.ufunc(self.real, method, args, kwargs)
            return getattr(self.real, method)(*args, **kwargs)

        return called


__all__ = ["FUNCTIONS", "Numpy", "indexing"]
