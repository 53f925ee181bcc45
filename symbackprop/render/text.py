"""A derivation as text for a terminal."""

import textwrap

from symbackprop.backprop.step import why
from symbackprop.errors import shape_text
from symbackprop.expressions.aliases import Shape
from symbackprop.expressions.shapes import shape_of
from symbackprop.printing.ascii import Ascii, in_ascii
from symbackprop.printing.folding import fold
from symbackprop.printing.text import Text
from symbackprop.render.outline import DocumentLine, Outline, ParameterSection, ShownFormula

_FORMULA = 70  # characters of a formula with its rule beside it
_SENTENCE = 100  # characters of a line of a sentence
_INDENT = "      "


def to_text(outline: Outline, *, width: int | None = None, ascii: bool = False) -> str:
    """Return the network, the steps to each gradient with rules and reasons, and the result.

    Args:
        outline: the content.
        width: fold longer lines; None folds only sentences.
        ascii: spell formulas as NumPy does, and every sign in ASCII.
    """
    return _TextDocument(outline, width, ascii).whole()


class _TextDocument:
    def __init__(self, outline: Outline, width: int | None, ascii: bool):
        self.outline = outline
        self.tape = outline.tape
        self.printer = (Ascii if ascii else Text)(outline.function_names)
        self.spelled = in_ascii if ascii else str
        self.width = width
        self.notes = textwrap.TextWrapper(
            min(width or _SENTENCE, _SENTENCE), initial_indent=_INDENT, subsequent_indent=_INDENT
        )

    def whole(self) -> str:
        blocks = [self.network()] if self.outline.network else []
        blocks += map(self.section, self.outline.sections)
        return "\n\n".join([*blocks, self.result()])

    def columns(self, rows: list[list[str]]) -> list[list[str]]:
        """Return each row as text with aligned columns, in several lines if it is wider than the page."""
        return _columns([[self.spelled(cell) for cell in row] for row in rows], self.width)

    def network(self) -> str:
        about = "; ".join([self.outline.examples.lower(), *map(str, self.outline.least_sizes)])
        lines = [f"Network ({about})", *self.declarations(), *self.lines(self.outline.network)]
        return "\n".join([*lines, *self.functions()])

    def declarations(self) -> list[str]:
        rows = [[self.show(s), role, _shape(shape_of(s))] for s, role in self.outline.declared]
        return [line for lines in self.columns(rows) for line in lines]

    def functions(self) -> list[str]:
        lines = []
        for f in self.outline.definitions:
            name = self.printer.function_name(f)
            full_name = f" ({f.name})" if f.order == 0 and name != f.name else ""
            defined = " = ".join(map(self.show, self.printer.definition(f)))
            line = self.spelled(f"  {self.printer.of_z(f)} = {defined}{full_name}")
            lines += [line] if self.width is None else fold(line, self.width)
        return lines

    def section(self, section: ParameterSection) -> str:
        parameter, cost = self.show(section.parameter), self.show(self.tape.cost.symbol)
        title = f"∂{cost}/∂{parameter}   {_shape(shape_of(section.parameter))}, the shape of {parameter}"
        return "\n".join([self.spelled(title), *self.lines(section.lines)])

    def result(self) -> str:
        return "\n".join(["Result", *self.lines(self.outline.result)])

    def lines(self, lines: tuple[DocumentLine, ...]) -> list[str]:
        """Return the formulas of each line, with the rule and the shape beside them and the sentence below."""
        rows, notes = [], []
        for line in lines:
            beside = [line.step.rule, _shape(line.shape)] if line.step else [_shape(line.shape)]
            for formula in line.formulas:
                rows.append([self.formula(formula), *beside])
                beside = [""] * len(beside)
                notes.append("")
            notes[-1] = why(line.step, self.show) if line.step else ""
        shown = zip(self.columns(rows), notes, strict=True)
        return [text for row, note in shown for text in (*row, *self.notes.wrap(self.spelled(note)))]

    def formula(self, formula: ShownFormula) -> str:
        return f"{formula.left_side(self.show) or ' '} = {self.show(formula.right)}"

    def show(self, expression: object) -> str:
        return str(self.printer.doprint(expression))


def _shape(shape: Shape) -> str:
    return shape_text(shape) if shape else "scalar"


def _columns(rows: list[list[str]], page: int | None) -> list[list[str]]:
    """Return the rows as text with aligned columns; a row with a single cell may be wider than its column.

    If a row is wider than the page, its formula is folded, and the cells beside it follow on a line of their own.
    """
    beside = [row for row in rows if any(row[1:])]
    widths = [min(max(map(len, column)), _FORMULA) for column in zip(*beside, strict=True)]
    if page is not None and widths:
        widths[0] = max(min(widths[0], page - 2 - sum(width + 3 for width in widths[1:])), 1)
    return [_row(row, widths, page) for row in rows]


def _row(row: list[str], widths: list[int], page: int | None) -> list[str]:
    def line(cells: list[str]) -> str:
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        return "  " + "   ".join(padded).rstrip()

    whole = line(row)
    if page is None or len(whole) <= page:
        return [whole]
    return [*fold("  " + row[0], page), *([line(["", *row[1:]])] if any(row[1:]) else [])]
