"""Folding of long lines, such as formulas, at places where a person would break them."""

import re

_BREAK = re.compile(r" (?:(?P<relation>=) |(?P<sum>[-+−]) |(?P<product>[⊙*@/·]) )|(?P<end>[,;:·]) ")
_COSTS = {"relation": 0, "end": 0, "sum": 1, "product": 2}
_PLAIN, _BRACKET = 3, 4  # the cost of a space, and of an open bracket
_OPEN, _CLOSED = "([{", ")]}"


def fold(line: str, width: int) -> list[str]:
    """Return a line in pieces of at most a width, of which all but the first are indented more.

    It is broken where the fewest brackets are open: before an operator if there is one, else at a space. A piece
    without a space is not broken.

    >>> fold("z = (a + b) c + (d + e) f", 18)
    ['z = (a + b) c', '    + (d + e) f']
    """
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    pieces: list[str] = []
    while len(line) > width and (at := _place(line, width)) is not None:
        pieces.append(line[:at].rstrip())
        line = indent + line[at:].lstrip()
    return [*pieces, line]


def _place(line: str, width: int) -> int | None:
    """Return where to break a line: as late as possible among the places of the lowest cost."""
    start = len(line) - len(line.lstrip())
    least = start + (width - start) // 3
    costs = {m.end() - 1 if m["end"] else m.start(): _COSTS[m.lastgroup or ""] for m in _BREAK.finditer(line)}
    found: list[tuple[int, int]] = []
    depth = 0
    for at, sign in enumerate(line[: width + 1]):
        depth += (sign in _OPEN) - (sign in _CLOSED)
        if sign == " " and at > least:
            found.append((_BRACKET * depth + costs.get(at, _PLAIN), -at))
    if found:
        return -min(found)[1]
    after = line.find(" ", least + 1)
    return None if after < 0 else after
