"""Functions that a network writes out as formulas: text and traced functions have the values of JAX, at ±800 too."""

import re

import numpy as np
import pytest

import symbackprop as sb

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
nn = jax.nn
Y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
POINTS = [
    np.array([[800.0, -800.0, 0.5], [3.0, -40.0, 60.0]]),
    np.array([[-800.0, -801.0, -799.5], [-300.0, 800.0, 790.0]]),
    np.array([[0.3, -0.2, 0.5], [3.0, -4.0, 6.0]]),
]


def lse(z):
    return jax.scipy.special.logsumexp(z)


def cross_entropy(z):
    return jnp.sum(Y * nn.softplus(-z) + (1 - Y) * nn.softplus(z))


def multiclass(z):
    return -jnp.sum(Y * nn.log_softmax(z, axis=1))


# fmt: off
WRITTEN = {  # equations, the cost last, and the same for JAX
    "-sum(log(1 / (1 + exp(-W))))":                                  lambda z: jnp.sum(nn.softplus(-z)),
    "-sum(Y * log(1 / (1 + exp(-W))) + (1 - Y) * log(1 - 1 / (1 + exp(-W))))": cross_entropy,
    "p = 1 / (1 + exp(-W))\n-sum(Y * log(p) + (1 - Y) * log(1 - p))": cross_entropy,
    "e = exp(-W)\np = 1 / (1 + e)\n-sum(Y * log(p) + (1 - Y) * log(1 - p))": cross_entropy,
    "t = log(1 + exp(-W))\nsum(Y * t + (1 - Y) * (W + t))":           cross_entropy,
    "p = exp(W) / (1 + exp(W))\nsum((p - Y)**2)":                     lambda z: jnp.sum((nn.sigmoid(z) - Y) ** 2),
    "p = exp(W) / (1 + exp(W))\n-sum(Y * log(p))":                    lambda z: jnp.sum(Y * nn.softplus(-z)),
    "sum((1 - exp(-W)) / (1 + exp(-W)))":                             lambda z: jnp.sum(jnp.tanh(z / 2)),
    "sum((exp(W) - exp(-W)) / (exp(W) + exp(-W)))":                   lambda z: jnp.sum(jnp.tanh(z)),
    "sum(W / (1 + exp(-W)))":                                         lambda z: jnp.sum(nn.silu(z)),
    "sum(W * tanh(log(1 + exp(W))))":                                 lambda z: jnp.sum(z * jnp.tanh(nn.softplus(z))),
    "sum(log(exp(W) + exp(-2 * W)))":                                 lambda z: jnp.sum(jnp.logaddexp(z, -2 * z)),
    "sum(log(exp(W) + exp(-2 * W) + exp(3 * Y)))":                    lambda z: jnp.sum(jnp.logaddexp(jnp.logaddexp(z, -2 * z), 3 * Y)),
    "e = exp(W)\np = e / sum(e, axis=1, keepdims=True)\n-sum(Y * log(p))": multiclass,
    "e = exp(W)\ns = sum(e, axis=1, keepdims=True)\np = e / s\nsum((p - Y)**2)": lambda z: jnp.sum((nn.softmax(z, axis=1) - Y) ** 2),
    "m = max(W, axis=1, keepdims=True)\ne = exp(W - m)\ns = sum(e, axis=1, keepdims=True)\np = e / s\n-sum(Y * log(p))": multiclass,
    "sum(log(sum(exp(W), axis=1, keepdims=True)))":                   lambda z: jnp.sum(jax.scipy.special.logsumexp(z, axis=1)),
    "log(sum(exp(W)))":                                               lse,
    "sum(log(exp(W) / sum(exp(W))))":                                 lambda z: jnp.sum(z - lse(z)),
    "q = exp(W) / sum(exp(W))\nsum((q - Y)**2)":                      lambda z: jnp.sum((nn.softmax(z.ravel()).reshape(z.shape) - Y) ** 2),
    "s = sum(W)\n1 / (1 + exp(-s)) + 1 / (1 + exp(s / 3))":           lambda z: nn.sigmoid(jnp.sum(z)) + nn.sigmoid(-jnp.sum(z) / 3),
    "s = 5 * sum(W)\nlog(1 + exp(-s)) - log(1 / (1 + exp(-s)))":      lambda z: 2 * nn.softplus(-5 * jnp.sum(z)),
    "s = 5 * sum(W)\np = 1 / (1 + exp(-s))\n-log(p) - 2 * log(1 - p)": lambda z: nn.softplus(-5 * jnp.sum(z)) + 2 * nn.softplus(5 * jnp.sum(z)),
    "s = 5 * sum(W)\nexp(s) / (1 + exp(s))":                          lambda z: nn.sigmoid(5 * jnp.sum(z)),
}
# fmt: on


def parsed(written):
    *equations, cost = written.split("\n")
    return sb.parse_network("\n".join(["W: parameter(2, 3)", "Y: input(2, 3)", *equations, f"J = {cost}"]))


def traced(written, folder, monkeypatch):
    *equations, cost = written.split("\n")
    lines = ["import numpy as np", "def cost(W, Y):", *(f"    {line}" for line in equations), f"    return {cost}"]
    name = f"written_{abs(hash(written))}"
    (folder / f"{name}.py").write_text(re.sub(r"\b(exp|log|sum|max|tanh)\(", r"np.\1(", "\n".join(lines)))
    monkeypatch.syspath_prepend(folder)
    return sb.network_from_function(__import__(name).cost, {"W": (2, 3), "Y": (2, 3)}, wrt=["W"])


@pytest.mark.parametrize("kind", ["text", "function"])
@pytest.mark.parametrize("written", WRITTEN)
def test_values_at_extremes(written, kind, tmp_path, monkeypatch):
    network = parsed(written) if kind == "text" else traced(written, tmp_path, monkeypatch)
    f = sb.derive(network).to_numpy()
    for W in POINTS:
        with jax.enable_x64(True):
            J, gradient = jax.value_and_grad(WRITTEN[written])(jnp.asarray(W))
        found = f(W=W, Y=Y)
        np.testing.assert_allclose(found[0], J, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-10, atol=1e-13)


def test_the_derivation_stays_as_it_is_written():
    network = parsed("e = exp(-W)\np = 1 / (1 + e)\nsum((p - Y)**2)")
    d = sb.derive(network)
    assert "e = exp(−W)" in d.to_text()
    assert str(d.network) == str(network)
    assert "p = f(W)" in d.to_source()  # f is the sigmoid


# fmt: off
NEAR = {
    "sum(1 / (2 + exp(-W)))":                            lambda w: np.sum(1 / (2 + np.exp(-w))),
    "sum(1 / (1 - exp(-W) / 99))":                       lambda w: np.sum(1 / (1 - np.exp(-w) / 99)),
    "sum(exp(W) / (1 + exp(-W)))":                       lambda w: np.sum(np.exp(w) / (1 + np.exp(-w))),
    "sum((2 - 3 * exp(W)) / (1 + exp(W)))":              lambda w: np.sum((2 - 3 * np.exp(w)) / (1 + np.exp(w))),
    "sum(log(2 + exp(W)))":                              lambda w: np.sum(np.log(2 + np.exp(w))),
    "sum(log(exp(W) + 2 * exp(-W)))":                    lambda w: np.sum(np.log(np.exp(w) + 2 * np.exp(-w))),
    "sum((exp(W) - exp(-W)) / (exp(W) + 2 * exp(-W)))":  lambda w: np.sum(np.sinh(w) * 2 / (np.exp(w) + 2 * np.exp(-w))),
    "sum((exp(W) + exp(-W)) / (exp(W) - exp(-W)) * W)":  lambda w: np.sum(w / np.tanh(w)),
    "sum(exp(W) / sum(exp(2 * W)))":                     lambda w: np.sum(np.exp(w)) / np.sum(np.exp(2 * w)),
    "log(2 * sum(exp(W)))":                              lambda w: np.log(2 * np.sum(np.exp(w))),
    "s = sum(W)\nlog(2 - 1 / (1 + exp(-s)))":            lambda w: np.log(2 - 1 / (1 + np.exp(-np.sum(w)))),
}
# fmt: on


@pytest.mark.parametrize("near", NEAR)
def test_a_near_miss_keeps_its_value(near):
    """A formula that is recognized must be equal to the function."""
    W = POINTS[2]
    np.testing.assert_allclose(sb.derive(parsed(near)).to_numpy().cost(W=W, Y=Y), NEAR[near](W), rtol=1e-12)
