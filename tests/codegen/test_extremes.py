"""Functions that people write out by hand stay right where exp overflows: against 80 digits, at z from −1200 to 1200."""

import mpmath
import numpy as np
import pytest

import symbackprop as sb

Z = np.array([[1200.0, -1200.0, 0.5], [3.0, -40.0, 60.0]])
Y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


def softmax(row):
    powers = [mpmath.exp(z) for z in row]
    return [power / sum(powers) for power in powers]


def by_entry(slope):
    return lambda z, y: [[slope(z_, y_) for z_, y_ in zip(*rows, strict=True)] for rows in zip(z, y, strict=True)]


def by_row(slope):
    return lambda z, y: [slope(*rows) for rows in zip(z, y, strict=True)]


# fmt: off
COSTS = {  # the text, and ∂J/∂W
    "sum(log(1 + exp(W)))":                            by_entry(lambda z, y: sigmoid(z)),
    "sum(log1p(exp(W)))":                              by_entry(lambda z, y: sigmoid(z)),
    "sum(np.logaddexp(W, 0))":                         by_entry(lambda z, y: sigmoid(z)),
    "sum(log(cosh(W)))":                               by_entry(lambda z, y: mpmath.tanh(z)),
    "sum(log(1 + exp(-W)))":                           by_entry(lambda z, y: -sigmoid(-z)),
    "sum(1 / (1 + exp(-W)))":                          by_entry(lambda z, y: sigmoid(z) * sigmoid(-z)),
    "-sum(log(sigmoid(W)))":                           by_entry(lambda z, y: -sigmoid(-z)),
    "-sum(Y * log(sigmoid(W)) + (1 - Y) * log(1 - sigmoid(W)))": by_entry(lambda z, y: sigmoid(z) - y),
    "sum(sigmoid.prime(W))":                           by_entry(lambda z, y: sigmoid(z) * sigmoid(-z) * (1 - 2 * sigmoid(z))),
    "sum(silu.prime(W))":                              by_entry(lambda z, y: sigmoid(z) * sigmoid(-z) * (2 + z * (1 - 2 * sigmoid(z)))),
    "sum(log(sum(exp(W), axis=1, keepdims=True)))":    by_row(lambda z, y: softmax(z)),
    "-sum(Y * log(softmax(W)))":                       by_row(lambda z, y: [p - y_ for p, y_ in zip(softmax(z), y, strict=True)]),
    "-sum(Y * log_softmax(W))":                        by_row(lambda z, y: [p - y_ for p, y_ in zip(softmax(z), y, strict=True)]),
    "-sum(log(softmax(W)))":                           by_row(lambda z, y: [3 * p - 1 for p in softmax(z)]),
}
# fmt: on


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("named", [False, True])
def test_gradients_at_extremes(cost, named):
    """With respect to the parameter itself, and to a named multiple of it."""
    text = f"W: parameter(2, 3)\nY: one_hot(2, 3)\nJ = {cost}"
    if named:
        text = text.replace("J =", "z = W * 2\nJ =").replace("(W", "(z").replace("-W", "-z")
    result = sb.derive(sb.parse_network(text)).to_numpy()(W=Z / (2 if named else 1), Y=Y)
    assert np.isfinite(result.J)
    with mpmath.workdps(1100):
        exact = COSTS[cost]([[mpmath.mpf(z) for z in row] for row in Z], Y)
        wanted = np.array([[float(entry) for entry in row] for row in exact]) * (2 if named else 1)
    np.testing.assert_allclose(result.dJdW, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("cost", COSTS)
def test_the_derivation_is_proved(cost, rng):
    d = sb.derive(sb.parse_network(f"W: parameter(N, K)\nY: one_hot(N, K)\nJ = {cost}"))
    verification = d.verify(seed=int(rng.integers(2**31)))
    assert verification.verdict == "right", str(verification)
    assert d.check(sb.random_values(d.network, seed=int(rng.integers(2**31)))).verdict == "right"


def test_a_chain_of_scalars_stays_linear():
    """Each scalar is used twice: written out, its adjoint would double with each."""

    def size(steps):
        lines = "".join(f"a{k + 1} = a{k} + a{k} * a{k} / 10\n" for k in range(steps))
        d = sb.derive(sb.parse_network(f"x: parameter(1, 1)\na0 = sum(x)\n{lines}J = a{steps}"))
        assert d.check({"x": np.array([[0.25]])}).verdict == "right"
        return len(d.to_source())

    assert size(40) - size(20) <= 1.2 * (size(20) - size(0))


@pytest.mark.parametrize(
    "said",
    [
        "a = sum(X)\nb = sum(X**2)\nJ = sum(b * X) + b / a",
        "m = mean(X)\nv = var(X)\nJ = v * mean(X) + v / m",
        "a = sum(X)\nb = a**2\nJ = sum(b * X) + exp(-b) / a",
    ],
)
def test_a_name_beside_what_it_stands_for_is_proved(said, rng):
    d = sb.derive(sb.parse_network(f"X: parameter(N, D)\n{said}"))
    assert d.verify(seed=int(rng.integers(2**31))).verdict == "right"


@pytest.mark.parametrize("scale", [1e-3, -50.0])
def test_slogdet_where_the_determinant_is_no_float(scale, rng):
    A = rng.normal(size=(200, 200)) * scale
    A[0] *= np.linalg.slogdet(A)[0] * -1  # the determinant is negative
    result = sb.derive(sb.parse_network("A: parameter(D, D)\nJ = np.linalg.slogdet(A)[1]")).to_numpy()(A=A)
    assert result.J == pytest.approx(np.linalg.slogdet(A)[1], rel=1e-12)
    np.testing.assert_allclose(result.dJdA, np.linalg.inv(A).T, rtol=1e-9)
