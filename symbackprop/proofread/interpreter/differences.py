"""Derivatives ∂A/∂B by sixth-order finite differences, which are independent of all rules of differentiation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from symbackprop.proofread.interpreter.values import Array

_STEP = 2e-3
_SMALLER = 64
_WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # of f(x + k h) - f(x - k h), over h
_FOURTH_ORDER = {1: 2 / 3, 2: -1 / 12, 3: 0.0}
_SMOOTH = 1e-7  # the largest relative difference of the two if there is no kink within the steps


def derivative(function: Callable[[Array], Array], at: Array) -> Array:
    """Return the derivative of every entry of f with respect to every entry of x, with the axes of f before those of x.

    f is called with many x at the same time, along the first axis.
    """
    at = np.asarray(at, float)
    units = np.eye(at.size).reshape(at.size, *at.shape)
    rows, is_kinked = _rows(function, at, units, _STEP)
    if is_kinked.any():
        rows[is_kinked], _ = _rows(function, at, units[is_kinked], _STEP / _SMALLER)
    return np.moveaxis(rows, 0, -1).reshape(*rows.shape[1:], *at.shape)


def _rows(function: Callable[[Array], Array], at: Array, units: Array, step: float) -> tuple[Array, NDArray[np.bool_]]:
    """Return the derivatives of f along each direction, and a mask of those with a kink within the steps."""
    steps = [sign * k * step for k in _WEIGHTS for sign in (1, -1)]
    perturbations = np.multiply.outer(steps, units)  # the axes: a step, a perturbed entry
    found = np.asarray(function((at + perturbations).reshape(-1, *at.shape)))
    found = found.reshape(len(steps), len(units), *found.shape[1:])
    rows = found[0::2] - found[1::2]
    return _combined(rows, step, axes=tuple(range(1, rows.ndim - 1)))


def entrywise_derivative(function: Callable[[Array], Array], at: Array) -> Array:
    """Return f′ of an entrywise function."""
    at = np.asarray(at, float)
    found, is_kinked = _combined(_entrywise(function, at, _STEP), _STEP, axes=())
    if not is_kinked.any():
        return found
    return np.where(
        is_kinked, _combined(_entrywise(function, at, _STEP / _SMALLER), _STEP / _SMALLER, axes=())[0], found
    )


def _entrywise(function: Callable[[Array], Array], at: Array, step: float) -> Array:
    return np.stack([function(at + k * step) - function(at - k * step) for k in _WEIGHTS])


def _combined(differences: Array, step: float, axes: tuple[int, ...]) -> tuple[Array, NDArray[np.bool_]]:
    """Return the derivatives computed from differences, and a mask of the derivatives with a kink within the steps."""
    best, other = (
        np.tensordot(list(weights.values()), differences, axes=1) / step for weights in (_WEIGHTS, _FOURTH_ORDER)
    )
    return best, np.max(np.abs(best - other), axis=axes) > _SMOOTH * (1 + np.max(np.abs(best), axis=axes))
