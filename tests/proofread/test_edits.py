"""The repairs of a wrong formula: each row of the table proposes some, in words and with their kinds."""

import pytest

from symbackprop.kinds import MistakeKind as Kind
from symbackprop.parsing.documents import scan
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.statements import read_statements
from symbackprop.parsing.syntax_tree import Name, Node
from symbackprop.parsing.unparse import to_source
from symbackprop.proofread.derivation.edit import Repair, RepairMaterial
from symbackprop.proofread.derivation.edits import REPAIRS, edits


def read(formula: str) -> Node:
    return parse_numpy(f"d = {formula}")[1]


INDEXED = read_statements(scan(r"$$d = \delta_i x_j \mathbf{1}[z_i > 0]$$"))[0].sides[1]
SLOPE = read("sigmoid.prime(z2)")
MATERIAL = RepairMaterial(
    names=(Name(base="W2"), Name(base="a2")),
    calls=(SLOPE,),
    terms=(read("lam * W1"),),
    counts=(Name(base="N"),),
    functions=("sigmoid", "tanh"),
    style="numpy",
)


def repairs(formula: str) -> dict[str, Repair]:
    return {to_source(repair.formula, "numpy"): repair for repair in reversed(list(edits(read(formula), MATERIAL)))}


@pytest.mark.parametrize("row", REPAIRS, ids=lambda row: row.__name__)
def test_each_row_proposes_repairs_with_their_kinds(row):
    formulas = [*map(read, ["2 * X.T @ (a2 - sigmoid(z2)) / N", "np.abs(W1) * (1 - a2)"]), INDEXED]
    found = [repair for formula in formulas for repair in row(formula, MATERIAL)]
    assert found
    for repair in found:
        assert repair.words, row
        assert repair.kinds, row
        assert set(repair.kinds) <= set(Kind)


@pytest.mark.parametrize(
    ("wrong", "right", "sentence", "kinds"),
    [
        ("X.T @ d", "-X.T @ d", "the minus sign is missing (sign)", {Kind.SIGN}),
        ("X @ d", "X.T @ d", "X must be transposed (transpose)", {Kind.TRANSPOSE}),
        ("d * f(z)", "d * f.prime(z)", "the derivative f.prime(z) is meant (function for derivative)", {Kind.FUNCTION_FOR_DERIVATIVE}),
        ("d @ X", "X @ d", "d and X stand in the wrong order (order)", {Kind.ORDER}),
        ("X @ d", "X * d", "a product entry by entry is meant here (product)", {Kind.PRODUCT}),
        ("2 * d", "d", "the factor 2 is too much (extra factor)", {Kind.EXTRA_FACTOR}),
        ("d + e", "d", "the term e is too much (extra term)", {Kind.EXTRA_TERM}),
        ("3 * d", "4 * d", "the number must be 4 where 3 stands (number)", {Kind.NUMBER}),
        ("d", "(1 / N) * d", "the factor 1/N is missing (mean)", {Kind.MEAN}),
        ("d", "d**2", "d must be squared (function, power)", {Kind.FUNCTION, Kind.POWER}),
        ("d", "np.sum(d, axis=0, keepdims=True)", "the sum over the examples is missing (missing sum)", {Kind.MISSING_SUM}),
        ("X.T @ d", "X.T @ a2", "a2 is meant where d stands (another quantity)", {Kind.QUANTITY}),
        ("tanh(z)", "sigmoid(z)", "sigmoid is meant where tanh stands (function)", {Kind.FUNCTION}),
        ("d", "d * sigmoid.prime(z2)", "the factor sigmoid.prime(z2) is missing (missing factor)", {Kind.MISSING_FACTOR}),
        ("d", "d + lam * W1", "the term lam * W1 is missing (missing term)", {Kind.MISSING_TERM}),
    ],
)  # fmt: skip
def test_a_repair_says_what_it_mends(wrong, right, sentence, kinds):
    repair = repairs(wrong)[right]
    assert repair.mistake.tagged == sentence
    assert set(repair.kinds) == kinds
