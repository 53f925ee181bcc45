"""Normalisations by hand: of a batch, of a layer, of weights, of length."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family

# Batch normalisation step by step, with a squared error.


def bn_cost(x, gamma, beta, target):
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    out = gamma * xhat + beta
    return 0.5 * np.sum((out - target) ** 2)


def bn_steps(x, gamma, beta, target):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + 1e-5)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    dout = out - target
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + 1e-5) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


def bn_steps_no_mu(x, gamma, beta, target):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + 1e-5)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    dout = out - target
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + 1e-5) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx = dxmu1 + dxmu2
    return dx, dgamma, dbeta


def bn_steps_ivar(x, gamma, beta, target):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + 1e-5)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    dout = out - target
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = 1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + 1e-5) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


# The short formula, beneath a linear layer.


def bn_layer_cost(X, W, gamma, beta, C):
    z = X @ W
    zn = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    return np.sum(C * np.tanh(gamma * zn + beta))


def bn_layer_grad(X, W, gamma, beta, C):
    m = X.shape[0]
    z = X @ W
    std = np.sqrt(z.var(axis=0) + 1e-5)
    zn = (z - z.mean(axis=0)) / std
    a = np.tanh(gamma * zn + beta)
    dy = C * (1 - a**2)
    dgamma = (dy * zn).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dz = gamma / (m * std) * (m * dy - dbeta - zn * dgamma)
    return X.T @ dz, dgamma, dbeta


def bn_layer_grad_constant(X, W, gamma, beta, C):
    m = X.shape[0]
    z = X @ W
    std = np.sqrt(z.var(axis=0) + 1e-5)
    zn = (z - z.mean(axis=0)) / std
    a = np.tanh(gamma * zn + beta)
    dy = C * (1 - a**2)
    dgamma = (dy * zn).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dz = gamma / std * dy
    return X.T @ dz, dgamma, dbeta


def bn_layer_grad_mean_alone(X, W, gamma, beta, C):
    m = X.shape[0]
    z = X @ W
    std = np.sqrt(z.var(axis=0) + 1e-5)
    zn = (z - z.mean(axis=0)) / std
    a = np.tanh(gamma * zn + beta)
    dy = C * (1 - a**2)
    dgamma = (dy * zn).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dz = gamma / (m * std) * (m * dy - dbeta)
    return X.T @ dz, dgamma, dbeta


def bn_layer_grad_z_for_zn(X, W, gamma, beta, C):
    m = X.shape[0]
    z = X @ W
    std = np.sqrt(z.var(axis=0) + 1e-5)
    zn = (z - z.mean(axis=0)) / std
    a = np.tanh(gamma * zn + beta)
    dy = C * (1 - a**2)
    dgamma = (dy * z).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dz = gamma / (m * std) * (m * dy - dbeta - zn * (dy * zn).sum(axis=0))
    return X.T @ dz, dgamma, dbeta


# Layer normalisation.


def ln_loss(x, g, b, t):
    mu = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    y = g * (x - mu) / sd + b
    return ((y - t) ** 2).mean()


def ln_backward(x, g, b, t):
    mu = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    xn = (x - mu) / sd
    dy = 2 * (g * xn + b - t) / x.size
    dg = (dy * xn).sum(axis=0)
    db = dy.sum(axis=0)
    dxn = dy * g
    dx = (dxn - dxn.mean(axis=1, keepdims=True) - xn * (dxn * xn).mean(axis=1, keepdims=True)) / sd
    return {"x": dx, "g": dg, "b": db}


def ln_backward_batch(x, g, b, t):
    mu = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    xn = (x - mu) / sd
    dy = 2 * (g * xn + b - t) / x.size
    dg = (dy * xn).sum(axis=0)
    db = dy.sum(axis=0)
    dxn = dy * g
    dx = (dxn - dxn.mean(axis=0, keepdims=True) - xn * (dxn * xn).mean(axis=0, keepdims=True)) / sd
    return {"x": dx, "g": dg, "b": db}


def ln_backward_no_size(x, g, b, t):
    mu = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    xn = (x - mu) / sd
    dy = 2 * (g * xn + b - t) / len(x)
    dg = (dy * xn).sum(axis=0)
    db = dy.sum(axis=0)
    dxn = dy * g
    dx = (dxn - dxn.mean(axis=1, keepdims=True) - xn * (dxn * xn).mean(axis=1, keepdims=True)) / sd
    return {"x": dx, "g": dg, "b": db}


def ln_backward_constant(x, g, b, t):
    mu = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    xn = (x - mu) / sd
    dy = 2 * (g * xn + b - t) / x.size
    dg = (dy * xn).sum(axis=0)
    db = dy.sum(axis=0)
    dx = dy * g / sd
    return {"x": dx, "g": dg, "b": db}


# Vectors of length 1: the cosine of two.


def cosine_cost(u, v):
    return 1 - np.dot(u, v) / (np.linalg.norm(u) * np.linalg.norm(v))


def cosine_grad(u, v):
    nu, nv = np.linalg.norm(u), np.linalg.norm(v)
    cos = np.dot(u, v) / (nu * nv)
    du = -(v / (nu * nv) - cos * u / nu**2)
    dv = -(u / (nu * nv) - cos * v / nv**2)
    return du, dv


def cosine_grad_no_norm(u, v):
    nu, nv = np.linalg.norm(u), np.linalg.norm(v)
    du = -v / (nu * nv)
    dv = -u / (nu * nv)
    return du, dv


def cosine_grad_power(u, v):
    nu, nv = np.linalg.norm(u), np.linalg.norm(v)
    cos = np.dot(u, v) / (nu * nv)
    du = -(v / (nu * nv) - cos * u / nu)
    dv = -(u / (nu * nv) - cos * v / nv)
    return du, dv


# Weight normalisation: w = g v / |v|.


def weightnorm_cost(X, y, v, g):
    w = g * v / np.sqrt(np.sum(v**2))
    return np.mean((X.dot(w) - y) ** 2)


def weightnorm_grad(X, y, v, g):
    length = np.sqrt(np.sum(v**2))
    w = g * v / length
    dw = 2 * X.T.dot(X.dot(w) - y) / len(y)
    dg = np.dot(dw, v) / length
    dv = g / length * dw - g * dg / length**2 * v
    return {"dv": dv, "dg": dg}


def weightnorm_grad_held(X, y, v, g):
    length = np.sqrt(np.sum(v**2))
    w = g * v / length
    dw = 2 * X.T.dot(X.dot(w) - y) / len(y)
    dg = np.dot(dw, v) / length
    dv = g / length * dw
    return {"dv": dv, "dg": dg}


def weightnorm_grad_no_length(X, y, v, g):
    length = np.sqrt(np.sum(v**2))
    w = g * v / length
    dw = 2 * X.T.dot(X.dot(w) - y) / len(y)
    dg = np.dot(dw, v)
    dv = g / length * dw - g * np.dot(dw, v) / length**3 * v
    return {"dv": dv, "dg": dg}


CASES = [
    *family(
        "batchnorm step by step",
        bn_cost,
        bn_steps,
        {"x": ("N", "D"), "gamma": ("D",), "beta": ("D",), "target": ("N", "D")},
        ["x", "gamma", "beta"],
        [
            Planted("mean held", bn_steps_no_mu, (Kind.HELD_CONSTANT, Kind.MISSING_PATH)),
            Planted("sign of 1/s", bn_steps_ivar, (Kind.SIGN,)),
        ],
    ),
    *family(
        "batchnorm in short",
        bn_layer_cost,
        bn_layer_grad,
        {"X": ("N", "D"), "W": ("D", "H"), "gamma": ("H",), "beta": ("H",), "C": ("N", "H")},
        ["W", "gamma", "beta"],
        [
            Planted("statistics held", bn_layer_grad_constant, (Kind.HELD_CONSTANT,)),
            Planted("variance held", bn_layer_grad_mean_alone, (Kind.HELD_CONSTANT, Kind.MISSING_FACTOR)),
            Planted("z for its normalised", bn_layer_grad_z_for_zn, (Kind.QUANTITY,)),
        ],
    ),
    *family(
        "layernorm",
        ln_loss,
        ln_backward,
        {"x": ("N", "D"), "g": ("D",), "b": ("D",), "t": ("N", "D")},
        ["x", "g", "b"],
        [
            Planted("means over the batch", ln_backward_batch, (Kind.AXIS,)),
            Planted("mean over rows alone", ln_backward_no_size, (Kind.MEAN,)),
            Planted("statistics held", ln_backward_constant, (Kind.HELD_CONSTANT,)),
        ],
    ),
    *family(
        "cosine",
        cosine_cost,
        cosine_grad,
        {"u": ("D",), "v": ("D",)},
        ["u", "v"],
        [
            Planted("norms held", cosine_grad_no_norm, (Kind.HELD_CONSTANT, Kind.MISSING_PATH)),
            Planted("norm not squared", cosine_grad_power, (Kind.POWER,)),
        ],
    ),
    *family(
        "weight normalisation",
        weightnorm_cost,
        weightnorm_grad,
        {"X": ("N", "D"), "y": ("N",), "v": ("D",), "g": ()},
        ["v", "g"],
        [
            Planted("norm held", weightnorm_grad_held, (Kind.HELD_CONSTANT, Kind.MISSING_PATH)),
            Planted(
                "dg without the norm",
                weightnorm_grad_no_length,
                (Kind.NUMBER, Kind.MISSING_FACTOR),
            ),
        ],
    ),
]
