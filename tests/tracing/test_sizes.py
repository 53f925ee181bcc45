"""Declared sizes: names, numbers, and sums and products of them."""

from collections.abc import Callable

import numpy as np
import pytest

import symbackprop as sb
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
