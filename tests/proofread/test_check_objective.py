"""Objectives for boosting: gradient and Hessian, in the conventions of XGBoost and LightGBM."""

import numpy as np
import pytest

import symbackprop as sb

ONE = {"y_true": ("N",), "y_pred": ("N",)}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logistic(y_pred, y_true):
    return np.log(1 + np.exp(y_pred)) - y_true * y_pred


def right(y_true, y_pred):
    p = sigmoid(y_pred)
    return p - y_true, p * (1 - p)


def of_xgboost(preds, dtrain):
    return right(dtrain.get_label(), preds)


def changed(gradient=None, hessian=None):
    def objective(y_true, y_pred):
        p = sigmoid(y_pred)
        g, h = right(y_true, y_pred)
        return gradient(p, y_true, y_pred) if gradient else g, hessian(p, y_true, y_pred) if hessian else h

    return objective


@pytest.mark.parametrize("objective", [right, of_xgboost])
def test_right_objectives_are_right(objective):
    check = sb.check_objective(logistic, objective, shapes=ONE, seed=0)
    assert check.verdict == "right"
    assert check.notes == ("the gradient: right", "the Hessian: right")


MISTAKES = {
    "the gradient: its sign is wrong": changed(gradient=lambda p, y, x: y - p),
    "the gradient: it is the gradient with respect to the probability": changed(
        gradient=lambda p, y, x: (p - y) / (p * (1 - p))
    ),
    "the Hessian: raw scores stand where probabilities are meant": changed(hessian=lambda p, y, x: x * (1 - x)),
    "the Hessian: its sign is wrong": changed(hessian=lambda p, y, x: -p * (1 - p)),
    "the Hessian: it is the square of the gradient": changed(hessian=lambda p, y, x: (p - y) ** 2),
    "the Hessian: it is twice": changed(hessian=lambda p, y, x: 2 * p * (1 - p)),
    "the Hessian: ": changed(hessian=lambda p, y, x: p),
    "the gradient: ": changed(gradient=lambda p, y, x: p),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistakes_are_refused_and_named(mistake):
    check = sb.check_objective(logistic, MISTAKES[mistake], shapes=ONE, seed=0)
    assert check.verdict == "wrong"
    assert mistake in check.mistake


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(preds, y):
    return -np.log(softmax(preds)[np.arange(len(y)), y])


@pytest.mark.parametrize(
    ("factor", "verdict", "note"),
    [
        (1, "right", "the Hessian: right"),
        (2, "convention", "a safe upper bound"),
        (3, "wrong", "the Hessian: wrong"),
        (0.5, "wrong", "the Hessian: wrong"),
    ],
)
def test_twice_the_diagonal_of_a_softmax_is_a_safe_upper_bound(factor, verdict, note):
    def objective(preds, y):
        p = softmax(preds)
        return p - np.eye(preds.shape[1])[y], factor * p * (1 - p)

    shapes, labels = {"preds": ("N", "C"), "y": ("N",)}, {"y": "C"}
    check = sb.check_objective(cross_entropy, objective, shapes=shapes, labels=labels, seed=0)
    assert check.verdict == verdict
    assert note in check.notes[1]


def test_functions_may_be_apart_and_the_hessian_a_matrix():
    def loss(w, X, y):
        return np.sum(logistic(X @ w, y))

    def gradient(w, X, y):
        return X.T @ (sigmoid(X @ w) - y)

    def hessian(w, X, y):
        p = sigmoid(X @ w)
        return (X.T * (p * (1 - p))) @ X

    shapes = {"w": ("D",), "X": ("N", "D"), "y": ("N",)}
    assert sb.check_objective(loss, gradient, hessian, shapes, "w", seed=0).verdict == "right"
    assert sb.check_objective(loss, gradient, None, shapes, "w", seed=0).verdict == "right"
    wrong = sb.check_objective(loss, gradient, lambda w, X, y: X.T @ X, shapes, "w", seed=0)
    assert wrong.verdict == "wrong"
    assert "the Hessian" in wrong.mistake


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((logistic, right, None, {"a": ("N",)}), "which of a are the raw scores"),
        ((logistic, right, None, {"y_pred": ("N",)}), "the loss takes y_true, of which no shape is given"),
        ((logistic, lambda y_true, y_pred: (y_true[:2], y_pred), None, ONE), "the gradient has the shape"),
        ((logistic, right, None, ONE, ["y_pred", "y_true"]), "wrt names the raw scores, one argument"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_reason(arguments, words):
    with pytest.raises(sb.ArgumentError, match=words):
        sb.check_objective(*arguments, seed=0)
