"""Sizes that no array has alone: they are computed from the sums and products in which they are."""

import numpy as np
import pytest
from sympy import Integer

import symbackprop as sb

TEXTS = {
    "a multiple": ("X: input(2*N, D)\nw: parameter(D)\nJ = sum((X @ w)[0:N]**3)", {"N": 3, "D": 4}),
    "windows": (
        "X: input(N, L + P - 1)\nw: parameter(P)\nJ = sum((sliding_window_view(X, P, axis=1) @ w)**2) / L",
        {"N": 3, "L": 4, "P": 2},
    ),
    "one after the other": (
        "X: input(N, H*K)\nC: parameter(2*K)\nW: parameter(H, D)\nJ = sum((X.reshape(N, H, K) @ C[:K] @ W)**2) / H",
        {"N": 3, "H": 4, "K": 2, "D": 5},
    ),
    "heads": (
        "X: input(B, T, D)\nW: parameter(D, 2*K)\nq = (X @ W).reshape(B, T, 2, K).transpose(0, 2, 1, 3)\n"
        "J = sum(softmax(q / sqrt(K)) * q)",
        {"B": 2, "T": 3, "D": 4, "K": 5},
    ),
}


@pytest.mark.parametrize(("text", "sizes"), TEXTS.values(), ids=TEXTS)
def test_sizes_are_read_from_sums_and_products(text, sizes):
    net = sb.parse_network(text)
    assert str(sb.parse_network(str(net))) == str(net)
    function, rng = sb.derive(net).to_numpy(), np.random.default_rng(0)
    shapes = {
        s.name: tuple(int(n.xreplace({d: Integer(sizes[d.name]) for d in n.free_symbols})) for n in s.shape)
        for s in net.arguments
    }
    values = {name: rng.uniform(0.5, 1.5, shape) for name, shape in shapes.items()}
    result = function(**values)
    for parameter in net.parameters:
        direction = rng.standard_normal(values[parameter.name].shape)
        one, other = (
            function(**values | {parameter.name: values[parameter.name] + h * direction}).J for h in (1e-5, -1e-5)
        )
        gradient = getattr(result, f"dJd{parameter.name}")
        assert np.isclose((one - other) / 2e-5, (gradient * direction).sum(), rtol=1e-7)


def test_an_array_that_does_not_fit_a_multiple_is_refused():
    function = sb.derive(sb.parse_network("X: input(2*N, D)\nw: parameter(D)\nJ = sum((X @ w)[0:N]**2)")).to_numpy()
    with pytest.raises(ValueError, match="X has shape"):
        function(X=np.ones((5, 2)), w=np.ones(2))


@pytest.mark.parametrize("size", ["H*K", "H + K", "H**2", "H*H"])
def test_a_size_that_no_array_tells_is_refused(size):
    with pytest.raises(sb.FormulaError, match=r"no array tells how large H is"):
        sb.parse_network(f"X: input(N, D)\nW: parameter(D, {size})\nJ = sum(X @ W)")
