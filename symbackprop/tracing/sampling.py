"""Random arguments for a user's functions, with sizes that all differ, and those functions for a gradient check."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import Network
from symbackprop.network.sampling import draws
from symbackprop.tracing.aliases import ArgumentValue, DeclaredSize
from symbackprop.tracing.arguments import ArgumentSpec, is_target, network_name
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.conditions import ConditionKind
from symbackprop.tracing.outcome import computed, computed_cost
from symbackprop.tracing.shape_habits import in_shape
from symbackprop.tracing.sizes import size_names, size_number

_SMALLEST = 3  # size of a dimension
_MOST_ENTRIES = 2500  # of all arguments together
# how values are spread: as a network needs them, positive, from 0 to 1, or (WIDE and larger numbers) ever more widely
AS_KNOWN, POSITIVE, FRACTIONS, WIDE = range(4)
_OPPOSITE = -1  # the parameters have the opposite signs of those of the point before


@dataclass(frozen=True)
class SamplePoint:
    """Values for all arguments, and the size of each named dimension."""

    values: dict[str, ArgumentValue]
    sizes: dict[str, int]

    def params(self, spec: ArgumentSpec) -> dict[str, ArgumentValue]:
        """Return the values of the parameters."""
        return {name: self.values[name] for name in spec.wrt}

    def data(self, spec: ArgumentSpec) -> dict[str, ArgumentValue]:
        """Return the values of the arguments that are not parameters."""
        return {name: value for name, value in self.values.items() if name not in spec.wrt}

    def symbols(self, network: Network, spec: ArgumentSpec) -> dict[Expression, ArgumentValue]:
        """Return the values by the symbols of the network, as matrices; class labels as one-hot rows."""
        found: dict[Expression, ArgumentValue] = {}
        names = {network_name(name): name for name in self.values}
        for symbol in network.arguments:
            name = names[str(symbol.name)]
            value = self.values[name]
            if name in spec.labels:
                value = np.eye(size_number(spec.labels[name], self.sizes))[np.asarray(value)]
            found[symbol] = as_matrix(value) if is_matrix(symbol) else float(value)
        return found


def as_matrix(value: object) -> np.ndarray:
    """Return a number or a vector (as a row) as a matrix; arrays of two or more axes are unchanged."""
    array = np.asarray(value, dtype=float)
    return array.reshape((*(1, 1)[array.ndim :], *array.shape))


def distinct_sizes(spec: ArgumentSpec, smallest: int = _SMALLEST) -> dict[str, int]:
    """Return a size for each named dimension; all sizes differ, those of sums and products too."""
    return _different(spec, range(smallest, 99))


def other_sizes(spec: ArgumentSpec) -> dict[str, int]:
    """Return sizes that all differ from those of `distinct_sizes`, in another order: the first is the largest."""
    count = len(size_names(_declared(spec)))
    found = _different(spec, [*range(8 + count, 8, -1), *range(9 + count, 90)])
    if _entries(spec, found) <= _MOST_ENTRIES:
        return found
    return _different(spec, [*range(1 + count, 1, -1), *range(2 + count, 90)])


def entries_at(spec: ArgumentSpec, smallest: int) -> int:
    """Return the number of entries of all arguments at the sizes that begin with `smallest`."""
    return _entries(spec, distinct_sizes(spec, smallest))


def _entries(spec: ArgumentSpec, sizes: Mapping[str, int]) -> int:
    return sum(math.prod(size_number(n, sizes) for n in shape) for shape in spec.shapes.values())


def _different(spec: ArgumentSpec, choices: Iterable[int]) -> dict[str, int]:
    """Return a number for each named size, the first of the choices with which all declared sizes differ."""
    declared = _declared(spec)
    fixed = {size for size in declared if isinstance(size, int)}
    known: dict[str, int] = {}
    for name in size_names(declared):
        fitting = (n for n in choices if n not in fixed and _all_differ(declared, known | {name: n}))
        known[name] = next(fitting, next(n for n in choices if n not in known.values()))
    return known


def _declared(spec: ArgumentSpec) -> list[DeclaredSize]:
    declared = [size for shape in (*spec.every_shape.values(), *spec.shapes.values()) for size in shape]
    return list(dict.fromkeys([*declared, *size_names(declared)]))


def _all_differ(declared: Iterable[DeclaredSize], known: Mapping[str, int]) -> bool:
    numbers = [size_number(size, known) for size in declared if all(name in known for name in size_names([size]))]
    return len(set(numbers)) == len(numbers)


def draw_point(
    spec: ArgumentSpec,
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    network: Network | None,
    kind: int = AS_KNOWN,
) -> SamplePoint:
    """Draw values with these sizes; if the network is known, in the domains of its functions."""
    named = {} if network is None else {str(d): sizes[str(d)] for d in network.dimensions if str(d) in sizes}
    known = {} if network is None else draws(network, named)
    values: dict[str, ArgumentValue] = {}
    for name, shape in spec.shapes.items():
        size = tuple(size_number(n, sizes) for n in shape)
        if name in spec.labels:
            values[name] = rng.integers(size_number(spec.labels[name], sizes), size=size)
        elif kind or network_name(name) not in known:
            values[name] = _draw_array(name, spec, size, rng, kind)
        else:
            draw = known[network_name(name)]
            values[name] = draw.value(rng, size)
    highest = 0.9 if kind < WIDE else 5.0
    values |= {name: float(rng.uniform(0.1, highest)) for name in spec.scalars}
    imposed = [c for c in spec.conditions if c.kind != ConditionKind.SIZE]
    values |= {c.name: c.imposed(np.asarray(values[c.name]), rng) for c in imposed}
    return SamplePoint(values, dict(sizes))


def _draw_array(
    name: str, spec: ArgumentSpec, size: tuple[int, ...], rng: np.random.Generator, kind: int
) -> ArgumentValue:
    if kind >= WIDE:
        return rng.normal(0, 2.0 ** (kind - WIDE + 1), size)
    if kind == POSITIVE:
        return rng.uniform(0.5, 1.5, size)
    if kind == FRACTIONS or (is_target(name) and name not in spec.wrt):
        return rng.uniform(0.05, 0.95, size)
    return rng.normal(0, (size[0] if len(size) > 1 else 4) ** -0.5 if name in spec.wrt else 1, size)


def sample_points(
    code: UserCode, spec: ArgumentSpec, sizes: Mapping[str, int], rng: np.random.Generator, network: Network | None
) -> Iterator[SamplePoint]:
    """Yield a random point at which the cost is finite, then further points, of which the first two have other sizes.

    The values of later points are spread more widely, and some have the opposite parameters of the point before, so
    that they reach both sides of each branch, such as those of a relu.
    """
    ordinary = (draw_point(spec, sizes, rng, network, kind) for kind in (AS_KNOWN, POSITIVE, FRACTIONS))
    first = next((point for point in ordinary if _is_finite(code, spec, point)), None)
    yield draw_point(spec, sizes, rng, network, AS_KNOWN) if first is None else first
    point = None
    for k, kind in enumerate((AS_KNOWN, WIDE, WIDE + 1, _OPPOSITE, WIDE + 3, _OPPOSITE, FRACTIONS)):
        try:
            if kind != _OPPOSITE:
                point = draw_point(spec, other_sizes(spec) if k < 2 else sizes, rng, network, kind)
            elif point is not None:
                point = _with_opposite_parameters(spec, point)
            else:
                continue
            if first is not None and _is_finite(code, spec, point):
                yield point
        except Exception:  # noqa: S112 — it does not run at these sizes, which the first point has shown is possible
            continue


def _with_opposite_parameters(spec: ArgumentSpec, point: SamplePoint) -> SamplePoint:
    free = set(spec.wrt) - {condition.name for condition in spec.conditions}
    return SamplePoint({name: -value if name in free else value for name, value in point.values.items()}, point.sizes)


def _is_finite(code: UserCode, spec: ArgumentSpec, point: SamplePoint) -> bool:
    with np.errstate(all="ignore"):
        cost = computed_cost(code, spec, copy_arrays(point.values))
        return bool(np.all(np.isfinite(np.asarray(cost, float))))


def copy_arrays(values: Mapping[str, ArgumentValue]) -> dict[str, ArgumentValue]:
    """Return the values, with each array copied."""
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def cost_and_gradients(
    code: UserCode, spec: ArgumentSpec
) -> tuple[Callable[..., np.floating], Callable[..., dict[str, np.ndarray]]]:
    """Return the cost and the gradients as functions of arrays by name, as a gradient check calls them."""

    def cost(**values: ArgumentValue) -> np.floating:
        found: np.floating = np.sum(np.asarray(computed_cost(code, spec, values)))
        return found

    def gradients(**values: ArgumentValue) -> dict[str, np.ndarray]:
        found = computed(code, spec, values)[1]
        fitted = in_shape(found, {name: np.shape(values[name]) for name in spec.wrt})
        return fitted if spec.sign > 0 else {name: -value for name, value in fitted.items()}

    return cost, gradients
