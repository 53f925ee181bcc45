"""Code as people write it, that no structural trace follows, and mistakes to plant in it: (right text, wrong text)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Code:
    """Text that defines cost(…) and gradient(…), the latter of the gradients in the order of `wrt`."""

    text: str
    shapes: dict[str, tuple[int, ...]]
    wrt: tuple[str, ...]
    mistakes: tuple[tuple[str, str], ...]
    data: Callable[[], dict[str, Any]] = dict


SOFTMAX_LABELS = Code(
    """
def cost(X, W, b, y):
    s = X.dot(W) + b
    s = s - np.max(s, axis=1, keepdims=True)
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    return np.mean(-np.log(p[np.arange(X.shape[0]), y])) + 0.5 * 1e-2 * np.sum(W * W)

def gradient(X, W, b, y):
    num = X.shape[0]
    s = X.dot(W) + b
    e = np.exp(s - np.max(s, axis=1, keepdims=True))
    d = e / np.sum(e, axis=1, keepdims=True)
    d[np.arange(num), y] -= 1
    d /= num
    dW = np.zeros(W.shape)
    dW += X.T.dot(d) + 1e-2 * W
    return dW, d.sum(axis=0)
""",
    {"X": (3, 2), "W": (2, 4), "b": (4,)},
    ("W", "b"),
    (("d /= num", "d *= 1"), ("+ 1e-2 * W", "+ 2e-2 * W"), ("-= 1", "-= 0.99999999")),
    lambda: {"y": np.array([0, 3, 1])},
)
LOOPS = Code(
    """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def cost(X, y, W, v):
    J = 0.0
    for n in range(len(X)):
        J += 0.5 * (y[n] - v.dot(np.tanh(W.dot(X[n])))) ** 2
    return J / len(X)

def gradient(X, y, W, v):
    dW, dv = np.zeros_like(W), np.zeros(v.shape[0], dtype=float)
    for n in range(len(X)):
        h = np.tanh(W.dot(X[n]))
        delta = v.dot(h) - y[n]
        dv += delta * h
        inner = delta * v * (1 - h ** 2)
        dW += np.outer(inner, X[n])
    for i in range(dW.shape[0]):
        dW[i] /= len(X)
    return dW, dv / len(X)
""",
    {"X": (3, 2), "y": (3,), "W": (4, 2), "v": (4,)},
    ("W", "v"),
    (("(1 - h ** 2)", "(1 - h)"), ("dv += delta * h", "dv = delta * h"), ("range(dW.shape[0])", "range(dW.shape[1])")),
)
RELU_MASK = Code(
    """
def cost(X, y, W1, W2):
    z = X @ W1
    a = np.maximum(0, z)
    return np.sum((a @ W2 - y) ** 2)

def gradient(X, y, W1, W2):
    z = X @ W1
    a = z.copy()
    a[a < 0] = 0
    d = 2.0 * (a @ W2 - y)
    dz = d @ W2.T
    dz[z <= 0] = 0
    return X.T @ dz, a.T @ d
""",
    {"X": (3, 2), "y": (3, 1), "W1": (2, 4), "W2": (4, 1)},
    ("W1", "W2"),
    (("dz[z <= 0]", "dz[z > 0]"), ("2.0 *", "1.0 *"), ("dz[z <= 0] = 0", "dz[dz <= 0] = 0")),
)
MAX_POOLING = Code(
    """
def pooled(A):
    out = np.empty((A.shape[0] // 2, A.shape[1] // 2))
    where = {}
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            window = A[2 * i:2 * i + 2, 2 * j:2 * j + 2]
            k = np.argmax(window)
            where[i, j] = np.unravel_index(k, window.shape)
            out[i, j] = window.max()
    return out, where

def cost(A, w):
    return float(np.sum(w * pooled(A)[0] ** 3))

def gradient(A, w):
    out, where = pooled(A)
    dA = np.zeros(A.shape)
    for (i, j), (p, q) in where.items():
        dA[2 * i + p, 2 * j + q] += w[i, j] * 3 * out[i, j] ** 2
    return (dA,)
""",
    {"A": (4, 6), "w": (2, 3)},
    ("A",),
    (("2 * i + p, 2 * j + q", "2 * i + q, 2 * j + p"), ("* 3 *", "* 2 *"), ("np.argmax(window)", "np.argmin(window)")),
)
SCATTER = Code(
    """
def cost(E, y, words):
    return np.sum((E[words].sum(axis=1) - y) ** 2) / 2

def gradient(E, y, words):
    d = E[words].sum(axis=1) - y
    dE = np.zeros_like(E)
    np.add.at(dE, words, d[:, None, :])
    return (dE,)
""",
    {"E": (5, 2), "y": (2, 2)},
    ("E",),
    (
        ("np.add.at(dE, words, d[:, None, :])", "dE[words] += d[:, None, :]"),
        ("sum(axis=1) - y\n    dE", "sum(axis=1)\n    dE"),
    ),
    lambda: {"words": np.array([[0, 1, 1], [4, 1, 2]])},
)
BATCHNORM = Code(
    """
eps = 1e-5

def cost(X, gamma, beta, w):
    mu, var = X.mean(axis=0), X.var(axis=0)
    out = gamma * (X - mu) / np.sqrt(var + eps) + beta
    return np.sum(w * np.tanh(out))

def gradient(X, gamma, beta, w):
    N = X.shape[0]
    mu = 1.0 / N * np.sum(X, axis=0)
    xmu = X - mu
    var = 1.0 / N * np.sum(xmu ** 2, axis=0)
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = xmu * ivar
    dout = w * (1 - np.tanh(gamma * xhat + beta) ** 2)
    dxhat = dout * gamma
    dX = ivar / N * (N * dxhat - np.sum(dxhat, axis=0) - xhat * np.sum(dxhat * xhat, axis=0))
    return dX, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)
""",
    {"X": (4, 3), "gamma": (3,), "beta": (3,), "w": (4, 3)},
    ("X", "gamma", "beta"),
    (
        ("- xhat * np.sum(dxhat * xhat, axis=0)", ""),
        ("np.sqrt(var + eps)\n    xhat", "np.sqrt(var)\n    xhat"),
        ("(dout * xhat, axis=0)", "(dout, axis=0)"),
    ),
)
LSTM = Code(
    """
def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def forward(X, Wx, Wh, b):
    T, N, D = X.shape
    H = Wh.shape[0]
    h, c, cache = np.zeros((N, H)), np.zeros((N, H)), []
    hs = np.zeros((T, N, H))
    for t in range(T):
        a = X[t] @ Wx + h @ Wh + b
        i, f, o, g = sigmoid(a[:, :H]), sigmoid(a[:, H:2*H]), sigmoid(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
        before = (h, c)
        c = f * c + i * g
        h = o * np.tanh(c)
        cache.append((*before, i, f, o, g, c))
        hs[t] = h
    return hs, cache

def cost(X, Wx, Wh, b, Y):
    return 0.5 * np.sum((forward(X, Wx, Wh, b)[0] - Y) ** 2)

def gradient(X, Wx, Wh, b, Y):
    T, N, D = X.shape
    H = Wh.shape[0]
    hs, cache = forward(X, Wx, Wh, b)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh, dc = np.zeros((N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        h0, c0, i, f, o, g, c = cache[t]
        dh = dh + hs[t] - Y[t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = np.hstack([dc * g * i * (1 - i), dc * c0 * f * (1 - f), dh * np.tanh(c) * o * (1 - o), dc * i * (1 - g ** 2)])
        dWx += X[t].T @ da
        dWh += h0.T @ da
        db += da.sum(axis=0)
        dh, dc = da @ Wh.T, dc * f
    return dWx, dWh, db
""",
    {"X": (3, 2, 2), "Wx": (2, 12), "Wh": (3, 12), "b": (12,), "Y": (3, 2, 3)},
    ("Wx", "Wh", "b"),
    (("dc * f\n", "dc\n"), ("dc = dc + dh", "dc = dh"), ("h0.T @ da", "hs[t].T @ da")),
)
HINGE = Code(
    """
def cost(X, W, y):
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
    return loss / X.shape[0] + 0.1 * np.sum(W * W)

def gradient(X, W, y):
    dW = np.zeros(W.shape)
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    mask = (margins > 0).astype(float)
    mask[np.arange(len(y)), y] = -np.sum(mask, axis=1)
    dW = X.T.dot(mask) / len(y) + 2 * 0.1 * W
    return (dW,)
""",
    {"X": (3, 2), "W": (2, 4)},
    ("W",),
    (("2 * 0.1", "0.1"), ("= -np.sum(mask, axis=1)", "= -1"), ("/ len(y)", "")),
    lambda: {"y": np.array([2, 0, 3])},
)
ATTENTION = Code(
    """
def forward(Q, K, V):
    T, d = Q.shape
    S = Q @ K.T / np.sqrt(d)
    S = np.where(np.tril(np.ones((T, T))) == 0, -np.inf, S)
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    P = E / E.sum(axis=-1, keepdims=True)
    return P, P @ V

def cost(Q, K, V):
    return np.linalg.norm(forward(Q, K, V)[1]) ** 2

def gradient(Q, K, V):
    P, O = forward(Q, K, V)
    dO = 2 * O
    dP = dO @ V.T
    dS = P * (dP - (P * dP).sum(axis=1, keepdims=True)) * Q.shape[1] ** -0.5
    return dS @ K, dS.T @ Q, P.T @ dO
""",
    {"Q": (4, 3), "K": (4, 3), "V": (4, 2)},
    ("Q", "K", "V"),
    (("* Q.shape[1] ** -0.5", ""), ("(dP - (P * dP).sum(axis=1, keepdims=True))", "dP * (1 - P)")),
)
CODES = {name.lower(): code for name, code in globals().copy().items() if isinstance(code, Code)}

NETWORK_CLASS = """
class Neural_Network(object):
    def __init__(self, W1, W2):
        self.W1, self.W2 = W1, W2

    def forward(self, X):
        self.z2 = np.dot(X, self.W1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.W2)
        return self.sigmoid(self.z3)

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-z))

    def sigmoidPrime(self, z):
        return np.exp(-z) / ((1 + np.exp(-z)) ** 2)

    def costFunction(self, X, y):
        self.yHat = self.forward(X)
        return 0.5 * sum((y - self.yHat) ** 2)

    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        return np.dot(X.T, delta2), dJdW2

def cost(X, y, W1, W2):
    return Neural_Network(W1, W2).costFunction(X, y)[0]

def gradient(X, y, W1, W2):
    return Neural_Network(W1, W2).costFunctionPrime(X, y)
"""
CODES["class"] = Code(
    NETWORK_CLASS,
    {"X": (4, 2), "y": (4, 1), "W1": (2, 3), "W2": (3, 1)},
    ("W1", "W2"),
    (
        ("sigmoidPrime(self.z2)", "sigmoidPrime(self.z2 + 1)"),
        ("-(y - self.yHat)", "(y - self.yHat)"),
        ("** 2)\n\n    def costFunction(", ") \n\n    def costFunction("),
    ),
)
