"""The witnesses `exact` and `numeric`, which evaluate each step in arbitrary precision at a random point.

A side such as Σ G ⊙ ∂C/∂W has a value for each entry of W. Both sides are compared along one random direction of W: two
sides that differ in any entry almost certainly differ along it too. The chain rule gives the ∂C/∂W from the derivatives
of single operations, by SymPy (`exact`) or by finite differences (`numeric`). All sizes are small.

A difference is a counterexample only if it remains in twice as many digits: a rounding error is not an error of a step.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

import mpmath
import numpy as np
from numpy.typing import NDArray

from symbackprop.backprop.step import Step
from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.derivative_symbols import PARTIALS, Entrywise, Gradient
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.evaluate import DIGITS, IN_DIGITS
from symbackprop.network.network import Network
from symbackprop.network.points import OTHER_SIZES, SIZES, AtAKink, generic_point, small_sizes
from symbackprop.printing.text import text
from symbackprop.prove.chain import Chain, Line, Move, terms_in
from symbackprop.prove.jacobians import Jacobians, Numbers
from symbackprop.prove.outcome import FAILURES, Outcome, not_proved, proved, unclaimed
from symbackprop.prove.use_counts import Recount, is_gradient, partials_in
from symbackprop.verdicts import Verdict

Held: TypeAlias = frozenset[Expression]  # quantities whose contribution is a term of its own
Values: TypeAlias = Mapping[Expression, Numbers]

_ROUNDED = 60  # digits, of twice as many, below which a difference may be rounding
_NO_POINT = "no random point was found away from the kinks"
_OTHER_NUMBERS = "the chain rule and a difference of the whole network give different numbers"


class Sides(NamedTuple):
    """The values of the two sides of a line."""

    before: NDArray[np.object_]
    after: NDArray[np.object_]

    def agree(self, digits: int, rounding: mpmath.mpf) -> bool:
        """Return True if so many digits agree, or if the difference is not larger than a rounding error."""
        scale = max(map(abs, (*self.before, *self.after)))
        worst = max(map(abs, self.before - self.after))
        return bool(worst <= max(scale * mpmath.mpf(10) ** -digits, rounding))

    @property
    def vanish(self) -> bool:
        """True if all values are 0, in which case their equality proves little."""
        return not any((*self.before, *self.after))


def prove_in_numbers(
    chain: Chain, kind: type[Jacobians], digits: int, rng: np.random.Generator, again: bool = False
) -> list[Outcome]:
    """Return an outcome for each line of a tape; two sides count as equal if `digits` digits agree.

    `again` compares them at other sizes, where two sides that are 0 prove nothing.
    """
    with mpmath.workdps(DIGITS):
        try:
            point = generic_point(chain.tape.network, rng, OTHER_SIZES if again else SIZES)
        except AtAKink:
            return [unclaimed(_NO_POINT)] * len(chain.lines)
        witness = _Witness(chain, kind(point), digits, rng)
        try:
            confirmed = witness.is_confirmed()
        except FAILURES:
            confirmed = False
        if not confirmed:
            return [unclaimed(_OTHER_NUMBERS)] * len(chain.lines)
        outcomes = list(witness.outcomes())
        if again:
            outcomes = [
                unclaimed("both sides are 0") if v else o for o, v in zip(outcomes, witness.vanished, strict=True)
            ]
        return outcomes


class _Witness:
    """The comparison of all lines of a tape at one point."""

    def __init__(self, chain: Chain, jacobians: Jacobians, digits: int, rng: np.random.Generator):
        self.chain = chain
        self.digits = digits
        self.names: dict[Expression, Expression] = {}  # the names that the lines have defined so far
        self.vanished: list[bool] = []  # for each line: are both of its sides 0?
        self.at = _AtAPoint(jacobians, chain.recount, self.names)
        (own,) = rng.spawn(1)  # so that the points do not depend on the directions
        self.directions = {w: _random(own, np.shape(self.at.values[w])) for w in chain.tape.network.parameters}

    @cached_property
    def finer(self) -> "_AtAPoint":
        """The same point in twice as many digits; it is needed only if two sides differ."""
        return _AtAPoint(self.at.jacobians.in_twice_the_digits(), self.chain.recount, self.names)

    def is_confirmed(self) -> bool:
        """Return True if the derivatives by the chain rule agree with a finite difference of the whole network."""
        adjoints = self.at.jacobians.adjoints
        terms = [np.sum(adjoints[w] * along) for w, along in self.directions.items() if w in adjoints]
        found = self.at.jacobians.difference_of_the_network(self.directions)
        rounding = self.at.largest() * mpmath.mpf(10) ** -10
        return bool(abs(sum(terms) - found) <= max(*map(abs, terms), abs(found), rounding) * mpmath.mpf(10) ** -20)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each line."""
        held: set[Expression] = {self.chain.tape.cost.symbol}
        for _, lines in self.chain.sections:
            readable = [line for line in lines if not line.unreadable]
            started = (line.step.after for line in readable if line.move is Move.START)
            held |= {partial.of for after in started for partial in partials_in(after)}
            for line in lines:
                yield self.outcome(line, frozenset(held))
            before = (partials_in(line.step.before) for line in readable)
            held |= {partial.of for partials in before for partial in partials if partial.of != partial.by}

    def outcome(self, line: Line, held: Held) -> Outcome:
        """Return the outcome of comparing the sides of a line, also with results that the tape states elsewhere."""
        self.vanished.append(False)
        if line.unreadable:
            return unclaimed(line.gap)
        if line.move is Move.NAME:
            self.names.setdefault(line.step.symbol, line.step.after)
        try:
            said = (self.compared(step, held) for step in (line.step, *line.elsewhere))
            return next((outcome for outcome in said if outcome.verdict != Verdict.RIGHT), proved())
        except FAILURES as failure:
            return unclaimed(f"it has no value at this point: {failure}")

    def compared(self, step: Step, held: Held) -> Outcome:
        """Return the outcome of comparing two sides; a difference counts if it remains in twice as many digits."""
        direction = self.directions[step.wrt]
        sides = self.at.sides(step, direction, held)
        self.vanished[-1] |= sides.vanish
        if sides.agree(self.digits, mpmath.mpf(0)):
            return proved()
        with mpmath.workdps(2 * DIGITS):
            rounding = self.finer.largest() * mpmath.mpf(10) ** -_ROUNDED
            if self.finer.sides(step, direction, held).agree(self.digits, rounding):
                return proved()
            return self.counterexample(step, held)

    def counterexample(self, step: Step, held: Held) -> Outcome:
        """Return the entry of a quantity at which the two sides differ most, with both values."""
        about = step.before.of if isinstance(step.before, Gradient) else step.wrt
        shape = np.shape(self.finer.values[about])
        if _is_entry_by_entry(step):
            before, after = self.finer.sides(step, self.directions[step.wrt], held)
        else:
            units = (_unit(shape, k) for k in range(int(np.prod(shape))))
            found = [self.finer.sides(step, unit, held) for unit in units]
            before, after = (np.concatenate([sides[side] for sides in found]) for side in (0, 1))
        worst = max(range(before.size), key=lambda k: abs(before[k] - after[k]))
        if before[worst] == after[worst]:
            return unclaimed("a side is not linear in its derivatives")
        index = np.unravel_index(worst, shape)
        at = f"{text(about)}[{','.join(map(str, index))}]" if shape else text(about)
        left, right = (mpmath.nstr(side[worst], 8) for side in (before, after))
        where = _in_words(self.finer.point.sizes)
        return not_proved(f"at {where}, at {at}: {left} on the left, {right} on the right")


class _AtAPoint:
    """The values of the sides of lines at one point, in the precision that is set."""

    def __init__(self, jacobians: Jacobians, recount: Recount, names: Mapping[Expression, Expression]):
        self.jacobians = jacobians
        self.point = jacobians.point
        self.values = dict(jacobians.values)
        self.recount = recount
        self.names = names
        self.elementwise: dict[Entrywise, Numbers] = {}
        self.chained: tuple[Expression | None, Numbers, Held, Values] = (None, mpmath.mpf(0), frozenset(), {})

    def sides(self, step: Step, direction: Numbers, held: Held) -> Sides:
        """Return the values of both sides of a line: all entries, or their sum along a direction of W."""
        for name, expression in self.names.items():
            if name not in self.values:
                self.values[name] = self._value(expression, {})
        if _is_entry_by_entry(step):
            before, after = (self._side(side, {}) for side in (step.before, step.after))
            return Sides(np.ravel(before), np.ravel(after))
        if self.chained[0] != step.wrt or self.chained[1] is not direction or self.chained[2] != held:
            self.chained = (step.wrt, direction, held, self.jacobians.tangents(step.wrt, direction, held))
        tangents = self.chained[3]
        along = [self._side_along(side, step.wrt, direction, tangents) for side in (step.before, step.after)]
        return Sides(*(np.array([number], dtype=object) for number in along))

    def _side_along(self, side: Expression, wrt: Expression, direction: Numbers, tangents: Values) -> mpmath.mpf:
        value = self._side(side, tangents)
        return np.sum(value * direction) if isinstance(side, Gradient) or is_gradient(side, wrt) else value

    def _side(self, side: Expression, tangents: Values) -> Numbers:
        if not isinstance(side, Gradient):
            return self._value(side, tangents)
        if side.of not in self.jacobians.varying:
            raise ValueError(f"{text(side.of)} does not depend on a parameter")
        return self.jacobians.adjoints.get(side.of, 0 * self.values[side.of])

    def _value(self, side: Expression, tangents: Values) -> Numbers:
        found: dict[Expression, Numbers] = {}
        for node in postorder(side, terms_in):
            if isinstance(node, Entrywise):
                found[node] = self._entrywise(node)
            elif isinstance(node, PARTIALS):
                found[node] = tangents.get(node.of, 0 * self.values[node.of])
            elif node in self.values:
                found[node] = self.values[node]
            else:
                found[node] = self.point.combined(node, [found[part] for part in quantities(node)], IN_DIGITS)
        return found[side]

    def largest(self) -> mpmath.mpf:
        """Return the largest number at this point, in absolute value."""
        return max(abs(entry) for value in self.values.values() for entry in np.ravel(value))

    def _entrywise(self, each: Entrywise) -> Numbers:
        """Return ∂C/∂A entry by entry, the derivative of each entry of C with respect to the same entry of A."""
        if each not in self.elementwise:
            node = self.recount.expression(each.of)
            partials = self.jacobians.differentiated(node, self.jacobians.parts[node])
            diagonal = {k: value for k, _, i, value in partials if k == i}
            entries = [diagonal.get(k, mpmath.mpf(0)) for k in range(np.size(self.values[node]))]
            self.elementwise[each] = np.array(entries, dtype=object).reshape(np.shape(self.values[node]))
        return self.elementwise[each]


def _is_entry_by_entry(step: Step) -> bool:
    """Return True for a line that gives ∂J/∂v itself, not a sum of terms with derivatives with respect to v."""
    if not isinstance(step.before, Gradient):
        return False
    return is_gradient(step.after, step.before.of) and is_matrix(step.before.of) == is_matrix(step.after)


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> Numbers:
    """Return random numbers of 53 bits."""
    return np.array([mpmath.mpf(x) for x in rng.normal(size=int(np.prod(shape)))], dtype=object).reshape(shape)


def _unit(shape: tuple[int, ...], k: int) -> Numbers:
    """Return zeros, but a 1 in entry k."""
    entries = [mpmath.mpf(int(i == k)) for i in range(int(np.prod(shape)))]
    return np.array(entries, dtype=object).reshape(shape)


def sizes_in_words(network: Network) -> str:
    """Return the sizes of the random points that are not the network's own, such as `N=3, 784→4`."""
    return _in_words(small_sizes(network))


def _in_words(sizes: Mapping[Size, int]) -> str:
    chosen = [f"{size}→{n}" if size.is_Integer else f"{size}={n}" for size, n in sizes.items() if size != n]
    return ", ".join(chosen) or "the network's own sizes"
