"""Placeholders for the modules numpy, scipy.special and math, and for float, while code runs on traced scalars.

They differ from the modules in two ways: new arrays of floats are arrays of traced scalars, so that traced scalars can
be stored in them, and a table contains the functions that NumPy lacks for objects.
"""

import math
import types
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from symbackprop.tracing.aliases import NumpyFunction
from symbackprop.tracing.patching import float_keeping
from symbackprop.tracing.randomness import random_module
from symbackprop.tracing.scalars.array import (
    BY_ENTRY,
    FLOATS,
    ScalarArray,
    as_scalars,
    entrywise,
    plain,
    values_of,
    without_float_dtype,
    wrapped,
)
from symbackprop.tracing.scalars.operations import OPERATIONS
from symbackprop.tracing.scalars.scalar import TracedScalar, applied
from symbackprop.tracing.untraceable import Untraceable


def _traced_if_float(made: Any) -> Any:
    """Return arrays of floats as arrays of traced scalars, and arrays of whole numbers and booleans unchanged."""
    if isinstance(made, tuple | list):
        return type(made)(_traced_if_float(part) for part in made)
    if not isinstance(made, np.ndarray) or made.dtype.kind not in FLOATS + "O":
        return made
    if made.dtype == object and all(isinstance(entry, TracedScalar) for entry in made.flat):
        return made.view(ScalarArray)
    return as_scalars(made)


def _creating(function: NumpyFunction) -> NumpyFunction:
    """Return a function such as np.zeros whose result can store traced scalars."""
    return lambda *args, **options: _traced_if_float(function(*args, **options))


def _converting(function: NumpyFunction) -> NumpyFunction:
    """Return a function such as np.array(data, dtype) that keeps traced scalars if the dtype is a float type."""

    def convert(data: object, dtype: Any = None, *args: object, **options: object) -> object:
        floats = dtype is not None and np.dtype(dtype).kind in FLOATS
        made = function(data, None if floats else dtype, *args, **options)
        return as_scalars(made) if floats and made.dtype != object else _traced_if_float(made)

    return convert


def _empty(*args: Any, **options: Any) -> np.ndarray:
    """Return an array of nan, so that entries which are never assigned are detected."""
    made = np.empty(*args, **options)
    if made.dtype.kind in FLOATS:
        made[...] = math.nan
    return made


def _like(function: NumpyFunction) -> NumpyFunction:
    """Return a function such as np.zeros_like that treats an array of traced scalars as an array of floats."""

    def make(prototype: object, *args: object, **options: object) -> object:
        array = np.asarray(prototype)
        like = np.empty(array.shape) if array.dtype == object else array
        return _traced_if_float(function(like, *args, **options))

    return make


def _full_like(prototype: object, value: Any, *args: Any, **options: Any) -> np.ndarray:
    dtype = object if isinstance(value, TracedScalar) else None
    return np.full_like(np.asarray(prototype), value, *args, **({"dtype": dtype} | options))


def _by_value(function: NumpyFunction) -> NumpyFunction:
    """Return a function such as np.allclose, applied to the values of traced scalars."""
    return lambda *args, **options: function(
        *map(values_of, args), **{name: values_of(option) for name, option in options.items()}
    )


def _wrapping(function: NumpyFunction) -> NumpyFunction:
    return lambda *args, **options: wrapped(function(*args, **options))


def _var(x: object, axis: Any = None, *_: object, ddof: int = 0, keepdims: bool = False, **__: object) -> Any:
    array = np.asarray(x)
    count = array.size if axis is None else math.prod(array.shape[k] for k in np.atleast_1d(axis))
    around = array - array.sum(axis=axis, keepdims=True) / count
    return wrapped((around * around).sum(axis=axis, keepdims=keepdims) / (count - ddof))


def _bincount(indices: Any, weights: Any = None, minlength: int = 0) -> np.ndarray:
    if weights is None:
        return np.bincount(indices, minlength=minlength)
    counted = as_scalars(np.zeros(max(minlength, int(np.max(indices, initial=-1)) + 1)))
    np.add.at(counted, np.asarray(indices), np.asarray(weights))
    return counted


def _nan_to_num(x: object, *_: object, **__: object) -> object:
    if not np.all(np.isfinite(values_of(x))):
        raise Untraceable("np.nan_to_num replaces values that are not finite, which has no derivative")
    return _traced_if_float(np.array(x))


def _norm(x: object, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    array = as_scalars(x)
    if ord not in (None, 2, "fro", 1, np.inf) or (array.ndim > 1 and axis is None and ord not in (None, "fro")):
        raise Untraceable(f"np.linalg.norm with ord={ord!r}; the root of the sum of squares can be traced, without ord")
    if ord in (1, np.inf):
        size = np.abs(array)
        return wrapped((size.sum if ord == 1 else size.max)(axis=axis, keepdims=keepdims))
    return wrapped(np.sqrt((array * array).sum(axis=axis, keepdims=keepdims)))


def _solved(A: object, B: object) -> tuple[ScalarArray, TracedScalar]:
    """Return (A⁻¹ B, det A) by Gaussian elimination with the largest value as pivot."""
    left, right, determinant = np.array(plain(as_scalars(A))), np.array(plain(as_scalars(B))), TracedScalar.of(1)
    for k in range(len(left)):
        pivot = k + int(np.argmax(np.abs(values_of(left[k:, k]))))
        if pivot != k:
            left[[k, pivot]], right[[k, pivot]], determinant = left[[pivot, k]], right[[pivot, k]], -determinant
        determinant = determinant * left[k, k]
        right[k], left[k] = right[k] / left[k, k], left[k] / left[k, k]
        for i in set(range(len(left))) - {k}:
            right[i], left[i] = right[i] - left[i, k] * right[k], left[i] - left[i, k] * left[k]
    return wrapped(right), determinant


def _slogdet(A: np.ndarray) -> tuple[object, TracedScalar]:
    determinant = _solved(A, np.eye(len(A)))[1]
    return np.sign(determinant), _log(abs(determinant))


def _softmax(x: object, axis: Any = None) -> Any:
    powers = np.exp(as_scalars(x))
    return wrapped(powers / powers.sum(axis=axis, keepdims=True))


def _logsumexp(a: object, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    powers = np.exp(as_scalars(a))
    return wrapped(np.log(as_scalars((powers if b is None else powers * b).sum(axis=axis, keepdims=keepdims)))[()])


def _log_softmax(x: object, axis: Any = None) -> Any:
    return wrapped(as_scalars(x) - _logsumexp(x, axis=axis, keepdims=True))


def _xlogy(x: TracedScalar, y: TracedScalar) -> TracedScalar:
    return x * _log(y) if x != 0 else TracedScalar.of(0)


_exp, _log, _erf = (partial(applied, op) for op in ("exp", "log", "erf"))
_FLOAT = float_keeping(TracedScalar, float, TracedScalar)


def _float_if_object(dtype: Any) -> Any:
    return float if np.dtype(dtype) == object else dtype


# fmt: off
SCIPY: dict[str, NumpyFunction] = {  # of scipy.special
    "expit":       entrywise(lambda x: 1 / (1 + _exp(-x))),
    "logit":       entrywise(lambda x: _log(x / (1 - x))),
    "log_expit":   entrywise(lambda x: -_log(1 + _exp(-x))),
    "erf":         entrywise(_erf),
    "erfc":        entrywise(lambda x: 1 - _erf(x)),
    "gammaln":     entrywise(partial(applied, "gammaln")),
    "xlogy":       entrywise(_xlogy),
    "xlog1py":     entrywise(lambda x, y: _xlogy(x, 1 + y)),
    "entr":        entrywise(lambda x: -_xlogy(x, x)),
    "rel_entr":    entrywise(lambda x, y: _xlogy(x, x / y)),
    "log1p":       entrywise(partial(applied, "log1p")),
    "expm1":       entrywise(partial(applied, "expm1")),
    "softmax":     _softmax,
    "log_softmax": _log_softmax,
    "logsumexp":   _logsumexp,
}
_MATH_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
               "atanh": "arctanh", "lgamma": "gammaln", "atan2": "arctan2"}
LINALG: dict[str, NumpyFunction] = {
    "norm":    _norm,
    "inv":     lambda A: _solved(A, np.eye(len(A)))[0],
    "solve":   lambda A, B: _solved(A, B)[0],
    "det":     lambda A: _solved(A, np.eye(len(A)))[1],
    "slogdet": _slogdet,
    **{name: _wrapping(getattr(np.linalg, name)) for name in ("matrix_power", "multi_dot")},
}
_OWN: dict[str, object] = {
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
    "empty_like": _like(lambda array, *args, **options: np.full_like(array, math.nan, *args, **options)
                        if array.dtype.kind in FLOATS else np.empty_like(array, *args, **options)),
    "full_like":  _creating(_full_like),
    "var":        _var,
    "std":        lambda *args, **options: wrapped(np.sqrt(_var(*args, **options))),
    "einsum":     lambda *args, **options: wrapped(np.einsum(*args, **options | {"optimize": False})),  # as for objects
    "bincount":   _bincount,
    "nan_to_num": _nan_to_num,
    "vectorize":  lambda function, **options: _wrapping(np.vectorize(function, **options | {"otypes": [object]})),
    "finfo":      lambda dtype: np.finfo(_float_if_object(dtype)),
    "issubdtype": lambda dtype, kind: np.issubdtype(_float_if_object(dtype), kind),
    **dict.fromkeys(("float16", "float32", "float64", "double"), _FLOAT),
    "isscalar":   lambda x: isinstance(x, TracedScalar) or np.isscalar(x),
    "isrealobj":  lambda x: True,
    "iscomplexobj": lambda x: False,
}
# fmt: on


class _PlaceholderUfunc:
    """A ufunc whose results are arrays of traced scalars, with methods such as add.at and maximum.reduce."""

    def __init__(self, ufunc: np.ufunc):
        self._ufunc = ufunc
        self.__name__ = ufunc.__name__

    def __call__(self, *operands: object, **options: object) -> object:
        arrays = (np.array(x) if isinstance(x, list) else x for x in operands)
        return wrapped(self._ufunc(*arrays, **without_float_dtype(options)))

    def __getattr__(self, name: str) -> object:
        found = getattr(self._ufunc, name)
        return _wrapping(found) if callable(found) else found


class PlaceholderModule(types.ModuleType):
    """A module in which some names are replaced."""

    def __init__(self, module: types.ModuleType, own: Mapping[str, object], refused: str = ""):
        super().__init__(module.__name__)
        self._module = module
        self._own = own
        self._refused = refused  # functions that are not in the table cannot be traced; this names them

    def __getattr__(self, name: str) -> Any:
        if name in self._own:
            return self._own[name]
        found = getattr(self._module, name)
        if self._refused and callable(found) and not isinstance(found, type):
            raise Untraceable(f"{self._refused.format(name)} is not among the functions that can be traced")
        return _placeholder_for(found)

    def __dir__(self) -> list[str]:
        return dir(self._module)


class _RandomModule:
    """The placeholder for np.random, whose numbers are let through where they do not matter."""

    def __getattr__(self, name: str) -> object:
        if not hasattr(np.random, name):
            raise AttributeError(name)
        return getattr(random_module(), name)


@cache
def _placeholder_for(found: object) -> object:
    if isinstance(found, np.ufunc):
        return _PlaceholderUfunc(found)
    if isinstance(found, types.ModuleType):
        return PlaceholderModule(found, {})
    return _wrapping(found) if callable(found) and not isinstance(found, type) else found


def _math(name: str) -> NumpyFunction:
    """Return a function of the module math that is traced if an argument is a traced scalar."""
    own, op = getattr(math, name), _MATH_NAMES.get(name, name)

    def function(*args: object) -> object:
        traced = any(isinstance(x, TracedScalar) for x in args)
        return applied(op, *map(TracedScalar.of, args)) if traced else own(*args)

    return function


def _math_log(x: Any, base: Any = math.e) -> object:
    if not isinstance(x, TracedScalar):
        return math.log(x, base) if base != math.e else math.log(x)
    return applied("log", x) if base == math.e else applied("log", x) / math.log(base)


MATH: dict[str, NumpyFunction] = {
    name: _math(name)
    for name in dir(math)
    if _MATH_NAMES.get(name, name) in OPERATIONS.keys() - {"pow"} and not name.startswith("_")
} | {"log": _math_log, "pow": pow, "fabs": abs, "isnan": BY_ENTRY["isnan"], "isfinite": BY_ENTRY["isfinite"]}
BUILTINS: dict[str, Any] = {"float": _FLOAT}  # to be put in a function's globals
NUMPY = PlaceholderModule(
    np, _OWN | {"linalg": PlaceholderModule(np.linalg, LINALG, "np.linalg.{}"), "random": _RandomModule()}
)
_SPECIAL = "scipy.special"
_MODULES: dict[str, Callable[[types.ModuleType], object]] = {
    "numpy": lambda module: NUMPY,
    "numpy.linalg": lambda module: NUMPY.linalg,
    "math": lambda module: PlaceholderModule(module, MATH),
    _SPECIAL: lambda module: PlaceholderModule(module, SCIPY, "scipy.special.{}"),
}


def replacement(value: object) -> object:
    """Return the placeholder for a value in the user's module, or the value itself."""
    if isinstance(value, types.ModuleType):
        return _MODULES[value.__name__](value) if value.__name__ in _MODULES else value
    if not callable(value) or isinstance(value, type):
        return value
    name = getattr(value, "__name__", "")
    if value is getattr(np, name, None):
        return getattr(NUMPY, name)
    if value is getattr(math, name, None):
        return MATH.get(name, value)
    of_scipy = str(getattr(value, "__module__", "")).startswith("scipy") or type(value).__module__.startswith(_SPECIAL)
    return SCIPY.get(name, value) if of_scipy else value
