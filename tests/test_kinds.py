"""The list of the kinds of mistakes: each is explained, and each is named by somebody."""

import ast
from pathlib import Path

import pytest

import symbackprop
from symbackprop.kinds import Mistake, MistakeKind

PACKAGE = Path(symbackprop.__file__).parent


def named_kinds() -> set[str]:
    """The members of `MistakeKind` that stand anywhere in the package, but for the list itself."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py") if path.name != "kinds.py")
    return {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "MistakeKind"
    }


def test_every_kind_has_a_row_that_names_it() -> None:
    assert named_kinds() == set(MistakeKind.__members__)


@pytest.mark.parametrize("kind", MistakeKind)
def test_every_kind_has_a_short_value_and_a_sentence(kind: MistakeKind) -> None:
    assert kind.value == kind.value.lower().strip()
    assert len(kind.value) <= 25
    assert kind.sentence[0].isupper()
    assert kind.sentence.endswith(".")
    assert MistakeKind(kind.value) is kind


def test_no_two_kinds_are_explained_alike() -> None:
    assert len({kind.sentence for kind in MistakeKind}) == len(MistakeKind)


def test_words_are_tagged_with_their_kinds() -> None:
    mistake = Mistake("the transpose of A B is meant", (MistakeKind.ORDER, MistakeKind.TRANSPOSE))
    assert mistake.tagged == "the transpose of A B is meant (order, transpose)"
