"""Messages about code that cannot be traced: the line of the user's code, what it does, and what to write instead."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import symbackprop as sb

SHAPES = {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}


def positive(z: np.ndarray) -> np.ndarray:
    if z.sum() > 0:
        return z
    return -z


def branch(X: np.ndarray, W: np.ndarray) -> float:
    return np.sum(positive(X @ W))


def quantile(X: np.ndarray, W: np.ndarray) -> float:
    most = np.quantile(X @ W, 0.9)
    return np.sum(most)


def factor(X: np.ndarray, W: np.ndarray) -> float:
    L = np.linalg.cholesky(W.T @ W)
    return np.sum(np.log(np.diag(L)))


def python_math(X: np.ndarray, W: np.ndarray) -> float:
    return math.exp(np.sum(X @ W))


def other_shape(X: np.ndarray, W: np.ndarray) -> float:
    return np.sum((X @ W).reshape(X.shape[1], -1) ** 2)


def steps(X: np.ndarray, W: np.ndarray) -> float:
    return sum(np.tanh(X[t] @ W).sum() ** 2 for t in range(len(X)))


def random(X: np.ndarray, W: np.ndarray) -> float:
    return np.sum(X @ W) + np.random.rand()


def masked(X: np.ndarray, W: np.ndarray) -> float:
    return X[X > 0].sum() * np.sum(W)


@pytest.mark.parametrize(
    ("cost", "problem", "place"),
    [
        (branch, r"what is done depends on the numbers.*np\.where", "line 2 of positive: if z.sum() > 0:"),
        (quantile, r"np\.quantile is not among the functions", "line 2 of quantile: most = np.quantile(X @ W, 0.9)"),
        (factor, r"cholesky is not among .* write log\(det\(A\)\) / 2 for sum", "line 2 of factor: L = np.linalg.ch"),
        (python_math, r"float\(\)", "line 2 of python_math: return math.exp(np.sum(X @ W))"),
        (other_shape, r"shape \(N, K\) is put into the shape \(D, ", "line 2 of other_shape: return np.sum("),
        (steps, r"\[9\] is taken from an axis of N entries.*such as 4 in place of N", ": return sum(np.tanh(X[t]"),
        (random, r"np\.random: draw them before", "line 2 of random: return np.sum(X @ W) + np.random.rand()"),
        (masked, r"np\.sum\(x \* \(x > 0\)\)", "line 2 of masked: return X[X > 0].sum() * np.sum(W)"),
    ],
)
def test_a_message_names_the_line_and_what_to_write(cost: Callable[..., float], problem: str, place: str) -> None:
    shapes = {name: SHAPES[name] for name in ("X", "W")}
    with pytest.raises(sb.ArgumentError, match=f"cannot be read as a network: in the cost, .*{problem}") as raised:
        sb.network_from_function(cost, shapes)
    first = cost.__code__.co_firstlineno if cost is not branch else positive.__code__.co_firstlineno
    assert place.replace("line 2 of", f"line {first + 1} of") in str(raised.value)


def test_a_sum_of_shapes_that_do_not_fit_is_written_out() -> None:
    def cost(X: np.ndarray, y: np.ndarray, W: np.ndarray) -> float:
        return np.sum(np.tanh(X @ W) + X) + np.sum(y)

    with pytest.raises(sb.ArgumentError, match=r"tanh\(X @ W\) \+ X: tanh\(X @ W\) is N×K but X is N×D"):
        sb.network_from_function(cost, SHAPES)


def test_a_product_of_shapes_that_do_not_fit_names_the_dimensions() -> None:
    def cost(X: np.ndarray, y: np.ndarray, W: np.ndarray) -> float:
        return np.sum(X @ y) + np.sum(W)

    with pytest.raises(sb.ArgumentError, match=r"shapes \(N, D\) and \(N, K\) are multiplied .* inner sizes differ"):
        sb.network_from_function(cost, SHAPES)


def test_a_cost_that_ends_in_float_may_create_arrays_of_floats() -> None:
    def cost(X: np.ndarray, W: np.ndarray) -> float:
        total = np.zeros((X.shape[0], W.shape[1]), dtype=float)
        total += X @ W
        return float(np.sum(total))

    network = sb.network_from_function(cost, {name: SHAPES[name] for name in ("X", "W")})
    assert network.to_text().splitlines()[-1] == "J = sum(total)"


def test_the_code_fails_at_a_line() -> None:
    def cost(X: np.ndarray, W: np.ndarray) -> float:
        return np.sum(W @ X @ W)

    with pytest.raises(
        sb.ArgumentError, match=r"the code fails at N=3.*\(line \d+ of cost: return np\.sum\(W @ X @ W\)\)"
    ):
        sb.check_code(cost, lambda X, W: W, {name: SHAPES[name] for name in ("X", "W")}, ["W"])
