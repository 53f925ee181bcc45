"""Repairs that exchange: two index letters of a formula, the sides of an inequality, or the values of two cases."""

from collections.abc import Iterator
from itertools import combinations

from symbackprop.kinds import MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, relettered
from symbackprop.proofread.derivation.edit import Repair, RepairMaterial, changed, everywhere
from symbackprop.proofread.derivation.implied_sums import indices_of

_FREE = "exchanged index"  # no letter of a document
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def letters(formula: Node, _: RepairMaterial) -> Iterator[Repair]:
    """Yield δ_i x_j for δ_j x_i: the formula with two of its index letters exchanged."""
    for one, other in combinations(sorted(set(indices_of(formula))), 2):
        turned = relettered(relettered(relettered(formula, one, _FREE), other, one), _FREE, other)
        yield Repair(turned, f"the indices {one} and {other} are exchanged", (MistakeKind.TRANSPOSE,))


@everywhere
def inequalities(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield [z > 0] for [z < 0], and two values by cases the other way round."""
    kinds = (MistakeKind.SIGN, MistakeKind.DERIVATIVE_FORMULA)
    if isinstance(node, tree.Cases) and len(node.values) == 2:
        yield Repair(changed(node, values=node.values[::-1]), "the two cases are exchanged", kinds)
    if isinstance(node, tree.Relation) and node.sign in _TURNED:
        words = f"{material.text(node)} points the wrong way"
        yield Repair(changed(node, sign=_TURNED[node.sign]), words, kinds)
