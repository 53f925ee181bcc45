"""Parts of axes with a named size, such as z[:, -2:]: they are there if the size is at least a number, which is stated."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.network.points import small_sizes
from symbackprop.network.sampling import distinct_sizes
from symbackprop.network.size_conditions import least_sizes
from tests.support.zoo import autograd_gradients

DECLARED = "X: input(N, D)\nW: parameter(D, K)\nz = tanh(X @ W)\n"
SEQUENCES = "X: input(B, T, D)\nW: parameter(D, K)\nz = tanh(X @ W)\n"
PARTS = {
    f"{DECLARED}J = sum(z[0:2]**2)": "N ≥ 2",
    f"{DECLARED}J = sum(z[:, -2:]**2)": "K ≥ 2",
    f"{DECLARED}J = sum(z[:, 1:3]**2 * z[:, 2:4])": "K ≥ 4",
    f"{DECLARED}J = sum(z[:, 0]**2 / exp(z[:, 1]))": "K ≥ 2",
    f"{DECLARED}J = sum(z[3]**2) + sum(z[-2]**3)": "N ≥ 4",
    f"{DECLARED}J = sum(z[2:, :3]**2) + sum(z[:-2, -1])": "N ≥ 2, K ≥ 3",
    f"{DECLARED}J = sum(z[N-3, 0:2]**2)": "N ≥ 3, K ≥ 2",
    f"{SEQUENCES}J = sum(z[:, :2, 1:3]**2) + sum(z[:, -1]**3)": "T ≥ 2, K ≥ 3",
    f"{SEQUENCES}J = sum(z[..., -3:]**2)": "K ≥ 3",
    "X: input(N, D)\nW: parameter(D, 2*K)\nz = X @ W\nJ = sum(z[:, 3:]**2)": "K ≥ 2",
}


@pytest.mark.parametrize("text", PARTS)
def test_parts_are_derived_under_stated_conditions(text, rng):
    net = sb.parse_network(text)
    conditions = list(map(str, least_sizes(net)))
    assert sorted(conditions) == sorted(PARTS[text].split(", "))
    d = sb.derive(net)
    assert d.verify(seed=int(rng.integers(2**31))).verdict == "right"
    assert all(condition in str(d) for condition in conditions)
    assert all(condition.replace("≥", r"\ge") in d.to_latex() for condition in conditions)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    cost, gradients = autograd_gradients(text, values)
    found = d.to_numpy()(**values)
    assert found.J == pytest.approx(cost, rel=1e-12)
    np.testing.assert_allclose(found.dJdW, gradients["W"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("text", PARTS)
def test_points_fulfil_the_conditions(text):
    net = sb.parse_network(text)
    for sizes in (distinct_sizes(net), {str(size): n for size, n in small_sizes(net).items()}):
        for one in least_sizes(net):
            assert sizes[str(one.size)] >= one.least


@pytest.mark.parametrize("target", ["numpy", "array_api"])
def test_generated_code_refuses_what_has_no_such_part(target):
    """NumPy would take a shorter slice without a word."""
    module = {}
    exec(sb.derive(sb.parse_network(f"{DECLARED}J = sum(z[:, 1:4]**2)")).to_source(target), module)
    assert np.isfinite(module["cost_and_gradients"](np.ones((2, 3)), np.ones((3, 4)))[0])
    with pytest.raises(ValueError, match="K = 3, but it must be at least 4"):
        module["cost_and_gradients"](np.ones((2, 3)), np.ones((3, 3)))


def test_the_least_size_may_be_that_of_a_product_of_sums():
    net = sb.parse_network("A: input(N*(H + 1), D)\nB: input(N, H)\nw: parameter(D)\nJ = sum((A[0:5] @ w)**2) + sum(B)")
    assert list(map(str, least_sizes(net))) == ["N*(H + 1) ≥ 5"]
    gradients = sb.derive(net).to_numpy()
    assert gradients(A=np.ones((6, 2)), B=np.ones((2, 2)), w=np.ones(2)).J == 24
    with pytest.raises(sb.ArgumentError, match=r"N\*\(H \+ 1\) = 4, but it must be at least 5"):
        gradients(A=np.ones((4, 2)), B=np.ones((2, 1)), w=np.ones(2))


def test_what_is_left_may_be_empty():
    net = sb.parse_network("x: parameter(N)\nJ = sum((x[1:] - x[:-1])**2)")
    assert least_sizes(net) == []
    found = sb.derive(net).to_numpy()(x=np.array([0.7]))
    assert (found.J, found.dJdx) == (0, [0])


@pytest.mark.parametrize(
    "formula", ["z[:, 0:K+1]", "z[N]", "z[-N-1:]", "z[N-K:]", "z[2:2]", "z[3:1]", "z[0:500]", "z[:, K-N]"]
)
def test_what_no_size_makes_a_part_is_refused(formula):
    with pytest.raises(sb.FormulaError, match=r"is not|empty|not one of them"):
        sb.parse_network(f"{DECLARED}J = sum({formula}**2)")


SHAPES = {"X": ("N", "D"), "W": ("D", "K")}


def first_and_last(X, W):
    z = np.tanh(X @ W)
    return np.sum(z[:2] ** 2) + np.sum(z[-3:, 1:3] ** 3)


def places(X, W):
    z = np.tanh(X @ W)
    return np.sum(z[3] ** 2) + np.sum(z[:, 0] * z[:, 1])


@pytest.mark.parametrize(
    ("function", "conditions"), [(first_and_last, {"N ≥ 3", "K ≥ 3"}), (places, {"N ≥ 4", "K ≥ 2"})]
)
def test_functions_take_parts_of_named_axes(function, conditions):
    net = sb.network_from_function(function, SHAPES, wrt=["W"])
    assert set(map(str, least_sizes(net))) == conditions
    read_back = sb.parse_network(str(net))
    assert sb.derive(read_back).verify(seed=0).verdict == "right"


def loop_over_rows(X, W):
    cost = 0.0
    for i in range(X.shape[0]):
        cost = cost + np.sum(np.tanh(X[i] @ W) ** 2)
    return cost


def loop_over_pairs(X, W):
    cost = 0.0
    for i in range(len(X) - 1):
        cost = cost + np.sum((X[i + 1 : i + 2] @ W - X[i : i + 1] @ W) ** 2)
    return cost


@pytest.mark.parametrize("function", [loop_over_rows, loop_over_pairs])
def test_a_loop_over_a_named_axis_is_not_read_for_a_few_of_its_entries(function):
    with pytest.raises(sb.ArgumentError, match=r"N entries|N rows"):
        sb.network_from_function(function, SHAPES, wrt=["W"])


@pytest.mark.parametrize(("factor", "verdict"), [(2, "right"), (1, "wrong")])
def test_gradient_code_with_parts(factor, verdict, rng):
    def gradient(X, W):
        z = X @ W
        found = np.zeros_like(z)
        found[:, :3] = factor * z[:, :3]
        return X.T @ found

    report = sb.check_code(lambda X, W: np.sum((X @ W)[:, :3] ** 2), gradient, SHAPES, wrt=["W"])
    assert report.verdict == verdict, str(report)
