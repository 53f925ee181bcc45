"""Cross-entropies simplify to ŷ − y, line by line, and what does not cancel stays as the rules give it."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.backprop import simplify
from symbackprop.expressions.constructors import hadamard, power
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.matrices import NamedMatrix, OneHot, Ones
from symbackprop.expressions.operations import Sums
from symbackprop.printing.text import text

HEAD = "X: input(N, D)\nY: one_hot(N, K)\nt: target(N, K)\nW: parameter(D, K)\nb: parameter(1, K)\n"
NAMED = HEAD + "z = X @ W + b\np = softmax(z)\nJ = -sum(Y * log(p)) / N"
DIRECT = HEAD + "z = X @ W + b\nJ = -sum(Y * log_softmax(z)) / N"
INLINE = HEAD + "J = -sum(Y * log(softmax(X @ W + b)))"
SMOOTH = HEAD + "z = X @ W + b\np = softmax(z)\nJ = -sum(t * log(p))"
BINARY = HEAD + "z = X @ W + b\nyhat = sigmoid(z)\nJ = -mean(t * log(yhat) + (1 - t) * log(1 - yhat))"
TURNED = """
X: input(D, N)
Y: one_hot(N, K)
W: parameter(K, D)
z = W @ X
p = softmax(z, axis=0)
J = -sum(Y.T * log(p))
"""


def rules_of(derivation):
    return [step.rule for step in derivation.steps]


def delta(derivation):
    return next(text(a.expression) for a in derivation.adjoints if a.name == "delta")


@pytest.mark.parametrize(
    ("said", "rules", "found"),
    [
        (NAMED, ["softmax rule", "substitution", "cancellation", "one-hot rows"], "(1/N) (p − Y)"),
        (DIRECT, ["log-softmax rule", "one-hot rows"], "(1/N) (softmax(z) − Y)"),
        (SMOOTH, ["softmax rule", "substitution", "cancellation"], "p ⊙ (Σ_columns t) − t"),
        (BINARY, ["derivative of the activation", "substitution", "cancellation"], "(1/(K N)) (yhat − t)"),
        (TURNED, ["softmax rule", "substitution", "cancellation", "one-hot rows"], "p − Yᵀ"),
    ],
)
def test_a_cross_entropy_becomes_a_difference_step_by_step(said, rules, found, rng):
    d = sb.derive(sb.parse_network(said))
    assert delta(d) == found
    steps = rules_of(d)
    assert rules in [steps[k : k + len(rules)] for k in range(len(steps))]
    verification = d.verify(seed=int(rng.integers(2**31)))
    assert verification.verdict == "right", str(verification)
    assert d.check(sb.random_values(d.network, seed=int(rng.integers(2**31)))).verdict == "right"


def test_what_has_no_name_simplifies_too(rng):
    d = sb.derive(sb.parse_network(INLINE))
    assert text(d.tape.adjoints[0].expression) == "softmax(X W + b) − Y"
    assert d.verify(seed=int(rng.integers(2**31))).verdict == "right"


@pytest.mark.parametrize("said", [NAMED, DIRECT, INLINE, SMOOTH, BINARY])
def test_it_is_computed_without_overflow(said, rng):
    net = sb.parse_network(said)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    values["W"] = np.zeros_like(values["W"])
    values["b"] = np.linspace(-1200, 1200, values["b"].size).reshape(1, -1)
    with np.errstate(all="raise"):
        result = sb.derive(net).to_numpy()(**values)
    assert all(np.isfinite(part).all() for part in result)
    assert result.J > 100


@pytest.mark.parametrize("scalar", ["sum(a)", "norm(a)", "det(S)", "tanh(sum(a))"])
@pytest.mark.parametrize(
    "cost",
    [
        "-sum(log(1 + {0} * (1 - a)))",
        "-sum(log(({0} + 2) * (3 + a**2)) * a)",
        "sum((1 + {0} * a) / (2 + {0} * a))",
        "-sum(a * log({0} * softmax(a)))",
    ],
)
def test_a_factor_may_be_a_scalar_that_contains_matrices(scalar, cost):
    net = sb.parse_network("a: parameter(1, 3)\nS: parameter(2, 2)\nJ = " + cost.format(scalar))
    f = sb.derive(net).to_numpy(backend="numpy")
    values = {"a": np.array([[0.1, 0.3, 0.2]]), "S": np.array([[0.7, 0.2], [0.1, 0.5]])}
    for name, gradient in zip(f.parameters, f(**values)[1:], strict=True):
        assert np.allclose(gradient, central_differences(f.cost, values, name), rtol=1e-7, atol=1e-7)


def central_differences(cost, values, name, h=1e-6):
    found = np.empty_like(values[name])
    for at in np.ndindex(found.shape):
        step = np.zeros_like(found)
        step[at] = h
        found[at] = (cost(**values | {name: values[name] + step}) - cost(**values | {name: values[name] - step})) / (
            2 * h
        )
    return found


def test_an_adjoint_that_nothing_needs_is_not_computed():
    source = sb.derive(sb.parse_network(NAMED)).to_source()
    assert "delta_p" not in source
    assert "delta_unscaled = " in source


def matrices(*names):
    return [NamedMatrix(name, 5, 3) for name in names]


def test_what_cancels_and_what_does_not():
    y, p, G = matrices("y", "p", "G")
    d = NamedMatrix("delta_p", 5, 3)
    one = Ones(5, 3)
    inverse = power(p, -1)
    assert simplify.tidied(hadamard(p, -hadamard(y, inverse))) == -y
    assert simplify.tidied(hadamard(G, inverse)) is None
    assert simplify.tidied(hadamard(power(one - p, -1), one - y)) is None
    assert [s.value for s in simplify.simplified(hadamard(p, d), {d: hadamard(y, inverse)}, {})][-1] == y
    assert simplify.simplified(hadamard(G, d), {d: hadamard(y, inverse)}, {}) == []
    assert simplify.simplified(hadamard(G, d), {d: hadamard(y, p)}, {}) == []
    assert simplify.simplified(hadamard(y, G), {}, {}) == []


def test_only_rows_of_a_one_hot_matrix_add_up_to_one():
    Y, (t, G) = OneHot("Y", 5, 3), matrices("t", "G")
    for line, simpler in [
        (sb.broadcast(sb.sums(Y, 1), 5, 3), True),
        (sb.broadcast(sb.sums(t, 1), 5, 3), False),
        (sb.broadcast(sb.sums(Y, 0), 5, 3), False),
        (sb.broadcast(sb.sums(hadamard(Y, G), 1), 5, 3), False),
    ]:
        stages = simplify.simplified(hadamard(G, line), {}, {})
        assert [stage.value for stage in stages] == ([G] if simpler else []), line


PLANTED = {
    "sign of a cancellation": ("tidied", lambda right: lambda value: negated(right(value))),
    "factor lost": ("tidied", lambda right: lambda value: without_factor(right(value))),
    "rows that do not add up to 1": ("_adds_up_to_one", lambda _: lambda part: isinstance(part, Sums)),
    "columns for rows": (
        "_adds_up_to_one",
        lambda _: lambda part: isinstance(part, Sums) and part.axis == 1,
    ),
    "slope of tanh for sigmoid": (
        "_of_output",
        lambda _: (
            lambda slope, outputs: (
                None
                if slope.function.order == 0
                else sb.ones(*slope.shape) - power(outputs[FUNCTION["sigmoid"](slope.argument)], 2)
            )
        ),
    ),
}


def negated(value):
    return None if value is None else -value


def without_factor(value):
    return None if value is None else simplify.split(value)[1]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("said", [NAMED, SMOOTH, BINARY, TURNED], ids=["named", "smooth", "binary", "turned"])
def test_a_planted_simplification_is_caught(name, said, rng, monkeypatch):
    if said == TURNED and name == "columns for rows":
        pytest.skip("there are no sums over columns")
    net = sb.parse_network(said)
    right = sb.derive(net).gradients["W"], delta(sb.derive(net))
    target, plant = PLANTED[name]
    monkeypatch.setattr(simplify, target, plant(getattr(simplify, target)))
    wrong = sb.derive(net)
    if (wrong.gradients["W"], delta(wrong)) == right or "cancellation" not in rules_of(wrong):
        return  # it makes no difference here, or nothing cancels any more
    found = wrong.verify(seed=int(rng.integers(2**31)))
    assert found.verdict == "wrong", str(found)
    for witness in ("all sizes", "exact", "numeric"):
        assert "wrong" in {str(line.outcomes[witness].verdict) for line in found.lines}, witness


def test_activation_derivative_in_terms_of_the_output(rng):
    net = sb.mlp(["D", "H", "K"], "sigmoid", output_activation="tanh", bias=True)
    d = sb.derive(net, activation_derivative="output")
    shown = d.to_text(detail="result")
    assert "δ3 = ∂J/∂z3 = −(y − yhat) ⊙ (1 − yhat²)" in shown
    assert "δ2 = ∂J/∂z2 = (δ3 W2ᵀ) ⊙ a2 ⊙ (1 − a2)" in shown
    assert d.verify(seed=int(rng.integers(2**31))).verdict == "right"
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    for one, other in zip(d.to_numpy()(**values), sb.derive(net).to_numpy()(**values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    with pytest.raises(sb.ArgumentError, match="activation_derivative is 'argument'"):
        sb.derive(net, activation_derivative="z")


def test_activation_derivative_of_what_has_no_name(rng):
    net = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nJ = sum(sigmoid(X @ W)**2) + sum(relu(X @ W))")
    d = sb.derive(net, activation_derivative="output")
    assert "sigmoid′" not in d.to_text(detail="result")
    assert d.verify(seed=int(rng.integers(2**31))).verdict == "right"


@pytest.mark.parametrize("ratio", ["W / W", "log.prime(W) * W", "W * (1 / W)"])
def test_what_cancels_to_a_constant_has_a_gradient_of_zeros(ratio):
    d = sb.derive(sb.parse_network(f"W: parameter(2, 3)\nJ = sum({ratio})"))
    assert d.verify(seed=1).verdict == "right"
    values = {"W": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}
    np.testing.assert_allclose(d.to_numpy()(**values).dJdW, np.zeros((2, 3)), atol=1e-15)
    assert d.check(values).verdict == "right"
