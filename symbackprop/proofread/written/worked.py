"""Numbers of a worked example: whether their arithmetic is right, to the digits that are written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from symbackprop.proofread.written.derivation_check import Line, LineVerdict
from symbackprop.proofread.written.library import NAMED
from symbackprop.proofread.written.scripts import FUNCTIONS
from symbackprop.proofread.written.tokens import UnreadableError
from symbackprop.proofread.written.tree import Matrix, Name, Node, Number, Plus, mapped, walk
from symbackprop.proofread.written.values import UnfitError
from symbackprop.proofread.written.world import UNITS

_WITHOUT_VALUES = {"e", "pi", "sigma", *FUNCTIONS, *NAMED}
WITHOUT_ARITHMETIC = "a number of an example stands here without its arithmetic"  # a reason
_LARGE = 3
_MANY_DIGITS = 3  # from which on a number inside a formula is taken as rounded
_ABOUT = {"=", r"\approx", "~", r"\simeq"}


def parted(sides: Sequence[Node], signs: Sequence[str]) -> tuple[tuple[Node, ...], tuple[str, ...], tuple[Node, ...]]:
    """The sides that say something in general, their signs, and those that are numbers of an example."""
    numbers = [_is_numeric(side) for side in sides]
    if len(sides) < 2 or not set(signs) <= _ABOUT or not any(map(_is_of_example, _chosen(sides, numbers))):
        return tuple(sides), tuple(signs), ()
    before = ("=", *signs)
    general = [(side, sign) for side, sign, is_number in zip(sides, before, numbers, strict=True) if not is_number]
    return tuple(side for side, _ in general), tuple(sign for _, sign in general[1:]), _chosen(sides, numbers)


def _chosen(sides: Sequence[Node], where: Sequence[bool]) -> tuple[Node, ...]:
    return tuple(side for side, is_chosen in zip(sides, where, strict=True) if is_chosen)


def _is_numeric(side: Node) -> bool:
    names = [part for part in walk(side) if isinstance(part, Name)]
    return all(name.base in _WITHOUT_VALUES and not name.above and not name.below for name in names) and any(
        isinstance(part, Number) for part in walk(side)
    )


def _is_of_example(side: Node) -> bool:
    """Whether it has decimals, larger numbers, or a matrix of numbers: what is derived in general has none of them."""
    parts = list(walk(side))
    numbers = [part for part in parts if isinstance(part, Number)]
    is_large = any("." in number.source or number.value >= _LARGE for number in numbers)
    return is_large or any(isinstance(part, Matrix) for part in parts)


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
    except (UnfitError, UnreadableError):
        return None, None
    return value, sum((np.abs(other - value) for other in moved), np.zeros_like(value))


def _rounded_otherwise(side: Node) -> Iterator[Node]:
    """The side with each of its numbers off by one in the last digit."""
    literals = [part for part in walk(side) if isinstance(part, Number) and "." in part.source]
    is_result = isinstance(side, Number | Matrix) or (isinstance(side, Plus) and side.terms == tuple(literals))
    for literal in literals:
        decimals = literal.source.partition(".")[2]
        digits = (literal.source.partition(".")[0] + decimals).lstrip("0")
        if is_result or len(digits) >= _MANY_DIGITS:
            other = replace(literal, value=literal.value + Fraction(1, 10 ** len(decimals)))
            yield _with(side, literal, other)


def _with(node: Node, old: Node, new: Node) -> Node:
    return new if node is old else mapped(node, lambda part: _with(part, old, new))
