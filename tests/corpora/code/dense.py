"""Networks of two layers written as functions: examples as rows, as columns, or one vector."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


# Two layers, examples as rows, 1-D biases.


def mlp_cost(X, Y, W1, b1, W2, b2):
    h = sigmoid(X.dot(W1) + b1)
    out = h.dot(W2) + b2
    return 0.5 * np.sum((out - Y) ** 2) / X.shape[0]


def mlp_grads(X, Y, W1, b1, W2, b2):
    N = X.shape[0]
    h = sigmoid(X.dot(W1) + b1)
    out = h.dot(W2) + b2
    dout = (out - Y) / N
    grads = {}
    grads["W2"] = h.T.dot(dout)
    grads["b2"] = np.sum(dout, axis=0)
    dh = dout.dot(W2.T)
    dz = dh * h * (1 - h)
    grads["W1"] = X.T.dot(dz)
    grads["b1"] = np.sum(dz, axis=0)
    return grads


def mlp_grads_no_slope(X, Y, W1, b1, W2, b2):
    N = X.shape[0]
    h = sigmoid(X.dot(W1) + b1)
    out = h.dot(W2) + b2
    dout = (out - Y) / N
    grads = {}
    grads["W2"] = h.T.dot(dout)
    grads["b2"] = np.sum(dout, axis=0)
    dh = dout.dot(W2.T)
    grads["W1"] = X.T.dot(dh)
    grads["b1"] = np.sum(dh, axis=0)
    return grads


def mlp_grads_f_for_slope(X, Y, W1, b1, W2, b2):
    N = X.shape[0]
    h = sigmoid(X.dot(W1) + b1)
    out = h.dot(W2) + b2
    dout = (out - Y) / N
    grads = {}
    grads["W2"] = h.T.dot(dout)
    grads["b2"] = np.sum(dout, axis=0)
    dh = dout.dot(W2.T)
    dz = dh * h
    grads["W1"] = X.T.dot(dz)
    grads["b1"] = np.sum(dz, axis=0)
    return grads


def mlp_grads_not_summed(X, Y, W1, b1, W2, b2):
    N = X.shape[0]
    h = sigmoid(X.dot(W1) + b1)
    out = h.dot(W2) + b2
    dout = (out - Y) / N
    grads = {}
    grads["W2"] = h.T.dot(dout)
    grads["b2"] = np.sum(dout, axis=0)
    dh = dout.dot(W2.T)
    dz = dh * h * (1 - h)
    grads["W1"] = X.T.dot(dz)
    grads["b1"] = dz
    return grads


def mlp_grads_no_mean(X, Y, W1, b1, W2, b2):
    h = sigmoid(X.dot(W1) + b1)
    out = h.dot(W2) + b2
    dout = out - Y
    grads = {}
    grads["W2"] = h.T.dot(dout)
    grads["b2"] = np.sum(dout, axis=0)
    dh = dout.dot(W2.T)
    dz = dh * h * (1 - h)
    grads["W1"] = X.T.dot(dz)
    grads["b1"] = np.sum(dz, axis=0)
    return grads


MLP = {"X": ("N", "D"), "Y": ("N", "K"), "W1": ("D", "H"), "b1": ("H",), "W2": ("H", "K"), "b2": ("K",)}


# Two layers, examples as columns: tanh, then a sigmoid with cross-entropy.


def forward_propagation(X, W1, b1, W2, b2):
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def planar_cost(X, Y, W1, b1, W2, b2):
    m = Y.shape[1]
    A2, cache = forward_propagation(X, W1, b1, W2, b2)
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = -1 / m * np.sum(logprobs)
    return float(np.squeeze(cost))


def planar_backward(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A2, cache = forward_propagation(X, W1, b1, W2, b2)
    A1 = cache["A1"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def planar_backward_slope_of_output(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A2, cache = forward_propagation(X, W1, b1, W2, b2)
    A1 = cache["A1"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(np.tanh(A1), 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def planar_backward_no_square(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A2, cache = forward_propagation(X, W1, b1, W2, b2)
    A1 = cache["A1"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - A1)
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def planar_backward_whole_sum(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A2, cache = forward_propagation(X, W1, b1, W2, b2)
    A1 = cache["A1"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def planar_backward_neighbour(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A2, cache = forward_propagation(X, W1, b1, W2, b2)
    A1 = cache["A1"]
    Z1 = cache["Z1"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, Z1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


PLANAR = {"X": ("D", "m"), "Y": (1, "m"), "W1": ("H", "D"), "b1": ("H", 1), "W2": (1, "H"), "b2": (1, 1)}


# One example, all vectors 1-D, hidden layers as wide as the input.


def vector_cost(x, t, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    return 0.5 * np.linalg.norm(a2 - t) ** 2


def vector_grad(x, t, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    d2 = (a2 - t) * a2 * (1 - a2)
    d1 = (W2.T @ d2) * a1 * (1 - a1)
    return np.outer(d1, x), d1, np.outer(d2, a1), d2


def vector_grad_outer(x, t, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    d2 = (a2 - t) * a2 * (1 - a2)
    d1 = (W2.T @ d2) * a1 * (1 - a1)
    return np.outer(x, d1), d1, np.outer(a1, d2), d2


def vector_grad_no_T(x, t, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    d2 = (a2 - t) * a2 * (1 - a2)
    d1 = (W2 @ d2) * a1 * (1 - a1)
    return np.outer(d1, x), d1, np.outer(d2, a1), d2


def vector_grad_broadcast(x, t, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    d2 = (a2 - t) * a2 * (1 - a2)
    d1 = (W2.T @ d2) * a1 * (1 - a1)
    return W1 * 0 + d1 * x, d1, W2 * 0 + d2 * a1, d2


def vector_grad_dot(x, t, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    d2 = (a2 - t) * a2 * (1 - a2)
    d1 = np.dot(W2.T @ d2, a1) * (1 - a1)
    return np.outer(d1, x), d1, np.outer(d2, a1), d2


# Swish, with a step that is taken on the way back.


def swish_loss(X, Y, W, V):
    Z = X @ W
    out = (Z * sigmoid(Z)) @ V
    return np.sum((out - Y) ** 2) / Y.size


def swish_backward(X, Y, W, V):
    Z = X @ W
    S = sigmoid(Z)
    out = (Z * S) @ V
    d = 2 * (out - Y) / Y.size
    dV = (Z * S).T @ d
    dZ = (d @ V.T) * (S + Z * S * (1 - S))
    return {"grad_W": X.T @ dZ, "grad_V": dV}


def swish_backward_one_term(X, Y, W, V):
    Z = X @ W
    S = sigmoid(Z)
    out = (Z * S) @ V
    d = 2 * (out - Y) / Y.size
    dV = (Z * S).T @ d
    dZ = (d @ V.T) * S
    return {"grad_W": X.T @ dZ, "grad_V": dV}


def swish_backward_twice(X, Y, W, V):
    Z = X @ W
    S = sigmoid(Z)
    out = (Z * S) @ V
    d = 2 * (out - Y) / Y.size
    dV = (Z * S).T @ d
    slope = S + Z * S * (1 - S)
    dA = (d @ V.T) * slope
    dZ = dA * slope
    return {"grad_W": X.T @ dZ, "grad_V": dV}


def swish_backward_new_V(X, Y, W, V):
    Z = X @ W
    S = sigmoid(Z)
    out = (Z * S) @ V
    d = 2 * (out - Y) / Y.size
    dV = (Z * S).T @ d
    V = V - 0.5 * dV
    dZ = (d @ V.T) * (S + Z * S * (1 - S))
    return {"grad_W": X.T @ dZ, "grad_V": dV}


CASES = [
    *family(
        "two layers in rows",
        mlp_cost,
        mlp_grads,
        MLP,
        ["W1", "b1", "W2", "b2"],
        [
            Planted("no slope", mlp_grads_no_slope, (Kind.MISSING_DERIVATIVE,)),
            Planted("h for h(1 - h)", mlp_grads_f_for_slope, (Kind.FUNCTION_FOR_DERIVATIVE,)),
            Planted("b1 not summed", mlp_grads_not_summed, (Kind.MISSING_SUM,)),
            Planted("summed", mlp_grads_no_mean, (Kind.MEAN,)),
        ],
    ),
    *family(
        "two layers in columns",
        planar_cost,
        planar_backward,
        PLANAR,
        ["W1", "b1", "W2", "b2"],
        [
            Planted("tanh' of A1", planar_backward_slope_of_output, (Kind.DERIVATIVE_ARGUMENT,)),
            Planted("1 - A1", planar_backward_no_square, (Kind.DERIVATIVE_FORMULA,)),
            Planted("b1 summed over all", planar_backward_whole_sum, (Kind.MISSING_SUM, Kind.EXTRA_SUM)),
            Planted("Z1 for A1", planar_backward_neighbour, (Kind.QUANTITY,)),
        ],
    ),
    *family(
        "one example",
        vector_cost,
        vector_grad,
        {"x": ("H",), "t": ("H",), "W1": ("H", "H"), "b1": ("H",), "W2": ("H", "H"), "b2": ("H",)},
        ["W1", "b1", "W2", "b2"],
        [
            Planted("outer products swapped", vector_grad_outer, (Kind.ORDER, Kind.TRANSPOSE)),
            Planted("W2 not transposed", vector_grad_no_T, (Kind.TRANSPOSE,)),
            Planted(
                "product for outer product",
                vector_grad_broadcast,
                (Kind.PRODUCT,),
            ),
            Planted("dot for product", vector_grad_dot, (Kind.PRODUCT,)),
        ],
    ),
    *family(
        "swish",
        swish_loss,
        swish_backward,
        {"X": ("N", "D"), "Y": ("N", "K"), "W": ("D", "H"), "V": ("H", "K")},
        ["W", "V"],
        [
            Planted(
                "one term of the slope",
                swish_backward_one_term,
                (Kind.MISSING_PATH,),
            ),
            Planted("slope twice", swish_backward_twice, (Kind.REPEATED_DERIVATIVE,)),
            Planted("V updated first", swish_backward_new_V, (Kind.UPDATED,)),
        ],
    ),
]
