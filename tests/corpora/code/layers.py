"""Networks as classes with biases, whose weights are attributes: of three layers, logistic, and with relu."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import family, of

# A deeper one in columns, with biases, that returns one vector.


class DeepNet:
    def __init__(self):
        self.params = []

    def forward(self, x):
        self.x = x
        self.n1 = self.W1 @ x + self.b1
        self.h1 = np.tanh(self.n1)
        self.n2 = self.W2 @ self.h1 + self.b2
        self.h2 = np.tanh(self.n2)
        self.n3 = self.W3 @ self.h2 + self.b3
        return self.n3

    def loss(self, x, t):
        out = self.forward(x)
        return ((out - t) ** 2).sum() / (2 * x.shape[1])

    def grad(self, x, t):
        out = self.forward(x)
        d3 = (out - t) / x.shape[1]
        d2 = (self.W3.T @ d3) * (1 - self.h2**2)
        d1 = (self.W2.T @ d2) * (1 - self.h1**2)
        gW3, gb3 = d3 @ self.h2.T, d3.sum(axis=1)
        gW2, gb2 = d2 @ self.h1.T, d2.sum(axis=1)
        gW1, gb1 = d1 @ self.x.T, d1.sum(axis=1)
        return np.concatenate([g.ravel() for g in (gW1, gb1, gW2, gb2, gW3, gb3)])


class DeepNet_wrong_h(DeepNet):
    def grad(self, x, t):
        out = self.forward(x)
        d3 = (out - t) / x.shape[1]
        d2 = (self.W3.T @ d3) * (1 - self.h1**2)
        d1 = (self.W2.T @ d2) * (1 - self.h1**2)
        gW3, gb3 = d3 @ self.h2.T, d3.sum(axis=1)
        gW2, gb2 = d2 @ self.h1.T, d2.sum(axis=1)
        gW1, gb1 = d1 @ self.x.T, d1.sum(axis=1)
        return np.concatenate([g.ravel() for g in (gW1, gb1, gW2, gb2, gW3, gb3)])


class DeepNet_no_T(DeepNet):
    def grad(self, x, t):
        out = self.forward(x)
        d3 = (out - t) / x.shape[1]
        d2 = (self.W3.T @ d3) * (1 - self.h2**2)
        d1 = (self.W2 @ d2) * (1 - self.h1**2)
        gW3, gb3 = d3 @ self.h2.T, d3.sum(axis=1)
        gW2, gb2 = d2 @ self.h1.T, d2.sum(axis=1)
        gW1, gb1 = d1 @ self.x.T, d1.sum(axis=1)
        return np.concatenate([g.ravel() for g in (gW1, gb1, gW2, gb2, gW3, gb3)])


class DeepNet_bias_mean(DeepNet):
    def grad(self, x, t):
        out = self.forward(x)
        d3 = (out - t) / x.shape[1]
        d2 = (self.W3.T @ d3) * (1 - self.h2**2)
        d1 = (self.W2.T @ d2) * (1 - self.h1**2)
        gW3, gb3 = d3 @ self.h2.T, d3.mean(axis=1)
        gW2, gb2 = d2 @ self.h1.T, d2.mean(axis=1)
        gW1, gb1 = d1 @ self.x.T, d1.mean(axis=1)
        return np.concatenate([g.ravel() for g in (gW1, gb1, gW2, gb2, gW3, gb3)])


class DeepNet_swapped(DeepNet):
    def grad(self, x, t):
        out = self.forward(x)
        d3 = (out - t) / x.shape[1]
        d2 = (self.W3.T @ d3) * (1 - self.h2**2)
        d1 = (self.W2.T @ d2) * (1 - self.h1**2)
        gW3, gb3 = d3 @ self.h2.T, d3.sum(axis=1)
        gW2, gb2 = self.h1 @ d2.T, d2.sum(axis=1)
        gW1, gb1 = d1 @ self.x.T, d1.sum(axis=1)
        return np.concatenate([g.ravel() for g in (gW1, gb1, gW2, gb2, gW3, gb3)])


# In d1 = W2.T @ d2 a transpose is easily lost where both layers are of the same width.
DEEP = {"W1": ("H", "D"), "b1": ("H", 1), "W2": ("H", "H"), "b2": ("H", 1), "W3": ("K", "H"), "b3": ("K", 1)}


# Logistic regression, with targets and scores that are columns.


class LogReg:
    def __init__(self, C=1.0):
        self.C = C

    def prob(self, X):
        return 1 / (1 + np.exp(-(np.dot(X, self.w) + self.b)))

    def cost(self, X, y, C):
        m = len(X)
        p = self.prob(X)
        nll = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        return nll + C / (2.0 * m) * np.dot(self.w.T, self.w)[0, 0]

    def gradient(self, X, y, C):
        m = len(X)
        p = self.prob(X)
        grad_w = np.dot(X.T, p - y) / m + C / m * self.w
        grad_b = np.mean(p - y)
        return {"grad_w": grad_w, "grad_b": grad_b}


class LogReg_C(LogReg):
    def gradient(self, X, y, C):
        m = len(X)
        p = self.prob(X)
        grad_w = np.dot(X.T, p - y) / m + C * self.w
        grad_b = np.mean(p - y)
        return {"grad_w": grad_w, "grad_b": grad_b}


class LogReg_bias(LogReg):
    def gradient(self, X, y, C):
        m = len(X)
        p = self.prob(X)
        grad_w = np.dot(X.T, p - y) / m + C / m * self.w
        grad_b = np.mean(p - y) + C / m * self.b
        return {"grad_w": grad_w, "grad_b": grad_b}


class LogReg_only_right(LogReg):
    def gradient(self, X, y, C):
        m = len(X)
        p = self.prob(X)
        grad_w = np.dot(X.T, y * (p - 1)) / m + C / m * self.w
        grad_b = np.mean(p - y)
        return {"grad_w": grad_w, "grad_b": grad_b}


# One hidden layer where backward finds what forward left, and an update that comes too early.


class TwoLayer:
    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.a1 = np.maximum(0, self.z1)
        return self.a1 @ self.W2 + self.b2

    def loss(self, X, Y):
        self.out = self.forward(X)
        return np.mean(np.sum((self.out - Y) ** 2, axis=1))

    def backward(self, X, Y):
        self.out = self.forward(X)
        N = X.shape[0]
        delta = 2.0 / N * (self.out - Y)
        self.dW2 = self.a1.T @ delta
        self.db2 = delta.sum(axis=0, keepdims=True)
        delta = delta @ self.W2.T
        delta[self.z1 <= 0] = 0
        self.dW1 = X.T @ delta
        self.db1 = delta.sum(axis=0, keepdims=True)
        return self.dW1, self.db1, self.dW2, self.db2


class TwoLayer_step_first(TwoLayer):
    def backward(self, X, Y):
        self.out = self.forward(X)
        N = X.shape[0]
        delta = 2.0 / N * (self.out - Y)
        self.dW2 = self.a1.T @ delta
        self.db2 = delta.sum(axis=0, keepdims=True)
        self.W2 = self.W2 - 0.1 * self.dW2
        delta = delta @ self.W2.T
        delta[self.z1 <= 0] = 0
        self.dW1 = X.T @ delta
        self.db1 = delta.sum(axis=0, keepdims=True)
        return self.dW1, self.db1, self.dW2, self.db2


class TwoLayer_no_mask(TwoLayer):
    def backward(self, X, Y):
        self.out = self.forward(X)
        N = X.shape[0]
        delta = 2.0 / N * (self.out - Y)
        self.dW2 = self.a1.T @ delta
        self.db2 = delta.sum(axis=0, keepdims=True)
        delta = delta @ self.W2.T
        self.dW1 = X.T @ delta
        self.db1 = delta.sum(axis=0, keepdims=True)
        return self.dW1, self.db1, self.dW2, self.db2


class TwoLayer_no_two(TwoLayer):
    def backward(self, X, Y):
        self.out = self.forward(X)
        N = X.shape[0]
        delta = (self.out - Y) / N
        self.dW2 = self.a1.T @ delta
        self.db2 = delta.sum(axis=0, keepdims=True)
        delta = delta @ self.W2.T
        delta[self.z1 <= 0] = 0
        self.dW1 = X.T @ delta
        self.db1 = delta.sum(axis=0, keepdims=True)
        return self.dW1, self.db1, self.dW2, self.db2


TWO = {"W1": ("D", "H"), "b1": (1, "H"), "W2": ("H", "K"), "b2": (1, "K")}


deep = DeepNet()
logreg = LogReg()
two_layer = TwoLayer()

CASES = [
    *family(
        "class of three layers",
        deep.loss,
        deep.grad,
        {"x": ("D", "N"), "t": ("K", "N")},
        ["W1", "b1", "W2", "b2", "W3", "b3"],
        [
            of("h1 for h2", DeepNet_wrong_h, (Kind.QUANTITY,), "loss", "grad"),
            of("W2 not transposed", DeepNet_no_T, (Kind.TRANSPOSE,), "loss", "grad"),
            of("biases averaged", DeepNet_bias_mean, (Kind.MEAN,), "loss", "grad"),
            of("dW2 transposed", DeepNet_swapped, (Kind.ORDER, Kind.TRANSPOSE), "loss", "grad"),
        ],
        attributes=DEEP,
    ),
    *family(
        "class of logistic regression",
        logreg.cost,
        logreg.gradient,
        {"X": ("N", "D"), "y": ("N", 1)},
        ["w", "b"],
        [
            of("penalty without 1/m", LogReg_C, (Kind.PENALTY,), "cost", "gradient"),
            of("bias penalized", LogReg_bias, (Kind.PENALTY,), "cost", "gradient"),
            of(
                "second term missing",
                LogReg_only_right,
                (Kind.MISSING_PATH,),
                "cost",
                "gradient",
            ),
        ],
        attributes={"w": ("D", 1), "b": ()},
        scalars=("C",),
    ),
    *family(
        "class with relu",
        two_layer.loss,
        two_layer.backward,
        {"X": ("N", "D"), "Y": ("N", "K")},
        ["W1", "b1", "W2", "b2"],
        [
            of("W2 updated too early", TwoLayer_step_first, (Kind.UPDATED,), "loss", "backward"),
            of("relu not masked", TwoLayer_no_mask, (Kind.MISSING_DERIVATIVE,), "loss", "backward"),
            of("2 of the square missing", TwoLayer_no_two, (Kind.NUMBER, Kind.MISSING_FACTOR), "loss", "backward"),
        ],
        attributes=TWO,
    ),
]
