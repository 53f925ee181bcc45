"""Notation and remarks that people use: each accepted where it is right, and rejected with a planted mistake."""

import numpy as np
import pytest

pytest.importorskip("lark")

import symbackprop as sb
from symbackprop.proofread.interpreter.differences import derivative, entrywise_derivative

NET = sb.parse_network("""
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
z = X @ w
yhat = sigmoid(z)
J = sum((yhat - y)**2) / 2
""")


def lines(text, network=NET):
    return [(str(line.verdict), line) for line in sb.check_derivation(text, network).lines]


def verdicts(text, network=NET):
    return [verdict for verdict, _ in lines(text, network)]


# Numbers of an example


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"z = 0.4 \times 1.5 = 0.6", "right"),
        (r"z = 0.4 \times 1.5 = -0.6", "wrong"),
        (r"z = 0.4 \times 1.5 \approx 0.62", "wrong"),
        (r"\hat y = \frac{1}{1 + e^{-0.6}} \approx 0.6457", "right"),
        (r"\hat y = \frac{1}{1 + e^{-0.6}} \approx 0.6547", "wrong"),
        (r"\hat y = \sigma(0.6) = 0.65", "right"),
        (r"\hat y = 0.74136507 \times 0.186815602 = 0.138498562", "right"),
        (r"\hat y = 0.74136507 \times 0.186815602 = 0.138498662", "wrong"),
        (r"\hat y = \begin{bmatrix} 1 & 2 \end{bmatrix} \begin{bmatrix} 3 \\ 4 \end{bmatrix} = 11.0", "right"),
        (r"\hat y = \begin{bmatrix} 1 & 2 \end{bmatrix} \begin{bmatrix} 3 \\ 4 \end{bmatrix} = 10.0", "wrong"),
        (r"z = 2 \cdot 3 + 1 = 7", "right"),
        (r"z = 2 \cdot 3 + 1 = 5", "wrong"),
        (r"\frac{\partial z}{\partial z} = 1", "right"),
        (r"\frac{\partial z}{\partial z} = 2", "wrong"),  # no example: so small a number may be meant in general
        (r"\hat y = 0.6457", "not understood"),  # nothing says of which numbers
        (r"\frac{\partial J}{\partial z} = 0.5 + q_{0.5} = 0.75", "not understood"),
        (r"0.055399425 + -0.019049119 = 0.036350306", "right"),
    ],
)
def test_arithmetic(line, verdict):
    assert verdicts(f"$${line}$$") == [verdict]


def test_numbers_go_on_in_the_next_row():
    right = "\\begin{align} z &= 0.4 \\times 1.5 \\\\ &= 0.6 \\end{align}"
    assert verdicts(right)[-1] == "right"
    assert verdicts(right.replace("0.6", "0.9"))[-1] == "wrong"


def test_what_is_given_is_no_claim():
    assert verdicts("Let $$y = 0.25$$ and $w = -1.2$, $\\eta = 0.1$, $$D = 784$$") == []


def test_formula_beside_numbers_is_judged():
    right = r"$$\frac{\partial J}{\partial \hat y} = \hat y - y = 0.6 - 0.25 = 0.35$$"
    ((verdict, line),) = lines(right)
    assert verdict == "right"
    assert any("arithmetic" in note for note in line.notes)
    assert verdicts(right.replace(r"\hat y - y", r"y - \hat y")) == ["wrong"]


@pytest.mark.parametrize("factor", ["0.5", r"\frac12", "1/2"])
def test_decimals_in_a_formula_are_no_example(factor):
    assert verdicts(rf"$$J = {factor} \sum_i (\hat y_i - y_i)^2$$") == ["right"]
    assert verdicts(rf"$$\hat y = {factor} z$$") == ["another meaning"]


# Conditions


def test_gradient_that_is_set_to_zero():
    network = sb.parse_network("X: input(n, d)\ny: target(n, 1)\nw: parameter(d, 1)\nJ = sum((X @ w - y)**2) / 2")
    ((verdict, line),) = lines(r"$$\nabla_w J = X^T (X w - y) = 0$$", network)
    assert verdict == "right"
    assert any("minimum" in note for note in line.notes)
    assert verdicts(r"$$\nabla_w J = X^T (y - X w) = 0$$", network) == ["wrong"]
    behind = verdicts("$$\\nabla_w J = 0$$\n$$X^T X w = X^T y$$\n$$w = (X^T X)^{-1} X^T y$$", network)
    assert behind == ["not understood"] * 3
    assert verdicts("$$X^T X w = X^T y$$", network) == ["not understood"]  # no gradient is 0 here, and nothing is near
    other = verdicts(
        "$$\\nabla_w J = 0$$\n$$J = \\frac12 \\sum_i (x_i^T w + y_i)^2$$\n$$\\nabla_w J = X^T X w$$", network
    )
    assert other[1:] == ["wrong", "not understood"]  # no single change explains the last line, and little else holds


def test_condition_in_the_text():
    relu = sb.parse_network("x: input(N, D)\nW: parameter(D, H)\nz = x @ W\na = relu(z)\nJ = sum(a)")
    assert verdicts("$f'(z) = 1$ if $z > 0$", relu) == ["right"]
    assert verdicts("$f'(z) = 2$ if $z > 0$", relu) == ["not understood"]
    assert "wrong" in verdicts("$$f'(z) = 1$$", relu)


# Quantities with their arguments


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"J(w, X, y) = \frac12 \sum_i (\hat y_i - y_i)^2", "right"),
        (r"\frac{\partial \hat y(z)}{\partial z} = \hat y(z) (1 - \hat y(z))", "right"),
        (r"\frac{\partial \hat y(z)}{\partial z} = \hat y(z) (1 + \hat y(z))", "wrong"),
        (r"\frac{\partial J(w)}{\partial w} = X^T ((\hat y - y) \odot \hat y(z) \odot (1 - \hat y(z)))", "right"),
        (r"\frac{\partial J(w)}{\partial w} = X^T ((\hat y - y) \odot \hat y (y) \odot (1 - \hat y))", "wrong"),
        (r"w(k+1) = w(k) - \eta \frac{\partial J(k)}{\partial w(k)}", "right"),
        (r"w(k+1) = w(k) + \eta \frac{\partial J(k)}{\partial w(k)}", "wrong"),
    ],
)
def test_arguments(line, verdict):
    assert verdicts(f"$${line}$$") == [verdict]


def test_what_a_chain_ends_with_is_defined():
    text = "$$\\frac{\\partial J}{\\partial \\hat y} = -(y - \\hat y) = -e$$\n$$\\nabla_w J = -X^T (e \\odot \\sigma'(z))$$"
    assert verdicts(text) == ["right", "right"]
    assert verdicts(text.replace("= -X^T", "= X^T"))[1] == "wrong"


def test_primed_name():
    text = "$$G = \\frac{\\partial J}{\\partial \\hat y}$$\n$$G' = G \\odot \\sigma'(z)$$\n$$\\nabla_w J = X^T G'$$"
    assert verdicts(text) == ["defined here", "defined here", "right"]
    assert verdicts(text.replace("X^T G'", "X^T G"))[2] == "wrong"


# Remarks


@pytest.mark.parametrize("remark", [r"(l = 2, \ldots, L)", r"(\text{need } z)", r"(k = 1, \dots, N)"])
def test_remark_in_brackets(remark):
    assert verdicts(rf"$$\frac{{\partial \hat y}}{{\partial z}} = \hat y (1 - \hat y) \quad {remark}$$") == ["right"]


def test_what_is_spoken_of_is_no_claim():
    assert verdicts("The error $$\\delta^L$$ at the output, with $$\\hat y = \\sigma(z)$$") == ["right"]
    assert verdicts("$$\\delta^L$$") == ["no claim"]


# Slopes beside kinks


def test_slopes_do_not_reach_over_a_kink(rng):
    at = rng.choice([-1, 1], 6) * rng.uniform(2e-4, 6e-3, 6)
    right = (at > 0) * 1.0
    np.testing.assert_allclose(derivative(lambda x: np.maximum(x, 0).sum(axis=-1), at), right, atol=1e-9)
    np.testing.assert_allclose(entrywise_derivative(lambda x: np.maximum(x, 0), at), right, atol=1e-9)


def test_slopes_of_a_smooth_function(rng):
    at = rng.uniform(-1, 1, (3, 2))
    np.testing.assert_allclose(derivative(lambda x: np.sin(x).sum(axis=(1, 2)), at), np.cos(at), rtol=1e-9)
    np.testing.assert_allclose(entrywise_derivative(np.sin, at), np.cos(at), rtol=1e-9)


# One example beside all of them

SOFTMAX = sb.parse_network("""
X: input(N, D)
Y: target(N, K)
W: parameter(D, K)
Z = X @ W
P = softmax(Z)
L = -sum(Y * log(P)) / N
""")


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"\frac{\partial L}{\partial W} = x (p - y)^\top", "right"),  # a column each
        (r"\frac{\partial L}{\partial W} = x^\top (p - y)", "right"),  # a row each
        (r"\frac{\partial L}{\partial W} = x (y - p)^\top", "wrong"),
        (r"\frac{\partial L}{\partial W} = z (p - y)^\top", "not understood"),
        (r"\frac{\partial L}{\partial W} = X (P - Y)^\top", "convention"),  # columns, without the 1/N
        (r"\frac{\partial L}{\partial W} = \frac1N X^\top (P - Y)", "right"),
        (r"\frac{\partial p}{\partial z} = \operatorname{diag}(p) - p p^\top", "right"),
        (r"\frac{\partial p}{\partial z} = \operatorname{diag}(p) + p p^\top", "wrong"),
        (r"p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}", "right"),
        (r"\frac{\partial p_i}{\partial z_j} = \begin{cases} p_i (1 - p_j), & i = j \\ -p_i p_j, & i \neq j \end{cases}", "right"),
        (r"\frac{\partial p_i}{\partial z_j} = \begin{cases} p_i (1 - p_j), & i = j \\ p_i p_j, & i \neq j \end{cases}", "wrong"),
    ],
)  # fmt: skip
def test_small_letters_beside_capitals(line, verdict):
    check = sb.check_derivation(f"$${line}$$", SOFTMAX)
    assert [str(found.verdict) for found in check.lines] == [verdict]


def test_small_letters_of_one_example_are_said_to_be():
    of_all = r"$$\frac{\partial L}{\partial W} = \frac1N X^\top (P - Y)$$"
    check = sb.check_derivation(rf"$$\frac{{\partial L}}{{\partial W}} = x (p - y)^\top$$ {of_all}", SOFTMAX)
    assert [str(line.verdict) for line in check.lines] == ["right", "right"]
    assert "read for one example" in check.lines[0].notes
    assert "read for one example" not in check.lines[1].notes
