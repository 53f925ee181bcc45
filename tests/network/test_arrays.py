"""Networks with vectors, numbers and arrays of more axes, written as text: NumPy is the oracle of what a line means."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.errors import ArgumentError

HEAD = """
X: parameter(3, 4)
W: parameter(4, 2)
v: parameter(4)
u: parameter(3)
s: parameter()
A: parameter(2, 3, 4)
Q: parameter(2, 2, 3, 4)
"""
NAMES = "XWvusAQ"


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def windows_of_images(x, w, stride=1, padding=0, dilation=1, groups=1):
    if groups > 1:
        pairs = zip(np.split(x, groups, axis=1), np.split(w, groups), strict=True)
        return np.concatenate([windows_of_images(a, b, stride, padding, dilation) for a, b in pairs], axis=1)
    if dilation > 1:
        apart = np.zeros((*w.shape[:2], *(dilation * (n - 1) + 1 for n in w.shape[2:])))
        apart[:, :, ::dilation, ::dilation] = w
        w = apart
    x = np.pad(x, [(0, 0), (0, 0), *[(padding, padding)] * 2])
    seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncijpq,fcpq->nfij", seen, w)


NUMPY = {name: getattr(np, name) for name in np.__all__ if name not in {"abs", "max", "min", "sum"}} | {
    "np": np,
    "max": np.max,
    "norm": np.linalg.norm,
    "sum": np.sum,
    "softmax": softmax,
    "logsumexp": lambda z, axis: np.log(np.exp(z).sum(axis=axis)),
    "sliding_window_view": np.lib.stride_tricks.sliding_window_view,
    "conv2d": windows_of_images,
    "max_pool2d": lambda x, n: x.reshape(*x.shape[:-2], x.shape[-2] // n, n, x.shape[-1] // n, n).max(axis=(-3, -1)),
    "avg_pool2d": lambda x, n: x.reshape(*x.shape[:-2], x.shape[-2] // n, n, x.shape[-1] // n, n).mean(axis=(-3, -1)),
}
FORMULAS = [
    "X @ v",
    "u @ X",
    "v @ v",
    "A @ W",
    "A @ v",
    "u @ A",
    "Q @ W + s",
    "Q @ Q.mT",
    "X * v + s",
    "A * X - v",
    "X / (1 + s**2) + u[:, None]",
    "sum(X, axis=0)",
    "sum(X, axis=1)[:, None] * X",
    "mean(A, axis=(0, 2))",
    "mean(A, axis=(0, -1), keepdims=True) * A",
    "var(A, axis=-1)",
    "max(A, axis=1)",
    "max(Q, axis=(1, 3))",
    "max(v)",
    "einsum('ij,jk,i->', X, W, u) * u",
    "einsum('ij,jk,il,lk->', X, W, X, W) + v",
    "softmax(A, axis=1) * A",
    "logsumexp(A, axis=(0, 2)) * u",
    "logsumexp(X, axis=None) * v",
    "softmax(v) @ v",
    "tanh(s) * exp(v)",
    "einsum('btd,dk->btk', A, W)",
    "einsum('ij,ij->j', X, X)",
    "einsum('abc,bc,c->a', A, X, v)",
    "einsum('bhtk,bhsk->bhts', Q, Q)",
    "einsum('ii->i', X @ X.T)",
    "einsum('bij->', A)",
    "outer(u, v)",
    "kron(W, X)",
    "tensordot(A, X, axes=((1, 2), (0, 1)))",
    "tensordot(A, W, 1)",
    "inner(X, A)",
    "vdot(X, X)",
    "diag(v) @ W",
    "diag(X @ X.T)",
    "A.transpose(2, 0, 1)",
    "transpose(X) @ X",
    "A.swapaxes(0, 2)",
    "moveaxis(Q, 1, 3)",
    "Q.transpose(0, 2, 1, 3).reshape(2, 3, 8)",
    "A.reshape(6, -1) @ W",
    "X.reshape(2, 3, 2).max(axis=2)",
    "X.reshape(4, 3) * u",
    "X.ravel()[2:9]",
    "squeeze(X[0:1]) * v",
    "expand_dims(v, 0) + expand_dims(u, -1)",
    "X[0]",
    "X[:, -1]",
    "X[1, 2] * v",
    "A[..., 0]",
    "A[:, None, 1:, 2]",
    "A[1, :, ::2]",
    "X[:, ::-1]",
    "A[:, ::-1, 1:4:2]",
    "stack((u, u**2), axis=1)",
    "stack((A[0], X), axis=-1)",
    "concatenate((A, A**2), axis=2)",
    "concatenate((v, u))",
    "flip(A)",
    "flip(v) * v",
    "roll(v, 1) * v",
    "roll(A, -1, axis=1) * A",
    "pad(v, (2, 1))",
    "pad(X, 1)",
    "sliding_window_view(v, 2) @ v[:2]",
    "sliding_window_view(X, (2, 3)).sum(axis=(2, 3))",
    "sort(X, axis=0) * v",
    "sort(v) * arange(4)",
    "median(A, axis=-1) + median(X[:, :2])",
    "norm(X, 3, axis=1) * u",
    "prod(X[:, :2], axis=1) * u",
    "cross(X.T, X.T**2)",
    "polyval(u, v) * arange(4)",
    "linspace(0, 1, 4) * X",
    "average(X, axis=1, weights=exp(v))",
    "X[:, [0, 2, -1]] * u[:, None]",
    "X[[0, 1], [2, 3]] * s + v[:, np.newaxis][0]",
    "convolve(v, u)",
    "convolve(u, v, 'same')",
    "convolve(v, u, mode='valid')",
    "conv2d(Q, Q[:, :, :2, :2])",
    "conv2d(Q, Q[:, :, :2, :3], stride=2, padding=1)",
    "max_pool2d(A[:, :2], 2)",
    "avg_pool2d(Q[:, :, 1:, :], 2)",
    "conv2d(Q, Q[:, :, :2, :2], dilation=2)",
    "conv2d(Q, Q[:, :1, :2, :2], groups=2)",
    "broadcast_to(v, (2, 3, 4)) * A",
    "ones(4) * v + zeros((3, 4))",
    "tril(A) * A",
    "A @ Q[:, :, 0, :, None]",
    "X.T.T.sum() * X.shape[1]",
]


def values(rng):
    shapes = {"X": (3, 4), "W": (4, 2), "v": (4,), "u": (3,), "s": (), "A": (2, 3, 4), "Q": (2, 2, 3, 4)}
    return {name: rng.normal(size=shape) if shape else float(rng.normal()) for name, shape in shapes.items()}


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_means_what_numpy_says_and_its_gradient_is_right(formula, rng):
    given = values(rng)
    wanted = np.sum(np.asarray(eval(formula, dict(NUMPY), dict(given))) ** 2)  # noqa: S307 — NumPy is the oracle
    others = "sum(X) + sum(W) + sum(v) + sum(u) + s + sum(A) + sum(Q)"
    net = sb.parse_network(f"{HEAD}h = {formula}\nJ = sum(h**2) + {others}")
    assert str(sb.parse_network(str(net))) == str(net)
    d = sb.derive(net)
    result = d.to_numpy()(**given)
    assert result.J == pytest.approx(wanted + sum(np.sum(x) for x in given.values()), rel=1e-10)
    direction = values(rng)

    f = d.to_numpy().cost
    sides = [f(**{name: x + step * direction[name] for name, x in given.items()}) for step in (1e-5, -1e-5)]
    along = sum(np.sum(getattr(result, f"dJd{name}") * direction[name]) for name in NAMES)
    assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(along, rel=1e-6, abs=1e-6)
    for name, x in given.items():
        assert np.shape(getattr(result, f"dJd{name}")) == np.shape(x)


SEQUENCES = """
X: input(B, T, D)
Y: one_hot(B, T, K)
W: parameter(D, K)
b: parameter(K)
t: parameter()
z = (X @ W + b) / t
J = -mean(sum(Y * log_softmax(z), axis=-1))
"""
ATTENTION = """
X: input(B, T, D)
Wq: parameter(D, 6)
Wk: parameter(D, 6)
q = (X @ Wq).reshape(B, T, 2, 3).transpose(0, 2, 1, 3)
k = (X @ Wk).reshape(B, T, 2, 3).transpose(0, 2, 1, 3)
P = softmax(q @ k.mT / sqrt(3))
J = sum((P @ q)**2)
"""
CONVOLUTION = """
X: input(N, C, 5, 4)
K: parameter(F, C, 2, 2)
b: parameter(F)
h = relu(conv2d(X, K) + b[:, None, None])
J = sum(max_pool2d(h, 2, 1)**2)
"""


@pytest.mark.parametrize("text", [SEQUENCES, pytest.param(ATTENTION, marks=pytest.mark.slow), CONVOLUTION])
def test_every_step_is_proved_for_all_sizes(text):
    d = sb.derive(sb.parse_network(text))
    verification = d.verify(seed=0)
    assert verification.verdict == "right"
    assert all(proof.outcomes["all sizes"].verdict == "right" for proof in verification.lines)


def test_formulas_entry_by_entry():
    d = sb.derive(sb.parse_network(ATTENTION))
    shown = d.to_text(detail="result", view="index")
    assert "q[b,i,t,j]" in shown
    assert r"\sum" in d.to_latex(view="index")
    assert d.to_html(view="both").startswith("<!doctype html>")


def test_numbers_as_parameters_are_checked_and_proved():
    net = sb.parse_network(
        "x: input(N)\ny: target(N)\na: parameter()\nb: parameter()\nJ = mean((a*x + tanh(b) - y)**2)"
    )
    d = sb.derive(net)
    assert d.verify(seed=0).verdict == "right"
    assert d.check(sb.random_values(net, seed=0)).verdict == "right"
    assert isinstance(d.to_numpy()(x=[1.0, 2.0], y=[0.0, 1.0], a=1, b=0).dJda, np.floating)
    unused = sb.derive(sb.parse_network("w: parameter(3)\na: parameter()\nb = a * 2\nJ = sum(w**2)"))
    assert unused.to_numpy()(w=np.ones(3), a=1.0).dJda == 0
    assert unused.verify(seed=0).verdict == "right"


def test_what_is_for_matrices_alone_refuses_other_arrays():
    d = sb.derive(sb.parse_network(SEQUENCES))
    with pytest.raises(ArgumentError, match="is written for networks of matrices"):
        d.to_source("array_api")
    with pytest.raises(ArgumentError, match="arrays with one axis, or more than two"):
        d.to_numpy(backend="numba")
    with pytest.raises(ArgumentError, match="such data are not divided yet"):
        d.to_dask()


def test_a_wrong_gradient_of_an_array_is_found():
    net = sb.parse_network("X: input(B, T, D)\nW: parameter(D, K)\nb: parameter(K)\nJ = sum(tanh(X @ W + b)**2)")
    f, given = sb.derive(net).to_numpy(), sb.random_values(net, seed=1)

    def gradient(W, b):
        _, dW, db = f(given["X"], W, b)
        return {"W": dW, "b": 2 * db}

    check = sb.check_gradients(
        lambda W, b: f.cost(given["X"], W, b), gradient, {name: given[name] for name in ("W", "b")}
    )
    assert [block.verdict for block in check.blocks] == ["right", "wrong"]
