"""Gated cells by hand: an LSTM in a loop, one step of a GRU, a highway layer."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# An LSTM over three rows of one example, all gates in one matrix.


def lstm_loss(xs, target, W, U, b):
    H = U.shape[0]
    h, c = np.zeros(H), np.zeros(H)
    for t in range(3):
        a = xs[t] @ W + h @ U + b
        i, f, o, g = sigmoid(a[:H]), sigmoid(a[H : 2 * H]), sigmoid(a[2 * H : 3 * H]), np.tanh(a[3 * H :])
        c = f * c + i * g
        h = o * np.tanh(c)
    return 0.5 * np.sum((h - target) ** 2)


def lstm_grads(xs, target, W, U, b):
    H = U.shape[0]
    h, c = np.zeros(H), np.zeros(H)
    cache = []
    for t in range(3):
        a = xs[t] @ W + h @ U + b
        i, f, o, g = sigmoid(a[:H]), sigmoid(a[H : 2 * H]), sigmoid(a[2 * H : 3 * H]), np.tanh(a[3 * H :])
        prev_h, prev_c = h, c
        c = f * prev_c + i * g
        h = o * np.tanh(c)
        cache.append((prev_h, prev_c, i, f, o, g, c))
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = h - target
    dc = np.zeros(H)
    for t in reversed(range(3)):
        prev_h, prev_c, i, f, o, g, c = cache[t]
        tc = np.tanh(c)
        dc = dc + dh * o * (1 - tc**2)
        do = dh * tc * o * (1 - o)
        df = dc * prev_c * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g**2)
        da = np.hstack((di, df, do, dg))
        dW += np.outer(xs[t], da)
        dU += np.outer(prev_h, da)
        db += da
        dh = U @ da
        dc = dc * f
    return dW, dU, db


def lstm_grads_no_carry(xs, target, W, U, b):
    H = U.shape[0]
    h, c = np.zeros(H), np.zeros(H)
    cache = []
    for t in range(3):
        a = xs[t] @ W + h @ U + b
        i, f, o, g = sigmoid(a[:H]), sigmoid(a[H : 2 * H]), sigmoid(a[2 * H : 3 * H]), np.tanh(a[3 * H :])
        prev_h, prev_c = h, c
        c = f * prev_c + i * g
        h = o * np.tanh(c)
        cache.append((prev_h, prev_c, i, f, o, g, c))
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = h - target
    for t in reversed(range(3)):
        prev_h, prev_c, i, f, o, g, c = cache[t]
        tc = np.tanh(c)
        dc = dh * o * (1 - tc**2)
        do = dh * tc * o * (1 - o)
        df = dc * prev_c * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g**2)
        da = np.hstack((di, df, do, dg))
        dW += np.outer(xs[t], da)
        dU += np.outer(prev_h, da)
        db += da
        dh = U @ da
    return dW, dU, db


def lstm_grads_slope_of_c(xs, target, W, U, b):
    H = U.shape[0]
    h, c = np.zeros(H), np.zeros(H)
    cache = []
    for t in range(3):
        a = xs[t] @ W + h @ U + b
        i, f, o, g = sigmoid(a[:H]), sigmoid(a[H : 2 * H]), sigmoid(a[2 * H : 3 * H]), np.tanh(a[3 * H :])
        prev_h, prev_c = h, c
        c = f * prev_c + i * g
        h = o * np.tanh(c)
        cache.append((prev_h, prev_c, i, f, o, g, c))
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = h - target
    dc = np.zeros(H)
    for t in reversed(range(3)):
        prev_h, prev_c, i, f, o, g, c = cache[t]
        tc = np.tanh(c)
        dc = dc + dh * o * (1 - c**2)
        do = dh * tc * o * (1 - o)
        df = dc * prev_c * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g**2)
        da = np.hstack((di, df, do, dg))
        dW += np.outer(xs[t], da)
        dU += np.outer(prev_h, da)
        db += da
        dh = U @ da
        dc = dc * f
    return dW, dU, db


def lstm_grads_gate_slope(xs, target, W, U, b):
    H = U.shape[0]
    h, c = np.zeros(H), np.zeros(H)
    cache = []
    for t in range(3):
        a = xs[t] @ W + h @ U + b
        i, f, o, g = sigmoid(a[:H]), sigmoid(a[H : 2 * H]), sigmoid(a[2 * H : 3 * H]), np.tanh(a[3 * H :])
        prev_h, prev_c = h, c
        c = f * prev_c + i * g
        h = o * np.tanh(c)
        cache.append((prev_h, prev_c, i, f, o, g, c))
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = h - target
    dc = np.zeros(H)
    for t in reversed(range(3)):
        prev_h, prev_c, i, f, o, g, c = cache[t]
        tc = np.tanh(c)
        dc = dc + dh * o * (1 - tc**2)
        do = dh * tc * o * (1 - o)
        df = dc * c * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g**2)
        da = np.hstack((di, df, do, dg))
        dW += np.outer(xs[t], da)
        dU += np.outer(prev_h, da)
        db += da
        dh = U @ da
        dc = dc * f
    return dW, dU, db


# One step of a GRU, in columns.


def gru_cost(x, h, y, Wz, Uz, Wr, Ur, Wh, Uh):
    z = sigmoid(Wz @ x + Uz @ h)
    r = sigmoid(Wr @ x + Ur @ h)
    hc = np.tanh(Wh @ x + Uh @ (r * h))
    new = z * h + (1 - z) * hc
    return ((new - y) ** 2).sum()


def gru_grad(x, h, y, Wz, Uz, Wr, Ur, Wh, Uh):
    z = sigmoid(Wz @ x + Uz @ h)
    r = sigmoid(Wr @ x + Ur @ h)
    hc = np.tanh(Wh @ x + Uh @ (r * h))
    new = z * h + (1 - z) * hc
    dnew = 2 * (new - y)
    dhc = dnew * (1 - z) * (1 - hc**2)
    dz = dnew * (h - hc) * z * (1 - z)
    drh = Uh.T @ dhc
    dr = drh * h * r * (1 - r)
    dh = dnew * z + drh * r + Uz.T @ dz + Ur.T @ dr
    return {
        "h": dh,
        "Wz": dz @ x.T,
        "Uz": dz @ h.T,
        "Wr": dr @ x.T,
        "Ur": dr @ h.T,
        "Wh": dhc @ x.T,
        "Uh": dhc @ (r * h).T,
    }


def gru_grad_no_direct(x, h, y, Wz, Uz, Wr, Ur, Wh, Uh):
    z = sigmoid(Wz @ x + Uz @ h)
    r = sigmoid(Wr @ x + Ur @ h)
    hc = np.tanh(Wh @ x + Uh @ (r * h))
    new = z * h + (1 - z) * hc
    dnew = 2 * (new - y)
    dhc = dnew * (1 - z) * (1 - hc**2)
    dz = dnew * (h - hc) * z * (1 - z)
    drh = Uh.T @ dhc
    dr = drh * h * r * (1 - r)
    dh = drh * r + Uz.T @ dz + Ur.T @ dr
    return {
        "h": dh,
        "Wz": dz @ x.T,
        "Uz": dz @ h.T,
        "Wr": dr @ x.T,
        "Ur": dr @ h.T,
        "Wh": dhc @ x.T,
        "Uh": dhc @ (r * h).T,
    }


def gru_grad_sign(x, h, y, Wz, Uz, Wr, Ur, Wh, Uh):
    z = sigmoid(Wz @ x + Uz @ h)
    r = sigmoid(Wr @ x + Ur @ h)
    hc = np.tanh(Wh @ x + Uh @ (r * h))
    new = z * h + (1 - z) * hc
    dnew = 2 * (new - y)
    dhc = dnew * (1 - z) * (1 - hc**2)
    dz = dnew * (h + hc) * z * (1 - z)
    drh = Uh.T @ dhc
    dr = drh * h * r * (1 - r)
    dh = dnew * z + drh * r + Uz.T @ dz + Ur.T @ dr
    return {
        "h": dh,
        "Wz": dz @ x.T,
        "Uz": dz @ h.T,
        "Wr": dr @ x.T,
        "Ur": dr @ h.T,
        "Wh": dhc @ x.T,
        "Uh": dhc @ (r * h).T,
    }


def gru_grad_h_for_rh(x, h, y, Wz, Uz, Wr, Ur, Wh, Uh):
    z = sigmoid(Wz @ x + Uz @ h)
    r = sigmoid(Wr @ x + Ur @ h)
    hc = np.tanh(Wh @ x + Uh @ (r * h))
    new = z * h + (1 - z) * hc
    dnew = 2 * (new - y)
    dhc = dnew * (1 - z) * (1 - hc**2)
    dz = dnew * (h - hc) * z * (1 - z)
    drh = Uh.T @ dhc
    dr = drh * h * r * (1 - r)
    dh = dnew * z + drh * r + Uz.T @ dz + Ur.T @ dr
    return {
        "h": dh,
        "Wz": dz @ x.T,
        "Uz": dz @ h.T,
        "Wr": dr @ x.T,
        "Ur": dr @ h.T,
        "Wh": dhc @ x.T,
        "Uh": dhc @ h.T,
    }


# A highway layer: a gate between what comes in and what is made of it.


def highway(X, Y, Wt, Wc, bt):
    T = sigmoid(X @ Wt + bt)
    C = np.maximum(0.1 * (X @ Wc), X @ Wc)
    return np.sum((T * C + (1 - T) * X - Y) ** 2) / X.shape[0]


def highway_grad(X, Y, Wt, Wc, bt):
    Z = X @ Wc
    T = sigmoid(X @ Wt + bt)
    C = np.where(Z > 0, Z, 0.1 * Z)
    d = 2 * (T * C + (1 - T) * X - Y) / X.shape[0]
    dT = d * (C - X) * T * (1 - T)
    dC = d * T * np.where(Z > 0, 1.0, 0.1)
    return X.T @ dT, X.T @ dC, dT.sum(0)


def highway_grad_no_X(X, Y, Wt, Wc, bt):
    Z = X @ Wc
    T = sigmoid(X @ Wt + bt)
    C = np.where(Z > 0, Z, 0.1 * Z)
    d = 2 * (T * C + (1 - T) * X - Y) / X.shape[0]
    dT = d * C * T * (1 - T)
    dC = d * T * np.where(Z > 0, 1.0, 0.1)
    return X.T @ dT, X.T @ dC, dT.sum(0)


def highway_grad_relu(X, Y, Wt, Wc, bt):
    Z = X @ Wc
    T = sigmoid(X @ Wt + bt)
    C = np.where(Z > 0, Z, 0.1 * Z)
    d = 2 * (T * C + (1 - T) * X - Y) / X.shape[0]
    dT = d * (C - X) * T * (1 - T)
    dC = d * T * (Z > 0)
    return X.T @ dT, X.T @ dC, dT.sum(0)


GRU = {name: ("H", "D") if name[0] == "W" else ("H", "H") for name in ("Wz", "Uz", "Wr", "Ur", "Wh", "Uh")}
GRU = {"x": ("D", 1), "h": ("H", 1), "y": ("H", 1)} | GRU
HIGHWAY = {"X": ("N", "D"), "Y": ("N", "D"), "Wt": ("D", "D"), "Wc": ("D", "D"), "bt": ("D",)}

CASES = [
    *family(
        "LSTM",
        lstm_loss,
        lstm_grads,
        {"xs": (3, "D"), "target": (4,), "W": ("D", 16), "U": (4, 16), "b": (16,)},
        ["W", "U", "b"],
        [
            Planted("cell not carried back", lstm_grads_no_carry, (Kind.MISSING_PATH,)),
            Planted("slope of tanh at tanh", lstm_grads_slope_of_c, (Kind.DERIVATIVE_FORMULA,)),
            Planted("new cell for the old", lstm_grads_gate_slope, (Kind.QUANTITY,)),
        ],
    ),
    *family(
        "GRU step",
        gru_cost,
        gru_grad,
        GRU,
        ["h", "Wz", "Uz", "Wr", "Ur", "Wh", "Uh"],
        [
            Planted("direct path dropped", gru_grad_no_direct, (Kind.MISSING_PATH,)),
            Planted("sign of the candidate", gru_grad_sign, (Kind.SIGN,)),
            Planted("h for r * h", gru_grad_h_for_rh, (Kind.QUANTITY,)),
        ],
    ),
    *family(
        "highway layer",
        highway,
        highway_grad,
        HIGHWAY,
        ["Wt", "Wc", "bt"],
        [
            Planted("carried part dropped", highway_grad_no_X, (Kind.MISSING_PATH,)),
            Planted("slope of relu", highway_grad_relu, (Kind.FUNCTION,)),
        ],
    ),
]
