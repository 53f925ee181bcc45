"""A derivation as one HTML page that needs nothing else: its formulas are MathML, and their font is in it."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import count, islice

from symbackprop.errors import listed
from symbackprop.gradcheck.report import HEADINGS, GradientCheck, cells
from symbackprop.printing.latex import latex_name
from symbackprop.render.latex import Block, Row, latex_blocks, latex_declarations, symbols
from symbackprop.render.mathml import MathML
from symbackprop.render.outline import Outline
from symbackprop.verdicts import Verdict

Witness = tuple[str, str]  # a verdict on a step, and what it rests on

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
_VERDICT = '<span class="verdict {verdict}">{mark} {said}</span>'
_TABLE = '<div class="scroll">\n<table class="{kind}">\n<tr>{head}</tr>\n{rows}\n</table>\n</div>'

_MARKS = {Verdict.RIGHT: "✓", Verdict.WRONG: "✗", Verdict.UNDECIDED: "?"}
_TITLE = "Backpropagation, step by step"


def to_html(
    outline: Outline,
    source: str,
    *,
    witnesses: Sequence[Witness] | None = None,
    slopes: Sequence[Witness] = (),
    check: GradientCheck | None = None,
) -> str:
    """The whole page.

    Args:
        outline: what it is about.
        source: the generated module.
        witnesses: a verdict (right, wrong or undecided) on each step and what it rests on, in the steps' order.
        slopes: the same on f′ of each function of the network.
        check: a gradient check of the module.
    """
    page = _Page(outline, witnesses, slopes)
    parts = [*page.sections(), page.code(source), *([] if check is None else [_checked(check)])]
    style = files("symbackprop.render").joinpath("page.css").read_text(encoding="utf-8")
    return _PAGE.format(title=_TITLE, font=_font(), style=style, intro=page.intro(check), body="\n".join(parts))


def _font() -> str:
    font = files("symbackprop.render").joinpath("fonts", "stix-two-math-subset.woff2")
    return base64.b64encode(font.read_bytes()).decode("ascii")


class _Page:
    def __init__(self, outline: Outline, witnesses: Sequence[Witness] | None, slopes: Sequence[Witness]):
        self.outline = outline
        self.slopes = iter(slopes)
        self.slopes_are_proved = all(verdict != Verdict.WRONG for verdict, _ in slopes)
        self.witnesses = witnesses
        self.math = MathML()
        self.numbers = count(1)

    def intro(self, check: GradientCheck | None) -> str:
        tape = self.outline.tape
        cost, *parameters = (f"${latex_name(str(s.name))}$" for s in (tape.cost.symbol, *tape.wrt))
        steps = f", in {len(tape.steps)} steps that each name their rule" if self.outline.sections else ""
        gradients = "The gradient" if len(parameters) == 1 else "The gradients"
        said = [self.math.prose(f"{gradients} of {cost} by {listed(parameters)}{steps}.")]
        said += [] if self.witnesses is None else [_proved([Verdict(verdict) for verdict, _ in self.witnesses])]
        said += [] if self.slopes_are_proved else [_judged(Verdict.WRONG, "NOT PROVED: the derivative of a function")]
        said += [] if check is None else [_judged(check.verdict, f"gradient check: {check.verdict}")]
        return "\n".join(f"<p>{sentence}</p>" for sentence in said)

    def sections(self) -> Iterator[str]:
        """The network, the route to each parameter, the result: what the level of detail leaves out is not there."""
        *blocks, result = latex_blocks(self.outline)
        if self.outline.network:
            yield _SECTION.format(title="The network", body=self.network(blocks.pop(0)))
        for block in blocks:
            gradient, shape = map(self.math.prose, block.title.split(", ", 1))
            yield _SECTION.format(title=f'{gradient}<span class="quiet">, {shape}</span>', body=self.steps(block))
        yield _SECTION.format(title=result.title, body=self.lines(result.rows))

    def network(self, block: Block) -> str:
        roles = [
            (self.math.inline(name), role, self.math.inline(shape) if shape else "a number")
            for role, name, shape in latex_declarations(self.outline)
        ]
        table = _table("roles", ("name", "role", "shape"), roles)
        equations = len(block.rows) - len(self.outline.definitions)
        functions = zip(self.outline.definitions, block.rows[equations:], strict=True)
        lines = [self.lines(block.rows[:equations]), *(self.line([row], self.slope(f.order)) for f, row in functions)]
        return "\n".join([f"<p>{self.outline.examples}.</p>", table, *lines])

    def slope(self, order: int) -> str:
        """What proves f′, where f′ is what is shown."""
        return "".join(_witness(Verdict(verdict), said) for verdict, said in islice(self.slopes, order))

    def steps(self, block: Block) -> str:
        """A sentence begins a step."""
        steps: list[list[Row]] = []
        for row in block.rows:
            if row.above:
                steps.append([])
            steps[-1].append(row)
        return "\n".join(['<ol class="steps">', *map(self.step, steps), "</ol>"])

    def step(self, rows: list[Row]) -> str:
        number = next(self.numbers)
        verdict, summary = (None, "") if self.witnesses is None else self.witnesses[number - 1]
        witness = "" if verdict is None else _witness(Verdict(verdict), summary)
        return _STEP.format(
            kind="step failed" if verdict == Verdict.WRONG else "step",
            number=number,
            why=self.math.prose(rows[0].above),
            formulas=self.line(rows, witness),
        )

    def lines(self, rows: Iterable[Row]) -> str:
        return "\n".join(self.line([row]) for row in rows)

    def line(self, rows: Sequence[Row], witness: str = "") -> str:
        """The formulas of a line, and beside them their shape and what proves them."""
        shape = f'<span class="shape">{self.math.inline(rows[0].beside)}</span>' if rows[0].beside else ""
        return _LINE.format(
            kind="" if witness else " bare", formulas="\n".join(map(self.formula, rows)), beside=shape + witness
        )

    def formula(self, row: Row) -> str:
        left = self.math.display(row.left) if row.left else ""
        return _FORMULA.format(symbols=_width(row), left=left, right=self.math.display(f"= {row.right}"))

    def code(self, source: str) -> str:
        functions = [part for part in source.split("\n\n\n") if _GRADIENTS.search(part)]
        body = "\n\n\n".join(map(escape, functions))
        return _SECTION.format(title="The generated code", body=f"<pre><code>{body}</code></pre>")


_GRADIENTS = re.compile(r"^def _?cost_and_gradients(_part)?\(", re.MULTILINE)


def _width(row: Row) -> int:
    """About how many symbols wide a formula is, by which print can make it fit; a subscript counts as one."""
    return symbols(re.sub(r"_\{[^{}]*\}", "m", f"{row.left} = {row.right}"))


def _checked(check: GradientCheck) -> str:
    """The table of a gradient check, with its verdict above and its notes below."""
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
        "<p>The generated gradients beside finite differences of the generated cost.</p>",
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
    """How many of the steps are proved, and which are not."""
    for verdict, word in ((Verdict.WRONG, "NOT PROVED"), (Verdict.UNDECIDED, "undecided")):
        found = [f'<a href="#step-{k}">step {k}</a>' for k, given in enumerate(verdicts, start=1) if given == verdict]
        if found:
            return _judged(verdict, f"{len(found)} of {len(verdicts)} steps {word}:") + f" {listed(found)}"
    return _judged(Verdict.RIGHT, f"all {len(verdicts)} steps proved")


def _judged(verdict: Verdict, said: str = "") -> str:
    """A verdict as a sign and in words, so that it needs no colour."""
    return _VERDICT.format(verdict=verdict, mark=_MARKS[verdict], said=escape(said or verdict))


def _witness(verdict: Verdict, summary: str) -> str:
    word = f"{verdict}: " if verdict == Verdict.UNDECIDED else ""
    return _WITNESS.format(verdict=verdict, mark=_MARKS[verdict], summary=escape(word + summary))
