"""A derivation as one self-contained HTML page, with formulas in MathML and an embedded font."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import count
from typing import TypeAlias

from symbackprop.errors import listed
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.gradcheck.report import HEADINGS, GradientCheck, cells
from symbackprop.printing.latex_names import latex_name
from symbackprop.printing.text import Text
from symbackprop.render.latex import latex_blocks, latex_declarations
from symbackprop.render.latex_rows import LatexBlock, LatexRow, grouped, symbols
from symbackprop.render.mathml import MathML
from symbackprop.render.outline import Outline
from symbackprop.verdicts import Verdict

Proved: TypeAlias = tuple[str, str]  # the verdict on a step, and the summary of its proofs

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
@font-face {{
  font-family: "STIX Two Math of this page"; src: url(data:font/woff2;base64,{font}) format("woff2");
}}
{style}</style>
</head>
<body>
<main>
<header>
<h1>{title}</h1>
{intro}
</header>
{body}
</main>
</body>
</html>
"""
_SECTION = "<section>\n<h2>{title}</h2>\n{body}\n</section>"
_STEP = """\
<li class="{kind}" id="step-{number}">
<span class="number">{number}</span>
<p>{why}</p>
{formulas}
</li>"""
_LINE = '<div class="line{kind}">\n<div>\n{formulas}\n</div>\n<div class="beside">{beside}</div>\n</div>'
_FORMULA = '<div class="formula" style="--symbols: {symbols}"><span>{left}</span><span>{right}</span></div>'
_WITNESS = '<span class="witness {verdict}"><span class="verdict" aria-hidden="true">{mark}</span> {summary}</span>'
_VERDICT = '<span class="verdict {verdict}">{mark} {words}</span>'
_TABLE = '<div class="scroll" tabindex="0">\n<table class="{kind}">\n<tr>{head}</tr>\n{rows}\n</table>\n</div>'

_MARKS = {Verdict.RIGHT: "✓", Verdict.WRONG: "✗", Verdict.UNDECIDED: "?"}
_TITLE = "Backpropagation, step by step"


def to_html(
    outline: Outline,
    source: str,
    *,
    steps: Sequence[Proved] | None = None,
    derivatives: Mapping[str, Proved] | None = None,
    check: GradientCheck | None = None,
) -> str:
    """Return the HTML page as text.

    Args:
        outline: the content of the derivation.
        source: the text of the generated module.
        steps: the verdict (right, wrong or undecided) on each step and the summary of its proofs, in order.
        derivatives: the same for the derivatives of functions, by their text such as `f′(z)`.
        check: a gradient check of the module.
    """
    page = _Page(outline, steps, derivatives or {})
    parts = [*page.sections(), page.code(source), *([] if check is None else [_checked(check)])]
    style = files("symbackprop.render").joinpath("page.css").read_text(encoding="utf-8")
    return _PAGE.format(title=_TITLE, font=_font(), style=style, intro=page.intro(check), body="\n".join(parts))


@dataclass(frozen=True)
class Fragments:
    """The parts of a page, each as HTML: the network, the steps to each gradient with their proofs, and the result."""

    network: str
    steps: str
    result: str

    @classmethod
    def of(
        cls, outline: Outline, steps: Sequence[Proved] | None = None, derivatives: Mapping[str, Proved] | None = None
    ) -> "Fragments":
        """Return the parts of an outline with all details; see `to_html`."""
        page = _Page(outline, steps, derivatives or {})
        network, *sections, result = page.sections()
        return cls(network, "\n".join(sections), result)


def check_table(check: GradientCheck) -> str:
    """Return the table of a gradient check, with the verdict above it and notes below it."""
    return _checked(check)


def _font() -> str:
    font = files("symbackprop.render").joinpath("fonts", "stix-two-math-subset.woff2")
    return base64.b64encode(font.read_bytes()).decode("ascii")


class _Page:
    def __init__(self, outline: Outline, proofs: Sequence[Proved] | None, derivatives: Mapping[str, Proved]):
        self.outline = outline
        self.derivatives = derivatives
        self.has_wrong_derivative = any(verdict == Verdict.WRONG for verdict, _ in derivatives.values())
        self.proofs = proofs
        self.math = MathML()
        self.numbers = count(1)

    def intro(self, check: GradientCheck | None) -> str:
        tape = self.outline.tape
        cost, *parameters = (f"${latex_name(str(s.name))}$" for s in (tape.cost.symbol, *tape.wrt))
        steps = f", in {len(tape.steps)} steps that each name their rule" if self.outline.sections else ""
        gradients = "The gradient" if len(parameters) == 1 else "The gradients"
        sentences = [self.math.prose(f"{gradients} of {cost} with respect to {listed(parameters)}{steps}.")]
        if self.proofs is not None:
            sentences.append(_proved([Verdict(verdict) for verdict, _ in self.proofs]))
        if self.has_wrong_derivative:
            sentences.append(_judged(Verdict.WRONG, "NOT PROVED: the derivative of a function"))
        if check is not None:
            sentences.append(_judged(check.verdict, f"gradient check: {check.verdict}"))
        return "\n".join(f"<p>{sentence}</p>" for sentence in sentences)

    def sections(self) -> Iterator[str]:
        """Yield the network, the steps to each gradient and the result, as far as the level of detail includes them."""
        *blocks, result = latex_blocks(self.outline)
        if self.outline.network:
            yield _SECTION.format(title="The network", body=self.network(blocks.pop(0)))
        for block in blocks:
            gradient, shape = map(self.math.prose, block.title.split(", ", 1))
            yield _SECTION.format(title=f'{gradient}<span class="quiet">, {shape}</span>', body=self.steps(block))
        yield _SECTION.format(title=result.title, body=self.lines(result.rows))

    def network(self, block: LatexBlock) -> str:
        roles = [
            (self.math.inline(name), role, self.math.inline(shape) if shape else "a number")
            for role, name, shape in latex_declarations(self.outline)
        ]
        table = _table("roles", ("name", "role", "shape"), roles)
        equations = len(block.rows) - len(self.outline.definitions)
        functions = zip(self.outline.definitions, block.rows[equations:], strict=True)
        lines = [
            self.lines(block.rows[:equations]),
            *(self.line([row], self.derivative(f)) for f, row in functions),
        ]
        return "\n".join(
            [f"<p>{'; '.join([self.outline.examples, *map(str, self.outline.least_sizes)])}.</p>", table, *lines]
        )

    def derivative(self, function: ElementwiseFunction) -> str:
        """Return the proof of f′ for the line that defines it, or "" for any other line."""
        proof = self.derivatives.get(Text(self.outline.function_names).of_z(function))
        return "" if proof is None else _witness(Verdict(proof[0]), proof[1])

    def steps(self, block: LatexBlock) -> str:
        """Return the steps as a numbered list; each step begins with a sentence."""
        return "\n".join(['<ol class="steps">', *map(self.step, grouped(block.rows)), "</ol>"])

    def step(self, rows: list[LatexRow]) -> str:
        number = next(self.numbers)
        verdict, summary = (None, "") if self.proofs is None else self.proofs[number - 1]
        witness = "" if verdict is None else _witness(Verdict(verdict), summary)
        return _STEP.format(
            kind="step failed" if verdict == Verdict.WRONG else "step",
            number=number,
            why=self.math.prose(rows[0].above),
            formulas=self.line(rows, witness),
        )

    def lines(self, rows: Iterable[LatexRow]) -> str:
        return "\n".join(self.line([row]) for row in rows)

    def line(self, rows: Sequence[LatexRow], witness: str = "") -> str:
        """Return the formulas of a line, with their shape and their proof beside them."""
        shape = f'<span class="shape">{self.math.inline(rows[0].beside)}</span>' if rows[0].beside else ""
        return _LINE.format(
            kind="" if witness else " bare", formulas="\n".join(map(self.formula, rows)), beside=shape + witness
        )

    def formula(self, row: LatexRow) -> str:
        left = self.math.display(row.left) if row.left else ""
        return _FORMULA.format(symbols=_width(row), left=left, right=self.math.display(f"= {row.right}"))

    def code(self, source: str) -> str:
        functions = [
            part for part in source.split("\n\n\n") if part.startswith("def ") and not part.startswith("def cost(")
        ]
        body = "\n\n\n".join(map(escape, functions))
        return _SECTION.format(title="The code", body=f"<pre><code>{body}</code></pre>")


def _width(row: LatexRow) -> int:
    """Return the approximate width of a formula in symbols, for a printed page; a subscript counts as one symbol."""
    return symbols(re.sub(r"_\{[^{}]*\}", "m", f"{row.left} = {row.right}"))


def _checked(check: GradientCheck) -> str:
    """Return the table of a gradient check, with the verdict above it and notes below it."""
    reason = f" ({check.reason})" if check.reason else ""
    rows = [
        [
            _judged(block.verdict) if heading == "verdict" else escape(cell)
            for heading, cell in zip(HEADINGS, cells(block), strict=True)
        ]
        for block in check.blocks
    ]
    notes = [f"{block.name}: {block.note}" for block in check.blocks if block.note]
    notes.append(f"cost {check.cost:.10g}, {check.evaluations} evaluations of the cost")
    body = [
        "<p>The generated gradients, compared with finite differences of the generated cost.</p>",
        f"<p>{_judged(check.verdict, f'{check.verdict}{reason}')}</p>",
        _table("figures", HEADINGS, rows),
        *(f'<p class="quiet">{escape(note)}</p>' for note in notes),
    ]
    return _SECTION.format(title="The gradient check", body="\n".join(body))


def _table(kind: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return _TABLE.format(kind=kind, head=head, rows=body)


def _proved(verdicts: Sequence[Verdict]) -> str:
    """Return the number of steps that are proved, with links to the steps that are not."""
    for verdict, word in ((Verdict.WRONG, "NOT PROVED"), (Verdict.UNDECIDED, "undecided")):
        found = [f'<a href="#step-{k}">step {k}</a>' for k, given in enumerate(verdicts, start=1) if given == verdict]
        if found:
            return _judged(verdict, f"{len(found)} of {len(verdicts)} steps {word}:") + f" {listed(found)}"
    return _judged(Verdict.RIGHT, f"all {len(verdicts)} steps proved")


def _judged(verdict: Verdict, words: str = "") -> str:
    """Return a verdict as a sign and in words, so that it can be read without colour."""
    return _VERDICT.format(verdict=verdict, mark=_MARKS[verdict], words=escape(words or verdict))


def _witness(verdict: Verdict, summary: str) -> str:
    word = f"{verdict}: " if verdict == Verdict.UNDECIDED else ""
    return _WITNESS.format(verdict=verdict, mark=_MARKS[verdict], summary=escape(word + summary))
