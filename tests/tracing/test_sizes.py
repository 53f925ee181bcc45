"""Declared sizes: names, numbers, and sums and products of them."""

from collections.abc import Callable
from math import exp, log, pi

import numpy as np
import pytest
from sympy import Expr, Rational, expand_log, simplify, sympify

import symbackprop as sb
from symbackprop.expressions.shapes import dimension
from symbackprop.tracing.arguments import argument_spec
from symbackprop.tracing.sampling import distinct_sizes, other_sizes
from symbackprop.tracing.sizes import Sizes, declared_size, size_number

SHAPES = {"W": ("D + H", "4*H"), "x": ("N", "D"), "h": ("N", "H"), "t": ("D+1",)}


@pytest.mark.parametrize(
    ("text", "number"), [("D", 3), ("7", 7), ("D + H", 8), ("4*H", 20), ("2*(D + 1)*H", 40), (" H*D ", 15), ("D**2", 9)]
)
def test_a_size_has_a_number(text: str, number: int) -> None:
    assert size_number(declared_size(text), {"D": 3, "H": 5}) == number


@pytest.mark.parametrize(
    ("text", "hint"),
    [("4H", r"write '4\*H'"), ("2 D", r"write '2\*D'"), ("D +", "is not a size"), ("D/2", "is not a size"), ("", "is not a size"),
     ("0*D", "is not a size"), ("-D", "is not a size"), ("f(D)", "is not a size"), ("D; H", "is not a size"), ("D.H", "is not a size")],
)  # fmt: skip
def test_other_text_is_said(text: str, hint: str) -> None:
    with pytest.raises(sb.ArgumentError, match=hint):
        argument_spec({"X": ("N", text)}, ["X"])


def test_sizes_that_are_sums_differ_from_all_others() -> None:
    spec = argument_spec(SHAPES, ["W"])
    for numbers in (distinct_sizes(spec), other_sizes(spec)):
        every = {size_number(size, numbers) for shape in spec.every_shape.values() for size in shape}
        assert len(every) == len({size for shape in spec.every_shape.values() for size in shape})


def test_declared_sums_are_told_from_their_numbers() -> None:
    spec = argument_spec(SHAPES, ["W"])
    sizes = Sizes(spec.every_shape)
    for shape in spec.every_shape.values():
        numbers = sizes.of(shape)
        assert tuple(map(sizes.length, numbers)) == tuple(map(sizes.dimension, shape))


TIMES = {"N": 107, "D": 139, "1/(N*D*K)": 1 / (107 * 139 * 173), "N*D*K": 107 * 139 * 173}


@pytest.mark.parametrize("constant", [log(2 * pi), pi / 2, log(2), 1.7, 1 / 3])
@pytest.mark.parametrize("size", TIMES)
def test_sizes_times_constants_are_told_from_their_numbers(size: str, constant: float) -> None:
    found = Sizes({"X": ("N", "D", "K")}).number(TIMES[size] * constant)
    assert float(found / of_sizes(size)) == pytest.approx(constant, rel=1e-13)


def of_sizes(text: str) -> Expr:
    N, D, K = map(dimension, "NDK")
    return {"N": N, "D": D, "1/(N*D*K)": 1 / (N * D * K), "N*D*K": N * D * K}[text]


@pytest.mark.parametrize(
    "number", [exp(9.1), exp(13.7), 98.7 * exp(1), 12345.678901234567, 3.3e9 / 7.1, 107 * exp(1.1)]
)
def test_numbers_of_many_digits_are_neither_sizes_nor_roots(number: float) -> None:
    assert Sizes({"X": ("N", "D", "K")}).number(number) == Rational(repr(number))


LOGARITHMS = {
    "log(N)/2": log(107) / 2,
    "log(N/D)": log(107 / 139),
    "N*log(N)": 107 * log(107),
    "N*log(3/10)": 107 * log(0.3),
    "D*log(2*pi*N)/2": 0.5 * 139 * log(2 * pi * 107),
    "D*(1 + log(2*pi))/2": 0.5 * 139 * (1 + log(2 * pi)),
}


@pytest.mark.parametrize("formula", LOGARITHMS)
def test_logarithms_of_sizes_are_told_from_their_numbers(formula: str) -> None:
    found = Sizes({"X": ("N", "D")}).number(LOGARITHMS[formula])
    assert simplify(expand_log(found - sympify(formula, {"N": dimension("N"), "D": dimension("D")}), force=True)) == 0


@pytest.mark.parametrize("tiny", [1.2345678901234567e-300, 5e-324, 1.2345678901234567e-17, -3.3333333333333333e-9])
def test_a_tiny_number_is_itself(tiny: float) -> None:
    assert float(Sizes({"X": ("N", "D")}).number(tiny)) == pytest.approx(tiny, rel=1e-15)


def rates(X: np.ndarray, w: np.ndarray) -> float:
    return 181.9 * np.sum((X @ w) ** 2) + 321 * np.sum(w**2) + 1.7 * len(w) * np.sum(w)


def test_a_number_that_has_the_code_of_a_size_is_read() -> None:
    text = sb.network_from_function(rates, {"X": ("N", "D"), "w": ("D",)}, ["w"]).to_text()
    assert all(number in text for number in ("(1819/10)", "321", "17*D/10"))


def evidence(X: np.ndarray, y: np.ndarray, s: float) -> float:
    K = X @ X.T + np.exp(s) * np.eye(len(y))
    return 0.5 * y @ np.linalg.solve(K, y) + 0.5 * np.linalg.slogdet(K)[1] + 0.5 * len(y) * np.log(2 * np.pi)


def test_the_constant_of_a_likelihood_is_read() -> None:
    network = sb.network_from_function(evidence, {"X": ("N", "D"), "y": ("N",), "s": ()}, ["s"])
    assert "N*log(2*pi)" in network.to_text()


def gates(x: np.ndarray, h: np.ndarray, W: np.ndarray) -> float:
    H = h.shape[1]
    z = np.concatenate([x, h], axis=1) @ W
    return np.sum(np.tanh(z[:, :H]) * z[:, H : 2 * H]) + np.sum(z[:, 2 * H :] ** 2)


def test_a_function_of_such_sizes_is_a_network() -> None:
    shapes = {name: SHAPES[name] for name in ("W", "x", "h")}
    network = sb.network_from_function(gates, shapes)
    assert "W: parameter(D + H, 4*H)" in network.to_text()
    values = sb.random_values(network, seed=1)
    assert sb.derive(network).to_numpy(backend="numpy")(**values).J == pytest.approx(gates(**values))


def test_a_size_that_never_stands_alone_is_asked_about() -> None:
    def cost(W: np.ndarray) -> float:
        return np.sum(W[: len(W) // 2] * W[len(W) // 2 :])

    with pytest.raises(sb.ArgumentError, match="the size H is in sums or products alone"):
        sb.network_from_function(cost, {"W": ("2*H",)})


def swapped(W: np.ndarray) -> np.ndarray:
    H = len(W) // 2
    return np.concatenate([W[H:], W[:H]])


@pytest.mark.parametrize(("gradient", "verdict"), [(swapped, "right"), (lambda W: W, "wrong")])
def test_its_code_is_read_entry_by_entry(gradient: Callable[..., object], verdict: str) -> None:
    def cost(W: np.ndarray) -> float:
        return np.sum(W[: len(W) // 2] * W[len(W) // 2 :])

    check = sb.check_code(cost, gradient, {"W": ("2*H",)}, "W")
    assert (check.verdict, check.level) == (verdict, "entries")
