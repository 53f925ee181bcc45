"""Functions that generated modules include: their text is copied as it is here.

They may use only NumPy, and have no type hints: the reader of a generated module wants to see the code.
"""

from collections.abc import Callable

import numpy as np


class _Arguments:
    """Converter of arguments to arrays of one float type, which checks that their shapes are consistent."""

    def __init__(self, shapes, check=None):
        self.shapes = shapes
        self.check = check  # a function that checks other conditions
        self.known = None  # types and shapes of arguments that needed no conversion

    def __call__(self, *values):
        form = [(type(value), getattr(value, "shape", ()), getattr(value, "dtype", None)) for value in values]
        if form == self.known:
            if self.check is not None:
                self.check(*values)
            return values
        sizes = {}
        given = zip(self.shapes.items(), values)
        arrays = [_as_array(name, value, shape, sizes) for (name, shape), value in given]
        dtype = np.result_type(*(array for array in arrays if type(array) is not float))
        arrays = [array if type(array) is float else array.astype(dtype, copy=False) for array in arrays]
        if self.check is not None:
            self.check(*arrays)
        if all(array is value for array, value in zip(arrays, values)):
            self.known = form
        return arrays

    def sound(self, results, *values):
        """Return the results, or raise an error with the reason if one is nan. What overflows is inf."""
        J, *gradients = results
        for gradient in gradients:
            flat = gradient.ravel()
            if not flat.dot(flat) < np.inf:
                break
        else:
            if abs(J) < np.inf:
                return results
        for name, value in zip(self.shapes, values):
            bad = np.argwhere(~np.isfinite(value))
            if len(bad):
                place = tuple(int(i) for i in bad[0])
                where = f"{name}{list(place)}" if place else name
                raise ValueError(f"{where} is {np.asarray(value)[place]}; finite numbers are expected")
        if any(np.isnan(result).any() for result in results):
            which = "the gradient is nan where the cost is inf," if np.isinf(J) else "the result is nan"
            raise ValueError(
                f"{which} although every argument is finite: a function, such as log, is used outside its "
                "domain, or an intermediate quantity is too large for a float"
            )
        return results


def _as_array(name, value, shape, sizes):
    if not (type(value) is np.ndarray and value.dtype.char in "fdg"):
        value = _as_floats(name, value)
    _require_shape(name, value.shape, shape, sizes)
    return value if shape else float(value)


def _require_shape(name, given, shape, sizes):
    if len(given) != len(shape):
        hint = f"; {name}.reshape(-1, 1) makes it a column" if len(given) == 1 and shape[1:] == (1,) else ""
        hint = f"; {name}.reshape(1, -1) makes it a row" if len(given) == 1 and shape[:1] == (1,) else hint
        raise ValueError(f"{name} has shape {given} but {_expected(shape, sizes)} is expected{hint}")
    for size, length in zip(shape, given):
        if length != (sizes.setdefault(size, length) if isinstance(size, str) else size):
            turned = all(sizes.get(size, size) == length for size, length in zip(shape, given[::-1]))
            hint = f"; {name}.T has it" if turned else ""
            raise ValueError(f"{name} has shape {given} but {_expected(shape, sizes)} is expected{hint}")


def _as_floats(name, value):
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array; fill or drop the masked entries first")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; real numbers are expected")
    return array if array.dtype.char in "fdg" else array.astype(float)


def _expected(shape, sizes) -> str:
    if not shape:
        return "a single number"
    named = ", ".join(str(size) for size in shape)
    known = ", ".join(str(sizes.get(size, size)) for size in shape)
    return f"({named})" if named == known else f"({named}) = ({known})"


class _Memory:
    """Work arrays, kept for the next call with the same sizes; two calls at the same time never share them."""

    def __init__(self):
        self.idle = {}
        self.needs = {}

    def run(self, part, memory, form, arguments, results):
        """Call `part` with work arrays that `memory` makes."""
        key = memory, form
        idle = self.idle.get(key)
        if idle is None:
            if len(self.idle) > 15:
                self.idle.clear()
            idle = self.idle[key] = []
        try:
            arrays = idle.pop()
        except IndexError:
            arrays = memory(*form)
        found = part(*arguments, *results, *arrays)
        idle.append(arrays)
        return found

    def need(self, memory, form):
        """Return the size in bytes of the work arrays for one example."""
        key = memory, form
        if key not in self.needs:
            self.needs[key] = sum(array.nbytes for array in memory(1, *form) if array.ndim)
        return self.needs[key]

    def parts(self, n, memory, form):
        """Return the number of batches for n examples, each of at least a megabyte and a thousand examples."""
        return 1 if n < 2048 else max(1, min(n // 1024, n * self.need(memory, form) // 2**20))

    def in_parts(self, part, form, data, rest, results):
        """Return the sums of a part over batches of the data whose work arrays fit into the cache.

        `part` is a tuple: a function, the function that makes its work arrays, and the axis of the examples in the
        data. `form` is the sizes and the dtype of the work arrays. `rest` is the same for all batches; `results` are
        arrays to write into, or None.
        """
        function, memory, axis = part
        if not data:
            found = self.run(function, memory, form, rest, results)
            kept = self.idle.get((memory, form), [])
            if sum(array.nbytes for arrays in kept[:1] for array in arrays) > 2**26:
                self.idle.clear()  # too much to keep for a call that may never be made
            return found
        n = data[0].shape[axis]
        count = self.parts(n, memory, form)
        if count == 1:
            return self.run(function, memory, (n, *form), data + rest, results)
        total = more = None
        for k in range(count):
            some = _some(data, n * k // count, n * (k + 1) // count, axis)
            found = self.run(function, memory, (some[0].shape[axis], *form), some + rest, more or results)
            if total is None:
                total, more = list(found), [np.empty_like(one) for one in found if type(one) is np.ndarray]
            else:
                total = _added(total, found)
        return total


def _some(data, first, last, axis):
    return tuple(array[first:last] if axis == 0 else array[:, first:last] for array in data)


def _added(total, found):
    """Return the sums of two lists of numbers and arrays; the arrays of the total are overwritten."""
    return [np.add(one, other, one) if type(one) is np.ndarray else one + other for one, other in zip(total, found)]


def _sigmoid(z, one, out):
    """Write 1/(1 + exp(-z)) into `out`, which may be z."""
    out = np.negative(z, out)
    np.exp(out, out)
    np.add(out, one, out)
    return np.reciprocal(out, out)


def _at_max(z, axis):
    """Return 1 at the largest entry along an axis and 0 elsewhere; k equal largest entries get 1/k."""
    found = (z == np.max(z, axis=axis, keepdims=True)).astype(z.dtype)
    return found / np.sum(found, axis=axis, keepdims=True)


def _logdet(matrix):
    """Return the log of the determinant; nan if the determinant is negative."""
    sign, log = np.linalg.slogdet(matrix)
    return log if sign >= 0 else np.nan


def _log_of_squared_det(matrix):
    """Return the log of the squared determinant, which may be too large or too small for a float."""
    return 2 * np.linalg.slogdet(matrix)[1]


def _erf(x):
    """Return the error function: a series for |x| < 1, and 1 - erfc(|x|) with the sign of x beyond."""
    x = np.asarray(x)
    inside = x * _erf_over_x(np.minimum(x * x, 1))
    beyond = np.sign(x) * (1 - _erfc(np.abs(x)))
    return np.where(np.abs(x) < 1, inside, beyond).astype(x.dtype)[()]


def _erfc(x):
    """Return 1 - erf(x) without cancellation, for x of either sign."""
    x = np.asarray(x)
    t = 3 / (3 + np.abs(x))
    right = t * np.exp(-x * x) * _erfc_series(t)
    return np.where(x < 0, 2 - right, right).astype(x.dtype)[()]


def _erf_over_x(square):
    """Return erf(x)/x for x² up to 1, as a Chebyshev series in x²."""
    series = [
        0.9754769393826541, -0.14226120510371365, 0.010035582187599796, -0.0005768764699767485,
        2.741993125219606e-05, -1.1043175507344507e-06, 3.8488755420345036e-08, -1.1808582533875466e-09,
        3.2334215826050907e-11, -7.991015947004549e-13, 1.7990725113961456e-14, -3.718635487818693e-16,
    ]  # fmt: skip
    return _chebyshev(2 * square - 1, series)


def _erfc_series(t):
    """Return erfc(x) exp(x²)/t for x >= 0, as a Chebyshev series in t = 3/(3 + x)."""
    series = [
        0.4711460746602906, 0.37715894969156577, 0.11803603344749546, 0.028362346699695153, 0.004871757757605546,
        0.00045985238787654427, -2.143022238105315e-05, -1.301447369924135e-05, -8.809283582853514e-07,
        2.7464800479702846e-07, 4.415991899223785e-08, -6.398408385575483e-09, -1.6768357212484645e-09,
        1.9473354700890025e-10, 6.247441303469389e-11, -8.124557552244496e-12, -2.330314613222566e-12,
        4.191038539225333e-13, 8.19333526881303e-14, -2.3352472107929263e-14, -2.2442585649165363e-15,
        1.2811435298050507e-15,
    ]  # fmt: skip
    return _chebyshev(2 * t - 1, series)


def _chebyshev(x, series):
    """Return the sum of Chebyshev polynomials with these coefficients, by Clenshaw's recurrence."""
    this, before = 0 * x, 0
    for coefficient in series[:0:-1]:
        this, before = coefficient + 2 * x * this - before, this
    return series[0] + x * this - before


def _loggamma(x):
    """Return log Γ(x) for x > 0: a power series near its zeros 1 and 2, and Stirling's series elsewhere."""
    x = np.asarray(x)
    small = x < 10
    far, below = np.where(small, x + 10, x), np.ones_like(x)
    for k in range(10):
        below = below * np.where(small, x + k, 1)
    near = np.where(np.abs(x - 1.5) < 1, x, 2.0)
    after = np.where(near < 1.5, near - 1, 0)
    by_series = _loggamma_after_2(np.where(near < 1.5, after, near - 2)) - np.log1p(after)
    value = np.where(np.abs(x - 1.5) < 1, by_series, _stirling(far) + (far - 0.5) * np.log(far) - far - np.log(below))
    return np.where(x > 0, value, np.nan).astype(x.dtype)[()]


def _stirling(y):
    """Return the terms of Stirling's series for log Γ(y) after (y - 1/2) log(y) - y, for y >= 10."""
    r = 1 / (y * y)
    series = 1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * (691 / 360360)))))
    return series / y + 0.9189385332046728


def _loggamma_after_2(t):
    """Return log Γ(2 + t) for |t| <= 1/2, by its power series."""
    coefficients = (
        *(0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546),
        *(-0.007385551028673986, 0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425),
        *(-0.00022315475845357939, 9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05),
        *(-9.439488275268397e-06, 4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07),
        *(-4.492469198764566e-07, 2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08),
        *(-2.2711094608943164e-08, 1.0838659214896955e-08, -5.183475041970047e-09, 2.4836745438024785e-09),
        *(-1.1921401405860912e-09, 5.731367241678862e-10, -2.7595228851242334e-10, 1.330476437424449e-10),
        *(-6.4229645638381e-11, 3.1044247747322276e-11),
    )
    value = 0 * t
    for coefficient in coefficients[::-1]:
        value = (value + coefficient) * t
    return value


def _polygamma(n, x):
    """Return the n-th derivative of the digamma function for x > 0."""
    x = np.asarray(x)
    y = x + 10
    value = _polygamma_series(n, x, y) + (_factorial(n - 1) * (1 / y) ** n if n else -np.log(y))
    return np.where(x > 0, value if n % 2 else -value, np.nan).astype(x.dtype)[()]


def _factorial(n):
    return float(np.prod(np.arange(1.0, n + 1)))


def _polygamma_series(n, x, y):
    """Return the sum of the first 10 terms at x, and of the asymptotic series at y = x + 10 but for its first term."""
    r, value = 1 / y, 0 * x
    for k in range(10):
        value = value + 1 / (x + k) ** (n + 1)
    value = value * _factorial(n) + _factorial(n) / 2 * r ** (n + 1)
    for k, bernoulli in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6), 1):
        value = value + bernoulli * _factorial(2 * k + n - 1) / _factorial(2 * k) * r ** (2 * k + n)
    return value


def _overlap_add(windows, axis, shape):
    """Return the array of this shape in which each entry of each window is added where it was taken from."""
    whole = np.zeros(shape, windows.dtype)
    count = windows.shape[axis]
    for tap in range(windows.shape[-1]):
        whole[(slice(None),) * axis + (slice(tap, tap + count),)] += windows[..., tap]
    return whole


def _put_apart(part, axis, start, step, shape):
    """Return the array of this shape with the entries at start, start + step, … along an axis, and zeros elsewhere."""
    whole = np.zeros(shape, part.dtype)
    whole[(slice(None),) * axis + (start + step * np.arange(part.shape[axis]),)] = part
    return whole


def _fits(name, shape, expected, sizes):
    if shape != sizes:
        raise ValueError(f"{name} has shape {shape} but {expected} = {sizes} is expected")


def _at_least(name, size, least):
    if size < least:
        raise ValueError(f"{name} = {size}, but it must be at least {least} for the parts that the formulas take")


def _one_hot(name, value):
    """Check that each row adds up to 1, or the gradients would be wrong; some rows at a time, to save memory."""
    for first in range(0, len(value), 2**16):
        rows = value[first : first + 2**16].sum(axis=1)
        bad = np.flatnonzero(~np.isclose(rows, 1, atol=1e-4))
        if len(bad):
            place, total = first + bad[0], rows[bad[0]]
            raise ValueError(f"{name} is one-hot, each row adds up to 1, but {name}[{place}] adds up to {total:.6g}")


def _compare(values, parameters):
    """Compare each gradient with finite differences of the cost; steps h and h/2 show how exact these are."""
    J, *gradients = cost_and_gradients(**values)
    wrong = False
    for parameter, gradient in zip(parameters, gradients):
        largest, found = 0.0, ""
        for place, entry in np.ndenumerate(gradient):
            whole, half = (_difference_quotient(values, parameter, place, h) for h in (2e-3, 1e-3))
            trusted = abs(half - whole) + 1e-9 * (abs(J) + abs(half))
            numeric = half + (half - whole) / 3
            largest = max(largest, abs(entry - numeric))
            if not found and not abs(entry - numeric) < trusted:
                found = f"WRONG: at {list(place)} it is {entry:.9g}, but finite differences give {numeric:.9g}"
        wrong = wrong or bool(found)
        print(f"gradient with respect to {parameter}:", found or f"right, within {largest:.1e} of finite differences")
    raise SystemExit(int(wrong))


def _difference_quotient(values, parameter, place, h):
    sides = []
    for step in (h, -h):
        perturbed = np.array(values[parameter])
        perturbed[place] += step
        sides.append(cost(**values | {parameter: perturbed}))
    return (sides[0] - sides[1]) / (2 * h)


Carried = Callable[..., object]  # a function or a class

DRIVERS: tuple[Carried, ...] = (_Arguments, _as_array, _require_shape, _as_floats, _expected)
DRIVERS += (_Memory, _some, _added, _compare, _difference_quotient)
ERFC_SERIES = (_erfc_series, _chebyshev)
ERF_SERIES = (_erf_over_x, *ERFC_SERIES)
LOGGAMMA_SERIES = (_stirling, _loggamma_after_2)
POLYGAMMA_SERIES = (_factorial, _polygamma_series)
_ALONE: tuple[Carried, ...] = (_sigmoid, _at_max, _logdet, _log_of_squared_det, _overlap_add, _put_apart)
_ALONE += (_fits, _at_least, _one_hot)
HELPERS: dict[str, tuple[Carried, ...]] = {f.__name__[1:]: (f,) for f in _ALONE}
HELPERS |= {"erf": (_erf, _erfc, *ERF_SERIES), "erfc": (_erfc, *ERFC_SERIES)}
HELPERS |= {"loggamma": (_loggamma, *LOGGAMMA_SERIES), "polygamma": (_polygamma, *POLYGAMMA_SERIES)}
