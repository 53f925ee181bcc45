"""Numbers of a worked example: whether their arithmetic is right, to the digits that are written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Add, Matrix, Node, Number, mapped, walk
from symbackprop.proofread.derivation.report import Line, LineVerdict
from symbackprop.proofread.interpreter.network_at_point import UNITS
from symbackprop.proofread.interpreter.values import ShapeMismatchError

WITHOUT_ARITHMETIC = "a number of an example stands here without its arithmetic"  # a reason
_MANY_DIGITS = 3  # from which on a number inside a formula is taken as rounded


def of_numbers(session: Any, written: Any, line: Line, has_more: bool) -> Line | None:
    """The line, if its numbers decide about it: if they do not come out, or if it says nothing else."""
    if not written.worked:
        return None
    reason = _off(session, written.worked)
    if reason:
        mistake = "the numbers do not come out (number)"
        return replace(line, verdict=LineVerdict.WRONG, reason=reason, mistake=mistake)
    if has_more:
        return None
    if reason is not None:
        return replace(line, proof="the arithmetic is right, to the digits that are written")
    return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=WITHOUT_ARITHMETIC)


def _off(session: Any, sides: Sequence[Node]) -> str | None:
    """Which side does not come to the next one, within the last digits; None where that is not known."""
    meaning = session.meaning(UNITS, 0)
    if len(sides) < 2 or meaning is None:
        return None
    for (one, slack), (other, more) in pairwise([_value(meaning, side) for side in sides]):
        if one is None or other is None or one.shape != other.shape:
            return None
        far = np.abs(one - other) > 1.01 * (slack + more) + 1e-9 * np.abs(one)
        if far.any():
            place = tuple(np.argwhere(far)[0])
            return f"one side comes to {one[place]:.6g}, the next one to {other[place]:.6g}"
    return ""


def _value(meaning: Any, side: Node) -> tuple[Any, Any]:
    """A side, and how much it may be off as its numbers are rounded; None where it is not read."""
    try:
        value = meaning.first(side).array
        moved = [meaning.first(other).array for other in _rounded_otherwise(side)]
    except (ShapeMismatchError, UnsupportedNotationError):
        return None, None
    return value, sum((np.abs(other - value) for other in moved), np.zeros_like(value))


def _rounded_otherwise(side: Node) -> Iterator[Node]:
    """The side with each of its numbers off by one in the last digit."""
    literals = [part for part in walk(side) if isinstance(part, Number) and "." in part.source]
    is_result = isinstance(side, Number | Matrix) or (isinstance(side, Add) and side.terms == tuple(literals))
    for literal in literals:
        decimals = literal.source.partition(".")[2]
        digits = (literal.source.partition(".")[0] + decimals).lstrip("0")
        if is_result or len(digits) >= _MANY_DIGITS:
            other = replace(literal, value=literal.value + Fraction(1, 10 ** len(decimals)))
            yield _with(side, literal, other)


def _with(node: Node, old: Node, new: Node) -> Node:
    return new if node is old else mapped(node, lambda part: _with(part, old, new))
