"""Traced arrays do what NumPy's do: each line runs on both, and the formula has the values of NumPy's array."""

from typing import Any

import numpy as np
import pytest
from sympy import symbols

from symbackprop.expressions.matrices import HadamardPower, NamedMatrix
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.tracing.arguments import argument_spec
from symbackprop.tracing.arrays.array import TracedArray
from symbackprop.tracing.arrays.graph import ExpressionWriter, TraceGraph
from symbackprop.tracing.arrays.numpy_functions import FUNCTIONS, PlaceholderNumpy
from symbackprop.tracing.arrays.products import Labels
from symbackprop.tracing.arrays.run import TraceRun
from symbackprop.tracing.sampling import SamplePoint
from symbackprop.tracing.sizes import Sizes, size_number
from symbackprop.tracing.untraceable import Untraceable
from tests.support.seeds import seed_of_today

SHAPES = {
    **{"X": ("N", "D"), "Z": ("N", "D"), "W": ("D", "H"), "S": ("D", "D"), "b": ("D",), "v": ("N",), "y": ("N",)},
    "s": ("N", "H"),
    **{"Q": ("N", "H", "D"), "R": ("N", "H", "D"), "I": (2, "D", 4, 6), "t": ("2*H",)},
}
SIZES = {"N": 5, "D": 3, "H": 4}

OF_MORE_AXES = """
Q + b - R * Q[:, :1] / (2 + X[:, None])
np.tanh(Q) @ W
Q @ R.transpose(0, 2, 1) + np.swapaxes(Q @ R.mT, 1, 2)
b @ Q.transpose(0, 2, 1) + (Q @ b) * v[:, None]
X[:, None, :] @ np.moveaxis(Q, 1, 2)
np.dot(Q, S) + np.dot(Q, R.transpose(0, 2, 1))[:, :, 0, :1]
np.einsum("nhd,dk->nhk", Q, W) * np.einsum("nhd,nkd->nhk", Q, R)
np.einsum("...d,dk->k...", Q, W)
np.einsum("nd,nh,dh->n", X, Q[..., 0], W) + np.einsum("nhd->n", Q)
np.einsum("nd,dh->ndh", X, W)
np.tensordot(Q, W, axes=([2, 1], [0, 1]))
np.tensordot(X, W, 1)
Q.sum() + np.mean(Q, axis=(0, 2)) + Q.max(axis=-1).sum(axis=0)
(Q - Q.mean(axis=(1, 2), keepdims=True)) / Q.std(axis=(1, 2), keepdims=True)
np.var(Q, axis=1, ddof=1) - Q.min(axis=1) + np.linalg.norm(Q, axis=1)
np.linalg.norm(Q) * np.linalg.norm(Q, axis=-1, keepdims=True)
np.exp(Q) / np.exp(Q).sum(axis=-1, keepdims=True)
np.log(np.sum(np.exp(Q)))
np.exp(Q) / np.sum(np.exp(Q))
Q.reshape(len(Q), -1) * t[0] + Q.reshape(-1, Q.shape[1] * Q.shape[2])
Q.reshape(-1, X.shape[1]) @ W
X.reshape(X.shape[1], X.shape[0]) + X.T
t.reshape(2, -1).sum(axis=0) + t.reshape(Q.shape[1], 2) @ [1.0, -2.0]
(X @ W).ravel()[2:] ** 2
X.ravel() * Z.T.ravel()
X.ravel() @ np.ravel(Z.T)
I.reshape(2, -1, 2, 2, 3, 2).max(axis=(3, 5))
I[:, :, ::2, 1::2] - I[:, :, 1::2, ::-2]
I[..., 1:4, -1] * I[:, :, 0, None, 2]
I[:, :, [0, 2, 3]] + I[0, :, 1:]
I.transpose(0, 3, 1, 2)[1, 2:, -1] + I.T[0, 0, 0, 0]
Q[1:, 0] - Q[:-1, -1]
Q[:, ::-1] + np.flip(Q, axis=1) + np.flip(Q, 0)
Q[np.arange(len(Q)), 0] * X
np.squeeze(Q[:, :1], axis=1) * np.squeeze(Q[:, -1:, :1], axis=(1, 2))[:, None]
np.expand_dims(X, (0, 2)) + np.expand_dims(Q, 0).transpose(0, 1, 2, 3)
X[None] * X[:, None] - np.subtract(X[:, np.newaxis, :], Z)
np.stack([X, Z, X * Z], axis=1)
np.stack((X, Z), -1).reshape(len(X), -1)
np.array([X, Z])
np.concatenate((Q, R), axis=-1) + np.concatenate([Q, R], 2)
np.concatenate([Q, X[:, None]], axis=1)
np.hstack((Q, R)) - np.repeat(np.vstack([R, Q])[: len(X)], 2, axis=1)
np.vsplit(I, 2)[1] * np.hsplit(I[0, 0], 3)[0][0, 0] + np.tile(X, (2, 1))[:1, 0] * np.block([[X, Z]])[0, :1]
np.linalg.matrix_power(S, 3) @ np.linalg.multi_dot([S, W, W.T]) + np.pad(X, 1)[0, 0]
np.split(I, 2, axis=-1)[1] * np.split(I, 3, 3)[0][..., :1]
np.cumsum(Q, axis=1) + np.cumsum(Q, -1) + Q.cumsum(0)
np.diff(Q, axis=1)
np.roll(Q, 1, axis=1) + np.roll(I[0, 0, 0], -2)[-1]
np.pad(I, ((0, 0), (0, 0), (1, 1), (2, 0)))
np.lib.stride_tricks.sliding_window_view(I, (2, 3), axis=(2, 3)).sum(axis=1)
np.where(Q > 0, Q, 0.1 * R) * (R <= Q) + np.maximum(Q, 0) - np.clip(R, -0.1, None)
np.where(np.tril(np.ones((X.shape[1], X.shape[1]))) == 0, -1e9, Q.mT @ R)
np.tril(Q.mT @ Q) + np.triu(Q.mT @ R, 1)
(X > 0)[:, None] * Q + np.where((v > 0)[:, None, None], Q, R)
np.broadcast_to(X[:, None], Q.shape) * Q
np.ones((len(X), 1, X.shape[1])) * Q + np.zeros_like(Q) + np.full(Q.shape, 2.0)
np.outer(v, Q[0, 0]) + np.inner(X, S)
Q * np.arange(X.shape[1]) + 0.9 ** np.arange(Q.shape[1])[:, None]
np.sin(np.arange(Q.shape[1])[:, None] / 50.0 ** (np.arange(X.shape[1]) / X.shape[1])) * Q
np.exp(-np.abs(np.arange(len(X))[:, None] - np.arange(len(X))[None, :])) @ X
np.where(np.arange(len(X))[:, None] >= np.arange(len(X)), X @ X.T, -1e9)
sum(np.arange(7)) * v + np.arange(6)[4] * v[np.arange(len(v))]
Q[0].T[y]
S[y][:, None] * Q
S[s] * (s == 0)[:, :, None] + (S @ S)[s[:, 0]][:, None]
Q[np.arange(Q.shape[0])[:, None], np.arange(Q.shape[1]), s]
Q.reshape(-1, X.shape[1])[np.arange(X.shape[0] * Q.shape[1]), s.reshape(-1)]
np.take_along_axis(Q, s[..., None], axis=-1)[..., 0]
(y[:, None] == y[None, :]) * (X @ X.T) + (y[:, None] == np.arange(X.shape[1])) @ X.T
X[np.arange(len(X)), np.argmax(X, axis=1)] + np.where(np.argmax(Z, axis=1) == 0, v, 2 * v)
np.eye(X.shape[1])[X.argmax(axis=1)] @ W - np.eye(X.shape[0])[np.argmin(X, axis=0)].T @ S @ W
Q[np.arange(len(Q))[:, None], np.arange(Q.shape[1]), Q.argmax(-1)]
(Q @ W)[np.arange(len(X)), 0, :]
0.5 * X.shape[1] * np.log(2 * np.pi) * v + np.log(X.shape[0]) * v - np.log(2 * len(b))
"""

LINES = """
X + b
b - X
X * v[:, None]
v[:, np.newaxis] + b
X @ W
X.dot(b)
v @ X
np.dot(v, v)
b @ W
np.outer(v, b)
X.T @ v / X.shape[0]
2.5 / (1 + X**2)
X ** 3 - 0.1
-X
abs(X)
np.sqrt(X**2 + 1e-3)
np.sum(X)
np.sum(X, axis=0)
X.sum(axis=1, keepdims=True) + X
X.mean(axis=0)
np.mean(X, 1)
X.var(axis=0)
np.var(X, axis=0, ddof=1)
X.std(1, keepdims=True)
X.max(axis=1)
np.min(X)
np.max(X, axis=1, keepdims=True) - X
np.sum(X) / len(X)
np.sum(v) / (2 * X.shape[0])
1.0 / X.shape[0] * X
np.sqrt(X.shape[1]) * X
X / np.sqrt(X.shape[1])
(X.shape[0] - 1) * b
X.reshape(X.shape[0], -1)
v.reshape(-1, 1) * X
v.reshape((1, -1)) @ X
X[:, 0]
X[:, 0:1]
X[0]
b[0] * X
X.T[0]
np.maximum(0, X)
np.minimum(X, 0.2)
np.maximum(X, Z)
np.where(X > 0, X, 0.01 * X)
np.where(X <= Z, Z, X)
np.where(X, Z, 2 * X)
np.where(X == Z, Z, -X) + (X != Z) * X
np.where((X > 0) & (Z < 0.2) | ~(Z >= X), X, 1)
np.heaviside(X, 0.5) * Z
np.maximum(np.minimum(X, Z), -Z) + np.fmax(X, 0.1)
np.arctan2(Z, X) + np.hypot(X, Z)
np.logaddexp(X, Z) + np.log2(1 + X**2) - np.log10(3 + Z**2) + np.exp2(X)
np.sinh(X) + np.cosh(X) * np.tan(Z / 9) + np.expm1(Z) - np.log1p(X**2)
np.arcsin(np.tanh(X)) - np.arccos(np.tanh(X)) + np.arctan(X) + np.arcsinh(X)
np.arccosh(2 + X**2) + np.arctanh(np.tanh(X))
np.cumsum(X, axis=0) + np.cumsum(X, axis=1)
np.cumsum(v) * 2
np.select([X < 0, X < 0.5], [Z, X * Z], 2 * X) + np.select([X > Z], [X])
np.average(X, axis=0) + np.ptp(X)
np.diff(X, axis=1)
np.diff(X, axis=0)
np.diff(v)
np.roll(X, 1, axis=0)
X[1:] - X[:-1]
np.linalg.norm(X, 1, axis=0) + np.linalg.norm(X, np.inf, axis=0)
np.linalg.norm(v) * np.linalg.norm(v, 1) * X
(1 + X**2) ** Z + 2**X
np.where(np.tril(np.ones((X.shape[1], X.shape[1]))) > 0, S, -1e9)
np.where(np.triu(np.ones((X.shape[1], X.shape[1])), 1), 0.5, S) * np.tri(X.shape[1], k=-1)
S + np.triu(np.full((X.shape[1], X.shape[1]), -1e9), 2)
np.tril(S) - np.triu(S, 1) + np.tril(S, -1) @ np.triu(S, -1)
np.linalg.solve(S + 9 * np.eye(X.shape[1]), W)
np.linalg.slogdet(S + 9 * np.eye(X.shape[1]))[1] * X
(X > 0) * Z
(X >= 0.1).astype(float) * Z
(X < Z) * 1.0
np.clip(X, -0.5, 0.5)
np.exp(-X) / (1 + np.exp(-X))
1 / (1 + np.exp(-X))
np.exp(-X) / (1 + np.exp(-X))**2
np.log(1 + np.exp(X))
np.log1p(np.exp(X))
np.logaddexp(0, X)
np.exp(X) / np.sum(np.exp(X), axis=1, keepdims=True)
np.exp(b - np.max(b)) / np.sum(np.exp(b - np.max(b)))
np.log(np.exp(X) / np.exp(X).sum(axis=1, keepdims=True))
np.tanh(X) * np.sin(Z) + np.cos(X)
np.square(X) + np.sign(Z)
np.concatenate((X, Z), axis=1)
np.concatenate([X, Z])
np.hstack((X, v[:, None]))
np.vstack((b, X))
np.einsum('nd,dh->nh', X, W)
np.einsum('nd,nd->n', X, Z)
np.einsum('nd,n->d', X, v)
np.einsum('nd->', X)
np.einsum('i,j->ij', v, b)
np.einsum('nd->dn', X)
np.linalg.norm(X)
np.linalg.norm(X, axis=1)
np.diag(b) @ W
np.trace(S)
np.eye(X.shape[1]) - S
S @ np.ones((X.shape[1], 1))
np.zeros_like(X) + Z
np.ones(X.shape) * Z
np.full(X.shape, 2.0) * Z
np.add(X, np.multiply(Z, 2))
np.subtract(X, Z) / np.power(2, 1)
np.divide(X, 1 + Z**2)
np.transpose(X) @ Z
X.ravel() @ Z.ravel()
np.sum(W.ravel()**2)
np.dot(X.flatten(), Z.flatten())
np.expand_dims(v, 1) * X
np.atleast_2d(b) + X
np.squeeze(X[:, 0:1])
X[np.arange(X.shape[0]), y]
X[range(len(X)), y].sum()
np.eye(X.shape[1])[y] * X
W[y]
np.add.reduce(X)
np.vdot(X, Z)
np.inner(X, Z)
np.negative(X) + np.reciprocal(1 + X**2)
~(X > 0) * Z
((X > 0) & (Z > 0)) * X
np.c_[X, v, Z]
np.c_[v]
np.column_stack([np.ones(len(X)), X])
np.tril(S)
np.choose(y, X.T)
np.where(np.isfinite(X).all(), 1, 0) * X
"""

STATEMENTS = {
    "mask": "A = X.copy(); A[A <= 0] = 0; A",
    "scaled mask": "A = X.copy(); A[A < 0] *= 0.01; A",
    "mask of another": "A = Z.copy(); A[X <= 0] = 0; A",
    "labels": "A = X.copy(); A[np.arange(len(X)), y] -= 1; A / len(X)",
    "labels set": "A = X.copy(); A[range(X.shape[0]), y] = -np.sum(Z, axis=1); A",
    "in place": "A = np.zeros_like(X); A += X; B = A; B *= 2; A",
    "in place of zeros": "A = np.zeros((X.shape[0], X.shape[1])); A += X; A -= Z; A",
    "all": "A = np.empty(X.shape); A[:] = b; A",
    "scatter": "A = np.zeros(W.shape); np.add.at(A, y, X @ W); A",
    "diagonal": "A = S.copy(); np.fill_diagonal(A, 0.0); A",
    "diagonal of ones": "A = S * 2; np.fill_diagonal(A, 1); A",
    "entries of more axes": "A = np.zeros(Q.shape); A[:, 0] = X; A[:, 1:, 0] = v[:, None]; A[..., -1] += 1; A",
    "each entry": "A = np.zeros((2, 3, 2)); A[0, 0, 1] = v[0]; A[1] = b[0]; A",
    "each window": """A = np.zeros((2, I.shape[1], 3, 2))
for i in range(3):
    for j in range(2):
        A[:, :, i, j] = np.sum(I[:, :, i : i + 2, 3 * j : 3 * j + 2], axis=(2, 3))
A[0] *= 2; A""",
    "windows that overlap": """A = np.zeros(I.shape)
for i in range(3):
    A[:, :, i : i + 2] += I[:, :, 2 * (i // 2) : 2 * (i // 2) + 2] * (i + 1)
; A""",
    "out": "A = np.empty_like(X); np.multiply(X, Z, out=A); A",
}


def drawn(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes = argument_spec(SHAPES, ["W"]).shapes
    values = {name: rng.normal(size=[size_number(n, SIZES) for n in shape]) for name, shape in shapes.items()}
    return values | {"y": rng.integers(3, size=5), "s": rng.integers(3, size=(5, 4))}


def both(code: str, *, at_a_point: bool = False, seed: int | None = None) -> tuple[Any, Any]:
    """Return the value of a line in NumPy, and that of its formula at the same numbers."""
    seed = seed_of_today(below=1000) if seed is None else seed
    values = drawn(seed)
    spec = argument_spec(SHAPES, ["W"], labels={"y": "D", "s": "D"})
    point = SamplePoint(values, SIZES)
    if at_a_point:
        spec = spec.with_labels(values)
    sizes = Sizes(spec.every_shape, SIZES if at_a_point else None)
    network = spec.declared(sizes)
    known = point.symbols(network, spec)
    run = TraceRun(sizes, TraceGraph(), FUNCTIONS, known if at_a_point else None)
    arrays = {
        name: (Labels if name in spec.labels else TracedArray)(run, run.graph.leaf(network[name], len(shape)))
        for name, shape in spec.every_shape.items()
    }
    if at_a_point:
        arrays |= {name: values[name] for name in ("y", "s")}
    theirs = ours = None
    *first, last = code.split(";")
    for names in (values | {"np": np}, arrays | {"np": PlaceholderNumpy(run)}):
        space = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in names.items()}
        exec("\n".join(line.strip() for line in [*first, f"result = {last}"]), space)
        theirs, ours = ours, space["result"]
    node = run.node(ours)
    assert np.shape(theirs) == sizes_of(node, network), "the shape is NumPy's"
    expression = ExpressionWriter({}).expression(node)
    dimensions = {d: SIZES[str(d)] for d in network.dimensions}
    value = Evaluation(dimensions).value(expression, dict(known), IN_FLOATS)
    return theirs, np.reshape(value, np.shape(theirs))


def sizes_of(node: Any, network: Any) -> tuple[int, ...]:
    dimensions = {d: SIZES[str(d)] for d in network.dimensions}
    return tuple(int(n.xreplace(dimensions)) for n in node.size)


@pytest.mark.parametrize("line", [*LINES.strip().splitlines(), *OF_MORE_AXES.strip().splitlines()])
def test_a_line_is_what_numpy_makes_of_it(line: str) -> None:
    theirs, ours = both(line)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("code", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_what_is_changed_in_place(code: str) -> None:
    theirs, ours = both(code)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


AT_A_POINT = [
    "X[1:, :] - X[:-1, :]",
    "X[..., 1]",
    "A = X.copy(); A[0] = b; A",
    "A = X.copy(); A[:, 1] = v; A",
    "A = X.copy(); A[1:, 1:] = 0.0; A",
    "A = np.zeros((3, 4)); np.add.at(A, y, X @ W); A",
    "A = W.copy(); A[2] += b[0] * A[1]; A",
    "sum(X[i] * v[i] for i in range(len(X)))",
    "np.array([X[i] @ b for i in range(X.shape[0])])",
    "X[y]",
    "X[np.argmax(X, axis=0), range(X.shape[1])]",
    "np.array([x if x > 0 else 0 * x for x in v])",
    "X[[0, 2, 2]]",
    "X[0] if X[0, 0] > 0 else X[1]",
]


@pytest.mark.parametrize("line", AT_A_POINT)
def test_at_a_point_loops_run_and_numbers_decide(line: str) -> None:
    theirs, ours = both(line, at_a_point=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "line",
    [
        "float(np.sum(X))",
        "1 if np.sum(X) > 0 else 0",
        "np.quantile(X, 0.3)",
        "np.random.normal(size=3) * X",
        "X.astype(int)",
        "X[X > 0].sum()",
        "np.unique(Q)",
        "np.argmax(X)",
        "y * 2",
    ],
)
def test_what_would_lose_the_quantity_is_refused(line: str) -> None:
    with pytest.raises(Untraceable):
        both(line, seed=0)


def test_sizes_are_told_from_their_numbers() -> None:
    sizes = Sizes({"X": ("N", "D"), "W": ("D", "H")})
    n, d, h = sizes.of(("N", "D", "H"))
    expected = {n: "N", n * d: "D*N", n - 1: "N - 1", d + h: "D + H", 0.5 / n: "1/(2*N)", 1 / (n * d): "1/(D*N)"}
    expected |= {
        0.1: "1/10",
        1e-8: "1/100000000",
        1 / 3: "1/3",
        2.0 * n: "2*N",
        n**0.5: "sqrt(N)",
        1 / d**0.5: "1/sqrt(D)",
    }
    assert {number: str(sizes.number(number)) for number in expected} == expected


def test_a_sigmoid_of_another_sign_is_not_recognized() -> None:
    """A formula that is recognized must be equal: a near miss stays what it is."""
    for line in ("1 / (1 - np.exp(-X))", "1 / (2 + np.exp(-X))", "np.exp(X) / (1 + np.exp(-X))**2"):
        theirs, ours = both(line)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_each_node_of_a_graph_is_written_once() -> None:
    """However many of them have names: the equations of a long function take time linear in its length."""
    written: list[int] = []

    def squared(part: Any, number: int) -> HadamardPower:
        written.append(number)
        return HadamardPower(part, 2)

    graph = TraceGraph()
    node = graph.leaf(NamedMatrix("X", *symbols("N D", integer=True, positive=True)), 2)
    for number in range(20):
        node = graph.node(squared, [node], number, rank=2)
    written.clear()
    writer = ExpressionWriter({})
    for number, part in enumerate(graph.nodes):
        if part.operation is not None:
            writer.expression(part)
            writer.name(part, NamedMatrix(f"h{number}", *part.symbol.shape))
    assert written == list(range(20))
