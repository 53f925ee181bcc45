"""The derivatives of a cost at a point, entry by entry, for plots."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, nearest, shape_text
from symbackprop.gradcheck.calls import CountedFunction
from symbackprop.gradcheck.directional import Direction, Numerics, unit
from symbackprop.gradcheck.finite_differences import NumericDerivative
from symbackprop.gradcheck.parameters import Arrays, Parameters, require_callable

Index = tuple[int, ...]

_MOST = 2500  # entries that are differentiated one by one: each takes some twenty evaluations of the cost
_STEP = 6e-6  # of a plain difference that is about as accurate as possible


class CostDerivatives:
    """A cost at a point, with its numerical derivatives with respect to entries of the parameters.

    A parameter is identified by its position (`block`).
    """

    def __init__(self, cost: Callable[..., Any], params: object, data: Mapping[str, Any] | None):
        require_callable("cost", cost)
        self._parameters = Parameters.of(params, data).named_as(cost)
        self._numerics = Numerics(cost, self._parameters)
        self.arrays = self._parameters.arrays
        self.cost = abs(float(self._numerics.cost))
        self.epsilon = float(np.finfo(np.asarray(self._numerics.cost).dtype).eps)
        if not math.isfinite(self.cost):
            raise ArgumentError(f"the cost is {self._numerics.cost} at this point")

    def position(self, name: str | int) -> int:
        """Return the position of a parameter, given its name or, for a sequence, its number."""
        labels = self._parameters.labels
        for label in (str(name), f"[{name}]"):
            if label in labels:
                return labels.index(label)
        raise ArgumentError(f"there is no parameter {name}; {nearest(name, labels)}")

    def place(self, block: int, entry: Index = ()) -> str:
        """Return the code of a parameter or of one of its entries, such as `W1[0, 2]`."""
        label = self._parameters.labels[block]
        name = f"params{label}" if label.startswith("[") else label
        return name + (str(list(entry)) if entry else "")

    def entry(self, block: int, index: int | Index) -> Index:
        """Return the index of an entry with nonnegative numbers; raise ArgumentError if there is no such entry."""
        given = index if isinstance(index, tuple) else (index,)
        shape = self.arrays[block].shape
        whole = len(given) == len(shape) and all(isinstance(i, int | np.integer) for i in given)
        if not whole or not all(-size <= i < size for i, size in zip(given, shape, strict=True)):
            raise ArgumentError(f"{self.place(block)} is {shape_text(shape)}: it has no entry {index}")
        return tuple(int(i) % size for i, size in zip(given, shape, strict=True))

    def entries(self, blocks: Iterable[int], hint: str) -> dict[int, list[Index]]:
        """Return every entry of some parameters; raise ArgumentError if there are too many, or a parameter has none."""
        found = {block: list(np.ndindex(self.arrays[block].shape)) for block in blocks}
        for block, entries in found.items():
            if not entries:
                raise ArgumentError(f"{self.place(block)} has no entries")
        number = sum(map(len, found.values()))
        if number > _MOST:
            raise ArgumentError(f"{number} entries are too many to differentiate one by one (at most {_MOST}); {hint}")
        return found

    def steepest(self, block: int) -> Index:
        """Return the index of the entry with the largest gradient, by plain differences."""
        entries = self.entries([block], "say which one with index=…")[block]
        sizes = np.abs([self.difference(block, entry, _STEP * self.size(block, entry)) for entry in entries])
        return entries[int(np.argmax(np.nan_to_num(sizes, nan=0.0)))]

    def size(self, block: int, entry: Index) -> float:
        """Return the magnitude to which steps are relative, as in a gradient check."""
        return self._numerics.scale(self._direction(block, entry))

    def derivative(self, block: int, entry: Index) -> NumericDerivative:
        """Return the numerical derivative with respect to an entry, as a gradient check computes it."""
        return self._numerics.derivative(self._direction(block, entry))

    def difference(self, block: int, entry: Index, step: float) -> float:
        """Return a plain central difference; NaN or infinite if the cost is not finite at such a step."""
        direction = self._direction(block, entry)
        with np.errstate(all="ignore"):
            high, low = (self._numerics.at(direction, t) for t in (step, -step))
            return float((high - low) / (2 * step))

    def _direction(self, block: int, entry: Index) -> Direction:
        return {block: unit(self.arrays[block].shape, entry)}

    def ours(self, gradients: Callable[..., Any]) -> Arrays:
        """Return the user's gradients, each in the shape of its parameter."""
        require_callable("gradients", gradients)
        ours = self._parameters.aligned(CountedFunction("the gradients function", gradients, self._parameters).first())
        for block, (gradient, array) in enumerate(zip(ours, self.arrays, strict=True)):
            if gradient.shape != array.shape:
                shapes = f"{shape_text(gradient.shape)}, not {shape_text(array.shape)}"
                raise ArgumentError(f"the gradient with respect to {self.place(block)} is {shapes}")
        return ours
