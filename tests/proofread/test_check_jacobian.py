"""Jacobians of vector-valued functions: right ones are right, planted mistakes are refused and named."""

import numpy as np
import pytest

import symbackprop as sb

SHAPES = {"w": ("D",), "X": ("N", "D"), "y": ("N",), "s": ("N",)}


def residual(w, X, y, s):
    return s * (np.sin(X @ w) - y)


def right(w, X, y, s):
    return (s * np.cos(X @ w))[:, None] * X


MISTAKES = {
    "transposed": lambda w, X, y, s: right(w, X, y, s).T,
    "the sign of the whole Jacobian": lambda w, X, y, s: -right(w, X, y, s),
    "the factor s of each row is left out": lambda w, X, y, s: np.cos(X @ w)[:, None] * X,
    "each row lacks a factor of its own": lambda w, X, y, s: s[:, None] * X,
    "w: ": lambda w, X, y, s: right(w, X, y, s) + 0.1,
}


def test_a_right_jacobian_is_right():
    check = sb.check_jacobian(residual, right, SHAPES, "w", seed=0)
    assert check.verdict == "right"
    assert check.level == "numbers"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistakes_are_refused_and_named(mistake):
    check = sb.check_jacobian(residual, MISTAKES[mistake], SHAPES, "w", seed=0)
    assert check.verdict == "wrong"
    assert mistake in check.mistake


def two_blocks(a, b, t):
    return a[0] * np.exp(b[0] * t) + b[1]


def in_one_matrix(a, b, t):
    e = np.exp(b[0] * t)
    return np.stack([e, a[0] * t * e, np.ones_like(t)], axis=1)


def in_blocks(a, b, t):
    whole = in_one_matrix(a, b, t)
    return {"b": whole[:, 1:], "a": whole[:, :1]}


def one_sign(a, b, t):
    blocks = in_blocks(a, b, t)
    return blocks["a"], -blocks["b"]


@pytest.mark.parametrize(
    ("jacobian", "verdict", "words"),
    [
        (in_one_matrix, "right", ""),
        (in_blocks, "right", ""),
        (one_sign, "wrong", "the sign of the columns of b is wrong"),
        (lambda a, b, t: in_one_matrix(a, b, t)[:, [1, 0, 2]], "wrong", "b: only column 0"),
    ],
)
def test_parts_with_respect_to_several_parameters(jacobian, verdict, words):
    check = sb.check_jacobian(two_blocks, jacobian, {"a": (1,), "b": (2,), "t": ("N",)}, ["a", "b"], seed=0)
    assert check.verdict == verdict
    assert words in check.mistake


def test_a_square_jacobian_that_is_transposed_is_refused():
    def turn(x):
        return np.array([x[0] * x[1], x[1] ** 2 * x[2], x[2] + x[0]])

    def rows(x):
        return np.array([[x[1], x[0], 0], [0, 2 * x[1] * x[2], x[1] ** 2], [1, 0, 1]])

    assert sb.check_jacobian(turn, rows, {"x": (3,)}, "x", seed=0).verdict == "right"
    check = sb.check_jacobian(turn, lambda x: rows(x).T, {"x": (3,)}, "x", seed=0)
    assert check.verdict == "wrong"
    assert "transposed" in check.mistake


@pytest.mark.parametrize(
    ("function", "jacobian", "words"),
    [
        (lambda w: w.sum(), lambda w: w, "the residual returns a number"),
        (lambda w: w, lambda w: np.eye(4)[:, :2], "4 rows are expected|3 rows are expected"),
        (lambda w, q: w, lambda w: np.eye(3), "the residual takes q"),
        (lambda w: w[9], lambda w: w, "the code fails: IndexError"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_reason(function, jacobian, words):
    with pytest.raises(sb.ArgumentError, match=words):
        sb.check_jacobian(function, jacobian, {"w": ("D",)}, "w", seed=0)


def test_numerical_hessians_are_those_of_calculus(rng):
    X, y, w, b = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=3), 0.3
    p = 1 / (1 + np.exp(-(X @ w + b)))
    weighted = X * (p * (1 - p))[:, None]

    def cost(w, b):
        return np.sum(np.log(1 + np.exp(X @ w + b)) - y * (X @ w + b))

    def gradient(w, b):
        delta = 1 / (1 + np.exp(-(X @ w + b))) - y
        return {"w": X.T @ delta, "b": np.sum(delta)}

    for given, tolerance in ((None, 1e-6), (gradient, 1e-10)):
        H = sb.numerical_hessian(cost, {"w": w, "b": b}, gradient=given)
        np.testing.assert_allclose(H["w"]["w"], X.T @ weighted, atol=tolerance)
        np.testing.assert_allclose(H["w"]["b"], weighted.sum(axis=0), atol=tolerance)
        np.testing.assert_allclose(H["b"]["b"], np.sum(p * (1 - p)), atol=tolerance)
    with pytest.raises(sb.ArgumentError, match="more than 200"):
        sb.numerical_hessian(np.sum, np.zeros(201))
