"""The report on gradient code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from symbackprop.expressions.aliases import Expression
from symbackprop.gradcheck.report import GradientCheck
from symbackprop.kinds import Kinds
from symbackprop.network.network import Network
from symbackprop.printing.text import text
from symbackprop.proofread.code.compare import FirstDifference
from symbackprop.tracing.arrays.names import CodeLine
from symbackprop.tracing.arrays.trace import NamedQuantity
from symbackprop.verdicts import Judged, Verdict


class Level(StrEnum):
    """The level at which code was read: formulas of matrices, formulas of entries at small sizes, or numbers alone."""

    FORMULA = "formula"
    ENTRIES = "entries"
    NUMBERS = "numbers"


_LEVELS = {
    Level.FORMULA: "the code was read as formulas, which hold for all sizes",
    Level.ENTRIES: "the code was read entry by entry at small sizes",
    Level.NUMBERS: "the code could not be read; its numbers were checked",
}


_LONGEST = 140  # characters of a formula in a short report
_NOT_READ = "not read"


@dataclass(frozen=True)
class CodeCheck(Judged):
    """The result of `check_code`: `print` shows a short report, and `to_text(details=True)` all that was read.

    `verdict` is right, wrong, convention or undecided.

    "convention" means that all gradients have the opposite sign, as in code that adds them to the weights.
    """

    verdict: Verdict
    level: Level
    mistake: str = ""
    first_difference: FirstDifference | None = None
    network: Network | None = None  # what the cost computes, where it could be read
    quantities: tuple[NamedQuantity, ...] = ()  # of the gradient's code
    gradients: Mapping[str, Expression] | None = None  # as formulas in these
    check: GradientCheck | None = None  # in numbers
    proof: str = ""
    notes: tuple[str, ...] = ()
    mistake_kinds: Kinds = ()
    line: CodeLine | None = None  # of the user's code: the first that differs
    conditions: tuple[str, ...] = ()  # on the data, under which the verdict holds

    @property
    def counterexample(self) -> str:
        """A wrong entry, with its value in the code and its numerical derivative; "" if there is none."""
        worst = self.check.worst if self.check is not None and self.verdict == Verdict.WRONG else None
        if worst is None or worst.verdict != Verdict.WRONG or not worst.looked_at:
            return ""
        entry = f"∂/∂{worst.name}{list(worst.index) or ''}"
        return f"at a random point, {entry} is {worst.numeric:.6g}; the code says {worst.ours:.6g}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        first = self.first_difference
        return {
            "verdict": str(self.verdict),
            "level": str(self.level),
            "conditions": list(self.conditions),
            "mistake": self.mistake,
            "mistake_kinds": [str(kind) for kind in self.mistake_kinds],
            "first_difference": None if first is None else vars(first).copy(),
            "line": None if self.line is None else str(self.line),
            "counterexample": self.counterexample,
            "proof": self.proof,
            "network": None if self.network is None else self.network.to_text(),
            "gradient": {q.name: text(q.expression) for q in self.quantities},
            "check": None if self.check is None else self.check.to_dict(),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, *, details: bool = False) -> str:
        """Return the report; with details, also the network, all formulas, and the gradient check."""
        under = f", if {' and '.join(self.conditions)}" if self.conditions else ""
        lines = [f"gradient code: {self.verdict}{under}"]
        if self.mistake:
            lines.append(f"the likely mistake: {self.mistake}")
        if self.line is not None:
            lines.append(f"the first line that differs: {self.line}")
        if self.first_difference is not None:
            lines += _difference(self.first_difference, always=details or self.line is None)
        notes = self.notes if details else _short_notes(self.notes)
        lines += [line for line in (self.counterexample, self.proof, _LEVELS[self.level], *notes) if line]
        return "\n".join(lines + (self._details() if details else []))

    def _details(self) -> list[str]:
        lines: list[str] = []
        if self.network is not None:
            lines += ["", "The network that the cost computes:"]
            lines += [f"  {line}" for line in self.network.to_text().splitlines()]
        if self.quantities:
            lines += ["", "The gradient's code:"]
            lines += [f"  {q.name} = {text(q.expression)}" for q in self.quantities]
        if self.check is not None:
            lines += ["", str(self.check)]
        return lines


def _difference(first: FirstDifference, *, always: bool) -> list[str]:
    """Return both formulas; nothing if they are as long as those of a loop are, unless they are always wanted."""
    about = f" (it is to be {first.what})" if first.what else ""
    lines = [
        f"the first quantity that differs: {first.name}{about}",
        f"  the code has  {first.formula}",
        f"  derived is    {first.right}",
    ]
    return lines if always or max(map(len, lines)) <= _LONGEST else []


def _short_notes(notes: Sequence[str]) -> list[str]:
    """Return the notes with the first reason alone why code was not read further."""
    reasons = [note for note in notes if note.startswith(_NOT_READ)]
    return [note for note in notes if note not in reasons[1:]]
