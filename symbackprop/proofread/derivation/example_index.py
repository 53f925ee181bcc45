"""The index of the examples: which letter is free for it, and which is also that of a unit."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from symbackprop.parsing.statements import Statement, names_of
from symbackprop.parsing.syntax_tree import Name, Node, Script, Summation, mapped


def of_example(letter: str) -> Script:
    """The (i) of x^{(i)}."""
    return Script(kind="layer", content=Name(base=letter))


def unused_letter(document: Iterable[Statement]) -> str:
    """One for the examples that is nothing else in a document."""
    used = {name.base for written in document for name in written.names}
    return next((letter for letter in "npqrsuv" if letter not in used), "n")


def with_own_index(document: Sequence[Statement], letter: str) -> list[Statement]:
    """The document in which Σ_i of examples i has another letter where W_{ij} on the left says that i is a unit."""
    return [_changed(written, letter) for written in document]


def _changed(written: Statement, letter: str) -> Statement:
    marks = [mark for name in names_of(written.sides[:1]) for mark in name.below]
    units = {letter.base for letter in names_of(mark.content for mark in marks)}
    sides = (*written.sides[:1], *(_apart(side, units, letter) for side in written.sides[1:]))
    return written if sides == written.sides else replace(written, sides=sides, names=names_of(sides))


def _apart(node: Node, units: Collection[str], letter: str) -> Node:
    node = mapped(node, lambda part: _apart(part, units, letter))
    if not isinstance(node, Summation) or len(node.indices) != 1 or node.indices[0] not in units:
        return node
    old, new = of_example(node.indices[0]), of_example(letter)
    body = _remarked(node.body, old, new)
    return node if body == node.body else replace(node, indices=(letter,), body=body, source="")


def _remarked(node: Node, old: Script, new: Script) -> Node:
    node = mapped(node, lambda part: _remarked(part, old, new))
    if isinstance(node, Name) and old in node.above:
        return replace(node, above=tuple(new if mark == old else mark for mark in node.above), source="")
    return node
