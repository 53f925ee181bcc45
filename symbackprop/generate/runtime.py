"""What generated modules carry with them: their text includes these functions as they stand here.

Nothing here may use anything but NumPy, or needs type hints: the reader of a module wants the code.
"""

import numpy as np


def _checked(*arguments):
    """The arguments as arrays of floats, their shapes found to fit; each is (name, value, shape)."""
    sizes = {}
    return [_as_array(name, value, shape, sizes) for name, value, shape in arguments]


def _as_array(name, value, shape, sizes):
    if not (type(value) is np.ndarray and value.dtype.char in "fdg"):
        value = _as_floats(name, value)
    if value.ndim != len(shape):
        hint = f"; {name}.reshape(-1, 1) makes it a column" if value.ndim == 1 and shape[1:] == (1,) else ""
        raise ValueError(f"{name} has shape {value.shape} but {_expected(shape, sizes)} is expected{hint}")
    for size, given in zip(shape, value.shape):
        if given != (sizes.setdefault(size, given) if isinstance(size, str) else size):
            raise ValueError(f"{name} has shape {value.shape} but {_expected(shape, sizes)} is expected")
    return value if shape else float(value)


def _as_floats(name, value):
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array; fill or drop what is masked first")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is no array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; real numbers are expected")
    return array if array.dtype.char in "fdg" else array.astype(float)


def _expected(shape, sizes) -> str:
    if not shape:
        return "a single number"
    named = ", ".join(str(size) for size in shape)
    known = ", ".join(str(sizes.get(size, size)) for size in shape)
    return f"({named})" if named == known else f"({named}) = ({known})"


def _sound(results, /, **arguments):
    """The results; where one is not finite, the reason is found and named. A cost that overflows is inf."""
    if all(np.vdot(result, result) < np.inf for result in results):
        return results
    for name, value in arguments.items():
        bad = np.argwhere(~np.isfinite(value))
        if len(bad):
            place = tuple(int(i) for i in bad[0])
            where = f"{name}{list(place)}" if place else name
            raise ValueError(f"{where} is {np.asarray(value)[place]}; finite numbers are expected")
    if not np.isinf(results[0]) and any(np.isnan(result).any() for result in results):
        raise ValueError(
            "the result is nan although every argument is finite: a function, such as log, is used outside its "
            "domain, or a quantity on the way is too large for a float"
        )
    return results


def _softmax(z, axis):
    """exp(z) over its sum along an axis; the largest entry is taken off first, so that exp cannot overflow."""
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _logsumexp(z, axis):
    """log of the sum of exp(z) along an axis; the largest entry is taken off first."""
    largest = np.max(z, axis=axis, keepdims=True)
    return largest + np.log(np.sum(np.exp(z - largest), axis=axis, keepdims=True))


CHECKS = (_checked, _as_array, _as_floats, _expected, _sound)
HELPERS = {"softmax": _softmax, "logsumexp": _logsumexp}
