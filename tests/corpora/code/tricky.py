"""What looks wrong and is right, what looks right and is wrong, and functions that do more than compute."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Case, Planted, family


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# Two errors that cancel: the error has the wrong sign, and so has what is returned; 2 for 1/2, and half of it.


def cancel_cost(X, y, W1, W2):
    h = np.tanh(X @ W1)
    return 0.5 * np.sum((h @ W2 - y) ** 2) / len(X)


def cancel_grad(X, y, W1, W2):
    h = np.tanh(X @ W1)
    error = 2 * (y - h @ W2)
    dW2 = h.T @ error
    dh = error @ W2.T
    dW1 = X.T @ (dh * (1 - h**2))
    scale = -1 / (2 * len(X))
    return scale * dW1, scale * dW2


def cancel_grad_once(X, y, W1, W2):
    h = np.tanh(X @ W1)
    error = 2 * (y - h @ W2)
    dW2 = h.T @ error
    dh = error @ W2.T
    dW1 = X.T @ (dh * (1 - h**2))
    scale = -1 / len(X)
    return scale * dW1, scale * dW2


def cancel_grad_in_half(X, y, W1, W2):
    h = np.tanh(X @ W1)
    error = 2 * (y - h @ W2)
    dW2 = h.T @ error
    dh = error @ W2.T
    dW1 = X.T @ (dh * (1 - h**2))
    scale = -1 / (2 * len(X))
    return 2 * scale * dW1, scale * dW2


# The derivative in terms of the output, which is what it is given; weights are added to, so it is minus the gradient.


def nonlin(x, deriv=False):
    if deriv == True:  # noqa: E712
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def syn_cost(X, y, syn0, syn1):
    l1 = nonlin(np.dot(X, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    return np.sum((y - l2) ** 2) / 2


def syn_delta(X, y, syn0, syn1):
    l1 = nonlin(np.dot(X, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    l2_error = y - l2
    l2_delta = l2_error * nonlin(l2, deriv=True)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)
    return X.T.dot(l1_delta), l1.T.dot(l2_delta)


def syn_grad(X, y, syn0, syn1):
    l1 = nonlin(np.dot(X, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    l2_delta = (l2 - y) * nonlin(l2, deriv=True)
    l1_delta = l2_delta.dot(syn1.T) * nonlin(l1, deriv=True)
    return X.T.dot(l1_delta), l1.T.dot(l2_delta)


def syn_grad_of_z(X, y, syn0, syn1):
    z1 = np.dot(X, syn0)
    l1 = nonlin(z1)
    l2 = nonlin(np.dot(l1, syn1))
    l2_delta = (l2 - y) * nonlin(l2, deriv=True)
    l1_delta = l2_delta.dot(syn1.T) * nonlin(z1, deriv=True)
    return X.T.dot(l1_delta), l1.T.dot(l2_delta)


def syn_grad_l2(X, y, syn0, syn1):
    l1 = nonlin(np.dot(X, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    l2_delta = (l2 - y) * nonlin(l2, deriv=True)
    l1_delta = (l2 - y).dot(syn1.T) * nonlin(l1, deriv=True)
    return X.T.dot(l1_delta), l1.T.dot(l2_delta)


SYN = {"X": ("N", "D"), "y": ("N", "K"), "syn0": ("D", "H"), "syn1": ("H", "K")}


# L1: wrong only where lam is not 0.


def lasso_cost(w, X, y, lam):
    return 0.5 * np.mean((X @ w - y) ** 2) + lam * np.sum(np.abs(w))


def lasso_grad(w, X, y, lam):
    return X.T @ (X @ w - y) / X.shape[0] + lam * np.sign(w)


def lasso_grad_l2(w, X, y, lam):
    return X.T @ (X @ w - y) / X.shape[0] + lam * w


def lasso_grad_squared(w, X, y, lam):
    return X.T @ (X @ w - y) / X.shape[0] + lam**2 * np.sign(w)


# Back through two steps alone: wrong only for more of them.


def memory_cost(xs, target, W, U):
    h = np.zeros(U.shape[0])
    for x in xs:
        h = np.tanh(W @ x + U @ h)
    return 0.5 * np.sum((h - target) ** 2)


def memory_grad(xs, target, W, U):
    T = len(xs)
    hs = [np.zeros(U.shape[0])]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    delta = (hs[T] - target) * (1 - hs[T] ** 2)
    for t in range(T, 0, -1):
        dW += np.outer(delta, xs[t - 1])
        dU += np.outer(delta, hs[t - 1])
        delta = U.T.dot(delta) * (1 - hs[t - 1] ** 2)
    return dW, dU


def memory_grad_two_steps(xs, target, W, U):
    T = len(xs)
    hs = [np.zeros(U.shape[0])]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    delta = (hs[T] - target) * (1 - hs[T] ** 2)
    before = U.T.dot(delta) * (1 - hs[T - 1] ** 2)
    dW = np.outer(delta, xs[T - 1]) + np.outer(before, xs[T - 2])
    dU = np.outer(delta, hs[T - 1]) + np.outer(before, hs[T - 2])
    return dW, dU


def memory_grad_same_delta(xs, target, W, U):
    T = len(xs)
    hs = [np.zeros(U.shape[0])]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    delta = (hs[T] - target) * (1 - hs[T] ** 2)
    for t in range(T, 0, -1):
        dW += np.outer(delta, xs[t - 1])
        dU += np.outer(delta, hs[t - 1])
    return dW, dU


# A bias before a batch normalisation: its gradient is 0.


def useless_bias_cost(X, W, b, target):
    z = X @ W + b
    zn = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-3)
    return 0.5 * np.sum((np.maximum(zn, 0) - target) ** 2)


def useless_bias_grad(X, W, b, target):
    z = X @ W + b
    s = np.sqrt(z.var(0) + 1e-3)
    zn = (z - z.mean(0)) / s
    a = np.maximum(zn, 0)
    dzn = (a - target) * (a > 0)
    dz = (dzn - dzn.mean(0) - zn * np.mean(dzn * zn, 0)) / s
    return {"dW": X.T @ dz, "db": np.zeros(b.shape)}


def useless_bias_grad_sum(X, W, b, target):
    z = X @ W + b
    s = np.sqrt(z.var(0) + 1e-3)
    zn = (z - z.mean(0)) / s
    a = np.maximum(zn, 0)
    dzn = (a - target) * (a > 0)
    dz = (dzn - dzn.mean(0) - zn * np.mean(dzn * zn, 0)) / s
    return {"dW": X.T @ dz, "db": dzn.sum(0)}


# A Gaussian likelihood whose width is learned.


def gauss_nll(X, y, w, log_sigma):
    r = y - X @ w
    return np.sum(0.5 * np.log(2 * np.pi) + log_sigma + 0.5 * r**2 * np.exp(-2 * log_sigma))


def gauss_grad(X, y, w, log_sigma):
    r = y - X @ w
    precision = np.exp(-2 * log_sigma)
    return [-precision * X.T @ r, len(y) - precision * np.sum(r**2)]


def gauss_grad_one(X, y, w, log_sigma):
    r = y - X @ w
    precision = np.exp(-2 * log_sigma)
    return [-precision * X.T @ r, 1 - precision * np.sum(r**2)]


def gauss_grad_no_precision(X, y, w, log_sigma):
    r = y - X @ w
    precision = np.exp(-2 * log_sigma)
    return [-X.T @ r, len(y) - precision * np.sum(r**2)]


def gauss_ascent(X, y, w, log_sigma):
    r = y - X @ w
    precision = np.exp(-2 * log_sigma)
    return [precision * X.T @ r, precision * np.sum(r**2) - len(y)]


GAUSS = {"X": ("N", "D"), "y": ("N",), "w": ("D",), "log_sigma": ()}

CASES: list[Case] = [
    *family(
        "errors that cancel",
        cancel_cost,
        cancel_grad,
        {"X": ("N", "D"), "y": ("N", "K"), "W1": ("D", "H"), "W2": ("H", "K")},
        ["W1", "W2"],
        [
            Planted("in one place", cancel_grad_once, (Kind.NUMBER, Kind.MISSING_FACTOR)),
            Planted("in one layer", cancel_grad_in_half, (Kind.NUMBER,)),
        ],
    ),
    *family("slope of the output, added", syn_cost, syn_delta, SYN, ["syn0", "syn1"], [], verdict="convention"),
    *family(
        "slope of the output",
        syn_cost,
        syn_grad,
        SYN,
        ["syn0", "syn1"],
        [
            Planted("given z", syn_grad_of_z, (Kind.DERIVATIVE_ARGUMENT, Kind.DERIVATIVE_FORMULA)),
            Planted("error for delta", syn_grad_l2, (Kind.MISSING_DERIVATIVE,)),
        ],
    ),
    *family(
        "lasso",
        lasso_cost,
        lasso_grad,
        {"w": ("D",), "X": ("N", "D"), "y": ("N",)},
        ["w"],
        [
            Planted("slope of an L2 penalty", lasso_grad_l2, (Kind.PENALTY,)),
            Planted("lam squared", lasso_grad_squared, (Kind.PENALTY,)),
        ],
        scalars=("lam",),
    ),
    *family(
        "memory",
        memory_cost,
        memory_grad,
        {"xs": (4, "D"), "target": ("H",), "W": ("H", "D"), "U": ("H", "H")},
        ["W", "U"],
        [
            Planted("two steps back", memory_grad_two_steps, (Kind.MISSING_PATH,)),
            Planted("the same delta", memory_grad_same_delta, (Kind.MISSING_PATH,)),
        ],
    ),
    *family(
        "bias before batchnorm",
        useless_bias_cost,
        useless_bias_grad,
        {"X": ("N", "D"), "W": ("D", "H"), "b": ("H",), "target": ("N", "H")},
        ["W", "b"],
        [
            Planted(
                "as if not normalised",
                useless_bias_grad_sum,
                (Kind.HELD_CONSTANT,),
            )
        ],
    ),
    *family(
        "Gaussian likelihood",
        gauss_nll,
        gauss_grad,
        GAUSS,
        ["w", "log_sigma"],
        [
            Planted(
                "1 for each",
                gauss_grad_one,
                (Kind.MISSING_SUM, Kind.OFFSET),
            ),
            Planted(
                "precision missing",
                gauss_grad_no_precision,
                (Kind.NUMBER, Kind.MISSING_FACTOR),
            ),
        ],
    ),
    *family(
        "Gaussian likelihood, ascent", gauss_nll, gauss_ascent, GAUSS, ["w", "log_sigma"], [], verdict="convention"
    ),
]
