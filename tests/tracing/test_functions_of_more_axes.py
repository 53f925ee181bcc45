"""Functions of arrays with more than two axes: read, printed, read back, and their gradients proofread."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.proofread.code.report import Level
from symbackprop.tracing.sizes import declared_size, size_number

SIZES = {"B": 2, "T": 3, "D": 4, "K": 5, "V": 3, "N": 4}


def softmax(s: np.ndarray) -> np.ndarray:
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(X: np.ndarray, Wq: np.ndarray, Wk: np.ndarray, g: np.ndarray) -> float:
    B, T, _ = X.shape

    def heads(z: np.ndarray) -> np.ndarray:
        return z.reshape(B, T, 2, -1).transpose(0, 2, 1, 3)

    q, k, v = heads(X @ Wq) * g, heads(X @ Wk), heads(X)
    s = np.where(np.tril(np.ones((T, T))) == 0, -1e9, q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    return np.sum((softmax(s) @ v).transpose(0, 2, 1, 3).reshape(X.shape) ** 2)


def distances(X: np.ndarray, M: np.ndarray, a: np.ndarray) -> float:
    d = ((X[:, None] - M) ** 2).sum(-1)
    logp = a - 0.5 * d - 0.5 * X.shape[1] * np.log(2 * np.pi)
    return -np.sum(np.log(np.sum(np.exp(logp), axis=1)))


def convolution(P: np.ndarray, w: np.ndarray, b: np.ndarray) -> float:
    out = np.zeros((len(P), 3, 2, 3))
    for i in range(2):
        for j in range(3):
            out[:, :, i, j] = np.tensordot(P[:, :, i : i + 3, j : j + 2], w, axes=([1, 2, 3], [1, 2, 3])) + b
    pooled = np.maximum(out, 0).reshape(len(P), 3, 1, 2, 3, 1).max(axis=(3, 5))
    return np.sum(np.tanh(pooled + b[:, None, None]))


def recurrence(S: np.ndarray, U: np.ndarray, V: np.ndarray, tokens: np.ndarray, E: np.ndarray) -> float:
    h = np.zeros((len(S), V.shape[0]))
    kept = []
    for t in range(S.shape[1]):
        h = np.tanh(S[:, t] @ U + h @ V + E[tokens].sum(axis=1))
        kept.append(h)
    return np.mean(np.stack(kept, axis=1)[..., 0] ** 2)


FUNCTIONS: dict[Callable[..., float], tuple[dict[str, Any], list[str], dict[str, Any]]] = {
    attention: (
        {"X": ("B", "T", "2*D"), "Wq": ("2*D", "2*D"), "Wk": ("2*D", "2*D"), "g": ("D",)},
        ["Wq", "Wk", "g"],
        {},
    ),
    distances: ({"X": ("N", "D"), "M": ("K", "D"), "a": ("K",)}, ["X", "M", "a"], {}),
    convolution: ({"P": ("N", 2, 4, 4), "w": (3, 2, 3, 2), "b": (3,)}, ["P", "w", "b"], {}),
    recurrence: (
        {"S": ("B", 3, "D"), "U": ("D", "K"), "V": ("K", "K"), "tokens": ("B", "T"), "E": ("V", "K")},
        ["U", "V", "E"],
        {"labels": {"tokens": "V"}},
    ),
}


def drawn(shapes: dict[str, Any], labels: dict[str, str]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    sizes = {name: tuple(size_number(declared_size(n), SIZES) for n in shape) for name, shape in shapes.items()}
    return {
        n: rng.integers(SIZES[labels[n]], size=size) if n in labels else rng.normal(size=size)
        for n, size in sizes.items()
    }


def differences(cost: Callable[..., float], values: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return the gradient by central differences of the function itself."""

    def at(index: tuple[int, ...], step: float) -> float:
        moved = values[name].copy()
        moved[index] += step
        return cost(**(values | {name: moved}))

    shape, h = values[name].shape, 1e-4
    whole = [(8 * (at(i, h) - at(i, -h)) - (at(i, 2 * h) - at(i, -2 * h))) / (12 * h) for i in np.ndindex(*shape)]
    return np.reshape(whole, shape)


@pytest.mark.parametrize("cost", FUNCTIONS, ids=lambda cost: cost.__name__)
def test_a_function_is_read_and_its_text_is_read_back_as_the_same_network(cost: Callable[..., float]) -> None:
    shapes, wrt, options = FUNCTIONS[cost]
    given = drawn(shapes, options.get("labels", {}))
    network = sb.network_from_function(cost, shapes, wrt, **options)
    again = sb.parse_network(str(network))
    classes = {name: np.eye(SIZES[n])[given[name]] for name, n in options.get("labels", {}).items()}
    for read in (network, again):
        found = sb.derive(read).to_numpy()(**{n: v[None] if v.ndim == 1 else v for n, v in (given | classes).items()})
        assert found[0] == pytest.approx(cost(**given), rel=1e-12)
        for name in wrt:
            gradient, expected = getattr(found, f"dJd{name}"), differences(cost, given, name)
            np.testing.assert_allclose(np.reshape(gradient, expected.shape), expected, rtol=1e-6, atol=1e-8)


def backward_of_distances(X: np.ndarray, M: np.ndarray, a: np.ndarray) -> dict[str, np.ndarray]:
    diff = X[:, None] - M
    r = softmax(a - 0.5 * (diff**2).sum(-1))
    return {"X": (r[:, :, None] * diff).sum(1), "M": -(r[:, :, None] * diff).sum(0), "a": -r.sum(0)}


def over_the_wrong_axis(X: np.ndarray, M: np.ndarray, a: np.ndarray) -> dict[str, np.ndarray]:
    diff = X[:, None] - M
    t = a - 0.5 * (diff**2).sum(-1)
    r = np.exp(t) / np.exp(t).sum(axis=0, keepdims=True)
    return {"X": (r[:, :, None] * diff).sum(1), "M": -(r[:, :, None] * diff).sum(0), "a": -r.sum(0)}


def windows(P: np.ndarray, w: np.ndarray) -> float:
    out = np.zeros((len(P), 2, 2))
    for i in range(2):
        out[:, :, i] = np.tensordot(P[:, :, i : i + 2], w, axes=([1, 2], [1, 2]))
    return np.sum(out**3)


def backward_of_windows(P: np.ndarray, w: np.ndarray, *, adds: bool = True) -> tuple[np.ndarray, np.ndarray]:
    dP, dw = np.zeros_like(P), np.zeros_like(w)
    for i in range(2):
        part = P[:, :, i : i + 2]
        d = 3 * np.tensordot(part, w, axes=([1, 2], [1, 2])) ** 2
        share = np.einsum("nm,mcp->ncp", d, w)
        dP[:, :, i : i + 2] = dP[:, :, i : i + 2] * adds + share
        dw += np.einsum("nm,ncp->mcp", d, part)
    return dP, dw


def without_the_overlap(P: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return backward_of_windows(P, w, adds=False)


IMAGES = {"P": ("N", "D", 3), "w": (2, "D", 2)}
CLUSTERS = FUNCTIONS[distances][0]


@pytest.mark.parametrize(
    ("cost", "gradient", "shapes", "verdict"),
    [
        (distances, backward_of_distances, CLUSTERS, sb.Verdict.RIGHT),
        (distances, over_the_wrong_axis, CLUSTERS, sb.Verdict.WRONG),
        (windows, backward_of_windows, IMAGES, sb.Verdict.RIGHT),
        (windows, without_the_overlap, IMAGES, sb.Verdict.WRONG),
    ],
)
@pytest.mark.slow
def test_gradient_code_is_proofread_as_formulas(
    cost: Callable[..., float], gradient: Callable[..., Any], shapes: dict[str, Any], verdict: sb.Verdict
) -> None:
    found = sb.check_code(cost, gradient, shapes, list(shapes))
    assert (found.verdict, found.level) == (verdict, Level.FORMULA)
