"""Every network of the zoo: derived, equal to autograd, proved, checked, printed back."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.network.sampling import distinct_sizes
from tests.network.test_parser import assert_printed_back
from tests.support.zoo import ZOO, autograd_gradients


@pytest.mark.parametrize("name", ZOO)
def test_gradients_are_those_of_autograd(name, rng):
    net = sb.parse_network(ZOO[name])
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    sizes = list(distinct_sizes(net).values())
    assert len(set(sizes)) == len(sizes)
    cost, gradients = autograd_gradients(ZOO[name], values)
    result = sb.derive(net).to_numpy()(**values)
    assert result[0] == pytest.approx(cost, rel=1e-12)
    for parameter, gradient in gradients.items():
        found = getattr(result, f"d{net.cost.name}d{parameter}")
        assert found.shape == values[parameter].shape
        np.testing.assert_allclose(
            found, gradient, rtol=1e-10, atol=1e-10 * np.max(np.abs(gradient)), err_msg=parameter
        )
    single = {n: value.astype(np.float32) if np.ndim(value) else value for n, value in values.items()}
    assert {np.asarray(part).dtype for part in sb.derive(net).to_numpy()(**single)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ZOO)
def test_every_step_is_proved(name, rng):
    d = sb.derive(sb.parse_network(ZOO[name]))
    verification = d.verify(seed=int(rng.integers(2**31)))
    assert verification.verdict == "right", str(verification)
    for line in verification.lines:
        said = line.outcomes["all sizes"]
        assert str(said.verdict) == "right", (line.formula, said.said)


@pytest.mark.parametrize("name", ZOO)
def test_it_is_printed_back_and_checked(name, rng):
    net = sb.parse_network(ZOO[name])
    assert_printed_back(net)
    d = sb.derive(net)
    assert d.check(sb.random_values(net, seed=int(rng.integers(2**31)))).verdict == "right"
