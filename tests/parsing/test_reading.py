"""Derivations as people write them, read as trees."""

import json

import pytest

pytest.importorskip("lark")

from symbackprop.errors import ArgumentError
from symbackprop.parsing.documents import read_document
from symbackprop.parsing.latex_parser import parse
from symbackprop.parsing.lexer import Lexer, UnsupportedNotationError, macros_of
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.reassignment import tell_apart
from symbackprop.parsing.statement_splitter import statements
from symbackprop.parsing.statements import read_statements
from symbackprop.parsing.syntax_tree import (
    Add,
    Call,
    Cases,
    Differential,
    Divide,
    Group,
    Indicator,
    Matrix,
    Multiply,
    Name,
    Norm,
    Number,
    Part,
    Partial,
    Power,
    Prime,
    Script,
    Summation,
    Transposed,
    mapped,
    number,
)
from symbackprop.parsing.unparse import to_source


def rows(text, start=0):
    """What a text says, as (continues, sides, signs) each."""
    tokens = Lexer(text, macros_of(text)[0]).tokens(start, len(text))
    return [parse(statement, text) for statement in statements(tokens)]


def side(text, start=0):
    ((_, (node,), _),) = rows(text, start)
    return node


def name(base, layer=None, plain=None, below=None):
    above = [Script(kind="layer", content=number(layer))] if layer is not None else []
    above += [Script(kind="plain", content=plain)] if plain is not None else []
    return Name(base=base, above=tuple(above), below=() if below is None else (Script(kind="plain", content=below),))


W, J, X, z, x, y = (Name(base=base) for base in "WJXzxy")
L = Name(base="l")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("W^{(2)}", name("W", 2)),
        ("W^{[2]}", name("W", 2)),
        ("W^l", name("W", plain=L)),
        ("W_l", name("W", below=L)),
        ("W_{l}", name("W", below=L)),
        ("W^T", Transposed(base=W)),
        (r"W^\top", Transposed(base=W)),
        (r"W^{\mathsf T}", Transposed(base=W)),
        (r"W^{\mathrm{T}}", Transposed(base=W)),
        (r"W^{(2)\top}", Transposed(base=name("W", 2))),
        ("W^{[2]T}", Transposed(base=name("W", 2))),
        (r"\mathbf{W}^{(2)}", name("W", 2)),
        ("f'", Prime(base=Name(base="f"))),
        (r"f^\prime", Prime(base=Name(base="f"))),
        (r"f^{\prime}", Prime(base=Name(base="f"))),
        (r"g^{[1]\prime}", Prime(base=name("g", 1))),
        (r"\sigma'", Prime(base=Name(base="sigma"))),
        (r"\hat{y}", Name(base="yhat")),
        (r"\|W\|_F^2", Power(base=Norm(body=W), exponent=number(2))),
        ("|x|", Norm(body=x, single=True)),
        (r"\frac12", Divide(above=number(1), below=number(2))),
        (r"\cfrac{1}{x}", Divide(above=number(1), below=x)),
        (r"\dfrac{1}{x}", Divide(above=number(1), below=x)),
        ("x/y", Divide(above=x, below=y, slash=True)),
        ("x^12", Multiply(sign="", factors=(name("x", plain=number(1)), number(2)))),
        (r"\mathbf{1}^T", Transposed(base=Name(base="ones"))),
        (r"x \odot y", Multiply(sign=r"\odot", factors=(x, y))),
        (r"x \circ y", Multiply(sign=r"\circ", factors=(x, y))),
        ("x * y", Multiply(sign="*", factors=(x, y))),
        (r"x \cdot y", Multiply(sign=r"\cdot", factors=(x, y))),
        ("x - y", Add(signs=(1, -1), terms=(x, y))),
        (r"\left( x \right)", Group(items=(x,))),
        (r"\exp(z)", Call(function=Name(base="exp"), arguments=(z,))),
    ],
)
def test_parts(text, node):
    assert side(text) == node


@pytest.mark.parametrize(
    "text",
    [
        *[r"\nabla_W J", r"\partial J/\partial W", r"\frac{dJ}{dW}", r"\frac{\partial J}{\partial W}"],
        *[r"\frac{\partial}{\partial W} J", r"\frac{\mathrm{d}J}{\mathrm{d}W}"],
    ],
)
def test_derivatives(text):
    assert side(text) == Partial(of=J, by=W)


def test_differentials():
    assert side("dW^{[2]}") == Differential(body=name("W", 2))


def test_indicators_and_cases():
    indicator = side(r"\mathbb{1}[z>0]")
    assert isinstance(indicator, Indicator)
    assert (indicator.condition.left, indicator.condition.sign) == (z, ">")
    cases = side(r"\begin{cases} z & z > 0 \\ 0 & \text{otherwise} \end{cases}")
    assert isinstance(cases, Cases)
    assert cases.values == (z, number(0))
    assert cases.conditions[0] == indicator.condition


def test_sums():
    summed = side(r"\sum_{i=1}^m x_i")
    assert isinstance(summed, Summation)
    assert (summed.indices, summed.first, summed.last) == (("i",), number(1), Name(base="m"))
    assert side(r"\sum_{i,j} x_i").indices == ("i", "j")


def test_a_sum_goes_on_over_later_terms_with_its_index():
    summed = side(r"\sum_i x_i + y_i")
    assert isinstance(summed, Summation)
    assert len(summed.body.terms) == 2
    assert isinstance(side(r"\sum_i x_i + y"), Add)


def test_macros_are_expanded():
    text = r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}\def\R{W}"
    assert side(text + r"\pd{J}{\R}", len(text)) == Partial(of=J, by=W)


@pytest.mark.parametrize("text", [r"\newcommand{\a}{\a\a}", r"\newcommand{\a}{\b}\newcommand{\b}{\a}"])
def test_macros_without_end(text):
    with pytest.raises(UnsupportedNotationError, match="macros"):
        rows(text + r"\a", len(text))


@pytest.mark.parametrize("environment", ["align", "align*", "aligned", "equation", "gather"])
def test_rows(environment):
    text = (
        rf"\begin{{{environment}}} x &= y \tag{{1}} \label{{a}} \\ &= z \nonumber \\[2pt] W &= X \end{{{environment}}}"
    )
    assert rows(text) == [(False, (x, y), ("=",)), (True, (z,), ("=",)), (False, (W, X), ("=",))]


@pytest.mark.parametrize(
    "text", [r"x = y, \quad z = W", r"x = y \quad z = W", r"x = y \text{ and } z = W", r"x = y \Rightarrow z = W"]
)
def test_statements_in_a_row(text):
    assert rows(text) == [(False, (x, y), ("=",)), (False, (z, W), ("=",))]


@pytest.mark.parametrize("text", [r"x = y \text{ by the chain rule}", r"x = y \quad (3)", "x = y.", r"x = y % z"])
def test_comments(text):
    assert rows(text) == [(False, (x, y), ("=",))]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r"x = \unknown", "macro"),
        ("x = (y", "bracket"),
        ("x = " + "(" * 30 + "y" + ")" * 30, "nested"),
        ("x = " + "1" * 50, "digits"),
        ("x = ", "ends"),
        ("x'''''", "primes"),
        (r"\begin{tikzpicture}", "environment"),
    ],
)
def test_what_is_not_read(text, reason):
    with pytest.raises(UnsupportedNotationError, match=reason):
        rows(text)


def formulas(document):
    return [(formula.kind, document.text[formula.start : formula.end].strip()) for formula in document.formulas]


def test_markdown():
    text = "5% of $a=b$\n\n$$c=d$$\n\\[e=f\\]\n```python\ndW = (x\n  + y)\nprint(1)\n```\n`$g=h$` <!-- $i$ -->\n% $j$\n"
    found = [("inline", "a=b"), ("display", "c=d"), ("display", "e=f"), ("numpy", "dW = (x\n  + y)")]
    assert formulas(read_document(text)) == found


def test_files(tmp_path):
    tex = tmp_path / "a.tex"
    tex.write_text("\\newcommand{\\a}{$b$}\n\\begin{align}x&=y\\end{align} 5\\% $c=d$ % $e=f$\n")
    assert formulas(read_document(tex)) == [("display", "x&=y"), ("inline", "c=d")]
    notebook = tmp_path / "a.ipynb"
    cells = [{"cell_type": "markdown", "source": ["$$a=b$$"]}, {"cell_type": "code", "source": "dW = X.T @ d"}]
    notebook.write_text(json.dumps({"cells": cells}))
    assert formulas(read_document(notebook)) == [("display", "a=b"), ("numpy", "dW = X.T @ d")]
    lines = tmp_path / "a.txt"
    lines.write_text("The gradient:\ndW = X.T @ d\nW^{(1)} = x\n")
    assert formulas(read_document(lines)) == [("numpy", "dW = X.T @ d"), ("display", "W^{(1)} = x")]
    lines.write_bytes(b"\xff\xfe=")
    with pytest.raises(ArgumentError, match="UTF-8"):
        read_document(lines)
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_document(tmp_path / "none.md")
    notebook.write_text("{}")
    with pytest.raises(ArgumentError, match="notebook"):
        read_document(notebook)


def test_lines_are_counted():
    document = read_document("a\n\n$$x=y$$\n")
    assert [document.line_at(formula.start) for formula in document.formulas] == [3]


d = Name(base="d")
numpy_sum = Call(function=Name(base="sum"), arguments=(X,), axis=0)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("X.T @ d", Multiply(sign="@", factors=(Transposed(base=X), d))),
        ("np.dot(X.T, d)", Multiply(sign="@", factors=(Transposed(base=X), d))),
        ("x * y", Multiply(sign="numpy *", factors=(x, y))),
        ("x / y", Divide(above=x, below=y, slash=True)),
        ("np.sum(X, axis=0, keepdims=True)", numpy_sum),
        ("X.sum(axis=0)", numpy_sum),
        ('grads["W1"]', name("W", 1)),
        ("X.shape[0]", Name(base="N")),
        ("sigmoid_prime(z)", Call(function=Prime(base=Name(base="sigmoid")), arguments=(z,))),
        ("dz2", Differential(body=name("z", 2))),
        ("0.5", Number(value=number(1).value / 2)),
    ],
)
def test_numpy(text, node):
    assert parse_numpy(f"dW2 = {text}") == (Differential(body=name("W", 2)), node)


def test_nothing_is_evaluated():
    (_, power) = parse_numpy("x = 9**9**9**9")
    assert isinstance(power, Power)
    for line in ["x = __import__('os').system('x')", "x = [1][0]", "x = (lambda: 1)()", "import os", "x = open('a').T"]:
        with pytest.raises(UnsupportedNotationError):
            parse_numpy(line)


@pytest.mark.parametrize(
    "text", [r"\frac{1}{ 2 }(y-\hat {y})^2", r"X^{T}\delta^{(2)}  W^{[1]\top}", r"\sum_{i=1}^m x_i"]
)
def test_the_source_is_kept(text):
    assert to_source(side(text)) == text


def test_what_was_changed_is_written_anew():
    node = side(r"\mathbf{X}^\top  (y - z)")
    swapped = mapped(node, lambda part: part.base if isinstance(part, Transposed) else part)
    assert to_source(swapped) == r"\mathbf{X} (y - z)"
    (_, line) = parse_numpy("dW = X.T  @ (y-z)")
    swapped = mapped(line, lambda part: part.base if isinstance(part, Transposed) else part)
    assert to_source(swapped, "numpy") == "X @ (y-z)"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (r"||x||^2 = 1", r"\|x\|^2 = 1"),
        (r"a .* b = 1", r"a \odot b = 1"),
        (r"J(W; x) = 1", r"J(W, x) = 1"),
        (r"a = f(x))", r"a = f(x)"),
        (r"\Sigma dZ = 1", r"\sum dZ = 1"),
        (r"a = b \in \mathbb{R}^{N \times D}", r"a = b"),
        (r"a = b \quad \in \mathbb{R}^{N}", r"a = b"),
        (r"a = \sum_i -x_i", r"a = \sum_i {-x_i}"),
    ],
)
def test_habits(text, same):
    assert str(rows(text)) == str(rows(same))


def test_sigma_is_a_name_where_the_network_has_it():
    text = r"\Sigma x = 1"
    tokens = Lexer(text, {}, {"Sigma"}).tokens(0, len(text))
    assert [token.value for token in tokens][:2] == ["Sigma", "x"]


def test_parts_and_blocks():
    ((_, (left, right), _),) = rows(r"z_{:,\,H:2 H} = \begin{bmatrix} A & B \\ C & D \end{bmatrix}")
    assert left == Part(
        base=Name(base="z"),
        ranges=((None, None), (Name(base="H"), Multiply(sign="", factors=(number(2), Name(base="H"))))),
    )
    assert right == Matrix(rows=((Name(base="A"), Name(base="B")), (Name(base="C"), Name(base="D"))))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("dW += lam * W", "dW = dW + lam * W"),
        ("p[range(N), y] -= 1", "p = p - 1 * y"),
        ("p[np.arange(N), y] -= 1", "p = p - 1 * y"),
        ("dz[z <= 0] = 0", "dz = dz * (z > 0)"),
        ("q = p.copy()", "q = p"),
    ],
)
def test_code_that_changes_a_name(text, same):
    assert parse_numpy(text) == parse_numpy(same)


@pytest.mark.parametrize("text", ["p[range(N), y] *= 2", "p[0, y] -= 1", "p[z > 0] = 1", "a = 0 < b < 1"])
def test_changes_that_are_not_read(text):
    with pytest.raises(UnsupportedNotationError):
        parse_numpy(text)


def test_a_name_that_is_changed_is_told_apart():
    statements = [Assigned(parse_numpy(line)) for line in ("d = a", "e = d", "d = d / n", "f = d")]
    tell_apart(statements)
    first, used, changed, last = (statement.sides for statement in statements)
    assert first[0] == used[1] != last[1]
    assert first[0] == changed[1].above
    assert changed[0] == last[1] == Name(base="d")


class Assigned:
    def __init__(self, sides):
        self.sides = sides


def test_parts_and_blocks_are_written_anew():
    block = Matrix(rows=((Name(base="A"), Name(base="B")), (Name(base="C"), Name(base="D"))))
    assert to_source(block) == r"\begin{bmatrix} A & B \\ C & D \end{bmatrix}"
    part = Part(base=Name(base="z"), ranges=((None, None), (number(0), Name(base="H"))))
    assert to_source(part) == "z_{:, 0:H}"


def test_an_operator_without_an_operand_in_a_script_is_named():
    (written,) = read_statements(read_document(r"$$a = x_{\sum}$$"))
    assert (written.problem, written.sides) == (r"\sum is not read here", ())
