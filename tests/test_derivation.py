"""The derivation: the home network to the letter, and deep networks against independent oracles."""

import re

import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop.backprop import adjoints
from symbackprop.expressions.derivative_symbols import ByEntry, Gradient
from symbackprop.expressions.matrices import Zeros
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.models.losses import COSTS
from symbackprop.printing.text import text
from tests.support import oracle
from tests.support.networks import ON_PROBABILITIES, PAIRS, residual, rnn

WIDTHS = [4, 3, 6, 2, 7, 9, 8]  # pairwise different, and none is the number of examples


def formulas(derivation):
    return {name: text(gradient) for name, gradient in derivation.gradients.items()}


def test_home_network():
    d = sb.derive(sb.home_network())
    assert formulas(d) == {"W1": "Xᵀ δ2", "W2": "a2ᵀ δ3"}
    assert [(text(a.symbol), text(a.expression, {"sigmoid": "f"})) for a in d.adjoints] == [
        ("δ3", "−(y − yhat) ⊙ f′(z3)"),
        ("δ2", "(δ3 W2ᵀ) ⊙ f′(z2)"),
    ]
    assert {name: gradient.shape for name, gradient in d.gradients.items()} == {"W1": (2, 3), "W2": (3, 1)}


def test_home_network_with_the_penalty_of_the_lesson():
    d = sb.derive(sb.mlp(["D", "H", "K"], cost="mean_half_squared_error", l2="lam"))
    assert formulas(d) == {"W1": "λ W1 + Xᵀ δ2", "W2": "λ W2 + a2ᵀ δ3"}
    assert text(d.adjoints[0].expression, {"sigmoid": "f"}) == "−(1/N) (y − yhat) ⊙ f′(z3)"


def test_every_step_carries_its_rule_and_shape():
    d = sb.derive(sb.home_network())
    assert [[step.rule for step in section.steps] for section in d.tape.sections] == [
        [
            "definition",
            "sum rule",
            "power rule",
            "constant rule",
            "chain rule",
            "derivative of the activation",
            "backpropagated error",
            "linearity",
            "matrix form",
        ],
        [
            "chain rule",
            "linearity",
            "matrix form",
            "chain rule",
            "derivative of the activation",
            "backpropagated error",
            "linearity",
            "matrix form",
        ],
    ]
    assert [str(section.parameter) for section in d.tape.sections] == ["W2", "W1"]
    assert [str(step.symbol) for step in d.steps if step.symbol is not None] == ["delta3", "delta2"]
    assert "y is constant" in [step.note for step in d.steps]
    for step in d.steps:
        about = step.before.of if isinstance(step.before, Gradient) else step.wrt
        assert step.shape == about.shape
        if is_matrix(step.after):
            assert step.after.shape == step.shape


def test_the_route_of_the_textbook():
    """From the cost to W2, line by line, to the letter."""
    lines = sb.derive(sb.home_network(), wrt="W2").to_text().split("\n\n")[1].splitlines()
    assert [re.sub("   .*", "", line.strip()) for line in lines[1:] if "=" in line] == [
        "∂J/∂W2 = ∂(½ Σ (y − yhat)²)/∂W2",
        "= ½ Σ ∂((y − yhat)²)/∂W2",
        "= Σ (y − yhat) ⊙ ∂(y − yhat)/∂W2",
        "= −Σ (y − yhat) ⊙ ∂yhat/∂W2",
        "= −Σ (y − yhat) ⊙ ∂yhat/∂z3 ⊙ ∂z3/∂W2",
        "= −Σ (y − yhat) ⊙ f′(z3) ⊙ ∂z3/∂W2",
        "δ3 = ∂J/∂z3 = −(y − yhat) ⊙ f′(z3)",
        "Σ δ3 ⊙ ∂z3/∂W2 = Σ δ3 ⊙ (a2 (∂W2/∂W2))",
        "= a2ᵀ δ3",
    ]


def test_f_prime_comes_from_sympy():
    d = sb.derive(sb.home_network())
    assert sympy.simplify(sb.sigmoid.prime.expression - sb.sigmoid.expression.diff()) == 0
    assert "f′(z) = exp(−z)/(1 + exp(−z))²" in d.to_text()


@pytest.mark.parametrize(("activation", "cost"), [*PAIRS, ("tanh", "cross_entropy_on_probabilities")])
def test_every_activation_and_cost_against_autograd_and_complex_steps(activation, cost, rng):
    layers = int(rng.integers(1, 4))
    if activation in ("log", "exp"):
        layers = 1  # log of log needs arguments above 1; exp of exp of exp overflows in the oracle
    compare(WIDTHS[: layers + 1], activation, cost, rng)


@pytest.mark.parametrize("layers", range(1, 7))
def test_depth_one_to_six_against_autograd(layers, rng):
    """With an activation and a cost that change from run to run."""
    activation = str(rng.choice(["tanh", "sigmoid", "softplus", "relu", "leaky_relu", "abs"]))
    costs = [cost for cost in COSTS if activation == "sigmoid" or cost not in ON_PROBABILITIES]
    compare(WIDTHS[: layers + 1], activation, str(rng.choice(costs)), rng)


def compare(widths, activation, cost, rng):
    net = sb.mlp(widths, activation, cost, bias=True, l2="lam")
    values = sb.random_values(net, {"N": 5}, seed=int(rng.integers(2**31)))
    result = sb.derive(net).to_numpy()(**values)
    layers, names = len(widths) - 1, [p.name for p in net.parameters]
    l2 = float(values.pop("lam"))

    def of(given):
        return oracle.mlp_cost(np, given, layers, activation, cost, l2)

    assert result.J == pytest.approx(of(values), rel=1e-12)
    by_autograd = oracle.autograd_gradients(values, names, layers, activation, cost, l2)
    for witness in (oracle.complex_step_gradients(of, values, names), by_autograd):
        for name in names:
            size = np.max(np.abs(witness[name])) + 1e-300
            np.testing.assert_allclose(getattr(result, f"dJd{name}"), witness[name], rtol=1e-10, atol=1e-12 * size)


def test_a_named_dimension_and_a_number_give_the_same_gradients(rng):
    numbers, names = sb.mlp([4, 3, 2], bias=True), sb.mlp(["D", "H", "K"], bias=True)
    values = sb.random_values(numbers, seed=int(rng.integers(2**31)))
    for ours, theirs in zip(*(sb.derive(net).to_numpy()(**values) for net in (numbers, names)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_constants_of_a_step_are_quantities_not_sizes():
    d = sb.derive(sb.mlp([2, 3, 1], cost="mean_squared_error", l2="lam"))
    constants = {str(constant) for step in d.steps for constant in step.constants}
    assert constants == {"y", "X", "a2", "W2", "Total(HadamardPower(W1, 2))"}


def test_wrt_chooses_parameters():
    net = sb.mlp([2, 3, 1], bias=True)
    d = sb.derive(net, wrt=["W2"])
    assert list(d.gradients) == ["W2"]
    assert len(d.steps) < len(sb.derive(net).steps)
    assert list(sb.derive(net, wrt="W2").gradients) == ["W2"]
    assert list(sb.derive(net, wrt=["b2", "W1"]).gradients) == ["W1", "b2"]
    assert d.to_numpy()(**sb.random_values(net, seed=1))._fields == ("J", "dJdW2")


@pytest.mark.parametrize(
    ("wrt", "said"),
    [
        (["X"], "X is an input, which is constant here; the parameters are W1 and W2"),
        (["y"], "y is a target"),
        (["z2"], "z2 is an intermediate quantity"),
        (["w1"], "unknown parameter 'w1': did you mean W1"),
        (["J"], "J is the cost itself"),
        ([], "nothing to differentiate with respect to"),
    ],
)
def test_deriving_by_what_is_no_parameter_is_refused(wrt, said):
    with pytest.raises(sb.SymbackpropError, match=said):
        sb.derive(sb.home_network(), wrt=wrt)


def test_a_parameter_that_the_cost_does_not_depend_on():
    net = sb.Network()
    X, W, V = net.input("X", "N", 2), net.parameter("W", 2, 3), net.parameter("V", 4, 2)
    net.define("unused", V * W)
    net.minimize("J", sb.total(sb.tanh(X * W)))
    d = sb.derive(net)
    assert d.gradients["V"].shape == (4, 2)
    (only,) = next(section.steps for section in d.tape.sections if section.parameter == V)
    assert (only.rule, text(only.before), text(only.after)) == ("constant rule", "∂J/∂V", "zeros(4×2)")
    assert "J is a constant with respect to V, so its derivative is 0." in d.to_text()
    assert "$J$ is a constant with respect to $V$, so its derivative is 0." in d.to_latex()
    values = sb.random_values(net, seed=3)
    assert np.array_equal(d.to_numpy()(**values).dJdV, np.zeros((4, 2)))
    assert d.check(values).verdict == "right"


def test_uses_of_one_quantity_are_added_up_in_a_step_of_their_own(rng):
    """W in two places, h three times, and a sum that is used twice in its own equation."""
    net = sb.Network()
    X, W = net.input("X", "N", 3), net.parameter("W", 3, 3)
    h = net.define("h", sb.tanh(X * W))
    g = net.define("g", sb.hadamard(h, h) + sb.sigmoid(h * W))
    net.minimize("J", sb.total(sb.hadamard(g - h, g - h)) + sb.total(sb.power(W, 2)))
    d = sb.derive(net)
    summed = [step for step in d.steps if step.rule == "sum over all uses"]
    assert {"W", "h"} <= {str(step.node) for step in summed}
    for step in summed:
        if step.node != W:
            assert len(step.before.args) > 1
            (derived,) = {partial.of for partial in step.before.atoms(ByEntry)}
            assert derived == step.node
    assert d.check(sb.random_values(net, {"N": 4}, seed=int(rng.integers(2**31)))).verdict == "right"


def test_a_dropped_use_is_caught(rng, monkeypatch):
    monkeypatch.setattr(adjoints, "total_of", lambda terms: terms[0])
    net = sb.mlp([4, 3, 2], l2=0.5)
    assert sb.derive(net).check(sb.random_values(net, seed=int(rng.integers(2**31)))).verdict == "wrong"


def test_a_quantity_of_two_names(rng):
    net = sb.Network()
    X, W = net.input("X", "N", 3), net.parameter("W", 3, 2)
    z = net.define("z", X * W)
    other = net.define("q", z)
    net.minimize("J", sb.total(sb.hadamard(sb.tanh(z), other)))
    assert sb.derive(net).check(sb.random_values(net, seed=int(rng.integers(2**31)))).verdict == "right"


def test_scalars_with_names(rng):
    """A named scalar that depends on parameters, used as a factor and in the cost."""
    net = sb.Network()
    X, W = net.input("X", "N", 3), net.parameter("W", 3, 2)
    s = net.define("s", sb.total(sb.power(W, 2)) / net.dimension("N"))
    h = net.define("h", s * sb.tanh(X * W))
    net.minimize("J", sympy.log(1 + sb.total(sb.power(h, 2))) + s**2)
    d = sb.derive(net)
    assert d.check(sb.random_values(net, seed=int(rng.integers(2**31)))).verdict == "right"


def sizes_of(net):
    d = sb.derive(net)
    nodes = sum(sum(1 for _ in sympy.preorder_traversal(step.after)) for step in d.steps)
    return {
        "steps": len(d.steps),
        "nodes": nodes,
        "held": sum(len(step.held) for step in d.steps),
        "text": len(d.to_text()),
        "latex": len(d.to_latex()),
        "markdown": len(d.to_markdown()),
        "index": len(d.to_text(view="index")),
        "result": len(d.to_latex(detail="result", view="both")),
        "source": len(d.to_source()),
    }


GROWING = {
    "layers": lambda depth: sb.mlp([f"H{k}" for k in range(depth + 1)], bias=True),
    "one size": lambda depth: sb.mlp(["D"] * (depth + 1), bias=True),
    "recurrent": rnn,
    "residual": residual,
}


@pytest.mark.parametrize("kind", GROWING)
def test_growth_is_linear_in_depth(kind):
    eleven, twenty, forty = (sizes_of(GROWING[kind](depth)) for depth in (11, 20, 38))  # 9 and 18 layers apart
    for what in eleven:
        # a little more, for index letters that get longer: i2, … i12
        assert forty[what] - twenty[what] <= 2 * (twenty[what] - eleven[what]) * 1.03, what


def test_a_step_function_passes_nothing_on():
    """A use of W inside sign does not change J: only the other use does."""
    net = sb.Network()
    X, W, V = net.input("X", "N", "D"), net.parameter("W", "D", "K"), net.parameter("V", "D", "K")
    s = net.define("s", sb.sign(X * W))
    net.minimize("J", sb.total(sb.hadamard(s, X * V)) + sb.total(sb.power(V, 2)))
    d = sb.derive(net)
    assert d.gradients["W"] == Zeros(*W.shape)
    assert d.gradients["V"] == X.T * s + 2 * V
    assert d.verify(seed=0).verdict == "right"
