"""A derivation as LaTeX: one `align*` with the rule beside each line, or a whole document."""

import re

from symbackprop.printing.latex import Latex
from symbackprop.render.outline import Outline
from symbackprop.shapes import shape_of
from symbackprop.tape import Step, constants_in_words

_DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[paperwidth=%.1fcm,paperheight=29.7cm,margin=2cm]{geometry}
\allowdisplaybreaks
\begin{document}
%s\end{document}
"""
_A4, _MARGINS, _COLUMN_GAP, _PER_SYMBOL = 21.0, 4.0, 2.0, 0.24  # cm, at 10 pt

Row = tuple[str, str, str]  # left side, right side, reason


def to_latex(outline: Outline, *, standalone: bool = False) -> str:
    """An `align*` (it needs amsmath), or with `standalone` a document that compiles as it is."""
    writer = LatexWriter(outline)
    network, sections = writer.network(), writer.sections()
    parts = [aligned_rows(network), *(f"\\intertext{{${title}$}}\n{aligned_rows(rows)}" for title, rows in sections)]
    body = "\\begin{align*}\n" + " \\\\\n".join(parts) + "\n\\end{align*}\n"
    if not standalone:
        return body
    return _DOCUMENT % (_paper_width([*network, *(row for _, rows in sections for row in rows)]), body)


def _paper_width(rows: list[Row]) -> float:
    """Wide enough, in cm, for the widest left side beside the widest right side beside the widest reason."""
    widest = sum(max(_symbols(row[column]) for row in rows) for column in range(3))
    return max(_A4, _MARGINS + _COLUMN_GAP + _PER_SYMBOL * widest)


def _symbols(latex: str) -> int:
    """About how many symbols wide a formula is: a command counts as one."""
    plain = re.sub(r"\\(left|right|frac|partial|text|operatorname|mathrm|mathbf)(?![a-zA-Z])", "", latex)
    return len(re.sub(r"[{}^_$&\s]", "", re.sub(r"\\([a-zA-Z]+|.)", "m", plain)))


def aligned_rows(rows: list[Row]) -> str:
    """The rows of an `align*` or `aligned`: the reason stands in a column of its own."""
    lines = (f"{left} &= {right}" + (f" && {reason}" if reason else "") for left, right, reason in rows)
    return " \\\\\n".join(lines)


class LatexWriter:
    """The rows of a document, in LaTeX."""

    def __init__(self, outline: Outline):
        self.outline = outline
        self.printer = Latex(outline.function_names)

    def show(self, expression: object) -> str:
        return str(self.printer.doprint(expression))

    def network(self) -> list[Row]:
        rows = [
            (self.show(e.symbol), self.show(e.expression), self.shape(shape_of(e.symbol)))
            for e in self.outline.tape.equations
        ]
        for f in self.outline.definitions:
            name = rf"{self.printer.function_name(f)}\!\left(z\right)"
            said = rf"\text{{{f.name.replace('_', ' ')}}}" if f.order == 0 else ""
            rows.append((name, self.show(f.expression), said))
        return rows

    def sections(self) -> list[tuple[str, list[Row]]]:
        """For each parameter its ∂J/∂W as a title, and the steps to it."""
        cost = self.show(self.outline.tape.cost.symbol)
        return [
            (
                rf"\partial {cost} / \partial {self.show(section.parameter)}",
                [self.step(step) for step in section.steps],
            )
            for section in self.outline.sections
        ]

    def step(self, step: Step) -> Row:
        name = f"{self.show(step.symbol)} = " if step.symbol is not None else ""
        return name + self.show(step.before), self.show(step.after), self.reason(step)

    def reason(self, step: Step) -> str:
        note = constants_in_words(
            step.rule, [f"${self.show(c)}$" for c in step.constants], f"${self.show(step.before.of)}$"
        )
        return rf"\text{{{step.rule}{f' ({note})' if note else ''}}}"

    def shape(self, shape: tuple[object, ...]) -> str:
        return self.printer.shape(shape) if shape else ""
