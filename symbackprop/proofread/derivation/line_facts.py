"""The first facts about a line: whether it holds, under which condition, and whether it makes a claim at all.

Each fact is a property with a text, which is "" if the fact does not apply; it is computed when the policy asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import Statement, is_about_slopes
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation import doubts, minimum, surroundings
from symbackprop.proofread.derivation.conditions import Condition, conditions_of, under
from symbackprop.proofread.derivation.factors import factor_words
from symbackprop.proofread.derivation.judge import judge_side, judge_within
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.subjects import (
    assigns_number,
    is_adjoint_line,
    is_cost,
    is_given_name,
    is_gradient_line,
    may_hold_at_minimum,
    transposes_gradients_alone,
)
from symbackprop.proofread.derivation.worked_numbers import WITHOUT_ARITHMETIC
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.network_at_point import ALL, UNITS

_AT_MINIMUM = "it may hold only at a minimum, where the gradient is 0, which is not checked"
_UNDER_CONDITION = "it may hold under the condition that follows it in the text, which is not read"


@dataclass(frozen=True)
class Wrong:
    """A wrong line of the report: its number, and its sides."""

    number: int
    sides: tuple[Node, ...]


@dataclass(frozen=True)
class LineFacts:
    """The first facts about a line, each computed when the policy asks.

    Args:
        reading: the document.
        index: the statement.
        judgments: of its sides, each compared with the first one.
        convention: a convention that explains all differences from the derived gradients, or "".
        wrong: the lines before it that are wrong.
        minus: the letters that stand for minus the network's cost.
    """

    reading: DocumentReading
    index: int
    judgments: Sequence[Judgment]
    convention: str = ""
    wrong: Sequence[Wrong] = ()
    minus: frozenset[str] = frozenset()

    @cached_property
    def statement(self) -> Statement:
        """The statement."""
        return self.reading.statements[self.index]

    @cached_property
    def sides(self) -> tuple[Node, ...]:
        """The sides that the statement equates."""
        return self.reading.sides(self.index)

    @property
    def left(self) -> Node:
        """The first side, with which the others are compared."""
        return self.sides[0]

    @cached_property
    def bad(self) -> Judgment | None:
        """The judgment of the first side that fails."""
        return next((judgment for judgment in self.judgments if judgment.holds is False), None)

    @cached_property
    def side(self) -> Node:
        """The side that fails; if none does, the first that is not understood."""
        pairs = list(zip(self.sides[1:], self.judgments, strict=False))
        order = (False, None, True)
        return min(pairs, key=lambda pair: order.index(pair[1].holds))[0]

    # lines that hold

    @property
    def holds(self) -> str:
        """All sides are equal."""
        return yes(all(judgment.holds for judgment in self.judgments))

    @property
    def holds_at_minimum(self) -> str:
        """The line follows from a gradient that is set to 0: a normal equation, or where the minimum is."""
        if all(judgment.holds and not judgment.is_definition for judgment in self.judgments):
            return ""
        return yes(minimum.states_condition(self.reading, self.index) or self._is_at_minimum is True)

    @property
    def misses_minimum(self) -> str:
        """The line says where a gradient is 0, which it is not there."""
        return self.left.source if self._is_at_minimum is False else ""

    @cached_property
    def _is_at_minimum(self) -> bool | None:
        return minimum.is_at_minimum(self.reading, self.index)

    @property
    def only_defines(self) -> str:
        """The line says what its left side means, and nothing else."""
        return yes(all(judgment.holds and judgment.is_definition for judgment in self.judgments))

    @property
    def holds_by_convention(self) -> str:
        """The conventions of the document under which the line holds."""
        reading, index, interpretation = self.reading, self.index, self.reading.interpretation
        if not self.holds:
            return ""
        found = []
        if interpretation.cost_scale != 1 and is_cost(reading, self.left):
            found.append(f"the network's cost is stated {factor_words(reading, interpretation.cost_scale)}")
        if interpretation.adjoint_scale != 1 and is_adjoint_line(reading, index):
            found.append(f"the adjoints ∂J/∂v are stated {factor_words(reading, interpretation.adjoint_scale)}")
        if index in reading.odd_scales:
            scale = reading.odd_scales[index]
            words = factor_words(reading, scale) or f"up to the factor {scale:.6g}"
            found.append(f"it is ∂J/∂v {words}, and no gradient shows that this factor is meant")
        if is_gradient_line(reading, index) and transposes_gradients_alone(reading):
            found.append("right in transposed layout")
        return "; ".join(found)

    @cached_property
    def _letter(self) -> str:
        return doubts.cost_letter(self.reading, self.index) if self.minus else ""

    @property
    def lacks_minus(self) -> str:
        """The line holds for the cost, but its letter stands for minus the cost in the rest of the document."""
        return self._letter if self.holds and not self.only_defines and self._letter in self.minus else ""

    @property
    def is_of_minus_cost(self) -> str:
        """The line is about a letter that stands for minus the network's cost, and holds with the other sign."""
        if self.bad is None or self._letter not in self.minus:
            return ""
        opposite = tree.Add(terms=(self.side,), signs=(-1,))
        return self._letter if judge_side(self.reading, self.index, self.left, opposite).holds else ""

    @property
    def holds_without_batch(self) -> str:
        """A gradient holds for one example, although the text that leads to it speaks of a batch."""
        reading, index = self.reading, self.index
        is_of_one = any(judgment.reading not in {ALL, ""} for judgment in self.judgments)
        is_gradient = self.holds and is_of_one and is_gradient_line(reading, index)
        if not is_gradient or not surroundings.is_of_batch(reading, index):
            return ""
        judgments = [judge_within(reading, ALL, index, self.left, side) for side in self.sides[1:]]
        bad = next((judgment for judgment in judgments if judgment.holds is False and not judgment.reason), None)
        return "" if bad is None else factor_words(reading, bad.ratio) or "another value"

    @property
    def holds_for_one_unit(self) -> str:
        """The line holds for one unit alone, and two of its factors do not fit for more."""
        if not self.holds:
            return ""
        of_units = [side for side, one in zip(self.sides[1:], self.judgments, strict=False) if one.reading == UNITS]
        found = (doubts.factors_that_do_not_fit(self.reading, self.index, side) for side in of_units)
        return next(filter(None, found), "")

    # conditions

    @cached_property
    def condition(self) -> tuple[Condition, DocumentReading, bool] | None:
        """The condition that the text says of a line, the document read under it, and whether the line then holds."""
        first = None
        if self.holds or any(judgment.is_hopeless for judgment in self.judgments):
            return None
        for condition in conditions_of(self.reading, self.index):
            other = under(self.reading, condition)
            if other is None:
                continue
            found = [
                judge_side(other, self.index, condition.of(self.left), condition.of(side)).holds
                for side in self.sides[1:]
            ]
            if all(found):
                return condition, other, True
            is_of_line = condition.relation is not None or any(isinstance(side, tree.Cases) for side in self.sides)
            if first is None and False in found and is_of_line:
                first = condition, other, False
        return first

    @property
    def holds_under_condition(self) -> str:
        """The line holds under the condition that the text says."""
        return self.condition[0].words if self.condition is not None and self.condition[2] else ""

    @property
    def holds_for_class(self) -> str:
        """The line holds where an index is the class of the example, or is not, and its section speaks of classes."""
        label = self.reading.symbols.label()
        if self.bad is None or label is None or not surroundings.speaks_of_classes(self.reading, self.index):
            return ""
        if any(isinstance(part, tree.Indicator) or part == label for part in _without_scripts(self.side)):
            return ""  # the line itself tells the classes apart
        for letter in sorted(surroundings.index_letters(self.left)):
            for sign, words in (("!=", "is not"), ("=", "is")):
                relation = tree.Relation(left=Name(base=letter), sign=sign, right=label)
                condition = Condition(relation, f"{letter} {words} the class of the example")
                left, right = condition.of(self.left), condition.of(self.side)
                if judge_side(self.reading, self.index, left, right).holds:
                    return condition.words
        return ""

    @property
    def holds_on_part(self) -> str:
        """The line holds on the diagonal, or off it, although the text does not say so."""
        if self.condition is not None or self.bad is None:
            return ""
        letters = sorted(surroundings.index_letters(self.left) & self._free_indices)
        for sign, words in (("=", "="), ("!=", "≠")):
            for one, other in [(a, b) for a in letters for b in letters if a < b]:
                relation = tree.Relation(left=Name(base=one), sign=sign, right=Name(base=other))
                condition = Condition(relation, f"{one} {words} {other}")
                left, right = condition.of(self.left), condition.of(self.side)
                if judge_side(self.reading, self.index, left, right).holds:
                    return condition.words
        return ""

    @property
    def _free_indices(self) -> set[str]:
        evaluator = self.reading.own_evaluator
        found = [] if evaluator is None else [v for side in self.sides for v in evaluator.attempt(side)]
        return {index for value in found for index in value.indices}

    # lines that say nothing that could be checked

    @property
    def states_sizes(self) -> str:
        """All names are sizes of the network: K×D times D×1, k = n."""
        sizes = set(self.reading.network.dimensions)
        names = [part for side in self.sides for part in walk(side) if isinstance(part, Name)]
        own = [self.reading.quantity(name) for name in names]
        return yes(not self.holds and bool(names) and all(symbol in sizes for symbol in own))

    @property
    def gives_given_number(self) -> str:
        """The left side is given to the network, or has no meaning in it, and the right side is a bare number."""
        if len(self.sides) != 2 or not isinstance(self.side, tree.Number) or self.statement.is_conditional:
            return ""
        return yes(self.holds == "" and is_given_name(self.reading, self.left))

    @property
    def leaves_out(self) -> str:
        """There are only dots on the right side."""
        return yes(all(isinstance(side, tree.Dots) for side in self.sides[1:]))

    @property
    def gives_number(self) -> str:
        """The right side is a bare number, and the left side is not a derivative."""
        is_given = not isinstance(self.left, tree.Number) and isinstance(self.side, tree.Number)
        return yes(is_given and not any(map(is_slope, self.sides)))

    @property
    def general_chain_rule(self) -> str:
        """The line states the chain rule dy/dx = dy/dg dg/dx, of a function that is not known."""
        unknown = any(judgment.holds is None for judgment in self.judgments)
        return yes(unknown and len(self.sides) == 2 and doubts.is_chain_rule(*self.sides))

    @property
    def is_not_understood(self) -> str:
        """No side fails, but one has no known value."""
        unknown = next((judgment for judgment in self.judgments if judgment.holds is None), None)
        return "" if self.bad is not None or unknown is None else unknown.reason or "it has no value here"

    @property
    def may_be_no_claim(self) -> str:
        """The line may be a condition, hold at a minimum, or set a number."""
        if self.statement.is_conditional:
            return _UNDER_CONDITION
        if may_hold_at_minimum(self.reading, self.index):
            return _AT_MINIMUM
        return WITHOUT_ARITHMETIC if assigns_number(self.reading, self.sides[0], self.sides[-1]) else ""


def is_slope(side: Node) -> bool:
    """Return True for a formula with a derivative, ∂a/∂z or f′(z)."""
    return is_about_slopes(side) or any(isinstance(part, tree.Prime) for part in walk(side))


def _without_scripts(side: Node) -> Iterator[Node]:
    """Yield the parts of a formula, with names without their scripts."""
    return (Name(base=part.base) if isinstance(part, Name) else part for part in walk(side))


def yes(applies: bool) -> str:
    """Return the text of a fact that says no more than that it applies."""
    return "yes" if applies else ""
