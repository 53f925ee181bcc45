"""Dots (ellipses) in sums and lists: w_1 x_1 + … + w_n x_n becomes Σ_k w_k x_k."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from symbackprop.parsing.macros import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Dots, IndexedList, Name, Node, Number, Script, Summation, number, walk

_LETTERS = "kpqsuvcr"
_NOT_READ = "the dots are not read: what stands before and behind them differs in more than one number"
_Ends = tuple[Node, Node]


class _UnlikeError(Exception):
    """An error: two formulas differ in more than a script."""


def summed(signs: Sequence[int], terms: Sequence[Node]) -> tuple[list[int], list[Node]]:
    """Return the signs and the terms of a sum; dots and the terms around them become one Σ.

    Raises:
        UnsupportedNotationError: the terms around dots differ in more than a number.
    """
    place = next((index for index, term in enumerate(terms) if isinstance(term, Dots)), None)
    if place is None or len(terms) == 1:  # dots alone are an entry of a matrix or a list
        return list(signs), list(terms)
    if 0 < place < len(terms) - 1:
        last, letter = terms[place + 1], _unused(terms)
        for first in range(place):
            found = _running(terms[first:place], last, letter)
            if found is not None and len({*signs[first : place + 2]}) == 1:
                body, (start, end) = found
                whole = Summation(indices=(letter,), body=body, first=start, last=end)
                return [*signs[: first + 1], *signs[place + 2 :]], [*terms[:first], whole, *terms[place + 2 :]]
    raise UnsupportedNotationError(_NOT_READ)


def listed(rows: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """Return the rows of a matrix; dots and the entries around them become one entry with an index letter.

    Raises:
        UnsupportedNotationError: the entries around dots differ in more than a number.
    """
    if not any(isinstance(entry, Dots) for row in rows for entry in row):
        return [list(row) for row in rows]
    letter, other = _unused([entry for row in rows for entry in row]), ""
    said = [row for row in rows if not all(isinstance(entry, Dots) for entry in row)]
    shortened = [_shortened(row, letter) for row in said]
    if len(said) == len(rows):
        return [[_as_listed(entry, columns=letter) for entry in row] for row in shortened]
    other = _unused([entry for row in shortened for entry in row], letter)
    if len({*map(len, shortened)}) != 1:
        raise UnsupportedNotationError(_NOT_READ)
    columns = [_merged(entries[:-1], entries[-1], other) for entries in zip(*shortened, strict=True)]
    return [[_as_listed(entry, rows=other, columns=letter) for entry in columns]]


def _shortened(row: Sequence[Node], letter: str) -> list[Node]:
    """Return a row; dots and the entries around them become one entry with an index letter."""
    place = next((index for index, entry in enumerate(row) if isinstance(entry, Dots)), None)
    if place is None:
        return list(row)
    if not 0 < place < len(row) - 1:
        raise UnsupportedNotationError(_NOT_READ)
    return [_merged(row[:place], row[place + 1], letter), *row[place + 2 :]]


def _as_listed(entry: Node, rows: str = "", columns: str = "") -> Node:
    used = {mark.base for mark in _scripts(entry)}
    shown = IndexedList(body=entry, rows=rows if rows in used else "", columns=columns if columns in used else "")
    return shown if shown.rows or shown.columns else entry


def _merged(before: Sequence[Node], last: Node, letter: str) -> Node:
    found = _running(before, last, letter)
    if found is None:
        raise UnsupportedNotationError(_NOT_READ)
    return found[0]


def _running(before: Sequence[Node], last: Node, letter: str) -> tuple[Node, _Ends] | None:
    """Return a formula with a letter for the number in which the terms differ, and the range of the number, or None."""
    found = []
    for one in before:
        ends: set[_Ends] = set()
        try:
            found.append((_alike(one, last, letter, ends), *ends))
        except _UnlikeError:
            return None
    (body, *places), *others = found
    is_one = len(places) == 1 and all(len(other) == 2 and other[0] == body for other in others)
    return (body, places[0]) if is_one else None


def _alike(one: Any, other: Any, letter: str, ends: set[_Ends]) -> Any:
    if one == other:
        return one
    if isinstance(one, Script) and isinstance(other, Script) and one.kind == other.kind:
        ends.add((one.content, other.content))
        return replace(one, content=Name(base=letter))
    if isinstance(one, tuple) and isinstance(other, tuple):
        one, other = _digit_by_digit(one, len(other)), _digit_by_digit(other, len(one))
        if len(one) == len(other):
            return tuple(_alike(a, b, letter, ends) for a, b in zip(one, other, strict=True))
    if type(one) is type(other) and isinstance(one, Node):
        parts = {f.name: (getattr(one, f.name), getattr(other, f.name)) for f in fields(one) if f.name != "source"}
        return replace(one, **{name: _alike(*pair, letter, ends) for name, pair in parts.items()}, source="")
    raise _UnlikeError


def _digit_by_digit(marks: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """Return the scripts, with the 11 of w_{11} as two indices if the formula on the other side of the dots has two."""
    content = marks[0].content if len(marks) == 1 and isinstance(marks[0], Script) else None
    digits = str(content.value) if isinstance(content, Number) else ""
    return tuple(replace(marks[0], content=number(int(d))) for d in digits) if 1 < len(digits) == count else marks


def _scripts(node: Node) -> Iterable[Name]:
    contents = (content for part in walk(node) if isinstance(part, Name) for content in part.scripts)
    return (part for content in contents for part in walk(content) if isinstance(part, Name))


def _unused(nodes: Sequence[Node], *others: str) -> str:
    used = {part.base for node in nodes for part in walk(node) if isinstance(part, Name)}
    used |= {name.base for node in nodes for name in _scripts(node)}
    return next((letter for letter in _LETTERS if letter not in {*used, *others}), "ell")
