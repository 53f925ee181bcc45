"""Hessians and Hessian-vector products in code: right ones, planted mistakes, and what is not judged."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.errors import ArgumentError
from symbackprop.kinds import MistakeKind

VECTOR = {"X": ("N", "D"), "y": ("N",), "w": ("D",)}
LAYERS = {"X": ("N", "D"), "Y": ("N", "K"), "V": ("D", "H"), "W": ("H", "K")}
SMALL = {"X": (4, 2), "Y": (4, 1), "V": (2, 3), "W": (3, 1)}

# nonlinear least squares


def cost(X, y, w):
    return 0.5 * np.sum((np.sin(X @ w) - y) ** 2)


def gradient(X, y, w):
    s = np.sin(X @ w)
    return X.T @ ((s - y) * np.cos(X @ w))


def curvature(X, y, w):
    s, c = np.sin(X @ w), np.cos(X @ w)
    return c**2 - (s - y) * s


def hessian(X, y, w):
    return X.T @ (curvature(X, y, w)[:, None] * X)


def product(X, y, w, v):
    return X.T @ (curvature(X, y, w) * (X @ v))


def gauss_newton(X, w):
    A = X * np.cos(X @ w)[:, None]
    return A.T @ A


def without_second_term(X, w, v):
    c = np.cos(X @ w)
    return X.T @ (c**2 * (X @ v))


def wrong_sine(X, y, w, v):
    s, c = np.sin(X @ w), np.cos(X @ w)
    return X.T @ ((c**2 - (s - y) * c) * (X @ v))


# two layers


def layers(X, Y, V, W):
    return np.sum((np.tanh(X @ V) @ W - Y) ** 2) / 2


def gradients(X, Y, V, W):
    h = np.tanh(X @ V)
    r = h @ W - Y
    return {"V": X.T @ (r @ W.T * (1 - h**2)), "W": h.T @ r}


def products(X, Y, V, W, dV, dW):
    h = np.tanh(X @ V)
    f, r = 1 - h**2, h @ W - Y
    u = (X @ dV) * f
    t = u @ W + h @ dW
    return X.T @ ((t @ W.T + r @ dW.T) * f - 2 * h * u * (r @ W.T)), u.T @ r + h.T @ t


def of_gauss_newton(X, Y, V, W, dV, dW):
    h = np.tanh(X @ V)
    f = 1 - h**2
    t = ((X @ dV) * f) @ W + h @ dW
    return X.T @ (t @ W.T * f), h.T @ t


def of_own_blocks(X, Y, V, W, dV, dW):
    return products(X, Y, V, W, dV, 0 * dW)[0], products(X, Y, V, W, 0 * dV, dW)[1]


def of_one_vector(X, Y, V, W, v):
    found = products(X, Y, V, W, v[: V.size].reshape(V.shape), v[V.size :].reshape(W.shape))
    return np.concatenate([found[0].ravel(), found[1].ravel()])


def whole(X, Y, V, W):
    return np.stack([of_one_vector(X, Y, V, W, e) for e in np.eye(V.size + W.size)])


def blocks(X, Y, V, W):
    H, n = whole(X, Y, V, W), V.size
    return [[H[:n, :n], H[:n, n:]], [H[n:, :n], H[n:, n:]]]


def transposed_blocks(X, Y, V, W):
    H, n = whole(X, Y, V, W), V.size
    return {"V": {"V": H[:n, :n], "W": H[n:, :n]}, "W": {"V": H[:n, n:], "W": H[n:, n:]}}


def by_columns(X, Y, V, W):
    n = V.size
    order = [*np.arange(n).reshape(V.shape).ravel("F"), *(n + np.arange(W.size)).reshape(W.shape).ravel("F")]
    return whole(X, Y, V, W)[order][:, order]


def check(**second):
    (function,) = second.values()
    if function in (products, of_gauss_newton, of_own_blocks):
        return sb.check_code(layers, gradients, LAYERS, ["V", "W"], seed=0, **second)
    if function in (of_one_vector, whole, blocks, transposed_blocks, by_columns):
        return sb.check_code(layers, gradients, SMALL, ["V", "W"], seed=0, **second)
    return sb.check_code(cost, gradient, VECTOR, "w", seed=0, **second)


@pytest.mark.parametrize("function", [product, products, of_one_vector, lambda X, y, w, p: hessian(X, y, w) @ p])
def test_right_products_are_right(function):
    found = check(hvp=function)
    assert found.verdict == "right", found
    assert found.notes[-1] == "the Hessian-vector product: right"


@pytest.mark.parametrize("function", [blocks, whole])
def test_right_hessians_of_several_parameters_are_right(function):
    assert check(hessian=function).verdict == "right"


def test_right_hessians_are_right_for_all_sizes():
    found = check(hessian=hessian)
    assert (found.verdict, found.conditions) == ("right", ())
    assert found.level == "formula"
    assert "the Hessian proved equal" in found.proof or "the Hessian equal" in found.proof


def test_the_diagonal_alone_is_a_diagonal_where_it_has_the_shape_of_the_parameter():
    assert check(hessian=lambda X, y, w: np.diag(hessian(X, y, w))).verdict == "right"
    found = check(hessian=lambda X, y, w: 2 * np.diag(hessian(X, y, w)))
    assert found.verdict == "wrong"
    assert "twice" in found.mistake


PLANTED = [
    ("hvp", without_second_term, "Gauss–Newton"),
    ("hessian", lambda X, y, w: gauss_newton(X, w), "second derivatives of"),
    ("hvp", of_gauss_newton, "Gauss–Newton"),
    ("hvp", lambda X, y, w, v: 2 * product(X, y, w, v), "2 times"),
    ("hvp", lambda X, y, w, v: -product(X, y, w, v), "sign is wrong"),
    ("hvp", lambda X, y, w, v: product(X, y, w, v) / len(y), "1/N of"),
    ("hvp", lambda X, y, w, v: product(X, y, w, np.ones_like(v)), "the direction v is ignored"),
    ("hvp", lambda X, y, w, v: np.sum(hessian(X, y, w), axis=0), "the direction v is ignored"),
    ("hvp", wrong_sine, ""),
    ("hvp", of_own_blocks, "mixed second derivatives of V and W"),
    ("hessian", lambda X, y, w: np.diag(np.diag(hessian(X, y, w))), "only the diagonal"),
    ("hessian", lambda X, y, w: np.triu(hessian(X, y, w)), "only the upper triangle"),
    ("hessian", lambda X, y, w: hessian(X, y, w) + 0.1 * np.eye(len(w)), "0.1 on the diagonal of w is too much"),
]


@pytest.mark.parametrize(("role", "function", "words"), PLANTED)
def test_planted_mistakes_are_refused_and_named(role, function, words):
    found = check(**{role: function})
    assert found.verdict == "wrong", found
    assert words in found.mistake
    assert found.mistake.startswith("the Hessian")


@pytest.mark.parametrize(
    ("function", "words"), [(transposed_blocks, "blocks of V and W are transposed"), (by_columns, "column by column")]
)
def test_planted_blocks_in_another_order_are_named(function, words):
    found = check(hessian=function)
    assert found.verdict == "wrong"
    assert words in found.mistake


def test_a_penalty_that_is_left_out_is_named():
    def ridge(X, y, w, lam):
        return cost(X, y, w) + lam / 2 * np.sum(w**2)

    def slope(X, y, w, lam):
        return gradient(X, y, w) + lam * w

    shapes = {**VECTOR, "lam": ()}
    right = sb.check_code(ridge, slope, shapes, "w", hvp=lambda X, y, w, lam, v: product(X, y, w, v) + lam * v, seed=0)
    assert right.verdict == "right"
    found = sb.check_code(ridge, slope, shapes, "w", hvp=product, seed=0)
    assert found.verdict == "wrong"
    assert found.mistake_kinds == (MistakeKind.PENALTY,)


def test_second_derivatives_of_wrong_gradients_are_not_judged():
    found = sb.check_code(cost, lambda X, y, w: 2 * gradient(X, y, w), VECTOR, "w", hvp=product, seed=0)
    assert found.verdict == "wrong"
    assert not found.mistake.startswith("the Hessian")
    assert "the Hessian-vector product: undecided" in found.notes


def test_for_the_opposite_of_the_gradient_both_signs_are_conventions():
    def descent(X, y, w):
        return -gradient(X, y, w)

    for hvp in (product, lambda X, y, w, v: -product(X, y, w, v)):
        assert sb.check_code(cost, descent, VECTOR, "w", hvp=hvp, seed=0).verdict == "convention"
    wrong = sb.check_code(cost, descent, VECTOR, "w", hvp=without_second_term, seed=0)
    assert wrong.verdict == "wrong"


def test_differences_of_gradients_are_undecided():
    def differences(X, y, w, v):
        return (gradient(X, y, w + 1e-5 * v) - gradient(X, y, w - 1e-5 * v)) / 2e-5

    found = check(hvp=differences)
    assert found.verdict == "undecided"
    assert "to five digits" in found.notes[-1]


def test_conditions_on_targets_excuse_and_those_on_features_do_not():
    def hinge(X, y, w):
        return np.sum(np.maximum(1 - y * (X @ w), 0) ** 2)

    def slope(X, y, w):
        return -2 * X.T @ (y * np.maximum(1 - y * (X @ w), 0))

    def newton(X, y, w):
        return 2 * (X * (1 - y * (X @ w) > 0)[:, None]).T @ X

    found = sb.check_code(hinge, slope, VECTOR, "w", hessian=newton, seed=0)
    assert (found.verdict, found.conditions) == ("right", ("each entry of y is 1 or −1",))
    assert (
        sb.check_code(hinge, slope, VECTOR, "w", hessian=lambda X, y, w: newton(X, y, w) / 2, seed=0).verdict == "wrong"
    )


def test_the_direction_may_have_a_shape_among_the_others():
    assert sb.check_code(cost, gradient, {**VECTOR, "v": ("D",)}, "w", hvp=product, seed=0).verdict == "right"


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"hvp": lambda X, y, w: w}, "a direction is expected for each of w"),
        ({"hvp": lambda X, y, w, v: np.outer(v, v)}, r"a result has the shape \(\d, \d\), and its parameter the shape"),
        ({"hessian": lambda X, y, w: np.ones((3, len(w) - 1))}, "second derivatives have the shape"),
        ({"hessian": 3}, "is a function"),
    ],
)
def test_what_is_no_second_derivative_is_refused(second, words):
    with pytest.raises(ArgumentError, match=words):
        sb.check_code(cost, gradient, VECTOR, "w", seed=0, **second)
