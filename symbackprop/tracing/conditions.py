"""Conditions on the data, such as rows that add up to 1: what they say, and values that fulfil them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from symbackprop.errors import ArgumentError, nearest
from symbackprop.tracing.aliases import DeclaredShape

_PARTS = 2**10  # a part of 1 is a multiple of 1/_PARTS, so that sums of parts are exact in floats
_WEIGHTS = re.compile(r"[WUVwuv]|theta|kernel")
_SMALLEST = 0.05  # positive entry
_COUNT = re.compile(
    r"_*([mnMNBT]|nb?_?\w+|num_?\w+|\w*_?(size|dim|num|len|length|count|samples?|examples?|obs|batch|rows|points)s?)_*"
)
_NO_SIZE = re.compile(r"layer|iter|epoch|seed|step|rate")


class ConditionKind(StrEnum):
    """A kind of condition on the entries of one argument."""

    ADDS_UP = "adds up to 1"
    ONE_HOT = "one-hot"
    MASK = "0 or 1"
    SIGNS = "1 or −1"
    POSITIVE = "positive"
    SYMMETRIC = "symmetric"
    SIZE = "a size"


@dataclass(frozen=True)
class DataCondition:
    """A condition on an argument; `axis` is the axis along which the entries add up, from the end (−1, −2)."""

    name: str
    kind: ConditionKind
    axis: int = -1
    ndim: int = 2
    size: str = ""  # the size that a number is
    place: str = ""  # what has this size, in words

    @property
    def sentence(self) -> str:
        """The condition in words, such as `each row of Y adds up to 1, as in one-hot labels`."""
        lines = {(1, -1): "", (2, -1): "each row of ", (2, -2): "each column of "}
        line = lines.get((self.ndim, self.axis), f"each line of {self.name} along axis {self.ndim + self.axis}, in ")
        return {
            ConditionKind.ADDS_UP: f"{line}{self.name} adds up to 1, as in one-hot labels",
            ConditionKind.ONE_HOT: f"{line}{self.name} is one-hot: a 1, and 0 otherwise",
            ConditionKind.MASK: f"each entry of {self.name} is 0 or 1",
            ConditionKind.SIGNS: f"each entry of {self.name} is 1 or −1",
            ConditionKind.POSITIVE: f"each entry of {self.name} is positive",
            ConditionKind.SYMMETRIC: f"{self.name} is symmetric",
            ConditionKind.SIZE: f"{self.name} is {self.size}, {self.place}",
        }[self.kind]

    def imposed(self, value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return random values of the same shape that fulfil the condition."""
        shape = np.shape(value)
        if self.kind in (ConditionKind.ADDS_UP, ConditionKind.ONE_HOT):
            lines = np.moveaxis(np.empty(shape), self.axis, -1).shape
            made = _parts(lines, rng) if self.kind == ConditionKind.ADDS_UP else _one_hot(lines, rng)
            return np.moveaxis(made, -1, self.axis)
        if self.kind == ConditionKind.MASK:
            return _both_values(shape, rng).astype(np.asarray(value).dtype if np.ndim(value) else float)
        if self.kind == ConditionKind.SIGNS:
            return 2.0 * _both_values(shape, rng) - 1.0
        if self.kind == ConditionKind.POSITIVE:
            return np.abs(np.asarray(value, float)) + _SMALLEST
        half = np.asarray(value, float)
        return (half + np.swapaxes(half, -1, -2)) / 2 + half.shape[-1] * np.eye(half.shape[-1])


def _parts(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return positive numbers that add up to exactly 1 along the last axis."""
    n = shape[-1]
    weights = rng.uniform(0.5, 1.5, shape)
    floors = np.floor(weights / weights.sum(axis=-1, keepdims=True) * _PARTS)
    floors[..., rng.integers(n)] += _PARTS - floors.sum(axis=-1)
    return np.asarray(floors / _PARTS)


def _one_hot(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return one-hot lines along the last axis."""
    return np.eye(shape[-1])[rng.integers(shape[-1], size=tuple(shape[:-1]))]


def _both_values(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return zeros and ones, both of which occur where there is more than one entry."""
    size = int(np.prod(shape))
    values = rng.integers(0, 2, size)
    values[: min(2, size)] = [0, 1][: min(2, size)]
    return np.asarray(rng.permutation(values).reshape(shape))


def declared_conditions(
    shapes: Mapping[str, DeclaredShape], named: Mapping[ConditionKind, Iterable[str] | str | None]
) -> tuple[DataCondition, ...]:
    """Return the conditions that a user declares: the names of arguments by kind.

    Raises:
        ArgumentError: a name has no shape, or a shape without the axes that the kind needs.
    """
    found = []
    for kind, given in named.items():
        for name in (given,) if isinstance(given, str) else tuple(given or ()):
            if name not in shapes:
                raise ArgumentError(f"{name} is declared to be {kind}, and has no shape: {nearest(name, shapes)}")
            shape = shapes[name]
            if kind == ConditionKind.SYMMETRIC and (len(shape) < 2 or shape[-1] != shape[-2]):
                raise ArgumentError(f"{name} cannot be symmetric with the shape {shape}: a square matrix is expected")
            if kind == ConditionKind.ONE_HOT and not shape:
                raise ArgumentError(f"{name} cannot be one-hot with the shape (): a vector or a matrix is expected")
            found.append(DataCondition(name, kind, ndim=len(shape)))
    twice = [c.name for c in found if sum(c.name == other.name for other in found) > 1]
    if twice:
        raise ArgumentError(f"{twice[0]} is declared to be two things at once; give one of them")
    return tuple(found)


def size_conditions(names: Iterable[str], shapes: Mapping[str, DeclaredShape]) -> list[DataCondition]:
    """Return the conditions that numbers with a usual name of a count, such as m or n_samples, are sizes of arrays."""
    places: dict[str, str] = {}
    for name, shape in shapes.items():
        words = ("length",) if len(shape) == 1 else ("number of rows", "number of columns")
        for size, word in zip(shape, words, strict=False):
            if isinstance(size, str):
                places.setdefault(size, f"the {word} of {name}")
    return [
        DataCondition(name, ConditionKind.SIZE, size=size, place=place)
        for name in names
        if _COUNT.fullmatch(name) and not _NO_SIZE.search(name)
        for size, place in places.items()
    ]


def natural_conditions(name: str, shape: DeclaredShape, *, is_parameter: bool) -> list[DataCondition]:
    """Return the conditions that often hold for an argument of this shape, the weakest first."""
    ndim = len(shape)
    if is_parameter or not ndim:
        return []
    is_square = ndim >= 2 and shape[-1] == shape[-2] and not _WEIGHTS.match(name)  # a transpose matters for weights
    found = [DataCondition(name, ConditionKind.SYMMETRIC, ndim=ndim)] * is_square
    lines = [axis for axis in (-1, -2)[:ndim] if shape[axis] != 1]
    return [
        *found,
        *(DataCondition(name, ConditionKind.ADDS_UP, axis, ndim) for axis in lines),
        DataCondition(name, ConditionKind.POSITIVE, ndim=ndim),
        DataCondition(name, ConditionKind.MASK, ndim=ndim),
        DataCondition(name, ConditionKind.SIGNS, ndim=ndim),
        *(DataCondition(name, ConditionKind.ONE_HOT, axis, ndim) for axis in lines),
    ]
