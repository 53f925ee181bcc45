"""Slopes by finite differences, each with an error bar."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.check.parameters import Arrays, Parameters, require_callable, scalar_value
from symbackprop.errors import ArgumentError

_FIRST_STEP = 0.0213  # relative to the size of what is moved
_SHRINK = 1.83  # no whole number, lest a periodic cost be met at its period again and again
_ROWS = 30  # the last step is about 1e-8 of the first: nearer kinks than that are looked for apart
_COLUMNS = 5  # steps that one extrapolation spans: beyond a kink, the larger ones are forgotten
_ENOUGH = 1e-10  # relative error
_LOCAL_STEPS = tuple(10.0**-k for k in range(3, 10))
_EXTENDED = float(np.finfo(np.longdouble).eps)
_FINEST = 5e-5  # of the first step: from here on, a cost in single precision may not move any more
_APART = (0.0031, 0.0057, 0.0093)
_REPEATS = 3
_NOISE_POINTS = 9
_MOST_NOISE = 1e-5  # of the cost
_NOISE_SPACINGS = (1e-10, 1e-7, 1e-6)  # the last two for costs that compute in single precision


@dataclass(frozen=True)
class Slope:
    """A derivative and how far it can be off."""

    value: float
    error: float


def slope(
    f: Callable[[float], float], first_step: float, epsilon: float = float(np.finfo(float).eps), noise: float = 0.0
) -> Slope:
    """f′(0) by central differences, extrapolated to step 0.

    After C. J. F. Ridders, Accurate computation of F′(x) and F′(x)F″(x), Advances in Engineering Software 4
    (1982): make the step smaller, extrapolate polynomially, and keep the value whose neighbours in the tableau agree
    best. Their disagreement, and the rounding error and noise of f over the step, are the error bar. Unlike there, an
    extrapolation spans a few steps only, so that steps that reach over a kink do no harm once they are smaller.

    >>> import math
    >>> found = slope(math.exp, 0.1)
    >>> abs(found.value - 1) < found.error < 1e-10
    True
    """
    rows: list[Slope] = []  # the best of each row of the tableau
    previous: list[float] = []
    step, settled = first_step, False
    for _ in range(_ROWS):
        high, low = f(step), f(-step)
        if high == low and any(previous) and step < _FINEST * first_step:
            break  # the cost does not resolve so small a step any more
        rounding = (epsilon * (abs(high) + abs(low)) + 2 * noise) / step
        current = [(high - low) / (2 * step)]
        best = Slope(float("nan"), float("inf"))
        for k, older in enumerate(previous[: _COLUMNS - 1], start=1):
            weight = _SHRINK ** (2 * k)
            current.append((weight * current[k - 1] - older) / (weight - 1))
            error = max(abs(current[k] - current[k - 1]), abs(current[k] - older)) + rounding
            if error < best.error:
                best = Slope(current[k], error)
        rows.append(best)
        if settled:  # and one more row to confirm it
            break
        settled = best.error <= max(2 * rounding, _ENOUGH * abs(best.value))
        previous = current
        step /= _SHRINK
    return _confirmed(rows)


def _confirmed(rows: list[Slope]) -> Slope:
    """The row of least error, whose error is at least its distance from the better one of its neighbours."""
    place = min(range(len(rows)), key=lambda row: rows[row].error)
    best = rows[place]
    neighbours = [rows[row] for row in (place - 1, place + 1) if 0 <= row < len(rows)]
    nearest = min(neighbours, key=lambda row: row.error, default=best)
    return Slope(best.value, max(best.error, abs(best.value - nearest.value))) if best.error < math.inf else best


def step_for(values: np.ndarray) -> float:
    """A first step for moving entries of this size."""
    return _FIRST_STEP * max(1.0, float(np.max(np.abs(values), initial=0.0)))


def estimated_noise(values: np.ndarray) -> float:
    """The noise of a function from its values at equally spaced, very near points; 0 where none shows.

    J. J. Moré and S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011): the k-th differences
    of a smooth function vanish as k grows, those of noise do not; k is taken where three estimates in a row agree
    and the differences have both signs.

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


class Numerics:
    """A cost around one point: its slopes along any direction, and how often it was called."""

    def __init__(self, cost: Callable[..., Any], params: Parameters):
        self._cost = cost
        self._params = params
        self.evaluations = 0
        values = [self._value(params.copies()) for _ in range(_REPEATS)]
        self.cost = values[0]
        self.spread = max(values) - min(values)  # of calls at one and the same point
        self._noise: dict[int, float] = {}
        self.is_extended = isinstance(self.cost, np.longdouble) and bool(np.finfo(float).eps > _EXTENDED)
        self.epsilon = _EXTENDED if self.is_extended else float(np.finfo(float).eps)

    def at(self, block: int, direction: np.ndarray, t: float) -> Any:
        """The cost with one parameter moved by t along a direction; NaN where it cannot be computed."""
        arrays = self._params.copies()
        arrays[block] = arrays[block] + t * direction
        try:
            return self._value(arrays)
        except (ArithmeticError, ValueError):
            return float("nan")

    def _value(self, arrays: Arrays) -> Any:
        self.evaluations += 1
        return scalar_value(self._params.call(self._cost, arrays))

    def noise(self, block: int) -> float:
        """How uncertain a value of the cost is, near this point, as one parameter moves."""
        if block not in self._noise:
            array = self._params.arrays[block]
            direction = np.where(np.arange(array.size) % 2, -1.0, 1.0).reshape(array.shape) * np.maximum(
                1, np.abs(array)
            )
            spacings = _NOISE_SPACINGS[:1] if self.is_extended else _NOISE_SPACINGS
            double, *single = (self._noise_at(block, direction, spacing) for spacing in spacings)
            # noise is small, and the same over a tenth of the spacing; a cost that merely changes fast is neither
            found = min(single, default=0.0)
            found = found if found <= _MOST_NOISE * max(1e-2, abs(self.cost)) else 0.0
            self._noise[block] = max(self.spread, double, found, self._single_precision(block, direction))
        return self._noise[block]

    def _single_precision(self, block: int, direction: np.ndarray) -> float:
        """The rounding of a cost whose values, well apart, all are numbers of single precision; 0 for others."""
        values = np.array([self.cost, *(self.at(block, direction, t) for t in _APART)])
        with np.errstate(over="ignore"):
            single = bool(np.all(values == values.astype(np.float32))) and len(set(values)) > 1
        return float(np.finfo(np.float32).eps * np.max(np.abs(values))) if single else 0.0

    def _noise_at(self, block: int, direction: np.ndarray, spacing: float) -> float:
        """The smaller of the two sides': a kink is on one of them, noise on both."""
        sides = []
        for side in (spacing, -spacing):
            values = np.array([self.at(block, direction, side * i) for i in range(_NOISE_POINTS)])
            sides.append(estimated_noise(values) if np.all(np.isfinite(values)) else 0.0)
        return min(sides)

    def slope(self, block: int, direction: np.ndarray) -> Slope:
        moved = self._params.arrays[block][direction != 0]
        return slope(lambda t: self.at(block, direction, t), step_for(moved), self.epsilon, self.noise(block))

    def local_slope(self, block: int, direction: np.ndarray) -> Slope:
        """The slope over the one small step at which the two sides differ least: what lies beyond does no harm."""
        reach = step_for(self._params.arrays[block][direction != 0]) / _FIRST_STEP
        slopes = []
        for t in (step * reach for step in _LOCAL_STEPS):
            left, right = self.one_sided(block, direction, t)
            slopes.append(Slope((left + right) / 2, float(abs(right - left) + self.rounding(block, t))))
        return min(slopes, key=lambda found: found.error if found.error == found.error else math.inf)

    def one_sided(self, block: int, direction: np.ndarray, t: float) -> tuple[float, float]:
        """The slopes to the left and to the right over a step t."""
        left, here, right = (self.at(block, direction, s) for s in (-t, 0.0, t))
        return (here - left) / t, (right - here) / t

    def rounding(self, block: int, t: float) -> float:
        """How uncertain a difference of costs over a step t is, as a slope."""
        return float((4 * self.epsilon * abs(self.cost) + 4 * self.noise(block)) / t)


def unit(shape: tuple[int, ...], index: tuple[int, ...]) -> np.ndarray:
    """The direction of one entry."""
    direction = np.zeros(shape)
    direction[index] = 1.0
    return direction


def numerical_gradient(
    cost: Callable[..., Any], params: Any, *, data: Mapping[str, Any] | None = None, step: float | None = None
) -> Any:
    """The gradient of a cost by central differences, in the structure of the parameters.

    Args:
        cost: called as f(x), f(*arrays) or f(**arrays), as `params` is an array, a sequence or a mapping.
        params: where to differentiate; it is not changed.
        data: fixed keyword arguments of every call.
        step: one fixed step for plain central differences (cost(x + step) − cost(x − step)) / (2 step); without it
            the step is made smaller and the differences are extrapolated (Ridders 1982).

    >>> import numpy as np
    >>> numerical_gradient(lambda x: float(np.sum(x**2)), np.array([1.0, -2.0])).round(9)
    array([ 2., -4.])
    """
    if step is not None and not (isinstance(step, int | float | np.number) and 0 < step < float("inf")):
        raise ArgumentError(f"step must be a positive number, not {step!r}")
    require_callable("cost", cost)
    taken = Parameters.of(params, data)
    numerics = Numerics(cost, taken)
    results = []
    for block, array in enumerate(taken.arrays):
        gradient = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            direction = unit(array.shape, index)
            if step is None:
                gradient[index] = numerics.slope(block, direction).value
            else:
                high, low = (numerics.at(block, direction, t) for t in (step, -step))
                gradient[index] = (high - low) / (2 * step)
        results.append(gradient)
    return taken.rebuild(results)
