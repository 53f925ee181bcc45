"""Generic points: random values for every argument of a network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from symbackprop.network import PARAMETER, SCALAR, TARGET, Network


def distinct_sizes(network: Network, examples: int = 5) -> dict[str, int]:
    """A size for each named dimension; no two are equal, so that no square coincidence hides a transpose.

    >>> import symbackprop as sb
    >>> distinct_sizes(sb.mlp(["D", "H", "K"]))
    {'N': 5, 'D': 6, 'K': 7, 'H': 8}
    """
    taken = {int(size) for s in network.arguments for size in getattr(s, "shape", ()) if size.is_Integer}
    sizes: dict[str, int] = {}
    for dimension in network.dimensions:
        size = examples
        while size in taken:
            size += 1
        sizes[str(dimension)] = size
        taken.add(size)
    return sizes


def random_values(
    network: Network, sizes: Mapping[str, int] | None = None, *, seed: int | None = None
) -> dict[str, Any]:
    """Random values for every argument: a generic point to check gradients at.

    Inputs are standard normal, targets lie in (0, 1), parameters are normal with a variance of 1 / rows (so that
    activations are not saturated), hyperparameters lie in (0, 1).

    >>> import symbackprop as sb
    >>> values = sb.random_values(sb.mlp([2, 3, 1]), seed=0)
    >>> {name: value.shape for name, value in values.items()}
    {'X': (5, 2), 'y': (5, 1), 'W1': (2, 3), 'W2': (3, 1)}
    """
    known = distinct_sizes(network) | dict(sizes or {})
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for symbol in network.arguments:
        name, role = str(symbol.name), network.roles[symbol.name]
        if role == SCALAR:
            values[name] = float(rng.uniform(0.1, 0.9))
            continue
        shape = tuple(known[str(size)] if str(size) in known else int(size) for size in symbol.shape)
        values[name] = rng.uniform(0.05, 0.95, shape) if role == TARGET else rng.normal(size=shape)
        if role == PARAMETER:
            values[name] /= np.sqrt(shape[0])
    return values
