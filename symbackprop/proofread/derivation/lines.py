"""Lines of the report: the verdict on each statement, with notes and the mistake."""

import re
from collections.abc import Sequence
from dataclasses import replace

from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.set_up_code import only_sets_up
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.updates import Update
from symbackprop.proofread.derivation.at_points import multiple
from symbackprop.proofread.derivation.definitions import hides_network_quantity
from symbackprop.proofread.derivation.doubts import minus_costs
from symbackprop.proofread.derivation.evidence import Evidence
from symbackprop.proofread.derivation.factors import factor_words
from symbackprop.proofread.derivation.guard import guarded
from symbackprop.proofread.derivation.implied_sums import IMPLIED_SUM
from symbackprop.proofread.derivation.judge import HELD, judge_sides
from symbackprop.proofread.derivation.line_facts import Wrong
from symbackprop.proofread.derivation.policy import decide
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.report import CheckedLine, LineVerdict
from symbackprop.proofread.derivation.search import other_readings
from symbackprop.proofread.derivation.subjects import (
    has_value,
    is_given,
    is_gradient_line,
    is_range,
    sets_gradient_to_zero,
)
from symbackprop.proofread.derivation.suggestion import derived
from symbackprop.proofread.derivation.update_direction import corrected, judge_update
from symbackprop.proofread.derivation.worked_numbers import check_numbers
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.network_at_point import ALL, UNITS
from symbackprop.proofread.interpreter.products import JUXTAPOSED

STEPS_OF_LINE = 120_000  # of evaluation, to gather the evidence on one line
SECONDS_OF_LINE = 3.0  # of processor time, to gather the evidence on one line
SECONDS_OF_LINES = 7.0  # of processor time, for the lines of a whole document
SECONDS_OF_NUMBERS = 0.5  # of these, for lines of numbers alone, which take little time
SECONDS_OF_LAYOUTS = 3.0  # of these, to read the document in other layouts
_OUT_OF_TIME = "it was not looked at: the time for one document is over"
_NO_EQUALITY = "it states no equality, so there is nothing to check"
_ENTRY_BY_ENTRY = "the derivative of an elementwise function is read as the derivatives of its entries"
_EQUATES = re.compile(
    r"=|\\(?:approx|equiv|coloneqq|triangleq|doteq|simeq|cong|propto|leftarrow|gets|rightarrow|to|mapsto|begin)\b"
    r"|[≈≡←→∝]"
)
_AMBIGUOUS_PRODUCT = (
    "factors side by side are read as a product entry by entry, since only that fits the shapes; "
    "the notation is ambiguous: where two sizes are equal it can be read as a matrix product"
)


def checked_lines(reading: DocumentReading) -> list[CheckedLine]:
    """Return a line for each statement that makes a claim, in the order of the document, while the time lasts."""
    with reading.points.budget.within(SECONDS_OF_LINES):
        return _checked_lines(reading)


def _checked_lines(reading: DocumentReading) -> list[CheckedLine]:
    judged = [_judge_sides(reading, index) for index in range(len(reading.statements))]
    if any(map(_fails, judged)):  # read once: the share of time of one line may be too little for it
        with reading.points.budget.within(SECONDS_OF_LAYOUTS):
            other_readings(reading)
    convention, minus = _common_convention(reading, judged), minus_costs(reading)
    lines: list[CheckedLine] = []
    wrong: list[Wrong] = []
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
        if reading.points.budget.is_out_of_time and _fails(judgments):
            lines.append(_not_understood(line, _OUT_OF_TIME))
        elif by_numbers is not None:
            lines.append(by_numbers)
        elif judgments is None:
            lines.append(_unjudged(line, statement))
        elif statement.update is not None:
            notes = _notes(reading, index, judgments)
            lines.append(_of_update(line, statement.update, statement.kind, judgments[0], notes))
        else:
            line = replace(line, notes=_notes(reading, index, judgments))
            seconds = max(0.0, reading.points.budget.seconds_left - SECONDS_OF_NUMBERS) / (
                1 + sum(map(_fails, judged[index:]))
            )
            evidence = Evidence(reading, index, judgments, convention, tuple(wrong), minus)
            line = _judged(line, evidence, min(SECONDS_OF_LINE, 2 * seconds))
            if line.verdict == LineVerdict.WRONG:
                wrong.append(Wrong(line.follows or line.number, reading.sides(index)))
            lines.append(_without_set_up(line, statement))
    return lines


def _fails(judgments: Sequence[Judgment] | None) -> bool:
    """Return True if a side of a line fails, so that it takes time to find out why."""
    return judgments is not None and any(judgment.holds is False for judgment in judgments)


def _judged(line: CheckedLine, evidence: Evidence, seconds: float) -> CheckedLine:
    """Return the line of an equality; if its evidence cannot be computed in this time, it is not understood."""
    budget = evidence.reading.points.budget
    with budget.at_most(STEPS_OF_LINE), budget.within(seconds):
        found = guarded(lambda: _of_equality(line, evidence), lambda reason: _not_understood(line, reason))
    is_doubtful = budget.is_out_of_time and found.verdict == LineVerdict.WRONG
    return _not_understood(line, _OUT_OF_TIME) if is_doubtful else found


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
    if all(judgment.is_transposed for judgment in gradients) and not reading.interpretation.layout.weights:
        return "in transposed layout"
    ratios = {1.0 if j.holds else None if j.ratio is None else round(j.ratio, 6) for j in gradients}
    return factor_words(reading, ratios.pop()) if len(ratios) == 1 else ""


# verdicts


def _not_understood(line: CheckedLine, reason: str) -> CheckedLine:
    return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=reason)


def _unjudged(line: CheckedLine, statement: Statement) -> CheckedLine:
    """Return the line of a statement without an equality that can be judged."""
    is_open = statement.source.endswith("=") and len(statement.source) > 1
    if statement.problem and (is_open or not _EQUATES.search(statement.source)):
        return replace(line, verdict=LineVerdict.NO_CLAIM, reason=_NO_EQUALITY)
    is_left_out = len(statement.sides) > 1 and all(isinstance(side, tree.Dots) for side in statement.sides[1:])
    if statement.problem or not ("=" not in statement.signs or is_left_out):
        return _without_set_up(_not_understood(line, statement.problem or _NO_EQUALITY), statement)
    return replace(line, verdict=LineVerdict.NO_CLAIM, reason=_NO_EQUALITY)


def _without_set_up(line: CheckedLine, statement: Statement) -> CheckedLine:
    """Return the line; code that is not understood and only sets things up makes no claim."""
    if line.verdict != LineVerdict.NOT_UNDERSTOOD or statement.kind != "numpy" or not only_sets_up(statement.source):
        return line
    return replace(line, verdict=LineVerdict.NO_CLAIM, reason="code that sets things up, or calls a function")


def _of_equality(line: CheckedLine, evidence: Evidence) -> CheckedLine:
    """Return the line of an equality, with the verdict that the policy gives on the evidence."""
    rule, fact = decide(evidence)
    said = rule.said.format(fact)
    line = replace(line, verdict=rule.verdict, rule=rule.fact)
    if rule.verdict in {LineVerdict.RIGHT, LineVerdict.DEFINED_HERE} or rule.fact == "holds_by_convention":
        return _that_holds(line, evidence, said)
    if rule.verdict == LineVerdict.CONVENTION:
        return replace(line, notes=(*line.notes, said))
    if rule.verdict != LineVerdict.WRONG:
        return replace(line, reason=said)
    return _wrong(line, evidence, said)


def _that_holds(line: CheckedLine, evidence: Evidence, said: str) -> CheckedLine:
    """Return a line that holds, with its conventions and its proof."""
    notes = [*line.notes, said] if said else [*line.notes]
    if hides_network_quantity(evidence.reading, evidence.index):
        notes.append("the network has another quantity of this name: it is read as the document's own")
    judgments = evidence.judgments
    return replace(line, notes=tuple(notes), reading=judgments[0].reading, proof=_proof(judgments))


def _wrong(line: CheckedLine, evidence: Evidence, said: str) -> CheckedLine:
    """Return a wrong line with its mistake, or with the earlier line that it follows from."""
    bad = evidence.bad
    if bad is not None:
        line = replace(line, reason=bad.reason, counterexample=bad.counterexample)
    if line.rule == "misses_minimum":
        return _named(replace(line, reason=said), Mistake(said, (MistakeKind.FUNCTION,)))
    if line.rule == "repeats_line":
        return replace(line, follows=int(evidence.repeats_line))
    if evidence.repair is not None:
        return _named(replace(line, correction=evidence.repair.correction), evidence.repair.mistake)
    reading, left = evidence.reading, evidence.left
    if evidence.index in reading.function_definitions or _is_derivative_of_function(left):
        return _named(line, Mistake(f"this is not what {left.source} is", (MistakeKind.FUNCTION,)))
    line = replace(line, correction=derived(reading, left))
    ratio = multiple(reading, left, evidence.side)
    if ratio is None:
        return line
    kinds = (MistakeKind.SIGN, MistakeKind.NUMBER) if ratio < 0 else (MistakeKind.NUMBER,)
    return _named(line, Mistake(f"this is {ratio:.6g} times what it should be", kinds))


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


def _named(line: CheckedLine, mistake: Mistake) -> CheckedLine:
    return replace(line, mistake=mistake.tagged, mistake_kinds=mistake.kinds)


def _is_derivative_of_function(left: tree.Node) -> bool:
    """Return True for a left side f′(z)."""
    return isinstance(left, tree.Call) and isinstance(left.function, tree.Prime)


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
        (IMPLIED_SUM in judgment.notes, "a sum over each index that a product repeats is implied"),
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
