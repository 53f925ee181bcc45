"""Losses with margins: support vector machines with loops and without, the hinge, and Huber's loss."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family, together

# Multiclass SVM with loops; examples are rows.


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def svm_loss_naive_no_correct(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def svm_loss_naive_no_mean(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def svm_loss_naive_reg(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += reg * W
    return loss, dW


# The same without loops.


def svm_cost(W, X, y):
    N = X.shape[0]
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(N), y][:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    return margins.sum() / N


def svm_gradient(W, X, y):
    N = X.shape[0]
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(N), y][:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    binary = margins
    binary[margins > 0] = 1
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(N), y] = -row_sum
    return X.T.dot(binary) / N


def svm_gradient_minus_one(W, X, y):
    N = X.shape[0]
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(N), y][:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    binary = margins
    binary[margins > 0] = 1
    binary[np.arange(N), y] = -1
    return X.T.dot(binary) / N


def svm_gradient_margins(W, X, y):
    N = X.shape[0]
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(N), y][:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    row_sum = np.sum(margins, axis=1)
    margins[np.arange(N), y] = -row_sum
    return X.T.dot(margins) / N


# Hinge loss of two classes.


def hinge_cost(w, b, X, y, lam):
    distances = 1 - y * (np.dot(X, w) + b)
    distances[distances < 0] = 0
    return 0.5 * lam * np.dot(w, w) + np.mean(distances)


def hinge_grad(w, b, X, y, lam):
    distances = 1 - y * (np.dot(X, w) + b)
    dw = lam * w
    db = 0.0
    for i, d in enumerate(distances):
        if d > 0:
            dw = dw - y[i] * X[i] / len(y)
            db = db - y[i] / len(y)
    return dw, db


def hinge_grad_in_loop(w, b, X, y, lam):
    distances = 1 - y * (np.dot(X, w) + b)
    dw = np.zeros(len(w))
    db = 0.0
    for i, d in enumerate(distances):
        if d > 0:
            dw += lam * w - y[i] * X[i] / len(y)
            db += -y[i] / len(y)
        else:
            dw += lam * w
    return dw, db


def hinge_grad_all(w, b, X, y, lam):
    dw = lam * w
    db = 0.0
    for i in range(len(y)):
        dw = dw - y[i] * X[i] / len(y)
        db = db - y[i] / len(y)
    return dw, db


def hinge_grad_no_y(w, b, X, y, lam):
    distances = 1 - y * (np.dot(X, w) + b)
    dw = lam * w
    db = 0.0
    for i, d in enumerate(distances):
        if d > 0:
            dw = dw - y[i] * X[i] / len(y)
            db = db - 1 / len(y)
    return dw, db


# Huber's loss of a linear model.


def huber(X, y, w):
    r = X @ w - y
    return np.where(np.abs(r) <= 1, 0.5 * r**2, np.abs(r) - 0.5).sum()


def huber_grad(X, y, w):
    r = X @ w - y
    return X.T @ np.where(np.abs(r) <= 1, r, np.sign(r))


def huber_grad_one(X, y, w):
    r = X @ w - y
    return X.T @ np.where(np.abs(r) <= 1, r, 1.0)


def huber_grad_swapped(X, y, w):
    r = X @ w - y
    return X.T @ np.where(np.abs(r) > 1, r, np.sign(r))


CASES = [
    *family(
        "SVM with loops",
        svm_loss_naive,
        None,
        {"W": ("D", "C"), "X": ("N", "D"), "y": ("N",)},
        ["W"],
        [
            together(
                "correct class left out",
                svm_loss_naive_no_correct,
                (Kind.MISSING_PATH,),
            ),
            together("gradient summed", svm_loss_naive_no_mean, (Kind.MEAN,)),
            together("half the penalty", svm_loss_naive_reg, (Kind.PENALTY,)),
        ],
        labels={"y": "C"},
        scalars=("reg",),
    ),
    *family(
        "SVM with margins",
        svm_cost,
        svm_gradient,
        {"W": ("D", "C"), "X": ("N", "D"), "y": ("N",)},
        ["W"],
        [
            Planted(
                "-1 for the count",
                svm_gradient_minus_one,
                (Kind.NUMBER,),
            ),
            Planted("margins for 1", svm_gradient_margins, (Kind.FUNCTION_FOR_DERIVATIVE,)),
        ],
        labels={"y": "C"},
    ),
    *family(
        "hinge",
        hinge_cost,
        hinge_grad,
        {"w": ("D",), "b": (), "X": ("N", "D"), "y": ("N",)},
        ["w", "b"],
        [
            Planted("penalty for each example", hinge_grad_in_loop, (Kind.PENALTY,)),
            Planted(
                "margin not looked at",
                hinge_grad_all,
                (Kind.MISSING_DERIVATIVE, Kind.MISSING_FACTOR),
            ),
            Planted("y missing in db", hinge_grad_no_y, (Kind.MISSING_FACTOR,)),
        ],
        scalars=("lam",),
    ),
    *family(
        "Huber",
        huber,
        huber_grad,
        {"X": ("N", "D"), "y": ("N",), "w": ("D",)},
        ["w"],
        [
            Planted("1 for the sign", huber_grad_one, (Kind.MISSING_FACTOR,)),
            Planted(
                "branches exchanged",
                huber_grad_swapped,
                (Kind.ORDER,),
            ),
        ],
    ),
]
