"""Functions that modules for the array API standard include: their text is copied as it is here.

They never read the numbers in an array, so that JAX can trace them and dask can defer them, and no intermediate number
overflows where the result does not.
"""

from typing import TYPE_CHECKING

import numpy as np

from symbackprop.codegen.runtime import numpy_runtime as runtime
from symbackprop.codegen.runtime.numpy_runtime import (
    _as_floats,
    _erf_over_x,
    _erfc_series,
    _factorial,
    _loggamma_after_2,
    _polygamma_series,
    _require_shape,
    _stirling,
)

if TYPE_CHECKING:  # to print the text of this file, the package is not needed
    from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array
    from array_api_compat import device as _device

IMPORTS = """\
import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array
from array_api_compat import device as _device"""


def _checked(*arguments):
    """Check the shapes of arguments (name, value, shape); return the library, and the values as its arrays.

    The library, the device and the float type are those of the arrays that are not NumPy's, if there are any.
    """
    values = [_as_array(name, value) for name, value, _ in arguments]
    leading = [value for value in values if not is_numpy_array(value)] or values
    arrays = [value for value in leading if value.ndim] or leading
    xp = array_namespace(*leading)
    types = [value.dtype for value in arrays if xp.isdtype(value.dtype, "real floating")]
    dtype = xp.result_type(*types) if types else xp.asarray(0.0).dtype
    device, sizes = _device(arrays[0]), {}
    for place, (name, _, shape) in enumerate(arguments):
        given = tuple(values[place].shape)
        if not all(size >= 0 for size in given):  # unknown sizes of dask arrays are nan
            raise ValueError(f"{name} has shape {given} of unknown sizes; {name}.compute_chunk_sizes() finds them")
        _require_shape(name, given, shape, sizes)
        values[place] = _converted(xp, values[place], dtype, device)
    return xp, *values


def _as_array(name, value):
    """Return an array of any library; lists and numbers become NumPy arrays."""
    if not is_array_api_obj(value) or is_numpy_array(value):
        return _as_floats(name, value)
    if not array_namespace(value).isdtype(value.dtype, ("bool", "integral", "real floating")):
        raise ValueError(f"{name} has dtype {value.dtype}; real numbers are expected")
    return value


def _converted(xp, value, dtype, device):
    """Return a value as an array of the library; a number becomes a Python float, which adapts to other float types."""
    if not is_numpy_array(value):
        return xp.astype(value, dtype, copy=False)
    if not value.ndim:
        return float(value)
    own = value if xp is array_namespace(value) else np.array(value)  # PyTorch takes no read-only arrays
    return xp.asarray(own, dtype=dtype, device=device)


def _softmax(z, axis):
    """Return exp(z) over its sum along an axis; the largest entry is subtracted first, so that exp cannot overflow."""
    xp = array_namespace(z)
    e = xp.exp(z - xp.max(z, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _logsumexp(z, axis):
    """Return the log of the sum of exp(z) along an axis; the largest entry is subtracted first."""
    xp = array_namespace(z)
    largest = xp.max(z, axis=axis, keepdims=True)
    return largest + xp.log(xp.sum(xp.exp(z - largest), axis=axis, keepdims=True))


def _log_softmax(z, axis):
    """Return the log of the softmax along an axis; the largest entry is subtracted first."""
    xp = array_namespace(z)
    rest = z - xp.max(z, axis=axis, keepdims=True)
    return rest - xp.log(xp.sum(xp.exp(rest), axis=axis, keepdims=True))


def _max(z, axis):
    """Return the largest entry along an axis."""
    return array_namespace(z).max(z, axis=axis, keepdims=True)


def _at_max(z, axis):
    """Return 1 at the largest entry along an axis and 0 elsewhere; k equal largest entries get 1/k."""
    xp = array_namespace(z)
    found = xp.astype(z == xp.max(z, axis=axis, keepdims=True), z.dtype)
    return found / xp.sum(found, axis=axis, keepdims=True)


def _sigmoid(z):
    """Return 1/(1 + exp(-z)) by way of exp(-|z|), which cannot overflow."""
    xp = array_namespace(z)
    e = xp.exp(-xp.abs(z))
    return xp.where(z < 0, e, 1.0) / (1 + e)


def _sech(z):
    """Return 1/cosh(z) by way of exp(-|z|), which cannot overflow."""
    xp = array_namespace(z)
    e = xp.exp(-xp.abs(z))
    return 2 * e / (1 + e * e)


def _step(z, at_zero):
    """Return 0 below zero, `at_zero` at zero and 1 above; nan stays nan."""
    xp = array_namespace(z)
    return xp.where(z > 0, 1.0, xp.where(z < 0, 0.0, z + at_zero))


def _logdet(matrix):
    """Return the log of the determinant; nan if the determinant is negative."""
    xp = array_namespace(matrix)
    sign, log = xp.linalg.slogdet(matrix)
    return xp.where(sign >= 0, log, np.nan)


def _log_of_squared_det(matrix):
    """Return the log of the squared determinant, which may be too large or too small for a float."""
    return 2 * array_namespace(matrix).linalg.slogdet(matrix)[1]


def _matrix_power(matrix, exponent):
    """Return a power of a matrix, by repeated squaring."""
    if exponent == 1:
        return matrix
    half = _matrix_power(matrix @ matrix, exponent // 2)
    return matrix @ half if exponent % 2 else half


def _erf(x):
    """Return the error function: a series for |x| < 1, and 1 - erfc(|x|) with the sign of x beyond."""
    xp = array_namespace(x)
    size = xp.abs(x)
    inside = xp.where(size < 1, x, 0.0)
    return xp.where(size < 1, inside * _erf_over_x(inside * inside), xp.sign(x) * (1 - _erfc(size)))


def _erfc(x):
    """Return 1 - erf(x) without cancellation, for x of either sign."""
    xp = array_namespace(x)
    t = 3 / (3 + xp.abs(x))
    right = t * xp.exp(-x * x) * _erfc_series(t)
    return xp.where(x < 0, 2 - right, right)


def _loggamma(x):
    """Return log Γ(x) for x > 0: a power series near its zeros 1 and 2, and Stirling's series elsewhere."""
    xp = array_namespace(x)
    far, below = xp.where(x < 10, x + 10, x), 0 * x + 1
    for k in range(10):
        below = below * xp.where(x < 10, x + k, 1.0)
    is_near = xp.abs(x - 1.5) < 1
    near = xp.where(is_near, x, 2.0)
    after = xp.where(near < 1.5, near - 1, 0.0)
    by_series = _loggamma_after_2(xp.where(near < 1.5, after, near - 2)) - xp.log1p(after)
    value = xp.where(is_near, by_series, _stirling(far) + (far - 0.5) * xp.log(far) - far - xp.log(below))
    return xp.where(x > 0, value, np.nan)


def _polygamma(n, x):
    """Return the n-th derivative of the digamma function for x > 0."""
    xp = array_namespace(x)
    y = x + 10
    value = _polygamma_series(n, x, y) + (_factorial(n - 1) * (1 / y) ** n if n else -xp.log(y))
    return xp.where(x > 0, value if n % 2 else -value, np.nan)


def _one_hot(value):
    """Return the rows, with nan in each row that does not add up to 1, for which the gradients would be wrong."""
    xp = array_namespace(value)
    return xp.where(xp.abs(xp.sum(value, axis=1, keepdims=True) - 1) < 1e-4, value, np.nan)


ALWAYS: tuple[runtime.Carried, ...] = (_checked, _as_array, _converted, _as_floats, _require_shape, runtime._expected)
HELPERS: dict[str, tuple[runtime.Carried, ...]] = {
    f.__name__[1:]: (f,) for f in (_softmax, _log_softmax, _logsumexp, _max, _at_max, _sigmoid, _sech, _step)
}
HELPERS |= {
    "logdet": (_logdet,),
    "log_of_squared_det": (_log_of_squared_det,),
    "matrix_power": (_matrix_power,),
    "one_hot": (_one_hot,),
    "erf": (_erf, _erfc, *runtime.ERF_SERIES),
    "erfc": (_erfc, *runtime.ERFC_SERIES),
    "loggamma": (_loggamma, *runtime.LOGGAMMA_SERIES),
    "polygamma": (_polygamma, *runtime.POLYGAMMA_SERIES),
    "fits": (runtime._fits,),
    "at_least": (runtime._at_least,),
}
