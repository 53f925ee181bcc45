"""A document as HTML, with a placeholder for each of its formulas."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from symbackprop.errors import SymbackpropError
from symbackprop.parsing.documents import Formula, scan
from symbackprop.parsing.macros import macros_of

_OPENING = re.compile(
    r"(?:\$\$|\\\[|\\\(|\$|\\begin\{[A-Za-z]+\*?\}|^[ \t]*[`~]{3,}[^\n]*\n|^[ \t]*\$[ \t]*\n?)\s*\Z", re.MULTILINE
)
_CLOSING = re.compile(r"\s*(?:\$\$|\\\]|\\\)|\$|\\end\{[A-Za-z]+\*?\}|[`~]{3,}[ \t]*$)", re.MULTILINE)
_BODY = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|\Z)", re.DOTALL)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
_HEADING = re.compile(r"\\(title|(?:sub)*section)\*?\s*\{([^{}]*)\}")
_LEVEL = {"title": 2, "section": 2, "subsection": 3, "subsubsection": 4}
_EMPHASIS = re.compile(r"\\(?:emph|textbf|textit)\s*\{([^{}]*)\}")
_SILENT = re.compile(
    r"(?<!\\)%[^\n]*|\\(?:label|cite\w*|vspace|hspace|documentclass|usepackage|author|date)\*?(?:\[[^\]]*\])?\{[^{}]*\}"
    r"|\\(?:maketitle|noindent|bigskip|medskip|smallskip|newpage|centering)\b"
)


@dataclass(frozen=True)
class Region:
    """A formula with its delimiters, at the offsets `start` to `end` of the document."""

    formula: Formula
    start: int
    end: int


class DocumentHTML:
    """A document as HTML in pieces: text that is escaped, and formulas that are put in by whoever shows them."""

    def __init__(self, text: str, *, is_tex: bool = False):
        self.text, self.is_tex = text, is_tex
        self.macros, self.definitions = macros_of(text)
        self.regions = tuple(_regions(text, scan(text, is_tex=is_tex).formulas))

    def render(self, block: Callable[[Region], str], inline: Callable[[Region], str]) -> str:
        """Return the document as HTML, with formulas as blocks, or as parts of a sentence or of a block of code."""
        word = f"FORMULA{secrets.token_hex(8)}X"
        body = (_from_latex if self.is_tex else _from_markdown)(self._with_places(word))
        is_code = False

        def put(match: re.Match[str]) -> str:
            nonlocal is_code
            if match[1] is None:
                is_code = match[0] == "<pre>"
                return match[0]
            region = self.regions[int(match[1])]
            if is_code or region.formula.kind == "inline":
                return inline(region)
            return f"{_BLOCK}{block(region)}{_END}"

        return (
            _unnested(re.sub(rf"</?pre>|{word}(\d+)X", put, body)).replace(f"{_NO_BREAK}\n", "").replace(_NO_BREAK, "")
        )

    def _with_places(self, word: str) -> str:
        pieces, at = [], 0
        hidden = [(start, end, "") for start, end in self.definitions]
        places = [(region.start, region.end, f"{word}{k}X") for k, region in enumerate(self.regions)]
        for start, end, text in sorted([*hidden, *places]):
            if start >= at:
                pieces += [self.text[at:start], text]
                at = end
        return "".join([*pieces, self.text[at:]])


def _regions(text: str, formulas: tuple[Formula, ...]) -> Iterator[Region]:
    last = 0
    for formula in formulas:
        start, end = formula.start, formula.end
        if formula.kind != "numpy" and not formula.is_plain:
            opening = _OPENING.search(text, max(last, start - 60), start)
            closing = _CLOSING.match(text, end) if opening else None
            if opening and closing:
                start, end = opening.start(), closing.end()
        yield Region(formula, start, end)
        last = end


def _from_markdown(text: str) -> str:
    try:
        from markdown_it import MarkdownIt  # noqa: PLC0415 — an optional package
    except ImportError:
        raise SymbackpropError("a page needs the package markdown-it-py: pip install 'symbackprop[html]'") from None
    markdown: Any = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return str(markdown.render(text))


def _from_latex(text: str) -> str:
    """Return the paragraphs and headings of a LaTeX document; other commands are shown as they are written."""
    body = _BODY.search(text)
    paragraphs = _PARAGRAPHS.split(_SILENT.sub("", body[1] if body else text))
    return "\n".join(_paragraph(part) for part in paragraphs if part.strip())


def _paragraph(text: str) -> str:
    pieces, at = [], 0
    for heading in _HEADING.finditer(text):
        level = _LEVEL.get(heading[1], 4)
        pieces += [f"<p>{_prose(text[at : heading.start()])}</p>", f"<h{level}>{_prose(heading[2])}</h{level}>"]
        at = heading.end()
    return "\n".join([*pieces, f"<p>{_prose(text[at:])}</p>"])


def _prose(text: str) -> str:
    return _EMPHASIS.sub(r"<em>\1</em>", escape(text.strip(), quote=False))


_BLOCK, _REMARK, _END = "\x02", "\x04", "\x03"  # before a block, before a remark, and after them
_NO_BREAK = "\x05"  # before the end of a line of code that is not shown
_TAG = re.compile(
    rf"<(?P<tag>/?(?:p|h[1-6]|li|td|th|blockquote))>|{_BLOCK}(?P<block>.*?){_END}|{_REMARK}(?P<remark>.*?){_END}",
    re.DOTALL,
)
_CANNOT_HOLD = re.compile(r"/?(?:p|h[1-6])")  # a block


def remark_on_code(html: str) -> str:
    """Return a remark on a line of code, which is shown as a block below the line."""
    return f"{html}{_NO_BREAK}" if html else ""


def remark(html: str) -> str:
    """Return a remark on an inline formula, which is shown below the paragraph."""
    return f"{_REMARK}{html}{_END}" if html else ""


def _unnested(html: str) -> str:
    """Return the HTML with blocks and remarks between paragraphs, not in them, and without empty paragraphs."""
    opened, waiting = "", list[str]()

    def put(match: re.Match[str]) -> str:
        nonlocal opened, waiting
        if match["block"] is not None:
            return f"</{opened}>\n{match['block']}\n<{opened}>" if opened else match["block"]
        if match["remark"] is not None:
            waiting.append(match["remark"])
            return ""
        tag, below = match["tag"], ""
        if tag.startswith("/"):
            below, waiting = "\n".join(waiting), []
        if _CANNOT_HOLD.fullmatch(tag):
            opened = "" if tag.startswith("/") else tag
            return f"{match[0]}{below}"
        return f"{below}{match[0]}"

    html = _TAG.sub(put, html) + "\n".join(waiting)
    return re.sub(r"<(p|h[1-6])>\s*[.,;:]?\s*</\1>\n?", "", html)
