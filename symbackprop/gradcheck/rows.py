"""A Jacobian, or the diagonal of a Hessian, as the gradient of one number.

Row j of a Jacobian is the gradient of residual j. Each residual gets a copy of the point of its own, so that the
Jacobian is the gradient of one number: Σ_j r_j(x_j) with respect to all copies x_j.
Entry k of a diagonal is the derivative of Σ_k g_k(x, of which entry k alone has moved).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Point = Mapping[str, np.ndarray]
OfPoint = Callable[[Point], Any]


class Known:
    """A function of a point that computes each value once."""

    def __init__(self, function: OfPoint):
        self.function = function
        self.values: dict[tuple[bytes, ...], Any] = {}

    def __call__(self, point: Point) -> Any:
        """Return the value at a point."""
        key = tuple(np.ascontiguousarray(array).tobytes() for array in point.values())
        if key not in self.values:
            self.values[key] = self.function(point)
        return self.values[key]


def _row_of(copies: Mapping[str, np.ndarray], row: int) -> Point:
    return {name: array[row] for name, array in copies.items()}


def as_one_gradient(
    residual: OfPoint, jacobian: OfPoint, point: Point
) -> tuple[Callable[..., Any], Callable[..., Any], dict[str, np.ndarray]]:
    """Return a cost, its gradients and its parameters, of which the gradients are the rows of a Jacobian."""
    residuals, rows = Known(residual), Known(jacobian)
    number = len(residuals(point))

    def total(**copies: np.ndarray) -> Any:
        return sum((residuals(_row_of(copies, row))[row] for row in range(number)), start=np.float64(0))

    def gradient(**copies: np.ndarray) -> dict[str, np.ndarray]:
        found = [rows(_row_of(copies, row)) for row in range(number)]
        return {name: np.stack([each[name][row] for row, each in enumerate(found)]) for name in copies}

    return total, gradient, {name: np.stack([array] * number) for name, array in point.items()}


def diagonal_as_gradient(
    gradient: Callable[[Point], Point], diagonal: Callable[[Point], Point], point: Point
) -> tuple[Callable[..., Any], Callable[..., Any], dict[str, np.ndarray]]:
    """Return a cost, its gradients and its parameters, of which the gradients are the diagonal of a Hessian."""
    slopes, seconds = Known(gradient), Known(diagonal)
    entries = [(name, index) for name, array in point.items() for index in np.ndindex(array.shape)]

    def replaced(name: str, index: tuple[int, ...], value: Any) -> Point:
        changed = point[name].astype(np.asarray(value).dtype, copy=True)
        changed[index] = value
        return {**point, name: changed}

    def total(**moved: np.ndarray) -> Any:
        values = (slopes(replaced(name, index, moved[name][index]))[name][index] for name, index in entries)
        return sum(values, start=np.float64(0))

    def found(**moved: np.ndarray) -> dict[str, np.ndarray]:
        values = {name: np.empty(array.shape, array.dtype) for name, array in moved.items()}
        for name, index in entries:
            values[name][index] = seconds(replaced(name, index, moved[name][index]))[name][index]
        return values

    return total, found, dict(point)
