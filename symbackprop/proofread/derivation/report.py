"""Report on a derivation: its lines with their verdicts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape

from symbackprop.kinds import Kinds
from symbackprop.verdicts import Judged


class LineVerdict(StrEnum):
    """Verdict on one line; the verdict on a whole derivation is the worst of the first four."""

    RIGHT = "right"
    WRONG = "wrong"
    CONVENTION = "convention"
    NOT_UNDERSTOOD = "not understood"
    DEFINED_HERE = "defined here"  # the line says for the first time what a name means: there is nothing to compare
    ANOTHER_MEANING = "another meaning"  # a name of the network stands for something else here
    NO_CLAIM = "no claim"  # sizes, given numbers, text


@dataclass(frozen=True)
class CheckedLine(Judged):
    """One statement of a derivation.

    `source` is the author's text, at line `place` of the document; `follows` is the number of an earlier wrong line
    whose mistake it repeats; `rule` is the row of the policy that decided.
    """

    number: int
    place: int
    source: str
    verdict: LineVerdict
    reading: str = ""
    proof: str = ""
    mistake: str = ""
    correction: str = ""
    reason: str = ""
    counterexample: str = ""
    follows: int | None = None
    notes: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    mistake_kinds: Kinds = ()
    rule: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the line as plain data that JSON can represent."""
        plain = {key: str(value) if isinstance(value, StrEnum) else value for key, value in vars(self).items()}
        return plain | {"mistake_kinds": [str(kind) for kind in self.mistake_kinds]}


NOTHING_CHECKED = " (nothing was checked: no line makes a claim about the network)"
MARKS = {
    LineVerdict.RIGHT: "✓",
    LineVerdict.WRONG: "✗",
    LineVerdict.CONVENTION: "≈",
    LineVerdict.NOT_UNDERSTOOD: "?",
    LineVerdict.DEFINED_HERE: "=",
    LineVerdict.ANOTHER_MEANING: "≠",
    LineVerdict.NO_CLAIM: "–",
}


UNREMARKED = {LineVerdict.RIGHT, LineVerdict.DEFINED_HERE, LineVerdict.NO_CLAIM}


@dataclass(frozen=True)
class DerivationCheck(Judged):
    """The result of `check_derivation`; `print` shows the report."""

    lines: tuple[CheckedLine, ...]
    text: str = ""
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> LineVerdict:
        """The worst verdict on a line, in the order wrong, not understood, convention, right.

        A definition is not evidence: where no line is compared with the network, nothing was checked, and the verdict
        is "not understood".
        """
        verdicts = {line.verdict for line in self.lines}
        order = (LineVerdict.WRONG, LineVerdict.NOT_UNDERSTOOD, LineVerdict.CONVENTION, LineVerdict.RIGHT)
        return next((verdict for verdict in order if verdict in verdicts), LineVerdict.NOT_UNDERSTOOD)

    @property
    def checks_nothing(self) -> bool:
        """True if the report has lines, but none of them makes a claim that was compared with the network."""
        own_kinds = {LineVerdict.DEFINED_HERE, LineVerdict.ANOTHER_MEANING, LineVerdict.NO_CLAIM}
        return bool(self.lines) and {line.verdict for line in self.lines} <= own_kinds

    @property
    def first_wrong(self) -> CheckedLine | None:
        """The first line that is wrong and does not follow from an earlier mistake."""
        return next((line for line in self.lines if line.verdict == LineVerdict.WRONG and line.follows is None), None)

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain data that JSON can represent."""
        first = self.first_wrong
        return {
            "verdict": str(self.verdict),
            "first_wrong": None if first is None else first.number,
            "lines": [line.to_dict() for line in self.lines],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        counts = [
            f"{sum(line.verdict == verdict for line in self.lines)} {verdict}"
            for verdict in LineVerdict
            if any(line.verdict == verdict for line in self.lines)
        ]
        lines = [
            f"derivation: {self.verdict}" + NOTHING_CHECKED * self.checks_nothing,
            f"{len(self.lines)} formula{'s' * (len(self.lines) != 1)}: {', '.join(counts)}"
            if counts
            else "no formulas",
        ]
        lines += self.notes
        usual = self._usual_proof()
        for line in self.lines:
            lines.append(f"{MARKS[line.verdict]} {line.number:3}  line {line.place}: {_short(line.source)}")
            lines += [f"        {remark}" for remark in remarks(line) if remark != usual]
        return "\n".join([*lines, *([f"{MARKS[LineVerdict.RIGHT]}: {usual}"] if usual else [])])

    def _usual_proof(self) -> str:
        """Return the equality that most right lines have, which the report says once; "" if no two have the same."""
        right = [line for line in self.lines if line.verdict == LineVerdict.RIGHT]
        proofs = Counter(line.proof for line in right if line.proof.startswith("equal"))  # not "taken as a definition"
        return next((proof for proof, count in proofs.most_common(1) if count > 1), "")

    def _repr_html_(self) -> str:
        """Return what a notebook shows: each formula, which the notebook typesets, with its mark and remarks."""
        shown = [f"<div>{escape(line)}</div>" for line in (f"derivation: {self.verdict}", *self.notes)]
        for line in self.lines:
            formula = escape(line.source.strip())
            is_latex = any(sign in line.source for sign in "\\^{")
            formula = f"${formula.replace('&amp;', '')}$" if is_latex else f"<code>{formula}</code>"
            said = "" if line.verdict == LineVerdict.RIGHT else "; ".join(map(escape, remarks(line)))
            shown.append(f"<div>{MARKS[line.verdict]} {line.number} {formula} {said}</div>")
        return "\n".join(shown)

    def to_markdown(self) -> str:
        """Return the document with a remark after each formula that has a verdict other than right, or notes."""
        pieces, at = [], 0
        for end, text in _insertions(self.text, self.lines):
            pieces += [self.text[at:end], text]
            at = end
        first = self.first_wrong
        head = f"> **Proofread: {self.verdict}.**" + (
            f" The first mistake is in formula {first.number} (line {first.place})." if first is not None else ""
        )
        return "\n\n".join([head, "".join([*pieces, self.text[at:]])])


def remarks(line: CheckedLine) -> list[str]:
    """Return the remarks about a line, in printing order."""
    found = [
        "" if line.follows is None else f"follows from the mistake in {line.follows}",
        line.mistake and f"the mistake: {line.mistake}",
        line.correction and f"it should be: {line.correction}",
        *(line.reason, line.counterexample, *line.notes),
        line.proof if line.verdict in UNREMARKED else "",
    ]
    return [remark for remark in found if remark]


def _short(source: str) -> str:
    plain = " ".join(source.split())
    return plain if len(plain) <= 160 else plain[:157] + "…"


def _insertions(text: str, lines: Sequence[CheckedLine]) -> list[tuple[int, str]]:
    """Return the remarks with their offsets in the document, after the paragraph or block of their formula."""
    found: dict[int, list[str]] = {}
    for line in lines:
        if line.verdict in UNREMARKED and not line.notes:
            continue
        end = _end_of_block(text, line.end)
        found.setdefault(end, []).append(f"> {in_markdown(line)}")
    return [(end, "\n\n" + "\n>\n".join(quotes) + "\n") for end, quotes in sorted(found.items())]


def in_markdown(line: CheckedLine) -> str:
    """Return the verdict on a line with its remarks, in Markdown."""
    return f"{MARKS[line.verdict]} **{line.verdict}** ({line.number}): {'; '.join(map(_escaped, remarks(line)))}"


def _escaped(remark: str) -> str:
    head, sign, formula = remark.partition("it should be: ")
    return f"{head}{sign}${formula}$" if sign and "\\" in formula else f"it should be: `{formula}`" if sign else remark


def _end_of_block(text: str, end: int) -> int:
    """Return the end of the paragraph, or of the fenced block, that contains a position."""
    fence = text.find("\n```", end)
    is_fenced = fence >= 0 and (text.startswith("```") or text[:end].count("\n```") % 2 == 1)
    stop = text.find("\n", fence + 1) if is_fenced else text.find("\n\n", end)
    return len(text) if stop < 0 else stop
