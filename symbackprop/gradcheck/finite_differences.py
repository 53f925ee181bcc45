"""Derivatives by finite differences, each with an error bar."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

_SHRINK = 1.83  # not a whole number, so that steps are not all multiples of a period of the cost
_ROWS = 30  # the last step is about 1e-8 of the first: nearer kinks are searched for separately
_COLUMNS = 5  # steps that one extrapolation uses, so that steps beyond a kink are dropped
_ENOUGH = 1e-10  # relative error
_FINEST = 5e-5  # of the first step: below, a cost in single precision may no longer change


@dataclass(frozen=True)
class NumericDerivative:
    """A derivative with its error bar, and the smallest step of the differences from which it was extrapolated."""

    value: float
    error: float
    step: float = math.nan


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


def estimated_noise(values: np.ndarray) -> float:
    """Estimate the noise of a function from its values at equally spaced points that are very near; 0 if there is none.

    J. J. Moré and S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011): the k-th differences
    of a smooth function vanish as k grows, those of noise do not. The estimate is from the first k at which three
    successive estimates agree and the differences have both signs.

    >>> estimated_noise(np.arange(9) ** 2.0)
    0.0
    """
    estimates, both_signs = [], []
    differences = values
    for k in range(1, len(values) - 1):
        differences = np.diff(differences)
        gamma = math.factorial(k) ** 2 / math.factorial(2 * k)
        estimates.append(math.sqrt(gamma * float(np.mean(differences**2))))
        both_signs.append(bool(np.min(differences) < 0 < np.max(differences)))
    for k in range(len(estimates) - 2):
        window = estimates[k : k + 3]
        if both_signs[k] and max(window) <= 4 * min(window):
            return estimates[k]
    return 0.0
