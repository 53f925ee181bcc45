"""A derivation as LaTeX: one `align*` with a reason above each line, or a whole document."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from symbackprop.backprop.step import Step, why
from symbackprop.expressions.shapes import shape_of
from symbackprop.printing.latex import Latex, latex
from symbackprop.render.outline import DocumentLine, Outline, ParameterSection

_DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[paperwidth=%.1fcm,paperheight=29.7cm,margin=2cm]{geometry}
\allowdisplaybreaks
\begin{document}
\section*{The gradients of $%s$}
%s\end{document}
"""
_A4, _MARGINS, _COLUMN_GAP, _PER_SYMBOL = 21.0, 4.0, 2.0, 0.24  # cm, at 10 pt
_SIGNS = {"Σ": r"\sum", "−": "-", "⁻¹": "^{-1}"}  # signs in sentences that LaTeX's text mode lacks


@dataclass(frozen=True)
class LatexRow:
    """A formula in parts: `left = right`, its shape, and the sentence above it."""

    left: str
    right: str
    beside: str = ""
    above: str = ""


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


def to_latex(outline: Outline, *, standalone: bool = False) -> str:
    """Return an `align*`, which needs amsmath, or with `standalone` a whole document that compiles."""
    blocks = latex_blocks(outline)
    body = "\\begin{align*}\n" + " \\\\\n".join(_aligned(block) for block in blocks) + "\n\\end{align*}\n"
    if not standalone:
        return body
    width = _paper_width([row for block in blocks for row in block.rows])
    return _DOCUMENT % (width, latex(outline.tape.cost.symbol), body)


def _aligned(block: LatexBlock) -> str:
    rows = [f"\\intertext{{{row.above}}}\n{formula(row)}" if row.above else formula(row) for row in block.rows]
    heading = rf"\textbf{{{block.title}}}" + (rf"\quad {block.intro}" if block.intro else "")
    return f"\\intertext{{{heading}}}\n" + " \\\\\n".join(rows)


def formula(row: LatexRow) -> str:
    """Return a row of an `align*` or `aligned`, with the shape in its own column."""
    return f"{row.left} &= {row.right}" + (f" && {row.beside}" if row.beside else "")


def _paper_width(rows: list[LatexRow]) -> float:
    """Return a paper width in cm, with room for the widest left side, right side and shape in one line."""
    widest = sum(max(map(symbols, column)) for column in zip(*((r.left, r.right, r.beside) for r in rows), strict=True))
    return max(_A4, _MARGINS + _COLUMN_GAP + _PER_SYMBOL * widest)


def symbols(latex: str) -> int:
    """Return the approximate width of a formula in symbols: a command counts as one symbol, a large Σ as two."""
    plain = re.sub(r"\\(left|right|frac|partial|text|operatorname|mathrm|mathbf)(?![a-zA-Z])", "", latex)
    return len(re.sub(r"[{}^_$&\s]", "", re.sub(r"\\([a-zA-Z]+|.)", "m", plain.replace(r"\sum", "mm"))))


def latex_blocks(outline: Outline) -> list[LatexBlock]:
    """Return the parts of a document, except the parts that its level of detail omits."""
    return _LatexDocument(outline).blocks()


def latex_declarations(outline: Outline) -> list[tuple[str, str, str]]:
    """Return the role, name and shape of every argument of the network."""
    return _LatexDocument(outline).declared()


class _LatexDocument:
    def __init__(self, outline: Outline):
        self.outline = outline
        self.printer = Latex(outline.function_names)

    def blocks(self) -> list[LatexBlock]:
        network = [LatexBlock("Network", tuple(self.network()), f"{self.outline.examples}; {self.declarations()}.")]
        sections = [
            LatexBlock(self.title(section), tuple(self.rows(section.lines))) for section in self.outline.sections
        ]
        result = LatexBlock("Result", tuple(self.rows(self.outline.result)))
        return [*(network if self.outline.network else []), *sections, result]

    def declarations(self) -> str:
        return ", ".join(
            f"{role} ${name}$" + (f" (${shape}$)" if shape else "") for role, name, shape in self.declared()
        )

    def declared(self) -> list[tuple[str, str, str]]:
        return [(role, self.show(symbol), self.shape(shape_of(symbol))) for symbol, role in self.outline.declared]

    def network(self) -> Iterator[LatexRow]:
        yield from self.rows(self.outline.network)
        for f in self.outline.definitions:
            name = rf"\text{{{f.name.replace('_', ' ')}}}" if f.order == 0 else ""
            yield LatexRow(self.printer.of_z(f), " = ".join(map(self.show, self.printer.definition(f))), name)

    def title(self, section: ParameterSection) -> str:
        cost, parameter = self.show(self.outline.tape.cost.symbol), self.show(section.parameter)
        shape = self.shape(section.parameter.shape)
        return rf"$\partial {cost} / \partial {parameter}$, of the shape ${shape}$ of ${parameter}$"

    def rows(self, lines: tuple[DocumentLine, ...]) -> Iterator[LatexRow]:
        for line in lines:
            above, beside = self.reason(line.step), self.shape(line.shape)
            for shown in line.formulas:
                yield LatexRow(shown.left_side(self.show), self.show(shown.right), beside, above)
                above = beside = ""

    def reason(self, step: Step | None) -> str:
        if step is None:
            return ""
        sentence = why(step, lambda quantity: f"${self.show(quantity)}$")
        sentence = sentence.replace("$×$", r" \times ")
        return rf"\emph{{{step.rule}}}: " + re.sub("|".join(_SIGNS), lambda sign: f"${_SIGNS[sign[0]]}$", sentence)

    def show(self, expression: object) -> str:
        return str(self.printer.doprint(expression))

    def shape(self, shape: tuple[object, ...]) -> str:
        return self.printer.shape(shape) if shape else ""
