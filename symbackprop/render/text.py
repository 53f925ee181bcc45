"""A derivation as text for a terminal."""

from typing import Any

from symbackprop.network import SCALAR
from symbackprop.printing.text import Text, text_name
from symbackprop.render.outline import Outline
from symbackprop.shapes import shape_of, shape_text
from symbackprop.tape import Step


def to_text(outline: Outline) -> str:
    """The network, the steps to each gradient with their rules, and the result."""
    return _TextDocument(outline).whole()


class _TextDocument:
    def __init__(self, outline: Outline):
        self.outline = outline
        self.tape = outline.tape
        self.printer = Text(outline.function_names)

    def whole(self) -> str:
        blocks = [self.network(), *(self.section(k) for k in range(len(self.outline.sections))), self.result()]
        return "\n\n".join(blocks)

    def network(self) -> str:
        rows = [(text_name(e.name), self.show(e.expression), _shape(e.symbol)) for e in self.tape.equations]
        lines = ["Network (rows are examples)", *self.declarations(), *_columns(rows, " = ")]
        return "\n".join([*lines, *self.functions()])

    def declarations(self) -> list[str]:
        words = {SCALAR: "hyperparameter"}
        roles = {name: words.get(role, role) for name, role in self.tape.network.roles.items()}
        rows = [(text_name(s.name), roles[s.name], _shape(s)) for s in self.tape.network.arguments]
        return _columns(rows, "   ")

    def functions(self) -> list[str]:
        lines = []
        for f in self.outline.definitions:
            name = self.printer.function_name(f)
            said = f" ({f.name})" if f.order == 0 and name != f.name else ""
            lines.append(f"  {name}(z) = {self.show(f.expression)}{said}")
        return lines

    def section(self, rank: int) -> str:
        section = self.outline.sections[rank]
        parameter = self.show(section.parameter)
        cost, shape = self.show(self.tape.cost.symbol), _shape(section.parameter)
        title = f"∂{cost}/∂{parameter}   {shape}, the shape of {parameter}"
        rows = [(self.rule(step), self.equation(step), _shape_of_step(step)) for step in section.steps]
        return "\n".join([title, *_columns(rows, "   ")])

    def result(self) -> str:
        rows = [(self.left(step), self.show(step.after), _shape_of_step(step)) for step in self.outline.result]
        return "\n".join(["Result", *_columns(rows, " = ")])

    def left(self, step: Step) -> str:
        return self.show(step.before) if step.symbol is None else self.show(step.symbol)

    def rule(self, step: Step) -> str:
        return f"{step.rule} ({step.note})" if step.note else step.rule

    def equation(self, step: Step) -> str:
        name = f"{self.show(step.symbol)} = " if step.symbol is not None else ""
        return f"{name}{self.show(step.before)} = {self.show(step.after)}"

    def show(self, expression: object) -> str:
        return str(self.printer.doprint(expression))


def _shape(symbol: Any) -> str:
    shape = shape_of(symbol)
    return shape_text(shape) if shape else "scalar"


def _shape_of_step(step: Step) -> str:
    return shape_text(step.shape) if step.shape else "scalar"


def _columns(rows: list[tuple[str, str, str]], between: str) -> list[str]:
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows)
    return [f"  {a:<{first}}{between}{b:<{second}}   {c}" for a, b, c in rows]
