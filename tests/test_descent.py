"""Gradient descent on the home data: down goes down, up goes up."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize

import symbackprop as sb


@pytest.fixture
def home():
    return sb.derive(sb.home_network()).to_numpy(), sb.home_weights(3), sb.home_data()


def test_the_cost_falls_step_by_step(home):
    costs = sb.gradient_descent(*home, rate=1.0, steps=200).costs
    assert len(costs) == 201
    assert all(later < earlier for earlier, later in pairwise(costs))


def test_one_step_up_the_gradient_raises_it(home):
    before, up = sb.gradient_descent(*home, rate=-1.0, steps=1).costs
    assert up > before


def test_a_step_subtracts_the_gradient(home):
    f, weights, data = home
    end = sb.gradient_descent(f, weights, data, rate=0.5, steps=1).parameters
    result = f(**data, **weights)
    for name in weights:
        np.testing.assert_array_equal(end[name], weights[name] - 0.5 * getattr(result, f"dJd{name}"))


def test_start_is_not_changed_and_no_steps_are_no_steps(home):
    f, weights, data = home
    copies = {name: value.copy() for name, value in weights.items()}
    done = sb.gradient_descent(f, weights, data, rate=1.0, steps=3)
    assert all(np.array_equal(weights[name], copies[name]) for name in weights)
    none = sb.gradient_descent(f, weights, data, steps=0)
    assert none.costs == done.costs[:1]


def test_progress_is_shown_or_handed_over(home, capsys):
    seen = []
    sb.gradient_descent(*home, steps=4, progress=lambda step, cost: seen.append((step, cost)))
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")
    sb.gradient_descent(*home, steps=40, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("step  0  cost ")
    assert lines[-1].startswith("step 40  cost ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": np.nan}, "rate must be a finite number"),
        ({"rate": "fast"}, "rate must be a finite number"),
        ({"steps": -1}, "steps must be a whole number"),
        ({"steps": True}, "steps must be a whole number"),
        ({"steps": 2.5}, "steps must be a whole number"),
    ],
)
def test_bad_options_are_named(home, options, said):
    with pytest.raises(sb.ArgumentError, match=said):
        sb.gradient_descent(*home, **options)


def test_a_derivation_is_no_function(home):
    with pytest.raises(sb.ArgumentError, match=r"f must be a function, not Derivation; its function is d.to_numpy\(\)"):
        sb.gradient_descent(sb.derive(sb.home_network()), home[1], home[2])
    with pytest.raises(sb.ArgumentError, match="drawn for a Network, not for a Derivation"):
        sb.random_values(sb.derive(sb.home_network()))


def test_missing_parameters_are_named(home):
    f, weights, data = home
    with pytest.raises(sb.ArgumentError, match="parameters lacks W2; it has W1"):
        sb.gradient_descent(f, {"W1": weights["W1"]}, data)


@pytest.mark.parametrize(
    ("f", "parameters", "data", "said"),
    [
        (
            lambda x: (np.sum(x**2), np.ones((2, 2))),
            {"x": np.ones(2)},
            None,
            r"the gradient with respect to x has shape \(2, 2\) but",
        ),
        (lambda x: (np.sum(x**2),), {"x": np.ones(2)}, None, "f must return J and then a gradient for each of x"),
        (lambda x: np.sum(x**2), {"x": np.ones(2)}, None, "f must return J"),
        (lambda x: (x, x), {"x": np.ones(2)}, None, "the cost must be one real number"),
        (
            lambda x: (np.sum(x), x),
            [np.ones(2)],
            None,
            "parameters is a list; a mapping of names to arrays is expected",
        ),
        (lambda x: (np.sum(x), x), {"x": np.ones(2)}, [1], "data is a list; a mapping"),
        (lambda x: (np.sum(x), x), {"x": np.ones(2)}, {"x": 1}, "x cannot be both a parameter and data"),
    ],
)
def test_functions_and_arguments_that_do_not_fit_are_named(f, parameters, data, said):
    with pytest.raises(sb.ArgumentError, match=said):
        sb.gradient_descent(f, parameters, data, 0.1, 2)


def test_a_descent_that_diverges_says_so():
    net = sb.Network()
    w = net.parameter("w", 1, 1)
    net.minimize("J", sb.total(sb.exp(sb.power(w, 2))))
    with pytest.raises(sb.ArgumentError, match=r"the cost is inf after \d+ steps; try a rate below 50"):
        sb.gradient_descent(sb.derive(net).to_numpy(), {"w": [[2.0]]}, rate=50.0)


def test_the_same_function_drives_scipy(home):
    f, weights, data = home
    shapes = {name: value.shape for name, value in weights.items()}

    def unpack(theta):
        parts = np.split(theta, np.cumsum([np.prod(s) for s in shapes.values()])[:-1])
        return {name: part.reshape(s) for (name, s), part in zip(shapes.items(), parts, strict=True)}

    def cost_and_gradient(theta):
        J, *gradients = f(**data, **unpack(theta))
        return J, np.concatenate([g.ravel() for g in gradients])

    start = np.concatenate([w.ravel() for w in weights.values()])
    found = scipy.optimize.minimize(cost_and_gradient, start, jac=True, method="BFGS", options={"maxiter": 200})
    assert found.fun < 1e-2 * f(**data, **weights).J
