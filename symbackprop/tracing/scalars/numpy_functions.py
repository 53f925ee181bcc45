"""Stand-ins for the modules numpy, scipy.special and math, and for float, while a person's code runs on Scalars.

They are NumPy's own but for this: arrays of floats are made as arrays of Scalars, so that symbolic values can be
stored in them, and what NumPy has not for objects is in a table.
"""

import math
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from symbackprop.tracing.scalars.array import BY_ENTRY, Entries, entries, plain, values_of, without_float_dtype, wrapped
from symbackprop.tracing.scalars.operations import OPERATIONS
from symbackprop.tracing.scalars.scalar import Scalar, applied
from symbackprop.tracing.untraceable import Untraceable

_FLOATS = "fc"


def _symbolic_if_float(made: Any) -> Any:
    """Arrays of floats as arrays of Scalars; whole numbers and truths stay plain."""
    if isinstance(made, tuple | list):
        return type(made)(_symbolic_if_float(part) for part in made)
    if not isinstance(made, np.ndarray) or made.dtype.kind not in _FLOATS + "O":
        return made
    if made.dtype == object and all(isinstance(entry, Scalar) for entry in made.flat):
        return made.view(Entries)
    return entries(made)


def _creating(function: Callable[..., Any]) -> Callable[..., Any]:
    """Such as np.zeros: what it makes can hold symbolic values."""
    return lambda *given, **options: _symbolic_if_float(function(*given, **options))


def _converting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Such as np.array(data, dtype): where the data are symbolic, a dtype of floats is not asked for."""

    def convert(data: Any, dtype: Any = None, *given: Any, **options: Any) -> Any:
        floats = dtype is not None and np.dtype(dtype).kind in _FLOATS
        made = function(data, None if floats else dtype, *given, **options)
        return entries(made) if floats and made.dtype != object else _symbolic_if_float(made)

    return convert


def _empty(*given: Any, **options: Any) -> Any:
    """What is not filled is not a number."""
    made = np.empty(*given, **options)
    if made.dtype.kind in _FLOATS:
        made[...] = math.nan
    return made


def _like(function: Callable[..., Any]) -> Callable[..., Any]:
    """Such as np.zeros_like: like an array of Scalars is one of floats."""

    def make(prototype: Any, *given: Any, **options: Any) -> Any:
        array = np.asarray(prototype)
        symbolic = array.dtype == object
        like = np.empty(array.shape) if symbolic else array
        return _symbolic_if_float(function(like, *given, **options))

    return make


def _full_like(prototype: Any, value: Any, *given: Any, **options: Any) -> Any:
    dtype = object if isinstance(value, Scalar) else None
    return np.full_like(np.asarray(prototype), value, *given, **({"dtype": dtype} | options))


def _by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """Such as np.allclose: decided by the values."""
    return lambda *given, **options: function(
        *map(values_of, given), **{name: values_of(option) for name, option in options.items()}
    )


def _of_entries(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **options: wrapped(function(*given, **options))


def _var(given: Any, axis: Any = None, *_: Any, ddof: int = 0, keepdims: bool = False, **__: Any) -> Any:
    array = np.asarray(given)
    count = array.size if axis is None else math.prod(array.shape[k] for k in np.atleast_1d(axis))
    around = array - array.sum(axis=axis, keepdims=True) / count
    return wrapped((around * around).sum(axis=axis, keepdims=keepdims) / (count - ddof))


def _std(given: Any, *options: Any, **named: Any) -> Any:
    return wrapped(np.sqrt(_var(given, *options, **named)))


def _einsum(*given: Any, **options: Any) -> Any:
    """NumPy has it for objects as it stands alone, without a better order of the products."""
    return wrapped(np.einsum(*given, **(options | {"optimize": False})))


def _bincount(places: Any, weights: Any = None, minlength: int = 0) -> Any:
    if weights is None:
        return np.bincount(places, minlength=minlength)
    counted = entries(np.zeros(max(minlength, int(np.max(places, initial=-1)) + 1)))
    np.add.at(counted, np.asarray(places), np.asarray(weights))
    return counted


def _nan_to_num(given: Any, *_: Any, **__: Any) -> Any:
    if not np.all(np.isfinite(values_of(given))):
        raise Untraceable("np.nan_to_num of values that are not finite")
    return _symbolic_if_float(np.array(given))


def _vectorize(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    return _of_entries(np.vectorize(function, **(options | {"otypes": [object]})))


def _norm(given: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    array = entries(given)
    if ord not in (None, 2, "fro", 1, np.inf) or (array.ndim > 1 and axis is None and ord not in (None, "fro")):
        raise Untraceable(f"np.linalg.norm of order {ord}")
    if ord == 1:
        return wrapped(np.abs(array).sum(axis=axis, keepdims=keepdims))
    if ord == np.inf:
        return wrapped(np.abs(array).max(axis=axis, keepdims=keepdims))
    return wrapped(np.sqrt((array * array).sum(axis=axis, keepdims=keepdims)))


def _solved(A: Any, B: Any) -> tuple[Any, Any]:
    """(A⁻¹ B, det A) by elimination; the largest pivot by value, since any that is not 0 gives the same."""
    left, right, determinant = np.array(plain(entries(A))), np.array(plain(entries(B))), Scalar.of(1)
    for k in range(len(left)):
        pivot = k + int(np.argmax(np.abs(values_of(left[k:, k]))))
        if pivot != k:
            left[[k, pivot]], right[[k, pivot]], determinant = left[[pivot, k]], right[[pivot, k]], -determinant
        determinant = determinant * left[k, k]
        right[k], left[k] = right[k] / left[k, k], left[k] / left[k, k]
        for i in set(range(len(left))) - {k}:
            right[i], left[i] = right[i] - left[i, k] * right[k], left[i] - left[i, k] * left[k]
    return wrapped(right), determinant


def _slogdet(A: Any) -> Any:
    determinant = _solved(A, np.eye(len(A)))[1]
    size = abs(determinant)
    return np.sign(determinant), applied("log", size)


def _softmax(x: Any, axis: Any = None) -> Any:
    powers = np.exp(entries(x))
    return wrapped(powers / powers.sum(axis=axis, keepdims=True))


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    powers = np.exp(entries(a))
    return wrapped(np.log(entries((powers if b is None else powers * b).sum(axis=axis, keepdims=keepdims)))[()])


def _log_softmax(x: Any, axis: Any = None) -> Any:
    return wrapped(entries(x) - _logsumexp(x, axis=axis, keepdims=True))


def _scalars(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of Scalars of each entry of arrays, which are broadcast; a Scalar of numbers."""

    def of_arrays(*given: Any, **_: Any) -> Any:
        by_entry = np.frompyfunc(lambda *xs: function(*map(Scalar.of, xs)), len(given), 1)
        return wrapped(by_entry(*map(plain, given)))

    return of_arrays


def _xlogy(x: Scalar, y: Scalar) -> Scalar:
    return x * applied("log", y) if x != 0 else Scalar.of(0)


def _exp(x: Scalar) -> Scalar:
    return applied("exp", x)


def _log(x: Scalar) -> Scalar:
    return applied("log", x)


class _FloatType(type):
    def __instancecheck__(cls, given: object) -> bool:
        return isinstance(given, float | Scalar)


class _Float(float, metaclass=_FloatType):
    """The built-in float, but for symbolic values, which stay as they are."""

    dtype = np.dtype(float)

    def __new__(cls, given: Any = 0.0) -> Any:
        array = np.asarray(given, dtype=object) if isinstance(given, np.ndarray) else None
        inner = array.item() if array is not None and array.size == 1 else given
        return inner if isinstance(inner, Scalar) else float(given)


def _float_if_object(dtype: Any) -> Any:
    return float if np.dtype(dtype) == object else dtype


# fmt: off
SCIPY: dict[str, Callable[..., Any]] = {  # of scipy.special
    "expit":       _scalars(lambda x: 1 / (1 + _exp(-x))),
    "logit":       _scalars(lambda x: _log(x / (1 - x))),
    "log_expit":   _scalars(lambda x: -_log(1 + _exp(-x))),
    "erf":         _scalars(lambda x: applied("erf", x)),
    "erfc":        _scalars(lambda x: 1 - applied("erf", x)),
    "gammaln":     _scalars(lambda x: applied("gammaln", x)),
    "xlogy":       _scalars(_xlogy),
    "xlog1py":     _scalars(lambda x, y: _xlogy(x, 1 + y)),
    "entr":        _scalars(lambda x: -_xlogy(x, x)),
    "rel_entr":    _scalars(lambda x, y: _xlogy(x, x / y)),
    "log1p":       _scalars(lambda x: applied("log1p", x)),
    "expm1":       _scalars(lambda x: applied("expm1", x)),
    "softmax":     _softmax,
    "log_softmax": _log_softmax,
    "logsumexp":   _logsumexp,
}
_MATH_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
               "atanh": "arctanh", "lgamma": "gammaln", "atan2": "arctan2"}
LINALG: dict[str, Callable[..., Any]] = {
    "norm":    _norm,
    "inv":     lambda A: _solved(A, np.eye(len(A)))[0],
    "solve":   lambda A, B: _solved(A, B)[0],
    "det":     lambda A: _solved(A, np.eye(len(A)))[1],
    "slogdet": _slogdet,
    **{name: _of_entries(getattr(np.linalg, name)) for name in ("matrix_power", "multi_dot")},
}
_OWN: dict[str, Any] = {
    **{name: _creating(getattr(np, name)) for name in (
        "zeros", "ones", "full", "eye", "identity", "tri", "linspace", "logspace", "arange", "diag", "copy", "fromiter",
        "fromfunction", "tile", "repeat", "pad", "where", "select", "tril", "triu", "diagflat", "block",
    )},
    **{name: _like(getattr(np, name)) for name in ("zeros_like", "ones_like")},
    **{name: _converting(getattr(np, name)) for name in (
        "array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require",
    )},
    **{name: _by_value(getattr(np, name)) for name in ("allclose", "isclose", "array_equal", "array_equiv")},
    "empty":      _creating(_empty),
    "empty_like": _like(lambda array, *given, **options: np.full_like(array, math.nan, *given, **options)
                        if array.dtype.kind in _FLOATS else np.empty_like(array, *given, **options)),
    "full_like":  _creating(_full_like),
    "var":        _var,
    "std":        _std,
    "einsum":     _einsum,
    "bincount":   _bincount,
    "nan_to_num": _nan_to_num,
    "vectorize":  _vectorize,
    "finfo":      lambda dtype: np.finfo(_float_if_object(dtype)),
    "issubdtype": lambda dtype, kind: np.issubdtype(_float_if_object(dtype), kind),
    **dict.fromkeys(("float16", "float32", "float64", "double"), _Float),
    "isscalar":   lambda given: isinstance(given, Scalar) or np.isscalar(given),
    "isrealobj":  lambda given: True,
    "iscomplexobj": lambda given: False,
}
# fmt: on


class _Refused:
    """A module that cannot be followed."""

    def __init__(self, reason: str):
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(self._reason) if hasattr(np.random, name) else AttributeError(name)


class _Ufunc:
    """A ufunc whose results are Entries; it has add.at, maximum.reduce and the like."""

    def __init__(self, ufunc: np.ufunc):
        self._ufunc = ufunc
        self.__name__ = ufunc.__name__

    def __call__(self, *given: Any, **options: Any) -> Any:
        arrays = (np.array(x) if isinstance(x, list) else x for x in given)
        return wrapped(self._ufunc(*arrays, **without_float_dtype(options)))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ufunc, name)
        return _of_entries(found) if callable(found) else found


class StandIn(types.ModuleType):
    """A module in which some names are others."""

    def __init__(self, module: types.ModuleType, own: Mapping[str, Any], absent: str = ""):
        super().__init__(module.__name__)
        self._module = module
        self._own = own
        self._absent = absent  # why a function that is not in the table is refused

    def __getattr__(self, name: str) -> Any:
        if name in self._own:
            return self._own[name]
        found = getattr(self._module, name)
        if self._absent and callable(found) and not isinstance(found, type):
            raise Untraceable(self._absent.format(name))
        return _standing_in(found)

    def __dir__(self) -> list[str]:
        return dir(self._module)


@cache
def _standing_in(found: Any) -> Any:
    if isinstance(found, np.ufunc):
        return _Ufunc(found)
    if isinstance(found, types.ModuleType):
        return StandIn(found, {})
    return _of_entries(found) if callable(found) and not isinstance(found, type) else found


def _math(name: str) -> Callable[..., Any]:
    """A function of math: of floats math's own, of Scalars the operation."""
    own, op = getattr(math, name), _MATH_NAMES.get(name, name)

    def function(*given: Any) -> Any:
        symbolic = any(isinstance(x, Scalar) for x in given)
        return applied(op, *map(Scalar.of, given)) if symbolic else own(*given)

    return function


def _math_log(x: Any, base: Any = math.e) -> Any:
    if not isinstance(x, Scalar):
        return math.log(x, base) if base != math.e else math.log(x)
    return applied("log", x) if base == math.e else applied("log", x) / math.log(base)


MATH: dict[str, Callable[..., Any]] = {
    name: _math(name)
    for name in dir(math)
    if _MATH_NAMES.get(name, name) in OPERATIONS.keys() - {"pow"} and not name.startswith("_")
} | {"log": _math_log, "pow": pow, "fabs": abs, "isnan": BY_ENTRY["isnan"], "isfinite": BY_ENTRY["isfinite"]}
BUILTINS: dict[str, Any] = {"float": _Float}  # to be put in a function's globals
RANDOM = _Refused("it uses random numbers")
NUMPY = StandIn(np, _OWN | {"linalg": StandIn(np.linalg, LINALG, "it uses np.linalg.{}"), "random": RANDOM})
