"""A derivation as slides for beamer: one step a slide, whose formula follows its reason by an overlay."""

import re
from collections.abc import Iterator
from dataclasses import replace

from symbackprop.printing.latex_names import PLAIN, NameStyle
from symbackprop.render.latex import LatexDocument
from symbackprop.render.latex_lines import PER_SYMBOL, fitted
from symbackprop.render.latex_rows import LatexBlock, LatexRow, formula, grouped
from symbackprop.render.outline import Outline

_DOCUMENT = r"""\documentclass{beamer}
\usepackage{amsmath,graphicx}
\usefonttheme{professionalfonts}
\setbeamertemplate{navigation symbols}{}
\title{The gradients of $%s$}
\date{}
\begin{document}
\frame{\titlepage}
%s\end{document}
"""
_FRAME = r"""
\begin{frame}%s{%s}
%s\end{frame}
"""
_ROOM = (12.8 - 4.2) / (1.1 * PER_SYMBOL)  # the symbols beside each other on a slide, at 11 pt
_MOST = 7  # rows on a slide that is a list of formulas
_TALL = 4  # rows of a step from which the slide is printed smaller
_REASON = re.compile(r"\\emph\{(?P<rule>.+?)\}: (?P<sentence>.+)", re.DOTALL)


def to_slides(outline: Outline, style: NameStyle = PLAIN) -> str:
    """Return a document of the class beamer.

    Raises:
        ArgumentError: two names look the same in this style.
    """
    document = LatexDocument(outline, style)
    network, *sections = document.blocks() if outline.network else [LatexBlock("", ()), *document.blocks()]
    *steps, result = sections
    document.refuse_twins()
    frames = [
        *_listed(network, outline.examples),
        *(frame for section in steps for frame in _steps(section)),
        *_listed(result),
    ]
    return _DOCUMENT % (document.show(outline.tape.cost.symbol), "".join(frames))


def _listed(block: LatexBlock, intro: str = "") -> Iterator[str]:
    rows = [row for row in block.rows if row.right]
    for at in range(0, len(rows), _MOST):
        sentence = f"{intro}.\n" if intro and not at else ""
        yield _frame(block.title, sentence + _display(rows[at : at + _MOST]))


def _steps(section: LatexBlock) -> Iterator[str]:
    """Yield a slide for each step: its reason, the line before it, and its own line on the next overlay."""
    title = section.title.partition(",")[0]
    before: list[LatexRow] = []
    for group in grouped(section.rows):
        reason = _REASON.fullmatch(group[0].above)
        rule, sentence = (reason["rule"], reason["sentence"]) if reason else ("", group[0].above)
        bare = [replace(row, above="", beside="") for row in group]
        heading = f"{title}: {rule}" if rule else title
        yield _frame(heading, f"{sentence}\n{_display(before)}\\uncover<2->{{{_display(bare)}}}\n")
        before = bare[-1:]


def _frame(heading: str, body: str) -> str:
    return _FRAME % ("[shrink]" if body.count(r" \\") >= _TALL else "", heading, body)


def _display(rows: list[LatexRow]) -> str:
    shown = " \\\\\n".join(map(formula, fitted(rows, _ROOM, shrinks=True)))
    return f"\\begin{{align*}}\n{shown}\n\\end{{align*}}\n" if rows else ""
