"""Hessian-vector products: JAX and differences of gradients give the right ones; every step is proved."""

from dataclasses import replace

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.prove.verify import verify

SOFTMAX = """
X: input(N, D)
Y: one_hot(N, K)
W: parameter(D, H)
V: parameter(H, K)
h = tanh(X @ W)
J = -sum(Y * log_softmax(h @ V)) / N
"""
LAYER_NORM = """
X: input(N, D)
y: target(N, H)
W: parameter(D, H)
g: parameter(1, H)
z = X @ W
m = mean(z, axis=1, keepdims=True)
v = mean((z - m)**2, axis=1, keepdims=True)
J = sum((g * (z - m) / sqrt(v + 0.1) - y)**2) / 2
"""
NETWORKS = {
    "home": lambda: sb.mlp(["D", "H", "K"]),
    "softmax": lambda: sb.parse_network(SOFTMAX.strip()),
    "layer norm": lambda: sb.parse_network(LAYER_NORM.strip()),
    "tanh, bias, penalty": lambda: sb.mlp(["D", "H", "K"], activation="tanh", bias=True, l2="lam"),
    "relu": lambda: sb.mlp(["D", "H", "K"], activation="relu"),
}


def by_differences(d, values, epsilon=1e-6):
    f = d.to_numpy(backend="numpy")

    def gradients(step):
        moved = {n: values[n] + step * values.get(f"v_{n}", 0) for n in f.arguments}
        return f(**moved)[1:]

    return [(high - low) / (2 * epsilon) for high, low in zip(gradients(epsilon), gradients(-epsilon), strict=True)]


@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_differences_of_gradients_and_proved(name):
    d = sb.derive(NETWORKS[name]())
    h = d.hvp()
    values = sb.random_values(h.network, seed=1)
    found = h.to_numpy(backend="numpy")(**values)
    assert found._fields == tuple(f"Hv_{parameter}" for parameter in d.gradients)
    for product, expected in zip(found, by_differences(d, values), strict=True):
        np.testing.assert_allclose(product, expected, atol=1e-8 * max(1.0, np.abs(expected).max()))
    verification = h.verify(seed=0)
    assert verification.verdict == "right"
    proved = ["proved for all sizes" in proof.summary for proof in verification.lines]
    assert np.mean(proved) > 0.95


def test_products_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    h = sb.derive(NETWORKS["softmax"]()).hvp()
    values = sb.random_values(h.network, seed=2)

    def cost(W, V):
        scores = jnp.tanh(values["X"] @ W) @ V
        return -jnp.sum(values["Y"] * jax.nn.log_softmax(scores, axis=1)) / len(values["X"])

    with jax.enable_x64(True):
        gradient = jax.grad(cost, (0, 1))
        _, expected = jax.jvp(gradient, (values["W"], values["V"]), (values["v_W"], values["v_V"]))
    for product, right in zip(h.to_numpy(backend="numpy")(**values), expected, strict=True):
        np.testing.assert_allclose(product, right, rtol=1e-11, atol=1e-13)


def test_documents_name_the_directions():
    d = sb.derive(NETWORKS["home"]())
    text = d.hvp("W2").to_text()
    assert "v_W1   direction" in text
    assert "f′′(z)" in text
    assert list(d.hvp("W2").gradients) == ["W2"]
    assert "direction $v_{W^{(1)}}$" in d.hvp().to_latex() or "direction" in d.hvp().to_latex()


def test_a_product_with_a_dropped_term_is_refused():
    h = sb.derive(NETWORKS["softmax"]()).hvp()
    section = h.tape.sections[0]
    step = next(s for s in section.steps if s.after.is_Add)
    dropped = replace(step, after=step.after - step.after.args[0])
    steps = tuple(dropped if s is step else s for s in section.steps)
    tape = replace(h.tape, sections=(replace(section, steps=steps), *h.tape.sections[1:]))
    assert verify(tape, {}, 0).verdict == "wrong"


def test_what_cannot_be_differentiated_again_is_refused():
    layer = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nyhat = X @ W")
    with pytest.raises(sb.DerivationError, match="second derivatives are those of a cost"):
        sb.derive(layer, output="yhat").hvp()
    pooled = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nJ = sum(max(X @ W, axis=1, keepdims=True)**2)")
    with pytest.raises(sb.DerivationError, match="cannot be differentiated again"):
        sb.derive(pooled).hvp()


def test_a_block_of_the_hessian_has_the_differences_of_gradients():
    d = sb.derive(sb.mlp(["D", "H", "K"], activation="tanh"))
    values, gradient, step = sb.random_values(d.network, seed=3), d.to_numpy(backend="numpy"), 1e-6
    found = d.hessian("W1", "W2")(**values)
    assert found.shape == values["W1"].shape + values["W2"].shape
    for index in [(0, 0), (1, 2)]:
        moved = [{**values, "W2": values["W2"].copy()} for _ in range(2)]
        moved[0]["W2"][index] += step
        moved[1]["W2"][index] -= step
        expected = (gradient(**moved[0]).dJdW1 - gradient(**moved[1]).dJdW1) / (2 * step)
        np.testing.assert_allclose(found[(..., *index)], expected, atol=1e-8)


def test_a_block_that_is_too_large_or_unknown_is_refused():
    d = sb.derive(sb.mlp(["D", "H", 1]))
    with pytest.raises(sb.DerivationError, match="W9 is not among the gradients, W1 and W2"):
        d.hessian("W9")
    values = {"X": np.ones((2, 50)), "y": np.ones((2, 1)), "W1": np.ones((50, 41)), "W2": np.ones((41, 1))}
    with pytest.raises(sb.ArgumentError, match="W1 has 2050 entries"):
        d.hessian("W1")(**values)


def test_the_product_of_a_jacobian_with_directions():
    layer = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nz = X @ W\nyhat = softmax(z) * tanh(z)")
    product = sb.derive(layer, output="yhat").jvp()
    values, step = sb.random_values(product.network, seed=4), 1e-6

    def forward(sign):
        z = (values["X"] + sign * step * values["v_X"]) @ (values["W"] + sign * step * values["v_W"])
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True) * np.tanh(z)

    found = product.to_numpy(backend="numpy")(**values)
    assert found._fields == ("Jv_yhat",)
    np.testing.assert_allclose(found.Jv_yhat, (forward(1) - forward(-1)) / (2 * step), atol=1e-8)
    with pytest.raises(sb.DerivationError, match="the Jacobian is that of an output"):
        sb.derive(sb.mlp([2, 3, 1])).jvp()
