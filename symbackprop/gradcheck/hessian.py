"""The Hessian that a user's function returns, as the gradient of one number of which its entries are checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.gradcheck.parameters import Arrays, Parameters, UserFunction, detached
from symbackprop.gradcheck.rows import Point, as_one_gradient, diagonal_as_gradient

MOST = 200  # entries of all parameters, of a Hessian matrix that is checked

AsGradient = tuple[Callable[..., Any], Callable[..., Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class UserHessian:
    """A function that returns second derivatives, and the gradient of which they are the derivatives."""

    gradient: UserFunction
    function: UserFunction
    parameters: Parameters

    def as_gradient(self) -> AsGradient:
        """Return a cost, its gradients and its parameters: those gradients are the second derivatives."""
        arrays = self.parameters.arrays
        point = dict(zip(self.parameters.labels, arrays, strict=True))
        if self._diagonal(self._called(point)) is not None:
            return diagonal_as_gradient(self._slopes, self._seconds, point)
        number = sum(array.size for array in arrays)
        if number > MOST:
            raise ArgumentError(
                f"the Hessian of {number} parameters has {number}×{number} entries; at most {MOST}×{MOST} are checked: "
                "pass smaller parameters"
            )
        return as_one_gradient(lambda p: _joined(self._slopes(p).values()), self._rows, point)

    def _called(self, point: Point) -> Any:
        return self.parameters.call(self.function, list(point.values()), self.parameters.data)

    def _slopes(self, point: Point) -> dict[str, np.ndarray]:
        found = self.parameters.call(self.gradient, list(point.values()), self.parameters.data)
        return self._by_name(self.parameters.aligned(found))

    def _seconds(self, point: Point) -> dict[str, np.ndarray]:
        diagonal = self._diagonal(self._called(point))
        if diagonal is None:
            raise ArgumentError("the Hessian is a diagonal at one point, and a matrix at another")
        return self._by_name(diagonal)

    def _by_name(self, arrays: Arrays) -> dict[str, np.ndarray]:
        return dict(zip(self.parameters.labels, arrays, strict=True))

    def _diagonal(self, found: Any) -> Arrays | None:
        """Return the second derivative of each entry, in the shape of its parameter, or None for a matrix."""
        shapes = [array.shape for array in self.parameters.arrays]
        values = _items(found, self.parameters)
        if values is None or any(_items(value, self.parameters, nested=True) is not None for value in values):
            return None
        arrays = [_numbers(value) for value in values]
        return arrays if [array.shape for array in arrays] == shapes else None

    def _rows(self, point: Point) -> dict[str, np.ndarray]:
        """Return, for each parameter, the derivatives of each entry of the gradient with respect to it."""
        arrays, found = self.parameters.arrays, self._called(point)
        sizes = [array.size for array in arrays]
        number = sum(sizes)
        outer = _items(found, self.parameters) or [found]
        blocks = [_items(row, self.parameters, nested=True) for row in outer]
        if (len(arrays) > 1 and len(outer) > 1) or blocks[0] is not None:
            matrix = np.concatenate([self._band(row, n) for row, n in zip(blocks, sizes, strict=True)])
        else:
            matrix = _numbers(outer[0])
            if matrix.shape not in ((number, number), arrays[0].shape * 2):
                raise self._misshapen(f"an array of the shape {matrix.shape}")
            matrix = matrix.reshape(number, number)
        parts = np.split(matrix, np.cumsum(sizes)[:-1], axis=1)
        return {
            name: part.reshape(number, *array.shape)
            for name, part, array in zip(self.parameters.labels, parts, arrays, strict=True)
        }

    def _band(self, blocks: list[Any] | None, rows: int) -> np.ndarray:
        """Return the second derivatives of one parameter and of each, side by side."""
        if blocks is None:
            raise self._misshapen("one array for each parameter, of another shape than the parameter")
        arrays = [_numbers(block) for block in blocks]
        for array, parameter in zip(arrays, self.parameters.arrays, strict=True):
            if array.size != rows * parameter.size:
                raise self._misshapen(f"a block of the shape {array.shape}")
        return np.concatenate([array.reshape(rows, -1) for array in arrays], axis=1)

    def _misshapen(self, what: str) -> ArgumentError:
        shapes = listed(f"{n} {a.shape}" for n, a in self._by_name(self.parameters.arrays).items())
        number = sum(array.size for array in self.parameters.arrays)
        return ArgumentError(
            f"the Hessian is {what}; for {shapes}, it is a matrix of the shape {(number, number)}, a block for each "
            "two parameters as sb.numerical_hessian returns them, or its diagonal in the shapes of the parameters"
        )


def _items(found: Any, parameters: Parameters, *, nested: bool = False) -> list[Any] | None:
    """Return what belongs to each parameter, or None if a value is not divided among them."""
    labels, numbers = parameters.labels, range(len(parameters.labels))
    if isinstance(found, Mapping):
        for names in (labels, parameters.names, numbers):
            if len(names) == len(found) and all(name in found for name in names):
                return [found[name] for name in names]
        raise ArgumentError(f"the Hessian has {listed(map(str, found))}; the parameters are {listed(labels)}")
    if isinstance(found, tuple | list) and len(found) == len(labels) and labels != ("x",):
        return list(found)
    return None if nested or len(labels) > 1 else [found]


def _numbers(value: Any) -> np.ndarray:
    array = np.asarray(detached(value))
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"the Hessian has dtype {array.dtype}; real numbers are expected")
    return array if array.dtype.char in "dg" else array.astype(float)


def _joined(arrays: Any) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])
