"""A derivation as text for a terminal."""

import textwrap

from symbackprop.backprop.step import why
from symbackprop.errors import shape_text
from symbackprop.expressions.aliases import Shape
from symbackprop.expressions.shapes import shape_of
from symbackprop.printing.text import Text, text_name
from symbackprop.render.outline import DocumentLine, Outline, ParameterSection, ShownFormula

_FORMULA = 70  # characters of a formula with its rule beside it
_NOTES = textwrap.TextWrapper(100, initial_indent="      ", subsequent_indent="      ")


def to_text(outline: Outline) -> str:
    """Return the network, the steps to each gradient with rules and reasons, and the result."""
    return _TextDocument(outline).whole()


class _TextDocument:
    def __init__(self, outline: Outline):
        self.outline = outline
        self.tape = outline.tape
        self.printer = Text(outline.function_names)

    def whole(self) -> str:
        blocks = [self.network()] if self.outline.network else []
        blocks += map(self.section, self.outline.sections)
        return "\n\n".join([*blocks, self.result()])

    def network(self) -> str:
        lines = [f"Network ({self.outline.examples.lower()})", *self.declarations(), *self.lines(self.outline.network)]
        return "\n".join([*lines, *self.functions()])

    def declarations(self) -> list[str]:
        return _columns([[text_name(s.name), role, _shape(shape_of(s))] for s, role in self.outline.declared])

    def functions(self) -> list[str]:
        lines = []
        for f in self.outline.definitions:
            name = self.printer.function_name(f)
            full_name = f" ({f.name})" if f.order == 0 and name != f.name else ""
            lines.append(
                f"  {self.printer.of_z(f)} = {' = '.join(map(self.show, self.printer.definition(f)))}{full_name}"
            )
        return lines

    def section(self, section: ParameterSection) -> str:
        parameter, cost = self.show(section.parameter), self.show(self.tape.cost.symbol)
        title = f"∂{cost}/∂{parameter}   {_shape(section.parameter.shape)}, the shape of {parameter}"
        return "\n".join([title, *self.lines(section.lines)])

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
        return [text for row, note in zip(_columns(rows), notes, strict=True) for text in (row, *_NOTES.wrap(note))]

    def formula(self, formula: ShownFormula) -> str:
        return f"{formula.left_side(self.show) or ' '} = {self.show(formula.right)}"

    def show(self, expression: object) -> str:
        return str(self.printer.doprint(expression))


def _shape(shape: Shape) -> str:
    return shape_text(shape) if shape else "scalar"


def _columns(rows: list[list[str]]) -> list[str]:
    """Return the rows as text with aligned columns; a row with a single cell may be wider than its column."""
    beside = [row for row in rows if any(row[1:])]
    widths = [min(max(map(len, column)), _FORMULA) for column in zip(*beside, strict=True)]
    return [
        "  " + "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
