"""Comparison of the derivative under test ("ours") with the numeric one, for one entry or along a direction."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.errors import ArgumentError
from symbackprop.gradcheck.calls import CountedFunction
from symbackprop.gradcheck.directional import Direction, Numerics, unit
from symbackprop.gradcheck.finite_differences import NumericDerivative
from symbackprop.gradcheck.parameters import Arrays, Parameters, signs

CONFIDENT = 8.0  # error bars by which a right gradient may differ
_WRONG = 50.0  # error bars beyond which it is called wrong
_SURE = 1e-2  # to call it wrong, the error bar must be below this part of the numeric derivative
_SHORT = (1e-5, 1e-6, 1e-8)  # steps, relative to the size of the perturbed entries
_SMOOTH = 1e-8  # of the gradient: what the curvature of a smooth cost adds over these steps
_FAR_OFF = 64.0  # rounding errors by which such a quotient must differ
_FLOOR = 1e4  # or below this many rounding errors of the cost, if that derivative is 0
_ROUNDED = 3  # evaluations of the gradient at points perturbed by rounding errors
_LARGEST = float(np.finfo(float).max)
POWER = 1e-3  # an error bar above this part of the gradient's size decides nothing
COARSE_POWER = 1e-2  # likewise, if the cost is rounded more than double precision is
POWER_ALONG = 1e-2  # likewise, of the contribution that one entry has along a direction


@dataclass(frozen=True, eq=False)
class Subject:
    """One parameter: its position, its array, the gradient under test, and the rounding error of that gradient."""

    position: int
    name: str
    array: np.ndarray
    gradient: np.ndarray
    rounding: np.ndarray

    @property
    def largest(self) -> float:
        """The magnitude of the largest entry of the gradient."""
        return float(np.max(np.abs(self.gradient), initial=0.0))

    @property
    def is_comparable(self) -> bool:
        """True if the gradient has the shape of the parameter and only finite entries."""
        fits = self.gradient.shape == self.array.shape and self.array.size > 0
        return fits and bool(np.all(np.isfinite(self.gradient)))


@dataclass(frozen=True, eq=False)
class Comparison:
    """A comparison of the derivative under test with the numeric one, for one entry or along a direction."""

    index: tuple[int, ...] | None  # None for a direction through many entries
    direction: Direction
    ours: float
    contributions: Mapping[int, float]  # of each parameter to the derivative under test: √Σ (gᵢ dᵢ)²
    numeric: NumericDerivative
    floor: float  # the error bar of a derivative of 0 in the precision of the cost
    noise: float  # the rounding error of the derivative under test

    @property
    def residual(self) -> float:
        """The derivative under test minus the numeric derivative."""
        return float(self.ours - self.numeric.value)

    @property
    def difference(self) -> float:
        """The absolute difference of the derivative under test and the numeric one."""
        return abs(self.residual)

    @property
    def size(self) -> float:
        """The magnitude of the derivative under test, without cancellation, or of the numeric one if that is larger."""
        size = max(math.hypot(*self.contributions.values()), abs(self.numeric.value))
        return 0.0 if math.isnan(size) else min(float(size), _LARGEST)

    @property
    def typical_entry(self) -> float:
        """The typical contribution of one entry to the derivative."""
        return self.size / math.sqrt(sum(d.size for d in self.direction.values()) or 1)

    @property
    def tolerance(self) -> float:
        """The largest difference that error bars and rounding can explain."""
        rounding = 8 * float(np.finfo(float).eps) * self.size + 4 * self.noise
        return float(CONFIDENT * self.numeric.error + rounding)

    @property
    def agrees(self) -> bool:
        """True if the difference is within the tolerance."""
        return self.difference <= self.tolerance

    @property
    def is_far_off(self) -> bool:
        """True if the difference is far beyond the error bar."""
        return self.difference > self.tolerance * (_WRONG / CONFIDENT)

    @property
    def is_sure(self) -> bool:
        """True if the error bar is small beside the numeric derivative, or beside the rounding errors of the cost."""
        return self.numeric.error <= max(_SURE * abs(self.numeric.value), self.floor)


def is_rough(numerics: Numerics, subjects: Sequence[Subject]) -> bool:
    """Return True if the cost has a steep part that is so narrow that the usual steps miss it.

    This is tested along a direction through all entries: difference quotients over short steps differ both from the
    derivative under test and from the numeric derivative over the usual steps.
    """
    direction = {s.position: signs(np.random.default_rng(s.position), s.array.shape) for s in subjects}
    scale = numerics.scale(direction)
    size = math.sqrt(sum(_norm(s.gradient) ** 2 for s in subjects))

    def differs(step: float, derivative: float, error: float) -> bool:
        left, right = numerics.one_sided(direction, step)
        slack = _FAR_OFF * (numerics.epsilon * abs(numerics.cost) / step + _SMOOTH * size + error)
        return not abs((left + right) / 2 - derivative) <= slack

    ours = sum(float(np.sum(s.gradient * direction[s.position])) for s in subjects)
    steps = [step for step in (short * scale for short in _SHORT) if differs(step, ours, 0.0)]
    if not steps:
        return False
    usual = numerics.quick_derivative(direction)
    return any(differs(step, usual.value, usual.error) for step in steps)


def compare_entry(numerics: Numerics, subject: Subject, index: tuple[int, ...]) -> Comparison:
    """Return the comparison of the derivatives with respect to one entry."""
    direction = {subject.position: unit(subject.array.shape, index)}
    return confirmed(numerics, compare_quickly(numerics, [subject], direction, index), subject.largest)


def confirmed(numerics: Numerics, comparison: Comparison, size: float = 0.0) -> Comparison:
    """Return a quick comparison if both derivatives agree within a small error bar; else one with estimated noise.

    The error bar is small beside the derivative, or beside `size`, that of the whole gradient.
    """
    is_sharp = comparison.tolerance <= POWER * max(comparison.size, size)
    has_noise = numerics.is_coarse or numerics.is_rough  # then even a quick comparison is made with estimated noise
    if has_noise or (comparison.agrees and is_sharp):
        return comparison
    quick, full = comparison.numeric, numerics.derivative(comparison.direction)
    error = quick.error + numerics.noise(comparison.direction) / quick.step
    is_one = abs(quick.value - full.value) <= CONFIDENT * (error + full.error)
    return replace(comparison, numeric=replace(quick, error=error) if is_one and error < full.error else full)


def compare_quickly(
    numerics: Numerics, subjects: Sequence[Subject], direction: Direction, index: tuple[int, ...] | None = None
) -> Comparison:
    """Return the comparison of the derivatives along a direction, with few evaluations of the cost."""
    return _comparison(numerics, subjects, direction, numerics.quick_derivative(direction), index)


def remainder(
    numerics: Numerics, subject: Subject, whole: Comparison, part: Comparison, direction: np.ndarray
) -> Comparison:
    """Return the comparison along the rest of a direction: the whole minus a part, without a call of the cost."""
    numeric = NumericDerivative(whole.numeric.value - part.numeric.value, whole.numeric.error + part.numeric.error)
    return _comparison(numerics, [subject], {subject.position: direction}, numeric, None)


def _comparison(
    numerics: Numerics,
    subjects: Sequence[Subject],
    direction: Direction,
    numeric: NumericDerivative,
    index: tuple[int, ...] | None,
) -> Comparison:
    perturbed = [subject for subject in subjects if subject.position in direction]
    return Comparison(
        index,
        direction,
        float(sum(np.vdot(s.gradient, direction[s.position]) for s in perturbed)),
        {s.position: _norm(s.gradient * direction[s.position]) for s in perturbed},
        numeric,
        float(_FLOOR * numerics.epsilon * abs(numerics.cost)),
        math.hypot(*(_norm(s.rounding * direction[s.position]) for s in perturbed)),
    )


def _norm(part: np.ndarray) -> float:
    largest = float(np.max(np.abs(part), initial=0.0))
    return float(np.linalg.norm(part / largest)) * largest if 0 < largest < math.inf else largest


def subjects_of(calls: CountedFunction, parameters: Parameters) -> list[Subject]:
    """Return the parameters with their gradients and the changes of these by rounding errors of the parameters."""
    ours = [np.array(g) for g in parameters.aligned(calls.first())]  # a function may fill the same arrays each time
    largest: Arrays = [np.zeros(g.shape, _width(g)) for g in ours]
    for seed in range(_ROUNDED):
        for k, other in enumerate(_or_nothing(calls, parameters, seed)):
            if other.shape == ours[k].shape and np.all(np.isfinite(other)):
                np.maximum(largest[k], np.abs(other - ours[k]), out=largest[k], casting="same_kind")
    return [
        Subject(k, name, array, ours[k], _even(largest[k]))
        for k, (name, array) in enumerate(zip(parameters.labels, parameters.arrays, strict=True))
    ]


def _width(gradient: np.ndarray) -> type:
    """Return a type for rounding errors, which need few digits: single precision if its range includes the gradient."""
    ends = np.nan_to_num([np.max(np.abs(gradient), initial=0.0), np.min(np.abs(gradient), initial=1.0)])
    return np.float32 if ends[0] < 1e30 and ends[1] > 1e-20 else np.float64


def _or_nothing(calls: CountedFunction, parameters: Parameters, seed: int) -> Arrays:
    found = calls.at(parameters.rounded(seed))
    try:
        return [] if found is None else parameters.aligned(found)
    except ArgumentError:
        return []


def _even(moves: np.ndarray) -> np.ndarray:
    """Return the changes; any below the median become the median, since they may be small by chance."""
    return np.maximum(moves, np.median(moves), out=moves) if moves.size else moves
