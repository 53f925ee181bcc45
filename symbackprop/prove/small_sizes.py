"""Witnesses two and three: each step in numbers, at a random point of small sizes.

Both sides of a step are evaluated for every entry of W. The ∂C/∂W in them come from SymPy's derivatives of scalar
equations carried forward (exact, in 50 digits), or from finite differences of the network (nothing is derived).
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
from sympy import Basic

from symbackprop.backprop.tape import Section, Step, Tape
from symbackprop.expressions.derivative_symbols import ByEntry, Entrywise, Gradient, ScalarByEntry
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.evaluate import DIGITS, AtAKink, generic_point, small_sizes
from symbackprop.network.network import Network
from symbackprop.printing.text import text
from symbackprop.prove.jacobians import Slopes
from symbackprop.prove.outcome import Outcome, not_proved, proved, unclaimed
from symbackprop.prove.use_counts import partials_in


def prove_in_numbers(tape: Tape, kind: type[Slopes], digits: int, rng: np.random.Generator) -> list[Outcome]:
    """An outcome for each step of a tape; two sides are equal if they agree in so many digits."""
    with mpmath.workdps(DIGITS):
        try:
            point = generic_point(tape.network, rng)
        except AtAKink:
            return [unclaimed("no point was found away from the kinks")] * len(tape.steps)
        return list(_AtAPoint(tape, kind(point), digits).outcomes())


class _AtAPoint:
    def __init__(self, tape: Tape, slopes: Slopes, digits: int):
        self.tape = tape
        self.point = point = slopes.point
        self.slopes_of = slopes
        self.own: dict[Entrywise, Any] = {}
        self.tolerance = mpmath.mpf(10) ** -digits
        self.values = dict(point.values)
        for adjoint in tape.adjoints:
            self.values[adjoint.symbol] = point.value(adjoint.expression, self.values)

    def outcomes(self) -> Iterator[Outcome]:
        known: set[Basic] = {self.tape.cost.symbol}
        for section in self.tape.sections:
            known |= _starts(section)
            slopes = self.slopes_of(section.parameter, frozenset(known))
            yield from (self.outcome(step, slopes) for step in section.steps)
            known |= {p.of for step in section.steps for p in partials_in(step.before)} - {section.parameter}

    def outcome(self, step: Step, slopes: dict[Any, Any]) -> Outcome:
        about = step.before.of if isinstance(step.before, Gradient) else step.wrt
        try:
            before, after = (self.side(side, about, slopes) for side in (step.before, step.after))
        except ValueError as reason:  # NumPy's: shapes that do not fit
            return not_proved(f"it has no value: {reason}")
        if before.size != after.size:
            return not_proved(f"the sides have {before.size} and {after.size} entries")
        worst = max(range(before.size), key=lambda k: abs(before[k] - after[k]))
        scale = max(map(abs, (*before, *after, self.values[self.tape.cost.symbol])))
        if abs(before[worst] - after[worst]) <= self.tolerance * scale:
            return proved()
        index = np.unravel_index(worst, np.shape(self.point.values[about]))
        at = f"{text(about)}[{','.join(map(str, index))}]"
        left, right = (mpmath.nstr(side[worst], 8) for side in (before, after))
        return not_proved(f"at {sizes_in_words(self.tape.network)}, at {at}: {left} on the left, {right} on the right")

    def side(self, side: Any, about: Any, slopes: dict[Any, Any]) -> Any:
        """One side of a step: a number for each entry of what it is about."""
        if isinstance(side, Gradient):
            slopes = self.slopes_of(side.of)
            return np.ravel(slopes[side.cost]) if side.cost in slopes else 0 * np.ravel(self.values[side.of])
        if is_matrix(side):
            return np.ravel(self.point.value(side, dict(self.values)))
        return np.array(list(self.terms(side, np.size(self.values[about]), slopes)), dtype=object)

    def terms(self, side: Any, count: int, slopes: dict[Any, Any]) -> Iterator[Any]:
        """A sum of terms, for each entry of W; what does not change from entry to entry is evaluated once."""
        partials = side.atoms(ByEntry, ScalarByEntry)
        moving = set(partials)
        shared = self.values | {each: self.entrywise(each) for each in side.atoms(Entrywise)}
        for node in postorder(side):
            if not moving.isdisjoint(quantities(node)):
                moving.add(node)
            elif node not in moving:
                self.point.value(node, shared)
        for k in range(count):
            values = dict(shared)
            for partial in partials:
                still = 0 * self.values[partial.of]
                values[partial] = slopes[partial.of][..., k] if partial.of in slopes else still
            yield self.point.value(side, values)

    def entrywise(self, each: Entrywise) -> Any:
        """∂C/∂A, of each entry by the same entry."""
        if each not in self.own:
            slope = self.slopes_of(each.by)[each.of]
            shape = slope.shape[:-1]
            self.own[each] = np.diagonal(slope.reshape(slope.shape[-1], -1)).reshape(shape)
        return self.own[each]


def _starts(section: Section) -> set[Basic]:
    """What a section goes on from: the C of the first ∂J/∂W = Σ G ⊙ ∂C/∂W."""
    lines = (s for s in section.steps if isinstance(s.before, Gradient) and s.before.of == section.parameter)
    after = next(lines).after
    return set() if is_matrix(after) else {partial.of for partial in partials_in(after)}


def sizes_in_words(network: Network) -> str:
    """The sizes that the exact witness looks at, where they are not the network's own: `N=3, 784→4`."""
    sizes = small_sizes(network).items()
    chosen = [f"{size}→{n}" if size.is_Integer else f"{size}={n}" for size, n in sizes if size != n]
    return ", ".join(chosen) or "its own sizes"
