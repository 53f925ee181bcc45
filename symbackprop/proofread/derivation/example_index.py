"""The index over the examples: its letter, and the distinction from the same letter as the index of units."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from symbackprop.parsing.statements import Statement, names_of
from symbackprop.parsing.syntax_tree import Name, Node, Script, Summation, mapped


def of_example(letter: str) -> Script:
    """Return the script (i) as in x^{(i)}."""
    return Script(kind="layer", content=Name(base=letter))


def unused_letter(statements: Iterable[Statement]) -> str:
    """Return a letter for the index over examples that does not occur in the document."""
    used = {name.base for statement in statements for name in statement.names}
    return next((letter for letter in "npqrsuv" if letter not in used), "n")


def with_own_index(statements: Sequence[Statement], letter: str) -> list[Statement]:
    """Return the statements with another letter for the examples in Σ_i, if i is also the index of a unit in W_{ij}."""
    return [_with_own_index(statement, letter) for statement in statements]


def _with_own_index(statement: Statement, letter: str) -> Statement:
    marks = [mark for name in names_of(statement.sides[:1]) for mark in name.below]
    units = {letter.base for letter in names_of(mark.content for mark in marks)}
    sides = (*statement.sides[:1], *(_renamed_sums(side, units, letter) for side in statement.sides[1:]))
    return statement if sides == statement.sides else replace(statement, sides=sides, names=names_of(sides))


def _renamed_sums(node: Node, units: Collection[str], letter: str) -> Node:
    node = mapped(node, lambda part: _renamed_sums(part, units, letter))
    if not isinstance(node, Summation) or len(node.indices) != 1 or node.indices[0] not in units:
        return node
    old, new = of_example(node.indices[0]), of_example(letter)
    body = _renamed_scripts(node.body, old, new)
    return node if body == node.body else replace(node, indices=(letter,), body=body, source="")


def _renamed_scripts(node: Node, old: Script, new: Script) -> Node:
    node = mapped(node, lambda part: _renamed_scripts(part, old, new))
    if isinstance(node, Name) and old in node.above:
        return replace(node, above=tuple(new if mark == old else mark for mark in node.above), source="")
    return node
