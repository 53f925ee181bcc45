"""Regressions with weights that are one vector: linear, ridge, logistic, Poisson."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


# Linear regression with a bias that is a number.


def linreg_cost(X, y, w, b):
    m = X.shape[0]
    pred = X.dot(w) + b
    return 1 / (2 * m) * np.sum((pred - y) ** 2)


def linreg_grad(X, y, w, b):
    m = X.shape[0]
    error = X.dot(w) + b - y
    dw = 1 / m * X.T.dot(error)
    db = 1 / m * np.sum(error)
    return {"dw": dw, "db": db}


def linreg_grad_sign(X, y, w, b):
    m = X.shape[0]
    error = y - (X.dot(w) + b)
    dw = 1 / m * X.T.dot(error)
    db = -1 / m * np.sum(error)
    return {"dw": dw, "db": db}


def linreg_grad_two(X, y, w, b):
    m = X.shape[0]
    error = X.dot(w) + b - y
    dw = 2 / m * X.T.dot(error)
    db = 2 / m * np.sum(error)
    return {"dw": dw, "db": db}


def linreg_grad_no_mean(X, y, w, b):
    m = X.shape[0]
    error = X.dot(w) + b - y
    dw = 1 / m * X.T.dot(error)
    db = np.sum(error)
    return {"dw": dw, "db": db}


# Ridge regression.


def ridge_loss(w, X, y, lam):
    r = X @ w - y
    return np.mean(r**2) + lam * w @ w


def ridge_grad(w, X, y, lam):
    r = X @ w - y
    return 2 * X.T @ r / len(X) + 2 * lam * w


def ridge_grad_half_penalty(w, X, y, lam):
    r = X @ w - y
    return 2 * X.T @ r / len(X) + lam * w


def ridge_grad_no_penalty(w, X, y, lam):
    r = X @ w - y
    return 2 * X.T @ r / len(X)


def ridge_grad_penalty_in_mean(w, X, y, lam):
    r = X @ w - y
    return 2 / len(X) * (X.T @ r + lam * w)


# Logistic regression with 1-D weights.


def logistic_cost(w, b, X, y):
    m = X.shape[0]
    p = sigmoid(np.dot(X, w) + b)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / m


def logistic_grads(w, b, X, y):
    m = X.shape[0]
    p = sigmoid(np.dot(X, w) + b)
    dw = X.T.dot(p - y) / m
    db = np.sum(p - y) / m
    return dw, db


def logistic_grads_slope(w, b, X, y):
    m = X.shape[0]
    p = sigmoid(np.dot(X, w) + b)
    delta = (p - y) * p * (1 - p)
    dw = X.T.dot(delta) / m
    db = np.sum(delta) / m
    return dw, db


def logistic_grads_mean_twice(w, b, X, y):
    m = X.shape[0]
    p = sigmoid(np.dot(X, w) + b)
    dw = X.T.dot(p - y) / m
    db = np.mean(p - y) / m
    return dw, db


def logistic_grads_sum(w, b, X, y):
    p = sigmoid(np.dot(X, w) + b)
    dw = X.T.dot(p - y)
    db = np.sum(p - y)
    return dw, db


# Poisson regression with a log link.


def poisson_nll(beta, X, counts):
    eta = X @ beta
    return np.sum(np.exp(eta) - counts * eta)


def poisson_score(beta, X, counts):
    mu = np.exp(X @ beta)
    return X.T @ (mu - counts)


def poisson_score_linear(beta, X, counts):
    mu = X @ beta
    return X.T @ (mu - counts)


def poisson_score_slope(beta, X, counts):
    mu = np.exp(X @ beta)
    return X.T @ ((mu - counts) * mu)


BETA = {"beta": ("D",), "X": ("N", "D"), "counts": ("N",)}

CASES = [
    *family(
        "linear regression",
        linreg_cost,
        linreg_grad,
        {"X": ("N", "D"), "y": ("N",), "w": ("D",), "b": ()},
        ["w", "b"],
        [
            Planted("y - pred", linreg_grad_sign, (Kind.SIGN,)),
            Planted("2/m for 1/m", linreg_grad_two, (Kind.NUMBER, Kind.MISSING_FACTOR)),
            Planted("db without 1/m", linreg_grad_no_mean, (Kind.MEAN,)),
        ],
    ),
    *family(
        "ridge",
        ridge_loss,
        ridge_grad,
        {"w": ("D",), "X": ("N", "D"), "y": ("N",)},
        ["w"],
        [
            Planted("lam for 2 lam", ridge_grad_half_penalty, (Kind.PENALTY,)),
            Planted("no penalty", ridge_grad_no_penalty, (Kind.PENALTY,)),
            Planted("penalty divided by N", ridge_grad_penalty_in_mean, (Kind.PENALTY,)),
        ],
        scalars=("lam",),
    ),
    *family(
        "logistic regression",
        logistic_cost,
        logistic_grads,
        {"w": ("D",), "b": (), "X": ("N", "D"), "y": ("N",)},
        ["w", "b"],
        [
            Planted("slope of the squared error", logistic_grads_slope, (Kind.REPEATED_DERIVATIVE,)),
            Planted("mean divided by m again", logistic_grads_mean_twice, (Kind.MEAN,)),
            Planted("summed", logistic_grads_sum, (Kind.MEAN,)),
        ],
    ),
    *family(
        "Poisson regression",
        poisson_nll,
        poisson_score,
        BETA,
        ["beta"],
        [
            Planted("mean without exp", poisson_score_linear, (Kind.FUNCTION_FOR_DERIVATIVE,)),
            Planted(
                "slope of exp",
                poisson_score_slope,
                (Kind.REPEATED_DERIVATIVE,),
            ),
        ],
    ),
]
