"""Random networks against autograd, line by line and in numbers; `--hypothesis-seed` repeats a run."""

import numpy as np
from hypothesis import HealthCheck, assume, given, settings

import symbackprop as sb
from tests.network.test_parser import assert_printed_back
from tests.support.random_texts import network_texts
from tests.support.zoo import autograd_gradients

FRESH = settings(deadline=None, derandomize=False, database=None, suppress_health_check=list(HealthCheck))


@given(network_texts())
@settings(FRESH, max_examples=120)
def test_gradients_are_those_of_autograd(text):
    net = sb.parse_network(text)
    values = sb.random_values(net)
    cost, gradients = autograd_gradients(text, values)
    assume(np.isfinite(cost) and abs(cost) < 1e8)
    result = sb.derive(net).to_numpy()(**values)
    np.testing.assert_allclose(result[0], cost, rtol=1e-11)
    for name, gradient in gradients.items():
        largest = max(np.abs(gradient).max(), 1e-30)
        np.testing.assert_allclose(
            getattr(result, f"dJd{name}"), gradient, rtol=1e-10, atol=1e-10 * largest, err_msg=text
        )


@given(network_texts(most=4))
@settings(FRESH, max_examples=25)
def test_every_step_is_proved_and_printed_back(text):
    net = sb.parse_network(text)
    assert_printed_back(net)
    d = sb.derive(net)
    verification = d.verify()
    assert verification.verdict == "right", f"{text}\n{verification}"
    for line in verification.lines:
        said = line.outcomes["all sizes"]
        assert str(said.verdict) == "right", (text, line.formula, said.said)
