"""Random numbers that do not matter are let through; where two runs differ, nothing is said to be right."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.random import standard_normal

import symbackprop as sb

SHAPES = {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}
GENERATOR = np.random.default_rng(5)


class Model:
    def __init__(self, rows: int, columns: int):
        self.W = np.random.randn(rows, columns) / np.sqrt(rows)

    def loss(self, X: Any, y: Any, factor: float) -> Any:
        d = X @ self.W - y
        return 0.5 * np.sum(d * d), factor * X.T @ d


def with_initial_weights(X: Any, y: Any, W: Any, factor: float = 1.0) -> Any:
    model = Model(W.shape[0], W.shape[1])
    model.W = W
    return model.loss(X, y, factor)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right"), (2.0, "wrong")])
def test_initial_weights_that_are_replaced_are_harmless(factor: float, verdict: str) -> None:
    check = sb.check_code(with_initial_weights, None, SHAPES, "W", scalars={"factor": factor})
    assert (check.verdict, check.level) == (verdict, "formula"), str(check)


def test_a_mask_of_a_fixed_seed_is_read_entry_by_entry() -> None:
    def both(X: Any, W: Any) -> Any:
        np.random.seed(1)
        Z = X * (np.random.rand(*X.shape) < 0.6)
        return 0.5 * np.sum((Z @ W) ** 2), Z.T @ (Z @ W)

    check = sb.check_code(both, None, {"X": ("N", "D"), "W": ("D", "K")}, "W")
    assert (check.verdict, check.level) == ("right", "entries")


def drawn(X: Any) -> Any:
    return np.random.rand(*X.shape)


def imported(X: Any) -> Any:
    return standard_normal(X.shape)


def generated(X: Any) -> Any:
    return GENERATOR.normal(size=X.shape)


@pytest.mark.parametrize("noise", [drawn, imported, generated])
def test_nothing_is_said_where_two_runs_differ(noise: Any) -> None:
    def cost(X: Any, W: Any) -> Any:
        return np.sum(X @ W) + np.sum(noise(X))

    shapes = {"X": ("N", "D"), "W": ("D", "K")}
    check = sb.check_code(cost, lambda X, W: X.T @ np.ones((len(X), W.shape[1])), shapes, "W")
    assert (check.verdict, check.level) == ("undecided", "numbers")
    assert check.notes[0].startswith("two runs at one point differ")
    with pytest.raises(sb.ArgumentError, match="draw"):
        sb.network_from_function(cost, shapes)


def test_the_order_of_examples_does_not_matter() -> None:
    def cost(X: Any, w: Any) -> Any:
        order = np.random.permutation(len(X))
        return np.sum(np.tanh(X[order] @ w))

    check = sb.check_code(cost, lambda X, w: X.T @ (1 - np.tanh(X @ w) ** 2), {"X": ("N", "D"), "w": ("D",)}, "w")
    assert check.verdict == "right"


SOURCE = """
import numpy as np
class Filter:
    def __init__(self, f):
        self.f = f
    def forward(self, x):
        out = np.zeros(len(x) - len(self.f) + 1)
        for k in range(len(out)):
            out[k] = np.sum(x[k : k + len(self.f)] * self.f)
        return out
"""


@pytest.mark.parametrize(("start", "verdict"), [(0, "right"), (1, "wrong")])
def test_a_module_that_has_classes_alone_is_traced(start: int, verdict: str) -> None:
    filters = ModuleType("filters_of_a_user")
    exec(SOURCE, vars(filters))
    space: dict[str, Any] = {"filters": filters, "np": np, "start": start, "__name__": "code_of_a_user"}
    exec(
        "def cost(x, f, d):\n    return np.sum(filters.Filter(f).forward(x) * d)\n"
        "def gradient(x, f, d):\n    return np.array([np.sum(x[k + start : k + 4] * d[start:]) for k in range(2)])\n",
        space,
    )
    check = sb.check_code(space["cost"], space["gradient"], {"x": (5,), "f": (2,), "d": (4,)}, "f")
    assert (check.verdict, check.level) == (verdict, "formula"), str(check)
