"""The computation graph of a derivation as a picture: formulas in boxes, and the adjoints that flow back."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from symbackprop.backprop.tape import Tape
from symbackprop.errors import ArgumentError, listed, shape_text
from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.printing.text import Text
from symbackprop.render.outline import function_names

_CHARACTER, _LINE, _PAD, _GAP, _APART = 7.9, 19.0, 11.0, 74.0, 26.0
_LONGEST = 44  # characters of a line in a box
_MOST_NUMBERS = 6  # of a value that is shown
_STYLE = """\
text { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1d1d1f; }
.box { fill: #fdfcf9; stroke: #8d8a82; } .parameter .box { stroke: #1d1d1f; stroke-width: 2; }
.cost .box { fill: #f0ede4; }
.name { font-weight: bold; } .quiet { fill: #66645e; } .back { fill: #b3161c; }
.edge { fill: none; stroke: #66645e; } .flow { fill: none; stroke: #b3161c; stroke-dasharray: 5 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e9e7e1; } .box { fill: #1f2124; stroke: #85837c; } .parameter .box { stroke: #e9e7e1; }
  .cost .box { fill: #34353a; }
  .quiet { fill: #a5a29a; } .back { fill: #ff9b93; } .edge { stroke: #a5a29a; } .flow { stroke: #ff9b93; }
}"""


Back: TypeAlias = Mapping[Expression, tuple[Expression | None, Expression]]  # adjoints: their name, and their formula


@dataclass(frozen=True, repr=False)
class Drawing:
    """A picture, which a notebook shows; `svg` is its text."""

    svg: str

    def __repr__(self) -> str:
        return "<Drawing: a notebook shows it, save(path) writes it>"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: "str | Path") -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


@dataclass
class _Box:
    symbol: Expression
    kind: str
    lines: list[tuple[str, str]]  # (class, text)
    column: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return 2 * _PAD + _CHARACTER * max(len(text) for _, text in self.lines)

    @property
    def height(self) -> float:
        return 2 * _PAD + _LINE * len(self.lines) - 4

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def draw(tape: Tape, values: Mapping[str, object] | None = None) -> Drawing:
    """Return the computation graph; with `values` of the arguments, small quantities and adjoints have their values.

    Each quantity is a box with its name, shape and formula, and with its adjoint ∂J/∂v in red if the derivation names
    it. Solid arrows are the forward pass, dashed ones the backward pass.
    """
    network, printer = tape.network, Text(function_names(tape))
    numbers = {} if values is None else _evaluated(tape, values)
    back: Back = {adjoint.of: (adjoint.symbol, adjoint.expression) for adjoint in tape.adjoints} | {
        network[name]: (None, gradient) for name, gradient in tape.gradients.items()
    }
    writer = _Writer(printer, tape.cost.symbol, back, numbers)
    used = set().union(*(equation.expression.free_symbols for equation in tape.equations))
    boxes: dict[Expression, _Box] = {}
    for symbol in (symbol for symbol in network.arguments if symbol in used):
        kind = "parameter" if symbol in tape.wrt else "data"
        boxes[symbol] = _Box(symbol, kind, writer.lines(symbol))
    for equation in tape.equations:
        kind = "cost" if equation is tape.cost else "quantity"
        boxes[equation.symbol] = _Box(equation.symbol, kind, writer.lines(equation.symbol, equation.expression))
    edges = [
        (boxes[part], boxes[equation.symbol])
        for equation in tape.equations
        for part in sorted(equation.expression.free_symbols & boxes.keys(), key=list(boxes).index)
    ]
    _arrange(list(boxes.values()), edges)
    changing = _changing(tape)
    return Drawing(_svg(list(boxes.values()), edges, {symbol for symbol in boxes if symbol in changing}))


@dataclass(frozen=True)
class _Writer:
    """Writes the lines of boxes."""

    printer: Text
    cost: Expression
    back: Back
    numbers: Mapping[Expression, Any]

    def lines(self, symbol: Expression, formula: Expression | None = None) -> list[tuple[str, str]]:
        """Return the lines of a box: the name with its shape, its formula, its value; its adjoint with its value."""
        show = self.printer.doprint
        name = show(symbol)
        shape = shape_of(symbol)
        found = [("name", f"{name}  {shape_text(shape)}" if shape else name)]
        if formula is not None:
            found.append(("", _short(f"= {show(formula)}")))
        if symbol in self.numbers:
            found.append(("quiet", _short(f"= {_number(self.numbers[symbol])}")))
        if symbol in self.back:
            label, adjoint = self.back[symbol]
            partial = f"∂{show(self.cost)}/∂{name}"
            named = partial if label is None else f"{partial} = {show(label)}"
            found.append(("back", _short(f"{named} = {show(adjoint)}")))
            if (value := self.numbers.get(adjoint if label is None else label)) is not None:
                found.append(("back", _short(f"= {_number(value)}")))
        return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _number(value: object) -> str:
    """Return a small array as numbers, a large one as its shape and size."""
    array = np.asarray(value, dtype=float)
    if array.size > _MOST_NUMBERS:
        return f"{shape_text(array.shape)} of norm {np.linalg.norm(array):.3g}"
    rows = np.atleast_2d(array)
    return "; ".join(" ".join(f"{entry:.3g}" for entry in row) for row in rows.reshape(-1, rows.shape[-1]))


def _evaluated(tape: Tape, values: Mapping[str, object]) -> dict[Expression, object]:
    """Return the values of all quantities, named adjoints and gradients."""
    given, sizes = _bound(tape, values)
    evaluation = Evaluation(sizes)
    for equation in (*tape.equations, *tape.adjoints):
        given[equation.symbol] = evaluation.value(equation.expression, given, IN_FLOATS)
    for gradient in tape.gradients.values():
        evaluation.value(gradient, given, IN_FLOATS)
    return given


def _bound(tape: Tape, values: Mapping[str, object]) -> tuple[dict[Expression, Any], dict[Size, int]]:
    """Return the arguments by symbol and the sizes by symbol; raise ArgumentError if they do not fit the network."""
    given: dict[Expression, Any] = {}
    sizes: dict[Size, int] = {}
    for symbol in tape.network.arguments:
        name = str(symbol.name)
        if name not in values:
            raise ArgumentError(f"{name} is missing: the values of {listed(s.name for s in tape.network.arguments)}")
        array, shape = np.asarray(values[name], dtype=float), shape_of(symbol)
        fits = array.ndim == len(shape) and all(
            sizes.setdefault(size, length) == length if size.is_Symbol else True
            for size, length in zip(shape, array.shape, strict=True)
        )
        if not fits or tuple(int(size.xreplace(sizes)) for size in shape) != array.shape:
            raise ArgumentError(f"{name} has the shape {array.shape}; {shape_text(shape)} is expected")
        given[symbol] = array if array.ndim else float(array)
    return given, sizes


def _changing(tape: Tape) -> set[Expression]:
    """Return the parameters and the quantities that depend on them."""
    found = set(tape.wrt)
    for equation in tape.equations:
        if equation.expression.free_symbols & found:
            found.add(equation.symbol)
    return found


def _arrange(boxes: list[_Box], edges: list[tuple[_Box, _Box]]) -> None:
    """Place the boxes in columns from left to right, each beside what it is computed from or used for."""
    for start, end in edges:  # equations come in the order of computation
        end.column = max(end.column, start.column + 1)
    for box in boxes:
        if box.kind in ("parameter", "data"):
            box.column = min((end.column for start, end in edges if start is box), default=1) - 1
    columns = [[box for box in boxes if box.column == k] for k in range(max(box.column for box in boxes) + 1)]
    x = _PAD
    for column in columns:
        column.sort(key=lambda box: (np.mean([s.middle for s, e in edges if e is box] or [0.0]), boxes.index(box)))
        y = _PAD
        for box in column:
            box.x, box.y = x, y
            y += box.height + _APART
        x += max((box.width for box in column), default=0.0) + _GAP
    tallest = max(sum(box.height + _APART for box in column) for column in columns)
    for column in columns:
        shift = (tallest - sum(box.height + _APART for box in column)) / 2
        for box in column:
            box.y += shift


def _svg(boxes: list[_Box], edges: list[tuple[_Box, _Box]], flowing: set[Expression]) -> str:
    width = max(box.x + box.width for box in boxes) + _PAD
    height = max(box.y + box.height for box in boxes) + _PAD
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'style="max-width: 100%; height: auto" role="img" aria-label="computation graph"><style>{_STYLE}</style>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>'
    )
    return "\n".join([head, *(_edge(*edge, flowing) for edge in edges), *map(_box, boxes), "</svg>"])


def _edge(start: _Box, end: _Box, flowing: set[Expression]) -> str:
    x, y, u, v = start.x + start.width, start.middle - 4, end.x, end.middle - 4
    bend = (u - x) / 2
    forward = _arrow("edge", (x, y), (u, v), bend)
    if start.symbol not in flowing:
        return forward
    return f"{forward}\n{_arrow('flow', (u, v + 9), (x, y + 9), -bend)}"


def _arrow(kind: str, start: tuple[float, float], end: tuple[float, float], bend: float) -> str:
    (x, y), (u, v) = start, end
    path = f"M{x:.1f} {y:.1f}C{x + bend:.1f} {y:.1f} {u - bend:.1f} {v:.1f} {u:.1f} {v:.1f}"
    return f'<path class="{kind}" marker-end="url(#tip)" d="{path}"/>'


def _box(box: _Box) -> str:
    lines = "".join(
        f'<text class="{kind}" x="{box.x + _PAD:.1f}" y="{box.y + _PAD + 10 + k * _LINE:.1f}">{escape(text)}</text>'
        for k, (kind, text) in enumerate(box.lines)
    )
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    frame = f'<rect class="box" {place} rx="7"/>'
    return f'<g class="{box.kind}">{frame}{lines}</g>'
