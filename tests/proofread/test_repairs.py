"""Gradient code with a mistake that the network's formulas do not show: it is named by the edit that repairs the code."""

import ast

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.proofread.code.repairs.search import ROWS, RepairSearch
from symbackprop.proofread.code.repairs.source import sources
from symbackprop.tracing.arguments import argument_spec
from symbackprop.tracing.calls import UserCode

# fmt: off


def strided_cost(x, w, G):
    return sum(G[i] * np.dot(x[3 * i:3 * i + 2], w) for i in range(len(G)))


def strided_gradient(x, w, G):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(G)):
        dx[3 * i:3 * i + 2] += G[i] * w
        dw += G[i] * x[i:i + 2]
    return dx, dw


class Pooling:
    """Means of blocks."""

    def __init__(self):
        self.size = self.stride = 2

    def cost(self, x, G):
        J = 0.0
        for r in range(G.shape[0]):
            for c in range(G.shape[1]):
                J += G[r, c] * np.mean(x[r * self.stride:r * self.stride + self.size, c * self.stride:c * self.stride + self.size])
        return J

    def gradient(self, x, G):
        dx = np.zeros_like(x)
        for r in range(G.shape[0]):
            for c in range(G.shape[1]):
                dx[r:r + self.size, c:c + self.size] += G[r, c] / (self.stride * self.stride)
        return dx


def ridge(X, y, W, lam):
    return np.sum((X @ W - y) ** 2) / (2 * len(X)) + lam / 2 * np.sum(W ** 2)


def ridge_divided(X, y, W, lam):
    n = len(X)
    dW = X.T @ (X @ W - y)
    dW /= n + lam * W
    return dW


def ridge_in_one(X, y, W, lam):
    return X.T @ (X @ W - y) / (X.shape[0] + lam * W)


def ridge_penalty_divided(X, y, W, lam):
    dW = X.T @ (X @ W - y)
    dW = dW + lam * W
    dW /= len(X)
    return dW


def ridge_two_slips(X, y, W, lam):
    return X.T @ (y - X @ W) / len(X) + lam * np.sum(W ** 2)


def states(X, U, W):
    h = {-1: np.zeros(W.shape[0])}
    for t in range(3):
        h[t] = np.tanh(U @ X[t] + W @ h[t - 1])
    return h


def recurrent(X, U, W, y):
    return 0.5 * np.sum((states(X, U, W)[2] - y) ** 2)


def recurrent_late(X, U, W, y):
    h = states(X, U, W)
    d, dU, dW = h[2] - y, np.zeros_like(U), np.zeros_like(W)
    for t in (2, 1, 0):
        d = d * (1 - h[t] ** 2)
        dU += np.outer(d, X[t])
        dW += np.outer(d, h[t])
        d = W.T @ d
    return dU, dW


def normalized(x, g, D):
    m, s = x.mean(1, keepdims=True), np.sqrt(x.var(1, keepdims=True) + 1e-3)
    return np.sum(g * (x - m) / s * D)


def normalized_over_examples(x, g, D):
    m, s = x.mean(1, keepdims=True), np.sqrt(x.var(1, keepdims=True) + 1e-3)
    n, d = (x - m) / s, D * g
    return (d - np.mean(d, axis=0) - n * np.mean(d * n, axis=0)) / s, (D * n).sum(0)


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def log_softmax_without_sum(x, G):
    return G - np.exp(log_softmax(x))


def log_softmax_of_the_logarithm(x, G):
    return G - log_softmax(x) * np.sum(G, axis=-1, keepdims=True)


def attention(s, V, G):
    return np.sum(np.exp(log_softmax(s)) @ V * G)


def attention_diagonal(s, V, G):
    a = np.exp(log_softmax(s))
    return a * (G @ V.transpose(0, 2, 1)), a.transpose(0, 2, 1) @ G


def unpacked(w):
    return w[:6].reshape(3, 2), w[6:].reshape(2, 2)


def packed(w, X, y):
    A, B = unpacked(w)
    return 0.5 * np.sum((np.tanh(X @ A) @ B - y) ** 2)


def packed_without_slope(w, X, y):
    A, B = unpacked(w)
    h = np.tanh(X @ A)
    d = h @ B - y
    return np.concatenate([(X.T @ (d @ B.T)).ravel(), (h.T @ d).ravel()])


def logistic(theta, X, y, lam):
    p = 1 / (1 + np.exp(-X @ theta))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + lam / 2 * np.sum(theta[1:] ** 2)


def logistic_all_penalized(theta, X, y, lam):
    p = 1 / (1 + np.exp(-X @ theta))
    return X.T @ (p - y) / len(y) + lam * theta


def rectified(W, X, V, y):
    return 0.5 * np.sum((np.maximum(X @ W, 0) @ V - y) ** 2)


def rectified_gradient(W, X, V, y):
    z = X @ W
    d = np.maximum(z, 0) @ V - y
    e = d @ V.T
    e[e < 0] = 0
    return X.T @ e


def hinge(X, y, W):
    J = 0.0
    for i in range(len(X)):
        s = X[i] @ W
        for j in range(W.shape[1]):
            if j != y[i]:
                J += max(0, s[j] - s[y[i]] + 1)
    return J


def hinge_without_true_class(X, y, W):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        s = X[i] @ W
        for j in range(W.shape[1]):
            if j != y[i] and s[j] - s[y[i]] + 1 > 0:
                dW[:, j] += X[i]
    return dW


class Trained:
    """A network that learns while its gradients are computed."""

    def __init__(self):
        self.A, self.B, self.rate = np.zeros((3, 4)), np.zeros((4, 2)), 0.1

    def cost(self, X, y):
        return 0.5 * np.sum((np.tanh(X @ self.A) @ self.B - y) ** 2)

    def gradient(self, X, y):
        h = np.tanh(X @ self.A)
        d = h @ self.B - y
        dB = h.T @ d
        self.B = self.B - self.rate * dB
        dA = X.T @ (d @ self.B.T * (1 - h * h))
        return {"A": dA, "B": dB}


def tempered(z, t, T):
    return -np.sum(t * log_softmax(z / T))


def tempered_gradient(z, t, T):
    return np.exp(log_softmax(z / T)) * t.sum(axis=-1, keepdims=True) - t


def gibbs_gradient(z, t, T):
    p = np.exp(log_softmax(z))
    return (p * t.sum(axis=-1, keepdims=True) - t) / T


def bounded_gradient(X, y, W, lam):
    return np.clip(X.T @ (X @ W - y) / len(X) + lam * W, -0.1, 0.1)


def last_state(X, y, W, u, backward=None):
    """A recurrence whose first step has no step before it."""
    hs, before = [], np.zeros(len(u))
    for x in X:
        before = np.tanh(x + before @ W)
        hs.append(before)
    return 0.5 * (hs[-1] @ u - y) ** 2 if backward is None else backward(hs, hs[-1] @ u - y)


def wrapped_last_state(X, y, W, u):
    def backward(hs, r):
        dW, dh = np.zeros_like(W), r * u
        for t in reversed(range(len(hs))):
            dz = dh * (1 - hs[t] ** 2)
            dW += np.outer(hs[t - 1], dz)
            dh = W @ dz
        return dW

    return last_state(X, y, W, u, backward)


def gated(X, A, B, G):
    s = [1 / (1 + np.exp(-x @ A)) for x in X]
    c = [np.tanh(x @ B) for x in X]
    return sum(G[t] @ (s[t] * c[t]) for t in range(len(X)))


def gated_gradient(X, A, B, G):
    s, c = {}, {}
    dA, dB = np.zeros_like(A), np.zeros_like(B)
    for t in range(len(X)):
        s[t], c[t] = 1 / (1 + np.exp(-X[t] @ A)), np.tanh(X[t] @ B)
        dA += np.outer(X[t], G[t] * s[t] * s[t] * (1 - s[t]))
        dB += np.outer(X[t], G[t] * s[t] * (1 - c[t] ** 2))
    return dA, dB


def sampled(v, U):
    return -np.log(1 / (1 + np.exp(-U[0] @ v))) - sum(np.log(1 / (1 + np.exp(U[k] @ v))) for k in range(1, len(U)))


def sampled_gradient(v, U):
    z = 1 / (1 + np.exp(-U[0] @ v))
    dv = U[0] * (z - 1)
    for k in range(1, len(U)):
        z = 1 / (1 + np.exp(U[k] @ v))
        dv += U[k] * z
    return dv


def weighted(X, y, w, b):
    return 0.5 * sum((X[i] @ w + b - y[i]) ** 2 for i in range(len(X)))


def weighted_in_the_loop(X, y, w, b):
    dw, db = np.zeros_like(w), 0.0
    for i in range(len(X)):
        e = X[i] @ w + b - y[i]
        for j in range(len(w)):
            dw[j] += e * X[i, j]
            db += e
    return dw, db


def weighted_after_the_loop(X, y, w, b):
    dw, db = np.zeros_like(w), 0.0
    for i in range(len(X)):
        e = X[i] @ w + b - y[i]
        dw += e * X[i]
    db += e
    return dw, db


def shifted(x, t, V, c, U):
    return 0.5 * np.sum((np.tanh(x @ V + c) @ U - t) ** 2)


def shifted_gradient(x, t, V, c, U):
    a = np.tanh(x @ V + c)
    e = a @ U - t
    s = (U @ e) * (1 - a ** 2)
    gc = U @ e
    return np.outer(x, s), gc, np.outer(a, e)


def shifted_with_a_part(x, t, V, c, U):
    a = np.tanh(x @ V + c)
    e = a @ U - t
    back = U @ e
    s = back * (1 - a ** 2)
    return np.outer(x, s), back, np.outer(a, e)


RIDGE = ({"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K"), "lam": ()}, ["W"])
SHIFTED = ({"x": ("D",), "t": ("K",), "V": ("D", "H"), "c": ("H",), "U": ("H", "K")}, ["V", "c", "U"])
SOFT = ({"x": ("N", "C"), "G": ("N", "C")}, ["x"])
pool, trained = Pooling(), Trained()
CASES = {  # cost, gradient, shapes, parameters, words of the mistake, the line, and further options
    "stride, in a vector": (strided_cost, strided_gradient, {"x": (9,), "w": (2,), "G": (3,)}, ["x", "w"], "the stride 3 is left out", "dw += G[i] * x[i:i + 2]", {}),
    "stride, in a class": (pool.cost, pool.gradient, {"x": (4, 4), "G": (2, 2)}, ["x"], "the stride self.stride is left out", "dx[r:r + self.size", {}),
    "divided by all, updated": (ridge, ridge_divided, *RIDGE, "all is divided", "dW /= n + lam * W", {}),
    "divided by all, in one": (ridge, ridge_in_one, *RIDGE, "all is divided", "return X.T @", {}),
    "penalty divided, in the order of statements": (ridge, ridge_penalty_divided, *RIDGE, "it is divided by len(X) too", "dW = dW + lam * W", {}),
    "two slips": (ridge, ridge_two_slips, *RIDGE, "value of the penalty on W", "return X.T @ (y - X @ W)", {}),
    "state one step late": (recurrent, recurrent_late, {"X": (3, "D"), "U": ("H", "D"), "W": ("H", "H"), "y": ("H",)}, ["U", "W"], "h[t] in place of h[t - 1]: one step late", "dW += np.outer(d, h[t])", {}),
    "means over the examples": (normalized, normalized_over_examples, {"x": ("N", "D"), "g": ("D",), "D": ("N", "D")}, ["x", "g"], "a sum along the wrong axis, and likewise at 1 other place", "return (d - np.mean(d, axis=0)", {}),
    "log-softmax without a sum": (lambda x, G: np.sum(log_softmax(x) * G), log_softmax_without_sum, *SOFT, "the factor sum of G of a log-softmax", "return G - np.exp(log_softmax(x))", {}),
    "log-softmax, its logarithm": (lambda x, G: np.sum(log_softmax(x) * G), log_softmax_of_the_logarithm, *SOFT, "the logarithm of the softmax", "return G - log_softmax(x)", {}),
    "attention": (attention, attention_diagonal, {"s": (2, 3, 4), "V": (2, 4, 2), "G": (2, 3, 2)}, ["s", "V"], "the sum in the Jacobian of the softmax is left out", "return a * (G", {}),
    "flat vector": (packed, packed_without_slope, {"w": (10,), "X": ("N", 3), "y": ("N", 2)}, ["w"], "the derivative (1 - h**2) is left out", "return np.concatenate", {}),
    "bias penalized": (logistic, logistic_all_penalized, {"theta": ("D",), "X": ("N", "D"), "y": ("N",), "lam": ()}, ["theta"], "the penalty on theta[0] too", "return X.T @ (p - y)", {}),
    "relu of the gradient": (rectified, rectified_gradient, {"W": ("D", "H"), "X": ("N", "D"), "V": ("H", "K"), "y": ("N", "K")}, ["W"], "relu of e in place of the mask", "e[e < 0] = 0", {}),
    "true class": (hinge, hinge_without_true_class, {"X": ("N", "D"), "y": ("N",), "W": ("D", "C")}, ["W"], "the part of the true class left out", "dW[:, j] += X[i]", {"labels": {"y": "C"}}),
    "updated first": (trained.cost, trained.gradient, {"X": ("N", 3), "y": ("N", 2), "A": (3, 4), "B": (4, 2)}, ["A", "B"], "already updated", "self.B = self.B", {"attributes": ["A", "B"]}),
    "temperature": (tempered, tempered_gradient, {"z": ("N", "C"), "t": ("N", "C"), "T": ()}, ["z"], "the division by T is left out", "return np.exp", {}),
    "temperature of the probabilities": (tempered, gibbs_gradient, {"z": ("N", "C"), "t": ("N", "C"), "T": ()}, ["z"], "with z in place of z / T", "p = np.exp(log_softmax(z))", {}),
    "before the first step": (last_state, wrapped_last_state, {"X": (3, "H"), "y": (), "W": ("H", "H"), "u": ("H",)}, ["W"], "where t - 1 is −1, it is the last one", "dW += np.outer(hs[t - 1]", {}),
    "another gate": (gated, gated_gradient, {"X": (2, "D"), "A": ("D", "H"), "B": ("D", "H"), "G": (2, "H")}, ["A", "B"], "with s[t] in place of c[t]", "dA += np.outer", {}),
    "complement": (sampled, sampled_gradient, {"v": ("D",), "U": ("K", "D")}, ["v"], "with z in place of 1 - z", "dv += U[k] * z", {}),
    "in the inner loop": (weighted, weighted_in_the_loop, {"X": ("N", "D"), "y": ("N",), "w": ("D",), "b": ()}, ["w", "b"], "inside the loop over j, not after it", "db += e", {}),
    "after the loop": (weighted, weighted_after_the_loop, {"X": ("N", "D"), "y": ("N",), "w": ("D",), "b": ()}, ["w", "b"], "after the loop over i, not inside of it", "db += e", {}),
    "a quantity of one use": (shifted, shifted_gradient, *SHIFTED, "with U @ e in place of s", "gc = U @ e", {}),
    "a quantity of two uses": (shifted, shifted_with_a_part, *SHIFTED, "with back in place of s", "return np.outer", {}),
    "gradient is cut off": (ridge, bounded_gradient, *RIDGE, "a gradient that is cut off", "return np.clip", {}),
}
FAST = ("divided by all, updated", "bias penalized", "a quantity of one use")
# fmt: on


def search_of(cost, gradient, shapes, wrt, **options):
    spec = argument_spec(shapes, wrt, **options)
    reader = CodeReader(UserCode(cost, gradient, spec.attributes, spec.structure), spec, np.random.default_rng(0))
    return RepairSearch(reader, reader.points(None, [])[0])


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name, marks=() if name in FAST else pytest.mark.slow) for name, case in CASES.items()],
)
def test_the_mistake_is_named_by_the_edit_that_repairs_it(case):
    cost, gradient, shapes, wrt, words, line, options = case
    search = search_of(cost, gradient, shapes, wrt, **options)
    found = search.by_one("J") or search.by_two("J")
    assert found is not None
    assert words in found.mistake.words
    assert line in str(found.line)
    assert found.mistake.kinds


def test_the_function_is_what_it_was_after_the_search():
    code = ridge_divided.__code__
    assert search_of(ridge, ridge_divided, *RIDGE).by_one("J") is not None
    assert ridge_divided.__code__ is code


def test_what_no_edit_repairs_has_no_name():
    def gradient(X, y, W, lam):
        return np.cos(3 * W) + 0.37 * np.sinh(W)

    assert search_of(ridge, gradient, *RIDGE).by_one("J") is None


@pytest.mark.slow
def test_an_edit_that_holds_at_one_size_alone_is_no_name():
    def cost(X, W):
        return np.sum(np.sin(X @ W)) / len(X)

    def gradient(X, W):
        return X.T @ np.cos(X @ W) / 4  # N is 3 at the first point: 4 - 1 would be right there

    search = search_of(cost, gradient, {"X": ("N", "D"), "W": ("D", "K")}, ["W"])
    found = search.by_one("J")
    assert len(search.point.values["X"]) == 3
    assert found is None or "3" not in found.new


@pytest.mark.slow
def test_an_edit_that_changes_the_cost_is_no_name():
    def both(W, X):
        a = np.tanh(X @ W)
        return np.sum(a), X.T @ (1 + a)  # 1 - a**2 is meant; with another cost, 1 + a would be right

    check = sb.check_code(both, None, {"W": ("D", "K"), "X": ("N", "D")}, ["W"], seed=0)
    assert check.verdict == "wrong"
    assert "np.tanh(" not in check.mistake


def test_a_function_whose_source_is_another_is_not_edited():
    space = {"np": np}
    exec(compile("def gradient(W):\n    return 2 * W", __file__, "exec"), space)
    found = sources(lambda: space["gradient"](np.ones(2)))
    assert space["gradient"] not in [source.function for source in found]


def test_rows_yield_edits_of_formulas_that_can_be_compiled():
    search = search_of(ridge, ridge_penalty_divided, *RIDGE)
    edits = list(search._edits())
    assert len({edit.words for _, edit in edits}) > 100
    assert all(ast.unparse(old) for _, edit in edits for old, _ in edit.changes)
    compiled = [search._compiled([change]) for change in edits[::40]]
    assert sum(code is not None for code in compiled) > 0.8 * len(compiled)
    assert len({row.__name__ for row in ROWS}) == len(ROWS)


def test_the_report_has_the_line_and_the_right_code():
    check = sb.check_code(ridge, ridge_divided, *RIDGE, seed=0)
    assert check.verdict == "wrong"
    assert "in place of dW = dW / n + lam * W" in check.mistake
    assert "dW /= n + lam * W" in str(check.line)
