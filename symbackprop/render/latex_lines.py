"""Lines of LaTeX that fit on a page: long formulas are broken at their operators."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from symbackprop.render.latex_rows import LatexRow, symbols

_TOKEN = re.compile(
    r"\\left(?![a-zA-Z])|\\right(?![a-zA-Z])|\\begin\{\w+\}|\\end\{\w+\}|[{}]"
    r"|(?P<operator> (?:=|[-+]|\\odot) )|\\[a-zA-Z]+|\\.|[^\\{} ]+| "
)
_COSTS = {"=": 0, "+": 1, "-": 1, r"\odot": 2}
_BRACKET = 3  # the cost of a break within brackets
_WIDEST_LEFT = 14  # symbols of a left side that has no line of its own
_INDENT = 4
PER_SYMBOL = 0.24  # cm, at 10 pt
_SCRIPT = 0.8  # the size of subscripts and superscripts


def fitted(rows: Iterable[LatexRow], page: float, *, shrinks: bool = False) -> Iterator[LatexRow]:
    """Yield the rows, and more rows for the parts of rows that are wider than the page, in symbols.

    With `shrinks`, parts without an operator to break at are printed smaller.
    """
    rows = list(rows)
    left = max((width(row.left) for row in rows if width(row.left) <= _WIDEST_LEFT), default=0)
    room = page - left - max((symbols(row.beside) for row in rows), default=0)
    for row in rows:
        for part in _parts(row, room):
            yield _shrunk(part, room) if shrinks else part


def _parts(row: LatexRow, room: float) -> Iterator[LatexRow]:
    head, *more = broken(row.right, room)
    if width(row.left) <= _WIDEST_LEFT:
        yield replace(row, right=head)
    else:
        first, *others = broken(row.left, room)
        yield LatexRow("", first, "", row.above, relation="")
        yield from _continued(others)
        yield replace(row, left="", above="", right=head)
    yield from _continued(more)


def _shrunk(row: LatexRow, room: float) -> LatexRow:
    if width(row.right) <= room:
        return row
    size = f"{room * PER_SYMBOL:.1f}cm"
    return replace(row, right=rf"\resizebox{{{size}}}{{!}}{{$\displaystyle {row.right}$}}")


def _continued(parts: Iterable[str]) -> Iterator[LatexRow]:
    return (LatexRow("", part, relation="") for part in parts)


def row_width(rows: Iterable[LatexRow]) -> float:
    """Return the width of rows with aligned columns, in symbols."""
    columns = zip(*((width(row.left), width(row.right), symbols(row.beside)) for row in rows), strict=True)
    return sum(map(max, columns))


def broken(formula: str, room: float) -> list[str]:
    """Return a formula in parts that are at most so many symbols wide, as far as there are operators to break at.

    >>> broken(r"a \\odot b + c", 4)
    ['a \\\\odot b', '\\\\quad {} + c']
    """
    parts: list[str] = []
    while width(formula) > room and (place := _place(formula, room)) is not None:
        at, depth = place
        parts.append(formula[:at] + r" \right." * depth)
        formula = r"\quad " + r"\left. " * depth + "{}" + formula[at:]
    return [*parts, formula]


def _place(formula: str, room: float) -> tuple[int, int] | None:
    """Return where to break, and the number of brackets that are open there; beyond the room if there is no place."""
    found: list[tuple[float, int, int]] = []
    braces = brackets = 0
    for token in _TOKEN.finditer(formula):
        text = token[0]
        braces += (text == "{" or text.startswith(r"\begin")) - (text == "}" or text.startswith(r"\end"))
        brackets += (text == r"\left") - (text == r"\right")
        if token["operator"] and not braces and not formula.endswith("{}", 0, token.start()):
            before = width(formula[: token.start()])
            if before > room and found:
                break
            if before > room / 3:
                found.append((_BRACKET * brackets + _COSTS[text.strip()], -token.start(), brackets))
    if not found:
        return None
    _, at, depth = min(found)
    return -at, depth


def width(formula: str) -> float:
    """Return the approximate width of a formula in symbols: a fraction is as wide as its wider part."""
    more = 0.0
    while part := re.search(r"\\frac(?=\{)|[_^](?=\{)", formula):
        inner, end = _group(formula, part.end())
        if part[0] == r"\frac":
            below, end = _group(formula, end)
            more += max(width(inner), width(below))
        else:
            more += _SCRIPT * width(inner)
        formula = formula[: part.start()] + formula[end:]
    return symbols(formula) + more + _INDENT * formula.startswith(r"\quad")


def _group(formula: str, start: int) -> tuple[str, int]:
    """Return the content of the braces that open at a position, and the position after them."""
    depth = 0
    for at in range(start, len(formula)):
        depth += (formula[at] == "{") - (formula[at] == "}")
        if not depth:
            return formula[start + 1 : at], at + 1
    return formula[start:], len(formula)
