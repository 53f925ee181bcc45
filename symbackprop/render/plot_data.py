"""The slopes of a cost around a point, entry by entry, as pictures ask for them."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, nearest, shape_text
from symbackprop.gradcheck.calls import Calls
from symbackprop.gradcheck.directional import Direction, Numerics, unit
from symbackprop.gradcheck.finite_differences import Slope
from symbackprop.gradcheck.parameters import Arrays, Parameters, require_callable

Index = tuple[int, ...]

_MOST = 2500  # entries that are looked at one by one: each takes some twenty evaluations of the cost
_STEP = 6e-6  # where a plain difference is about as good as it gets


class Slopes:
    """A cost at a point, and the parameters it is moved by."""

    def __init__(self, cost: Callable[..., Any], params: Any, data: Mapping[str, Any] | None):
        require_callable("cost", cost)
        self._taken = Parameters.of(params, data)
        self._numerics = Numerics(cost, self._taken)
        self.arrays = self._taken.arrays
        self.cost = abs(float(self._numerics.cost))
        self.epsilon = float(np.finfo(np.asarray(self._numerics.cost).dtype).eps)
        if not math.isfinite(self.cost):
            raise ArgumentError(f"the cost is {self._numerics.cost} at this point")

    def position(self, name: str | int) -> int:
        """Where a parameter is, by its name or, in a sequence, by its number."""
        labels = self._taken.labels
        for label in (str(name), f"[{name}]"):
            if label in labels:
                return labels.index(label)
        raise ArgumentError(f"there is no parameter {name}; {nearest(name, labels)}")

    def place(self, block: int, entry: Index = ()) -> str:
        """A parameter, or an entry of it, as code names it."""
        label = self._taken.labels[block]
        name = f"params{label}" if label.startswith("[") else label
        return name + (str(list(entry)) if entry else "")

    def entry(self, block: int, index: int | Index) -> Index:
        """An index, counted from the beginning."""
        given = index if isinstance(index, tuple) else (index,)
        shape = self.arrays[block].shape
        whole = len(given) == len(shape) and all(isinstance(i, int | np.integer) for i in given)
        if not whole or not all(-size <= i < size for i, size in zip(given, shape, strict=True)):
            raise ArgumentError(f"{self.place(block)} is {shape_text(shape)}: it has no entry {index}")
        return tuple(int(i) % size for i, size in zip(given, shape, strict=True))

    def entries(self, blocks: Iterable[int], hint: str) -> dict[int, list[Index]]:
        """Every entry of some parameters, if there are neither too many nor none."""
        found = {block: list(np.ndindex(self.arrays[block].shape)) for block in blocks}
        for block, entries in found.items():
            if not entries:
                raise ArgumentError(f"{self.place(block)} has no entries")
        number = sum(map(len, found.values()))
        if number > _MOST:
            raise ArgumentError(f"{number} entries are too many to look at each, more than {_MOST}; {hint}")
        return found

    def steepest(self, block: int) -> Index:
        """The entry of the largest gradient, as plain differences tell."""
        entries = self.entries([block], "say which one with index=…")[block]
        sizes = np.abs([self.difference(block, entry, _STEP * self.size(block, entry)) for entry in entries])
        return entries[int(np.argmax(np.nan_to_num(sizes, nan=0.0)))]

    def size(self, block: int, entry: Index) -> float:
        """What steps are relative to, as in a check."""
        return self._numerics.scale(self._direction(block, entry))

    def slope(self, block: int, entry: Index) -> Slope:
        return self._numerics.slope(self._direction(block, entry))

    def difference(self, block: int, entry: Index, step: float) -> float:
        """A plain central difference; NaN or infinite where a large step leads to no cost."""
        direction = self._direction(block, entry)
        with np.errstate(all="ignore"):
            high, low = (self._numerics.at(direction, t) for t in (step, -step))
            return float((high - low) / (2 * step))

    def _direction(self, block: int, entry: Index) -> Direction:
        return {block: unit(self.arrays[block].shape, entry)}

    def ours(self, gradients: Callable[..., Any]) -> Arrays:
        """The gradients that are compared, each in the shape of its parameter."""
        require_callable("gradients", gradients)
        ours = self._taken.aligned(Calls("the gradients function", gradients, self._taken).first())
        for block, (gradient, array) in enumerate(zip(ours, self.arrays, strict=True)):
            if gradient.shape != array.shape:
                shapes = f"{shape_text(gradient.shape)}, not {shape_text(array.shape)}"
                raise ArgumentError(f"the gradient by {self.place(block)} is {shapes}")
        return ours
