"""Where all is square, a lost transpose or a product of the wrong kind still runs; and functions with side effects."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Case, Planted, family, of

# One hidden layer, as many units as examples and inputs.


def square_cost(X, Y, W1, W2):
    a1 = np.tanh(np.dot(X, W1))
    return 0.5 * np.sum(np.square(np.dot(a1, W2) - Y))


def square_grad(X, Y, W1, W2):
    a1 = np.tanh(np.dot(X, W1))
    delta2 = np.dot(a1, W2) - Y
    delta1 = np.multiply(np.dot(delta2, W2.T), 1 - a1**2)
    return np.dot(X.T, delta1), np.dot(a1.T, delta2)


def square_grad_matmul(X, Y, W1, W2):
    a1 = np.tanh(np.dot(X, W1))
    delta2 = np.dot(a1, W2) - Y
    delta1 = np.dot(np.dot(delta2, W2.T), 1 - a1**2)
    return np.dot(X.T, delta1), np.dot(a1.T, delta2)


def square_grad_product(X, Y, W1, W2):
    a1 = np.tanh(np.dot(X, W1))
    delta2 = np.dot(a1, W2) - Y
    delta1 = np.multiply(np.multiply(delta2, W2.T), 1 - a1**2)
    return np.dot(X.T, delta1), np.dot(a1.T, delta2)


def square_grad_swapped(X, Y, W1, W2):
    a1 = np.tanh(np.dot(X, W1))
    delta2 = np.dot(a1, W2) - Y
    delta1 = np.multiply(np.dot(delta2, W2.T), 1 - a1**2)
    return np.dot(delta1, X.T), np.dot(a1.T, delta2)


def square_grad_W1(X, Y, W1, W2):
    a1 = np.tanh(np.dot(X, W1))
    delta2 = np.dot(a1, W2) - Y
    delta1 = np.multiply(np.dot(delta2, W1.T), 1 - a1**2)
    return np.dot(X.T, delta1), np.dot(a1.T, delta2)


# A quadratic form, and one that is made symmetric: there the transpose makes no difference.


def quadratic(x, A):
    return x @ A @ x


def quadratic_grad(x, A):
    return A @ x + A.T @ x


def quadratic_grad_symmetric(x, A):
    return 2 * A @ x


def symmetric(x, A):
    S = (A + A.T) / 2
    return 0.5 * x @ S @ x


def symmetric_grad(x, A):
    S = (A + A.T) / 2
    return S @ x, 0.5 * np.outer(x, x)


def symmetric_grad_half(x, A):
    S = (A + A.T) / 2
    return 0.5 * S @ x, 0.5 * np.outer(x, x)


# A residual layer; the mean is over all entries, not over the rows alone.


def residual_cost(X, Y, W, b):
    out = X + np.log1p(np.exp(X @ W + b))
    return np.mean((out - Y) ** 2)


def residual_grad(X, Y, W, b):
    z = X @ W + b
    d = 2 * (X + np.log1p(np.exp(z)) - Y) / Y.size
    dz = d / (1 + np.exp(-z))
    return {"X": d + dz @ W.T, "W": X.T @ dz, "b": dz.sum(axis=0)}


def residual_grad_rows(X, Y, W, b):
    z = X @ W + b
    d = 2 * (X + np.log1p(np.exp(z)) - Y) / Y.shape[0]
    dz = d / (1 + np.exp(-z))
    return {"X": d + dz @ W.T, "W": X.T @ dz, "b": dz.sum(axis=0)}


def residual_grad_no_skip(X, Y, W, b):
    z = X @ W + b
    d = 2 * (X + np.log1p(np.exp(z)) - Y) / Y.size
    dz = d / (1 + np.exp(-z))
    return {"X": dz @ W.T, "W": X.T @ dz, "b": dz.sum(axis=0)}


def residual_grad_no_T(X, Y, W, b):
    z = X @ W + b
    d = 2 * (X + np.log1p(np.exp(z)) - Y) / Y.size
    dz = d / (1 + np.exp(-z))
    return {"X": d + dz @ W, "W": X.T @ dz, "b": dz.sum(axis=0)}


# Arguments are changed: the data are centred in place, a step is taken, before the gradient or after.


def centred_cost(X, y, w):
    X -= X.mean(axis=0)
    return 0.5 * np.sum((X @ w - y) ** 2)


def centred_grad(X, y, w):
    X -= X.mean(axis=0)
    return X.T @ (X @ w - y)


def centred_grad_not(X, y, w):
    return X.T @ (X @ w - y)


def step_cost(X, y, W, v):
    return 0.5 * np.mean((np.maximum(X @ W, 0) @ v - y) ** 2)


def step_after(X, y, W, v, eta=0.1):
    z = X @ W
    a = np.maximum(z, 0)
    d = (a @ v - y) / len(y)
    dv = a.T @ d
    dW = X.T @ (np.outer(d, v) * (z > 0))
    W -= eta * dW
    v -= eta * dv
    return dW, dv


def step_before(X, y, W, v, eta=0.1):
    z = X @ W
    a = np.maximum(z, 0)
    d = (a @ v - y) / len(y)
    dv = a.T @ d
    v -= eta * dv
    dW = X.T @ (np.outer(d, v) * (z > 0))
    W -= eta * dW
    return dW, dv


# It prints as it goes.


def loud_cost(X, y, w):
    p = 1 / (1 + np.exp(-X @ w))
    J = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    print("cost:", J)
    return J


def loud_grad(X, y, w):
    p = 1 / (1 + np.exp(-X @ w))
    grad = np.dot(X.T, p - y) / y.size
    print("gradient has shape", grad.shape)
    return grad


def loud_grad_no_y(X, y, w):
    p = 1 / (1 + np.exp(-X @ w))
    grad = np.dot(X.T, p) / y.size
    print("gradient has shape", grad.shape)
    return grad


# The backward pass takes what the last forward pass left.


class Lazy:
    def loss(self, X, y):
        self.z = X.dot(self.W) + self.b
        self.a = self.z * (self.z > 0)
        self.e = self.a.dot(self.v) - y
        return 0.5 * self.e.dot(self.e)

    def backward(self, X, y):
        da = np.outer(self.e, self.v)
        dz = da * (self.z > 0)
        return {"W": X.T.dot(dz), "b": dz.sum(0), "v": self.a.T.dot(self.e)}


class LazyAll(Lazy):
    def backward(self, X, y):
        da = np.outer(self.e, self.v)
        dz = da * (self.z > 0)
        return {"W": X.T.dot(dz), "b": dz.sum(), "v": self.a.T.dot(self.e)}


# Dropout: the same mask each time, and another one each time.


def fixed_dropout_cost(X, y, W, v):
    np.random.seed(1)
    h = np.tanh(X @ W)
    D = np.random.rand(*h.shape) < 0.8
    return np.sum((h * D / 0.8 @ v - y) ** 2)


def fixed_dropout_grad(X, y, W, v):
    np.random.seed(1)
    h = np.tanh(X @ W)
    D = np.random.rand(*h.shape) < 0.8
    d = 2 * (h * D / 0.8 @ v - y)
    return X.T @ (np.outer(d, v) * D / 0.8 * (1 - h**2)), (h * D / 0.8).T @ d


def fixed_dropout_grad_no_mask(X, y, W, v):
    np.random.seed(1)
    h = np.tanh(X @ W)
    D = np.random.rand(*h.shape) < 0.8
    d = 2 * (h * D / 0.8 @ v - y)
    return X.T @ (np.outer(d, v) * (1 - h**2)), (h * D / 0.8).T @ d


def dropout_cost(X, y, W, v):
    h = np.tanh(X @ W)
    D = np.random.rand(*h.shape) < 0.8
    return np.sum((h * D / 0.8 @ v - y) ** 2)


def dropout_grad(X, y, W, v):
    h = np.tanh(X @ W)
    D = np.random.rand(*h.shape) < 0.8
    d = 2 * (h * D / 0.8 @ v - y)
    return X.T @ (np.outer(d, v) * D / 0.8 * (1 - h**2)), (h * D / 0.8).T @ d


# It was written for five examples.


def five_cost(X, y, w, b):
    pred = np.dot(X, w) + np.dot(np.ones((5, 1)), b)
    return 0.5 * np.sum((pred - y) ** 2)


def five_grad(X, y, w, b):
    pred = np.dot(X, w) + np.dot(np.ones((5, 1)), b)
    return np.dot(X.T, pred - y), np.dot(np.ones((1, 5)), pred - y)


SQUARE = {name: ("H", "H") for name in ("X", "Y", "W1", "W2")}
LINEAR = {"X": ("N", "D"), "y": ("N",), "w": ("D",)}
HIDDEN = {"X": ("N", "D"), "y": ("N",), "W": ("D", "H"), "v": ("H",)}
lazy = Lazy()

CASES: list[Case] = [
    *family(
        "all square",
        square_cost,
        square_grad,
        SQUARE,
        ["W1", "W2"],
        [
            Planted("dot for multiply", square_grad_matmul, (Kind.PRODUCT,)),
            Planted("multiply for dot", square_grad_product, (Kind.PRODUCT,)),
            Planted("delta1 X.T", square_grad_swapped, (Kind.ORDER,)),
            Planted("W1 for W2", square_grad_W1, (Kind.QUANTITY,)),
        ],
    ),
    *family(
        "quadratic form",
        quadratic,
        quadratic_grad,
        {"x": ("D",), "A": ("D", "D")},
        ["x"],
        [Planted("as if symmetric", quadratic_grad_symmetric, (Kind.TRANSPOSE,))],
    ),
    *family(
        "symmetric form",
        symmetric,
        symmetric_grad,
        {"x": ("D",), "A": ("D", "D")},
        ["x", "A"],
        [Planted("half", symmetric_grad_half, (Kind.NUMBER,))],
    ),
    *family(
        "residual layer",
        residual_cost,
        residual_grad,
        {"X": ("N", "D"), "Y": ("N", "D"), "W": ("D", "D"), "b": ("D",)},
        ["X", "W", "b"],
        [
            Planted("mean over rows", residual_grad_rows, (Kind.MEAN,)),
            Planted(
                "skip dropped",
                residual_grad_no_skip,
                (Kind.MISSING_PATH,),
            ),
            Planted("W not transposed", residual_grad_no_T, (Kind.TRANSPOSE,)),
        ],
    ),
    *family(
        "centred in place",
        centred_cost,
        centred_grad,
        LINEAR,
        ["w"],
        [Planted("not centred", centred_grad_not, (Kind.QUANTITY,))],
    ),
    *family(
        "a step is taken",
        step_cost,
        step_after,
        HIDDEN,
        ["W", "v"],
        [Planted("before the gradient", step_before, (Kind.UPDATED,))],
    ),
    *family(
        "it prints",
        loud_cost,
        loud_grad,
        LINEAR,
        ["w"],
        [Planted("y missing", loud_grad_no_y, (Kind.MISSING_FACTOR,))],
    ),
    *family(
        "backward after forward",
        lazy.loss,
        lazy.backward,
        {"X": ("N", "D"), "y": ("N",)},
        ["W", "b", "v"],
        [of("b summed over all", LazyAll, (Kind.EXTRA_SUM,), "loss", "backward")],
        attributes={"W": ("D", "H"), "b": ("H",), "v": ("H",)},
    ),
    *family(
        "dropout with a seed",
        fixed_dropout_cost,
        fixed_dropout_grad,
        HIDDEN,
        ["W", "v"],
        [
            Planted(
                "mask left out",
                fixed_dropout_grad_no_mask,
                (Kind.MISSING_FACTOR,),
            )
        ],
    ),
    *family("dropout", dropout_cost, dropout_grad, HIDDEN, ["W", "v"], [], verdict="undecided"),
    *family(
        "five examples",
        five_cost,
        five_grad,
        {"X": ("N", "D"), "y": ("N", "K"), "w": ("D", "K"), "b": (1, "K")},
        ["w", "b"],
        [],
        verdict="undecided",
    ),
]
