"""Layers: networks that end in an output, differentiated with an upstream gradient; JAX gives the right products."""

from dataclasses import replace

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.network.upstream import with_upstream
from symbackprop.prove.verify import verify

LAYERS = {
    "affine": "X: input(N, D)\nW: parameter(D, K)\nb: parameter(1, K)\nyhat = X @ W + b",
    "softmax": "Z: input(N, K)\nP = softmax(Z)",
    "log-softmax": "Z: input(N, K)\nL = log_softmax(Z)",
    "layer norm": """
        X: input(N, D)
        g: parameter(1, D)
        b: parameter(1, D)
        m = mean(X, axis=1, keepdims=True)
        v = mean((X - m)**2, axis=1, keepdims=True)
        xhat = (X - m) / sqrt(v + 0.001)
        out = g * xhat + b""",
    "batch norm": """
        X: input(N, D)
        g: parameter(1, D)
        b: parameter(1, D)
        m = mean(X, axis=0, keepdims=True)
        v = mean((X - m)**2, axis=0, keepdims=True)
        out = g * (X - m) / sqrt(v + 0.001) + b""",
    "attention": """
        Q: input(N, D)
        K: input(M, D)
        V: input(M, E)
        A = softmax(Q @ K.T / sqrt(D))
        O = A @ V""",
    "LSTM cell": """
        x: input(N, D)
        h0: input(N, H)
        c0: input(N, H)
        W: parameter(D, 4*H)
        U: parameter(H, 4*H)
        b: parameter(1, 4*H)
        z = x @ W + h0 @ U + b
        c = sigmoid(z[:, 0:H]) * tanh(z[:, H:2*H]) + sigmoid(z[:, 2*H:3*H]) * c0
        h = sigmoid(z[:, 3*H:4*H]) * tanh(c)""",
    "a number": "X: input(N, D)\nw: parameter(D, 1)\nz = X @ w\ns = sum(tanh(z))",
}
LAYERS["LSTM cell"] = LAYERS["LSTM cell"].replace("W: parameter(D, 4*H)", "B: parameter(1, H)\nW: parameter(D, 4*H)")


def network(name):
    return sb.parse_network("\n".join(line.strip() for line in LAYERS[name].splitlines() if line.strip()))


def ends_of(name):
    return {"LSTM cell": ["c", "h"], "a number": "s"}.get(name, network(name).all_equations[-1].name)


@pytest.fixture
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield found


def by_jax(jax, network, ends, values):
    """The vector-Jacobian products of the layer's own text, evaluated by JAX."""
    jnp = jax.numpy
    names = {
        "softmax": lambda z, axis=1: jax.nn.softmax(z, axis=axis),
        "log_softmax": lambda z, axis=1: jax.nn.log_softmax(z, axis=axis),
        "sigmoid": jax.nn.sigmoid,
        **{name: getattr(jnp, name) for name in ("tanh", "sqrt", "mean", "sum", "exp")},
    }
    lines = [line for line in network.to_text().splitlines() if " = " in line]
    sizes = {
        str(size): int(n)
        for name, value in values.items()
        for size, n in zip(getattr(network.symbols.get(name), "shape", ()), np.shape(value), strict=False)
        if size.is_Symbol
    }

    def forward(arguments):
        scope = {**names, **sizes, **arguments}
        for line in lines:
            name, _, formula = line.partition(" = ")
            scope[name] = eval(formula, {}, scope)  # noqa: S307 — a text of this file
        return [scope[end] for end in ends]

    arguments = {name: jnp.asarray(values[name]) for name in network.roles if name in values}
    _, pull = jax.vjp(forward, arguments)
    return pull([jnp.asarray(values[f"G_{end}"]) for end in ends])[0]


@pytest.mark.parametrize("name", LAYERS)
def test_vector_jacobian_products_are_those_of_jax_and_proved(name, jax):
    layer = network(name)
    ends = ends_of(name)
    d = sb.derive(layer, output=ends)
    values = sb.random_values(d.network, seed=1)
    f = d.to_numpy(backend="numpy")
    expected = by_jax(jax, layer, [ends] if isinstance(ends, str) else ends, values)
    found = f(**values)
    assert found._fields == tuple(f"d{parameter}" for parameter in d.gradients)
    for parameter, gradient in zip(d.gradients, found, strict=True):
        np.testing.assert_allclose(gradient, expected[parameter], rtol=1e-9, atol=1e-12, err_msg=parameter)
    verification = d.verify(seed=0)
    assert verification.verdict == "right"
    assert all("proved for all sizes" in proof.summary for proof in verification.lines)
    assert d.check(values, seed=0).verdict == "right"


def test_the_upstream_gradient_is_the_first_given_and_no_cost_is_printed():
    d = sb.derive(network("affine"), output="yhat")
    text = d.to_text()
    assert "∂J/∂yhat = G_yhat" in text
    assert "J = " not in text
    assert "G_yhat   upstream gradient   N×K" in text
    assert "G_yhat is the given gradient of the cost with respect to yhat" in text
    for document in (d.to_latex(), d.to_markdown(), d.to_html()):
        assert "upstream gradient" in document
    assert r"\frac{\partial J}{\partial \hat{y}} &= G_{\hat{y}}" in d.to_latex()


def test_outputs_that_depend_on_each_other_are_printed_with_the_cost_that_adds_them():
    text = sb.derive(network("LSTM cell"), output=["c", "h"]).to_text(detail="delta")
    assert "J = Σ G_c ⊙ c + Σ G_h ⊙ h" in text
    assert "∂J/∂c = G_c  " not in text


def test_a_tape_whose_given_adjoints_are_false_is_refused():
    tape = sb.derive(network("LSTM cell"), output=["c", "h"]).tape
    with pytest.raises(sb.DerivationError, match="not the adjoints of its outputs"):
        verify(replace(tape, given=tape.network.upstream), {}, 0)


def test_a_step_that_drops_the_upstream_gradient_is_refused():
    d = sb.derive(network("affine"), output="yhat")
    section = d.tape.sections[0]
    G = d.network["G_yhat"]
    first = section.steps[0]
    ignored = replace(first, after=first.after.xreplace({G: sb.ones(*G.shape)}), known=())
    steps = (ignored, *section.steps[1:])
    tape = replace(d.tape, sections=(replace(section, steps=steps), *d.tape.sections[1:]))
    assert verify(tape, {}, 0).verdict == "wrong"


def test_wrt_names_inputs_and_parameters_and_default_is_all():
    layer = network("affine")
    assert list(sb.derive(layer, output="yhat").gradients) == ["X", "W", "b"]
    assert list(sb.derive(layer, ["b", "X"], output="yhat").gradients) == ["X", "b"]
    assert sb.derive(layer, "W", output="yhat").to_numpy().arguments == ("X", "W", "b", "G_yhat")


def test_a_cost_and_what_only_it_needs_are_left_out():
    net = sb.mlp(["D", "H", "K"])
    d = sb.derive(net, output="yhat")
    assert d.to_numpy().arguments == ("X", "W1", "W2", "G_yhat")
    assert "delta3 = G_yhat" not in d.to_text()
    assert list(d.gradients) == ["X", "W1", "W2"]


def test_a_declared_output_needs_no_name():
    net = sb.Network()
    X, W = net.input("X", "N", "D"), net.parameter("W", "D", "K")
    net.output("yhat", X * W)
    assert net.outputs == (net["yhat"],)
    assert list(sb.derive(net).gradients) == ["X", "W"]


def test_generated_modules_have_a_backward_function():
    d = sb.derive(network("softmax"), output="P")
    values = sb.random_values(d.network, seed=2)
    P = np.exp(values["Z"]) / np.exp(values["Z"]).sum(axis=1, keepdims=True)
    G = values["G_P"]
    expected = P * (G - (G * P).sum(axis=1, keepdims=True))
    for target in ("numpy", "array_api"):
        module = {"__name__": "layer"}
        exec(d.to_source(target), module)
        (dZ,) = module["backward"](**values)
        np.testing.assert_allclose(dZ, expected, rtol=1e-12)
    (dZ,) = d.to_numpy().bind(values)(**values)
    np.testing.assert_allclose(dZ, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            sb.derive,
            r"the output yhat \(N×K\) with an upstream gradient: derive\(net, output='yhat'\)",
        ),
        (lambda net: sb.derive(net, output="what"), "there is no output 'what': .*yhat"),
        (lambda net: sb.derive(net, output="X"), "X is an argument of the network, not an output; it defines yhat"),
        (lambda net: sb.derive(net, output=[]), "no output is named"),
        (lambda net: sb.derive(net, "yhat", output="yhat"), "yhat is an intermediate quantity"),
        (lambda net: sb.derive(net, output="yhat").to_dask(), "this network ends in an output"),
    ],
)
def test_errors_name_the_outputs(call, words):
    with pytest.raises(sb.SymbackpropError, match=words):
        call(network("affine"))


def test_names_of_gradients_are_kept_free():
    net = sb.parse_network("X: input(N, D)\ndX: input(N, D)\nyhat = X + dX")
    with pytest.raises(sb.NameInUseError, match="dX is the name of the gradient with respect to X"):
        with_upstream(net, "yhat")
