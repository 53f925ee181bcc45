"""Formulas in Markdown, LaTeX, notebooks and plain text, with their positions."""

import json
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from symbackprop.errors import ArgumentError
from symbackprop.parsing.files import decoded
from symbackprop.parsing.macros import macros_of
from symbackprop.parsing.vocabulary import ROWS, words

_LONGEST = 2_000_000  # characters
_MOST_FORMULAS = 10_000
CELLS_APART = "\n\n"  # between the cells of a notebook


@dataclass(frozen=True)
class Formula:
    """A formula at the offsets `start` to `end` of a document; `kind` is display, inline or numpy (a line of code).

    `is_plain` is True for a formula in plain text, such as `∂J/∂W1 = Xᵀ δ2`, in which z2 is a name with an index.
    """

    kind: str
    start: int
    end: int
    is_plain: bool = False


@dataclass(frozen=True)
class Document:
    """A text with its formulas."""

    text: str
    formulas: tuple[Formula, ...]

    @cached_property
    def _ends_of_lines(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    def line_at(self, place: int) -> int:
        """Return the number of the line, counted from 1, that contains an offset."""
        return bisect_left(self._ends_of_lines, place) + 1


def read_document(given: "str | os.PathLike[str]") -> Document:
    """Read a document from a text or from a file.

    Raises:
        ArgumentError: a file cannot be read, is too long, or has the suffix but not the content of a notebook.
    """
    text, suffix = (given, ".md") if isinstance(given, str) else _of_file(Path(given))
    return scan(text, is_tex=suffix == ".tex")


def scan(text: str, *, is_tex: bool = False) -> Document:
    """Find the formulas of a text: Markdown or plain, or LaTeX."""
    if len(text) > _LONGEST:
        raise ArgumentError(f"the document has {len(text)} characters; at most {_LONGEST} are read")
    text = text.replace("\r\n", "\n")
    formulas = _at_most(_Scanner(text, is_tex=is_tex).formulas()) or _at_most(_bare_lines(text))
    return Document(text, formulas)


def _at_most(formulas: Iterator[Formula]) -> tuple[Formula, ...]:
    found = tuple(islice(formulas, _MOST_FORMULAS + 1))
    if len(found) > _MOST_FORMULAS:
        raise ArgumentError(f"the document has more than {_MOST_FORMULAS} formulas; check its parts one by one")
    return found


def _of_file(path: Path) -> tuple[str, str]:
    """Return the text of a file, and its suffix, which determines the format."""
    suffix = path.suffix.lower()
    try:
        text = decoded(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if text is None:
        raise ArgumentError(f"{path} cannot be read: it is not text in UTF-8")
    return (_of_notebook(text, path) if suffix == ".ipynb" else text), suffix


def _of_notebook(text: str, path: Path) -> str:
    """Return the cells of a notebook one after the other, with code in fences."""
    return CELLS_APART.join(cells_of(text, path))


def cells_of(text: str, path: Path) -> list[str]:
    """Return the source of each cell of a notebook, with code in fences.

    Raises:
        ArgumentError: the text is not a notebook.
    """
    pieces = []
    try:
        for cell in json.loads(text)["cells"]:
            source = cell["source"]
            source = source if isinstance(source, str) else "".join(source)
            pieces.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArgumentError(f"{path} is not a Jupyter notebook: it needs cells with their sources") from None
    return pieces


_ENVIRONMENTS = "|".join(sorted(ROWS - {*words("array split aligned gathered alignedat math")}, key=len))
_OPENING = re.compile(
    r"^[ \t]*+(?P<fence>`{3,12}|~{3,12})[ \t]*+\{?(?P<language>[\w-]*+)[^\n]*+\n"
    r"|(?P<percent>^[ \t]*+%|(?<!\\)%)"
    r"|(?P<comment><!--)"
    r"|\\begin\{(?P<verbatim>verbatim|lstlisting|minted)\}"
    r"|(?P<escaped>\\\$|\\\\(?![\[(]))"
    r"|(?P<dollars>\$\$)"
    r"|(?P<bracket>\\\[)"
    rf"|\\begin\{{(?P<environment>(?:{_ENVIRONMENTS})\*?)\}}"
    r"|(?P<lone>^[ \t]*+\$[ \t]*$)"
    r"|(?P<github>\$`(?=[^`\n]))"
    r"|(?P<inline>(?<![\w$])\$(?=[^\s$]))"
    r"|(?P<spaced>(?<![\w$])\$(?=[ \t]+[^\s$]))"
    r"|(?P<paren>\\\()"
    r"|(?P<span>`(?=[^`\n]))",
    re.MULTILINE,
)
_CLOSING = {"comment": "-->", "dollars": "$$", "bracket": r"\]", "verbatim": r"\end{%s}", "environment": r"\end{%s}"}
_SHORT_CLOSING = {"paren": r"\)", "github": "`$"}  # $`x = 5`$ is GitHub's
_LONGEST_INLINE = 400
_LONGEST_BLOCK = 4000
_INLINE = re.compile(rf"[^\s$](?:[^$\n]|\n(?!\n)){{0,{_LONGEST_INLINE}}}?(?<!\s)(?=\$(?![\d$]))")
_SPACED = re.compile(rf"(?=[^$\n]*[=\\])[^$\n]{{1,{_LONGEST_INLINE}}}?(?=\$(?![\d$]))")  # $ x = 5 $
_SHORT = {"inline": _INLINE, "spaced": _SPACED}
_LONE = re.compile(r"^[ \t]*+\$[ \t]*$", re.MULTILINE)
_SPAN = re.compile(r"[^`\n]+(?=`)")
_LANGUAGES = {"", *words("python py numpy text code ipython3 code-cell")}
_Opened = tuple[Iterable[Formula], int | None]  # its formulas and its end, if it is closed


def _blanked(text: str, places: list[tuple[int, int]]) -> str:
    """Return the text with the definitions of macros replaced by spaces, so that its length stays the same."""
    pieces, at = [], 0
    for start, end in places:
        if start >= at:  # not in the definition before
            pieces += [text[at:start], re.sub(r"[^\n]", " ", text[start:end])]
            at = end
    return "".join([*pieces, text[at:]])


class _Scanner:
    """A scanner that reads a text once, in linear time even if the ends of formulas are missing."""

    def __init__(self, text: str, *, is_tex: bool):
        self.text = _blanked(text, macros_of(text)[1])
        self.is_tex = is_tex
        self.missing: set[str] = set()

    def formulas(self) -> Iterator[Formula]:
        at = 0
        while match := _OPENING.search(self.text, at):
            found, end = self._opened(match)
            yield from found
            at = match.start() + 1 if end is None else end

    def _opened(self, match: re.Match[str]) -> _Opened:
        kind = "fence" if match["fence"] else match.lastgroup or ""
        if kind == "fence":
            return self._fenced(match["fence"], match["language"].lower(), match.end())
        if kind == "escaped":
            return (), match.end()
        if kind == "percent":
            return (), self._after_percent(match.start())
        if kind in {"inline", "spaced", "paren", "span", "github"}:
            return self._short(kind, match.end())
        if kind == "lone":
            return self._between_lone_dollars(match.end())
        return self._long(kind, _CLOSING[kind].replace("%s", match[kind]), match.end())

    def _after_percent(self, start: int) -> int:
        """Skip a LaTeX comment and return the next offset; in Markdown, only a whole line is a comment."""
        if not self.is_tex and start > 0 and self.text[start - 1] != "\n":
            return start + 1
        end = self.text.find("\n", start)
        return len(self.text) if end < 0 else end

    def _fenced(self, mark: str, language: str, start: int) -> _Opened:
        close = re.compile(rf"^[ \t]*+{mark}[ \t]*$", re.MULTILINE)
        match = None if mark in self.missing else close.search(self.text, start)
        if match is None:
            self.missing.add(mark)
            return (), None
        if language == "math":
            return [Formula("display", start, match.start())], match.end()
        is_text = language in {"", "text"}
        found = _code(self.text, start, match.start(), is_text=is_text) if language in _LANGUAGES else ()
        return found, match.end()

    def _long(self, kind: str, close: str, start: int) -> _Opened:
        first = start + (kind in {"dollars", "bracket"})
        end = -1 if close in self.missing else self.text.find(close, first)
        if end < 0:
            self.missing.add(close)
            return (), None
        is_formula = kind not in {"comment", "verbatim"}
        return ([Formula("display", start, end)] if is_formula else ()), end + len(close)

    def _short(self, kind: str, start: int) -> _Opened:
        if kind in _SHORT_CLOSING:
            end = self.text.find(_SHORT_CLOSING[kind], start + 1, start + _LONGEST_INLINE + 2)
            return ([Formula("inline", start, end)], end + 2) if end >= 0 else ((), None)
        match = _SHORT.get(kind, _SPAN).match(self.text, start)
        match = match or (_SPACED.match(self.text, start) if kind == "inline" else None)
        if match is None:
            return (), None
        return ([Formula("inline", *match.span())] if kind != "span" else ()), match.end() + 1

    def _between_lone_dollars(self, start: int) -> _Opened:
        """Return the formula between two lines that contain only a dollar sign, and its end."""
        match = _LONE.search(self.text, start, start + _LONGEST_BLOCK)
        return ((), None) if match is None else ([Formula("display", start, match.start())], match.end())


_ASSIGNMENT = re.compile(r"[ \t]*+(?:return\s++)?[A-Za-z_][\w.\[\]'\", ()]*+\s*+[-+*/]?=(?!=)\s*+\S")


def _code(text: str, start: int, end: int, *, is_text: bool) -> Iterator[Formula]:
    """Yield each assignment of a code block as a formula; a line with open brackets continues on the next one.

    A block without a language may be text: if it has mathematical characters, y = Wx + b in it is a formula, too.
    """
    begin, depth = start, 0
    is_text = is_text and bool(_MATHEMATICAL.search(text, start, end))
    for match in re.compile(r"[^\n]*(?:\n|\Z)").finditer(text, start, end):
        depth += match[0].count("(") - match[0].count(")")
        stop = match.end() - match[0].endswith("\n")
        if depth > 0 and match.end() < end:
            continue
        may_be_ascii = is_text and not _WORD.search(_FUNCTION.sub("", text[begin:stop]))
        if (plain := _plain_formula(text, begin, stop, may_be_ascii=may_be_ascii)) is not None:
            yield plain
        elif _ASSIGNMENT.match(text, begin, stop):
            yield Formula("numpy", begin, stop)
        begin, depth = match.end(), 0


_MATHEMATICAL = re.compile(r"[∂∇∑Σσδ⊙∘×·−½²³⁻₀-₉ᵀ′≤≥θληϵεαβ√‖ŷ]|[\u0300-\u036f]")
_CODE = re.compile(r"[@*]|\w\.\w|\\")
_NEXT_COLUMN = re.compile(r" {2,}(?=\S)|\t")  # of a table such as the printed text of a derivation
_SLOPE = re.compile(r"d[A-Za-z]\w*/d[A-Za-z]\w*\s*=")  # dL/dW1 = …, which is not an assignment
_MARKUP = re.compile(r"[\\{_]")
_NUMBERED = re.compile(r"[A-Za-z]\d")  # W2 in dL/dH = dL/dZ2 @ W2^T, which LaTeX would read as W times 2
_REMARK = re.compile(r"(?<=\))\s\([A-Za-z ]{3,}\)$|(?<=\S)\s+\[[A-Za-z]{3,}[^\]=]*\]$")
_LABEL = re.compile(r"(?:(?:[-*•–]|\d{1,2}[.)])[ \t]+)?(?:[A-Za-z][A-Za-z -]*:[ \t]+)?")  # a bullet, "In matrix form:"
_WORD = re.compile(r"[A-Za-z]{3,}")  # of code, or of text
_FUNCTION = re.compile(r"\b(?:exp|log|sum|max|min|tanh|softmax|sigmoid|relu|ReLU)\b")


def _plain_formula(text: str, start: int, end: int, *, may_be_ascii: bool = False) -> Formula | None:
    """Return the formula in a line of plain text that has an equals sign and a mathematical character; else None."""
    line = text[start:end].partition("#")[0]
    begin = start + len(line) - len(line.lstrip())
    label = _LABEL.match(line.strip())
    begin += label.end() if label else 0
    first = _REMARK.sub("", _NEXT_COLUMN.split(line[begin - start :].strip())[0])
    is_ascii = not _MATHEMATICAL.search(first) and not _SLOPE.match(first)
    if "=" not in first or "\\" in first or (is_ascii and (not may_be_ascii or _CODE.search(first))):
        return None
    return Formula("display", begin, begin + len(first), is_plain=True)


def _bare_lines(text: str) -> Iterator[Formula]:
    """Yield the formulas of a text without markup: the lines with an equals sign, in LaTeX, Unicode or NumPy syntax."""
    at = 0
    is_mathematical = bool(_MATHEMATICAL.search(text))
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        is_latex = "\\" in stripped or "^" in stripped or "{" in stripped
        plain = _plain_formula(text, at, at + len(line), may_be_ascii=is_mathematical and not is_latex)
        if plain is not None:
            yield plain
        elif "=" in stripped:
            start = at + len(line) - len(line.lstrip())
            label = _LABEL.match(stripped) if is_latex else None
            own = label.end() if label else 0
            has_plain_names = is_latex and not _MARKUP.search(stripped) and bool(_NUMBERED.search(stripped))
            kind = "display" if is_latex else "numpy"
            yield Formula(kind, start + own, start + len(stripped), is_plain=has_plain_names)
        at += len(line)
