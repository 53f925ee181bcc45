"""Embeddings and attention: rows taken by index, gradients scattered back, one head of attention."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family, together


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# Skip-gram with a full softmax: centre words and context words of the vocabulary.


def skipgram_cost(centers, contexts, W_in, W_out):
    loss = 0.0
    for c, o in zip(centers, contexts):
        p = softmax(W_out @ W_in[c])
        loss -= np.log(p[o])
    return loss


def skipgram_grad(centers, contexts, W_in, W_out):
    dW_in = np.zeros(W_in.shape)
    dW_out = np.zeros(W_out.shape)
    for c, o in zip(centers, contexts):
        v = W_in[c]
        e = softmax(W_out @ v)
        e[o] -= 1
        dW_in[c] += W_out.T @ e
        dW_out += np.outer(e, v)
    return dW_in, dW_out


def skipgram_grad_assigned(centers, contexts, W_in, W_out):
    dW_in = np.zeros(W_in.shape)
    dW_out = np.zeros(W_out.shape)
    for c, o in zip(centers, contexts):
        v = W_in[c]
        e = softmax(W_out @ v)
        e[o] -= 1
        dW_in[c] = W_out.T @ e
        dW_out += np.outer(e, v)
    return dW_in, dW_out


def skipgram_grad_target_row(centers, contexts, W_in, W_out):
    dW_in = np.zeros(W_in.shape)
    dW_out = np.zeros(W_out.shape)
    for c, o in zip(centers, contexts):
        v = W_in[c]
        e = softmax(W_out @ v)
        e[o] -= 1
        dW_in[c] += W_out.T @ e
        dW_out[o] += e[o] * v
    return dW_in, dW_out


def skipgram_grad_wrong_row(centers, contexts, W_in, W_out):
    dW_in = np.zeros(W_in.shape)
    dW_out = np.zeros(W_out.shape)
    for c, o in zip(centers, contexts):
        v = W_in[c]
        e = softmax(W_out @ v)
        e[o] -= 1
        dW_in[o] += W_out.T @ e
        dW_out += np.outer(e, v)
    return dW_in, dW_out


# More pairs than words: some words come twice.
SKIPGRAM = {"centers": (12,), "contexts": (12,), "W_in": ("V", "E"), "W_out": ("V", "E")}


# Negative sampling: one pair that is meant, and some that are not.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def negative_sampling(center, outside, negatives, V, U):
    v = V[center]
    loss = -np.log(sigmoid(np.sum(U[outside] * v, axis=1))).sum()
    for k in negatives:
        loss -= np.log(sigmoid(-np.sum(U[k] * v)))
    dV, dU = np.zeros(V.shape), np.zeros(U.shape)
    s = sigmoid(np.sum(U[outside] * v, axis=1)) - 1
    np.add.at(dU, outside, s[:, None] * v)
    dV[center] += (s[:, None] * U[outside]).sum(axis=0)
    for k in negatives:
        s = sigmoid(np.sum(U[k] * v))
        dU[k] += s * v[0]
        dV[center] += s * U[k]
    return loss, {"V": dV, "U": dU}


def negative_sampling_buffered(center, outside, negatives, V, U):
    v = V[center]
    loss = -np.log(sigmoid(np.sum(U[outside] * v, axis=1))).sum()
    for k in negatives:
        loss -= np.log(sigmoid(-np.sum(U[k] * v)))
    dV, dU = np.zeros(V.shape), np.zeros(U.shape)
    s = sigmoid(np.sum(U[outside] * v, axis=1)) - 1
    dU[outside] += s[:, None] * v
    dV[center] += (s[:, None] * U[outside]).sum(axis=0)
    for k in negatives:
        s = sigmoid(np.sum(U[k] * v))
        dU[k] += s * v[0]
        dV[center] += s * U[k]
    return loss, {"V": dV, "U": dU}


def negative_sampling_sign(center, outside, negatives, V, U):
    v = V[center]
    loss = -np.log(sigmoid(np.sum(U[outside] * v, axis=1))).sum()
    for k in negatives:
        loss -= np.log(sigmoid(-np.sum(U[k] * v)))
    dV, dU = np.zeros(V.shape), np.zeros(U.shape)
    s = sigmoid(np.sum(U[outside] * v, axis=1)) - 1
    np.add.at(dU, outside, s[:, None] * v)
    dV[center] += (s[:, None] * U[outside]).sum(axis=0)
    for k in negatives:
        s = sigmoid(np.sum(U[k] * v))
        dU[k] -= s * v[0]
        dV[center] -= s * U[k]
    return loss, {"V": dV, "U": dU}


NEGATIVE = {"center": (1,), "outside": (9,), "negatives": (5,), "V": ("V", "E"), "U": ("V", "E")}


# A bag of words: the mean of the embeddings of a window, then softmax.


def cbow_cost(context, target, E, W, b):
    h = E[context].mean(axis=1)
    p = softmax(h @ W + b)
    return -np.mean(np.log(p[np.arange(len(target)), target]))


def cbow_grad(context, target, E, W, b):
    n, window = context.shape
    h = E[context].mean(axis=1)
    d = softmax(h @ W + b)
    d[np.arange(n), target] -= 1
    d /= n
    dE = np.zeros_like(E)
    dh = d @ W.T
    for j in range(window):
        np.add.at(dE, context[:, j], dh / window)
    return {"dE": dE, "dW": h.T @ d, "db": d.sum(axis=0)}


def cbow_grad_no_window(context, target, E, W, b):
    n, window = context.shape
    h = E[context].mean(axis=1)
    d = softmax(h @ W + b)
    d[np.arange(n), target] -= 1
    d /= n
    dE = np.zeros_like(E)
    dh = d @ W.T
    for j in range(window):
        np.add.at(dE, context[:, j], dh)
    return {"dE": dE, "dW": h.T @ d, "db": d.sum(axis=0)}


def cbow_grad_bias_axis(context, target, E, W, b):
    n, window = context.shape
    h = E[context].mean(axis=1)
    d = softmax(h @ W + b)
    d[np.arange(n), target] -= 1
    d /= n
    dE = np.zeros_like(E)
    dh = d @ W.T
    for j in range(window):
        np.add.at(dE, context[:, j], dh / window)
    return {"dE": dE, "dW": h.T @ d, "db": d.sum(axis=1)}


def cbow_grad_first_word(context, target, E, W, b):
    n, window = context.shape
    h = E[context].mean(axis=1)
    d = softmax(h @ W + b)
    d[np.arange(n), target] -= 1
    d /= n
    dE = np.zeros_like(E)
    dh = d @ W.T
    np.add.at(dE, context[:, 0], dh / window)
    return {"dE": dE, "dW": h.T @ d, "db": d.sum(axis=0)}


# One head of attention.


def attention_cost(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = softmax(Q @ K.T / np.sqrt(Q.shape[1]))
    return 0.5 * np.sum((A @ V - T) ** 2)


def attention_grad(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = Q.shape[1]
    A = softmax(Q @ K.T / np.sqrt(d))
    dO = A @ V - T
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
    dS = dS / np.sqrt(d)
    dQ = dS @ K
    dK = dS.T @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


def attention_grad_diagonal(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = Q.shape[1]
    A = softmax(Q @ K.T / np.sqrt(d))
    dO = A @ V - T
    dV = A.T @ dO
    dA = dO @ V.T
    dS = dA * A * (1 - A)
    dS = dS / np.sqrt(d)
    dQ = dS @ K
    dK = dS.T @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


def attention_grad_no_scale(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = Q.shape[1]
    A = softmax(Q @ K.T / np.sqrt(d))
    dO = A @ V - T
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
    dQ = dS @ K
    dK = dS.T @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


def attention_grad_no_T(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = Q.shape[1]
    A = softmax(Q @ K.T / np.sqrt(d))
    dO = A @ V - T
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
    dS = dS / np.sqrt(d)
    dQ = dS @ K
    dK = dS @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


def attention_grad_axis(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = Q.shape[1]
    A = softmax(Q @ K.T / np.sqrt(d))
    dO = A @ V - T
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(dA * A, axis=0, keepdims=True))
    dS = dS / np.sqrt(d)
    dQ = dS @ K
    dK = dS.T @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


ROW = (
    "row",
    "index",
    "indices",
    "repeated",
    "twice",
    "overwrit",
    "accumul",
    "add.at",
    "added",
    "+=",
    "assign",
    "come twice",
)

CASES = [
    *family(
        "skip-gram",
        skipgram_cost,
        skipgram_grad,
        SKIPGRAM,
        ["W_in", "W_out"],
        [
            Planted("rows overwritten", skipgram_grad_assigned, (Kind.MISSING_SUM,)),
            Planted(
                "row of the context alone",
                skipgram_grad_target_row,
                (Kind.SOFTMAX,),
            ),
            Planted(
                "row of the context for the centre",
                skipgram_grad_wrong_row,
                (Kind.QUANTITY,),
            ),
        ],
        labels={"centers": "V", "contexts": "V"},
    ),
    *family(
        "negative sampling",
        negative_sampling,
        None,
        NEGATIVE,
        ["V", "U"],
        [
            together("rows that come twice", negative_sampling_buffered, (Kind.MISSING_SUM,)),
            together("sign of the negatives", negative_sampling_sign, (Kind.SIGN,)),
        ],
        labels={"center": "V", "outside": "V", "negatives": "V"},
    ),
    *family(
        "bag of words",
        cbow_cost,
        cbow_grad,
        {"context": ("N", 4), "target": ("N",), "E": ("V", "D"), "W": ("D", "V"), "b": ("V",)},
        ["E", "W", "b"],
        [
            Planted("mean of the window", cbow_grad_no_window, (Kind.MEAN,)),
            Planted("bias over the wrong axis", cbow_grad_bias_axis, (Kind.MISSING_SUM, Kind.SHAPE)),
            Planted(
                "first word alone",
                cbow_grad_first_word,
                (Kind.MISSING_SUM, Kind.MISSING_PATH),
            ),
        ],
        labels={"context": "V", "target": "V"},
    ),
    *family(
        "attention",
        attention_cost,
        attention_grad,
        {"X": ("N", "D"), "Wq": ("D", "K"), "Wk": ("D", "K"), "Wv": ("D", "M"), "T": ("N", "M")},
        ["X", "Wq", "Wk", "Wv"],
        [
            Planted("diagonal alone", attention_grad_diagonal, (Kind.SOFTMAX,)),
            Planted(
                "1/sqrt(d) missing",
                attention_grad_no_scale,
                (Kind.MISSING_FACTOR,),
            ),
            Planted("dS not transposed", attention_grad_no_T, (Kind.TRANSPOSE,)),
            Planted("sum over the wrong axis", attention_grad_axis, (Kind.AXIS,)),
        ],
    ),
]
