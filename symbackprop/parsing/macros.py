r"""Macros that a document defines by `\newcommand`, and the arguments of commands."""

import re
from dataclasses import dataclass

from symbackprop.errors import SymbackpropError

_LONGEST = 20_000  # characters of one expansion


class UnsupportedNotationError(SymbackpropError):
    """A formula that is not understood; the message is the reason."""


@dataclass(frozen=True)
class Macro:
    r"""A macro that a document defines by `\newcommand`."""

    arguments: int
    body: str

    def expanded(self, arguments: list[str]) -> str:
        """Return the expansion; raise UnsupportedNotationError if it is too long."""
        body = self.body
        for k, argument in enumerate(arguments, 1):
            mark = f"#{k}"
            if len(body) + body.count(mark) * len(argument) > _LONGEST:
                raise UnsupportedNotationError("a macro grows too long when it is expanded")
            body = body.replace(mark, argument)
        if len(body) > _LONGEST:
            raise UnsupportedNotationError("a macro grows too long when it is expanded")
        return body


# Macros of LaTeX packages, MathJax and KaTeX; a document may define its own in their place.
PACKAGE_MACROS = {
    **{name: Macro(0, r"\mathbb{R}") for name in ("R", "reals", "Reals", "RR", "real")},
    **{name: Macro(0, rf"\mathbb{{{name}}}") for name in ("N", "Z", "C")},
    **{name: Macro(2, r"\frac{\partial #1}{\partial #2}") for name in ("pdv", "pderiv", "pd", "pdiff")},
    **{name: Macro(2, r"\frac{d #1}{d #2}") for name in ("dv", "odv", "deriv")},
    **{name: Macro(1, r"\lVert #1 \rVert") for name in ("norm", "Norm")},
    **{name: Macro(1, r"\lvert #1 \rvert") for name in ("abs", "Abs")},
    "grad": Macro(0, r"\nabla"),
}

_NEW = re.compile(
    r"\\(?:re)?(?:new|provide)command\*?\s*+(?:\{\s*+\\([A-Za-z]++)\s*+\}|\\([A-Za-z]++))\s*+(?:\[(\d)\]\s*+)?(?=\{)"
    r"|\\def\s*+\\([A-Za-z]++)((?:#\d)*+)\s*+(?=\{)"
    r"|\\DeclareMathOperator\*?\s*+(?:\{\s*+)?\\([A-Za-z]++)\s*+(?:\}\s*+)?(?=\{)"
)


def macros_of(text: str) -> tuple[dict[str, Macro], list[tuple[int, int]]]:
    """Return the macros that a document defines, and the offsets of the definitions."""
    found: dict[str, Macro] = {}
    places: list[tuple[int, int]] = []
    matches = list(_NEW.finditer(text))
    ends = _closings(text) if matches else {}
    for match in matches:
        end = ends.get(match.end())
        if end is None:
            continue
        body = text[match.end() + 1 : end]
        name = match[1] or match[2] or match[4] or match[6]
        count = int(match[3] or 0) or (match[5] or "").count("#")
        found[name] = Macro(count, rf"\operatorname{{{body}}}" if match[6] else body)
        places.append((match.start(), end + 1))
    return found, places


_COMMAND = re.compile(r"\\([A-Za-z]++)\s*+")
_DEEPEST = 20  # macros in macros


def expand(text: str, macros: dict[str, Macro]) -> str:
    r"""Return a text with macros expanded.

    >>> expand(r"\pd{J}{W} = \x", {"pd": Macro(2, r"\frac{\partial #1}{\partial #2}"), "x": Macro(0, "X")})
    '\\frac{\\partial J}{\\partial W} = X'

    Raises:
        UnsupportedNotationError: a macro has no argument, is defined by itself, or grows too long.
    """
    for _ in range(_DEEPEST):
        found = next((match for match in _COMMAND.finditer(text) if match[1] in macros), None)
        if found is None:
            return text
        text = _expanded_once(text, macros)
    raise UnsupportedNotationError("a macro is defined by itself")


def _expanded_once(text: str, macros: dict[str, Macro]) -> str:
    pieces, at = [], 0
    for match in _COMMAND.finditer(text):
        macro = macros.get(match[1])
        if macro is None or match.start() < at:
            continue
        end, arguments = arguments_at(text, match.end(), macro.arguments) if macro.arguments else (match.end(), [])
        apart = " " if text[end : end + 1].isalpha() else ""  # \x y, where \x stands for a command
        pieces += [text[at : match.start()], macro.expanded(arguments), apart]
        at = end
    expanded = "".join([*pieces, text[at:]])
    if len(expanded) > _LONGEST:
        raise UnsupportedNotationError("a macro grows too long when it is expanded")
    return expanded


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def _closings(text: str) -> dict[int, int]:
    """Return the offset of each closing brace by that of its opening brace."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            found[opened.pop()] = match.start()
    return found


def closing(text: str, start: int) -> int | None:
    """Return the offset of the brace that closes the one at `start`, or None."""
    depth = 0
    for match in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0 and match[0] == "}":
            return match.start()
    return None


_SPACE = re.compile(r"\s*")
_ARGUMENT = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)


def arguments_at(text: str, at: int, count: int) -> tuple[int, list[str]]:
    """Return the next arguments (groups in braces, commands, or single characters), and the offset after them."""
    found = []
    for _ in range(count):
        at = after(_SPACE, text, at)
        if at >= len(text):
            raise UnsupportedNotationError("a command has no argument: the formula ends")
        if text[at] == "{":
            end = closing(text, at)
            if end is None:
                raise UnsupportedNotationError("a brace { is never closed")
            found.append(text[at + 1 : end])
            at = end + 1
        else:
            start, at = at, after(_ARGUMENT, text, at)
            found.append(text[start:at])
    return at, found


def after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return the offset after a pattern that matches at `at`, or `at` itself if it does not match."""
    match = pattern.match(text, at)
    return match.end() if match else at
