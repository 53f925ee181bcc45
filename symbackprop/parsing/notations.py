r"""Notations that a text introduces in words: "we write $\bar z$ for $\partial J/\partial z$" states an equality."""

import re
from collections.abc import Iterator, Sequence

from symbackprop.parsing.scripts import CALLED, FUNCTIONS
from symbackprop.parsing.syntax_tree import Differential, Name, Node, Partial, Prime

_MEANS = r"\b(?:for|denot\w+|is|are|be|stands?|means?|short|abbreviat\w+|as)\b"
_NAMED = r"\b(?:by|as|denot\w+|writ\w+|call\w*|abbreviat\w+|is)\b"
_KIND = r"\b(?:adjoints?|gradients?|derivatives?|cotangents?|sensitivit(?:y|ies)|error(?: signal)?s?)\b"
_OF = r"(?:\b(?:of|to|for|at|in)\b|w\.?r\.?t\.?)(?: the)?(?: \w+)?\s*$"
_COSTS = {"J", "L", "E", "C", "ell", "loss", "Loss", "cost", "f", "F"}
_MOST_WORDS = 6  # between a name and the gradient that it stands for
_LONGEST = 90  # characters between two formulas
_NAME_FOR_FORMULA = re.compile(_MEANS, re.IGNORECASE)
_FORMULA_AS_NAME = re.compile(_NAMED, re.IGNORECASE)
_NAME_FOR_KIND = re.compile(rf"{_MEANS}.*{_KIND}.*{_OF}", re.IGNORECASE | re.DOTALL)
_KIND_BEFORE = re.compile(rf"{_KIND}[^.$]*{_OF}", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:not|if|when|unless|instead|than|same|that|which|and|or|factors?|times|multipl\w+|products?|sum)\b|[.:;]\s",
    re.IGNORECASE,
)


def introduced(before: str, left: Sequence[Node], between: str, right: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Yield the two sides of an equality that a text states in words around two formulas, of one side each.

    Args:
        before: the text before the first formula.
        left: the sides of the first formula.
        between: the text between the formulas.
        right: the sides of the second formula.
    """
    if len(left) != 1 or len(right) != 1 or len(between) > _LONGEST or _NOT.search(between):
        return
    one, other = left[0], right[0]
    is_near = len(between.split()) <= _MOST_WORDS
    if is_near and _is_new(one) and _is_gradient(other) and _NAME_FOR_FORMULA.search(between):
        yield one, other
    elif is_near and _is_gradient(one) and _is_new(other) and _FORMULA_AS_NAME.search(between):
        yield other, one
    elif _is_new(one) and _is_plain(other) and _NAME_FOR_KIND.search(between):
        yield one, Differential(body=other, source=other.source)
    elif _is_plain(one) and _is_new(other) and _KIND_BEFORE.search(before) and _FORMULA_AS_NAME.search(between):
        yield other, Differential(body=one, source=one.source)


def _is_new(node: Node) -> bool:
    """Return True for what a text may introduce: a name other than that of a function, z' or dz."""
    if isinstance(node, Name) and node.base in {*FUNCTIONS, *CALLED} - {"g"}:
        return bool(node.scripts)
    return isinstance(node, Name | Differential) or (isinstance(node, Prime) and isinstance(node.base, Name))


def _is_gradient(node: Node) -> bool:
    return isinstance(node, Partial) and isinstance(node.of, Name) and node.of.base in _COSTS and not node.of.scripts


def _is_plain(node: Node) -> bool:
    return isinstance(node, Name) and node.base not in {*FUNCTIONS, *CALLED, *_COSTS} - {"h"}
