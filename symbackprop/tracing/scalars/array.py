"""Arrays of traced scalars, which the user's NumPy code treats as arrays of floats."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symbackprop.tracing.scalars.scalar import TracedScalar, applied
from symbackprop.tracing.untraceable import Untraceable

FLOATS = "fc"  # kinds of dtype that traced scalars take the place of


class ScalarArray(np.ndarray):
    """An array of traced scalars; NumPy results that contain no traced scalars are plain arrays.

    >>> X = named_array("X", np.array([1.0, -2.0]))
    >>> np.exp(X.astype(float))[0].expression(), X > 0
    (exp(X[0]), array([ True, False]))
    """

    __array_priority__ = 10

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """Return a copy for a float type, since traced scalars replace floats, or else convert as NumPy does."""
        if self.dtype == object and np.dtype(dtype).kind in FLOATS:
            return as_scalars(self.copy())
        return super().astype(dtype, *args, **options)

    def __array_wrap__(self, array: np.ndarray, context: object = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else wrapped(array)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: Any) -> Any:
        return _called(ufunc, method, inputs, options)

    def __array_function__(self, *call: Any) -> Any:
        return wrapped(super().__array_function__(*call))


def _called(ufunc: np.ufunc, method: str, inputs: Sequence[object], options: dict[str, Any]) -> object:
    """Return the result of a ufunc on traced scalars: NumPy's, or the table's if NumPy's does not support objects."""
    operands = [plain(x) for x in inputs]
    outputs: tuple[object, ...] = options.pop("out", None) or ()
    stored = (*outputs, *(operands[:1] if method == "at" else ()))
    if any(isinstance(out, np.ndarray) and out.dtype.kind in FLOATS for out in stored):
        raise Untraceable(
            "a result is stored in an array of floats that was made outside of the function: make it in the function "
            "itself, as by np.zeros"
        )
    if outputs:
        options["out"] = tuple(plain(out) for out in outputs)
    if method == "__call__":
        if len(operands) == 1 and operands[0].dtype == object:
            operands[0] = plain(as_scalars(operands[0]))
        if ufunc.__name__ in BY_ENTRY:
            return BY_ENTRY[ufunc.__name__](*operands)
    result = wrapped(getattr(ufunc, method)(*operands, **without_float_dtype(options)))
    return outputs[0] if len(outputs) == 1 and isinstance(outputs[0], np.ndarray) else result


def without_float_dtype(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options without `dtype=float`, since sums of traced scalars are traced scalars."""
    dtype = options.get("dtype")
    is_float = dtype is None or np.dtype(dtype).kind in FLOATS
    return {key: value for key, value in options.items() if key != "dtype" or not is_float}


def plain(value: Any) -> Any:
    """Return a plain NumPy array of the entries; a traced scalar or a NumPy float becomes an array without axes."""
    if isinstance(value, TracedScalar | np.floating):
        return np.array(TracedScalar.of(value), dtype=object)
    return value.view(np.ndarray) if isinstance(value, ScalarArray) else value


def as_scalars(value: object) -> ScalarArray:
    """Return an array with each entry as a traced scalar."""
    return np.asarray(_EACH_SCALAR(plain(value)), dtype=object).view(ScalarArray)


def wrapped(result: Any) -> Any:
    """Return object arrays as arrays of traced scalars and other arrays as plain arrays, also in tuples and lists."""
    if isinstance(result, tuple | list):
        parts = [wrapped(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, np.ndarray) or isinstance(result, np.matrix):
        return result  # np.matrix has products of its own
    return result.view(ScalarArray if result.dtype == object else np.ndarray)


def named_array(name: str, values: object) -> Any:
    """Return an array of variables with these values; for a single number, a traced scalar.

    >>> named_array("W", np.array([[1.0, 2.0]]))
    ScalarArray([[W[0,0], W[0,1]]], dtype=object)
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim == 0:
        return TracedScalar.variable(name, (), float(numbers))
    made = np.empty(numbers.shape, dtype=object)
    for index in np.ndindex(*numbers.shape):
        made[index] = TracedScalar.variable(name, index, float(numbers[index]))
    return made.view(ScalarArray)


def values_of(value: Any) -> Any:
    """Return the floats of traced scalars, alone or in arrays and lists, and any other value unchanged."""
    if isinstance(value, TracedScalar):
        return value.value
    if isinstance(value, list | tuple):
        return np.array([values_of(part) for part in value])
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.array([TracedScalar.of(entry).value for entry in value.flat], dtype=float).reshape(value.shape)
    return value


def entrywise(function: Callable[..., object], dtype: type = object) -> Callable[..., Any]:
    """Return a function of traced scalars as a function of arrays, with broadcasting; it maps scalars to scalars."""

    def of_arrays(*operands: object, **_: object) -> Any:
        by_entry = np.frompyfunc(lambda *xs: function(*map(TracedScalar.of, xs)), len(operands), 1)
        result = by_entry(*map(plain, operands))
        return wrapped(result) if dtype is object else np.asarray(result, dtype=dtype)[()]

    return of_arrays


_EACH_SCALAR = np.frompyfunc(TracedScalar.of, 1, 1)
# fmt: off
BY_ENTRY: dict[str, Callable[..., Any]] = {  # NumPy has none of them for objects
    "isnan":       entrywise(lambda x: math.isnan(x.value), bool),
    "isinf":       entrywise(lambda x: math.isinf(x.value), bool),
    "isfinite":    entrywise(lambda x: math.isfinite(x.value), bool),
    "signbit":     entrywise(lambda x: x < 0, bool),
    "logaddexp":   entrywise(lambda x, y: applied("log", applied("exp", x) + applied("exp", y))),
    "float_power": entrywise(lambda x, n: x**n),
    "heaviside":   entrywise(lambda x, at_0: 1 if x > 0 else 0 if x < 0 else at_0),
    "copysign":    entrywise(lambda x, y: -abs(x) if y < 0 else abs(x)),
}
# fmt: on


TracedScalar.__array_ufunc__ = ScalarArray.__array_ufunc__  # an array of floats times a scalar is an array of scalars
