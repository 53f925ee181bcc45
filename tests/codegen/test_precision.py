"""The accuracy of generated functions: against extended precision, in units of the last place of the largest entry."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.network.models.losses import COSTS
from tests.support.networks import ON_PROBABILITIES
from tests.support.zoo import ZOO

ULPS = 50
NETS = {
    **{
        f"{cost} cost": sb.mlp(
            ["D", "H", "K"],
            "sigmoid",
            cost,
            output_activation="sigmoid" if cost in ON_PROBABILITIES else None,
            bias=True,
        )
        for cost in COSTS
    },
    **{f"{name} function": sb.mlp(["D", "H", 2], name, l2="lam") for name in FUNCTIONS if name != "log"},
}
MANY = 10_000


def in_type(values, dtype):
    return {name: value if np.ndim(value) == 0 else np.asarray(value, dtype) for name, value in values.items()}


def off_by(result, truth, dtype):
    """Return the largest difference in units of the last place of the largest entry."""
    pairs = [(np.asarray(a, np.longdouble), np.asarray(b, np.longdouble)) for a, b in zip(result, truth, strict=True)]
    least = np.finfo(dtype).tiny  # smaller numbers have fewer digits
    assert all(np.abs(a).max() <= least for a, b in pairs if np.abs(b).max() <= least)
    relative = [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs if np.abs(b).max() > least]
    return max(relative) / np.finfo(dtype).eps


def evaluated(net, values, dtype):
    """Return the results in that dtype, and the true ones for the same arguments."""
    f, given = sb.derive(net).to_numpy(), in_type(values, dtype)
    return f(**given), f(**in_type(given, np.longdouble))


def lost_by_rounding(net, values, dtype, rng):
    """Return the unavoidable error: the change of the true results when the arguments change in their last place."""
    f, given = sb.derive(net).to_numpy(), in_type(in_type(values, dtype), np.longdouble)
    eps = np.finfo(dtype).eps
    moved = [
        {name: value * (1 + eps * rng.choice([-1, 1], np.shape(value))) for name, value in given.items()}
        for _ in range(3)
    ]
    return max(off_by(f(**some), f(**given), dtype) for some in moved)


def drawn(net, dtype, rng):
    """Return a point at which no result is too large for the dtype, as sinh may be, with the results and the true ones."""
    while True:
        values = sb.random_values(net, seed=int(rng.integers(2**31)))
        result, truth = evaluated(net, values, dtype)
        if max(np.abs(part).max() for part in truth) < np.finfo(dtype).max / 1e3:
            return values, result, truth


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETS)
def test_within_fifty_units_of_the_last_place(name, dtype, rng):
    """Or within a few times the unavoidable error, where terms happen to cancel."""
    values, result, truth = drawn(NETS[name], dtype, rng)
    assert all(np.asarray(part).dtype == dtype for part in result)
    assert off_by(result, truth, dtype) <= max(ULPS, 5 * lost_by_rounding(NETS[name], values, dtype, rng))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_many_examples_stay_as_exact(dtype, rng):
    net = sb.mlp(["D", "H", "K"], "sigmoid", bias=True)
    values = {"X": rng.normal(size=(MANY, 7)), "y": rng.random((MANY, 3))}
    values |= {"W1": rng.normal(size=(7, 11)), "b1": rng.normal(size=(1, 11))}
    values |= {"W2": rng.normal(size=(11, 3)), "b2": rng.normal(size=(1, 3))}
    assert off_by(*evaluated(net, values, dtype), dtype) <= ULPS


def test_the_measure_notices_half_as_many_digits(rng):
    """Plants an error: float64 that went through float32 on the way."""
    values = sb.random_values(NETS["squared_error cost"], seed=int(rng.integers(2**31)))
    result, truth = evaluated(NETS["squared_error cost"], values, np.float64)
    assert off_by([np.float32(part) for part in result], truth, np.float64) > 1000 * ULPS


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("z", [-1200.0, 1200.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "function",
    ["sigmoid(z)", "tanh(z)", "softplus(z)", "softmax(z)", "log_softmax(z)", "logsumexp(z, axis=1, keepdims=True)"],
)
def test_finite_at_1200_and_silent(function, dtype, z):
    text = f"X: input(N, 2)\nW: parameter(2, 3)\nz = X @ W\na = {function}\nJ = sum(a * a) + sum(a)"
    values = {"X": np.ones((4, 2), dtype), "W": np.array([[z, 0.25, -0.5], [0, 0, 0]], dtype)}
    result, truth = evaluated(sb.parse_network(text), values, dtype)
    assert all(np.isfinite(part).all() for part in result)
    assert off_by(result, truth, dtype) <= ULPS


@pytest.mark.parametrize("name", ZOO)
def test_every_network_keeps_float32(name, rng):
    net = sb.parse_network(ZOO[name])
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    result = sb.derive(net).to_numpy()(**in_type(values, np.float32))
    assert all(np.asarray(part).dtype == np.float32 for part in result)
