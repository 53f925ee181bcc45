"""The derivative of a cost that was traced entry by entry, to 50 digits, and its comparison with a claimed gradient.

The traced graph is evaluated and differentiated in reverse mode at random points near the traced one. It equals
the cost only where every comparison has the same outcome as in the trace; other points are not used.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import mpmath
import numpy as np

from symbackprop.budget import spend
from symbackprop.tracing.scalars.operations import OPERATIONS, BigFloat, Number, partial, real_value
from symbackprop.tracing.scalars.scalar import ROUNDED, VARIABLE, BranchLog, TracedScalar, postorder
from symbackprop.tracing.untraceable import NoDerivative

DIGITS = 50
GUARD = 30  # extra digits, for cancellation
_EQUAL = mpmath.mpf(10) ** -40  # relative to the largest term
_ROUNDED = mpmath.mpf(10) ** -13  # the same, if the code contains rounded floats such as 3**-0.5
_NOTHING = mpmath.mpf(10) ** -60  # relative to the largest number of all
_RADII = [Fraction(1, 2 ** (1 + 2 * k)) for k in range(12)]
_DRAWS = 8  # at each radius
_SMALL = 0.25  # smaller variables are perturbed as much as one of this magnitude

Assignment: TypeAlias = Mapping[TracedScalar, Number]
Values: TypeAlias = Mapping[TracedScalar, BigFloat]


@dataclass(frozen=True)
class Difference:
    """The first entry whose claimed derivative is wrong."""

    place: int
    entry: TracedScalar
    claimed: BigFloat
    derived: BigFloat


@dataclass(frozen=True)
class Agreement:
    """The comparison of a claimed gradient with the derivative, entry by entry."""

    entries: tuple[bool, ...]
    first: Difference | None
    claimed: tuple[BigFloat, ...]  # at the first point
    derived: tuple[BigFloat, ...]
    points: int  # random points of the comparison; 0 if only the traced point was used
    rounded: bool  # True if the code contains rounded floats: values are then compared to 13 digits

    @property
    def right(self) -> bool:
        """True if each claimed derivative is right."""
        return all(self.entries)


def _short(value: BigFloat) -> BigFloat:
    with mpmath.workdps(DIGITS):
        return +value


class ScalarGraph:
    """Some traced scalars and the nodes from which they are computed, in topological order."""

    def __init__(self, ends: Iterable[TracedScalar]):
        self.order = postorder(ends)

    def values(self, assignment: Assignment) -> dict[TracedScalar, BigFloat]:
        """Return the value of each node; a variable that is not assigned has its own value."""
        values: dict[TracedScalar, BigFloat] = {}
        for node in self.order:
            spend()
            if node.parts:
                values[node] = real_value(OPERATIONS[node.op].precise, [values[part] for part in node.parts])
            else:
                values[node] = _precise(assignment.get(node, node.value) if node.op == VARIABLE else node.held)
        return values

    def adjoints(
        self, values: Values, end: TracedScalar
    ) -> tuple[dict[TracedScalar, BigFloat], dict[TracedScalar, BigFloat]]:
        """Return the adjoint of each node that depends on variables, and the sum of its terms' absolute values."""
        adjoints, terms = {end: mpmath.mpf(1)}, {end: mpmath.mpf(1)}
        for node in reversed(self.order):
            if node not in adjoints:
                continue
            spend()
            parts = [values[part] for part in node.parts]
            for position, part in enumerate(node.parts):
                if not part.fixed:
                    term = adjoints[node] * real_value(partial(node.op, position, len(parts)), parts)
                    adjoints[part] = adjoints.get(part, 0) + term
                    terms[part] = terms.get(part, 0) + abs(term)
        return adjoints, terms


def _precise(number: Number | Fraction) -> BigFloat:
    if isinstance(number, Fraction):
        return mpmath.mpf(number.numerator) / number.denominator
    return mpmath.mpf(number)


@dataclass(frozen=True)
class _PointComparison:
    """The claimed derivatives, the right ones, and the magnitudes of their terms at one point."""

    claimed: tuple[BigFloat, ...]
    derived: tuple[BigFloat, ...]
    terms: tuple[BigFloat, ...]
    largest: BigFloat

    def equal(self, tolerance: BigFloat) -> list[bool]:
        nothing = _NOTHING * self.largest
        return [
            mpmath.isfinite(claimed)
            and bool(abs(claimed - derived) <= tolerance * max(abs(claimed), abs(derived), terms) + nothing)
            for claimed, derived, terms in zip(self.claimed, self.derived, self.terms, strict=True)
        ]


class _Comparison:
    """The cost and the claimed derivatives at points where comparisons have the same outcomes as in the trace."""

    def __init__(
        self, cost: TracedScalar, claimed: Sequence[TracedScalar], entries: Sequence[TracedScalar], log: BranchLog
    ):
        self.cost, self.claimed, self.entries = cost, claimed, entries
        self.conditions = log.conditions
        self.ends = ScalarGraph([cost, *claimed])
        self.deciding = ScalarGraph([condition.difference for condition in log.conditions])
        self.variables = list(dict.fromkeys(x for x in (*self.ends.order, *self.deciding.order) if x.op == VARIABLE))

    def near(self, radius: Fraction, rng: np.random.Generator) -> dict[TracedScalar, BigFloat]:
        """Draw a random point: every variable is perturbed by at most `radius` times its magnitude."""
        steps = rng.integers(-999, 1000, size=len(self.variables))
        return {
            x: _precise(Fraction(x.value) + Fraction(max(abs(x.value), _SMALL)) * radius * int(step) / 1000)
            for x, step in zip(self.variables, steps, strict=True)
        }

    def decided_alike(self, assignment: Assignment) -> bool:
        values = self.deciding.values(assignment)
        return all(condition.holds(values[condition.difference]) for condition in self.conditions)

    def at(self, assignment: Assignment) -> _PointComparison:
        values = self.ends.values(assignment)
        adjoints, terms = self.ends.adjoints(values, self.cost)
        zero = mpmath.mpf(0)
        every = (abs(x) for x in (*values.values(), *adjoints.values()) if mpmath.isfinite(x))
        return _PointComparison(
            tuple(values[claim] for claim in self.claimed),
            tuple(adjoints.get(entry, zero) for entry in self.entries),
            tuple(terms.get(entry, zero) for entry in self.entries),
            max(every, default=zero),
        )

    def at_random(self, rng: np.random.Generator, points: int) -> list[_PointComparison]:
        """Return comparisons at random points, as far from the traced one as the conditions allow."""
        found: list[_PointComparison] = []
        for radius in (radius for radius in _RADII for _ in range(_DRAWS)):
            point = self.near(radius, rng)
            if self.decided_alike(point):
                comparison = self.at(point)
                found += [comparison] if all(map(mpmath.isfinite, comparison.claimed + comparison.derived)) else []
            if len(found) == points:
                break
        return found


def agree(
    cost: TracedScalar,
    claimed: Sequence[object],
    entries: Sequence[TracedScalar],
    log: BranchLog,
    rng: np.random.Generator,
    *,
    points: int = 3,
) -> Agreement:
    """Return the comparison of each claimed derivative with the derivative of the cost, at random points nearby.

    With `points` = 0, only the traced point is used.

    Raises NoDerivative if the cost has no finite derivative at any point. A claim that is finite at no point is wrong.

    >>> x = TracedScalar.variable("x", (), 3.0)
    >>> agree(x**2, [x], [x], BranchLog(), np.random.default_rng(0)).entries
    (False,)
    """
    with mpmath.workdps(DIGITS + GUARD):
        comparison = _Comparison(cost, [TracedScalar.of(claim) for claim in claimed], entries, log)
        random = comparison.at_random(rng, points) if points else []
        compared = random or [comparison.at({})]
        if not all(map(mpmath.isfinite, compared[0].derived)):
            raise NoDerivative("the cost has no finite derivative near the traced point")
        rounded = any(node.op == ROUNDED for node in comparison.ends.order)
        equal = [at_point.equal(_ROUNDED if rounded else _EQUAL) for at_point in compared]
        return Agreement(
            tuple(map(all, zip(*equal, strict=True))),
            _first(equal, compared, entries),
            tuple(map(_short, compared[0].claimed)),
            tuple(map(_short, compared[0].derived)),
            len(random),
            rounded,
        )


def _first(
    equal: list[list[bool]], compared: list[_PointComparison], entries: Sequence[TracedScalar]
) -> Difference | None:
    wrong = [(entry, point) for point, line in enumerate(equal) for entry, right in enumerate(line) if not right]
    if not wrong:
        return None
    entry, point = min(wrong)
    found = compared[point]
    return Difference(entry, entries[entry], _short(found.claimed[entry]), _short(found.derived[entry]))
