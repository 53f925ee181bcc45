"""Costs and gradients written with PyTorch: parameters are given as tensors, and the functions get tensors."""

import numpy as np
import pytest

import symbackprop as sb

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def problem(rng):
    X, y = torch.tensor(rng.normal(size=(7, 3))), torch.tensor(rng.normal(size=(7, 1)))
    params = {
        name: torch.tensor(rng.normal(size=shape), requires_grad=True) for name, shape in (("W", (3, 2)), ("v", (2, 1)))
    }

    def cost(W, v):
        return ((torch.tanh(X @ W) @ v - y) ** 2).sum() / 2

    def gradients(W, v):
        return dict(zip(("W", "v"), torch.autograd.grad(cost(W, v), (W, v)), strict=True))

    return cost, gradients, params


def test_a_cost_of_tensors_is_checked_with_tensors(problem):
    cost, gradients, params = problem
    assert sb.check_gradients(cost, gradients, params).verdict == "right"
    report = sb.check_gradients(cost, lambda W, v: gradients(W, v) | {"v": 2 * gradients(W, v)["v"]}, params)
    assert (report.verdict, report.worst.name) == ("wrong", "v")
    assert "twice" in report.worst.mistake
    assert (
        sb.check_gradients(cost, lambda W, v: tuple(gradients(W, v).values()), (*params.values(),)).verdict == "right"
    )


def test_tensors_of_single_precision(problem):
    cost, gradients, params = problem

    def in_single(function):
        def called(W, v):
            found = function(W.double(), v.double())
            return found.float() if torch.is_tensor(found) else found

        return called

    single = {name: value.detach().float().requires_grad_() for name, value in params.items()}
    report = sb.check_gradients(in_single(cost), in_single(gradients), single)
    assert report.verdict != "wrong", str(report)
    assert "right (to " in str(report)
    zeros = lambda W, v: {"W": 0 * W, "v": in_single(gradients)(W, v)["v"]}
    assert sb.check_gradients(in_single(cost), zeros, single).verdict == "wrong"


def test_the_numerical_gradient_takes_tensors(problem):
    cost, gradients, params = problem
    found = sb.numerical_gradient(cost, params)
    for name, ours in gradients(**params).items():
        np.testing.assert_allclose(found[name], ours.numpy(), rtol=1e-7, atol=1e-9)
