"""Looks at a gradient: one slope, ours and numeric, of an entry or along a direction through many."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.errors import ArgumentError
from symbackprop.gradcheck.calls import Calls
from symbackprop.gradcheck.directional import Direction, Numerics, unit
from symbackprop.gradcheck.finite_differences import Slope
from symbackprop.gradcheck.parameters import Arrays, Parameters

CONFIDENT = 8.0  # error bars that a right gradient may be away
_WRONG = 50.0  # error bars from which on it is called wrong
_SURE = 1e-2  # the error bar by which wrong is called must be below this part of the numeric slope
_FLOOR = 1e4  # or below so many roundings of the cost, where that slope is 0
_ROUNDED = 3  # times that the gradient is computed at a point that is off by its rounding
POWER_ALONG = 1e-2  # likewise, of the share that one entry has in a direction
POWER = 1e-3  # an error bar above this part of the gradient's size decides nothing


@dataclass(frozen=True, eq=False)
class Subject:
    """One parameter, its position among them, the gradient that is to be judged, and the rounding error of that."""

    position: int
    name: str
    array: np.ndarray
    gradient: np.ndarray
    rounding: np.ndarray

    @property
    def can_be_looked_at(self) -> bool:
        fits = self.gradient.shape == self.array.shape and self.array.size > 0
        return fits and bool(np.all(np.isfinite(self.gradient)))


@dataclass(frozen=True, eq=False)
class Look:
    """One slope, ours and numeric: of an entry, or along a direction through many."""

    index: tuple[int, ...] | None  # None along a direction
    direction: Direction
    ours: float
    shares: Mapping[int, float]  # of each parameter in ours: √Σ (gᵢ dᵢ)²
    numeric: Slope
    floor: float  # the error bar of a slope of 0 in the precision of the cost
    noise: float  # the rounding error of ours

    @property
    def residual(self) -> float:
        return float(self.ours - self.numeric.value)

    @property
    def difference(self) -> float:
        return abs(self.residual)

    @property
    def size(self) -> float:
        return float(np.nan_to_num(max(math.hypot(*self.shares.values()), abs(self.numeric.value)), nan=0.0))

    @property
    def of_an_entry(self) -> float:
        """The share that one entry has in it, typically."""
        return self.size / math.sqrt(sum(d.size for d in self.direction.values()) or 1)

    @property
    def tolerance(self) -> float:
        rounding = 8 * float(np.finfo(float).eps) * self.size + 4 * self.noise
        return float(CONFIDENT * self.numeric.error + rounding)

    @property
    def agrees(self) -> bool:
        return self.difference <= self.tolerance

    @property
    def accused(self) -> bool:
        """Far beyond the error bar, and by figures that are sure enough to accuse anybody."""
        error = self.numeric.error
        sure = error <= max(_SURE * abs(self.numeric.value), self.floor)
        return sure and self.difference > self.tolerance * (_WRONG / CONFIDENT)


def look_at(numerics: Numerics, subject: Subject, index: tuple[int, ...]) -> Look:
    """The slope of one entry."""
    direction = {subject.position: unit(subject.array.shape, index)}
    return confirmed(numerics, quick_look(numerics, [subject], direction, index))


def confirmed(numerics: Numerics, look: Look) -> Look:
    """A quick look, if ours agrees with it sharply; else one with all that is known of the cost."""
    is_sharp = look.tolerance <= POWER * look.size or not look.ours
    if look.agrees and is_sharp:
        return look
    quick, full = look.numeric, numerics.slope(look.direction)
    error = quick.error + numerics.noise(look.direction) / quick.step
    is_one = abs(quick.value - full.value) <= CONFIDENT * (error + full.error)
    return replace(look, numeric=replace(quick, error=error) if is_one and error < full.error else full)


def quick_look(
    numerics: Numerics, subjects: Sequence[Subject], direction: Direction, index: tuple[int, ...] | None = None
) -> Look:
    return _look(numerics, subjects, direction, numerics.quick_slope(direction), index)


def rest_of(numerics: Numerics, subject: Subject, whole: Look, part: Look, direction: np.ndarray) -> Look:
    """What is left of a look along a direction without a part of it, at no evaluation of the cost."""
    numeric = Slope(whole.numeric.value - part.numeric.value, whole.numeric.error + part.numeric.error)
    return _look(numerics, [subject], {subject.position: direction}, numeric, None)


def _look(
    numerics: Numerics,
    subjects: Sequence[Subject],
    direction: Direction,
    numeric: Slope,
    index: tuple[int, ...] | None,
) -> Look:
    moved = [subject for subject in subjects if subject.position in direction]
    return Look(
        index,
        direction,
        float(sum(np.vdot(s.gradient, direction[s.position]) for s in moved)),
        {s.position: _norm(s.gradient * direction[s.position]) for s in moved},
        numeric,
        float(_FLOOR * numerics.epsilon * abs(numerics.cost)),
        math.hypot(*(_norm(s.rounding * direction[s.position]) for s in moved)),
    )


def _norm(part: np.ndarray) -> float:
    largest = float(np.max(np.abs(part), initial=0.0))
    return float(np.linalg.norm(part / largest)) * largest if 0 < largest < math.inf else largest


def subjects_of(calls: Calls, taken: Parameters, rng: np.random.Generator) -> list[Subject]:
    """The parameters with their gradients, and how far these move when the parameters move by their rounding."""
    ours = [np.array(g) for g in taken.aligned(calls.first())]  # a function may fill the same arrays each time
    largest: Arrays = [np.zeros(g.shape, _width(g)) for g in ours]
    for _ in range(_ROUNDED):
        for k, other in enumerate(_or_nothing(calls, taken, rng)):
            if other.shape == ours[k].shape and np.all(np.isfinite(other)):
                np.maximum(largest[k], np.abs(other - ours[k]), out=largest[k], casting="same_kind")
    return [
        Subject(k, name, array, ours[k], _even(largest[k]))
        for k, (name, array) in enumerate(zip(taken.labels, taken.arrays, strict=True))
    ]


def _width(gradient: np.ndarray) -> type:
    """Rounding errors need few digits: they are kept in single precision, if that has numbers so large."""
    ends = np.nan_to_num([np.max(np.abs(gradient), initial=0.0), np.min(np.abs(gradient), initial=1.0)])
    return np.float32 if ends[0] < 1e30 and ends[1] > 1e-20 else np.float64


def _or_nothing(calls: Calls, taken: Parameters, rng: np.random.Generator) -> Arrays:
    found = calls.at(taken.rounded(rng))
    try:
        return [] if found is None else taken.aligned(found)
    except ArgumentError:
        return []


def _even(moves: np.ndarray) -> np.ndarray:
    """The largest move of each entry, of which chance makes none much smaller than those of its neighbours."""
    return np.maximum(moves, np.median(moves), out=moves) if moves.size else moves
