"""Scalar functions that compiled loops include, and that the compiler turns into vector instructions.

They have neither branches nor calls into a library, so that eight numbers take the time of one. All are correct at
0, ±inf and nan. They compute in float64, and in 64-bit integers whose sums may wrap around.
"""

import numpy as np


def _plus(a, b):
    """Return a + b; only sums written with this function may be reordered by the compiler."""
    return a + b


def _bits(x):
    return np.float64(x).view(np.int64)


def _from_bits(k):
    return np.int64(k).view(np.float64)


def _exp_near_0(r):
    """Return exp(r) - 1 for |r| <= log(2)/2."""
    r2 = r * r
    even = ((2.7620088445409746e-07 * r2 + 2.4801521295954376e-05) * r2 + 0.0013888888917213717) * r2
    odd = ((2.510038549551032e-08 * r2 + 2.7557268459997064e-06) * r2 + 0.00019841269863053618) * r2
    even = (even + 0.04166666666662413) * r2 + 0.5
    odd = (odd + 0.008333333333330062) * r2 + 0.16666666666666669
    return r + r2 * (odd * r + even)


def _exp(x):
    """Return 2**n exp(r) for the integer n nearest to x/log(2); 2**n is split into two factors, as it may overflow."""
    x = 710.0 if x > 710.0 else x
    x = -750.0 if x < -750.0 else x
    shifted = x * 1.4426950408889634 + 6755399441055744.0  # 1.5 * 2**52: rounds to an integer
    n = shifted - 6755399441055744.0
    half = _bits(n * 0.5 + 6755399441055744.0)
    rest = _bits(shifted) - half
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    scaled = _from_bits(_bits(1.0 + _exp_near_0(r)) + (half << 52))
    return scaled * _from_bits((rest + 1023) << 52)


def _expm1_within_60(x):
    """Return exp(x) - 1 for |x| <= 60, as 2**n (exp(r) - 1) + (2**n - 1)."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    power = _from_bits((_bits(shifted) + 1023) << 52)
    return power * _exp_near_0(r) + (power - 1.0)


def _expm1(x):
    near = 60.0 if x > 60.0 else x
    near = _expm1_within_60(-60.0 if near < -60.0 else near)
    far = _exp(x)  # where subtracting 1 makes no difference
    return far if x > 60.0 else near


def _tanh(x):
    x = 20.0 if x > 20.0 else x
    expm1 = _expm1_within_60(2.0 * (-20.0 if x < -20.0 else x))
    return expm1 / (expm1 + 2.0)


def _logistic(z):
    return 1.0 / (1.0 + _exp(-z))


def _log(x):
    """Return n log(2) + log(m) for x = 2**n m, sqrt(1/2) <= m < sqrt(2), log(m) by the series of artanh."""
    tiny = x < 2.2250738585072014e-308
    bits = _bits(x * 18014398509481984.0 if tiny else x)
    biased = (bits + 0x00095F619980C433) >> 52
    n = _from_bits(biased | 0x4330000000000000) - (4503599627371573.0 if tiny else 4503599627371519.0)
    f = _from_bits(bits - ((biased - 1023) << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    series = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
    series += z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)))
    half = 0.5 * f * f
    found = n * 0.6931471803691238 - ((half - (s * (half + series) + n * 1.9082149292705877e-10)) - f)
    found = found if x < np.inf else x
    found = -np.inf if x == 0.0 else found
    return np.nan if x < 0.0 else found


def _log1p(x):
    """Return log(u) for u = 1 + x, plus a correction for the part of x that rounding u has lost."""
    u = 1.0 + x
    lost = (x - (u - 1.0)) / u
    return _log(u) + (lost if 0.0 < u < np.inf else 0.0)


def _maximum(a, b):
    return a if a >= b or np.isnan(a) else b


def _minimum(a, b):
    return a if a <= b or np.isnan(a) else b


def _sign(x):
    x = 1.0 if x > 0.0 else x
    return -1.0 if x < 0.0 else x


def _heaviside(x, at_zero):
    found = 1.0 if x > 0.0 else x
    found = 0.0 if x < 0.0 else found
    return at_zero if x == 0.0 else found


def _compiled(loops, number, parameters):
    """Return loops as machine code for one float type; None for a type that the processor lacks."""
    import numba

    if number not in (np.float64, np.float32):
        return None
    kind = numba.from_dtype(np.dtype(number))
    types = {
        "a": numba.types.Array(kind, 2, "C", readonly=True),
        "x": numba.float64,
        "n": numba.int64,
        "r": kind[:, ::1],
    }
    signature = tuple(types[letter] for letter in parameters)
    return numba.njit(signature, nogil=True, error_model="numpy", fastmath={"contract"})(loops)


def _copied(values):
    """Return the values; arrays are copied to the memory layout that compiled loops expect."""
    return [np.array(value, order="C") if isinstance(value, np.ndarray) else value for value in values]


DRIVERS = (_compiled, _copied)
