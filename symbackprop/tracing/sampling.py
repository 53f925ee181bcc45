"""Random arguments for a person's functions, of pairwise different sizes, and the functions as checks call them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.network.network import Network
from symbackprop.network.sampling import draws
from symbackprop.tracing.arguments import Given, is_target, network_name
from symbackprop.tracing.calls import Code
from symbackprop.tracing.returned import cost_in, gradients_in

_SMALLEST = 3  # size of a dimension
AS_KNOWN, POSITIVE, SHARES, WIDE = range(4)  # as a network needs them, positive, from 0 to 1, or spread widely and more


@dataclass(frozen=True)
class Drawn:
    """Values for all arguments, and the size of each named dimension."""

    values: dict[str, Any]
    sizes: dict[str, int]

    def params(self, given: Given) -> dict[str, Any]:
        return {name: self.values[name] for name in given.wrt}

    def data(self, given: Given) -> dict[str, Any]:
        """The arguments that are no parameters."""
        return {name: value for name, value in self.values.items() if name not in given.wrt}

    def symbols(self, network: Network, given: Given) -> dict[Any, Any]:
        """The values by the symbols of the network, as matrices, labels as one-hot rows."""
        found = {}
        names = {network_name(name): name for name in self.values}
        for symbol in network.arguments:
            name = names[str(symbol.name)]
            value = self.values[name]
            if name in given.labels:
                value = np.eye(self._classes(given, name))[value]
            found[symbol] = as_matrix(value) if hasattr(symbol, "shape") else float(value)
        return found

    def _classes(self, given: Given, name: str) -> int:
        size = given.labels[name]
        return self.sizes[size] if isinstance(size, str) else int(size)


def as_matrix(value: Any) -> Any:
    """A number, a vector as a row, or a matrix, as a matrix."""
    return np.asarray(value, dtype=float).reshape((1, 1, *np.shape(value))[-2:])


def distinct(given: Given, smallest: int = _SMALLEST) -> dict[str, int]:
    """A size for each named dimension, no two equal."""
    every = [size for shape in given.every_shape.values() for size in shape]
    taken = {size for size in every if not isinstance(size, str)}
    free = (n for n in range(smallest, 99) if n not in taken)
    return {name: next(free) for name in dict.fromkeys(size for size in every if isinstance(size, str))}


def drawn(
    given: Given, sizes: Mapping[str, int], rng: np.random.Generator, network: Network | None, kind: int = AS_KNOWN
) -> Drawn:
    """Random values of these sizes; where a network is known, such as its functions are defined for."""
    known = {} if network is None else draws(network, _named_sizes(network, sizes))
    values: dict[str, Any] = {}
    for name, shape in given.shapes.items():
        size = tuple(sizes[n] if isinstance(n, str) else n for n in shape)
        if name in given.labels:
            classes = given.labels[name]
            values[name] = rng.integers(sizes[classes] if isinstance(classes, str) else classes, size=size)
        elif kind or network_name(name) not in known:
            values[name] = _plain(name, given, size, rng, kind)
        else:
            draw = known[network_name(name)]
            values[name] = getattr(rng, draw.method)(*draw.arguments, size)
    highest = 0.9 if kind < WIDE else 5.0
    values |= {name: float(rng.uniform(0.1, highest)) for name in given.scalars}
    return Drawn(values, dict(sizes))


def _named_sizes(network: Network, sizes: Mapping[str, int]) -> dict[str, int]:
    return {str(d): sizes[str(d)] for d in network.dimensions if str(d) in sizes}


def _plain(name: str, given: Given, size: tuple[int, ...], rng: np.random.Generator, kind: int) -> Any:
    if kind >= WIDE:
        return rng.normal(0, 2.0 ** (kind - WIDE + 1), size)
    if kind == POSITIVE:
        return rng.uniform(0.5, 1.5, size)
    if kind == SHARES or (is_target(name) and name not in given.wrt):
        return rng.uniform(0.05, 0.95, size)
    return rng.normal(0, (size[0] if len(size) > 1 else 4) ** -0.5 if name in given.wrt else 1, size)


def points(
    code: Code, given: Given, sizes: Mapping[str, int], rng: np.random.Generator, network: Network | None
) -> Iterator[Drawn]:
    """Random values: ordinary ones, or such for which the cost is finite, and then others of other sizes.

    These are spread more and more widely, for branches such as a relu of which all entries are positive.
    """
    ordinary = (drawn(given, sizes, rng, network, kind) for kind in (AS_KNOWN, POSITIVE, SHARES))
    first = next((point for point in ordinary if _is_finite(code, given, point)), None)
    yield drawn(given, sizes, rng, network, AS_KNOWN) if first is None else first
    for k, kind in enumerate((AS_KNOWN, *range(WIDE, WIDE + 4), SHARES)):
        try:
            point = drawn(given, other_sizes(given) if k < 2 else sizes, rng, network, kind)
            if first is not None and _is_finite(code, given, point):
                yield point
        except Exception:  # noqa: S112 — it does not run at these sizes, which the first point has shown is possible
            continue


def other_sizes(given: Given) -> dict[str, int]:
    """Sizes that differ from the first ones, and in another order: the first dimension is the largest."""
    names = list(distinct(given))
    taken = {n for shape in given.every_shape.values() for n in shape if not isinstance(n, str)}
    free = [n for n in range(9, 90) if n not in taken]
    return dict(zip(names, reversed(free[: len(names)]), strict=True))


def _is_finite(code: Code, given: Given, point: Drawn) -> bool:
    with np.errstate(all="ignore"):
        cost = cost_in(code.run({**copied(point.values), **given.constants}, gradient=False)[0])
        return bool(np.all(np.isfinite(np.asarray(cost, float))))


def copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def as_functions(code: Code, given: Given) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The cost and the gradients as a check calls them, with arrays by name."""

    def cost(**values: Any) -> Any:
        found = cost_in(code.run({**values, **given.constants}, gradient=False)[0])
        return np.sum(np.asarray(found))

    def gradients(**values: Any) -> dict[str, Any]:
        found = code.run({**values, **given.constants})[1]
        shapes = {name: np.shape(values[name]) for name in given.wrt}
        return {name: np.asarray(value) for name, value in gradients_in(found, given.wrt, shapes).items()}

    return cost, gradients
