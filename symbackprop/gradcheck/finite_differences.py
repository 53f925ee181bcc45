"""Derivatives by finite differences, each with an error bar."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

_SHRINK = 1.83  # not a whole number, so that steps are not all multiples of a period of the cost
_ROWS = 30  # the last step is about 1e-8 of the first: nearer kinks are searched for separately
_COLUMNS = 5  # steps that one extrapolation uses, so that steps beyond a kink are dropped
_ENOUGH = 1e-10  # relative error
_FINEST = 5e-5  # of the first step: from here on, a cost in single precision may not move any more
_DECADES = range(-15, 13)  # of the size of the perturbed entries: steps of the scan
_VISIBLE = 0.05  # of a quotient, its error bar: above, steps longer than the size of the entries prove nothing
_BARS = 2.0  # rounding errors by which quotients may differ in the scan


@dataclass(frozen=True)
class NumericDerivative:
    """A derivative with its error bar, and the smallest step of the differences from which it was extrapolated."""

    value: float
    error: float
    step: float = math.nan

    def agrees(self, other: "NumericDerivative") -> bool:
        """Return True if two derivatives differ by no more than their error bars."""
        return abs(self.value - other.value) <= self.error + other.error


def derivative(
    f: Callable[[float], float], first_step: float, epsilon: float = float(np.finfo(float).eps), noise: float = 0.0
) -> NumericDerivative:
    """Return f′(0) by central differences, extrapolated to step 0.

    After C. J. F. Ridders, Accurate computation of F′(x) and F′(x)F″(x), Advances in Engineering Software 4
    (1982): decrease the step, extrapolate polynomially, and keep the value whose neighbours in the tableau agree
    best. Their disagreement, plus the rounding error and noise of f over the step, is the error bar. Unlike in the
    paper, an extrapolation uses only a few steps, so that steps too small to reach a kink give the right value.

    >>> import math
    >>> found = derivative(math.exp, 0.1)
    >>> abs(found.value - 1) < found.error < 1e-10
    True
    """
    rows: list[NumericDerivative] = []  # the best of each row of the tableau
    previous: list[float] = []
    step, settled = first_step, False
    for _ in range(_ROWS):
        high, low = f(step), f(-step)
        if high == low and any(previous) and step < _FINEST * first_step:
            break  # the step is too small for the precision of the cost
        rounding = (epsilon * (abs(high) + abs(low)) + 2 * noise) / step
        current = [(high - low) / (2 * step)]
        best = NumericDerivative(float("nan"), float("inf"))
        for k, older in enumerate(previous[: _COLUMNS - 1], start=1):
            weight = _SHRINK ** (2 * k)
            current.append((weight * current[k - 1] - older) / (weight - 1))
            error = max(abs(current[k] - current[k - 1]), abs(current[k] - older)) + rounding
            if error < best.error:
                best = NumericDerivative(current[k], error, step)
        rows.append(best)
        if settled:  # and one more row to confirm it
            break
        settled = best.error <= max(2 * rounding, _ENOUGH * abs(best.value))
        previous = current
        step /= _SHRINK
    return _confirmed(rows)


def _confirmed(rows: list[NumericDerivative]) -> NumericDerivative:
    """Return the best extrapolation; the error bar is at least the difference from the nearer neighbour."""
    index = min(range(len(rows)), key=lambda row: rows[row].error)
    best = rows[index]
    neighbours = [rows[row] for row in (index - 1, index + 1) if 0 <= row < len(rows)]
    nearest = min(neighbours, key=lambda row: row.error, default=best)
    return replace(best, error=max(best.error, abs(best.value - nearest.value))) if best.error < math.inf else best


@dataclass(frozen=True)
class Scan:
    """The longest step whose difference quotient agrees with those of all shorter steps, and the range these share."""

    step: float
    low: float
    high: float

    def contains(self, found: NumericDerivative) -> bool:
        """Return True if a derivative, with its error bar, reaches into the range."""
        return bool(self.low - found.error <= found.value <= self.high + found.error)


def scan(
    f: Callable[[float], float], unit: float, epsilon: float = float(np.finfo(float).eps), noise: float = 0.0
) -> Scan | None:
    """Find the scale on which a function changes: difference quotients over steps of all powers of 10 times `unit`.

    After O. V. Lepski, On a problem of adaptive estimation in Gaussian white noise, Theory of Probability and its
    Applications 35 (1991): a quotient over a short step has a large rounding error and no other; the longest step is
    taken at which the intervals of all quotients so far still have a point in common. Steps beyond which the function
    saturates, has a kink or leaves its domain are refused in this way, and those beyond `unit` over which no change
    shows. None if f is finite at no step.

    >>> import math
    >>> found = scan(lambda t: math.tanh(1e8 * t), 1.0)
    >>> found.step < 1e-8, found.low < 1e8 < found.high
    (True, True)
    """
    best = None
    low, high = -math.inf, math.inf
    for decade in _DECADES:
        step = unit * 10.0**decade
        right, left = f(step), f(-step)
        quotient = (right - left) / (2 * step)
        bar = _BARS * (epsilon * (abs(right) + abs(left)) + 2 * noise) / step + epsilon * abs(quotient) * unit / step
        if not math.isfinite(quotient) or not math.isfinite(bar):
            if best is None:
                continue
            break
        if step > unit and bar > _VISIBLE * abs(quotient):  # no change shows: steps of this size prove nothing
            break
        if max(low, quotient - bar) > min(high, quotient + bar):
            break
        best = Scan(step, low, high)  # without this quotient, whose curvature may just pass for rounding
        low, high = max(low, quotient - bar), min(high, quotient + bar)
    return best
