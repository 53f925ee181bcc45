"""Numeric derivatives of a cost at one point, along any direction."""

import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from symbackprop.errors import ArgumentError
from symbackprop.gradcheck.calls import CountedFunction
from symbackprop.gradcheck.complex_contour import derivative_on_circle, is_settled
from symbackprop.gradcheck.finite_differences import NumericDerivative, derivative, scan
from symbackprop.gradcheck.noise import COARSE, COARSE_VALUES, noise_along, roughness
from symbackprop.gradcheck.parameters import (
    Arrays,
    Data,
    Number,
    Parameters,
    Structure,
    UserFunction,
    require_callable,
    scalar_value,
)

T = TypeVar("T")
Result = TypeVar("Result")
Direction = Mapping[int, np.ndarray]  # the perturbation of parameters, by their position; the others are held fixed

_FIRST_STEP = 0.0213  # relative to the size of the perturbed entries
_RADII = (1e-1, 1e-2, 2e-3, 3e-4, 1e-5)  # of circles, likewise
_PATIENCE = 4  # directions without a usable circle, after which circles are given up
_LOCAL_STEPS = tuple(10.0**-k for k in range(3, 10))
_WITHIN = np.array([0.0113, 0.0071, 0.0037, 0.0019, 0.00083, 0.00037])  # of a step: the cost is a line there
_EXTENDED = float(np.finfo(np.longdouble).eps)
_FAR_SMALLER = 1e-3  # of roughness
_SMALL = 1e-6  # entries below may be on a natural scale of their own
_SHORTER = tuple(10.0**-k for k in range(13))  # steps over which a smooth cost has one derivative
_APART = (0.0031, 0.0057, 0.0093)
_REPEATS = 3
_SHARP = 1e-7  # relative error: from here on, the scale on which the cost changes is sought
_AGAIN = (4.0, 1.0)  # first steps that are tried then, as multiples of the scanned one
STEP_AROUND = 0.01  # the step of derivatives at points around here, relative to their distance
_UNKNOWN = NumericDerivative(math.nan, math.inf)


class Numerics:
    """A cost near one point: its numeric derivatives along any direction, and the number of its calls."""

    def __init__(self, cost: UserFunction, params: Parameters):
        self._params = params
        self.calls = CountedFunction("the cost", cost, params)
        self._grain = math.inf  # the least change of the cost that was seen
        self._is_grain_sought = False
        values = [scalar_value(self.calls.first()), *(self.at({}, 0.0) for _ in range(_REPEATS - 1))]
        self.cost = values[0]
        self.spread = float(max(values) - min(values))  # of calls at the same point
        self._noise: dict[tuple[int, ...], float] = {}
        self._known: dict[tuple[Callable[..., object], object], Any] = {}
        self.is_extended = isinstance(self.cost, np.longdouble) and bool(np.finfo(float).eps > _EXTENDED)
        self.epsilon = _EXTENDED if self.is_extended else float(np.finfo(float).eps)
        self._is_coarse: bool | None = None
        self.is_rough = False  # True if the cost changes on a scale that the usual steps may pass over
        self.least_size = 1.0  # of the entries, for perturbations of about their size
        self._settle_size()
        self._circles_left = _PATIENCE
        self._radii = list(_RADII)

    @property
    def evaluations(self) -> int:
        """The number of calls of the cost."""
        return self.calls.count

    @property
    def arrays(self) -> Arrays:
        """The parameters at the point."""
        return self._params.arrays

    def once(self, of: Callable[["Numerics", T], Result], comparison: T) -> Result:
        """Return `of(self, comparison)`; the result is cached, because both the search and the verdict need it."""
        if (of, comparison) not in self._known:
            self._known[of, comparison] = of(self, comparison)
        return self._known[of, comparison]

    def at(self, direction: Direction, t: float) -> Number:
        """Return the cost with parameters perturbed by t along a direction; NaN if it cannot be computed."""
        found = self.calls.at(self._params.perturbed(direction, t))
        value = math.nan if found is None else scalar_value(found)
        away = float(abs(value - self.cost)) if direction else 0.0
        if 0 < away < self._grain:
            self._grain = away
        return value

    def _complex_value(self, direction: Direction, t: complex) -> Number:
        """Return the cost with parameters perturbed by a complex number.

        Raises:
            Exception: any exception that the cost raises for complex numbers; a TypeError if its result is not complex.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            value = np.asarray(self.calls.probe(self._params.perturbed(direction, t)))
        if value.size != 1 or value.dtype.kind != "c":
            raise TypeError
        return value.reshape(())[()]

    def scale(self, direction: Direction) -> float:
        """Return the t that perturbs entries by about their own magnitude, or less if there are many entries."""
        reach, perturbed = math.inf, 0
        for k, d in direction.items():
            size = np.atleast_1d(np.abs(self._params.arrays[k]))
            np.maximum(size, self.least_size, out=size)
            with np.errstate(divide="ignore"):
                np.divide(size, np.abs(d), out=size)
            reach = min(reach, float(np.min(size, initial=math.inf)))
            perturbed += int(np.count_nonzero(d))
        return reach / max(perturbed, 1) ** 0.25 if math.isfinite(reach) else 1.0

    def noise(self, direction: Direction) -> float:
        """Return the noise of the cost near this point, as these parameters are perturbed.

        If the cost is coarse, or if no noise shows, it is at least the noise as all parameters are perturbed.
        """
        key = tuple(direction)
        if key not in self._noise:
            zigzag = {k: self._zigzag(k) for k in key}
            found = max(noise_along(partial(self.at, zigzag), self.cost), self._single_precision(zigzag))
            if len(key) < len(self._params.arrays):
                whole = self.noise(self._everything)
                self._is_coarse = self.is_coarse or whole > self._least_coarse
                found = max(found, whole) if self._is_coarse or not found else found
            self._noise[key] = max(self.spread, found)
        return self._noise[key]

    @property
    def _everything(self) -> Direction:
        return {k: self._zigzag(k) for k in range(len(self._params.arrays))}

    def _zigzag(self, position: int) -> np.ndarray:
        direction = np.maximum(self.least_size, np.abs(self._params.arrays[position]))
        direction.reshape(-1)[1::2] *= -1
        return direction

    def _roughness(self) -> float:
        return roughness(partial(self.at, self._everything), self.cost)

    @property
    def _least_roughness(self) -> float:
        """The roughness above which a cost may be coarse."""
        return COARSE_VALUES * self.epsilon * float(abs(self.cost))

    def _settle_size(self) -> None:
        """Take entries as small as they are, if the cost changes too fast for perturbations of about 1.

        Its roughness tells: it is that of rounding only, or at least far smaller, as they are perturbed by their size.
        A cost that is near 0 by cancellation has more rounding errors than its value says.
        """
        sizes = np.concatenate([np.abs(array).ravel() for array in self._params.arrays])
        typical = float(np.median(sizes[sizes > 0])) if np.any(sizes) else 1.0
        usual = self._roughness() if typical < _SMALL else 0.0
        if usual > self._least_roughness:
            self.least_size = typical
            if self._roughness() > max(self._least_roughness, _FAR_SMALLER * usual):
                self.least_size = 1.0

    @property
    def is_coarse(self) -> bool:
        """True if the cost is rounded much more than its type says: it computes in single precision, for instance."""
        if self._is_coarse is None:
            self._is_coarse = (
                self._roughness() > self._least_roughness and self.noise(self._everything) > self._least_coarse
            )
        return self._is_coarse

    @property
    def _least_coarse(self) -> float:
        return COARSE * self.epsilon * float(abs(self.cost))

    def _single_precision(self, direction: Direction) -> float:
        """Return the rounding error of a cost that returns only single-precision values; 0 for any other cost."""
        values = np.array([self.cost, *(self.at(direction, t) for t in _APART)])
        with np.errstate(over="ignore"):
            single = bool(np.all(values == values.astype(np.float32))) and len(set(values)) > 1
        return float(np.finfo(np.float32).eps * np.max(np.abs(values))) if single else 0.0

    def quick_derivative(self, direction: Direction) -> NumericDerivative:
        """Return the derivative from few evaluations; its error bar includes only the noise known so far."""
        if self.is_coarse or self.is_rough:
            return self.derivative(direction)
        scale = self.scale(direction)
        found = self._on_circle(direction, scale) if self._circles_left else _UNKNOWN
        if found.error < math.inf:
            return found
        return derivative(lambda t: self.at(direction, t), _FIRST_STEP * scale, self.epsilon, self.spread)

    def _on_circle(self, direction: Direction, scale: float) -> NumericDerivative:
        """Return the derivative from the first circle for which `is_settled` is true, or an unknown derivative."""
        for radius in list(self._radii):
            try:
                found = derivative_on_circle(
                    lambda t: self._complex_value(direction, t) if isinstance(t, complex) else self.at(direction, t),
                    radius * scale,
                    self.cost,
                    self.epsilon,
                    self.spread,
                )
            except Exception:  # code for real numbers may raise anything for complex ones
                self._circles_left = 0
                return _UNKNOWN
            if is_settled(found, self.cost, self.epsilon):
                self._circles_left = _PATIENCE
                self._radii.sort(key=lambda other: other != radius)  # try this radius first next time
                return found
        self._circles_left -= 1
        return _UNKNOWN

    def derivative(self, direction: Direction) -> NumericDerivative:
        """Return the derivative by finite differences, with steps of the scale on which the cost changes."""
        scale, noise = self.scale(direction), self.noise(direction)
        f = partial(self.at, direction)
        found = derivative(f, _FIRST_STEP * scale, self.epsilon, noise)
        if found.error <= _SHARP * abs(found.value) and not (self.is_rough or self.is_coarse):
            return found
        seen = scan(f, scale, self.epsilon, noise)
        if seen is None:
            return found
        fitting = [found] if seen.contains(found) else []
        for step in _AGAIN:
            other = derivative(f, step * seen.step, self.epsilon, noise)
            if seen.contains(other) and all(other.agrees(usual) for usual in fitting[:1]):
                fitting.append(other)
        if not fitting and not math.isfinite(seen.high):
            return found
        middle = NumericDerivative((seen.low + seen.high) / 2, (seen.high - seen.low) / 2, seen.step)
        return min(fitting, key=lambda other: other.error, default=middle)

    def nearer_derivative(self, direction: Direction, reach: float) -> NumericDerivative:
        """Return the derivative by differences, whose first step is `reach` times the usual one."""
        first_step = reach * _FIRST_STEP * self.scale(direction)
        return derivative(lambda t: self.at(direction, t), first_step, self.epsilon, self.noise(direction))

    def local_derivative(self, direction: Direction) -> NumericDerivative:
        """Return a derivative over a small step, which no kink farther away disturbs.

        Of several steps, the one is taken on which the derivatives on both sides differ least, as long as it agrees
        with those of all shorter steps: a longer one may reach to where the cost does not change any more.
        """
        scale = self.scale(direction)
        derivatives: list[NumericDerivative] = []
        for t in (step * scale for step in reversed(_LOCAL_STEPS)):
            left, right = self.one_sided(direction, t)
            error = float(abs(right - left) + self.rounding(direction, t))
            found = NumericDerivative((left + right) / 2, error, t)
            if all(found.agrees(shorter) for shorter in derivatives) or not derivatives:
                derivatives.append(found)
        return min(derivatives, key=lambda found: found.error if found.error == found.error else math.inf)

    def one_sided(self, direction: Direction, t: float) -> tuple[float, float]:
        """Return the one-sided derivatives, on the left and on the right, over a step t."""
        return (self.cost - self.at(direction, -t)) / t, (self.at(direction, t) - self.cost) / t

    def bend(self, direction: Direction, step: float) -> float:
        """Return the difference of the one-sided derivatives, or 0 if they converge as the step gets smaller."""
        if not math.isfinite(step):  # a derivative without a step of its own
            return 0.0
        wide, near = (abs(float(np.subtract(*self.one_sided(direction, t)))) for t in (step, step / 10))
        return near if near > max(wide / 3, self.rounding(direction, step / 10)) else 0.0

    def is_smooth(self, direction: Direction, step: float, slack: float) -> bool:
        """Return True if the derivatives on both sides meet as the step gets shorter, up to a slack.

        Their difference is due to curvature if it shrinks with the step; a kink leaves it as it is. Steps over which
        rounding alone may differ by more than the slack do not count, but there must be others.
        """
        steps = [step * shorter for shorter in _SHORTER if self.rounding(direction, step * shorter) <= slack]
        jumps = [abs(float(np.subtract(*self.one_sided(direction, t)))) for t in steps]
        shrinks = all(near <= max(slack, far / 3) for far, near in pairwise(jumps))
        return bool(jumps) and shrinks and jumps[-1] <= slack

    def unevenness(self, direction: Direction, found: NumericDerivative) -> float:
        """Return the largest deviation of the cost from a line with this derivative, divided by the step.

        If the cost adds a small term to a large one, the small one loses digits; the noise may not show this.
        If the cost does not change at all, its changes may be smaller than its values can represent.
        """
        off = [self.at(direction, t) - self.at(direction, -t) - 2 * t * found.value for t in found.step * _WITHIN]
        plateau = 0.0 if found.value else self._least_change() / found.step
        return float(np.max(np.abs(off)) / (2 * found.step)) + plateau

    def _least_change(self) -> float:
        """Return the smallest change of the cost so far, also with all parameters perturbed; 0 if it never changes."""
        if not self._is_grain_sought:
            self._is_grain_sought = True
            for k in range(1, 17):
                self.at(self._everything, 10.0**-k)
        return self._grain if math.isfinite(self._grain) else 0.0

    def derivatives_around(self, direction: Direction, distance: float, count: int) -> list[float]:
        """Return the derivatives at random points at this distance from the current point."""
        rng, step = np.random.default_rng(0), distance * STEP_AROUND
        derivatives = []
        for _ in range(count):
            away = {k: distance * rng.uniform(-1, 1, a.shape) for k, a in enumerate(self._params.arrays)}
            left, right = (
                self.at({k: d + t * direction[k] if k in direction else d for k, d in away.items()}, 1.0)
                for t in (-step, step)
            )
            derivatives.append(float(right - left) / (2 * step))
        return derivatives

    def rounding(self, direction: Direction, t: float) -> float:
        """Return the error of a difference quotient with step t that is due to the rounding of the cost."""
        return float((4 * self.epsilon * abs(self.cost) + 4 * self.noise(direction)) / t)


def unit(shape: tuple[int, ...], index: tuple[int, ...]) -> np.ndarray:
    """Return the direction in which only the entry at this index is perturbed."""
    direction = np.zeros(shape)
    direction[index] = 1.0
    return direction


def numerical_gradient(
    cost: UserFunction, params: Structure, *, data: Data | None = None, step: float | None = None
) -> Any:
    """Return the gradient of a cost by central differences, in the structure of the parameters.

    Args:
        cost: called as f(x), f(*arrays) or f(**arrays), for `params` that are an array, a sequence or a mapping.
        params: the point at which to differentiate; it is not changed.
        data: fixed keyword arguments of every call.
        step: one fixed step for plain central differences (cost(x + step) − cost(x − step)) / (2 step); without it,
            the step decreases and the differences are extrapolated (Ridders 1982).

    >>> import numpy as np
    >>> numerical_gradient(lambda x: float(np.sum(x**2)), np.array([1.0, -2.0])).round(9)
    array([ 2., -4.])
    """
    if step is not None and not (isinstance(step, int | float | np.number) and 0 < step < float("inf")):
        raise ArgumentError(f"step must be a positive number, not {step!r}")
    require_callable("cost", cost)
    parameters = Parameters.of(params, data)
    numerics = Numerics(cost, parameters)
    numerics.is_rough = True  # without a gradient to compare with, narrow parts are always searched for
    results = []
    for block, array in enumerate(parameters.arrays):
        gradient = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            direction = {block: unit(array.shape, index)}
            if step is None:
                gradient[index] = numerics.derivative(direction).value
            else:
                high, low = (numerics.at(direction, t) for t in (step, -step))
                gradient[index] = (high - low) / (2 * step)
        results.append(gradient)
    return parameters.rebuild(results)
