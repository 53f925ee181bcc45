"""Oracles that share nothing with symbackprop: hand-written forward passes for autograd and for complex steps."""

from functools import partial

import autograd
import autograd.numpy as anp
import numpy as np


def _erf(np_, z):
    """The error function by a series without cancellation, e^(−z²) Σ 2ⁿ z²ⁿ⁺¹ / (1·3·…·(2n + 1)), cut off beyond |z| = 6.

    autograd and complex steps know how to derive its terms.
    """
    inside = np_.abs(np_.real(z)) < 6
    z, sign = z * inside, np_.sign(np_.real(z)) * ~inside
    term, total = z, z
    for n in range(1, 200):
        term = term * 2 * z * z / (2 * n + 1)
        total = total + term
    return 2 / np.pi**0.5 * np_.exp(-z * z) * total + sign


def _gammaln(np_, z):
    """Stirling's series, 20 places to the right."""
    y = z + 20
    below = sum(np_.log(z + k) for k in range(20))
    return (y - 0.5) * np_.log(y) - y + 0.5 * np.log(2 * np.pi) + 1 / (12 * y) - y**-3 / 360 + y**-5 / 1260 - below


def _digamma(np_, z):
    y = z + 20
    return np_.log(y) - 1 / (2 * y) - y**-2 / 12 + y**-4 / 120 - y**-6 / 252 - sum(1 / (z + k) for k in range(20))


def _huber(np_, e):
    """½ e², and |e| − ½ beyond 1."""
    sign, inside = np_.sign(np_.real(e)), np_.abs(np_.real(e)) < 1
    return inside * e**2 / 2 + (1 - inside) * (sign * e - 0.5)


def _by_numpy(name, np_, z):
    return getattr(np_, name)(z)


ACTIVATIONS = {
    "identity": lambda np_, z: z,
    "sigmoid": lambda np_, z: 1 / (1 + np_.exp(-z)),
    "tanh": lambda np_, z: np_.tanh(z),
    "relu": lambda np_, z: z * (np_.real(z) > 0),
    "leaky_relu": lambda np_, z: z * (np_.real(z) > 0) + z * (np_.real(z) <= 0) / 100,
    "softplus": lambda np_, z: np_.log(1 + np_.exp(z)),
    "log": lambda np_, z: np_.log(z),
    "exp": lambda np_, z: np_.exp(z),
    "elu": lambda np_, z: np_.where(np_.real(z) > 0, z, np_.exp(z) - 1),
    "gelu": lambda np_, z: z * (1 + _erf(np_, z / 2**0.5)) / 2,
    "gelu_tanh": lambda np_, z: z * (1 + np_.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z**3))) / 2,
    "silu": lambda np_, z: z / (1 + np_.exp(-z)),
    "sqrt": lambda np_, z: np_.sqrt(z),
    "square": lambda np_, z: z * z,
    "abs": lambda np_, z: z * np_.sign(np_.real(z)),
    "sign": lambda np_, z: np_.sign(np_.real(z)) + 0 * z,
    "sin": lambda np_, z: np_.sin(z),
    "cos": lambda np_, z: np_.cos(z),
    **{name: partial(_by_numpy, name) for name in ("tan", "sinh", "cosh", "log1p", "expm1")},
    **{name: partial(_by_numpy, name) for name in ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh")},
    "erf": _erf,
    "gammaln": _gammaln,
    "digamma": _digamma,
    "huber": _huber,
}


def _softmax_cross_entropy(np_, y, z):
    return np_.sum(np_.log(np_.sum(np_.exp(z), axis=1))) - np_.sum(y * z)


def _binary_cross_entropy(np_, y, z):
    p = 1 / (1 + np_.exp(-z))
    return -np_.sum(y * np_.log(p) + (1 - y) * np_.log(1 / (1 + np_.exp(z))))


COSTS = {
    "half_squared_error": lambda np_, y, yhat: np_.sum((y - yhat) ** 2) / 2,
    "mean_half_squared_error": lambda np_, y, yhat: np_.sum((y - yhat) ** 2) / 2 / len(y),
    "squared_error": lambda np_, y, yhat: np_.sum((y - yhat) ** 2),
    "mean_squared_error": lambda np_, y, yhat: np_.sum((y - yhat) ** 2) / y.size,
    "absolute_error": lambda np_, y, yhat: np_.sum((y - yhat) * np_.sign(np_.real(y - yhat))),
    "huber": lambda np_, y, yhat: np_.sum(_huber(np_, y - yhat)),
    "binary_cross_entropy_on_probabilities": lambda np_, y, p: -np_.sum(y * np_.log(p) + (1 - y) * np_.log(1 - p)),
    "cross_entropy_on_probabilities": lambda np_, y, p: -np_.sum(y * np_.log(p)),
    "hinge": lambda np_, y, s: np_.sum((1 - y * s) * (np_.real(1 - y * s) > 0)),
    "squared_hinge": lambda np_, y, s: np_.sum((1 - y * s) ** 2 * (np_.real(1 - y * s) > 0)),
    "binary_cross_entropy": _binary_cross_entropy,
    "softmax_cross_entropy": _softmax_cross_entropy,
}
LAST = {  # what comes after the last layer, where the cost decides it
    **dict.fromkeys(["binary_cross_entropy", "softmax_cross_entropy", "hinge", "squared_hinge"], lambda np_, z: z),
    "cross_entropy_on_probabilities": lambda np_, z: np_.exp(z) / np_.sum(np_.exp(z), axis=1, keepdims=True),
}


def mlp_cost(np_, values, layers, activation, cost, l2=0.0):
    """The cost of a multilayer network; `np_` is numpy, or autograd's numpy."""
    f = ACTIVATIONS[activation]
    a = values["X"]
    for k in range(1, layers + 1):
        z = np_.dot(a, values[f"W{k}"])
        if f"b{k}" in values:
            z = z + values[f"b{k}"]
        last = LAST.get(cost, f) if k == layers else f
        a = last(np_, z)
    penalty = sum(np_.sum(values[f"W{k}"] ** 2) for k in range(1, layers + 1)) * l2 / 2
    return COSTS[cost](np_, values["y"], a) + penalty


def autograd_gradients(values, names, layers, activation, cost, l2=0.0):
    def of(parameters):
        return mlp_cost(anp, values | dict(zip(names, parameters, strict=True)), layers, activation, cost, l2)

    gradients = autograd.grad(of)([values[name] for name in names])
    return dict(zip(names, gradients, strict=True))


def complex_step_gradients(function, values, names, step=1e-30):
    """Im f(x + ih) / h, entry by entry: no cancellation, so h can be tiny."""
    gradients = {}
    for name in names:
        gradients[name] = np.empty(values[name].shape)
        for index in np.ndindex(values[name].shape):
            moved = values[name].astype(complex)
            moved[index] += 1j * step
            gradients[name][index] = function(values | {name: moved}).imag / step
    return gradients
