"""Index arrays in texts: what stands in brackets means what NumPy says, and gradients are those of differences."""

import numpy as np
import pytest

import symbackprop as sb

HEAD = """
y:  index(N, of=K)
c:  index(N, of=K)
t:  index(B, T, of=K)
E:  parameter(K, D)
P:  parameter(N, K)
A:  parameter(6, K)
M:  parameter(K, K)
Q:  parameter(B, T, K)
"""
SIZES = {"N": 5, "K": 4, "B": 2, "T": 3, "D": 6}
FORMULAS = [
    "E[y]",
    "E[t]",
    "E[t].mean(axis=1)",
    "E[y][:, None, :] * E[t[0, :]]",
    "P[np.arange(N), y]",
    "P[range(N), y] * P[arange(len(y)), c]",
    "A[:, y]",
    "A[2:4, y]",
    "A[1, y]",
    "M[y, c]",
    "M[y[:-1], y[1:]]",
    "Q[np.arange(B)[:, None], np.arange(T), t]",
    "np.take(E, y, axis=0)",
    "np.take_along_axis(P, y[:, None], axis=1)",
    "np.take_along_axis(Q, t[..., None], axis=-1)",
    "np.eye(K)[y] * P",
    "np.where(y[:, None] == np.arange(K), P, 0)",
    "(y == c) * P[:, 0]",
    "E[t.reshape(-1)] * y.shape[0]",
]


def drawn(rng):
    given = {name: rng.integers(0, 4, shape) for name, shape in {"y": 5, "c": 5, "t": (2, 3)}.items()}
    shapes = {"E": (4, 6), "P": (5, 4), "A": (6, 4), "M": (4, 4), "Q": (2, 3, 4)}
    return given, {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("formula", FORMULAS)
def test_an_index_means_what_numpy_says_and_the_gradient_is_right(formula, rng):
    index, given = drawn(rng)
    space = {"np": np, "arange": np.arange, **SIZES}

    def by_numpy(values):
        return np.sum(np.tanh(eval(formula, dict(space), {**index, **values})) ** 2)  # noqa: S307 — the oracle

    others = "sum(E) + sum(P) + sum(A) + sum(M) + sum(Q)"
    net = sb.parse_network(f"{HEAD}h = {formula}\nJ = sum(tanh(h)**2) + {others}")
    assert str(sb.parse_network(str(net))) == str(net)
    rows = {name: np.eye(4)[value] for name, value in index.items()}
    result = sb.derive(net).to_numpy()(**rows, **given)
    assert pytest.approx(by_numpy(given) + sum(map(np.sum, given.values())), rel=1e-10) == result.J
    direction = drawn(rng)[1]
    sides = [by_numpy({n: x + step * direction[n] for n, x in given.items()}) for step in (1e-5, -1e-5)]
    along = sum(np.sum((getattr(result, f"dJd{n}") - 1) * direction[n]) for n in given)
    assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(along, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("E + y", "y is an index array, which stands in brackets, as in E[y]"),
        ("P[y]", "y has places of K entries, but axis 0 of P, which is N×K, has N"),
        ("P[np.arange(K), y]", "arange(N) is all of them"),
        ("M[y, t]", "do not fit together"),
        ("np.take(E, y)", "take(E, y, axis=0) takes rows"),
        ("Q[0, :, y]", "in brackets of their own"),
        ("E[y == D]", "is compared with D"),
        ("E[[0, y]]", "whole numbers"),
    ],
)
def test_what_an_index_cannot_do_is_said(formula, words):
    with pytest.raises(sb.FormulaError, match=r"line \d") as error:
        sb.parse_network(f"{HEAD}h = {formula}\nJ = sum(h**2)")
    assert words in str(error.value)


def test_a_plain_number_that_is_updated_keeps_its_value():
    net = sb.parse_network(
        "X: input(N, 3, D)\nw: parameter(D)\nJ = 0\nfor t in range(3):\n    J += sum((X[:, t] @ w)**2)"
    )
    X = np.arange(24.0).reshape(2, 3, 4)
    assert sb.derive(net).to_numpy()(X=X, w=np.ones(4)).J == pytest.approx(np.sum(X.sum(axis=2) ** 2))


def test_a_sorted_cost_is_derived_proved_and_right():
    net = sb.parse_network(
        "X: input(N, D)\nw: parameter(D, 1)\nq: input(1, N)\nJ = sum(sort(tanh(X @ w), axis=0) * q.T)"
    )
    d = sb.derive(net)
    assert d.verify(seed=0).verdict == "right"
    values = sb.random_values(net, {"N": 6, "D": 3}, seed=1)
    check = sb.check_gradients(
        lambda w: np.sum(np.sort(np.tanh(values["X"] @ w), axis=0) * values["q"].T),
        lambda w: d.to_numpy()(**values | {"w": w})[1],
        values["w"],
    )
    assert check.verdict == "right"
