"""Factors, distances and codes: radial basis functions, matrix factorisation, tied weights, einsum."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import Planted, family

# Radial basis functions: distances to the centres, one pair after the other.


def rbf_loss(X, y, centers, a, gamma):
    loss = 0.0
    for n in range(len(X)):
        f = 0.0
        for k in range(len(centers)):
            f += a[k] * np.exp(-gamma * np.sum((X[n] - centers[k]) ** 2))
        loss += (f - y[n]) ** 2
    return loss / len(X)


def rbf_grad(X, y, centers, a, gamma):
    N, K = len(X), len(centers)
    d_centers, d_a = np.zeros(centers.shape), np.zeros(K)
    for n in range(N):
        phi = np.exp(-gamma * np.sum((X[n] - centers) ** 2, axis=1))
        e = 2 * (phi @ a - y[n]) / N
        for k in range(K):
            d_a[k] += e * phi[k]
            d_centers[k] += e * a[k] * phi[k] * 2 * gamma * (X[n] - centers[k])
    return d_centers, d_a


def rbf_grad_sign(X, y, centers, a, gamma):
    N, K = len(X), len(centers)
    d_centers, d_a = np.zeros(centers.shape), np.zeros(K)
    for n in range(N):
        phi = np.exp(-gamma * np.sum((X[n] - centers) ** 2, axis=1))
        e = 2 * (phi @ a - y[n]) / N
        for k in range(K):
            d_a[k] += e * phi[k]
            d_centers[k] += e * a[k] * phi[k] * 2 * gamma * (centers[k] - X[n])
    return d_centers, d_a


def rbf_grad_no_two(X, y, centers, a, gamma):
    N, K = len(X), len(centers)
    d_centers, d_a = np.zeros(centers.shape), np.zeros(K)
    for n in range(N):
        phi = np.exp(-gamma * np.sum((X[n] - centers) ** 2, axis=1))
        e = 2 * (phi @ a - y[n]) / N
        for k in range(K):
            d_a[k] += e * phi[k]
            d_centers[k] += e * a[k] * phi[k] * gamma * (X[n] - centers[k])
    return d_centers, d_a


# Matrix factorisation of ratings that are known in part; R has what counts how much.


def mf_cost(M, R, P, Q, lam):
    E = R * (M - P @ Q.T)
    return 0.5 * np.sum(E**2) + 0.5 * lam * (np.sum(P**2) + np.sum(Q**2))


def mf_grad(M, R, P, Q, lam):
    E = R * (M - P @ Q.T)
    gP = -(R * E) @ Q + lam * P
    gQ = -(R * E).T @ P + lam * Q
    return gP, gQ


def mf_grad_weight_once(M, R, P, Q, lam):
    E = R * (M - P @ Q.T)
    gP = -E @ Q + lam * P
    gQ = -E.T @ P + lam * Q
    return gP, gQ


def mf_grad_penalty_sign(M, R, P, Q, lam):
    E = R * (M - P @ Q.T)
    gP = -(R * E) @ Q - lam * P
    gQ = -(R * E).T @ P - lam * Q
    return gP, gQ


def mf_grad_one_after_other(M, R, P, Q, lam):
    E = R * (M - P @ Q.T)
    gP = -(R * E) @ Q + lam * P
    P = P - 0.05 * gP
    gQ = -(R * E).T @ P + lam * Q
    return gP, gQ


# An autoencoder with tied weights.


def tied_cost(X, W, b, c):
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    return np.sum((R - X) ** 2) / (2 * len(X))


def tied_grad(X, W, b, c):
    N = len(X)
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    dR = (R - X) / N
    dc = dR.sum(axis=0)
    dH = dR @ W
    dZ = dH * H * (1 - H)
    dW = X.T @ dZ + dR.T @ H
    db = dZ.sum(axis=0)
    return dW, db, dc


def tied_grad_encoder(X, W, b, c):
    N = len(X)
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    dR = (R - X) / N
    dc = dR.sum(axis=0)
    dH = dR @ W
    dZ = dH * H * (1 - H)
    dW = X.T @ dZ
    db = dZ.sum(axis=0)
    return dW, db, dc


def tied_grad_decoder(X, W, b, c):
    N = len(X)
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    dR = (R - X) / N
    dc = dR.sum(axis=0)
    dH = dR @ W
    dZ = dH * H * (1 - H)
    dW = dR.T @ H
    db = dZ.sum(axis=0)
    return dW, db, dc


def tied_grad_slope_of_H(X, W, b, c):
    N = len(X)
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    dR = (R - X) / N
    dc = dR.sum(axis=0)
    dH = dR @ W
    s = 1 / (1 + np.exp(-H))
    dZ = dH * s * (1 - s)
    dW = X.T @ dZ + dR.T @ H
    db = dZ.sum(axis=0)
    return dW, db, dc


# What a projection leaves of the data, columns of which are examples.


def pca_error(X, U):
    R = X - U @ U.T @ X
    return np.linalg.norm(R) ** 2


def pca_grad(X, U):
    R = X - U @ U.T @ X
    return -2 * (R @ X.T @ U + X @ R.T @ U)


def pca_grad_one_side(X, U):
    R = X - U @ U.T @ X
    return -2 * (R @ X.T @ U)


def pca_grad_twice_one_side(X, U):
    R = X - U @ U.T @ X
    return -4 * (R @ X.T @ U)


# A bilinear score and softplus, with einsum.


def bilinear_loss(U, V, M, t):
    s = np.einsum("ni,ij,nj->n", U, M, V)
    return np.sum(np.log(1 + np.exp(s)) - t * s)


def bilinear_grad(U, V, M, t):
    s = np.einsum("ni,ij,nj->n", U, M, V)
    g = 1 / (1 + np.exp(-s)) - t
    return {
        "dM": np.einsum("n,ni,nj->ij", g, U, V),
        "dU": np.einsum("n,ij,nj->ni", g, M, V),
        "dV": np.einsum("n,ij,ni->nj", g, M, U),
    }


def bilinear_grad_softplus(U, V, M, t):
    s = np.einsum("ni,ij,nj->n", U, M, V)
    g = np.log(1 + np.exp(s)) - t
    return {
        "dM": np.einsum("n,ni,nj->ij", g, U, V),
        "dU": np.einsum("n,ij,nj->ni", g, M, V),
        "dV": np.einsum("n,ij,ni->nj", g, M, U),
    }


def bilinear_grad_transposed(U, V, M, t):
    s = np.einsum("ni,ij,nj->n", U, M, V)
    g = 1 / (1 + np.exp(-s)) - t
    return {
        "dM": np.einsum("n,nj,ni->ij", g, U, V),
        "dU": np.einsum("n,ij,nj->ni", g, M, V),
        "dV": np.einsum("n,ij,ni->nj", g, M, U),
    }


# All parameters in one vector, cut up by reshape.

n_in, n_hid, n_out = 4, 5, 3


def unrolled_cost(theta, X, Y, lam):
    m = X.shape[0]
    Theta1 = np.reshape(theta[: n_hid * (n_in + 1)], (n_hid, n_in + 1))
    Theta2 = np.reshape(theta[n_hid * (n_in + 1) :], (n_out, n_hid + 1))
    a1 = np.hstack((np.ones((m, 1)), X))
    a2 = np.hstack((np.ones((m, 1)), 1 / (1 + np.exp(-a1 @ Theta1.T))))
    h = 1 / (1 + np.exp(-a2 @ Theta2.T))
    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    return J + lam / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))


def unrolled_grad(theta, X, Y, lam):
    m = X.shape[0]
    Theta1 = np.reshape(theta[: n_hid * (n_in + 1)], (n_hid, n_in + 1))
    Theta2 = np.reshape(theta[n_hid * (n_in + 1) :], (n_out, n_hid + 1))
    a1 = np.hstack((np.ones((m, 1)), X))
    a2 = np.hstack((np.ones((m, 1)), 1 / (1 + np.exp(-a1 @ Theta1.T))))
    h = 1 / (1 + np.exp(-a2 @ Theta2.T))
    d3 = h - Y
    d2 = (d3 @ Theta2)[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    Theta1_grad = d2.T @ a1 / m
    Theta2_grad = d3.T @ a2 / m
    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
    return np.concatenate((Theta1_grad.ravel(), Theta2_grad.ravel()))


def unrolled_grad_bias(theta, X, Y, lam):
    m = X.shape[0]
    Theta1 = np.reshape(theta[: n_hid * (n_in + 1)], (n_hid, n_in + 1))
    Theta2 = np.reshape(theta[n_hid * (n_in + 1) :], (n_out, n_hid + 1))
    a1 = np.hstack((np.ones((m, 1)), X))
    a2 = np.hstack((np.ones((m, 1)), 1 / (1 + np.exp(-a1 @ Theta1.T))))
    h = 1 / (1 + np.exp(-a2 @ Theta2.T))
    d3 = h - Y
    d2 = (d3 @ Theta2)[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    Theta1_grad = d2.T @ a1 / m + lam / m * Theta1
    Theta2_grad = d3.T @ a2 / m + lam / m * Theta2
    return np.concatenate((Theta1_grad.ravel(), Theta2_grad.ravel()))


def unrolled_grad_order(theta, X, Y, lam):
    m = X.shape[0]
    Theta1 = np.reshape(theta[: n_hid * (n_in + 1)], (n_hid, n_in + 1))
    Theta2 = np.reshape(theta[n_hid * (n_in + 1) :], (n_out, n_hid + 1))
    a1 = np.hstack((np.ones((m, 1)), X))
    a2 = np.hstack((np.ones((m, 1)), 1 / (1 + np.exp(-a1 @ Theta1.T))))
    h = 1 / (1 + np.exp(-a2 @ Theta2.T))
    d3 = h - Y
    d2 = (d3 @ Theta2)[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    Theta1_grad = d2.T @ a1 / m
    Theta2_grad = d3.T @ a2 / m
    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
    return np.concatenate((Theta1_grad.ravel(order="F"), Theta2_grad.ravel(order="F")))


CASES = [
    *family(
        "radial basis functions",
        rbf_loss,
        rbf_grad,
        {"X": ("N", "D"), "y": ("N",), "centers": ("K", "D"), "a": ("K",)},
        ["centers", "a"],
        [
            Planted("sign of the centres", rbf_grad_sign, (Kind.SIGN,)),
            Planted("2 of the distance missing", rbf_grad_no_two, (Kind.NUMBER,)),
        ],
        scalars=("gamma",),
    ),
    *family(
        "matrix factorisation",
        mf_cost,
        mf_grad,
        {"M": ("I", "J"), "R": ("I", "J"), "P": ("I", "F"), "Q": ("J", "F")},
        ["P", "Q"],
        [
            Planted(
                "R once",
                mf_grad_weight_once,
                (Kind.MISSING_FACTOR,),
            ),
            Planted("penalty subtracted", mf_grad_penalty_sign, (Kind.PENALTY,)),
            Planted("P updated first", mf_grad_one_after_other, (Kind.UPDATED,)),
        ],
        scalars=("lam",),
    ),
    *family(
        "tied weights",
        tied_cost,
        tied_grad,
        {"X": ("N", "D"), "W": ("D", "H"), "b": ("H",), "c": ("D",)},
        ["W", "b", "c"],
        [
            Planted(
                "encoder alone",
                tied_grad_encoder,
                (Kind.MISSING_PATH,),
            ),
            Planted(
                "decoder alone",
                tied_grad_decoder,
                (Kind.MISSING_PATH,),
            ),
            Planted("sigmoid' of H", tied_grad_slope_of_H, (Kind.DERIVATIVE_ARGUMENT,)),
        ],
    ),
    *family(
        "projection",
        pca_error,
        pca_grad,
        {"X": ("D", "N"), "U": ("D", "K")},
        ["U"],
        [
            Planted(
                "one use of U",
                pca_grad_one_side,
                (Kind.MISSING_PATH,),
            ),
            Planted(
                "one use of U, twice",
                pca_grad_twice_one_side,
                (Kind.MISSING_PATH,),
            ),
        ],
    ),
    *family(
        "bilinear score",
        bilinear_loss,
        bilinear_grad,
        {"U": ("N", "D"), "V": ("N", "D"), "M": ("D", "D"), "t": ("N",)},
        ["M", "U", "V"],
        [
            Planted("softplus for its slope", bilinear_grad_softplus, (Kind.FUNCTION_FOR_DERIVATIVE,)),
            Planted("dM transposed", bilinear_grad_transposed, (Kind.TRANSPOSE,)),
        ],
    ),
    *family(
        "unrolled parameters",
        unrolled_cost,
        unrolled_grad,
        {"theta": (43,), "X": ("N", 4), "Y": ("N", 3)},
        ["theta"],
        [
            Planted("biases penalized", unrolled_grad_bias, (Kind.PENALTY,)),
            Planted(
                "unrolled by columns",
                unrolled_grad_order,
                (Kind.TRANSPOSE,),
            ),
        ],
        scalars=("lam",),
    ),
]
