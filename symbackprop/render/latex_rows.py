"""Rows of formulas in LaTeX, which documents arrange."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LatexRow:
    """A formula in parts: `left = right`, its shape, and the sentence above it.

    Without a relation, it is a part of a formula that continues in another line.
    """

    left: str
    right: str
    beside: str = ""
    above: str = ""
    relation: str = "="


@dataclass(frozen=True)
class LatexBlock:
    """Rows under a heading, with an introductory sentence."""

    title: str
    rows: tuple[LatexRow, ...]
    intro: str = ""


def grouped(rows: Iterable[LatexRow]) -> list[list[LatexRow]]:
    """Return rows in groups, each of which begins at a row with a sentence."""
    groups: list[list[LatexRow]] = []
    for row in rows:
        if row.above or not groups:
            groups.append([])
        groups[-1].append(row)
    return groups


def formula(row: LatexRow) -> str:
    """Return a row of an `align*` or `aligned`, with the shape in its own column."""
    relation = row.relation or r"\hphantom{{}={}}"
    return f"{row.left} &{relation} {row.right}" + (f" && {row.beside}" if row.beside else "")


def symbols(latex: str) -> int:
    """Return the approximate width of a formula in symbols: a command counts as one symbol, a large Σ as two."""
    plain = re.sub(r"\\(left|right|frac|partial|text|operatorname|mathrm|mathbf)(?![a-zA-Z])", "", latex)
    return len(re.sub(r"[{}^_$&\s]", "", re.sub(r"\\([a-zA-Z]+|.)", "m", plain.replace(r"\sum", "mm"))))
