"""The search for a natural condition on the data under which gradients are right, such as one-hot rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, islice

import numpy as np

from symbackprop.errors import SymbackpropError
from symbackprop.network.network import Network
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.tracing.arguments import is_target
from symbackprop.tracing.conditions import ConditionKind, DataCondition, natural_conditions, size_conditions
from symbackprop.tracing.layers import is_upstream
from symbackprop.tracing.sampling import SamplePoint, copy_arrays, cost_and_gradients, draw_point, other_sizes
from symbackprop.tracing.sizes import known_sizes

_STEP = 1e-4  # relative to the size of the perturbed values
_ROUGHLY = 1e-2  # relative: what one difference shows
_CLOSE = 1e-6  # relative: quick comparison of a derivative along a direction
_LINEAR = 1e-9
_NOTHING = 1e-12
_POINTS = 4
_MOST_PAIRS = 150
Conditions = tuple[DataCondition, ...]


@dataclass
class DataConditions:
    """The conditions on the data of one cost and its gradients, tried by quick differences in floats."""

    reader: CodeReader
    network: Network | None
    sizes: Mapping[str, int]

    def complete(self) -> Iterator[Conditions]:
        """Yield the conditions under which all gradients seem right, or all opposite: single ones, then pairs."""
        wrt = frozenset(self.reader.spec.wrt)
        tried = chain(self._singles, self._pairs())
        yield from (conditions for conditions in tried if self.right_under(conditions, whole=True) == wrt)

    def partial(self) -> Iterator[Conditions]:
        """Yield the conditions under which more gradients are right than without, those with the most first."""
        better = [tried for tried in self._singles if self._right[tried] > self._without]
        yield from sorted(better, key=lambda tried: -len(self._right[tried]))

    def likely(self) -> Iterator[Conditions]:
        """Yield the conditions that a usual name of targets suggests: one-hot rows, or labels of 0 and 1."""
        kinds = (ConditionKind.ADDS_UP, ConditionKind.MASK)
        yield from (c for c in self._singles if c[0].kind in kinds and is_target(c[0].name))

    @cached_property
    def _singles(self) -> list[Conditions]:
        spec = self.reader.spec
        bound = {c.name for c in spec.conditions} | self.upstream
        return [
            *(
                (condition,)
                for name, shape in spec.shapes.items()
                if name not in spec.labels and name not in bound
                for condition in natural_conditions(name, shape, is_parameter=name in spec.wrt)
            ),
            *((condition,) for condition in self._of_numbers),
        ]

    @property
    def _of_numbers(self) -> list[DataCondition]:
        """The conditions that hyperparameters, and numbers that the object holds, are sizes of the arrays.

        Arrays that the object holds show which sizes a number that it holds can be.
        """
        spec, code = self.reader.spec, self.reader.code
        pairs = [
            pair for name, shape in spec.shapes.items() for pair in zip(shape, code.held_shape(name), strict=False)
        ]
        known, counts = known_sizes(pairs), code.counts
        fitting = {n: [s for s, number in known.items() if number == count] for n, count in counts.items()}
        names = dict.fromkeys((*spec.scalars, *(name for name in counts if name not in spec.names)))
        return [
            c
            for c in size_conditions(names, spec.shapes)
            if c.name not in counts or (c.size in fitting[c.name] if fitting[c.name] else c.size not in known)
        ]

    @cached_property
    def _without(self) -> frozenset[str]:
        return self.right_under(())

    @cached_property
    def _right(self) -> dict[Conditions, frozenset[str]]:
        return {tried: self.right_under(tried) for tried in self._singles}

    def _pairs(self) -> Iterator[Conditions]:
        singles = [c for (c,) in self._singles if c.kind != ConditionKind.POSITIVE]
        pairs = ((a, b) for a, b in combinations(singles, 2) if a.name != b.name and (not a.size or a.size != b.size))
        yield from islice(pairs, _MOST_PAIRS)

    def right_under(self, conditions: Conditions, *, whole: bool = False) -> frozenset[str]:
        """Return the parameters whose gradients seem right, or all opposite, at random points with these conditions.

        If the `whole` gradient is wanted, none are returned as soon as one is wrong.
        """
        spec = self.reader.spec.with_conditions(conditions)
        reader = CodeReader(self.reader.code, spec, np.random.default_rng(0))
        names = sorted(spec.wrt, key=self._without.__contains__) if whole else spec.wrt  # the wrong ones first
        found: dict[int, frozenset[str]] = {1: frozenset(spec.wrt), -1: frozenset(spec.wrt)}
        for k in range(_POINTS):
            try:
                point = draw_point(spec, other_sizes(spec) if k == 1 else self.sizes, reader.rng, self.network)
                seen = _agreement(reader, point, names, whole=whole)
            except SymbackpropError:
                return frozenset()
            except Exception:
                if k == 1:  # it does not run at these sizes
                    continue
                return frozenset()
            found = {sign: kept & seen[sign] for sign, kept in found.items()}
            if not any(found.values()):
                break
        everything = frozenset(spec.wrt)
        return everything if found[-1] == everything else found[1]

    @cached_property
    def upstream(self) -> set[str]:
        """The arguments that are upstream gradients: the cost is linear in them, but not weights or targets."""
        declared = {*self.reader.spec.upstream}
        return declared | {name for name in self._data if self._is_linear(name) and self._is_upstream(name)}

    @property
    def _data(self) -> list[str]:
        spec = self.reader.spec
        return [name for name in spec.shapes if name not in spec.wrt and name not in spec.labels]

    @cached_property
    def _point(self) -> SamplePoint:
        return draw_point(self.reader.spec, self.sizes, np.random.default_rng(1), self.network)

    def _cost(self, **changed: object) -> float:
        values = {**copy_arrays(self._point.values), **changed}
        return float(cost_and_gradients(self.reader.code, self.reader.spec)[0](**values))

    def _is_linear(self, name: str) -> bool:
        try:
            value, J = np.asarray(self._point.values[name], float), self._cost()
            pairs = [(self._cost(**{name: t * value}), t * J) for t in (-1.0, 2.0, 0.5)]
        except Exception:
            return False
        return bool(J) and all(abs(a - b) <= _LINEAR * max(abs(J), abs(a)) for a, b in pairs)

    def _is_upstream(self, name: str) -> bool:
        """Return True for the name of an upstream gradient, or of one by which the cost rises and falls."""
        if is_target(name):
            return False
        if is_upstream(name):
            return True
        value = np.asarray(self._point.values[name], float)
        units = (unit.reshape(value.shape) for unit in islice(np.eye(max(1, value.size)), 40))
        slopes = np.array([self._cost(**{name: unit}) for unit in units])  # the cost is linear
        return bool(np.any(slopes > 0) and np.any(slopes < 0))

    @cached_property
    def sign_matters(self) -> bool:
        """True if the gradients are passed on to other code, where a sign is not a convention.

        The cost is linear in an upstream gradient, or all parameters are predictions, one for each target.
        """
        spec = self.reader.spec
        targets = {tuple(spec.shapes[name]) for name in self._data if is_target(name) and spec.shapes[name]}
        predicted = all(tuple(spec.shapes[name]) in targets for name in spec.wrt)
        return bool(self.upstream) or (predicted and all(len(spec.shapes[n]) > 0 for n in spec.wrt))


def _agreement(
    reader: CodeReader, point: SamplePoint, names: Iterable[str], *, whole: bool
) -> dict[int, frozenset[str]]:
    """Return, for both signs, the parameters whose gradient is the derivative of the cost along random directions.

    If the `whole` gradient is wanted, the parameters after the first wrong one are left out.
    """
    cost, gradients = cost_and_gradients(reader.code, reader.spec)
    found: dict[int, set[str]] = {1: set(), -1: set()}
    with np.errstate(all="ignore"):
        claimed = gradients(**copy_arrays(point.values))
        for k, name in enumerate(names, 1):
            value, gradient = np.asarray(point.values[name], float), np.asarray(claimed[name])

            def of_one(changed: np.ndarray, name: str = name) -> float:
                return float(cost(**{**copy_arrays(point.values), name: changed}))

            sign = _sign_of_derivative(of_one, value, gradient) if gradient.shape == value.shape else 0
            if sign:
                found[sign].add(name)
            if whole and max(map(len, found.values())) < k:
                break
    return {sign: frozenset(names) for sign, names in found.items()}


def _sign_of_derivative(cost: Callable[[np.ndarray], float], value: np.ndarray, gradient: np.ndarray) -> int:
    """Return 1 if it is the derivative of the cost along two random directions, −1 if it is the opposite, 0 if not."""
    rng = np.random.default_rng(2)
    step = _STEP * (float(np.max(np.abs(value), initial=0.0)) or 1.0)
    size = float(np.linalg.norm(gradient))
    signs = {1, -1}
    for _ in range(2):
        direction = rng.standard_normal(value.shape)
        claimed, scale = float(np.sum(gradient * direction)), size * float(np.linalg.norm(direction))
        near = cost(value + step * direction) - cost(value - step * direction)
        signs = {s for s in signs if abs(near / (2 * step) - s * claimed) <= _ROUGHLY * scale}
        if not scale > _NOTHING or not signs:
            return 0
        far = cost(value + 2 * step * direction) - cost(value - 2 * step * direction)
        signs = {s for s in signs if abs(float(8 * near - far) / (12 * step) - s * claimed) <= _CLOSE * scale}
    return next(iter(signs)) if len(signs) == 1 else 0
