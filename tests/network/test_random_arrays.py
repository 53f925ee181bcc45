"""Random networks of arrays with any number of axes against JAX."""

import numpy as np
import pytest

import symbackprop as sb
from tests.network.test_parser import assert_printed_back
from tests.support.random_arrays import RandomArrays, gradients_by_jax


def assert_as_by_jax(seed):
    drawn = RandomArrays(seed)
    result = sb.derive(sb.parse_network(drawn.text)).to_numpy()(**drawn.given)
    cost, gradients = gradients_by_jax(drawn)
    np.testing.assert_allclose(result.J, cost, rtol=1e-10, err_msg=drawn.text)
    for name, right in gradients.items():
        least = 1e-9 * max(1e-3, np.abs(right).max())
        np.testing.assert_allclose(getattr(result, f"dJd{name}"), right, rtol=0, atol=least, err_msg=drawn.text)


@pytest.mark.parametrize("seed", range(2))
def test_gradients_are_those_of_jax(seed):
    assert_as_by_jax(seed)


@pytest.mark.nightly
def test_gradients_of_two_thousand_networks_are_those_of_jax():
    for seed in range(2, 2000):
        assert_as_by_jax(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(0, 400, 8))
def test_steps_are_proved_for_all_sizes_and_printed_back(seed):
    net = sb.parse_network(RandomArrays(seed).text)
    assert_printed_back(net)
    verification = sb.derive(net).verify()
    assert verification.verdict == "right"
    assert {str(line.outcomes["all sizes"].verdict) for line in verification.lines} == {"right"}
