"""Recurrent networks by hand, back through a few steps of time."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family, together

# Three steps, one matrix of examples each, the loss at the end.


def rnn_cost(X1, X2, X3, Y, Wx, Wh, b, V):
    h = np.zeros((X1.shape[0], Wh.shape[0]))
    for x in [X1, X2, X3]:
        h = np.tanh(x @ Wx + h @ Wh + b)
    return 0.5 * np.sum((h @ V - Y) ** 2)


def rnn_bptt(X1, X2, X3, Y, Wx, Wh, b, V):
    xs = [X1, X2, X3]
    hs = [np.zeros((X1.shape[0], Wh.shape[0]))]
    for x in xs:
        hs.append(np.tanh(x @ Wx + hs[-1] @ Wh + b))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dy = hs[-1] @ V - Y
    dV = hs[-1].T @ dy
    dh = dy @ V.T
    for t in reversed(range(3)):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += xs[t].T @ dz
        dWh += hs[t].T @ dz
        db += dz.sum(axis=0)
        dh = dz @ Wh.T
    return dWx, dWh, db, dV


def rnn_bptt_one_step(X1, X2, X3, Y, Wx, Wh, b, V):
    xs = [X1, X2, X3]
    hs = [np.zeros((X1.shape[0], Wh.shape[0]))]
    for x in xs:
        hs.append(np.tanh(x @ Wx + hs[-1] @ Wh + b))
    dy = hs[-1] @ V - Y
    dV = hs[-1].T @ dy
    dz = (dy @ V.T) * (1 - hs[3] ** 2)
    dWx = xs[2].T @ dz
    dWh = hs[2].T @ dz
    db = dz.sum(axis=0)
    return dWx, dWh, db, dV


def rnn_bptt_no_T(X1, X2, X3, Y, Wx, Wh, b, V):
    xs = [X1, X2, X3]
    hs = [np.zeros((X1.shape[0], Wh.shape[0]))]
    for x in xs:
        hs.append(np.tanh(x @ Wx + hs[-1] @ Wh + b))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dy = hs[-1] @ V - Y
    dV = hs[-1].T @ dy
    dh = dy @ V.T
    for t in reversed(range(3)):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += xs[t].T @ dz
        dWh += hs[t].T @ dz
        db += dz.sum(axis=0)
        dh = dz @ Wh
    return dWx, dWh, db, dV


def rnn_bptt_slope_of_before(X1, X2, X3, Y, Wx, Wh, b, V):
    xs = [X1, X2, X3]
    hs = [np.zeros((X1.shape[0], Wh.shape[0]))]
    for x in xs:
        hs.append(np.tanh(x @ Wx + hs[-1] @ Wh + b))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dy = hs[-1] @ V - Y
    dV = hs[-1].T @ dy
    dh = dy @ V.T
    for t in reversed(range(3)):
        dz = dh * (1 - hs[t] ** 2)
        dWx += xs[t].T @ dz
        dWh += hs[t].T @ dz
        db += dz.sum(axis=0)
        dh = dz @ Wh.T
    return dWx, dWh, db, dV


RNN = {
    "X1": ("N", "D"),
    "X2": ("N", "D"),
    "X3": ("N", "D"),
    "Y": ("N", "K"),
    "Wx": ("D", "H"),
    "Wh": ("H", "H"),
    "b": ("H",),
    "V": ("H", "K"),
}


# A character model: one-hot columns, a softmax at each step, hidden states in a dictionary.


def char_rnn(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((by.shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, (dWxh, dWhh, dWhy, dbh, dby)


def char_rnn_no_next(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((by.shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy)
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
    return loss, (dWxh, dWhh, dWhy, dbh, dby)


def char_rnn_same_h(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((by.shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, (dWxh, dWhh, dWhy, dbh, dby)


def char_rnn_next_overwritten(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((by.shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, (1 - hs[t] * hs[t]) * np.dot(Why.T, dy))
    return loss, (dWxh, dWhh, dWhy, dbh, dby)


CHARS = {
    "inputs": (4,),
    "targets": (4,),
    "hprev": ("H", 1),
    "Wxh": ("H", "V"),
    "Whh": ("H", "H"),
    "Why": ("V", "H"),
    "bh": ("H", 1),
    "by": ("V", 1),
}


# A linear recurrence of one number, as a first exercise.


def counter_loss(xs, target, wx, wr):
    s = 0.0
    for x in xs:
        s = x * wx + s * wr
    return (s - target) ** 2


def counter_grad(xs, target, wx, wr):
    S = [0.0]
    for x in xs:
        S.append(x * wx + S[-1] * wr)
    grad = 2 * (S[-1] - target)
    dwx, dwr = 0.0, 0.0
    for k in range(len(xs), 0, -1):
        dwx += grad * xs[k - 1]
        dwr += grad * S[k - 1]
        grad = grad * wr
    return dwx, dwr


def counter_grad_no_wr(xs, target, wx, wr):
    S = [0.0]
    for x in xs:
        S.append(x * wx + S[-1] * wr)
    grad = 2 * (S[-1] - target)
    dwx, dwr = 0.0, 0.0
    for k in range(len(xs), 0, -1):
        dwx += grad * xs[k - 1]
        dwr += grad * S[k - 1]
    return dwx, dwr


def counter_grad_wx(xs, target, wx, wr):
    S = [0.0]
    for x in xs:
        S.append(x * wx + S[-1] * wr)
    grad = 2 * (S[-1] - target)
    dwx, dwr = 0.0, 0.0
    for k in range(len(xs), 0, -1):
        dwx += grad * xs[k - 1]
        dwr += grad * S[k - 1]
        grad = grad * wx
    return dwx, dwr


CASES = [
    *family(
        "RNN of three steps",
        rnn_cost,
        rnn_bptt,
        RNN,
        ["Wx", "Wh", "b", "V"],
        [
            Planted("last step alone", rnn_bptt_one_step, (Kind.MISSING_PATH,)),
            Planted("Wh not transposed", rnn_bptt_no_T, (Kind.TRANSPOSE,)),
            Planted("slope of the step before", rnn_bptt_slope_of_before, (Kind.QUANTITY,)),
        ],
    ),
    *family(
        "character RNN",
        char_rnn,
        None,
        CHARS,
        ["Wxh", "Whh", "Why", "bh", "by"],
        [
            together("dhnext dropped", char_rnn_no_next, (Kind.MISSING_PATH,)),
            together("h of the same step", char_rnn_same_h, (Kind.QUANTITY,)),
            together("dhnext of one step", char_rnn_next_overwritten, (Kind.MISSING_PATH,)),
        ],
        labels={"inputs": "V", "targets": "V"},
    ),
    *family(
        "recurrence of a number",
        counter_loss,
        counter_grad,
        {"xs": (4,), "target": (), "wx": (), "wr": ()},
        ["wx", "wr"],
        [
            Planted(
                "wr left out",
                counter_grad_no_wr,
                (Kind.MISSING_PATH, Kind.MISSING_FACTOR),
            ),
            Planted("wx for wr", counter_grad_wx, (Kind.QUANTITY, Kind.NUMBER)),
        ],
    ),
]
