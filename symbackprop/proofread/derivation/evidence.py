"""The evidence on a line: the facts from which the policy decides. Nothing here gives a verdict.

The facts about lines that hold or make no claim are in `line_facts`; here are those about lines that fail.
"""

from dataclasses import dataclass
from functools import cached_property

from symbackprop.kinds import MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import is_about_slopes
from symbackprop.parsing.syntax_tree import Name, walk
from symbackprop.proofread.derivation import doubts, surroundings
from symbackprop.proofread.derivation.factors import factor_words, size_words
from symbackprop.proofread.derivation.judge import has_same_value, judge, judge_side, judge_within
from symbackprop.proofread.derivation.line_facts import LineFacts, is_slope, yes
from symbackprop.proofread.derivation.own_functions import defines_as_usual
from symbackprop.proofread.derivation.penalties import without_penalties
from symbackprop.proofread.derivation.reading import POINTS, Setting
from symbackprop.proofread.derivation.repair import MOST_EDITS, RepairedLine, find_repair
from symbackprop.proofread.derivation.subjects import (
    computes,
    counts_examples,
    has_gradients,
    has_jacobian,
    is_adjoint_line,
    is_cost,
    is_gradient_line,
    sets_gradient_to_zero,
)
from symbackprop.proofread.interpreter.adjoint_marks import ADJOINTS
from symbackprop.proofread.interpreter.network_at_point import ONE_EXAMPLE, UNITS
from symbackprop.proofread.interpreter.quantities import call_parts

_UNEXPLAINED = "no single change explains it"
_ENOUGH = 0.75  # of the other lines must hold where no repair explains a line that fails
_LAYOUT = {MistakeKind.TRANSPOSE, MistakeKind.ORDER, MistakeKind.PRODUCT}
_WELL_KNOWN = {"sigma", "tanh", "relu", "sigmoid", "softmax", "ReLU"}


@dataclass(frozen=True)
class Evidence(LineFacts):
    """All facts about a line, each computed when the policy asks."""

    # conventions

    @property
    def shared_convention(self) -> str:
        """All gradients of the document differ from the derived ones in the same convention."""
        return self.convention if is_gradient_line(self.reading, self.index) else ""

    @property
    def usual_factor(self) -> str:
        """An adjoint, or the cost of a document without gradients, differs by a usual factor."""
        ratio = self.bad.ratio if self.bad is not None else None
        is_cost_alone = is_cost(self.reading, self.left) and not has_gradients(self.reading)
        if ratio is None or not (is_cost_alone or is_adjoint_line(self.reading, self.index)):
            return ""
        return factor_words(self.reading, ratio) if is_cost_alone else size_words(self.reading, ratio)

    @property
    def factor_of_others(self) -> str:
        """Several gradients differ by this factor, which counts examples, and no other line settles another one."""
        ratio = self.bad.ratio if self.bad is not None else None
        if ratio is None or not counts_examples(self.reading, *self.sides):
            return ""
        return size_words(self.reading, ratio) if doubts.shares_factor(self.reading, ratio) else ""

    @property
    def factor_of_stated_cost(self) -> str:
        """A derivative of the cost differs by a positive factor, as does a cost that the document states."""
        ratio = self.bad.ratio if self.bad is not None else None
        is_slope_of_cost = isinstance(self.left, tree.Partial) and is_cost(self.reading, self.left.of)
        return doubts.other_cost_with_ratio(self.reading, ratio) if is_slope_of_cost and ratio and ratio > 0 else ""

    @property
    def factor_at_minimum(self) -> str:
        """A gradient that is set to 0 differs by a factor alone."""
        if self.bad is None or not sets_gradient_to_zero(self.reading, self.index):
            return ""
        kinds = set() if self.repair is None else set(self.repair.mistake.kinds)
        return yes(bool(kinds) and kinds <= {MistakeKind.NUMBER, MistakeKind.MEAN})

    @property
    def holds_for_numbers(self) -> str:
        """Shapes do not fit, but the line, in small letters without transposes, holds for one input and one unit."""
        is_plain = self.bad is not None and self.bad.is_mismatch and doubts.is_of_numbers(self.reading, self.index)
        return yes(is_plain and bool(judge_within(self.reading, UNITS, self.index, self.left, self.side).holds))

    @property
    def holds_for_one_example(self) -> str:
        """The line holds for one example, counts no examples, and has indices or a text that says so."""
        sides = self.left, self.side
        if self.statement.kind == "numpy" or counts_examples(self.reading, *sides):
            return ""
        if not (surroundings.index_letters(*sides) or surroundings.is_of_one_example(self.reading, self.index)):
            return ""
        return yes(bool(judge_within(self.reading, ONE_EXAMPLE, self.index, *sides).holds))

    @property
    def holds_in_layout_of_section(self) -> str:
        """The line holds in another layout, in which more of the other lines of its section hold."""
        return surroundings.layout_of_section(self.reading, self.index)

    @property
    def is_turned(self) -> str:
        """A derivative of the cost is the transpose of the right one: of a vector, or where no line settles the layout.

        Many texts write the derivative with respect to a column as a row, and gradients of matrices in their shape.
        """
        is_slope = isinstance(self.left, tree.Partial) and is_cost(self.reading, self.left.of)
        if self.bad is None or not self.bad.is_transposed or not is_slope:
            return ""
        return yes(self._is_of_vector or not surroundings.settles_layout(self.reading, self.index))

    @property
    def _is_of_vector(self) -> bool:
        evaluator = self.reading.own_evaluator
        found = [] if evaluator is None else evaluator.attempt(self.left)
        return bool(found) and all(1 in value.shape for value in found)

    # other meanings

    @property
    def given_quantity(self) -> str:
        """The left side is an input, a target or a parameter of the network."""
        if not isinstance(self.left, Name) or self.statement.update is not None:
            return ""
        return self.left.source if self.reading.quantity(self.left) in set(self.reading.network.arguments) else ""

    @property
    def new_value(self) -> str:
        """Code assigns to a name of its own again."""
        before = self.reading.statements[: self.index]
        if self.statement.kind != "numpy" or not isinstance(self.left, Name):
            return ""
        is_own = self.reading.quantity(self.left) is None and self.index not in self.reading.definitions
        again = any(other.kind == "numpy" and other.sides[:1] == (self.left,) for other in before)
        return self.left.source if is_own and again else ""

    @property
    def hypothesis(self) -> str:
        """The sentence before a line without derivatives only supposes it."""
        is_forward = not any(map(is_about_slopes, self.sides))
        return surroundings.supposition(self.reading, self.index) if is_forward else ""

    @property
    def numbers_layers(self) -> str:
        """The line fails, and numbers layers, of which the network has one."""
        return "" if self.bad is None else doubts.numbers_layers(self.reading, self.sides)

    @property
    def own_left_side(self) -> str:
        """A derivative stands on both sides of its equation."""
        is_slope = isinstance(self.left, tree.Partial)
        return self.left.source if is_slope and self.left in walk(self.side) else ""

    @property
    def usual_function(self) -> str:
        """The line defines what its letter usually denotes, as σ the sigmoid."""
        return self.left.source if defines_as_usual(self.reading, self.index) else ""

    @property
    def alternatives(self) -> str:
        """The document says several things of one function or one quantity of the network; a δ has one value."""
        if any(map(is_about_slopes, self.sides)) or (isinstance(self.left, Name) and self.left.base in ADJOINTS):
            return ""
        others = surroundings.said_otherwise(self.reading, self.index)
        is_function = self.index in self.reading.function_definitions
        failing = [k for k in others if judge(self.reading, k).holds is not True]
        if not others or self.statement.kind == "numpy":
            return ""
        return self.left.source if failing or (is_function and self.repair is None) else ""

    @property
    def not_the_networks(self) -> str:
        """A line without derivatives fails, and no repair makes it the network's; f may be any function."""
        is_forward = isinstance(self.left, Name) and self.left.base not in ADJOINTS
        is_forward = is_forward and not any(map(is_about_slopes, self.sides))
        is_own_function = self.index in self.reading.function_definitions and not self._is_well_known
        is_other_cost = self.bad is not None and self.bad.is_mismatch
        if is_cost(self.reading, self.left) and not is_other_cost:
            return ""
        return self.left.source if is_forward or is_own_function else ""

    @property
    def other_layout(self) -> str:
        """A line without derivatives says what the network computes, with its factors in another layout."""
        is_forward = not any(map(is_about_slopes, self.sides)) and isinstance(self.left, Name)
        is_said_twice = any(judgment.holds for judgment in self.judgments)
        if not is_forward or is_said_twice or self.repair is None or not computes(self.reading, self.left):
            return ""
        return self.left.source if _LAYOUT.issuperset(self.repair.mistake.kinds) else ""

    @property
    def states_chain_rule(self) -> str:
        """Only a product of derivatives ∂A/∂B fails, for its layout alone, and its result on another side holds."""
        pairs = list(zip(self.sides[1:], self.judgments, strict=False))
        is_chain = [has_jacobian(self.reading, side, side) for side, _ in pairs]
        if not is_chain.count(True) or not is_chain.count(False) or self.repair is None:
            return ""
        results = [judgment.holds for (_, judgment), chained in zip(pairs, is_chain, strict=True) if not chained]
        return yes(all(results) and _LAYOUT.issuperset(self.repair.mistake.kinds))

    @property
    def sums_paths(self) -> str:
        """A term of ∂A/∂B is missing or too much in a sum of such terms: each may hold other quantities fixed."""
        is_sum = isinstance(self.side, tree.Add) and len(self.side.terms) > 1
        if not is_sum or not has_jacobian(self.reading, self.side, self.side) or self.repair is None:
            return ""
        return yes(not {MistakeKind.MISSING_TERM, MistakeKind.EXTRA_TERM}.isdisjoint(self.repair.mistake.kinds))

    @property
    def vanishes(self) -> str:
        """The derivative on the left is 0: the network's quantity does not depend on what it is by."""
        if self.condition is not None or not isinstance(self.left, tree.Partial):
            return ""
        scope = Setting(self.reading.interpretation.scope)
        evaluators = [self.reading.evaluator(scope, point) for point in range(POINTS)]
        found = [value for one in evaluators if one is not None for value in one.attempt(self.left)]
        return self.left.source if found and not any(value.array.any() for value in found) else ""

    @property
    def implied_sum(self) -> str:
        """An index is repeated without a sum, in a text that leaves such sums out."""
        return doubts.implied_sum(self.reading, self.sides)

    @property
    def of_few_examples(self) -> str:
        """The line lists entries by their numbers, and no change explains why it fails: it is of so many alone."""
        return doubts.numbers_examples(self.reading, self.side) if self.repair is None else ""

    @property
    def contested(self) -> str:
        """About as many lines of its section fail as hold."""
        return doubts.contest(self.reading, self.index, self.minus)

    @property
    def _is_well_known(self) -> bool:
        return any(isinstance(part, Name) and part.base in _WELL_KNOWN for part in walk(self.left))

    # lines that fail

    @cached_property
    def repeats_line(self) -> str:
        """The number of an earlier wrong line that claims the same value of the same quantity."""
        same = (
            str(line.number)
            for line in self.wrong
            if line.sides[0] == self.left
            and any(has_same_value(self.reading, self.index, claimed, self.side) for claimed in line.sides[1:])
        )
        return next(same, "")

    @cached_property
    def repair(self) -> RepairedLine | None:
        """The single change after which the line holds, under the condition that the text says."""
        most = MOST_EDITS // (1 + len(self.wrong) ** 2)
        if self.condition is not None:
            condition, other, _ = self.condition
            return find_repair(other, self.index, self.left, self.side, most=most, where=condition.of)
        heads = Name | tree.Partial | tree.Differential
        is_definition = isinstance(self.left, heads) or self.index in self.reading.function_definitions
        if isinstance(self.side, Name) and not is_definition:
            return find_repair(self.reading, self.index, self.side, self.left, most=most)  # X w + b = z
        return find_repair(self.reading, self.index, self.left, self.side, most=most)

    @property
    def doubtful_shapes(self) -> str:
        """Shapes do not fit, and it is not sure that this is the mistake."""
        reason = "" if self.bad is None else self.bad.reason
        if not reason:
            return ""
        if self.repair is None:
            return "" if self._is_surely_mismatch else reason
        if MistakeKind.SIGN in self.repair.mistake.kinds:
            return ""  # with the other sign, the shapes fit
        adds = "too much" in self.repair.mistake.words or "missing" in self.repair.mistake.words
        drops_index = bool(self.bad and self.bad.lone_index) and "too much" in self.repair.mistake.words
        turns = set(self.repair.mistake.kinds) <= {MistakeKind.TRANSPOSE, MistakeKind.ORDER}
        # in the chain rule as it is usually written, factors have no definite order
        is_doubtful = drops_index or ((adds or turns) and has_jacobian(self.reading, self.left, self.side))
        return reason if is_doubtful else ""

    @property
    def cost_without_sum(self) -> str:
        """Shapes do not fit, and a cost in the line is an array in this document, where a sum may be implied."""
        is_mismatch = self.bad is not None and bool(self.bad.reason)
        return doubts.cost_that_is_an_array(self.reading, self.sides) if is_mismatch else ""

    @property
    def other_cost(self) -> str:
        """The line names a cost with an index, which the network has not, and holds for another quantity alone."""
        is_other = self.repair is not None and MistakeKind.QUANTITY in self.repair.mistake.kinds
        return doubts.cost_with_index(self.reading, self.sides) if is_other else ""

    @property
    def repaired(self) -> str:
        """A single change of the line makes it hold."""
        return yes(self.repair is not None)

    @property
    def rest_of_gradient(self) -> str:
        """The gradient holds for the cost without its penalties, and another line of the document states the whole."""
        whole = surroundings.whole_gradient(self.reading, self.index)
        of_data = without_penalties(self.reading) if whole else None
        if of_data is None:
            return ""
        return whole if judge_side(of_data, self.index, self.left, self.side).holds else ""

    @property
    def doubtful_name(self) -> str:
        """A name has no meaning but as an other name of a quantity that the document calls by its own name, too."""
        return doubts.doubtful_name(self.reading, self.sides)

    @property
    def lacks_support(self) -> str:
        """No repair explains the failure, and too little of the document holds."""
        if self._is_well_known and self.index in self.reading.function_definitions:
            return ""
        is_alone = surroundings.number_of_others(self.reading, self.index) == 0
        is_certain = is_slope(self.left) or is_cost(self.reading, self.left)
        few = self._share_of_others < _ENOUGH and not (is_alone and is_certain)
        cause = "the search for the cause took too many steps" if self.reading.points.budget.is_spent else _UNEXPLAINED
        return f"{cause}, and too little of the rest is understood" if few else ""

    @property
    def fails(self) -> str:
        """The line fails."""
        reason = "" if self.bad is None else self.bad.reason
        return reason or " "

    @cached_property
    def _share_of_others(self) -> float:
        """The share of the other claims of the document that hold."""
        return surroundings.share_that_holds(self.reading, self.index)

    @property
    def _is_surely_mismatch(self) -> bool:
        """True if a shape mismatch must be a mistake: the line has no indices, and most other lines hold.

        A formula of a function, f(z) or f′(z), is about numbers, which have no shape.
        """
        parts = [part for side in self.sides for part in walk(side)]
        has_indices = any(
            isinstance(part, tree.Summation | tree.Entry) or (isinstance(part, Name) and part.script_letters)
            for part in parts
        )
        partials = [part for part in parts if isinstance(part, tree.Partial)]
        return (
            not has_indices
            and not call_parts(self.left)[1]
            and all(is_cost(self.reading, partial.of) for partial in partials)
            and surroundings.number_of_others(self.reading, self.index) > 1
            and self._share_of_others >= _ENOUGH
        )
