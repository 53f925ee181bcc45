"""Documents as one self-contained HTML page: each formula with its mark, and remarks where something is to be said."""

import base64
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from itertools import islice, takewhile
from pathlib import PurePath

from symbackprop.page.document import DocumentHTML, Region, remark, remark_on_code
from symbackprop.page.wrong_term import wrong_term
from symbackprop.parsing.macros import UnsupportedNotationError, expand
from symbackprop.proofread.derivation.report import CheckedLine, DerivationCheck, LineVerdict
from symbackprop.render.mathml import MathML, with_mark

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; font-src data:">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
@font-face {{
  font-family: "STIX Two Math of this page"; src: url(data:font/woff2;base64,{font}) format("woff2");
}}
{style}</style>
</head>
<body>
{signs}
<main>
{body}
{legend}
</main>
</body>
</html>
"""
_SIGN = (
    '<span class="mark {kind}"><svg viewBox="0 0 20 20" aria-hidden="true"><use href="#m-{kind}"/></svg>{words}</span>'
)
_HIDDEN = '<span class="hidden">{words}</span>'
_CLAIM = """\
<div class="claim {kind}" id="{id}">
<div class="margin"><a class="number" href="#{id}">{number}</a>{sign}</div>
<div class="formula">{formula}</div>
{note}</div>"""
_PLAIN = '<div class="claim"><div class="margin"></div><div class="formula">{formula}</div></div>'

_KIND = {  # each kind of mark has a shape of its own
    LineVerdict.RIGHT: "right",
    LineVerdict.WRONG: "wrong",
    LineVerdict.CONVENTION: "convention",
    LineVerdict.NOT_UNDERSTOOD: "unread",
    LineVerdict.DEFINED_HERE: "defined",
    LineVerdict.ANOTHER_MEANING: "unread",
    LineVerdict.NO_CLAIM: "",
}
_MEANING = {
    LineVerdict.RIGHT: "The formula follows from the network.",
    LineVerdict.WRONG: "The formula contradicts the network; the term that has to change is underlined.",
    LineVerdict.CONVENTION: "Right with a convention, which the remark names.",
    LineVerdict.NOT_UNDERSTOOD: "Neither right nor wrong: the remark says what was not understood.",
    LineVerdict.DEFINED_HERE: "The formula says for the first time what a name means.",
    LineVerdict.ANOTHER_MEANING: "A name of the network stands for something else here.",
}
_ROWS = re.compile(r"\\\\(?:\[[^\]]*\])?")
_GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_FORMULA = re.compile(rf"[^\s\\^_{{}}]*(?:\\[A-Za-z]+|[\^_]{_GROUP})(?:{_GROUP}|[^\s{{}}])*")  # LaTeX within a sentence
_AROUND = re.compile(r"\\(?:begin|end)\{(?!cases|\w*matrix|array)[^{}]*\}|\\(?:label)\{[^{}]*\}|\\(?:nonumber|notag)\b")
_NO_FORMULA = re.compile(
    r"\\(?:begin|end)\{[^{}]*\}(?:\{[^{}]*\})?|\\(?:label|tag)\{[^{}]*\}|\\(?:nonumber|notag|q?quad|left|right|,|;|!)"
    r"|[&\s.,;:{}]|\\\\"
)


def marked_page(checks: Mapping[str, DerivationCheck]) -> str:
    """Return derivations that were proofread as one HTML page; the keys are the names of the documents.

    Each document is shown with its formulas typeset and marked: ✓ right, ✗ wrong with the term to change underlined
    and its correction, ≈ right by a convention, ≔ defined here, ? not understood. Several documents have a table on
    top. The page needs no network and no script. Documents whose name ends in .tex are read as LaTeX, the others as
    Markdown.

    Raises:
        SymbackpropError: the packages of the extra `html` are not installed.

    >>> import symbackprop as sb
    >>> check = sb.check_derivation(r"$$a^{(2)} = f(z^{(2)})$$", sb.mlp(["D", "H", "K"]))
    >>> "<math" in sb.marked_page({"notes.md": check})
    True
    """
    documents = [
        _Marked(name, check, f"d{k}-" * (len(checks) > 1)) for k, (name, check) in enumerate(checks.items(), 1)
    ]
    parts = [*([_table(documents)] if len(documents) > 1 else []), *(document.html() for document in documents)]
    folder = files("symbackprop.page")
    return _PAGE.format(
        title=escape(
            f"{documents[0].name}, proofread" if len(documents) == 1 else f"{len(documents)} documents, proofread"
        ),
        font=_font(),
        style=folder.joinpath("marked.css").read_text(encoding="utf-8"),
        signs=signs(),
        body="\n".join(parts),
        legend=_legend({line.verdict for check in checks.values() for line in check.lines}),
    )


def marked_article(name: str, check: DerivationCheck) -> str:
    """Return one document of `marked_page`, with the legend of its marks, as a part of another page."""
    return _Marked(name, check, "").html() + _legend({line.verdict for line in check.lines})


def signs() -> str:
    """Return the drawings of the marks, which a page must contain once."""
    return files("symbackprop.page").joinpath("signs.svg").read_text(encoding="utf-8").strip()


def _font() -> str:
    font = files("symbackprop.render").joinpath("fonts", "stix-two-math-subset.woff2")
    return base64.b64encode(font.read_bytes()).decode("ascii")


def _sign(verdict: LineVerdict, words: str = "") -> str:
    kind = _KIND[verdict]
    shown = words or _HIDDEN.format(words=escape(verdict))
    return _SIGN.format(kind=kind, words=shown) if kind else ""


class _Marked:
    """One document with its marks."""

    def __init__(self, name: str, check: DerivationCheck, prefix: str):
        self.name, self.check, self.prefix = PurePath(name).name, check, prefix
        self.document = DocumentHTML(check.text, is_tex=name.lower().endswith(".tex"))
        self.math = MathML()
        self.lines = sorted(check.lines, key=lambda line: line.start)

    def html(self) -> str:
        body = self.document.render(self._block, self._inline)
        return f'<section id="{self.prefix}top">\n{self._head()}\n<article>\n{body}\n</article>\n</section>'

    def headline(self) -> str:
        """Return the verdict on the document as a sentence."""
        lines, wrong = self.check.lines, self.count(LineVerdict.WRONG)
        if not lines:
            return "No formula was found."
        if self.check.checks_nothing:
            return "Nothing was checked: no formula makes a claim about the network."
        if wrong:
            return f"{wrong} of {len(lines)} formulas {'is' if wrong == 1 else 'are'} wrong."
        unread = self.count(LineVerdict.NOT_UNDERSTOOD)
        if unread:
            return f"No formula is wrong, but {unread} of {len(lines)} {'is' if unread == 1 else 'are'} not understood."
        return "No formula is wrong."

    def count(self, verdict: LineVerdict) -> int:
        return sum(line.verdict == verdict for line in self.check.lines)

    def tally(self) -> Iterator[str]:
        """Yield the number of formulas with each verdict that occurs, with its mark."""
        for verdict in _MEANING:
            if count := self.count(verdict):
                yield _sign(verdict, f"<b>{count}</b> {escape(verdict)}")

    def anchor(self, line: CheckedLine) -> str:
        return f"{self.prefix}f{line.number}"

    def _head(self) -> str:
        first = self.check.first_wrong
        link = "" if first is None else f' <a href="#{self.anchor(first)}">Go to the first</a>'
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.check.notes)
        return "\n".join(
            [
                "<header>",
                f'<p class="file">{escape(self.name)}</p>',
                f"<h1>{escape(self.headline())}</h1>",
                f'<p class="tally">{" ".join(self.tally())}{link}</p>',
                f'<details class="notes"><summary>How the document was read</summary><ul>{notes}</ul></details>'
                * bool(notes),
                "</header>",
            ]
        )

    def _lines(self, region: Region) -> list[CheckedLine]:
        """Return the lines in a formula, in the order in which they stand there."""
        formula = region.formula
        first = bisect_left(self.lines, formula.start, key=lambda line: line.start)
        later = takewhile(lambda line: line.start < formula.end, islice(self.lines, first, None))
        return [line for line in later if line.end <= formula.end]

    def _block(self, region: Region) -> str:
        """Return the rows of a formula: its lines, and what stands between them."""
        rows: list[str] = []
        at, is_code = region.formula.start, region.formula.kind == "numpy"
        for line in self._lines(region):
            rows += self._unmarked(at, line.start)
            rows.append(self._claim(line, f"<code>{self._code(line)}</code>" if is_code else self._formula(line)))
            at = max(at, line.end)
        return "\n".join([*rows, *self._unmarked(at, region.formula.end)])

    def _unmarked(self, start: int, end: int) -> Iterator[str]:
        text = self.check.text[start:end]
        for row in [text] if r"\begin{cases}" in text or "matrix}" in text else _ROWS.split(text):
            if _NO_FORMULA.sub("", row):
                yield _PLAIN.format(formula=self._typeset(_without_environment(row)))

    def _claim(self, line: CheckedLine, formula: str) -> str:
        kind = f"{_KIND[line.verdict]}{' follows' * (line.follows is not None)}"
        return _CLAIM.format(
            kind=kind,
            id=self.anchor(line),
            number=line.number,
            sign=_sign(line.verdict),
            formula=formula,
            note=self._note(line),
        )

    def _formula(self, line: CheckedLine, *, displayed: bool = True) -> str:
        term = wrong_term(line.source, line.correction) if line.verdict == LineVerdict.WRONG else None
        return self._typeset(line.source, term, displayed=displayed)

    def _inline(self, region: Region) -> str:
        """Return a formula within a sentence, or an assignment within a block of code."""
        lines, text = self._lines(region), self.check.text
        if region.formula.kind == "inline":
            if not lines:
                return self._typeset(text[region.formula.start : region.formula.end], displayed=False)
            shown = (self._within_text(line, self._formula(line, displayed=False)) for line in lines)
            return " ".join(f"{formula}{remark(self._note(line))}" for formula, line in zip(shown, lines, strict=True))
        pieces, at = [], region.start
        for line in lines:
            start = line.start + len(text[line.start :]) - len(text[line.start :].lstrip(" \t"))
            pieces += [escape(text[at:start], quote=False), self._within_text(line, self._code(line))]
            pieces.append(remark_on_code(self._note(line, "span")))
            at = max(at, line.end)
        return "".join([*pieces, escape(text[at : region.end], quote=False)])

    def _code(self, line: CheckedLine) -> str:
        """Return a line of code with its wrong term marked."""
        code, _, _ = line.source.partition("#")
        term = wrong_term(code, line.correction) if line.verdict == LineVerdict.WRONG else None
        start, end = term or (0, 0)
        parts = (line.source[:start], line.source[start:end], line.source[end:])
        before, inside, after = (escape(part, quote=False) for part in parts)
        mark = "" if term is None else f'<span class="term {"wrong" if inside else "gap"}">{inside}</span>'
        return f"{before}{mark}{after}"

    def _within_text(self, line: CheckedLine, formula: str) -> str:
        kind = _KIND[line.verdict]
        return f'<span class="in {kind}" id="{self.anchor(line)}">{formula}{_sign(line.verdict)}</span>'

    def _note(self, line: CheckedLine, element: str = "div") -> str:
        """Return the remark beside a formula; a right one has none unless it was read in a special way."""
        said = list(self._said(line))
        if not said:
            return ""
        return f'<{element} class="note {_KIND[line.verdict]}">{" ".join(said)}</{element}>'

    def _said(self, line: CheckedLine) -> Iterator[str]:
        if line.follows is not None:
            earlier = f'<a href="#{self.prefix}f{line.follows}">{line.follows}</a>'
            yield f"<span>follows from the mistake in {earlier}</span>"
        if line.mistake:
            yield f"<strong>{self._words(line.mistake)}</strong>"
        if line.correction:
            yield f'<span class="correction">it should be {self._corrected(line)}</span>'
        if line.reason:
            yield f"<span>{self._words(line.reason)}</span>"
        yield from (f"<span>{self._words(note)}</span>" for note in line.notes)
        if line.verdict == LineVerdict.CONVENTION and line.proof:
            yield f"<span>{self._words(line.proof)}</span>"
        if line.counterexample:
            yield f'<span class="quiet">{self._words(line.counterexample)}</span>'

    def _corrected(self, line: CheckedLine) -> str:
        regions = self.document.regions
        around = bisect_right(regions, line.start, key=lambda region: region.formula.start) - 1
        is_code = around < 0 or regions[around].formula.kind == "numpy"
        math = "" if is_code else self._typeset(line.correction)
        return f"{math}<code>{escape(line.correction)}</code>"

    def _words(self, sentence: str) -> str:
        """Return a remark with the author's formulas in it typeset."""
        pieces, at = [], 0
        for match in _FORMULA.finditer(sentence):
            formula = match[0].rstrip(",.;:")
            pieces += [escape(sentence[at : match.start()], quote=False), self._typeset(formula, displayed=False)]
            at = match.start() + len(formula)
        return "".join([*pieces, escape(sentence[at:], quote=False)])

    def _typeset(self, latex: str, term: tuple[int, int] | None = None, *, displayed: bool = True) -> str:
        """Return a formula as MathML, or its source if it cannot be converted."""
        sources = [latex] if term is None else [with_mark(latex, term), latex]
        converted = (self._converted(source, displayed=displayed) for source in sources)
        return next((math for math in converted if math is not None), f"<code>{escape(latex.strip())}</code>")

    def _converted(self, latex: str, *, displayed: bool) -> str | None:
        try:
            expanded = expand(latex, self.document.macros)
        except UnsupportedNotationError:
            return None
        is_table = r"\begin{" in expanded
        return self.math.of_author(expanded if is_table else expanded.replace("&", " "), displayed=displayed)


def _without_environment(row: str) -> str:
    return _AROUND.sub("", row).strip()


def _table(documents: list[_Marked]) -> str:
    """Return a table of the documents: what they are, their first mistake, and how many formulas have each verdict."""
    verdicts = [verdict for verdict in _MEANING if any(document.count(verdict) for document in documents)]
    head = "".join(
        f'<th scope="col">{words}</th>' for words in ("document", "first mistake", *map(_sign_and_word, verdicts))
    )
    rows = []
    for document in documents:
        first = document.check.first_wrong
        where = (
            ""
            if first is None
            else f'<a href="#{document.anchor(first)}">formula {first.number}, line {first.place}</a>'
        )
        counts = "".join(f'<td class="count">{document.count(verdict) or ""}</td>' for verdict in verdicts)
        link = f'<a href="#{document.prefix}top">{escape(document.name)}</a>'
        rows.append(f'<tr><th scope="row">{link}</th><td>{where}</td>{counts}</tr>')
    wrong = sum(document.count(LineVerdict.WRONG) > 0 for document in documents)
    title = (
        f"{wrong} of {len(documents)} documents have a wrong formula" if wrong else "No document has a wrong formula"
    )
    table = f'<div class="scroll" tabindex="0"><table><tr>{head}</tr>\n{"".join(rows)}</table></div>'
    return f'<section class="overview"><h1>{title}.</h1>{table}</section>'


def _sign_and_word(verdict: LineVerdict) -> str:
    return _sign(verdict, escape(verdict))


def _legend(verdicts: set[LineVerdict]) -> str:
    rows = [
        f"<li>{_sign_and_word(verdict)}<span>{meaning}</span></li>"
        for verdict, meaning in _MEANING.items()
        if verdict in verdicts
    ]
    return f'<footer class="legend"><h2>The marks</h2><ul>{"".join(rows)}</ul></footer>' if rows else ""
