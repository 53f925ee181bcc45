"""Derivatives from values on a circle in the complex plane, which need no small step and give an error bound."""

import cmath
import math
from collections.abc import Callable
from typing import Any

from symbackprop.gradcheck.finite_differences import NumericDerivative

_TURN = cmath.exp(1j * math.pi / 3)
_ENOUGH = 1e-10  # relative error


def derivative_on_circle(
    f: Callable[[Any], Any], radius: float, here: float, epsilon: float, noise: float = 0.0
) -> NumericDerivative:
    """Return f′(0) from six values around 0, of which two are conjugates of others: four evaluations, two of them real.

    After J. N. Lyness and C. B. Moler, Numerical differentiation of analytic functions, SIAM J. Numer. Anal. 4
    (1967): the mean of f(r e^{iφ}) e^{−iφ} / r is f′(0), up to terms of order r⁶. The mean of f(r e^{iφ}) e^{iφ} / r
    is 0, up to terms of order r⁴ and the parts of f that are not analytic, such as an absolute value or a kink
    within the circle. This second mean, plus the rounding error of f, is the error bar. Two of the values are at real
    points: code that computes another function for complex numbers disagrees with them.

    Args:
        f: a real function, which also takes complex numbers.
        here: f(0).
        epsilon: the precision of f.
        noise: further errors in the values of f.

    >>> import numpy as np
    >>> found = derivative_on_circle(np.exp, 0.01, 1.0, 2e-16)
    >>> bool(abs(found.value - 1) < found.error < 1e-9)
    True
    >>> bool(derivative_on_circle(lambda t: abs(3 + t), 0.01, 3.0, 2e-16).error > 0.4)  # the modulus is not analytic
    True
    """
    first, second, right, left = (f(t) - here for t in (radius * _TURN, radius * _TURN * _TURN, radius, -radius))
    value = (right - left + 2 * ((first / _TURN).real + (second / _TURN**2).real)) / 6
    residue = (right - left + 2 * ((first * _TURN).real + (second * _TURN**2).real)) / 6
    rounding = (2 * epsilon * max(abs(here), abs(right + here), abs(left + here)) + noise) / radius
    return NumericDerivative(value / radius, float(abs(residue) / radius + rounding), radius)


def is_settled(found: NumericDerivative, here: float, epsilon: float) -> bool:
    """Return True if a smaller circle cannot reduce the error: truncation is negligible, or rounding dominates."""
    return bool(found.error <= max(_ENOUGH * abs(found.value), 8 * epsilon * abs(here) / found.step))
