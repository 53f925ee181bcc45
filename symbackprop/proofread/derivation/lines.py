"""Lines of the report: the verdict on each statement, with notes and the mistake."""

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name
from symbackprop.parsing.updates import Update
from symbackprop.proofread.derivation.at_points import multiple
from symbackprop.proofread.derivation.definitions import hides_network_quantity
from symbackprop.proofread.derivation.factors import factor_words, size_words
from symbackprop.proofread.derivation.judge import HELD, has_same_value, judge, judge_sides
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.repair import MOST_EDITS, find_repair
from symbackprop.proofread.derivation.report import CheckedLine, LineVerdict
from symbackprop.proofread.derivation.subjects import (
    assigns_number,
    has_gradients,
    has_jacobian,
    has_value,
    is_adjoint_line,
    is_cost,
    is_given,
    is_gradient_line,
    is_range,
    may_hold_at_minimum,
    sets_gradient_to_zero,
    transposes_gradients_alone,
)
from symbackprop.proofread.derivation.suggestion import derived
from symbackprop.proofread.derivation.update_direction import corrected, judge_update
from symbackprop.proofread.derivation.worked_numbers import WITHOUT_ARITHMETIC, check_numbers
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.network_at_point import ALL, UNITS
from symbackprop.proofread.interpreter.products import JUXTAPOSED

_AT_MINIMUM = "it may hold only at a minimum, where the gradient is 0, which is not checked"
_UNDER_CONDITION = "it may hold under the condition that follows it in the text, which is not read"
_NO_EQUALITY = "it states no equality, so there is nothing to check"
_ENTRY_BY_ENTRY = "the derivative of an elementwise function is read as the derivatives of its entries"
_AMBIGUOUS_PRODUCT = (
    "factors side by side are read as a product entry by entry, since only that fits the shapes; "
    "the notation is ambiguous: where two sizes are equal it can be read as a matrix product"
)


def checked_lines(reading: DocumentReading) -> list[CheckedLine]:
    """Return a line for each statement that makes a claim, in the order of the document."""
    judged = [_judge_sides(reading, index) for index in range(len(reading.statements))]
    convention = _common_convention(reading, judged)
    lines: list[CheckedLine] = []
    for index, (statement, judgments) in enumerate(zip(reading.statements, judged, strict=True)):
        if judgments is None and _makes_no_claim(reading, statement):
            continue
        line = CheckedLine(
            number=len(lines) + 1,
            place=statement.line,
            source=statement.source,
            verdict=LineVerdict.RIGHT,
            start=statement.start,
            end=statement.end,
        )
        by_numbers = check_numbers(reading, statement, line, has_more=judgments is not None)
        if by_numbers is not None:
            lines.append(by_numbers)
        elif judgments is None:
            lines.append(_not_understood(line, statement.problem or _NO_EQUALITY))
        elif statement.update is not None:
            notes = _notes(reading, index, judgments)
            lines.append(_of_update(line, statement.update, statement.kind, judgments[0], notes))
        else:
            line = replace(line, notes=_notes(reading, index, judgments))
            line = _of_equality(reading, index, line, judgments, convention)
            is_wrong = line.verdict == LineVerdict.WRONG
            lines.append(_explained(reading, index, line, judgments, lines) if is_wrong else line)
    return lines


# which statements make claims


def _makes_no_claim(reading: DocumentReading, statement: Statement) -> bool:
    """Return True if there is nothing to judge: a range of letters, a shape, given numbers, or text."""
    if statement.signs and set(statement.signs) <= {r"\in"}:
        return True
    is_given_number = len(statement.worked) == len(statement.sides) == 1 and is_given(reading, statement.sides[0])
    is_reported = _is_reported(reading, statement) or len(statement.worked) > 1
    return is_given_number or is_range(reading, statement) or not is_reported


def _is_reported(reading: DocumentReading, statement: Statement) -> bool:
    """Return True if a statement that is not an equality still has a line in the report."""
    if statement.kind == "display" or statement.update is not None:
        return True
    if statement.kind == "numpy":
        try:
            (left, *_) = parse_numpy(statement.source.partition("=")[0] + "= 0")
        except UnsupportedNotationError:
            return False
        return has_value(reading, left)
    return bool(statement.problem) and "=" in statement.source and "\\" in statement.source


def _judge_sides(reading: DocumentReading, index: int) -> list[Judgment] | None:
    """Return the judgments of the sides of a statement, or None if it contains no equality that can be judged."""
    statement = reading.statements[index]
    if statement.update is not None:
        return [judge_update(reading, statement.update)]
    sides = equalities(statement)
    if not sides or is_range(reading, statement):
        return None
    judgments = judge_sides(reading, index)
    if statement.kind != "display" and all(judgment.holds is None for judgment in judgments):
        return judgments if statement.kind == "numpy" and has_value(reading, sides[0]) else None
    return judgments


def _common_convention(reading: DocumentReading, judged: Sequence[list[Judgment] | None]) -> str:
    """Return the description of a convention that explains all differences from the derived gradients, or ""."""
    gradients = [
        judgment
        for index, judgments in enumerate(judged)
        if judgments and is_gradient_line(reading, index)
        for judgment in judgments
        if judgment.holds is not None
    ]
    if not gradients or all(judgment.holds for judgment in gradients):
        return ""
    if all(judgment.is_transposed for judgment in gradients):
        return "in transposed layout"
    ratios = {1.0 if j.holds else None if j.ratio is None else round(j.ratio, 6) for j in gradients}
    return factor_words(reading, ratios.pop()) if len(ratios) == 1 else ""


# verdicts


def _not_understood(line: CheckedLine, reason: str) -> CheckedLine:
    return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=reason)


def _by_convention(line: CheckedLine, note: str) -> CheckedLine:
    return replace(line, verdict=LineVerdict.CONVENTION, notes=(*line.notes, note))


def _of_equality(
    reading: DocumentReading, index: int, line: CheckedLine, judgments: list[Judgment], convention: str
) -> CheckedLine:
    """Return the line of an equality, with the verdict on its first side that is wrong or not understood."""
    bad = next((judgment for judgment in judgments if judgment.holds is False), None)
    unknown = next((judgment for judgment in judgments if judgment.holds is None), None)
    if bad is None and unknown is not None:
        return _not_understood(line, unknown.reason)
    if bad is None:
        return _right(reading, index, line, judgments)
    doubt = _doubt(reading, index)
    if doubt:
        return _not_understood(line, doubt)
    if convention and is_gradient_line(reading, index):
        return _by_convention(line, f"right {convention}, as all gradients here are")
    words = _words_of_scale(reading, index, bad)
    if words:
        return _by_convention(line, f"right {words}")
    return replace(line, verdict=LineVerdict.WRONG, reason=bad.reason, counterexample=bad.counterexample)


def _doubt(reading: DocumentReading, index: int) -> str:
    """Return the reason why a statement that is not true may not be a claim, or ""."""
    sides = reading.sides(index)
    if reading.statements[index].is_conditional:
        return _UNDER_CONDITION
    if may_hold_at_minimum(reading, index):
        return _AT_MINIMUM
    return WITHOUT_ARITHMETIC if assigns_number(reading, sides[0], sides[-1]) else ""


def _words_of_scale(reading: DocumentReading, index: int, judgment: Judgment) -> str:
    """Return the description of a usual factor of an adjoint, or of the cost in a document without gradients, or ""."""
    if judgment.ratio is None:
        return ""
    is_cost_alone = is_cost(reading, reading.sides(index)[0]) and not has_gradients(reading)
    if not is_cost_alone and not is_adjoint_line(reading, index):
        return ""
    return factor_words(reading, judgment.ratio) if is_cost_alone else size_words(reading, judgment.ratio)


def _right(reading: DocumentReading, index: int, line: CheckedLine, judgments: list[Judgment]) -> CheckedLine:
    """Return the line of a statement that is true, with the conventions under which it is true."""
    interpretation = reading.interpretation
    if interpretation.cost_scale != 1 and is_cost(reading, reading.sides(index)[0]):
        words = factor_words(reading, interpretation.cost_scale)
        line = _by_convention(line, f"the network's cost is stated {words}")
    if interpretation.adjoint_scale != 1 and is_adjoint_line(reading, index):
        line = _by_convention(
            line, f"the adjoints ∂J/∂v are stated {factor_words(reading, interpretation.adjoint_scale)}"
        )
    if index in reading.odd_scales:
        scale = reading.odd_scales[index]
        words = factor_words(reading, scale) or f"up to the factor {scale:.6g}"
        line = _by_convention(line, f"it is ∂J/∂v {words}, and no gradient shows that this factor is meant")
    if hides_network_quantity(reading, index):
        note = "the network has another quantity of this name: it is read as the document's own"
        line = replace(line, notes=(*line.notes, note))
    if is_gradient_line(reading, index) and transposes_gradients_alone(reading):
        line = _by_convention(line, "right in transposed layout")
    return replace(line, reading=judgments[0].reading, proof=_proof(judgments))


def _of_update(line: CheckedLine, update: Update, kind: str, judgment: Judgment, notes: tuple[str, ...]) -> CheckedLine:
    """Return the line of a gradient descent step."""
    if judgment.holds is None:
        return _not_understood(line, judgment.reason)
    if judgment.holds:
        downhill = "a step downhill: in numbers, a negative multiple of the gradient"
        proof = downhill if update.changes else "taken as a definition"
        return replace(line, reading=judgment.reading, notes=notes, proof=proof)
    correction = corrected(update, "numpy" if kind == "numpy" else "latex")
    wrong = replace(line, verdict=LineVerdict.WRONG, correction=correction, notes=notes)
    return _named(wrong, Mistake(judgment.reason, (MistakeKind.SIGN,)))


# explanations of wrong lines


def _explained(
    reading: DocumentReading, index: int, line: CheckedLine, judgments: list[Judgment], before: list[CheckedLine]
) -> CheckedLine:
    """Return a wrong line with its mistake, or with the earlier line that it follows from, or as not understood."""
    left, *others = reading.sides(index)
    side = next(other for other, judgment in zip(others, judgments, strict=False) if judgment.holds is False)
    origin = _origin(reading, index, side, before)
    if origin is not None:
        return replace(line, follows=origin)
    searched = sum(bool(other.verdict == LineVerdict.WRONG and other.follows is None) for other in before)
    repair = find_repair(reading, index, left, side, MOST_EDITS // (1 + searched**2))
    is_doubtful = bool(line.reason) and has_jacobian(reading, left, side)
    not_understood = replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, counterexample="")
    if repair is not None:
        is_doubtful &= "too much" in repair.mistake.words or "missing" in repair.mistake.words
        return not_understood if is_doubtful else _named(replace(line, correction=repair.correction), repair.mistake)
    if line.reason and not _is_surely_mismatch(reading, index):  # the interpretation may be wrong
        return not_understood
    if index in reading.function_definitions or _is_derivative_of_function(left):
        return _named(line, Mistake(f"this is not what {left.source} is", (MistakeKind.FUNCTION,)))
    line = replace(line, correction=derived(reading, left))
    ratio = multiple(reading, left, side)
    if ratio is None:
        return line
    kinds = (MistakeKind.SIGN, MistakeKind.NUMBER) if ratio < 0 else (MistakeKind.NUMBER,)
    return _named(line, Mistake(f"this is {ratio:.6g} times what it should be", kinds))


def _named(line: CheckedLine, mistake: Mistake) -> CheckedLine:
    return replace(line, mistake=mistake.tagged, mistake_kinds=mistake.kinds)


def _is_surely_mismatch(reading: DocumentReading, index: int) -> bool:
    """Return True if a shape mismatch must be a mistake: the line has no indices, and most other lines are right."""
    parts = [part for side in reading.sides(index) for part in tree.walk(side)]
    has_indices = any(
        isinstance(part, tree.Summation | tree.Entry) or (isinstance(part, Name) and part.script_letters)
        for part in parts
    )
    partials = [part for part in parts if isinstance(part, tree.Partial)]
    indices = [k for k, statement in enumerate(reading.statements) if k != index and equalities(statement)]
    others = [judge(reading, k).holds for k in indices]
    return (
        not has_indices
        and all(is_cost(reading, partial.of) for partial in partials)
        and len(others) > 1
        and sum(holds is True for holds in others) >= 0.75 * len(others)
    )


def _is_derivative_of_function(left: tree.Node) -> bool:
    """Return True for a left side f′(z)."""
    return isinstance(left, tree.Call) and isinstance(left.function, tree.Prime)


def _origin(reading: DocumentReading, index: int, side: tree.Node, before: list[CheckedLine]) -> int | None:
    """Return the number of an earlier wrong line that claims the same value of the same quantity, or None."""
    left = reading.sides(index)[0]
    starts = {statement.start: at for at, statement in enumerate(reading.statements)}
    wrong = ((line, reading.sides(starts[line.start])) for line in before if line.verdict == LineVerdict.WRONG)
    same = (
        line.follows or line.number
        for line, (head, *claims) in wrong
        if head == left and any(has_same_value(reading, index, claimed, side) for claimed in claims)
    )
    return next(same, None)


# notes


def _notes(reading: DocumentReading, index: int, judgments: Sequence[Judgment]) -> tuple[str, ...]:
    """Return the notes on a line: its interpretation, and the parts that were not judged."""
    statement = reading.statements[index]
    found = list(dict.fromkeys(note for judgment in judgments for note in _notes_of_judgment(judgment)))
    if statement.worked:
        found.append("of the numbers of an example only the arithmetic is checked")
    if sets_gradient_to_zero(reading, index) and len(statement.sides) > 2:
        found.append("that the gradient is 0 is a condition for a minimum, and is not judged")
    return tuple(found)


def _notes_of_judgment(judgment: Judgment) -> list[str]:
    is_of_one_example = bool(judgment.holds) and judgment.reading not in {ALL, UNITS, ""}
    remarks = (
        (JUXTAPOSED in judgment.notes, _AMBIGUOUS_PRODUCT),
        (judgment.reading == UNITS, "read for one example and one unit, where everything commutes"),
        ("entry by entry" in judgment.notes, _ENTRY_BY_ENTRY),
        (HELD in judgment.notes, "derivatives are read with those quantities held fixed whose own ∂J/∂v occur there"),
        ("numerator layout" in judgment.notes, "∂a/∂b is read as a matrix in numerator layout"),
        ("denominator layout" in judgment.notes, "∂a/∂b is read as a matrix in denominator layout"),
        (is_of_one_example, "read for one example"),
    )
    return [words for is_meant, words in remarks if is_meant]


def _proof(judgments: Sequence[Judgment]) -> str:
    if all(judgment.is_definition for judgment in judgments):
        return "taken as a definition"
    in_numbers = "equal in numbers at two random points"
    return in_numbers if judgments[0].reading == UNITS else f"{in_numbers}, all sizes different"
