"""Arrays of Scalars that a person's NumPy code takes for arrays of floats."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symbackprop.tracing.scalars.scalar import Scalar, applied
from symbackprop.tracing.untraceable import Untraceable

_FLOATS = "fc"  # kinds of dtype that symbolic values stand for


class Entries(np.ndarray):
    """An array of Scalars. Whatever NumPy makes of it that is no array of objects is a plain array.

    >>> X = arrays_of("X", np.array([1.0, -2.0]))
    >>> np.exp(X.astype(float))[0].expression(), X > 0
    (exp(X[0]), array([ True, False]))
    """

    __array_priority__ = 10

    def astype(self, dtype: Any, *given: Any, **options: Any) -> Any:
        """Symbolic values stay what they are where floats are asked for."""
        wanted = np.dtype(dtype).kind
        return (
            entries(self.copy())
            if self.dtype == object and wanted in _FLOATS
            else super().astype(dtype, *given, **options)
        )

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else wrapped(array)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return _called(ufunc, method, inputs, options)

    def __array_function__(self, *call: Any) -> Any:
        return wrapped(super().__array_function__(*call))


def _called(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc of Entries or Scalars: as NumPy has it, and what it has not for objects, by the table."""
    given = [plain(x) for x in inputs]
    outputs: tuple[Any, ...] = options.pop("out", None) or ()
    stored = (*outputs, *(given[:1] if method == "at" else ()))
    if any(isinstance(out, np.ndarray) and out.dtype.kind in _FLOATS for out in stored):
        raise Untraceable("symbolic values are stored in an array of floats that was made outside")
    if outputs:
        options["out"] = tuple(plain(out) for out in outputs)
    if method == "__call__":
        if len(given) == 1 and given[0].dtype == object:
            given[0] = plain(entries(given[0]))
        if ufunc.__name__ in BY_ENTRY:
            return wrapped(BY_ENTRY[ufunc.__name__](*given))
    result = wrapped(getattr(ufunc, method)(*given, **without_float_dtype(options)))
    return outputs[0] if len(outputs) == 1 and isinstance(outputs[0], np.ndarray) else result


def without_float_dtype(options: dict[str, Any]) -> dict[str, Any]:
    """Without `dtype=float`: sums of symbolic values are symbolic."""
    asked = options.get("dtype")
    return {
        k: v for k, v in options.items() if k != "dtype" or (asked is not None and np.dtype(asked).kind not in _FLOATS)
    }


def plain(given: Any) -> Any:
    """The same as NumPy's own array; a Scalar and one of NumPy's floats as an array without axes."""
    if isinstance(given, Scalar | np.floating):
        return np.array(Scalar.of(given), dtype=object)
    return given.view(np.ndarray) if isinstance(given, Entries) else given


def entries(given: Any) -> Any:
    """An array, each entry a Scalar."""
    return np.asarray(_EACH_SCALAR(plain(given)), dtype=object).view(Entries)


def wrapped(result: Any) -> Any:
    """What NumPy made: arrays of objects as Entries, others plain; those in tuples and lists, too."""
    if isinstance(result, tuple | list):
        parts = [wrapped(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, np.ndarray):
        return result
    return result.view(Entries if result.dtype == object else np.ndarray)


def arrays_of(name: str, values: Any) -> Any:
    """The array of named Scalars that have these values; a Scalar for one number.

    >>> arrays_of("W", np.array([[1.0, 2.0]]))
    Entries([[W[0,0], W[0,1]]], dtype=object)
    """
    given = np.asarray(values, dtype=float)
    if given.ndim == 0:
        return Scalar.entry(name, (), float(given))
    made = np.empty(given.shape, dtype=object)
    for index in np.ndindex(*given.shape):
        made[index] = Scalar.entry(name, index, float(given[index]))
    return made.view(Entries)


def values_of(given: Any) -> Any:
    """The floats of an array of Scalars, or of one; anything else as it is."""
    if isinstance(given, Scalar):
        return given.value
    if isinstance(given, list | tuple):
        return np.array([values_of(part) for part in given])
    if isinstance(given, np.ndarray) and given.dtype == object:
        return np.array([Scalar.of(entry).value for entry in given.flat], dtype=float).reshape(given.shape)
    return given


def _each(function: Callable[..., Any], count: int, dtype: Any = object) -> Callable[..., Any]:
    """A function of Scalars, entry by entry, of arrays that are broadcast."""
    by_entry = np.frompyfunc(lambda *xs: function(*map(Scalar.of, xs)), count, 1)

    def of_arrays(*given: Any) -> Any:
        result = by_entry(*map(plain, given))
        return result if dtype is object else np.asarray(result, dtype=dtype)[()]

    return of_arrays


def _logaddexp(x: Scalar, y: Scalar) -> Scalar:
    return applied("log", applied("exp", x) + applied("exp", y))


_EACH_SCALAR = np.frompyfunc(Scalar.of, 1, 1)
# fmt: off
BY_ENTRY: dict[str, Callable[..., Any]] = {  # NumPy has none of them for objects
    "isnan":       _each(lambda x: math.isnan(x.value), 1, bool),
    "isinf":       _each(lambda x: math.isinf(x.value), 1, bool),
    "isfinite":    _each(lambda x: math.isfinite(x.value), 1, bool),
    "signbit":     _each(lambda x: x < 0, 1, bool),
    "logaddexp":   _each(_logaddexp, 2),
    "float_power": _each(lambda x, n: x**n, 2),
    "heaviside":   _each(lambda x, at_0: 1 if x > 0 else 0 if x < 0 else at_0, 2),
    "copysign":    _each(lambda x, y: -abs(x) if y < 0 else abs(x), 2),
}
# fmt: on


def _of_scalars(self: Scalar, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    return _called(ufunc, method, inputs, options)


Scalar.__array_ufunc__ = _of_scalars  # an array of floats times a Scalar are Entries
