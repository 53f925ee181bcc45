"""The other two witnesses, which evaluate each step in arbitrary precision at a random point with small sizes.

Both sides of a step are evaluated for every entry of W. The ∂C/∂W in them come from forward-mode differentiation of
scalar equations by SymPy (`exact`), or from finite differences of the network (`numeric`), without symbolic
differentiation.
"""

from collections.abc import Iterator

import mpmath
import numpy as np
from numpy.typing import NDArray

from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Section, Tape
from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.derivative_symbols import ByEntry, Entrywise, Gradient, ScalarByEntry
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.evaluate import DIGITS, AtAKink, generic_point, small_sizes
from symbackprop.network.network import Network
from symbackprop.printing.text import text
from symbackprop.prove.jacobians import ByQuantity, Jacobians, Numbers
from symbackprop.prove.outcome import Outcome, not_proved, proved, unclaimed
from symbackprop.prove.use_counts import partials_in


def prove_in_numbers(tape: Tape, kind: type[Jacobians], digits: int, rng: np.random.Generator) -> list[Outcome]:
    """Return an outcome for each step of a tape; two sides are considered equal if `digits` digits agree."""
    with mpmath.workdps(DIGITS):
        try:
            point = generic_point(tape.network, rng)
        except AtAKink:
            return [unclaimed("no random point was found away from the kinks")] * len(tape.steps)
        return list(_AtAPoint(tape, kind(point), digits).outcomes())


class _AtAPoint:
    def __init__(self, tape: Tape, jacobians: Jacobians, digits: int):
        self.tape = tape
        self.point = point = jacobians.point
        self.jacobians = jacobians
        self.elementwise: dict[Entrywise, Numbers] = {}
        self.tolerance = mpmath.mpf(10) ** -digits
        self.values = dict(point.values)
        for adjoint in tape.adjoints:
            self.values[adjoint.symbol] = point.value(adjoint.expression, self.values)

    def outcomes(self) -> Iterator[Outcome]:
        known: set[Expression] = {self.tape.cost.symbol}
        for section in self.tape.sections:
            known |= _starts(section)
            partials = self.jacobians(section.parameter, frozenset(known))
            yield from (self.outcome(step, partials) for step in section.steps)
            known |= {p.of for step in section.steps for p in partials_in(step.before)} - {section.parameter}

    def outcome(self, step: Step, partials: ByQuantity) -> Outcome:
        about = step.before.of if isinstance(step.before, Gradient) else step.wrt
        try:
            before, after = (self.side(side, about, partials) for side in (step.before, step.after))
        except ValueError as reason:  # from NumPy: shapes that do not fit
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

    def side(self, side: Expression, about: Expression, partials: ByQuantity) -> NDArray[np.object_]:
        """Return one side of a step as numbers, one for each entry of the quantity that the step is about."""
        if isinstance(side, Gradient):
            found = self.jacobians(side.of)
            return np.ravel(found[side.cost]) if side.cost in found else 0 * np.ravel(self.values[side.of])
        if is_matrix(side):
            return np.ravel(self.point.value(side, dict(self.values)))
        return np.array(list(self.terms(side, np.size(self.values[about]), partials)), dtype=object)

    def terms(self, side: Scalar, count: int, partials: ByQuantity) -> Iterator[mpmath.mpf]:
        """Yield the value of a sum of terms for each entry of W, evaluating parts equal for all entries only once."""
        symbols = side.atoms(ByEntry, ScalarByEntry)
        varying = set(symbols)
        shared = self.values | {each: self.entrywise(each) for each in side.atoms(Entrywise)}
        for node in postorder(side):
            if not varying.isdisjoint(quantities(node)):
                varying.add(node)
            elif node not in varying:
                self.point.value(node, shared)
        for k in range(count):
            values = dict(shared)
            for symbol in symbols:
                constant = 0 * self.values[symbol.of]
                values[symbol] = partials[symbol.of][..., k] if symbol.of in partials else constant
            yield self.point.value(side, values)

    def entrywise(self, each: Entrywise) -> Numbers:
        """Return ∂C/∂A entry by entry, the derivative of each entry of C with respect to the same entry of A."""
        if each not in self.elementwise:
            jacobian = self.jacobians(each.by)[each.of]
            *shape, entries = jacobian.shape
            self.elementwise[each] = np.diagonal(jacobian.reshape(entries, -1)).reshape(shape)
        return self.elementwise[each]


def _starts(section: Section) -> set[Expression]:
    """Return the quantities C in the first line ∂J/∂W = Σ G ⊙ ∂C/∂W of a section."""
    lines = (s for s in section.steps if isinstance(s.before, Gradient) and s.before.of == section.parameter)
    after = next(lines).after
    return set() if is_matrix(after) else {partial.of for partial in partials_in(after)}


def sizes_in_words(network: Network) -> str:
    """Return the sizes of the random points that are not the network's own, such as `N=3, 784→4`."""
    sizes = small_sizes(network).items()
    chosen = [f"{size}→{n}" if size.is_Integer else f"{size}={n}" for size, n in sizes if size != n]
    return ", ".join(chosen) or "the network's own sizes"
