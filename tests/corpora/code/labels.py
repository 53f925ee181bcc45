"""Classifiers whose targets are integer labels: softmax with cross-entropy, and the loss and its gradients at once."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family, together

# A two-layer network that returns (loss, grads).


def two_layer_net(X, y, W1, b1, W2, b2, reg):
    N, D = X.shape
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2

    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    reg_loss = 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
    loss = data_loss + reg_loss

    grads = {}
    dscores = probs
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads["W2"] = hidden.T.dot(dscores) + reg * W2
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T.dot(dhidden) + reg * W1
    grads["b1"] = np.sum(dhidden, axis=0)
    return loss, grads


def two_layer_net_half_reg(X, y, W1, b1, W2, b2, reg):
    N, D = X.shape
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2

    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    reg_loss = reg * np.sum(W1 * W1) + reg * np.sum(W2 * W2)
    loss = data_loss + reg_loss

    grads = {}
    dscores = probs
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads["W2"] = hidden.T.dot(dscores) + reg * W2
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T.dot(dhidden) + reg * W1
    grads["b1"] = np.sum(dhidden, axis=0)
    return loss, grads


def two_layer_net_no_relu(X, y, W1, b1, W2, b2, reg):
    N, D = X.shape
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2

    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    reg_loss = 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
    loss = data_loss + reg_loss

    grads = {}
    dscores = probs
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads["W2"] = hidden.T.dot(dscores) + reg * W2
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores.dot(W2.T)
    grads["W1"] = X.T.dot(dhidden) + reg * W1
    grads["b1"] = np.sum(dhidden, axis=0)
    return loss, grads


def two_layer_net_relu_times(X, y, W1, b1, W2, b2, reg):
    N, D = X.shape
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2

    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    reg_loss = 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
    loss = data_loss + reg_loss

    grads = {}
    dscores = probs
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads["W2"] = hidden.T.dot(dscores) + reg * W2
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores.dot(W2.T)
    dhidden = dhidden * hidden
    grads["W1"] = X.T.dot(dhidden) + reg * W1
    grads["b1"] = np.sum(dhidden, axis=0)
    return loss, grads


NET = {"X": ("N", "D"), "y": ("N",), "W1": ("D", "H"), "b1": ("H",), "W2": ("H", "C"), "b2": ("C",)}


# Softmax regression with rows of the identity as targets.


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softreg_loss(W, b, X, y):
    probs = softmax(X @ W + b)
    T = np.eye(W.shape[1])[y]
    return -np.sum(T * np.log(probs)) / len(y)


def softreg_grad(W, b, X, y):
    probs = softmax(X @ W + b)
    T = np.eye(W.shape[1])[y]
    G = (probs - T) / len(y)
    return X.T @ G, G.sum(axis=0)


def softreg_grad_sum(W, b, X, y):
    probs = softmax(X @ W + b)
    T = np.eye(W.shape[1])[y]
    G = probs - T
    return X.T @ G, G.sum(axis=0)


def softreg_grad_no_softmax(W, b, X, y):
    scores = X @ W + b
    T = np.eye(W.shape[1])[y]
    G = (scores - T) / len(y)
    return X.T @ G, G.sum(axis=0)


def softreg_grad_diagonal(W, b, X, y):
    probs = softmax(X @ W + b)
    T = np.eye(W.shape[1])[y]
    dprobs = -T / probs / len(y)
    G = dprobs * probs * (1 - probs)
    return X.T @ G, G.sum(axis=0)


def softreg_grad_sign(W, b, X, y):
    probs = softmax(X @ W + b)
    T = np.eye(W.shape[1])[y]
    G = (T - probs) / len(y)
    return X.T @ G, G.sum(axis=0)


SOFTREG = {"W": ("D", "C"), "b": ("C",), "X": ("N", "D"), "y": ("N",)}


# The Jacobian of the softmax written out, for a squared error of the probabilities.


def brier(z, t):
    p = np.exp(z) / np.sum(np.exp(z))
    return np.sum((p - t) ** 2)


def brier_grad(z, t):
    p = np.exp(z) / np.sum(np.exp(z))
    J = np.diag(p) - np.outer(p, p)
    return J @ (2 * (p - t))


def brier_grad_diag(z, t):
    p = np.exp(z) / np.sum(np.exp(z))
    return 2 * (p - t) * p * (1 - p)


def brier_grad_plus(z, t):
    p = np.exp(z) / np.sum(np.exp(z))
    J = np.diag(p) + np.outer(p, p)
    return J @ (2 * (p - t))


def brier_grad_no_two(z, t):
    p = np.exp(z) / np.sum(np.exp(z))
    J = np.diag(p) - np.outer(p, p)
    return J @ (p - t)


# A hidden layer and softmax, scores of the examples as columns and labels that index rows.


def columns_loss(W, U, X, y):
    m = X.shape[1]
    A = np.tanh(W @ X)
    S = U @ A
    E = np.exp(S - np.max(S, axis=0))
    P = E / np.sum(E, axis=0)
    return -np.mean(np.log(P[y, np.arange(m)]))


def columns_grad(W, U, X, y):
    m = X.shape[1]
    A = np.tanh(W @ X)
    S = U @ A
    E = np.exp(S - np.max(S, axis=0))
    P = E / np.sum(E, axis=0)
    P[y, range(m)] -= 1
    P /= m
    dU = P @ A.T
    dW = ((U.T @ P) * (1 - A**2)) @ X.T
    return dW, dU


def columns_grad_slope_twice(W, U, X, y):
    m = X.shape[1]
    A = np.tanh(W @ X)
    S = U @ A
    E = np.exp(S - np.max(S, axis=0))
    P = E / np.sum(E, axis=0)
    P[y, range(m)] -= 1
    P /= m
    dU = P @ A.T
    dA = (U.T @ P) * (1 - A**2)
    dZ = dA * (1 - A**2)
    dW = dZ @ X.T
    return dW, dU


def columns_grad_mean_twice(W, U, X, y):
    m = X.shape[1]
    A = np.tanh(W @ X)
    S = U @ A
    E = np.exp(S - np.max(S, axis=0))
    P = E / np.sum(E, axis=0)
    P[y, range(m)] -= 1
    P /= m
    dU = P @ A.T / m
    dW = ((U.T @ P) * (1 - A**2)) @ X.T / m
    return dW, dU


def columns_grad_tanh(W, U, X, y):
    m = X.shape[1]
    A = np.tanh(W @ X)
    S = U @ A
    E = np.exp(S - np.max(S, axis=0))
    P = E / np.sum(E, axis=0)
    P[y, range(m)] -= 1
    P /= m
    dU = P @ A.T
    dW = ((U.T @ P) * A * (1 - A)) @ X.T
    return dW, dU


# Label smoothing.


def smooth_loss(logits, y, eps):
    N, C = logits.shape
    logp = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    target = np.full((N, C), eps / C)
    target[np.arange(N), y] += 1 - eps
    return -np.sum(target * logp) / N


def smooth_grad(logits, y, eps):
    N, C = logits.shape
    p = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    target = np.full((N, C), eps / C)
    target[np.arange(N), y] += 1 - eps
    return (p - target) / N


def smooth_grad_hard(logits, y, eps):
    N, C = logits.shape
    p = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    p[np.arange(N), y] -= 1 - eps
    return p / N


def smooth_grad_labels(logits, y, eps):
    N, C = logits.shape
    p = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    p[np.arange(N), y] -= 1
    return p / N


CASES = [
    *family(
        "cross-entropy of two layers",
        two_layer_net,
        None,
        NET,
        ["W1", "b1", "W2", "b2"],
        [
            together("half the penalty", two_layer_net_half_reg, (Kind.PENALTY,)),
            together("relu not masked", two_layer_net_no_relu, (Kind.MISSING_DERIVATIVE,)),
            together("times relu", two_layer_net_relu_times, (Kind.FUNCTION_FOR_DERIVATIVE,)),
        ],
        labels={"y": "C"},
        scalars=("reg",),
    ),
    *family(
        "softmax regression",
        softreg_loss,
        softreg_grad,
        SOFTREG,
        ["W", "b"],
        [
            Planted("summed", softreg_grad_sum, (Kind.MEAN,)),
            Planted(
                "scores for probabilities",
                softreg_grad_no_softmax,
                (Kind.SOFTMAX,),
            ),
            Planted("diagonal alone", softreg_grad_diagonal, (Kind.SOFTMAX,)),
        ],
        labels={"y": "C"},
    ),
    *family(
        "softmax regression, T - probs",
        softreg_loss,
        softreg_grad_sign,
        SOFTREG,
        ["W", "b"],
        [],
        verdict="convention",
        labels={"y": "C"},
    ),
    *family(
        "Brier score",
        brier,
        brier_grad,
        {"z": ("C",), "t": ("C",)},
        ["z"],
        [
            Planted("diagonal alone", brier_grad_diag, (Kind.SOFTMAX,)),
            Planted("plus", brier_grad_plus, (Kind.SIGN, Kind.SOFTMAX)),
            Planted("2 missing", brier_grad_no_two, (Kind.NUMBER, Kind.MISSING_FACTOR)),
        ],
    ),
    *family(
        "cross-entropy in columns",
        columns_loss,
        columns_grad,
        {"W": ("H", "D"), "U": ("C", "H"), "X": ("D", "m"), "y": ("m",)},
        ["W", "U"],
        [
            Planted("slope twice", columns_grad_slope_twice, (Kind.REPEATED_DERIVATIVE,)),
            Planted("mean twice", columns_grad_mean_twice, (Kind.MEAN, Kind.EXTRA_FACTOR)),
            Planted("slope of the sigmoid", columns_grad_tanh, (Kind.FUNCTION,)),
        ],
        labels={"y": "C"},
    ),
    *family(
        "label smoothing",
        smooth_loss,
        smooth_grad,
        {"logits": ("N", "C"), "y": ("N",)},
        ["logits"],
        [
            Planted("eps/C missing", smooth_grad_hard, (Kind.MISSING_TERM, Kind.OFFSET)),
            Planted("one-hot targets", smooth_grad_labels, (Kind.QUANTITY,)),
        ],
        labels={"y": "C"},
        scalars=("eps",),
    ),
]
