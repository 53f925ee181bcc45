"""A derivation as LaTeX: one `align*` with the rule beside each line, or a whole document."""

from symbackprop.backprop import Step, constants_in_words
from symbackprop.printing.latex import Latex
from symbackprop.render.outline import Outline
from symbackprop.shapes import shape_of

_PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[margin=2cm]{geometry}
\allowdisplaybreaks
\begin{document}
"""

Row = tuple[str, str, str]  # left side, right side, reason


def to_latex(outline: Outline, *, standalone: bool = False) -> str:
    """An `align*` (it needs amsmath), or with `standalone` a document that compiles as it is."""
    writer = LatexWriter(outline)
    parts = [aligned_rows(writer.network())]
    parts += [f"\\intertext{{${title}$}}\n{aligned_rows(rows)}" for title, rows in writer.sections()]
    body = "\\begin{align*}\n" + " \\\\\n".join(parts) + "\n\\end{align*}\n"
    return f"{_PREAMBLE}{body}\\end{{document}}\n" if standalone else body


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
        for function in self.outline.functions:
            for f in (function, function.prime):
                name = rf"{self.printer.function_name(f)}\!\left(z\right)"
                rows.append(
                    (name, self.show(f.expression), rf"\text{{{f.syntax.replace('_', ' ')}}}" if f.order == 0 else "")
                )
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
