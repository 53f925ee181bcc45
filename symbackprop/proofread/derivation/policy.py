"""The policy: which verdict a line gets, as a table of facts, of which the first that applies decides.

A fact is a property of `Evidence`: a text, which is "" if the fact does not apply. The last column is what the
report says; {} stands for the text of the fact.
"""

from typing import NamedTuple

from symbackprop.proofread.derivation.evidence import Evidence
from symbackprop.proofread.derivation.report import LineVerdict

_RIGHT, _WRONG, _CONVENTION = LineVerdict.RIGHT, LineVerdict.WRONG, LineVerdict.CONVENTION
_NOT_UNDERSTOOD, _NO_CLAIM = LineVerdict.NOT_UNDERSTOOD, LineVerdict.NO_CLAIM
_DEFINED, _ANOTHER = LineVerdict.DEFINED_HERE, LineVerdict.ANOTHER_MEANING


class Rule(NamedTuple):
    """A row of the policy: a fact, the verdict if it applies, and the words of the report."""

    fact: str
    verdict: LineVerdict
    said: str


POLICY = (
    Rule("lacks_minus", _NOT_UNDERSTOOD, "it holds for the network's cost, of which {} is the negative elsewhere here"),
    Rule("holds_by_convention", _CONVENTION, "{}"),
    Rule("holds_at_minimum", _RIGHT, "it holds at the minimum, where the gradient is 0"),
    Rule("misses_minimum", _WRONG, "the gradient is not 0 for this {}"),
    Rule("only_defines", _DEFINED, ""),
    Rule("holds_without_batch", _CONVENTION, "right for one example; for the batch that the text speaks of, {}"),
    Rule("holds_for_one_unit", _NOT_UNDERSTOOD, "it holds for one unit; for more, {} do not fit as they stand"),
    Rule("holds", _RIGHT, ""),
    Rule("holds_under_condition", _RIGHT, "it holds where {}, as the text says"),
    Rule("is_of_minus_cost", _CONVENTION, "right for {}, which is read as minus the network's cost"),
    Rule("states_sizes", _NO_CLAIM, "it states sizes"),
    Rule("gives_given_number", _NO_CLAIM, "it gives a number"),
    Rule("leaves_out", _NO_CLAIM, "its right side is left out"),
    Rule("general_chain_rule", _NO_CLAIM, "it states the chain rule of functions that are not the network's"),
    Rule("is_not_understood", _NOT_UNDERSTOOD, "{}"),
    Rule("may_be_no_claim", _NOT_UNDERSTOOD, "{}"),
    Rule("shared_convention", _CONVENTION, "right {}, as all gradients here are"),
    Rule("usual_factor", _CONVENTION, "right {}"),
    Rule("factor_of_others", _CONVENTION, "right {}, as other gradients here are"),
    Rule("gives_number", _NO_CLAIM, "it gives a number"),
    Rule("given_quantity", _ANOTHER, "{} is given to the network; here it is computed from something else"),
    Rule("new_value", _DEFINED, "{} is given a new value"),
    Rule("hypothesis", _ANOTHER, "the text only supposes it: “{}”"),
    Rule("own_left_side", _NOT_UNDERSTOOD, "{} stands on both sides: as a direct and a total derivative, or as a step"),
    Rule("usual_function", _ANOTHER, "{} is defined as usual; the network applies another function"),
    Rule("alternatives", _ANOTHER, "the document says several things of {}"),
    Rule("holds_for_one_example", _CONVENTION, "right for one example; for all examples, a sum is missing"),
    Rule("holds_for_numbers", _CONVENTION, "right for one input and one unit"),
    Rule("holds_in_layout_of_section", _CONVENTION, "right {}, as this section has it"),
    Rule("is_turned", _CONVENTION, "right in transposed layout"),
    Rule("holds_for_class", _CONVENTION, "it holds only where {}"),
    Rule("factor_of_stated_cost", _CONVENTION, "right for the cost that the document states: {}"),
    Rule("rest_of_gradient", _CONVENTION, "right for the cost without its penalty; another line here has the whole {}"),
    Rule("numbers_layers", _ANOTHER, "{} numbers layers, of which the network has one"),
    Rule("cost_without_sum", _NOT_UNDERSTOOD, "{} is an array here: a sum may be implied, which is not read"),
    Rule("repeats_line", _WRONG, ""),
    Rule("factor_at_minimum", _CONVENTION, "right up to a factor, which makes no difference where it is set to 0"),
    Rule("doubtful_shapes", _NOT_UNDERSTOOD, "{}"),
    Rule("other_cost", _NOT_UNDERSTOOD, "{} is not the network's cost"),
    Rule("states_chain_rule", _NOT_UNDERSTOOD, "the factors of the chain rule have another layout; its result holds"),
    Rule("sums_paths", _NOT_UNDERSTOOD, "each derivative in the chain rule may hold other quantities fixed"),
    Rule("vanishes", _NOT_UNDERSTOOD, "in the network, {} is 0"),
    Rule("implied_sum", _NOT_UNDERSTOOD, "a sum over {} may be implied, which is not read"),
    Rule("of_few_examples", _NOT_UNDERSTOOD, "it lists the entries of {}: of an example with so many alone"),
    Rule("other_layout", _ANOTHER, "the network computes {} with its factors in another layout"),
    Rule("contested", _NOT_UNDERSTOOD, "it fails as it is read, but {}"),
    Rule("repaired", _WRONG, ""),
    Rule("holds_on_part", _CONVENTION, "it holds only where {}"),
    Rule("not_the_networks", _ANOTHER, "the network computes {} in another way"),
    Rule("lacks_support", _NOT_UNDERSTOOD, "it fails as it is read, but {}"),
    Rule("doubtful_name", _NOT_UNDERSTOOD, "it fails if {}, which this document does not say"),
    Rule("fails", _WRONG, "{}"),
)


def decide(evidence: Evidence) -> tuple[Rule, str]:
    """Return the first rule whose fact applies, with the text of the fact."""
    found = ((rule, getattr(evidence, rule.fact)) for rule in POLICY)
    return next((rule, str(fact)) for rule, fact in found if fact)
