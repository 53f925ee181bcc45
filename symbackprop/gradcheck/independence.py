"""Costs that do not depend on a parameter, such as on a bias before batch normalization."""

import math

import numpy as np

from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.noise import COARSE

_AROUND = (0.0, 0.3, 3.0)  # perturbations of the other parameters, relative to their sizes
_CHANGES = (0.1, 1.0, 30.0, 1e3)  # and of the parameter in question
_DRAWS = 2
_NOISES = 8  # errors of the cost that its changes may reach
_VISIBLE = 1e-4  # an error of the cost above this part of its changes with other parameters hides a dependence


def is_independent(numerics: Numerics, position: int) -> bool:
    """Return True if no change of a parameter, small or large, changes the cost, at this point and at others.

    False if a change of the cost could hide in its noise.
    """
    if numerics.is_coarse:
        return False
    rng = np.random.default_rng(0)
    shapes = [
        (k, array.shape, np.maximum(numerics.least_size, np.abs(array))) for k, array in enumerate(numerics.arrays)
    ]
    most, error, variation = math.nan, 0.0, 0.0
    for around in _AROUND:
        for change in _CHANGES * _DRAWS:
            others = {k: around * size * rng.normal(size=shape) for k, shape, size in shapes}
            here = numerics.at(others, 1.0)
            _, shape, size = shapes[position]
            there = numerics.at(others | {position: others[position] + change * size * rng.normal(size=shape)}, 1.0)
            if not np.isfinite(here) or not np.isfinite(there):
                continue
            most = max(abs(float(there - here)), most)  # NaN until here
            rounding = COARSE * numerics.epsilon * max(abs(float(here)), abs(float(there)))
            error = max(error, rounding * max(1.0, change))  # large values are rounded more on the way
            variation = max(variation, abs(float(here - numerics.cost)))
    error += _NOISES * numerics.noise(dict(enumerate(numerics.arrays)))
    return most == 0 or most <= error <= _VISIBLE * variation
