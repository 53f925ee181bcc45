"""∂A/∂B by moving B: differences of sixth order, apart from every rule of derivation."""

from collections.abc import Callable
from typing import Any

import numpy as np

_STEP = 2e-3
_WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # of f(x + k h) - f(x - k h), over h


def slope(function: Callable[[Any], Any], at: Any) -> Any:
    """∂f/∂x of every entry of f by every entry of x: the axes of f, then those of x.

    f is asked for many x at once: along the first axis.
    """
    at = np.asarray(at, float)
    steps = [sign * k * _STEP for k in _WEIGHTS for sign in (1, -1)]
    weights = [sign * weight / _STEP for weight in _WEIGHTS.values() for sign in (1, -1)]
    moves = np.multiply.outer(steps, np.eye(at.size).reshape(at.size, *at.shape))  # a step, an entry that is moved
    found = np.asarray(function((at + moves).reshape(-1, *at.shape)))
    rows = np.tensordot(weights, found.reshape(len(steps), at.size, *found.shape[1:]), axes=1)
    return np.moveaxis(rows, 0, -1).reshape(*found.shape[1:], *at.shape)


def entrywise_slope(function: Callable[[Any], Any], at: Any) -> Any:
    """f′ of a function that works on each entry."""
    at = np.asarray(at, float)
    pairs = ((weight, function(at + k * _STEP) - function(at - k * _STEP)) for k, weight in _WEIGHTS.items())
    return sum(weight * difference for weight, difference in pairs) / _STEP
