"""Tables that say the same in two rooms agree."""

from symbackprop.backprop.rules import RULES
from symbackprop.expressions.differentiable import MATRICES, SCALARS
from symbackprop.parsing.vocabulary import LIBRARY
from symbackprop.proofread.interpreter.library import NAMED


def test_every_differentiable_node_has_a_rule_and_every_rule_a_node():
    assert set(SCALARS + MATRICES) == set(RULES)


def test_every_library_name_has_a_meaning():
    assert LIBRARY == NAMED.keys()
