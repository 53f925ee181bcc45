"""A derivation as LaTeX: one `align*` with a reason above each line, or a whole document."""

import re
from collections.abc import Iterator
from dataclasses import replace

from symbackprop.backprop.step import Step, why
from symbackprop.errors import ArgumentError
from symbackprop.expressions.shapes import shape_of
from symbackprop.printing.latex import InlineLatex, Latex
from symbackprop.printing.latex_names import PLAIN, NameStyle
from symbackprop.render.latex_lines import PER_SYMBOL, fitted, row_width
from symbackprop.render.latex_rows import LatexBlock, LatexRow, formula
from symbackprop.render.outline import DocumentLine, Outline, ParameterSection

_DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath,graphicx}
\usepackage[%s,margin=2cm%s]{geometry}
\allowdisplaybreaks
\emergencystretch=3em
\begin{document}
%s\section*{The gradients of $%s$}
%s\end{document}
"""
_PAGES = {
    "a4paper": (21 - 4 - 2.5) / PER_SYMBOL,
    "a4paper,landscape": (29.7 - 4 - 2.5) / PER_SYMBOL,
}  # the room for a row
_NUMBER = 5  # symbols
_TIGHT = (",top=1.2cm,bottom=1.8cm", "\\small\n\\setlength{\\jot}{0pt}\n")
_SIGNS = {"Σ": r"\sum", "−": "-", "⁻¹": "^{-1}"}  # signs in sentences that LaTeX's text mode lacks


def to_latex(
    outline: Outline,
    *,
    standalone: bool = False,
    numbered: bool = False,
    compact: bool = False,
    style: NameStyle = PLAIN,
) -> str:
    """Return an `align*`, which needs amsmath, or with `standalone` a whole document that compiles, on A4.

    The document has long formulas broken; with `numbered`, each formula has a number. With
    `compact`, the name of each rule stands beside its formula, in place of the reason above it.

    Raises:
        ArgumentError: two names look the same in this style.
    """
    document = LatexDocument(outline, style, compact)
    blocks = document.blocks()
    document.refuse_twins()
    if not standalone:
        return _aligned(blocks, numbered)
    page, blocks = _on_pages(blocks, _NUMBER * numbered)
    tight = _TIGHT if compact else ("", "")
    return _DOCUMENT % (page, *tight, document.show(outline.tape.cost.symbol), _aligned(blocks, numbered))


def _on_pages(blocks: list[LatexBlock], beside: float) -> tuple[str, list[LatexBlock]]:
    """Return the options of the page and the blocks, with formulas broken that do not fit; upright if possible."""
    for options, room in _PAGES.items():
        fitting = [replace(block, rows=tuple(fitted(block.rows, room - beside))) for block in blocks]
        if all(row_width(block.rows) <= room - beside for block in fitting):
            return options, fitting
    options, room = list(_PAGES.items())[-1]
    return options, [replace(b, rows=tuple(fitted(b.rows, room - beside, shrinks=True))) for b in blocks]


def _aligned(blocks: list[LatexBlock], numbered: bool) -> str:
    environment = "align" if numbered else "align*"
    rows = " \\\\\n".join(_block(block, numbered) for block in blocks)
    return f"\\begin{{{environment}}}\n{rows}\n\\end{{{environment}}}\n"


def _block(block: LatexBlock, numbered: bool) -> str:
    rows = [
        (f"\\intertext{{{row.above}}}\n" if row.above else "")
        + formula(row)
        + (r" \nonumber" if numbered and not row.relation else "")
        for row in block.rows
    ]
    heading = rf"\textbf{{{block.title}}}" + (rf"\quad {block.intro}" if block.intro else "")
    return f"\\intertext{{{heading}}}\n" + " \\\\\n".join(rows)


def latex_blocks(outline: Outline) -> list[LatexBlock]:
    """Return the parts of a document, except the parts that its level of detail omits."""
    return LatexDocument(outline).blocks()


def latex_declarations(outline: Outline) -> list[tuple[str, str, str]]:
    """Return the role, name and shape of every argument of the network."""
    return LatexDocument(outline).declared()


class LatexDocument:
    """The blocks of a document, in a style of names."""

    def __init__(self, outline: Outline, style: NameStyle = PLAIN, compact: bool = False):
        self.outline, self.compact = outline, compact
        self.printer = Latex(outline.function_names, style)
        self.inline = InlineLatex(outline.function_names, style)

    def refuse_twins(self) -> None:
        """Raise an error if two names were printed alike."""
        seen: dict[str, str] = {}
        for name, shown in self.printer.names.items():
            if seen.setdefault(shown, name) != name:
                raise ArgumentError(f"{seen[shown]} and {name} would look the same, {shown}; choose another notation")

    def blocks(self) -> list[LatexBlock]:
        """Return the network, a block for each parameter, and the result, except what the level of detail omits."""
        least = [rf"${self.printer.shape((one.size,))} \ge {one.least}$" for one in self.outline.least_sizes]
        about = "; ".join([self.outline.examples, self._declarations(), *least])
        network = [LatexBlock("Network", tuple(self._network()), f"{about}.")]
        sections = [
            LatexBlock(self._title(section), tuple(self._rows(section.lines))) for section in self.outline.sections
        ]
        result = LatexBlock("Result", tuple(self._rows(self.outline.result)))
        return [*(network if self.outline.network else []), *sections, result]

    def _declarations(self) -> str:
        return ", ".join(
            f"{role} ${name}$" + (f" (${shape}$)" if shape else "") for role, name, shape in self.declared()
        )

    def declared(self) -> list[tuple[str, str, str]]:
        """Return the role, name and shape of every argument of the network."""
        return [(role, self.show(symbol), self._shape(shape_of(symbol))) for symbol, role in self.outline.declared]

    def _network(self) -> Iterator[LatexRow]:
        yield from self._rows(self.outline.network)
        for f in self.outline.definitions:
            name = rf"\text{{{f.name.replace('_', ' ')}}}" if f.order == 0 else ""
            yield LatexRow(self.printer.of_z(f), " = ".join(map(self.show, self.printer.definition(f))), name)

    def _title(self, section: ParameterSection) -> str:
        cost, parameter = self.show(self.outline.tape.cost.symbol), self.show(section.parameter)
        shape = self._shape(shape_of(section.parameter))
        return rf"$\partial {cost} / \partial {parameter}$, of the shape ${shape}$ of ${parameter}$"

    def _rows(self, lines: tuple[DocumentLine, ...]) -> Iterator[LatexRow]:
        for line in lines:
            above, beside = self._reason(line.step), self._shape(line.shape)
            if self.compact and line.step is not None:
                above, beside = "", rf"\text{{{line.step.rule}}}"
            for shown in line.formulas:
                yield LatexRow(shown.left_side(self.show), self.show(shown.right), beside, above)
                above = beside = ""

    def _reason(self, step: Step | None) -> str:
        if step is None:
            return ""
        sentence = why(step, lambda quantity: f"${self.inline.doprint(quantity)}$")
        sentence = sentence.replace("$×$", r" \times ")
        return rf"\emph{{{step.rule}}}: " + re.sub("|".join(_SIGNS), lambda sign: f"${_SIGNS[sign[0]]}$", sentence)

    def show(self, expression: object) -> str:
        """Return an expression as LaTeX."""
        return str(self.printer.doprint(expression))

    def _shape(self, shape: tuple[object, ...]) -> str:
        return self.printer.shape(shape) if shape else ""
