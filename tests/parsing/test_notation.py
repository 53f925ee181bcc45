"""Notation of formulas: Unicode, brackets as indices, bars, stars, macros of packages."""

import pytest

pytest.importorskip("lark")

from symbackprop.parsing.documents import read_document
from symbackprop.parsing.latex_parser import parse
from symbackprop.parsing.lexer import Lexer, UnsupportedNotationError, macros_of
from symbackprop.parsing.statement_splitter import statements
from symbackprop.parsing.statements import read_statements
from symbackprop.parsing.syntax_tree import Add, Multiply, Name, Script, Summation, Transposed, number
from symbackprop.parsing.unicode_text import as_latex


def rows(text, is_plain=False):
    tokens = Lexer(text, macros_of(text)[0]).tokens(0, len(text), is_plain)
    return [parse(statement, text) for statement in statements(tokens)]


def side(text, is_plain=False):
    ((_, (node,), _),) = rows(text, is_plain)
    return node


def below(base, *contents):
    return Name(base=base, below=tuple(Script(kind="plain", content=content) for content in contents))


i, k, t, x, y = (Name(base=base) for base in "iktxy")


@pytest.mark.parametrize(
    ("unicode", "latex"),
    [
        ("W₁ᵀ x", r"W_1^{\top} x"),
        ("a⁽²⁾", "a^{(2)}"),
        ("∂J/∂W", r"\partial J/\partial W"),
        ("x̄ + ŷ", r"\bar{x} + \hat{y}"),
        ("½ ∑ᵢ xᵢ²", r"\frac{1}{2} \sum_{i} x_{i}^{2}"),
        ("A⁻¹", "A^{-1}"),
        ("𝐖 𝑥", "W x"),
        ("δ ⊙ σ′(z)", r"\delta \odot \sigma'(z)"),
        ("X^ᵀ", r"X^{\top}"),
        ("∏ₖ pₖ", r"\prod_k p_k"),
    ],
)
def test_unicode_is_short_for_latex(unicode, latex):
    assert side(unicode) == side(latex)


def test_other_characters_are_not_expanded():
    assert as_latex("é", 0) is None
    assert as_latex("字", 0) is None
    assert as_latex("x", 0) is None
    with pytest.raises(UnsupportedNotationError, match="character"):
        rows("x = 1 €")


def test_indices_of_names_in_plain_text():
    assert side("X1ᵀ z2", is_plain=True) == Multiply(
        sign="", factors=(Transposed(base=below("X", number(1))), below("z", number(2)))
    )
    assert side("W_h x", is_plain=True) == side(r"W_{h} x")
    assert side("2 x", is_plain=True) == side("2 x")
    assert side("z2") == Multiply(sign="", factors=(Name(base="z"), number(2)))  # in LaTeX it is a product


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("The gradient:\n∂J/∂W1 = Xᵀ δ2   N×K\nis it.", ["∂J/∂W1 = Xᵀ δ2"]),
        ("f(z) = σ(z) (sigmoid)", ["f(z) = σ(z)"]),
        ("δ2 = a − y\nz1 = X W1", ["δ2 = a − y", "z1 = X W1"]),
        ("```\n∂J/∂b = Σ δ   # of all\n```", ["∂J/∂b = Σ δ"]),
    ],
)
def test_formulas_in_plain_text(text, formulas):
    found = read_document(text)
    assert [found.text[formula.start : formula.end] for formula in found.formulas] == formulas
    assert all(formula.is_plain for formula in found.formulas)


def test_code_stays_code():
    kinds = [(one.kind, one.is_plain) for one in read_document("# δ of a layer\nd = a.T @ e\nb = np.sum(d)").formulas]
    assert kinds == [("numpy", False), ("numpy", False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s[i, k]", below("s", i, k)),
        ("h[t]", below("h", t)),
        ("h[t-1]", below("h", Add(signs=(1, -1), terms=(t, number(1))))),
        ("p[i, y_i]", below("p", i, below("y", i))),
        (r"p[i, k]^T", Transposed(base=below("p", i, k))),
    ],
)
def test_brackets_as_indices(text, expected):
    assert side(text) == expected


@pytest.mark.parametrize("text", ["E[x]", "s[x + y]", r"\exp[k]", r"\mathbf{1}[i = k]"])
def test_brackets_that_are_no_indices(text):
    assert not (isinstance(side(text), Name) and side(text).below)


@pytest.mark.parametrize("text", ["P(y = 1 | x)", r"p(y \mid x)", r"p_\theta(y | x)", r"\mathcal{L}(w | x, y)"])
def test_a_conditional_probability_is_a_name(text):
    ((_, (left, right), _),) = rows(f"{text} = 1 - {text}")
    assert isinstance(left, Name)
    assert right == Add(signs=(1, -1), terms=(number(1), left))


@pytest.mark.parametrize("text", ["f(|x|)", r"\|x\|_1", "|x|_1 + |y|", r"\left|x\right|_1", r"\left( x \right)_i"])
def test_bars_of_absolute_values_and_norms_stay(text):
    assert side(text)


def test_a_formula_at_a_point():
    assert side(r"\left. x y \right|_{x = t}") == side("{t y}") or side(r"\left. x y \right|_{x = t}").children()
    assert side(r"\frac{x}{y} \Big|_{x = t} k") == side(r"\frac{t}{y} k")
    assert side(r"2 \left. (x + i) \right|_{x = y}") == side("2 (y + i)")
    with pytest.raises(UnsupportedNotationError, match="point"):
        side(r"x_i |_{x = y}")
    with pytest.raises(UnsupportedNotationError, match="evaluated"):
        side(r"x |_{y}")


def test_stars():
    assert side("y^*") == Name(base="ystar")
    assert side(r"y_k^{\ast}") == below("ystar", k)
    with pytest.raises(UnsupportedNotationError):
        side("(x + y)^*")


def test_products_over_an_index():
    assert side(r"\prod_{k} x_k") == Summation(indices=("k",), body=below("x", k), sign=r"\prod")
    assert side(r"\sum_{k} x_k") != side(r"\prod_{k} x_k")


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (r"\pdv{x}{y}", r"\frac{\partial x}{\partial y}"),
        (r"\norm{x}^2", r"\lVert x \rVert^2"),
        (r"\abs{x}", "|x|"),
        (r"x \space y", "x y"),
        (r"\bbox[2px,border:1px]{x + y}", r"{x + y}"),
        (r"\sum_{\substack{k = 1 \\ k \ne i}} x_k", r"\sum_{k = 1, k \ne i} x_k"),
    ],
)
def test_macros_of_packages(short, long):
    assert side(short) == side(long)


def test_a_macro_of_the_document_comes_first():
    text = r"\newcommand{\R}{x}"
    assert Lexer(text + r"\R", macros_of(text)[0]).tokens(len(text), len(text) + 2)[0].value == "x"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (r"We write $g$ for $\frac{\partial J}{\partial x}$.", 1),
        (r"Let $\bar x$ be the adjoint of $x$.", 1),
        (r"The gradient of the cost with respect to $x$ is written $g$.", 1),
        (r"We sum $g$ over $\frac{\partial J}{\partial x}$.", 0),
        (r"$g$ is not $\frac{\partial J}{\partial x}$.", 0),
        (r"Here is $g$. Next, for $\frac{\partial J}{\partial x}$ we need more.", 0),
        (r"$g$ is the derivative of $\tanh$.", 0),
        (r"The derivative of $J$ is called $g$.", 0),
        (r"$\frac{\partial a_j}{\partial x_j}$ is simple, as the derivative of $\sigma$.", 0),
    ],
)
def test_notation_in_words(text, count):
    found = read_statements(read_document(text))
    assert len([one for one in found if one.sides]) == count
    assert all(one.sides[0].base in {"g", "xbar"} and one.signs == ("=",) for one in found)


@pytest.mark.parametrize("text", ["[x, ..., y]", "x + ... + y"])
def test_three_stops_are_dots(text):
    latex = text.replace("...", r"\dots")
    kinds = [[token.kind for token in Lexer(one, {}).tokens(0, len(one))] for one in (text, latex)]
    assert kinds[0] == kinds[1]
    assert rows("x = y ....(1)") == rows("x = y")


def test_an_equals_sign_on_both_rows():
    assert rows(r"x &= \\ &= y") == rows("x = y")


def test_line_breaks_in_a_row_are_one():
    many, one = (rf"\begin{{cases}} x & y > 0 {breaks} k \end{{cases}}" for breaks in (r"\\ \\ \\", r"\\"))
    assert side(many) == side(one)
