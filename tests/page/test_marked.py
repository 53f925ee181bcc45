"""Marked pages: each formula is there once with its mark, the mathematics is not changed, nothing of a document runs."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path

import pytest

import symbackprop as sb
from symbackprop.page.document import DocumentHTML
from symbackprop.proofread.derivation.report import CheckedLine, DerivationCheck, LineVerdict
from symbackprop.render.mathml import MathML, with_mark
from tests.corpora import right_derivations

NETWORK = """
X: input(N, 2)
y: target(N, 1)
W1: parameter(2, 3)
W2: parameter(3, 1)
z2 = X @ W1
a2 = sigmoid(z2)
z3 = a2 @ W2
yhat = sigmoid(z3)
J = sum((y - yhat)**2) / 2
"""
NOTES = r"""
# Two layers

With $z^{(2)} = X W^{(1)}$ and $z^{(3)} = a^{(2)} W^{(2)}$,
the error is $\delta^{(3)} = -(y - \hat{y}) \odot f'(z^{(3)})$, and

$$
\begin{aligned}
\delta^{(2)} &= \delta^{(3)} (W^{(2)})^T \odot f(z^{(2)}) \\
\frac{\partial J}{\partial W^{(1)}} &= X^T \delta^{(2)}
\end{aligned}
$$

- so $\frac{\partial J}{\partial W^{(2)}} = a^{(2)} \delta^{(3)}$ in the end

```python
def backward():
    dW2 = a2 @ delta3  # the same
    return dW2
```
"""
LATEX = r"""
\documentclass{article}
\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}
\begin{document}
\section{The last layer}
% a remark for the author
\begin{align}
\pd{J}{W^{(2)}} &= a^{(2)} \delta^{(3)} \label{last}\\
\delta^{(3)} &= -(y - \hat{y}) \odot f'(z^{(3)})
\end{align}
\end{document}
"""


class Balanced(HTMLParser):
    """A parser that requires each element to be closed where it was opened."""

    def __init__(self, page):
        super().__init__()
        self.opened, self.seen, self.ids = [], [], []
        self.feed(page)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and re.search(r"f\d+$", value)]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "src"]
        assert tag == "section" or all(re.match("#|https?:", value) for name, value in attrs if name == "href")
        assert tag != "mrow" or dict(attrs).get("class", "term wrong") in ("term wrong", "term gap")
        assert not (tag in {"div", "aside", "ul", "ol", "pre", "p"} and "p" in self.opened), self.opened
        if tag not in {"meta", "br", "hr", "path", "circle", "rect", "use", "link"}:
            self.opened.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag


def marked(text, name="notes.md"):
    check = sb.check_derivation(text, sb.parse_network(NETWORK))
    return check, sb.marked_page({name: check})


def test_each_formula_is_on_the_page_once_with_its_mark_and_its_correction():
    check, page = marked(NOTES)
    parsed = Balanced(page)
    assert sorted(parsed.ids) == sorted(f"f{line.number}" for line in check.lines)
    assert "3 of 7 formulas are wrong." in page
    assert page.count('class="term wrong"') == 2  # in the code, something is missing
    assert page.count('class="term gap"') == 1
    assert 'id="f4"' in page.partition("<h2>The marks")[0]
    assert r"\odot f&#x27;(z^{(2)})" in page  # the correction, to be copied
    assert "    <span" in page
    assert "    return dW2" in page


def test_right_formulas_have_no_remark():
    _, page = marked(r"$$\frac{\partial J}{\partial W^{(2)}} = (a^{(2)})^T \delta^{(3)}$$ and $X$")
    assert "No formula is wrong." in page
    assert 'class="note' not in page


def test_latex_documents_are_read_as_latex(tmp_path):
    path = tmp_path / "notes.tex"
    path.write_text(LATEX, encoding="utf-8")
    check = sb.check_derivation(path, sb.parse_network(NETWORK))
    page = sb.marked_page({"notes.tex": check})
    parsed = Balanced(page)
    assert len(parsed.ids) == 2
    body = page.partition("<article>")[2].partition("</article>")[0]
    assert "<h2>The last layer</h2>" in body
    assert "remark for the author" not in body
    shown = re.sub(r"<code>.*?</code>", "", body)
    assert not re.search(r"\\(label|newcommand|begin|pd)\b|&amp;", shown)
    assert "<mfrac>" in body


HOSTILE = [
    "<script>alert(1)</script> <img src=x onerror=alert(1)> <style>*{}</style>",
    "[a](javascript:alert(1)) ![b](https://example.org/c.png) <a href='javascript:1'>d</a>",
    r"$\text{<script>alert(1)</script>} = 1$ and $\href{javascript:alert(1)}{x} = 2$",
    r"$$\delta^{(3)} = \text{<img src=x onerror=alert(1)>} \class{a}{b} \style{position:fixed}{c}$$",
    "```html\n<script>dW2 = 1</script>\n```\n`<script>`\n\n    <script>x = 1</script>",
    "FORMULA0X \x02 \x03 \x04 \x05 $x$ \x00",
    "| $<b>$ | b |\n|---|---|\n| <iframe src=x> | $a = 1$ |",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["a.md", 'b"><script>.tex'])
def test_nothing_of_a_document_becomes_an_element(text, name):
    _, page = marked(text, name)
    parsed = Balanced(page)
    assert not {"script", "img", "iframe", "object", "form"} & set(parsed.seen)
    assert parsed.seen.count("style") == 1


def test_a_name_as_that_of_a_placeholder_is_text():
    assert "FORMULA0X" in DocumentHTML("FORMULA0X and $x$").render(lambda _: "", lambda _: "")


TEXTS = [(case.name, case.text) for case in right_derivations.CASES]


@pytest.mark.parametrize(("name", "text"), TEXTS[::4], ids=[name for name, _ in TEXTS[::4]])
def test_every_habit_of_writing_gives_a_whole_page(name, text):
    """With a verdict of each kind on its lines, given in turn; nothing is judged here."""
    verdicts, lines = cycle(LineVerdict), []
    for number, formula in enumerate((region.formula for region in DocumentHTML(text).regions), 1):
        source = text[formula.start : formula.end]
        verdict = next(verdicts)
        said = {"mistake": "the term x^{2} is meant", "correction": source + " + 1"} if verdict == "wrong" else {}
        lines.append(CheckedLine(number, 1, source, verdict, start=formula.start, end=formula.end, **said))
    page = sb.marked_page({name: DerivationCheck(tuple(lines), text)})
    assert len(Balanced(page).ids) == len(lines)


def test_a_mark_changes_no_mathematics():
    math = MathML()
    for latex, part in (
        (r"\delta = -(y - \hat{y}) \odot f'(z)", "f'(z)"),
        (r"g = \frac{1}{N} X^T d", r"\frac{1}{N}"),
        (r"J = \sum_{i} a_i^2 - b", "a_i^2"),
        (r"y - \hat{y}", "- "),
    ):
        start = latex.index(part)
        converted = math.of_author(with_mark(latex, (start, start + len(part))))
        assert 'class="term wrong"' in converted
        plain = re.sub(r"</?mrow[^>]*>| (lspace|rspace|form|stretchy)=\"[^\"]*\"", "", converted)
        assert plain == re.sub(r"</?mrow[^>]*>| (lspace|rspace|form|stretchy)=\"[^\"]*\"", "", math.of_author(latex))


def test_several_documents_have_a_table_first():
    checks = {
        f"{name}.md": marked(text)[0] for name, text in (("ann", NOTES), ("ben", "$$J = 1$$"), ("cem", "no formula"))
    }
    page = sb.marked_page(checks)
    parsed = Balanced(page)
    assert page.index("<table>") < page.index("<article>")
    assert len(parsed.ids) == len(set(parsed.ids)) == sum(len(check.lines) for check in checks.values())
    assert page.count("<article>") == 3
    assert "No formula was found." in page
    for target in re.findall(r'href="#([^"]+)"', page.replace("#m-", "")):
        assert not target or f'id="{target}"' in page


def symbackprop(*options, cwd):
    command = [sys.executable, "-m", "symbackprop", "proofread", *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_command_writes_a_page_and_remarks_by_line(tmp_path):
    (tmp_path / "net.txt").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "notes.md").write_text(NOTES, encoding="utf-8")
    run = symbackprop("notes.md", "--network", "net.txt", "--html", "-o", "marked.html", cwd=tmp_path)
    assert run.returncode == 1
    assert Balanced((tmp_path / "marked.html").read_text(encoding="utf-8")).ids
    run = symbackprop("notes.md", "--network", "net.txt", "--lines", "--fail-on", "never", cwd=tmp_path)
    assert run.returncode == 0
    first, *others = run.stdout.splitlines()
    assert first.startswith("notes.md:9:1: wrong: the mistake: ")
    assert [other.split(":")[1] for other in others] == ["14", "18"]


@pytest.mark.parametrize(
    ("fail_on", "failing"), [("wrong", "✗"), ("not-understood", "✗?"), ("convention", "✗?≈"), ("never", "")]
)
def test_the_exit_status_follows_the_option(fail_on, failing):
    from symbackprop.cli.proofread import is_failure  # noqa: PLC0415

    verdicts = {"✓": "right", "✗": "wrong", "?": "not understood", "≈": "convention"}
    assert {sign for sign, verdict in verdicts.items() if is_failure(verdict, fail_on)} == set(failing)


def test_notebooks_are_read_by_cell(tmp_path):
    cells = [{"cell_type": "markdown", "source": NOTES}, {"cell_type": "code", "source": "dW2 = a2.T @ delta3"}]
    path = Path(tmp_path) / "notes.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    check = sb.check_derivation(path, sb.parse_network(NETWORK))
    assert len(Balanced(sb.marked_page({"notes.ipynb": check})).ids) == 8
