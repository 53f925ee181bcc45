"""The derivative of a cost that was traced entry by entry, in 50 digits, and whether a claimed gradient agrees.

The graph that a trace made is evaluated, then derived backwards, at random points near the traced one. It is the
cost only where every comparison is decided as it was: points elsewhere are not looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from symbackprop.tracing.scalars.operations import OPERATIONS, partial
from symbackprop.tracing.scalars.scalar import ENTRY, ROUNDED, BranchLog, Scalar, postorder
from symbackprop.tracing.untraceable import Untraceable

DIGITS = 50
_GUARD = 30  # more digits, for what cancels on the way
_EQUAL = mpmath.mpf(10) ** -40  # relative to the largest term
_ROUNDED = mpmath.mpf(10) ** -13  # the same, where the code has rounded floats in it, as 3**-0.5 is
_NOTHING = mpmath.mpf(10) ** -60  # relative to the largest number of all
_RADII = [Fraction(1, 2 ** (1 + 2 * k)) for k in range(12)]
_DRAWS = 8  # at each radius
_SMALL = 0.25  # entries below it move as far as it does

Assignment = Mapping[Scalar, Any]


@dataclass(frozen=True)
class Difference:
    """The first entry whose claimed derivative is not the derivative."""

    place: int
    entry: Scalar
    claimed: Any
    derived: Any


@dataclass(frozen=True)
class Agreement:
    """Whether a claimed gradient is the gradient, entry by entry."""

    entries: tuple[bool, ...]
    first: Difference | None
    claimed: tuple[Any, ...]  # at the first point
    derived: tuple[Any, ...]
    points: int  # random points that were looked at; 0 where it was the traced one alone
    rounded: bool  # the code has rounded floats in it: equal is then equal in 13 digits

    @property
    def right(self) -> bool:
        return all(self.entries)


def evaluate(nodes: Sequence[Scalar], assignment: Assignment | None = None) -> list[Any]:
    """The values of some Scalars in 50 digits; an entry that is not assigned has its own value.

    >>> x = Scalar.entry("x", (), 0.5)
    >>> evaluate([x**2], {x: 3})
    [mpf('9.0')]
    """
    with mpmath.workdps(DIGITS + _GUARD):
        values = _Graph(nodes).values(assignment or {})
    return [_short(values[node]) for node in nodes]


def gradient_of(cost: Scalar, entries: Sequence[Scalar], assignment: Assignment | None = None) -> list[Any]:
    """The derivative of a cost by each entry, in 50 digits.

    >>> x = Scalar.entry("x", (), 3.0)
    >>> gradient_of(x**2, [x])
    [mpf('6.0')]
    """
    with mpmath.workdps(DIGITS + _GUARD):
        graph = _Graph([cost])
        adjoints, _ = graph.adjoints(graph.values(assignment or {}), cost)
        return [_short(adjoints.get(entry, mpmath.mpf(0))) for entry in entries]


def _short(value: Any) -> Any:
    with mpmath.workdps(DIGITS):
        return +value


class _Graph:
    """The nodes that some Scalars are computed from, parts first."""

    def __init__(self, ends: Iterable[Scalar]):
        self.order = postorder(ends)

    @property
    def entries(self) -> list[Scalar]:
        return [node for node in self.order if node.op == ENTRY]

    @property
    def rounded(self) -> bool:
        return any(node.op == ROUNDED for node in self.order)

    def values(self, assignment: Assignment) -> dict[Scalar, Any]:
        values: dict[Scalar, Any] = {}
        for node in self.order:
            if node.parts:
                values[node] = _real(OPERATIONS[node.op].digits, [values[part] for part in node.parts])
            else:
                values[node] = _leaf(assignment.get(node, node.value) if node.op == ENTRY else node.held)
        return values

    def adjoints(self, values: Mapping[Scalar, Any], end: Scalar) -> tuple[dict[Scalar, Any], dict[Scalar, Any]]:
        """The derivative of `end` by each node that depends on entries, and the size of the terms it is the sum of."""
        adjoints, terms = {end: mpmath.mpf(1)}, {end: mpmath.mpf(1)}
        for node in reversed(self.order):
            if node not in adjoints:
                continue
            given = [values[part] for part in node.parts]
            for place, part in enumerate(node.parts):
                if not part.fixed:
                    term = adjoints[node] * _real(partial(node.op, place, len(given)), given)
                    adjoints[part] = adjoints.get(part, 0) + term
                    terms[part] = terms.get(part, 0) + abs(term)
        return adjoints, terms


def _real(function: Any, given: list[Any]) -> Any:
    """A value; not a number where there is no real one."""
    try:
        value = function(*given)
    except (ValueError, ArithmeticError):
        return mpmath.nan
    return value if isinstance(value, mpmath.mpf) else mpmath.mpf(value) if isinstance(value, int) else mpmath.nan


def _leaf(given: Any) -> Any:
    return mpmath.mpf(given.numerator) / given.denominator if isinstance(given, Fraction) else mpmath.mpf(given)


@dataclass(frozen=True)
class _Look:
    """What is seen at one point."""

    claimed: tuple[Any, ...]
    derived: tuple[Any, ...]
    terms: tuple[Any, ...]
    largest: Any

    @property
    def finite(self) -> bool:
        return all(mpmath.isfinite(x) for x in (*self.claimed, *self.derived))

    def equal(self, tolerance: Any) -> list[bool]:
        nothing = _NOTHING * self.largest
        return [
            mpmath.isfinite(claimed)
            and bool(abs(claimed - derived) <= tolerance * max(abs(claimed), abs(derived), terms) + nothing)
            for claimed, derived, terms in zip(self.claimed, self.derived, self.terms, strict=True)
        ]


class _Comparison:
    """A cost, the claimed derivatives, and the conditions: one graph."""

    def __init__(self, cost: Scalar, claimed: Sequence[Scalar], entries: Sequence[Scalar], trace: BranchLog):
        self.cost, self.claimed, self.entries = cost, claimed, entries
        self.conditions = trace.conditions
        self.ends = _Graph([cost, *claimed])
        self.deciding = _Graph([condition.difference for condition in trace.conditions])
        self.free = list(dict.fromkeys([*self.ends.entries, *self.deciding.entries]))

    def near(self, radius: Fraction, rng: np.random.Generator) -> dict[Scalar, Any]:
        """A random point: every entry moves by so much of its size, in thousandths."""
        moves = rng.integers(-999, 1000, size=len(self.free))
        return {
            entry: _leaf(Fraction(entry.value) + Fraction(max(abs(entry.value), _SMALL)) * radius * int(move) / 1000)
            for entry, move in zip(self.free, moves, strict=True)
        }

    def decided_alike(self, assignment: Assignment) -> bool:
        values = self.deciding.values(assignment)
        return all(condition.holds(values[condition.difference]) for condition in self.conditions)

    def look(self, assignment: Assignment) -> _Look:
        values = self.ends.values(assignment)
        adjoints, terms = self.ends.adjoints(values, self.cost)
        zero = mpmath.mpf(0)
        every = (abs(x) for x in (*values.values(), *adjoints.values()) if mpmath.isfinite(x))
        return _Look(
            tuple(values[claim] for claim in self.claimed),
            tuple(adjoints.get(entry, zero) for entry in self.entries),
            tuple(terms.get(entry, zero) for entry in self.entries),
            max(every, default=zero),
        )

    def looks(self, rng: np.random.Generator, points: int) -> list[_Look]:
        """What is seen at random points, as far from the traced one as the conditions allow."""
        seen: list[_Look] = []
        for radius in _RADII:
            for _ in range(_DRAWS):
                point = self.near(radius, rng)
                if self.decided_alike(point):
                    look = self.look(point)
                    seen += [look] if look.finite else []
                if len(seen) == points:
                    return seen
        return seen


def agree(
    cost: Scalar,
    claimed: Sequence[Any],
    entries: Sequence[Scalar],
    trace: BranchLog,
    rng: np.random.Generator,
    *,
    points: int = 3,
) -> Agreement:
    """Whether each claimed derivative is that of the cost by its entry, at random points near the traced one.

    Raises Untraceable where the cost has no finite derivative at any of them. A claim that is finite at none is wrong.

    >>> x = Scalar.entry("x", (), 3.0)
    >>> agree(x**2, [x], [x], BranchLog(), np.random.default_rng(0)).entries
    (False,)
    """
    with mpmath.workdps(DIGITS + _GUARD):
        comparison = _Comparison(cost, [Scalar.of(claim) for claim in claimed], entries, trace)
        random = comparison.looks(rng, points)
        looks = random or [comparison.look({})]
        if not all(map(mpmath.isfinite, looks[0].derived)):
            raise Untraceable("the cost has no finite derivative near the traced point")
        tolerance = _ROUNDED if comparison.ends.rounded else _EQUAL
        equal = [look.equal(tolerance) for look in looks]
        return Agreement(
            tuple(map(all, zip(*equal, strict=True))),
            _first(equal, looks, entries),
            tuple(map(_short, looks[0].claimed)),
            tuple(map(_short, looks[0].derived)),
            len(random),
            comparison.ends.rounded,
        )


def _first(equal: list[list[bool]], looks: list[_Look], entries: Sequence[Scalar]) -> Difference | None:
    wrong = [(place, seen) for seen, line in enumerate(equal) for place, right in enumerate(line) if not right]
    if not wrong:
        return None
    place, seen = min(wrong)
    look = looks[seen]
    return Difference(place, entries[place], _short(look.claimed[place]), _short(look.derived[place]))
