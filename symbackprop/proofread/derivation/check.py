"""Proofreads a derivation that a person wrote."""

import os
from collections.abc import Sequence
from dataclasses import replace

from symbackprop.errors import ArgumentError
from symbackprop.network.network import Network
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.documents import read_document
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.statements import Statement, equalities, is_about_slopes, read_statements
from symbackprop.parsing.syntax_tree import Name
from symbackprop.parsing.updates import Update
from symbackprop.proofread.derivation.arguments import without_arguments
from symbackprop.proofread.derivation.example_index import unused_letter, with_own_index
from symbackprop.proofread.derivation.own_network import own_network
from symbackprop.proofread.derivation.repair import MOST_EDITS, find_mistake
from symbackprop.proofread.derivation.report import DerivationCheck, Line, LineVerdict
from symbackprop.proofread.derivation.search import best_session, may_be_of_one_example
from symbackprop.proofread.derivation.session import HELD, DocumentReading, is_of_one_unit
from symbackprop.proofread.derivation.suggestion import derived
from symbackprop.proofread.derivation.update_direction import corrected, judge_update
from symbackprop.proofread.derivation.worked_numbers import WITHOUT_ARITHMETIC, of_numbers
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.network_at_point import ALL, UNITS
from symbackprop.proofread.interpreter.products import JUXTAPOSED

AT_MINIMUM = "this may hold where the gradient is 0, at a minimum alone, which is not looked at"


def check_derivation(
    text: "str | os.PathLike[str]", network: Network | None = None, *, seed: int = 0
) -> DerivationCheck:
    r"""Proofread a derivation: which of its lines are right, where it goes wrong, and what the mistake is.

    Args:
        text: Markdown, LaTeX or lines of NumPy code as text, or the path of an .md, .tex, .ipynb or .txt file. Nothing
            in it is executed.
        network: what is derived; without it, what the equations of the document say, if they do.
        seed: of the random points at which formulas are compared.

    Raises:
        ArgumentError: the file cannot be read, the document says no network and none is given, or lark is not
            installed.

    >>> import symbackprop as sb
    >>> net = sb.mlp(["D", "H", "K"], cost="half_squared_error")
    >>> check = check_derivation(r"$$\frac{\partial J}{\partial W^{(2)}} = (a^{(2)})^T (\hat{y} - y)$$", net)
    >>> check.verdict
    <LineVerdict.WRONG: 'wrong'>
    """
    if network is not None and not isinstance(network, Network):
        raise ArgumentError(f"the network is a {type(network).__name__}; a Network is expected, as of parse_network")
    document = read_document(text)
    is_own = network is None
    if network is None:
        written = read_statements(document)
        network = own_network(document.text, written, may_be_of_one_example(document, written))
    written = read_statements(document, list(network.symbols), [str(p.name) for p in network.parameters])
    letter = unused_letter(written)
    written = with_own_index(without_arguments(written, network, letter), letter)
    session = best_session(network, document, written, seed)
    if is_own:
        _refuse_unlike(session)
    lines = _lines(session)
    unread = sum(line.verdict == LineVerdict.NOT_UNDERSTOOD for line in lines)
    if is_own and unread > len(lines) / 2:
        raise ArgumentError(
            f"no network is given, and with the one that was read from the equations of the document,\n"
            f"{network.to_text()}\n{unread} of {len(lines)} formulas are not understood; give the network, as of "
            "parse_network"
        )
    own = ["the network is the one that the document says:", *network.to_text().splitlines()] if is_own else []
    return DerivationCheck(tuple(lines), document.text, (*own, *_notes(session, lines)))


def _refuse_unlike(session: DocumentReading) -> None:
    """A network that was read from equations must have those: else they were read as others than they are."""
    for rank, written in enumerate(session.document):
        sides = equalities(written)
        is_forward = bool(sides) and isinstance(sides[0], Name) and not any(map(is_about_slopes, sides))
        if is_forward and not session.is_range(written) and session.judge(rank).holds is False:
            raise ArgumentError(
                f"no network is given, and the one that was read from the equations of the document,\n"
                f"{session.worlds.network.to_text()}\nis not that of {written.source}; give the network, as of "
                "parse_network"
            )


# lines


def _lines(session: DocumentReading) -> list[Line]:
    judged = [_judged(session, rank) for rank in range(len(session.document))]
    factors = _common_convention(session, judged)
    lines: list[Line] = []
    number = 0
    for rank, written in enumerate(session.document):
        judgments = judged[rank]
        if judgments is None and _is_no_claim(session, written):
            continue
        number += 1
        line = Line(number, written.line, written.source, LineVerdict.RIGHT, start=written.start, end=written.end)
        numbers = of_numbers(session, written, line, has_more=judgments is not None)
        lines.append(_line(session, rank, line, judgments, lines, factors) if numbers is None else numbers)
    return lines


def _is_no_claim(session: DocumentReading, written: Statement) -> bool:
    """Whether there is nothing to judge: ranges of letters, shapes, numbers that are given, text."""
    if written.signs and set(written.signs) <= {r"\in"}:
        return True
    is_given = len(written.worked) == len(written.sides) == 1 and session.is_given(written.sides[0])
    return is_given or session.is_range(written) or not (_is_said(session, written) or len(written.worked) > 1)


def _is_said(session: DocumentReading, written: Statement) -> bool:
    """Whether a statement that is no equality is worth a line."""
    if written.kind == "display" or written.update is not None:
        return True
    if written.kind == "numpy":
        try:
            (left, *_) = parse_numpy(written.source.partition("=")[0] + "= 0")
        except UnsupportedNotationError:
            return False
        return session.is_known(left)
    return bool(written.problem) and "=" in written.source and "\\" in written.source


def _judged(session: DocumentReading, rank: int) -> list[Judgment] | None:
    written = session.document[rank]
    if written.update is not None:
        return [judge_update(session, written.update)]
    sides = equalities(written)
    if not sides or session.is_range(written):
        return None
    judgments = session.judge_sides(rank)
    if written.kind != "display" and all(judgment.holds is None for judgment in judgments):
        return judgments if written.kind == "numpy" and session.is_known(sides[0]) else None
    return judgments


def _common_convention(session: DocumentReading, judged: Sequence[list[Judgment] | None]) -> str:
    """The convention in which all gradients differ from ours in the same way, in words; empty if there is none."""
    gradients = [
        j
        for rank, judgments in enumerate(judged)
        if judgments and session.is_gradient_line(rank)
        for j in judgments
        if j.holds is not None
    ]
    if not gradients or all(j.holds for j in gradients):
        return ""
    if all(j.is_transposed for j in gradients):
        return "transposed"
    ratios = {round(j.ratio, 6) if j.ratio is not None and not j.holds else 1.0 if j.holds else None for j in gradients}
    only = ratios.pop() if len(ratios) == 1 else None
    return session.factor_words(only) if only is not None else ""


def _line(  # noqa: PLR0911, PLR0917 — one for each verdict
    session: DocumentReading,
    rank: int,
    line: Line,
    judgments: list[Judgment] | None,
    before: list[Line],
    convention: str,
) -> Line:
    written = session.document[rank]
    if judgments is None:
        reason = written.problem or "it states no equality, so there is nothing to check"
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=reason)
    notes = tuple(dict.fromkeys(note for j in judgments for note in _reading_notes(session, j)))
    notes = (*notes, *_notes_of_parts(session, rank))
    if written.update is not None:
        return _of_update(line, written.update, written.kind, judgments[0], notes)
    sides = equalities(written)
    bad = next(((k, j) for k, j in enumerate(judgments) if j.holds is False), None)
    unknown = next((j for j in judgments if j.holds is None), None)
    if bad is None and unknown is not None:
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=unknown.reason, notes=notes)
    if bad is None:
        return _right(session, rank, line, judgments, notes)
    k, judgment = bad
    if written.is_conditional:
        reason = "it may hold under the condition that stands behind it in the text, which is not read"
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=reason, notes=notes)
    if session.may_hold_at_minimum(rank):
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=AT_MINIMUM, notes=notes)
    if session.gives_a_number(sides[0], sides[-1]):
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=WITHOUT_ARITHMETIC, notes=notes)
    if convention and session.is_gradient_line(rank):
        text = "in transposed layout" if convention == "transposed" else convention
        return replace(line, verdict=LineVerdict.CONVENTION, notes=(*notes, f"right {text}, as all gradients here are"))
    is_stated = session.is_cost(sides[0]) and not session.has_gradients
    if judgment.ratio is not None and (is_stated or session.is_error_line(rank)):
        words = session.factor_words(judgment.ratio) if is_stated else session.size_words(judgment.ratio)
        if words:
            return replace(line, verdict=LineVerdict.CONVENTION, notes=(*notes, f"right {words}"))
    line = replace(
        line, verdict=LineVerdict.WRONG, reason=judgment.reason, counterexample=judgment.counterexample, notes=notes
    )
    return _explained(session, rank, k, line, before)


def _right(session: DocumentReading, rank: int, line: Line, judgments: list[Judgment], notes: tuple[str, ...]) -> Line:
    sides = equalities(session.document[rank])
    verdict = LineVerdict.RIGHT
    if session.way.cost_scale != 1 and session.is_cost(sides[0]):
        verdict = LineVerdict.CONVENTION
        notes = (*notes, f"the network's cost is stated {session.factor_words(session.way.cost_scale)}")
    if session.way.error_scale != 1 and session.is_error_line(rank):
        verdict = LineVerdict.CONVENTION
        notes = (*notes, f"errors are stated {session.factor_words(session.way.error_scale)}")
    if rank in session.odd_scales:
        verdict = LineVerdict.CONVENTION
        words = session.factor_words(session.odd_scales[rank]) or f"up to the factor {session.odd_scales[rank]:.6g}"
        notes = (*notes, f"as a ∂J/∂v it is right {words}, and no gradient says that this is meant")
    if session.is_another(rank):
        notes = (*notes, "the network has another quantity of this name: it is read as the document's own")
    if session.is_gradient_line(rank) and session.is_turned_for_gradients_alone:
        verdict = LineVerdict.CONVENTION
        notes = (*notes, "right in transposed layout")
    reading = judgments[0].reading
    return replace(line, verdict=verdict, reading=reading, notes=notes, proof=_proof(session, judgments))


def _of_update(line: Line, update: Update, kind: str, judgment: Judgment, notes: tuple[str, ...]) -> Line:
    if judgment.holds is None:
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, reason=judgment.reason)
    if judgment.holds:
        proof = "taken as a definition"
        if update.changes:
            proof = "a step downhill: in numbers, a negative multiple of the gradient"
        return replace(line, reading=judgment.reading, notes=notes, proof=proof)
    correction = corrected(update, "numpy" if kind == "numpy" else "latex")
    return replace(line, verdict=LineVerdict.WRONG, mistake=judgment.reason, correction=correction, notes=notes)


def _explained(session: DocumentReading, rank: int, k: int, line: Line, before: list[Line]) -> Line:
    """A wrong line with its mistake, or with what it follows from, or as not understood where that is doubtful."""
    sides = equalities(session.document[rank])
    origin = _origin(session, rank, k, before)
    if origin is not None:
        return replace(line, follows=origin)
    searched = sum(bool(other.verdict == LineVerdict.WRONG and other.follows is None) for other in before)
    mistake = find_mistake(session, rank, sides[0], sides[k + 1], MOST_EDITS // (1 + searched**2))
    is_doubtful = bool(line.reason) and is_of_one_unit(sides[0], sides[k + 1])
    if mistake is not None and is_doubtful and ("too much" in mistake.words or "missing" in mistake.words):
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, counterexample="")
    if mistake is not None:
        return replace(line, mistake=mistake.words, correction=mistake.correction)
    if line.reason and not _is_plain(session, rank):  # that may be our reading
        return replace(line, verdict=LineVerdict.NOT_UNDERSTOOD, counterexample="")
    if rank in session.functions or _is_slope_of_function(sides[0]):
        return replace(line, mistake=f"this is not what {sides[0].source} is (function)")
    multiple = session.multiple(sides[0], sides[k + 1])
    words = "" if multiple is None else f"this is {multiple:.6g} times what it should be"
    kinds = "" if multiple is None else " (sign, number)" if multiple < 0 else " (number)"
    return replace(line, mistake=words + kinds, correction=derived(session, sides[0]))


def _is_plain(session: DocumentReading, rank: int) -> bool:
    """Whether shapes that do not fit are surely a mistake: of matrices, in a document that else is read well."""
    sides = equalities(session.document[rank])
    parts = [part for side in sides for part in tree.walk(side)]
    has_indices = any(isinstance(part, tree.Summation | tree.Entry) for part in parts) or any(
        isinstance(mark.content, Name)
        for part in parts
        if isinstance(part, Name)
        for mark in (*part.above, *part.below)
    )
    slopes = [part for part in parts if isinstance(part, tree.Partial)]
    others = [session.judge(k).holds for k, w in enumerate(session.document) if k != rank and equalities(w)]
    return (
        not has_indices
        and all(session.is_cost(slope.of) for slope in slopes)
        and len(others) > 1
        and sum(holds is True for holds in others) >= 0.75 * len(others)
    )


def _is_slope_of_function(left: tree.Node) -> bool:
    return isinstance(left, tree.Call) and isinstance(left.function, tree.Prime)


def _origin(session: DocumentReading, rank: int, k: int, before: list[Line]) -> int | None:
    """The number of an earlier wrong line whose mistake a side carries on: it has the value that was claimed there."""
    sides = equalities(session.document[rank])
    starts = {w.start: r for r, w in enumerate(session.document)}
    for line in before:
        if line.verdict != LineVerdict.WRONG:
            continue
        other = equalities(session.document[starts[line.start]])
        if any(session.same(rank, claimed, sides[k + 1]) for claimed in other[1:]) and other[0] == sides[0]:
            return line.follows or line.number
    return None


def _reading_notes(session: DocumentReading, judgment: Judgment) -> list[str]:
    found = []
    if JUXTAPOSED in judgment.notes:
        found.append(
            "factors that stand side by side are read as a product entry by entry, since only that fits the shapes; "
            "the notation is ambiguous: where two sizes are equal it can be read as a matrix product"
        )
    if judgment.reading == UNITS:
        found.append("read for one example and one unit, where everything commutes")
    if "entry by entry" in judgment.notes:
        found.append("a slope of what is computed entry by entry, as the slopes of the entries")
    if HELD in judgment.notes:
        found.append("derivatives are read with those quantities held whose own ∂J/∂v stand there")
    for layout in ("numerator layout", "denominator layout"):
        if layout in judgment.notes:
            found.append(f"∂a/∂b is read as a matrix in {layout}")
    if judgment.holds and judgment.reading not in {ALL, UNITS, ""}:
        found.append("read for one example")
    return found


def _notes_of_parts(session: DocumentReading, rank: int) -> list[str]:
    """What of a line was not judged with the rest."""
    written = session.document[rank]
    found = ["of the numbers of an example the arithmetic alone is looked at"] if written.worked else []
    if session.is_condition(rank) and len(written.sides) > 2:
        found.append("that the gradient is 0 says where a minimum is, and is not judged")
    return found


def _proof(session: DocumentReading, judgments: list[Judgment]) -> str:
    if all(judgment.is_definition for judgment in judgments):
        return "taken as a definition"
    return (
        "equal in numbers at two random points"
        if judgments[0].reading == UNITS
        else "equal in numbers at two random points, all sizes different"
    )


def _notes(session: DocumentReading, lines: Sequence[Line]) -> list[str]:
    found = []
    layout = session.way.layout
    if layout.data and not session.is_of_columns:
        found.append("the document is read with examples as columns; the network has them as rows")
    if layout.weights != layout.data:
        found.append("the weights of the document are those of the network transposed" if layout.weights else "")
    unknown = [line for line in lines if line.verdict == LineVerdict.NOT_UNDERSTOOD and "is not known" in line.reason]
    if unknown:
        missing = dict.fromkeys(line.reason.removesuffix(" is not known") for line in unknown)
        known = ", ".join(session.worlds.network.symbols)
        found.append(
            f"names that neither the network nor the document defines: {', '.join(missing)}; the network has {known}"
        )
    if not lines:
        found.append("no formula was found: write them as $$…$$, \\[…\\], an align environment, or lines of NumPy code")
    return [note for note in found if note]
