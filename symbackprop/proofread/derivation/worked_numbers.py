"""Arithmetic with the numbers of a worked example, to the precision in which they are written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement
from symbackprop.parsing.syntax_tree import Add, Matrix, Node, Number, walk
from symbackprop.proofread.derivation.edit import replaced
from symbackprop.proofread.derivation.reading import DocumentReading, Setting
from symbackprop.proofread.derivation.report import CheckedLine, LineVerdict
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import UNITS
from symbackprop.proofread.interpreter.values import ShapeMismatchError

WITHOUT_ARITHMETIC = "a number of an example is given without its arithmetic"  # a reason
_MANY_DIGITS = 3  # a number inside a formula that has as many is taken as rounded


def check_numbers(
    reading: DocumentReading, statement: Statement, line: CheckedLine, has_more: bool
) -> CheckedLine | None:
    """Return the line with its verdict if its arithmetic is wrong or it contains only numbers; else None."""
    if not statement.worked:
        return None
    reason = _wrong_arithmetic(reading, statement.worked)
    if reason:
        mistake = Mistake("the numbers do not come out", (MistakeKind.NUMBER,))
        verdict = LineVerdict.WRONG
        return replace(line, verdict=verdict, reason=reason, mistake=mistake.tagged, mistake_kinds=mistake.kinds)
    if has_more:
        return None
    if reason is not None:
        return replace(line, proof="the arithmetic is right, to the digits that are written")
    return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=WITHOUT_ARITHMETIC)


def _wrong_arithmetic(reading: DocumentReading, sides: Sequence[Node]) -> str | None:
    """Return a sentence if a side differs from the next one by more than rounding, "" if none does, None if unknown."""
    evaluator = reading.evaluator(Setting(UNITS))
    if len(sides) < 2 or evaluator is None:
        return None
    for one, other in pairwise([_rounded_value(evaluator, side) for side in sides]):
        if one is None or other is None or one.value.shape != other.value.shape:
            return None
        far = np.abs(one.value - other.value) > 1.01 * (one.slack + other.slack) + 1e-9 * np.abs(one.value)
        if far.any():
            entry = tuple(np.argwhere(far)[0])
            return f"the value of one side is {one.value[entry]:.6g}, that of the next one {other.value[entry]:.6g}"
    return ""


class _RoundedValue(NamedTuple):
    """The value of a side, and the error that is possible because its numbers are rounded."""

    value: np.ndarray
    slack: np.ndarray


def _rounded_value(evaluator: Evaluator, side: Node) -> _RoundedValue | None:
    """Return the value of a side with its rounding error, or None if the side has no value."""
    try:
        value = evaluator.first(side).array
        perturbed = [evaluator.first(other).array for other in _rounded_otherwise(side)]
    except (ShapeMismatchError, UnsupportedNotationError):
        return None
    return _RoundedValue(value, sum((np.abs(other - value) for other in perturbed), np.zeros_like(value)))


def _rounded_otherwise(side: Node) -> Iterator[Node]:
    """Yield copies of a side, each with one of its numbers changed by one unit in the last digit."""
    literals = [part for part in walk(side) if isinstance(part, Number) and "." in part.source]
    is_result = isinstance(side, Number | Matrix) or (isinstance(side, Add) and side.terms == tuple(literals))
    for literal in literals:
        decimals = literal.source.partition(".")[2]
        digits = (literal.source.partition(".")[0] + decimals).lstrip("0")
        if is_result or len(digits) >= _MANY_DIGITS:
            other = replace(literal, value=literal.value + Fraction(1, 10 ** len(decimals)))
            yield replaced(side, literal, other)
