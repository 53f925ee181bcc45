r"""Names of adjoints, such as \bar z and g_W: what a document supports is judged as ∂J/∂v, and is a definition otherwise."""

import pytest

pytest.importorskip("lark")

import symbackprop as sb
from symbackprop.proofread.interpreter.adjoint_marks import marks_of
from tests.support.slow import some_slow

NET = sb.parse_network("""
x: input(M, D)
q: target(M, R)
U: parameter(D, R)
s = x @ U
h = tanh(s)
C = sum((h - q)**2) / 2
""")
RIGHT, WRONG = r"(h - q) \odot (1 - h^2)", r"(h - q) \odot (1 - h)"


def verdicts(text):
    return [str(line.verdict) for line in sb.check_derivation(text, NET).lines]


@pytest.mark.parametrize(
    "name",
    some_slow([r"\bar s", r"\dot{s}", r"\overline{s}", "g_s", "C_s", r"\tilde\delta", "e", "s'", r"\delta^{s}"], 4),
)
@pytest.mark.parametrize("body", [RIGHT, WRONG])
def test_a_text_that_says_what_a_name_denotes(name, body):
    text = rf"Write ${name}$ for $\partial C / \partial s$.  $${name} = {body}$$"
    assert verdicts(text)[-1] == ("right" if body is RIGHT else "wrong")


@pytest.mark.parametrize(
    "words",
    [
        r"Let $\bar s$ be the adjoint of $s$.",
        r"We denote $\frac{\partial C}{\partial s}$ by $\bar s$.",
        r"The gradient of the cost with respect to $s$ is called $\bar s$.",
        r"$\bar v = \frac{\partial C}{\partial v}$ for each quantity.",
        "A bar marks an adjoint.",
    ],
)
def test_words_that_introduce_a_name(words):
    assert verdicts(rf"{words} $$\bar s = {WRONG}$$")[-1] == "wrong"
    assert verdicts(rf"{words} $$\bar s = {RIGHT}$$")[-1] == "right"


@pytest.mark.parametrize(
    "words",
    [r"Let $\bar s$ be the mean of $s$.", r"$\bar s$ is not the gradient at $s$.", "", r"$\bar s$, the same for $s$."],
)
def test_without_support_it_is_a_definition(words):
    (line,) = sb.check_derivation(rf"{words} $$\bar s = {WRONG}$$", NET).lines
    assert (str(line.verdict), line.proof) == ("defined here", "taken as a definition")


@pytest.mark.parametrize("name", [r"\bar s", r"\dot s", "g_s", r"\hat\delta"])
def test_a_gradient_in_which_it_is_right_as_an_adjoint(name):
    gradient = rf"$$\frac{{\partial C}}{{\partial U}} = x^T {name}$$"
    assert verdicts(rf"$${name} = {WRONG}$$ {gradient}") == ["wrong", "right"]
    assert verdicts(rf"$${name} = {RIGHT}$$ {gradient}") == ["right", "right"]


@pytest.mark.parametrize("last", ["x^T g_s", "x^T g_h"])
def test_two_lines_that_agree(last):
    text = rf"$$g_h = h - q$$ $$g_s = g_h \odot (1 - h^2)$$ $$g_U = {last}$$ $$g_x = g_s U^T$$"
    assert verdicts(text) == ["right", "right", "right" if last == "x^T g_s" else "wrong", "right"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("grad_s = (h - q) * (1 - h)\ngrad_U = x.T @ grad_s", ["wrong", "right"]),
        ("delta_s = (h - q) * (1 - h**2)\nU_grad = x.T @ delta_s", ["right", "right"]),
        ("h_bar = h - q\ns_bar = h_bar * (1 - h**2)\nU_bar = s_bar.T @ x", ["right", "right", "convention"]),
        ("h_bar = h - q\ns_bar = h_bar * (1 - h**2)\nU_bar = x.T @ h_bar", ["right", "right", "wrong"]),
    ],
)
def test_names_in_code(code, expected):
    assert verdicts(f"```python\n{code}\n```") == expected


def test_marks_are_told_from_other_names():
    assert dict(marks_of(("sbar", "", "1"))) == {"bar": ("s", "", "1")}
    assert dict(marks_of(("g", "W2", ""))) == {"g": ("W", "", "2")}
    assert dict(marks_of(("W", "grad", "2"))) == {"grad": ("W", "", "2")}
    assert dict(marks_of(("bar", "", ""))) == dict(marks_of(("g", "", "2"))) == dict(marks_of(("W", "out", ""))) == {}
