"""∂A/∂B by moving B: differences of sixth order, apart from every rule of derivation."""

from collections.abc import Callable
from typing import Any

import numpy as np

_STEP = 2e-3
_WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # of f(x + k h) - f(x - k h), over h


def slope(function: Callable[[Any], Any], at: Any) -> Any:
    """∂f/∂x of every entry of f by every entry of x: the axes of f, then those of x."""
    at = np.asarray(at, float)
    rows = []
    for place in np.ndindex(at.shape):
        total: Any = 0.0
        for k, weight in _WEIGHTS.items():
            there = [np.asarray(function(_moved(at, place, s * k * _STEP))) for s in (1, -1)]
            total = total + weight * (there[0] - there[1])
        rows.append(total / _STEP)
    stacked = np.stack(rows, axis=-1)
    return stacked.reshape(*stacked.shape[:-1], *at.shape)


def entrywise_slope(function: Callable[[Any], Any], at: Any) -> Any:
    """f′ of a function that works on each entry."""
    at = np.asarray(at, float)
    pairs = ((weight, function(at + k * _STEP) - function(at - k * _STEP)) for k, weight in _WEIGHTS.items())
    return sum(weight * difference for weight, difference in pairs) / _STEP


def _moved(at: Any, place: tuple[int, ...], step: float) -> Any:
    moved = at.copy()
    moved[place] += step
    return moved
