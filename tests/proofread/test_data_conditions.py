"""Conditions on the data, such as one-hot rows: they excuse what is right under them, and no mistake beside it."""

from typing import Any

import numpy as np
import pytest

import symbackprop as sb
from tests.support.seeds import seed_of_today

Fn = Any


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(X: Any, Y: Any, W: Any, lam: float) -> Any:
    return -np.sum(Y * np.log(softmax(X @ W))) / len(X) + lam / 2 * np.sum(W**2)


def hinge(X: Any, y: Any, w: Any) -> Any:
    return np.sum(np.maximum(0, 1 - y * (X @ w)) ** 2) / 2


def logistic(X: Any, y: Any, w: Any) -> Any:
    return np.sum(np.log(1 + np.exp(-y * (X @ w))))


def fitted_part(M: Any, A: Any, U: Any, V: Any) -> Any:
    return np.sum((M * (A - U @ V.T)) ** 2) / 2


def quadratic(S: Any, x: Any, b: Any) -> Any:
    return x @ S @ x / 2 - b @ x


def brier(X: Any, t: Any, w: Any) -> Any:
    return np.sum((t**2 - np.tanh(X @ w)) ** 2) / 2


CLASSES = {"X": ("N", "D"), "Y": ("N", "K"), "W": ("D", "K")}
MARGINS = {"X": ("N", "D"), "y": ("N",), "w": ("D",)}
PARTS = {"M": ("P", "Q"), "A": ("P", "Q"), "U": ("P", "F"), "V": ("Q", "F")}
SQUARE = {"S": ("D", "D"), "x": ("D",), "b": ("D",)}


def check(cost: Fn, gradient: Fn, shapes: dict[str, Any], wrt: str | list[str], **options: Any) -> sb.CodeCheck:
    return sb.check_code(cost, gradient, shapes, wrt, **options)


@pytest.mark.parametrize(
    ("cost", "gradient", "shapes", "wrt", "options", "condition"),
    [
        (cross_entropy, lambda X, Y, W, lam: X.T @ (softmax(X @ W) - Y) / len(X) + lam * W, CLASSES, "W",
         {"scalars": ["lam"]}, "each row of Y adds up to 1, as in one-hot labels"),
        (hinge, lambda X, y, w: -X.T @ ((y - X @ w) * (y * (X @ w) < 1)), MARGINS, "w", {}, "each entry of y is 1 or −1"),
        (fitted_part, lambda M, A, U, V: (-(M * (A - U @ V.T)) @ V, -(M * (A - U @ V.T)).T @ U), PARTS, ["U", "V"], {},
         "each entry of M is 0 or 1"),
        (quadratic, lambda S, x, b: S @ x - b, SQUARE, "x", {}, "S is symmetric"),
        (brier, lambda X, t, w: X.T @ ((np.tanh(X @ w) - t) * (1 - np.tanh(X @ w) ** 2)),
         {"X": ("N", "D"), "t": ("N",), "w": ("D",)}, "w", {}, "each entry of t is 0 or 1"),
    ],
)  # fmt: skip
def test_what_is_right_under_a_condition_is_right_and_says_so(
    cost: Fn, gradient: Fn, shapes: dict[str, Any], wrt: Any, options: dict[str, Any], condition: str
) -> None:
    found = check(cost, gradient, shapes, wrt, **options)
    assert found.verdict == sb.Verdict.RIGHT, str(found)
    assert found.conditions == (condition,)
    assert str(found).startswith(f"gradient code: right, if {condition}")
    assert found.to_dict()["conditions"] == [condition]


@pytest.mark.parametrize(
    ("cost", "gradient", "shapes", "wrt", "options", "words"),
    [
        (cross_entropy, lambda X, Y, W, lam: X.T @ (softmax(X @ W) - Y) + lam * W, CLASSES, "W",
         {"scalars": ["lam"]}, "N"),
        pytest.param(
            cross_entropy, lambda X, Y, W, lam: X.T @ (softmax(X @ W) - 1 / Y.shape[1]) / len(X) + lam * W, CLASSES,
            "W", {"scalars": ["lam"]}, "", marks=pytest.mark.slow,
        ),
        pytest.param(
            cross_entropy, lambda X, Y, W, lam: X.T @ (softmax(X @ W) - Y) / len(X), CLASSES,
            "W", {"scalars": ["lam"]}, "penalty", marks=pytest.mark.slow,
        ),
        (hinge, lambda X, y, w: -X.T @ (y - X @ w), MARGINS, "w", {}, ""),
        (logistic, lambda X, y, w: -X.T @ (1 / (1 + np.exp(y * (X @ w)))), MARGINS, "w", {}, "y left out"),
        (fitted_part, lambda M, A, U, V: (-(A - U @ V.T) @ V, -(M * (A - U @ V.T)).T @ U), PARTS, ["U", "V"], {},
         "M left out"),
        (quadratic, lambda S, x, b: 2 * S @ x - b, SQUARE, "x", {}, ""),
    ],
)  # fmt: skip
def test_no_condition_excuses_a_mistake(
    cost: Fn, gradient: Fn, shapes: dict[str, Any], wrt: Any, options: dict[str, Any], words: str
) -> None:
    found = check(cost, gradient, shapes, wrt, **options)
    assert found.verdict == sb.Verdict.WRONG
    assert words in found.mistake, str(found)


def test_a_mistake_beside_one_hot_rows_is_found_where_it_is() -> None:
    def cost(X: Any, T: Any, V: Any, U: Any) -> Any:
        return -np.mean(np.sum(T * np.log(softmax(np.tanh(X @ V) @ U)), axis=1))

    def gradient(X: Any, T: Any, V: Any, U: Any) -> Any:
        h = np.tanh(X @ V)
        d = (softmax(h @ U) - T) / len(X)
        return X.T @ ((d @ U.T) * (1 - h)), h.T @ d

    shapes = {"X": ("N", "D"), "T": ("N", "K"), "V": ("D", "H"), "U": ("H", "K")}
    found = check(cost, gradient, shapes, ["V", "U"])
    assert found.verdict == sb.Verdict.WRONG
    assert found.conditions == ("each row of T adds up to 1, as in one-hot labels",)
    assert "dJdV" in found.mistake
    assert "dJdU" not in found.mistake
    assert "1 − h in place of the derivative" in found.mistake


def test_an_upstream_gradient_is_no_one_hot_label() -> None:
    """Without the sum over g, the gradient of a log-softmax is right for one-hot rows g, which an upstream gradient is not."""

    def cost(z: Any, dout: Any) -> Any:
        return np.sum(np.log(softmax(z)) * dout)

    shapes = {"z": ("N", "C"), "dout": ("N", "C")}
    assert check(cost, lambda z, dout: dout - softmax(z), shapes, "z").verdict == sb.Verdict.WRONG
    right = check(cost, lambda z, dout: dout - softmax(z) * dout.sum(axis=1, keepdims=True), shapes, "z")
    assert (right.verdict, right.conditions) == (sb.Verdict.RIGHT, ())


def test_a_missing_transpose_of_square_weights_is_not_excused() -> None:
    def cost(X: Any, T: Any, V: Any, U: Any) -> Any:
        return np.sum((np.tanh(X @ V) @ U - T) ** 2) / 2

    def gradient(X: Any, T: Any, V: Any, U: Any) -> Any:
        h = np.tanh(X @ V)
        d = h @ U - T
        return X.T @ ((d @ U) * (1 - h**2)), h.T @ d

    shapes = {"X": ("N", "D"), "T": ("N", "H"), "V": ("D", "H"), "U": ("H", "H")}
    found = check(cost, gradient, shapes, ["V", "U"])
    assert (found.verdict, found.conditions) == (sb.Verdict.WRONG, ())
    assert "transpose" in found.mistake


def test_a_declared_condition_holds_for_all_data() -> None:
    def gradient(X: Any, Y: Any, W: Any, lam: float) -> Any:
        return X.T @ (softmax(X @ W) - Y) / len(X) + lam * W

    found = check(cross_entropy, gradient, CLASSES, "W", scalars=["lam"], one_hot="Y")
    assert (found.verdict, found.conditions) == (sb.Verdict.RIGHT, ("each row of Y is one-hot: a 1, and 0 otherwise",))
    for wrong in ({"one_hot": ["Q"]}, {"symmetric": ["Y"]}, {"one_hot": "Y", "masks": "Y"}, {"sign": "up"}):
        with pytest.raises(sb.ArgumentError):
            check(cross_entropy, gradient, CLASSES, "W", scalars=["lam"], **wrong)


# The sign of a gradient


def test_the_sign_of_a_layer_is_no_convention() -> None:
    def cost(z: Any, dout: Any) -> Any:
        return np.sum(dout * np.tanh(z) ** 2)

    def gradient(z: Any, dout: Any) -> Any:
        return -2 * dout * np.tanh(z) * (1 - np.tanh(z) ** 2)

    shapes = {"z": ("N", "D"), "dout": ("N", "D")}
    found = check(cost, gradient, shapes, "z")
    assert found.verdict == sb.Verdict.WRONG
    assert "sign" in found.mistake
    assert check(cost, gradient, shapes, "z", sign="ascent").verdict == sb.Verdict.RIGHT


def test_an_objective_of_predictions_has_no_sign_of_its_own() -> None:
    def cost(raw: Any, y: Any) -> Any:
        return np.sum(np.log(1 + np.exp(raw)) - y * raw)

    shapes = {"raw": ("N",), "y": ("N",)}
    assert check(cost, lambda raw, y: y - 1 / (1 + np.exp(-raw)), shapes, "raw").verdict == sb.Verdict.WRONG
    assert check(cost, lambda raw, y: 1 / (1 + np.exp(-raw)) - y, shapes, "raw").verdict == sb.Verdict.RIGHT


@pytest.mark.slow
def test_a_gradient_to_ascend_is_declared() -> None:
    def cost(X: Any, y: Any, w: Any) -> Any:
        return np.sum(np.exp(X @ w) - y * (X @ w))

    def ascent(X: Any, y: Any, w: Any) -> Any:
        return X.T @ (y - np.exp(X @ w))

    assert check(cost, ascent, MARGINS, "w").verdict == sb.Verdict.CONVENTION
    assert check(cost, ascent, MARGINS, "w", sign="ascent").verdict == sb.Verdict.RIGHT
    assert check(cost, lambda X, y, w: -ascent(X, y, w), MARGINS, "w", sign="ascent").verdict == sb.Verdict.WRONG


# Guards, and shapes


def guarded_in_a_loop(w: Any, X: Any, y: Any, lam: float, eps: float) -> Any:
    J = 0.0
    for n in range(len(y)):
        p = 1 / (1 + np.exp(-(X[n] @ w)))
        J = J - y[n] * np.log(max(p, eps)) - (1 - y[n]) * np.log(1 - p + eps)
    return J + lam * np.sum(w[1:] ** 2)


@pytest.mark.slow
@pytest.mark.parametrize(("slip", "verdict"), [(0.0, "right"), (1.0, "wrong")])
def test_a_guard_is_no_mistake_in_a_loop(slip: float, verdict: str) -> None:
    def gradient(w: Any, X: Any, y: Any, lam: float, eps: float) -> Any:
        g = np.zeros_like(w)
        for n in range(len(y)):
            g += (1 / (1 + np.exp(-(X[n] @ w))) - y[n]) * X[n]
        g[1:] += 2 * lam * w[1:]
        g[0] += slip * w[0]
        return g

    shapes = {"w": (3,), "X": (4, 3), "y": (4,), "lam": ()}
    found = sb.check_code(guarded_in_a_loop, gradient, shapes, "w", scalars={"eps": 1e-9})
    assert found.verdict == verdict, str(found)


def squares(X: Any, y: Any, W: Any, b: Any) -> Any:
    return np.sum((X @ W + b - y) ** 2) / 2


@pytest.mark.parametrize(
    ("shape", "habit", "verdict"),
    [
        ((1, "K"), lambda d: d.sum(axis=0), "right"),
        (("K",), lambda d: d.sum(axis=0, keepdims=True), "right"),
        ((1, "K"), lambda d: d.sum(axis=1), "wrong"),
        (("K",), lambda d: d.sum(axis=0)[:, None], "wrong"),
        (("K",), lambda d: 2 * d.sum(axis=0, keepdims=True), "wrong"),
    ],
)
def test_right_entries_in_a_harmless_shape_are_right(shape: Any, habit: Fn, verdict: str) -> None:
    def gradient(X: Any, y: Any, W: Any, b: Any) -> Any:
        d = X @ W + b - y
        return X.T @ d, habit(d)

    shapes = {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K"), "b": shape}
    found = check(squares, gradient, shapes, ["W", "b"])
    assert found.verdict == verdict, str(found)
    if verdict == "right":
        assert any("db" not in note and "its entries are in the same order" in note for note in found.notes)


@pytest.mark.slow
def test_a_flat_gradient_of_the_only_parameter_is_right() -> None:
    def cost(X: Any, y: Any, W: Any) -> Any:
        return np.sum((X @ W - y) ** 2)

    shapes = {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}
    flat = check(cost, lambda X, y, W: 2 * (X.T @ (X @ W - y)).ravel(), shapes, "W")
    assert flat.verdict == sb.Verdict.RIGHT, str(flat)
    turned = check(cost, lambda X, y, W: 2 * (X.T @ (X @ W - y)).T.ravel(), shapes, "W")
    assert turned.verdict == sb.Verdict.WRONG


def of_what_is_rated(R, P, Q, gradients=False):
    """A cost of the positive entries of R alone, in a loop that is followed as the numbers decide it."""
    J, dP, dQ = 0.0, np.zeros_like(P), np.zeros_like(Q)
    for i in range(len(P)):
        for j in range(len(Q)):
            if R[i, j] > 0 or gradients == "of all":
                e = P[i] @ Q[j] - R[i, j]
                J += e**2 / 2
                dP[i] += e * Q[j]
                dQ[j] += e * P[i]
    return (dP, dQ) if gradients else J


@pytest.mark.parametrize(("kind", "verdict"), [("of some", "right"), ("of all", "wrong")])
def test_no_condition_excuses_a_branch_of_a_loop_that_is_left_out(kind, verdict):
    found = check(
        of_what_is_rated,
        lambda R, P, Q: of_what_is_rated(R, P, Q, kind),
        {"R": (2, 3), "P": (2, 1), "Q": (3, 1)},
        ["P", "Q"],
        seed=seed_of_today(),
    )
    assert (found.verdict, found.conditions) == (verdict, ())
