"""Products of matrices in generated functions: their order, and what is computed once."""

from itertools import pairwise

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.codegen.lowering import program
from symbackprop.codegen.products import association
from symbackprop.errors import ArgumentError
from symbackprop.expressions.shapes import dimension
from tests.support.zoo import ZOO

LEFT, RIGHT = {(0, 2): 1, (0, 3): 2}, {(1, 3): 2, (0, 3): 1}


def shapes(sizes):
    return list(pairwise(map(dimension, sizes)))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (["D", "N", "D", 1], RIGHT),  # a column
        ([1, "D", "N", "D"], LEFT),  # a row
        (["N", "D", "K", "D"], LEFT),  # it depends on the sizes
        (["D", "N", "D", "K"], LEFT),
        ([1000, "N", 1000, 10], RIGHT),  # at every N
        (["N", "K", "N", "K", 1], {(2, 4): 3, (1, 4): 2, (0, 4): 1}),
        (["D", "D", 1, "D", "D"], {(0, 2): 1, (2, 4): 3, (0, 4): 2}),  # (A b) (cᵀ D)
        (["D", "N", dimension("D") + 1, 1], RIGHT),
        (["D", "N"], {}),
    ],
)
def test_a_chain_is_multiplied_in_the_order_that_costs_less(sizes, expected):
    assert association(shapes(sizes)) == expected


@pytest.mark.parametrize(
    ("adjoint", "expected"),
    [
        (0, {(0, 2): 1, (0, 3): 2, (0, 4): 3}),
        (1, {(1, 3): 2, (1, 4): 3, (0, 4): 1}),
        (3, {(2, 4): 3, (1, 4): 2, (0, 4): 1}),
    ],
)
def test_an_undecided_chain_is_multiplied_from_its_adjoint(adjoint, expected):
    assert association(shapes("ABCDE"), adjoint=adjoint) == expected


def test_a_known_product_is_used_where_it_saves_another():
    assert association(shapes("ABCDE"), known=[(0, 2)], adjoint=2) == {(2, 4): 3, (0, 4): 2}
    assert association(shapes("ABCDE"), known=[(1, 3)]) == {(0, 3): 1, (0, 4): 3}
    assert association(shapes("ABCDE"), known=[(0, 4)]) == {}


def least(sizes):
    """Return the least number of multiplications of a chain, from all orders."""
    if len(sizes) < 3:
        return 0
    inner = range(1, len(sizes) - 1)
    return min(least(sizes[: k + 1]) + least(sizes[k:]) + sizes[0] * sizes[k] * sizes[-1] for k in inner)


def test_no_order_costs_less_if_all_sizes_are_numbers(rng):
    for length in range(2, 7):
        sizes = [int(n) for n in rng.integers(1, 50, length + 1)]
        order = association(shapes(sizes))
        assert sum(sizes[i] * sizes[k] * sizes[j] for (i, j), k in order.items()) == least(sizes)


def products(d):
    """Return the shapes of the products that a function of gradients computes, as text."""
    results = d.tape.gradient_names if d.network.upstream else d.tape.result_names
    found = program(d.tape, results).operations
    return [str(operation.result.shape) for operation in found if operation.function == "dot"]


@pytest.mark.parametrize("name", ["ridge", "weight normalization"])
def test_a_product_with_a_hessian_makes_no_hessian(name):
    made = products(sb.derive(sb.parse_network(ZOO[name].strip())).hvp())
    assert made
    assert "(D, D)" not in made


@pytest.mark.parametrize(
    ("name", "number"),
    [("causal attention", 12), ("attention with a mask", 15), ("Newton step", 8)],
)
def test_a_gradient_computes_no_product_twice(name, number):
    assert len(products(sb.derive(sb.parse_network(ZOO[name].strip())))) == number


def test_the_product_of_transposes_is_the_transpose_of_a_product():
    text = "A: parameter(N, D)\nB: parameter(D, N)\nC: parameter(N, N)\nJ = sum((A @ B)**2) + trace(C @ B.T @ A.T) + "
    d = sb.derive(sb.parse_network(f"{text}sum(sin(B.T @ A.T) * C)"), wrt=["C"])
    assert len(products(d)) == 2, "A B, and C (A B)ᵀ for the trace"
    A, B, C = (sb.random_values(d.network, seed=3)[name] for name in "ABC")
    found = d.to_numpy(backend="numpy")(A=A, B=B, C=C)
    value = np.sum((A @ B) ** 2) + np.trace(C @ B.T @ A.T) + np.sum(np.sin(B.T @ A.T) * C)
    np.testing.assert_allclose(found.J, value, rtol=1e-12)
    np.testing.assert_allclose(found.dJdC, A @ B + np.sin(A @ B).T, rtol=1e-12)


def test_the_values_of_a_chain_do_not_depend_on_its_order():
    text = "A: parameter(N, D)\nB: parameter(D, D)\nc: parameter(D, 1)\nJ = sum(tanh(A @ B @ B.T @ A.T @ A @ c)**2)"
    d = sb.derive(sb.parse_network(text))
    A, B, c = (sb.random_values(d.network, seed=3)[name] for name in "ABc")

    def cost(A, B, c):
        return np.sum(np.tanh(A @ B @ B.T @ A.T @ A @ c) ** 2)

    found = d.to_numpy(backend="numpy")(A=A, B=B, c=c)
    np.testing.assert_allclose(found.J, cost(A, B, c), rtol=1e-12)
    for name, gradient in (("A", found.dJdA), ("B", found.dJdB), ("c", found.dJdc)):
        for place in np.ndindex(gradient.shape):
            moved = {key: value.astype(complex) for key, value in (("A", A), ("B", B), ("c", c))}
            moved[name][place] += 1e-30j
            assert gradient[place] == pytest.approx(cost(**moved).imag / 1e-30, rel=1e-9, abs=1e-12)


def test_the_gradients_of_a_layer_are_computed_without_their_sum():
    d = sb.derive(sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nyhat = X @ W"), output="yhat")
    assert sorted(products(d)) == ["(D, K)", "(N, D)"], "and not X W"
    values = sb.random_values(d.network, seed=1)
    for target in ("numpy", "array_api"):
        module = {"__name__": "layer"}
        exec(d.to_source(target), module)
        dX, dW = module["backward"](**values)
        np.testing.assert_allclose(dX, values["G_yhat"] @ values["W"].T)
        np.testing.assert_allclose(dW, values["X"].T @ values["G_yhat"])
        s, *gradients = module["cost_and_gradients"](**values)
        assert s == pytest.approx(np.sum(values["G_yhat"] * (values["X"] @ values["W"])))
        np.testing.assert_array_equal(gradients[1], dW)


def test_a_product_that_is_always_zero_needs_no_array():
    text = "X: input(N, D)\ny: target(N, 1)\nw: parameter(D, 1)\nJ = mean(abs(X @ w - y))"
    product = sb.derive(sb.parse_network(text)).hvp()
    values = sb.random_values(product.network, seed=1)
    for f in (product.to_numpy(), product.to_numpy(backend="numpy").bind(values)):
        assert f(**values).Hv_w.tolist() == np.zeros_like(values["w"]).tolist()
    with pytest.raises(ArgumentError, match="cannot be compiled with numba"):
        product.to_numpy(backend="numba")
