"""Code as textbooks print it: the names and formulas of the derivation, and the values of the fast function."""

import ast

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.errors import ArgumentError
from tests.support.zoo import ZOO


def textbook(d):
    module = {}
    exec(compile(d.to_source(style="textbook"), "textbook", "exec"), module)
    return module


def assert_same_values(d, values):
    found, wanted = textbook(d)["cost_and_gradients"](**values), d.to_numpy(backend="numpy")(**values)
    for name, ours, fast in zip(d.tape.result_names, found, wanted, strict=True):
        assert np.shape(ours) == np.shape(fast), name
        np.testing.assert_allclose(ours, fast, rtol=1e-9, atol=1e-11 * np.max(np.abs(fast)), err_msg=name)


@pytest.mark.parametrize("name", ZOO)
def test_the_values_are_those_of_the_fast_function(name, rng):
    net = sb.parse_network(ZOO[name])
    assert_same_values(sb.derive(net), sb.random_values(net, seed=int(rng.integers(2**31))))


@pytest.mark.parametrize("activation", ["relu", "softplus", "gelu", "silu", "exp", "elu", "sqrt"])
def test_every_function_is_defined_or_is_numpys(activation):
    net = sb.mlp(["D", "H", "K"], activation, output_activation="tanh", bias=True, l2="lam")
    assert_same_values(sb.derive(net), sb.random_values(net, seed=3))


def test_the_home_network_is_written_as_people_write_it():
    source = sb.derive(sb.home_network()).to_source(style="textbook")
    body = source.split('"""\n')[-1].split("\n\n\n")[0]
    assert [line.strip() for line in body.splitlines() if line] == [
        "z2 = X @ W1",
        "a2 = f(z2)",
        "z3 = a2 @ W2",
        "yhat = f(z3)",
        "J = (1/2) * np.sum((y - yhat)**2)",
        "delta3 = -(y - yhat) * f_prime(z3)",
        "dJdW2 = a2.T @ delta3",
        "delta2 = (delta3 @ W2.T) * f_prime(z2)",
        "dJdW1 = X.T @ delta2",
        "return J, dJdW1, dJdW2",
    ]


def test_names_of_the_network_are_not_shadowed():
    net = sb.parse_network(
        "X: input(N, D)\nW: parameter(D, 3)\nsigmoid_prime = X @ W\nf = sigmoid(sigmoid_prime)\nJ = sum(f**2) + sum(exp(f))"
    )
    assert_same_values(sb.derive(net), sb.random_values(net, seed=1))


def test_a_layer_has_backward():
    d = sb.derive(sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nyhat = tanh(X @ W)"), output="yhat")
    values = sb.random_values(d.network, seed=2)
    for ours, fast in zip(textbook(d)["backward"](**values), d.to_numpy(backend="numpy")(**values), strict=True):
        np.testing.assert_allclose(ours, fast, rtol=1e-9)


def test_generated_tests_check_this_module_too():
    d = sb.derive(sb.home_network())
    module = textbook(d)
    values = {**sb.home_data(), **sb.home_weights()}
    assert module["cost"](**values) == pytest.approx(d.to_numpy().cost(**values))


def test_the_style_is_one_of_two_and_for_numpy():
    d = sb.derive(sb.home_network())
    with pytest.raises(ArgumentError, match="did you mean textbook"):
        d.to_source(style="text-book")
    with pytest.raises(ArgumentError, match="for NumPy"):
        d.to_source("array_api", style="textbook")


@pytest.mark.parametrize("given", [{}, {"style": "textbook"}, {"target": "array_api"}])
def test_every_module_says_what_made_it(given):
    head = ast.get_docstring(ast.parse(sb.derive(sb.home_network()).to_source(**given)))
    assert "z2 = X W1" in head
    assert f"Made by symbackprop {sb.__version__}" in head
