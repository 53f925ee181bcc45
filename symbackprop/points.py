"""Generic points: random values for every argument of a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import S

from symbackprop.errors import ArgumentError, listed
from symbackprop.maps import Elementwise
from symbackprop.network import PARAMETER, SCALAR, TARGET, Network
from symbackprop.nodes import postorder
from symbackprop.shapes import shape_of


@dataclass(frozen=True)
class Draw:
    """How an argument is drawn: a method of NumPy's generator, its arguments, and the size."""

    method: str
    arguments: tuple[float, float]
    size: tuple[int, ...]

    def value(self, rng: np.random.Generator) -> Any:
        return getattr(rng, self.method)(*self.arguments, self.size or None)

    def code(self) -> str:
        """The same as source, of a generator called rng."""
        given = [f"{argument:.4g}" for argument in self.arguments] + ([str(self.size)] if self.size else [])
        return f"rng.{self.method}({', '.join(given)})"


def distinct_sizes(network: Network, examples: int = 5) -> dict[str, int]:
    """A size for each named dimension; no two are equal, so that no square coincidence hides a transpose.

    >>> import symbackprop as sb
    >>> distinct_sizes(sb.mlp(["D", "H", "K"]))
    {'N': 5, 'D': 6, 'K': 7, 'H': 8}
    """
    taken = {int(size) for s in network.arguments for size in shape_of(s) if size.is_Integer}
    sizes: dict[str, int] = {}
    for dimension in network.dimensions:
        size = examples
        while size in taken:
            size += 1
        sizes[str(dimension)] = size
        taken.add(size)
    return sizes


def draws(network: Network, sizes: Mapping[str, int] | None = None) -> dict[str, Draw]:
    """How each argument is drawn.

    Inputs are standard normal, targets lie in (0, 1), parameters are normal with a variance of 1 / rows (so that
    activations are not saturated), hyperparameters lie in (0, 1). Where a function is defined for some numbers
    only, such as log, everything lies in (1, 2).
    """
    if not isinstance(network, Network):
        raise ArgumentError(f"random values are drawn for a Network, not for a {type(network).__name__}")
    known = distinct_sizes(network) | dict(sizes or {})
    unknown = [name for name in known if name not in map(str, network.dimensions)]
    if unknown:
        raise ArgumentError(f"{listed(unknown)} is no dimension; there are {listed(network.dimensions)}")
    limited = _has_limited_domain(network)
    chosen = {}
    for symbol in network.arguments:
        size = tuple(int(known.get(str(n), n)) for n in shape_of(symbol))
        chosen[str(symbol.name)] = Draw("uniform", (1, 2), size) if limited else _draw(network.roles[symbol.name], size)
    return chosen


def _draw(role: str, size: tuple[int, ...]) -> Draw:
    drawn = {
        SCALAR: lambda: Draw("uniform", (0.1, 0.9), size),
        TARGET: lambda: Draw("uniform", (0.05, 0.95), size),
        PARAMETER: lambda: Draw("normal", (0, size[0] ** -0.5), size),
    }
    return drawn.get(role, lambda: Draw("normal", (0, 1), size))()


def _has_limited_domain(network: Network) -> bool:
    equations = [*network.equations, network.cost]
    nodes = (node for equation in equations for node in postorder(equation.expression))
    return any(isinstance(node, Elementwise) and node.function.row.domain != S.Reals for node in nodes)


def random_values(
    network: Network, sizes: Mapping[str, int] | None = None, *, seed: int | None = None
) -> dict[str, Any]:
    """Random values for every argument: a generic point to check gradients at.

    Args:
        network: it must have a cost.
        sizes: of named dimensions; those left out are chosen pairwise different.
        seed: repeats a draw.

    Raises:
        ArgumentError: `sizes` names what is no dimension.

    >>> import symbackprop as sb
    >>> values = sb.random_values(sb.mlp([2, 3, 1]), seed=0)
    >>> {name: value.shape for name, value in values.items()}
    {'X': (5, 2), 'y': (5, 1), 'W1': (2, 3), 'W2': (3, 1)}
    """
    rng = np.random.default_rng(seed)
    return {name: draw.value(rng) for name, draw in draws(network, sizes).items()}
