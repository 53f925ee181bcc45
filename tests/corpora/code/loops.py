"""Loops over examples, over layers and over units."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


# One example after the other, gradients are added up.


def sum_cost(X, Y, W1, b1, W2, b2):
    J = 0
    for i in range(X.shape[0]):
        h = sigmoid(np.dot(W1, X[i]) + b1)
        o = np.dot(W2, h) + b2
        J += 0.5 * np.sum((o - Y[i]) ** 2)
    return J


def sum_grad(X, Y, W1, b1, W2, b2):
    dW1 = np.zeros(W1.shape)
    db1 = np.zeros(b1.shape)
    dW2 = np.zeros(W2.shape)
    db2 = np.zeros(b2.shape)
    for i in range(X.shape[0]):
        x = X[i]
        h = sigmoid(np.dot(W1, x) + b1)
        o = np.dot(W2, h) + b2
        d2 = o - Y[i]
        dW2 += np.outer(d2, h)
        db2 += d2
        d1 = np.dot(W2.T, d2) * h * (1 - h)
        dW1 += np.outer(d1, x)
        db1 += d1
    return dW1, db1, dW2, db2


def sum_grad_last(X, Y, W1, b1, W2, b2):
    dW1 = np.zeros(W1.shape)
    db1 = np.zeros(b1.shape)
    dW2 = np.zeros(W2.shape)
    db2 = np.zeros(b2.shape)
    for i in range(X.shape[0]):
        x = X[i]
        h = sigmoid(np.dot(W1, x) + b1)
        o = np.dot(W2, h) + b2
        d2 = o - Y[i]
        dW2 += np.outer(d2, h)
        db2 += d2
        d1 = np.dot(W2.T, d2) * h * (1 - h)
        dW1 += np.outer(d1, x)
        db1 = d1
    return dW1, db1, dW2, db2


def sum_grad_updates(X, Y, W1, b1, W2, b2):
    dW1 = np.zeros(W1.shape)
    db1 = np.zeros(b1.shape)
    dW2 = np.zeros(W2.shape)
    db2 = np.zeros(b2.shape)
    for i in range(X.shape[0]):
        x = X[i]
        h = sigmoid(np.dot(W1, x) + b1)
        o = np.dot(W2, h) + b2
        d2 = o - Y[i]
        dW2 += np.outer(d2, h)
        db2 += d2
        W2 = W2 - 0.01 * np.outer(d2, h)
        d1 = np.dot(W2.T, d2) * h * (1 - h)
        dW1 += np.outer(d1, x)
        db1 += d1
    return dW1, db1, dW2, db2


def sum_grad_outer(X, Y, W1, b1, W2, b2):
    dW1 = np.zeros(W1.shape)
    db1 = np.zeros(b1.shape)
    dW2 = np.zeros(W2.shape)
    db2 = np.zeros(b2.shape)
    for i in range(X.shape[0]):
        x = X[i]
        h = sigmoid(np.dot(W1, x) + b1)
        o = np.dot(W2, h) + b2
        d2 = o - Y[i]
        dW2 += np.outer(h, d2).reshape(W2.shape)
        db2 += d2
        d1 = np.dot(W2.T, d2) * h * (1 - h)
        dW1 += np.outer(d1, x)
        db1 += d1
    return dW1, db1, dW2, db2


ROWS = {"X": ("N", "D"), "Y": ("N", "K"), "W1": ("H", "D"), "b1": ("H",), "W2": ("K", "H"), "b2": ("K",)}


# Loops over layers, with lists of zs and activations; x is one column.


def list_cost(x, y, w1, w2, w3, b1, b2, b3):
    activation = x
    for w, b in zip([w1, w2, w3], [b1, b2, b3]):
        activation = sigmoid(np.dot(w, activation) + b)
    return 0.5 * np.sum((activation - y) ** 2)


def list_backprop(x, y, w1, w2, w3, b1, b2, b3):
    weights, biases = [w1, w2, w3], [b1, b2, b3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for l in range(2, len(weights) + 1):
        z = zs[-l]
        sp = sigmoid_prime(z)
        delta = np.dot(weights[-l + 1].transpose(), delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
    return nabla_w + nabla_b


def list_backprop_z_before(x, y, w1, w2, w3, b1, b2, b3):
    weights, biases = [w1, w2, w3], [b1, b2, b3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for l in range(2, len(weights) + 1):
        z = zs[-2]
        sp = sigmoid_prime(z)
        delta = np.dot(weights[-l + 1].transpose(), delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
    return nabla_w + nabla_b


def list_backprop_no_last_slope(x, y, w1, w2, w3, b1, b2, b3):
    weights, biases = [w1, w2, w3], [b1, b2, b3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = activations[-1] - y
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for l in range(2, len(weights) + 1):
        z = zs[-l]
        sp = sigmoid_prime(z)
        delta = np.dot(weights[-l + 1].transpose(), delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
    return nabla_w + nabla_b


def list_backprop_prime_of_a(x, y, w1, w2, w3, b1, b2, b3):
    weights, biases = [w1, w2, w3], [b1, b2, b3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = (activations[-1] - y) * sigmoid_prime(activations[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for l in range(2, len(weights) + 1):
        delta = np.dot(weights[-l + 1].transpose(), delta) * sigmoid_prime(activations[-l])
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
    return nabla_w + nabla_b


# All hidden layers are of one width: a loop that takes the wrong one still runs.
LAYERS = {
    "x": ("D", 1),
    "y": ("K", 1),
    "w1": ("H", "D"),
    "w2": ("H", "H"),
    "w3": ("K", "H"),
    "b1": ("H", 1),
    "b2": ("H", 1),
    "b3": ("K", 1),
}


# Unit by unit, as on paper.


def unit_cost(x, t, v, w):
    J = 0.0
    hidden = []
    for j in range(v.shape[0]):
        net = 0.0
        for i in range(len(x)):
            net += v[j, i] * x[i]
        hidden.append(np.tanh(net))
    for k in range(w.shape[0]):
        out = sum(w[k, j] * hidden[j] for j in range(len(hidden)))
        J += (t[k] - out) ** 2 / 2
    return J


def unit_grad(x, t, v, w):
    hidden = np.tanh(np.dot(v, x))
    out = np.dot(w, hidden)
    dv = np.zeros_like(v)
    dw = np.zeros_like(w)
    for k in range(w.shape[0]):
        for j in range(w.shape[1]):
            dw[k, j] = -(t[k] - out[k]) * hidden[j]
    for j in range(v.shape[0]):
        back = 0.0
        for k in range(w.shape[0]):
            back += -(t[k] - out[k]) * w[k, j]
        for i in range(v.shape[1]):
            dv[j, i] = back * (1 - hidden[j] ** 2) * x[i]
    return {"dv": dv, "dw": dw}


def unit_grad_not_summed(x, t, v, w):
    hidden = np.tanh(np.dot(v, x))
    out = np.dot(w, hidden)
    dv = np.zeros_like(v)
    dw = np.zeros_like(w)
    for k in range(w.shape[0]):
        for j in range(w.shape[1]):
            dw[k, j] = -(t[k] - out[k]) * hidden[j]
    for j in range(v.shape[0]):
        for k in range(w.shape[0]):
            back = -(t[k] - out[k]) * w[k, j]
        for i in range(v.shape[1]):
            dv[j, i] = back * (1 - hidden[j] ** 2) * x[i]
    return {"dv": dv, "dw": dw}


def unit_grad_sign(x, t, v, w):
    hidden = np.tanh(np.dot(v, x))
    out = np.dot(w, hidden)
    dv = np.zeros_like(v)
    dw = np.zeros_like(w)
    for k in range(w.shape[0]):
        for j in range(w.shape[1]):
            dw[k, j] = -(t[k] - out[k]) * hidden[j]
    for j in range(v.shape[0]):
        back = 0.0
        for k in range(w.shape[0]):
            back += (t[k] - out[k]) * w[k, j]
        for i in range(v.shape[1]):
            dv[j, i] = back * (1 - hidden[j] ** 2) * x[i]
    return {"dv": dv, "dw": dw}


def unit_grad_hidden_for_x(x, t, v, w):
    hidden = np.tanh(np.dot(v, x))
    out = np.dot(w, hidden)
    dv = np.zeros_like(v)
    dw = np.zeros_like(w)
    for k in range(w.shape[0]):
        for j in range(w.shape[1]):
            dw[k, j] = -(t[k] - out[k]) * hidden[j]
    for j in range(v.shape[0]):
        back = 0.0
        for k in range(w.shape[0]):
            back += -(t[k] - out[k]) * w[k, j]
        for i in range(v.shape[1]):
            dv[j, i] = back * (1 - hidden[j] ** 2) * hidden[j]
    return {"dv": dv, "dw": dw}


CASES = [
    *family(
        "example by example",
        sum_cost,
        sum_grad,
        ROWS,
        ["W1", "b1", "W2", "b2"],
        [
            Planted(
                "db1 of the last alone",
                sum_grad_last,
                (Kind.MISSING_SUM, Kind.MISSING_PATH),
            ),
            Planted("W2 updated in the loop", sum_grad_updates, (Kind.UPDATED,)),
            Planted("outer product turned", sum_grad_outer, (Kind.TRANSPOSE, Kind.ORDER)),
        ],
    ),
    *family(
        "lists of layers",
        list_cost,
        list_backprop,
        LAYERS,
        ["w1", "w2", "w3", "b1", "b2", "b3"],
        [
            Planted("always zs[-2]", list_backprop_z_before, (Kind.QUANTITY,)),
            Planted("no slope of the last", list_backprop_no_last_slope, (Kind.MISSING_DERIVATIVE,)),
            Planted("sigmoid_prime of activations", list_backprop_prime_of_a, (Kind.DERIVATIVE_ARGUMENT,)),
        ],
    ),
    *family(
        "unit by unit",
        unit_cost,
        unit_grad,
        {"x": ("D",), "t": ("K",), "v": ("H", "D"), "w": ("K", "H")},
        ["v", "w"],
        [
            Planted(
                "back not summed",
                unit_grad_not_summed,
                (Kind.MISSING_SUM,),
            ),
            Planted("sign of back", unit_grad_sign, (Kind.SIGN,)),
            Planted("hidden for x", unit_grad_hidden_for_x, (Kind.QUANTITY,)),
        ],
    ),
]
