"""The report of a gradient check: a verdict, and a row of a table for each parameter."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

import numpy as np

from symbackprop.errors import shape_text
from symbackprop.kinds import Kinds
from symbackprop.verdicts import Judged, Verdict

_COARSE = 1e-6  # a resolution above is stated beside the verdict


@dataclass(frozen=True)
class ParameterCheck:
    """The check of one parameter: the largest difference among the compared entries, and its position."""

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    difference: float = float("nan")  # largest |ours − numeric|
    index: tuple[int, ...] = ()  # its entry; () for a direction through all entries
    ours: float = float("nan")
    numeric: float = float("nan")
    uncertainty: float = float("nan")  # of numeric
    size: float = float("nan")  # of the largest derivative, ours or numeric
    relative: float = float("nan")  # difference / max(|ours|, |numeric|), at that entry
    resolution: float = float("nan")  # the part of the gradient's size below which no difference would show
    norm_ratio: float = float("nan")  # ‖ours − numeric‖ / ‖ours + numeric‖
    looked_at: int = 0  # the number of comparisons
    kinks: int = 0  # entries at which the derivative jumps at this point
    note: str = ""
    mistake: str = ""  # the likely mistake, if it is wrong
    mistake_kinds: Kinds = ()  # of that mistake
    is_second: bool = False  # of second derivatives: the differences are those of the gradient

    @property
    def described(self) -> str:
        """The verdict; if it is right within error bars that are large, with the number of digits that they leave."""
        if self.verdict != Verdict.RIGHT or not self.resolution > _COARSE:
            return str(self.verdict)
        return f"{self.verdict} (to {max(1, int(-math.log10(self.resolution)))} digits)"

    @property
    def digits(self) -> float:
        """The number of decimal digits that agree, at most the 16 of a float."""
        return min(16.0, max(0.0, -math.log10(self.relative))) if self.relative > 0 else 16.0


HESSIAN = "Hessian"


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return wrong if any verdict is, else undecided if any is, else right."""
    return max(verdicts, key=(Verdict.RIGHT, Verdict.UNDECIDED, Verdict.WRONG).index, default=Verdict.RIGHT)


@dataclass(frozen=True)
class GradientCheck(Judged):
    """The result of a check: `print` shows its table, and `verdict` is right, wrong or undecided."""

    verdict: Verdict
    blocks: tuple[ParameterCheck, ...]
    evaluations: int
    cost: float
    reason: str = ""
    gradient_calls: int = 0
    generic_point: Any = None  # where nothing could be decided here: parameters nearby, to check again at

    def with_second(self, second: "GradientCheck") -> "GradientCheck":
        """Return the check of the gradient and of the Hessian, whose check is given, in one report."""
        blocks = tuple(replace(block, name=f"{HESSIAN} {block.name}", is_second=True) for block in second.blocks)
        return replace(
            self,
            verdict=worst_of((self.verdict, second.verdict)),
            blocks=self.blocks + blocks,
            gradient_calls=self.gradient_calls + second.evaluations,
            reason="; ".join(filter(None, [self.reason, second.reason and f"the Hessian: {second.reason}"])),
        )

    @property
    def worst(self) -> ParameterCheck | None:
        """The parameter with the worst verdict; among several, the one with the largest relative difference."""
        order = {Verdict.WRONG: 2, Verdict.UNDECIDED: 1, Verdict.RIGHT: 0}
        return max(self.blocks, key=lambda b: (order[b.verdict], np.nan_to_num(b.relative, nan=np.inf)), default=None)

    @property
    def finding(self) -> str:
        """The mistake and its place in one line, or the reason why nothing is decided; "" for right gradients."""
        worst = self.worst
        if worst is None or self.verdict == Verdict.RIGHT:
            return ""
        name = f"params{worst.name}" if worst.name.startswith("[") else worst.name
        where = name + (str([int(i) for i in worst.index]) if worst.index else "")
        if worst.mistake:
            return f"{where}: {worst.mistake}"
        if worst.verdict == Verdict.WRONG and worst.looked_at:
            what = "second derivative" if worst.is_second else "gradient", "gradient" if worst.is_second else "cost"
            return f"{where}: the {what[0]} is {worst.ours:.6g}, the derivative of the {what[1]} {worst.numeric:.6g}"
        return f"{name}: {worst.note or self.reason or self.verdict}"

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain data."""
        return {
            "verdict": str(self.verdict),
            "cost": self.cost,
            "evaluations": self.evaluations,
            "gradient_calls": self.gradient_calls,
            "reason": self.reason,
            "parameters": [
                asdict(block)
                | {
                    "verdict": str(block.verdict),
                    "digits": block.digits,
                    "mistake_kinds": [str(kind) for kind in block.mistake_kinds],
                }
                for block in self.blocks
            ],
        }

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the report with its table."""
        first, *rest = self.to_text().splitlines()
        rows = [HEADINGS, *map(cells, self.blocks)]
        table = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        notes = "".join(f"<div>{escape(line)}</div>" for line in rest[len(rows) :])
        return f"<div>{escape(first)}</div><table>{table}</table>{notes}"

    def to_text(self, width: int | None = None) -> str:
        """Return the report; for a narrow page, without the columns that can be computed from the others."""
        lines = [f"gradient check: {self.verdict}" + (f" ({self.reason})" if self.reason else "")]
        lines += _table(self.blocks, width)
        lines += [f"{block.name}: {block.note}" for block in self.blocks if block.note]
        lines += [f"{block.name}: the likely mistake: {block.mistake}" for block in self.blocks if block.mistake]
        if self.generic_point is not None and self.verdict == Verdict.UNDECIDED:
            lines.append("nothing more can be decided at this point; check again at params = report.generic_point")
        lines.append(f"cost {self.cost:.10g}, {self.evaluations} evaluations of the cost")
        return "\n".join(lines)


_FIGURES = ("largest difference", "at", "ours", "numeric", "relative", "digits", "norm ratio")
HEADINGS = ("parameter", "shape", "verdict", *_FIGURES)


_LEAST = ("norm ratio", "relative", "shape", "largest difference")  # the first columns to be left out


def _table(blocks: tuple[ParameterCheck, ...], page: int | None) -> list[str]:
    rows = [HEADINGS, *(cells(block) for block in blocks)]
    widths = {heading: max(len(row[k]) for row in rows) for k, heading in enumerate(HEADINGS)}
    for heading in _LEAST:
        if page is not None and sum(widths.values()) + 2 * len(widths) > page:
            del widths[heading]
    shown = [[cell.ljust(widths[h]) for cell, h in zip(row, HEADINGS, strict=True) if h in widths] for row in rows]
    return ["  " + "  ".join(row).rstrip() for row in shown]


def cells(block: ParameterCheck) -> tuple[str, ...]:
    """Return the table row of a parameter as text."""
    numeric = f"{block.numeric:.9g} ± {block.uncertainty:.0e}"
    where = str(list(block.index)) if block.index else "all"
    figures = (
        f"{block.difference:.1e}",
        where,
        f"{block.ours:.9g}",
        numeric,
        f"{block.relative:.1e}",
        f"{block.digits:.1f}",
        f"{block.norm_ratio:.1e}",
    )
    return (
        block.name,
        shape_text(block.shape),
        block.described,
        *(figures if block.looked_at else ("-",) * len(_FIGURES)),
    )
