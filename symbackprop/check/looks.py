"""Looks at a gradient: one slope, ours and numeric, of an entry or along a direction."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symbackprop.check.numerical import Numerics, Slope, unit
from symbackprop.check.parameters import Arrays, Parameters

EVERY_ENTRY = 400  # larger parameters are checked by directions that see every entry, and by samples
SAMPLES = 40
DIRECTIONS = 2
CONFIDENT = 8.0  # error bars that a right gradient may be away
_WRONG = 50.0  # error bars from which on it is called wrong
_SURE = 1e-2  # the error bar by which wrong is called must be below this part of the numeric slope
_FLOOR = 1e4  # or below so many roundings of the cost, where that slope is 0
_ROUNDED = 3  # times that the gradient is computed at a point that is off by its rounding


@dataclass(frozen=True, eq=False)
class Subject:
    """One parameter, its position among them, the gradient that is to be judged, and the rounding error of that."""

    position: int
    name: str
    array: np.ndarray
    gradient: np.ndarray
    rounding: np.ndarray


@dataclass(frozen=True, eq=False)
class Look:
    """One slope, ours and numeric: of an entry, or along a direction."""

    index: tuple[int, ...]
    direction: np.ndarray
    ours: float
    numeric: Slope
    floor: float  # the error bar of a slope of 0 in the precision of the cost
    noise: float  # the rounding error of ours

    @property
    def difference(self) -> float:
        return float(abs(self.ours - self.numeric.value))

    @property
    def size(self) -> float:
        return float(np.nan_to_num(max(abs(self.ours), abs(self.numeric.value)), nan=0.0))

    @property
    def tolerance(self) -> float:
        rounding = 8 * float(np.finfo(float).eps) * self.size + 4 * self.noise
        return float(CONFIDENT * self.numeric.error + rounding)

    @property
    def accused(self) -> bool:
        """Far beyond the error bar, and by figures that are sure enough to accuse anybody."""
        error = self.numeric.error
        sure = error <= max(_SURE * abs(self.numeric.value), self.floor)
        return sure and self.difference > self.tolerance * (_WRONG / CONFIDENT)


def looks_at(numerics: Numerics, subject: Subject, rng: np.random.Generator) -> list[Look]:
    ours, k = subject.gradient, subject.position
    if ours.shape != subject.array.shape or not np.all(np.isfinite(ours)):
        return []
    floor = float(_FLOOR * numerics.epsilon * abs(numerics.cost))
    return [
        Look(index, d, np.sum(ours * d), numerics.slope(k, d), floor, float(np.linalg.norm(subject.rounding * d)))
        for index, d in _directions(subject.array, rng)
    ]


def _directions(array: np.ndarray, rng: np.random.Generator) -> list[tuple[tuple[int, ...], np.ndarray]]:
    if array.size <= EVERY_ENTRY:
        return [(index, unit(array.shape, index)) for index in np.ndindex(array.shape)]
    chosen = rng.choice(array.size, SAMPLES, replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(c, array.shape)) for c in chosen]
    signs = [((), rng.choice([-1.0, 1.0], array.shape) / np.sqrt(array.size)) for _ in range(DIRECTIONS)]
    return [*signs, *((index, unit(array.shape, index)) for index in indices)]


def subjects_of(gradients: Callable[[Arrays], Arrays], taken: Parameters, rng: np.random.Generator) -> list[Subject]:
    """The parameters with their gradients, and how far these move when the parameters move by their rounding."""
    ours = gradients(taken.copies())
    moved = [_or_nothing(gradients, taken.rounded(rng)) for _ in range(_ROUNDED)]
    return [
        Subject(k, name, array, ours[k], _rounding(ours[k], [other[k] for other in moved if other]))
        for k, (name, array) in enumerate(zip(taken.labels, taken.arrays, strict=True))
    ]


def _or_nothing(gradients: Callable[[Arrays], Arrays], arrays: Arrays) -> Arrays:
    try:
        return gradients(arrays)
    except (ArithmeticError, ValueError):
        return []


def _rounding(ours: np.ndarray, moved: Arrays) -> np.ndarray:
    """Of each entry the largest move, of which chance makes none much smaller than those of its neighbours."""
    moves = [np.abs(other - ours) for other in moved if other.shape == ours.shape and np.all(np.isfinite(other))]
    if not moves or not ours.size:
        return np.zeros(ours.shape)
    largest = np.max(moves, axis=0)
    return np.asarray(np.maximum(largest, np.median(largest)), dtype=float)
