"""Layers as functions with caches, or as objects, put together into a network."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family

# Each layer has a forward function, which returns a cache, and a backward function, which takes it.


def affine_forward(x, w, b):
    out = x.dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def affine_backward_mean(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = np.mean(dout, axis=0)
    return dx, dw, db


def affine_backward_axis(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = np.sum(dout, axis=1)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    x = cache
    dx = dout.copy()
    dx[x <= 0] = 0
    return dx


def relu_backward_of_dout(dout, cache):
    dx = dout.copy()
    dx[dout <= 0] = 0
    return dx


def relu_backward_missing(dout, cache):
    return dout


def fc_forward(X, W1, b1, W2, b2):
    a, fc1 = affine_forward(X, W1, b1)
    h, relu1 = relu_forward(a)
    scores, fc2 = affine_forward(h, W2, b2)
    return scores, (fc1, relu1, fc2)


def fc_cost(X, T, W1, b1, W2, b2):
    scores, _ = fc_forward(X, W1, b1, W2, b2)
    return np.sum((scores - T) ** 2) / X.shape[0]


def fc_grads(X, T, W1, b1, W2, b2):
    scores, (fc1, relu1, fc2) = fc_forward(X, W1, b1, W2, b2)
    dscores = 2 * (scores - T) / X.shape[0]
    dh, dW2, db2 = affine_backward(dscores, fc2)
    da = relu_backward(dh, relu1)
    dx, dW1, db1 = affine_backward(da, fc1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def fc_grads_bias_mean(X, T, W1, b1, W2, b2):
    scores, (fc1, relu1, fc2) = fc_forward(X, W1, b1, W2, b2)
    dscores = 2 * (scores - T) / X.shape[0]
    dh, dW2, db2 = affine_backward_mean(dscores, fc2)
    da = relu_backward(dh, relu1)
    dx, dW1, db1 = affine_backward_mean(da, fc1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def fc_grads_bias_axis(X, T, W1, b1, W2, b2):
    scores, (fc1, relu1, fc2) = fc_forward(X, W1, b1, W2, b2)
    dscores = 2 * (scores - T) / X.shape[0]
    dh, dW2, db2 = affine_backward_axis(dscores, fc2)
    da = relu_backward(dh, relu1)
    dx, dW1, db1 = affine_backward_axis(da, fc1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def fc_grads_relu_of_dout(X, T, W1, b1, W2, b2):
    scores, (fc1, relu1, fc2) = fc_forward(X, W1, b1, W2, b2)
    dscores = 2 * (scores - T) / X.shape[0]
    dh, dW2, db2 = affine_backward(dscores, fc2)
    da = relu_backward_of_dout(dh, relu1)
    dx, dW1, db1 = affine_backward(da, fc1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def fc_grads_no_relu(X, T, W1, b1, W2, b2):
    scores, (fc1, relu1, fc2) = fc_forward(X, W1, b1, W2, b2)
    dscores = 2 * (scores - T) / X.shape[0]
    dh, dW2, db2 = affine_backward(dscores, fc2)
    da = relu_backward_missing(dh, relu1)
    dx, dW1, db1 = affine_backward(da, fc1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


# Layers as objects, with forward and backward.


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        self.X = X
        return self.W @ X + self.b

    def backward(self, grad):
        self.gW = grad @ self.X.T
        self.gb = grad.sum(axis=1, keepdims=True)
        return self.W.T @ grad


class LinearNoSum(Linear):
    def backward(self, grad):
        self.gW = grad @ self.X.T
        self.gb = grad
        return self.W.T @ grad


class Sigmoid:
    def forward(self, Z):
        self.A = 1 / (1 + np.exp(-Z))
        return self.A

    def backward(self, grad):
        return grad * self.A * (1 - self.A)


class SigmoidTwice(Sigmoid):
    def backward(self, grad):
        slope = self.A * (1 - self.A)
        return grad * slope * slope


class SigmoidOfA(Sigmoid):
    def backward(self, grad):
        s = 1 / (1 + np.exp(-self.A))
        return grad * s * (1 - s)


class SigmoidForward(Sigmoid):
    def backward(self, grad):
        return grad * self.A


def objects_cost(X, Y, W1, b1, W2, b2):
    out = X
    for layer in [Linear(W1, b1), Sigmoid(), Linear(W2, b2), Sigmoid()]:
        out = layer.forward(out)
    return np.sum((out - Y) ** 2) / (2 * X.shape[1])


def objects_grad(X, Y, W1, b1, W2, b2):
    layers = [Linear(W1, b1), Sigmoid(), Linear(W2, b2), Sigmoid()]
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = (out - Y) / X.shape[1]
    for layer in layers[::-1]:
        grad = layer.backward(grad)
    return layers[0].gW, layers[0].gb, layers[2].gW, layers[2].gb


def objects_grad_not_summed(X, Y, W1, b1, W2, b2):
    layers = [Linear(W1, b1), Sigmoid(), LinearNoSum(W2, b2), Sigmoid()]
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = (out - Y) / X.shape[1]
    for layer in layers[::-1]:
        grad = layer.backward(grad)
    return layers[0].gW, layers[0].gb, layers[2].gW, layers[2].gb


def objects_grad_twice(X, Y, W1, b1, W2, b2):
    layers = [Linear(W1, b1), Sigmoid(), Linear(W2, b2), SigmoidTwice()]
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = (out - Y) / X.shape[1]
    for layer in layers[::-1]:
        grad = layer.backward(grad)
    return layers[0].gW, layers[0].gb, layers[2].gW, layers[2].gb


def objects_grad_of_output(X, Y, W1, b1, W2, b2):
    layers = [Linear(W1, b1), SigmoidOfA(), Linear(W2, b2), Sigmoid()]
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = (out - Y) / X.shape[1]
    for layer in layers[::-1]:
        grad = layer.backward(grad)
    return layers[0].gW, layers[0].gb, layers[2].gW, layers[2].gb


def objects_grad_forward(X, Y, W1, b1, W2, b2):
    layers = [Linear(W1, b1), SigmoidForward(), Linear(W2, b2), Sigmoid()]
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = (out - Y) / X.shape[1]
    for layer in layers[::-1]:
        grad = layer.backward(grad)
    return layers[0].gW, layers[0].gb, layers[2].gW, layers[2].gb


# Caches in a list, a loop over the layers, and A - Y over A(1 - A) at the end.


def L_model_cost(X, Y, W1, b1, W2, b2, lambd):
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    A = X
    for l in range(1, 3):
        Z = np.dot(parameters["W" + str(l)], A) + parameters["b" + str(l)]
        A = np.tanh(Z) if l < 2 else 1 / (1 + np.exp(-Z))
    m = float(Y.shape[1])
    J = (1.0 / m) * (-np.dot(Y, np.log(A).T) - np.dot(1 - Y, np.log(1 - A).T))
    return np.squeeze(J) + lambd / (2 * m) * (np.sum(np.square(W1)) + np.sum(np.square(W2)))


def L_model_backward(X, Y, W1, b1, W2, b2, lambd):
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    caches = []
    A = X
    for l in range(1, 3):
        A_prev = A
        Z = np.dot(parameters["W" + str(l)], A_prev) + parameters["b" + str(l)]
        A = np.tanh(Z) if l < 2 else 1 / (1 + np.exp(-Z))
        caches.append((A_prev, parameters["W" + str(l)], Z))
    m = float(Y.shape[1])
    grads = {}
    dA = -(np.divide(Y, A) - np.divide(1 - Y, 1 - A))
    for l in reversed(range(2)):
        A_prev, W, Z = caches[l]
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s) if l == 1 else dA * (1 - np.tanh(Z) ** 2)
        grads["dW" + str(l + 1)] = np.dot(dZ, A_prev.T) / m + lambd / m * W
        grads["db" + str(l + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        dA = np.dot(W.T, dZ)
    return grads


def L_model_backward_lambd(X, Y, W1, b1, W2, b2, lambd):
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    caches = []
    A = X
    for l in range(1, 3):
        A_prev = A
        Z = np.dot(parameters["W" + str(l)], A_prev) + parameters["b" + str(l)]
        A = np.tanh(Z) if l < 2 else 1 / (1 + np.exp(-Z))
        caches.append((A_prev, parameters["W" + str(l)], Z))
    m = float(Y.shape[1])
    grads = {}
    dA = -(np.divide(Y, A) - np.divide(1 - Y, 1 - A))
    for l in reversed(range(2)):
        A_prev, W, Z = caches[l]
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s) if l == 1 else dA * (1 - np.tanh(Z) ** 2)
        grads["dW" + str(l + 1)] = np.dot(dZ, A_prev.T) / m + lambd / (2 * m) * W
        grads["db" + str(l + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        dA = np.dot(W.T, dZ)
    return grads


def L_model_backward_plus(X, Y, W1, b1, W2, b2, lambd):
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    caches = []
    A = X
    for l in range(1, 3):
        A_prev = A
        Z = np.dot(parameters["W" + str(l)], A_prev) + parameters["b" + str(l)]
        A = np.tanh(Z) if l < 2 else 1 / (1 + np.exp(-Z))
        caches.append((A_prev, parameters["W" + str(l)], Z))
    m = float(Y.shape[1])
    grads = {}
    dA = -(np.divide(Y, A) + np.divide(1 - Y, 1 - A))
    for l in reversed(range(2)):
        A_prev, W, Z = caches[l]
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s) if l == 1 else dA * (1 - np.tanh(Z) ** 2)
        grads["dW" + str(l + 1)] = np.dot(dZ, A_prev.T) / m + lambd / m * W
        grads["db" + str(l + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        dA = np.dot(W.T, dZ)
    return grads


COLUMNS = {"X": ("D", "m"), "Y": ("K", "m"), "W1": ("H", "D"), "b1": ("H", 1), "W2": ("K", "H"), "b2": ("K", 1)}

CASES = [
    *family(
        "layers as functions",
        fc_cost,
        fc_grads,
        {"X": ("N", "D"), "T": ("N", "K"), "W1": ("D", "H"), "b1": ("H",), "W2": ("H", "K"), "b2": ("K",)},
        ["W1", "b1", "W2", "b2"],
        [
            Planted("biases averaged", fc_grads_bias_mean, (Kind.MEAN,)),
            Planted("biases over the wrong axis", fc_grads_bias_axis, (Kind.MISSING_SUM, Kind.SHAPE)),
            Planted(
                "relu of the gradient",
                fc_grads_relu_of_dout,
                (Kind.DERIVATIVE_ARGUMENT, Kind.MISSING_DERIVATIVE),
            ),
            Planted("relu forgotten", fc_grads_no_relu, (Kind.MISSING_DERIVATIVE,)),
        ],
    ),
    *family(
        "layers as objects",
        objects_cost,
        objects_grad,
        COLUMNS,
        ["W1", "b1", "W2", "b2"],
        [
            Planted("bias not summed", objects_grad_not_summed, (Kind.MISSING_SUM,)),
            Planted("slope twice", objects_grad_twice, (Kind.REPEATED_DERIVATIVE,)),
            Planted("slope at the output", objects_grad_of_output, (Kind.DERIVATIVE_ARGUMENT,)),
            Planted("sigmoid for its slope", objects_grad_forward, (Kind.FUNCTION_FOR_DERIVATIVE,)),
        ],
    ),
    *family(
        "caches in a list",
        L_model_cost,
        L_model_backward,
        COLUMNS | {"Y": (1, "m"), "W2": (1, "H"), "b2": (1, 1)},
        ["W1", "b1", "W2", "b2"],
        [
            Planted("half the penalty", L_model_backward_lambd, (Kind.PENALTY,)),
            Planted("plus between the terms", L_model_backward_plus, (Kind.SIGN,)),
        ],
        scalars=("lambd",),
    ),
]
