"""The example network of the documentation, which predicts a test score from hours slept and hours studied.

Three students slept 3, 5 and 10 hours, studied 5, 1 and 2 hours, and scored 75, 82 and 93 of 100.
"""

import numpy as np

from symbackprop.network.models.dense import mlp
from symbackprop.network.network import Network

HOURS = np.array([[3.0, 5.0], [5.0, 1.0], [10.0, 2.0]])
SCORES = np.array([[75.0], [82.0], [93.0]])


def home_network() -> Network:
    """Build the network with layers of 2, 3 and 1 units, sigmoid activations, and J = ½ Σ (y − ŷ)²."""
    return mlp([2, 3, 1])


def home_data() -> dict[str, np.ndarray]:
    """Return X, the hours with each column divided by its maximum, and y, the scores divided by 100.

    >>> home_data()["X"].max(axis=0)
    array([1., 1.])
    """
    return {"X": HOURS / HOURS.max(axis=0), "y": SCORES / 100}


def home_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Return initial weights, drawn from the standard normal distribution."""
    rng = np.random.default_rng(seed)
    return {"W1": rng.normal(size=(2, 3)), "W2": rng.normal(size=(3, 1))}
