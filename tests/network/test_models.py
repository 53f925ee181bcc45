"""Every builder, in every convention: equal to autograd and to a forward pass written by hand, proved, checked."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop.network.models.losses import AVERAGES, COSTS, FACTORS
from tests.network.test_parser import assert_printed_back
from tests.support import oracle
from tests.support.evaluator import Point
from tests.support.networks import ON_PROBABILITIES
from tests.support.zoo import autograd_gradients

# fmt: off
NETWORKS = {
    "mlp, softmax of probabilities":  lambda layout: sb.mlp(["D", "H", "K"], "tanh", "cross_entropy_on_probabilities",
                                                            output_activation="softmax", bias=True, layout=layout),
    "mlp, everything penalized":      lambda layout: sb.mlp(["D", "H", "M", "K"], "softplus", "huber", bias=True, l2="lam", l1="mu",
                                                            l2_factor="1/(2N)", l1_factor="1/N", penalize_biases=True, layout=layout),
    "mlp, hinge":                     lambda layout: sb.mlp(["D", "K"], cost="hinge", average="examples", l2=0.5, layout=layout),
    "mlp, logits":                    lambda layout: sb.mlp(["D", "H", "K"], "sigmoid", "softmax_cross_entropy", layout=layout),
    "linear regression":              lambda layout: sb.linear_regression("D", "K", l1=True, l2=True, layout=layout),
    "logistic regression":            lambda layout: sb.logistic_regression("D", l2="lam", layout=layout),
    "logistic regression, logits":    lambda layout: sb.logistic_regression("D", on_logits=True, layout=layout),
    "softmax regression":             lambda layout: sb.logistic_regression("D", "K", layout=layout),
    "softmax regression, logits":     lambda layout: sb.logistic_regression("D", "K", on_logits=True, layout=layout),
    "residual":                       lambda layout: sb.residual("D", 3, "tanh", bias=True, l2="lam", layout=layout),
    "rnn":                            lambda layout: sb.rnn(3, l2="lam", layout=layout),
    "rnn, the last step":             lambda layout: sb.rnn(4, every_step=False, bias=False, cost="half_squared_error", layout=layout),
    "lstm":                           lambda layout: sb.lstm(3, l2="lam", layout=layout),
    "lstm, the last step":               lambda layout: sb.lstm(3, every_step=False, bias=False, cost="squared_error", layout=layout),
    "batchnorm":                      lambda layout: sb.batchnorm(layout=layout),
    "layernorm":                      lambda layout: sb.layernorm(eps=0.25, layout=layout),
    "attention":                      lambda layout: sb.attention(),
    "attention, both ways":           lambda layout: sb.attention(causal=False, cost="mean_squared_error"),
    "word2vec":                       lambda layout: sb.word2vec(),
}
# fmt: on
CASES = [
    (name, layout)
    for name in NETWORKS
    for layout in ("rows", "columns")
    if not (layout == "columns" and name in ("attention", "attention, both ways", "word2vec"))
]


def gradients(net, values):
    result = sb.derive(net).to_numpy()(**values)
    return float(result[0]), {p.name: getattr(result, f"dJd{p.name}") for p in net.parameters}


@pytest.mark.parametrize(("name", "layout"), CASES)
def test_gradients_are_those_of_autograd(name, layout, rng):
    net = NETWORKS[name](layout)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    cost, theirs = autograd_gradients(str(net), values)
    J, ours = gradients(net, values)
    assert pytest.approx(cost, rel=1e-12) == J
    assert ours.keys() == theirs.keys()
    for parameter, gradient in theirs.items():
        np.testing.assert_allclose(ours[parameter], gradient, rtol=1e-10, atol=1e-10 * np.abs(gradient).max())


@pytest.mark.parametrize(("name", "layout"), CASES)
def test_every_step_is_proved_printed_back_and_checked(name, layout, rng):
    net = NETWORKS[name](layout)
    assert_printed_back(net)
    d = sb.derive(net)
    verification = d.verify(seed=int(rng.integers(2**31)))
    assert verification.verdict == "right", str(verification)
    assert {str(line.outcomes["all sizes"].verdict) for line in verification.lines} == {"right"}
    assert d.check(sb.random_values(net, seed=int(rng.integers(2**31)))).verdict == "right"


@pytest.mark.parametrize("name", [name for name, layout in CASES if layout == "columns"])
def test_columns_are_the_transpose_of_rows(name, rng):
    """One-hot targets keep an example in each row."""
    rows, columns = NETWORKS[name]("rows"), NETWORKS[name]("columns")
    values = sb.random_values(rows, seed=int(rng.integers(2**31)))
    turned = {n: v if columns.roles[n] == "one_hot" else np.transpose(v) for n, v in values.items()}
    J, ours = gradients(rows, values)
    again, theirs = gradients(columns, turned)
    assert pytest.approx(again, rel=1e-12) == J
    for parameter, gradient in ours.items():
        np.testing.assert_allclose(theirs[parameter].T, gradient, rtol=1e-9, atol=1e-12)
    if len(columns.of_role("input", "target")) > 1 or columns.of_role("one_hot"):
        assert "columns are examples" in sb.derive(columns).to_text()
    assert "rows are examples" in sb.derive(rows).to_text()


# forward passes by hand


def sigmoid(z):
    return 1 / (1 + anp.exp(-z))


def cross_entropy(z, y):
    return anp.sum(anp.log(anp.sum(anp.exp(z), axis=1))) - anp.sum(y * z)


def rnn_by_hand(v):
    h, J = v["h0"], 0
    for t in (1, 2, 3):
        h = anp.tanh(v[f"X{t}"] @ v["W_xh"] + h @ v["W_hh"] + v["b_h"])
        J = J + cross_entropy(h @ v["W_hy"] + v["b_y"], v[f"y{t}"])
    return J


def lstm_by_hand(v):
    h, c, H, J = v["h0"], v["c0"], v["h0"].shape[1], 0
    for t in (1, 2, 3):
        a = v[f"X{t}"] @ v["W_x"] + h @ v["W_h"] + v["b"]
        i, f, o, g = (a[:, k * H : (k + 1) * H] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * anp.tanh(g)
        h = sigmoid(o) * anp.tanh(c)
        J = J + cross_entropy(h @ v["W_hy"] + v["b_y"], v[f"y{t}"])
    return J


def batchnorm_by_hand(v):
    xhat = (v["X"] - anp.mean(v["X"], axis=0)) / anp.sqrt(anp.var(v["X"], axis=0) + v["eps"])
    return anp.sum(v["G"] * (v["gamma"] * xhat + v["beta"]))


def layernorm_by_hand(v):
    X = v["X"].T
    xhat = ((X - anp.mean(X, axis=0)) / anp.sqrt(anp.var(X, axis=0) + v["eps"])).T
    return anp.sum(v["G"] * (v["gamma"] * xhat + v["beta"]))


def attention_by_hand(v):
    """Each place takes the mean of what it and the places before it say, weighted by how well they match."""
    Q, K, V = (v["X"] @ v[f"W_{name}"] for name in "qkv")
    J = 0
    for t in range(len(Q)):
        weights = anp.exp(K[: t + 1] @ Q[t] / anp.sqrt(Q.shape[1]))
        J = J + anp.sum((v["y"][t] - weights @ V[: t + 1] / anp.sum(weights)) ** 2) / 2
    return J


def word2vec_by_hand(v):
    positive = anp.log(sigmoid(anp.sum(v["v_c"] * v["u_o"])))
    return -positive - sum(anp.log(1 - sigmoid(anp.sum(u * v["v_c"]))) for u in v["U_k"])


def residual_by_hand(v):
    h = v["X"]
    for k in (1, 2):
        z = h @ v[f"W{k}"]
        h = h + z * (z > 0)
    return anp.sum((v["y"] - h) ** 2) / 2


# fmt: off
BY_HAND = {
    "rnn":       (sb.rnn(3),       rnn_by_hand),
    "lstm":      (sb.lstm(3),      lstm_by_hand),
    "batchnorm": (sb.batchnorm(),  batchnorm_by_hand),
    "layernorm": (sb.layernorm(),  layernorm_by_hand),
    "attention": (sb.attention(),  attention_by_hand),
    "word2vec":  (sb.word2vec(),   word2vec_by_hand),
    "residual":  (sb.residual(),   residual_by_hand),
}
# fmt: on


@pytest.mark.parametrize("name", BY_HAND)
def test_builders_mean_what_their_names_say(name, rng):
    net, forward = BY_HAND[name]
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    names = [p.name for p in net.parameters]
    given = [values[n] for n in names]
    theirs = autograd.grad(lambda parameters: forward(values | dict(zip(names, parameters, strict=True))))(given)
    J, ours = gradients(net, values)
    assert pytest.approx(float(forward(values)), rel=1e-10) == J
    for n, gradient in zip(names, theirs, strict=True):
        np.testing.assert_allclose(ours[n], gradient, rtol=1e-8, atol=1e-10, err_msg=n)


# conventions


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("average", AVERAGES)
def test_averages(cost, average, rng):
    output = "sigmoid" if cost in ON_PROBABILITIES else None if COSTS[cost].on_logits else "tanh"
    net = sb.mlp(["D", "K"], "tanh", cost, output_activation=output, average=average)
    v = sb.random_values(net, seed=int(rng.integers(2**31)))
    z = v["X"] @ v["W1"]
    a = z if COSTS[cost].on_logits else oracle.ACTIVATIONS[output](np, z)
    summed = oracle.COSTS[
        {"mean_half_squared_error": "half_squared_error", "mean_squared_error": "squared_error"}.get(cost, cost)
    ]
    N, K = v["y"].shape
    divisor = {"sum": 1, "examples": N, "outputs": K, "entries": N * K}[average]
    assert pytest.approx(summed(np, v["y"], a) / divisor, rel=1e-12) == sb.derive(net).to_numpy()(**v).J


@pytest.mark.parametrize("l2_factor", FACTORS)
@pytest.mark.parametrize("l1_factor", FACTORS)
@pytest.mark.parametrize("biases", [False, True])
def test_penalties(l2_factor, l1_factor, biases, rng):
    common = {"l2_factor": l2_factor, "l1_factor": l1_factor, "penalize_biases": biases}
    net, plain = (sb.mlp(["D", "H", "K"], bias=True, **more) for more in ({"l2": "lam", "l1": 0.375, **common}, {}))
    v = sb.random_values(net, seed=int(rng.integers(2**31)))
    lam, N = v["lam"], len(v["X"])
    factor = {"1": 1, "1/2": 0.5, "1/N": 1 / N, "1/(2N)": 0.5 / N}
    J, ours = gradients(net, v)
    J0, bare = gradients(plain, {n: x for n, x in v.items() if n != "lam"})
    penalized = ["W1", "W2", "b1", "b2"] if biases else ["W1", "W2"]
    extra = sum(
        lam * factor[l2_factor] * np.sum(v[n] ** 2) + 0.375 * factor[l1_factor] * np.abs(v[n]).sum() for n in penalized
    )
    assert pytest.approx(J0 + extra, rel=1e-12) == J
    for n, gradient in ours.items():
        added = 2 * lam * factor[l2_factor] * v[n] + 0.375 * factor[l1_factor] * np.sign(v[n]) if n in penalized else 0
        np.testing.assert_allclose(gradient, bare[n] + added, rtol=1e-12, atol=1e-14)


def test_shared_weights_add_up_over_time():
    text = sb.derive(sb.rnn(3)).to_text(detail="result")
    assert "∂J/∂W_xh = X3ᵀ δ_a3 + X2ᵀ δ_a2 + X1ᵀ δ_a1" in text
    assert "∂J/∂W_hh = h2ᵀ δ_a3 + h1ᵀ δ_a2 + h0ᵀ δ_a1" in text


def test_normalization_goes_through_mean_and_variance():
    adjoints = [str(a.symbol) for a in sb.derive(sb.batchnorm()).tape.adjoints]
    assert {"delta_mu", "delta_v", "delta_xhat"} <= set(adjoints)


def test_nothing_is_seen_of_what_comes_later(rng):
    net = sb.attention()
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    moved = values | {"X": values["X"].copy()}
    moved["X"][-1] += 1
    tape = sb.derive(net).tape
    outputs = [point.value(net["O"], point.here) for point in (Point(tape, values), Point(tape, moved))]
    np.testing.assert_allclose(outputs[0][:-1], outputs[1][:-1], rtol=1e-12)
    assert not np.allclose(outputs[0][-1], outputs[1][-1])


def test_a_deep_recurrent_network_stays_linear():
    """Steps, statements and nodes for 50 steps of time are 5 times those for 10."""

    def counts(steps):
        d = sb.derive(sb.rnn(steps))
        size = sum(
            1
            for equation in (*d.tape.equations, *d.tape.adjoints)
            for _ in sympy.preorder_traversal(equation.expression)
        )
        return np.array([len(d.steps), d.to_source().count("\n"), size, len(d.to_text())])

    few, more, many = counts(5), counts(10), counts(50)
    assert np.all(many - more <= 8.5 * (more - few))


# bad input


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: sb.mlp([2, 3], layout="diagonal"),
            "layout says where the examples stand, rows or columns, not 'diagonal'",
        ),
        (lambda: sb.mlp([2, 3], layout=None), "rows or columns, not None"),
        (
            lambda: sb.mlp([2, 3], average="mean"),
            "unknown average 'mean': there are sum, examples, outputs and entries",
        ),
        (lambda: sb.mlp([2, 3], l2="lam", l2_factor="1/3"), r"unknown l2_factor '1/3': did you mean 1/N"),
        (lambda: sb.mlp([2, 3], l1=-1), "l1 is a number of at least 0 or the name of a hyperparameter, not -1"),
        (lambda: sb.mlp([2, 3], l2=float("nan")), "l2 is a number of at least 0"),
        (lambda: sb.mlp([2, 3], cost="hing"), "unknown cost 'hing': did you mean hinge"),
        (lambda: sb.mlp([2, 3], cost="hinge", output_activation="tanh"), "hinge is computed from the logits"),
        (lambda: sb.linear_regression(cost="hinge"), "hinge is a cost of classes; see logistic_regression"),
        (lambda: sb.linear_regression("N"), "N is the number of examples"),
        (lambda: sb.residual(layers=0), "layers is a whole number of at least 1, not 0"),
        (lambda: sb.residual(layers=True), "layers is a whole number"),
        (lambda: sb.rnn(0), "steps is a whole number of at least 1, not 0"),
        (lambda: sb.rnn(2.5), "steps is a whole number of at least 1, not 2.5"),
        (lambda: sb.rnn(hidden="N"), "N is the number of examples"),
        (lambda: sb.rnn(activation="tahn"), "unknown activation 'tahn': did you mean tanh"),
        (lambda: sb.lstm(hidden=-3), "h0: a dimension is a name or a whole number"),
        (lambda: sb.batchnorm(eps=-1e-5), "eps is a number of at least 0"),
        (lambda: sb.batchnorm("N"), "N is the number of examples"),
        (lambda: sb.attention(keys="T"), "T is the number of examples"),
        (lambda: sb.word2vec("D", 0), "U_k: a dimension is a name or a whole number"),
    ],
)
def test_what_cannot_be_built_is_refused(build, said):
    with pytest.raises(sb.SymbackpropError, match=said):
        build()
