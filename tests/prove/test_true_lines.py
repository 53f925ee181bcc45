"""True lines are never called wrong: a witness that finds no proof, or cannot be carried out, refutes nothing."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from sympy import Integer, Rational

import symbackprop as sb
from symbackprop.expressions.matrices import NamedMatrix
from symbackprop.network import points
from symbackprop.network.evaluate import DIGITS
from symbackprop.prove import all_sizes, index_form, small_sizes
from symbackprop.prove.jacobians import FiniteDifferences, ForwardMode
from symbackprop.prove.normal_form import equal


def pairs_of_scores(X, y, w):
    """A pairwise loss, divided by the number of pairs; at equal targets there is none."""
    s = X @ w
    d = s[:, None] - s[None, :]
    m = (y[:, None] > y[None, :]).astype(float)
    return np.sum(m * np.log(1 + np.exp(-d))) / np.sum(m)


TEXTS = {
    "a number times a part": "k: parameter(N, 2)\nJ = sum(concatenate((2*k, k), axis=1)**3)",
    "a number times a part beside a constant": "k: parameter(N, 2)\nA: input(N, 3)\nJ = sum(concatenate((A, -k), axis=1)**3)",
    "rotated halves": "X: input(N, D)\nW: parameter(D, 6)\nk = X @ W\nr = concatenate((-k[:, 3:6], k[:, 0:3]), axis=1)\nJ = sum(r**3)",
    "a rotary embedding": (
        "X: input(N, D)\nC: input(N, 6)\nS: input(N, 6)\nW: parameter(D, 6)\nk = X @ W\n"
        "r = k * C + concatenate((-k[:, 3:6], k[:, 0:3]), axis=1) * S\nJ = sum(tanh(r @ r.T))"
    ),
    "a row of itself above itself": "A: parameter(1, N)\nq = concatenate((A, A), axis=0)[1:2, :] + A\nJ = sum(q**2) / 2",
    "a sum that is 0": "k: parameter(N, 2)\nJ = sum(concatenate((-k, k), axis=1)**3)",
    "a difference that is 0": "k: parameter(N, 2)\nJ = sum(exp(k) * exp(-k)) - sum(k / k) + sum(k - k)",
    "a shift that softmax ignores": "X: input(N, D)\nb: parameter(N, 1)\nJ = sum(log(softmax(X + b)) * X)",
    "a large constant": "X: input(N, D)\nW: parameter(D, K)\nJ = sum(tanh(X @ W)) + 10**30",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_true_line_is_proved_for_all_sizes(name, rng):
    v = sb.derive(sb.parse_network(TEXTS[name])).verify(seed=int(rng.integers(2**31)))
    assert v.verdict == "right", str(v)
    assert {str(line.outcomes["all sizes"].verdict) for line in v.lines} == {"right"}
    assert "wrong" not in {str(outcome.verdict) for line in v.lines for outcome in line.outcomes.values()}


@pytest.mark.parametrize("seed", range(5))
def test_a_division_by_0_at_a_point_is_no_error_of_a_line(seed):
    net = sb.network_from_function(pairs_of_scores, {"X": ("N", "D"), "y": ("N",), "w": ("D",)}, ["w"])
    assert sb.derive(net).verify(seed=seed).verdict == "right"


def test_where_no_point_has_a_value_nothing_is_claimed(rng):
    net = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nJ = sum(X @ W) / sum(X - X)")
    v = sb.derive(net).verify(seed=int(rng.integers(2**31)))
    assert v.verdict == "undecided"
    assert "exact: no random point was found" in str(v)


def test_a_proof_that_is_not_found_refutes_nothing(rng, monkeypatch):
    """The normal form is made blind: what it cannot prove is proved at two points of different sizes, or not at all."""
    net = sb.mlp(["D", "H", "K"])
    monkeypatch.setattr(all_sizes.Calculus, "_equal", lambda *_: False)
    v = sb.derive(net).verify(seed=int(rng.integers(2**31)))
    assert v.verdict == "right"
    assert {str(line.outcomes["all sizes"].verdict) for line in v.lines} == {"undecided", "right"}
    assert "all sizes: it is not proved that the two sides are equal" in str(v)
    monkeypatch.setattr(small_sizes, "generic_point", no_point)
    v = sb.derive(net).verify(seed=int(rng.integers(2**31)))
    assert v.verdict == "undecided"


def no_point(*_):
    raise small_sizes.AtAKink


@pytest.mark.parametrize("failure", [ValueError, ZeroDivisionError, RecursionError])
def test_a_proof_that_cannot_be_carried_out_refutes_nothing(failure, rng, monkeypatch):
    def fail(*_):
        raise failure("here")

    monkeypatch.setattr(all_sizes.Calculus, "same_line", fail)
    v = sb.derive(sb.mlp(["D", "H", "K"])).verify(seed=int(rng.integers(2**31)))
    assert "the proof could not be carried out: here" in str(v)
    assert v.verdict == "right"


def test_a_size_is_not_taken_for_the_number_that_it_is_at_one_point(rng, monkeypatch):
    """1/N is not 1/3, although N is 3 at the first point and nothing is proved for all sizes."""
    net = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nJ = sum((X @ W)**2) / N")
    (size,) = (d for d in net.dimensions if str(d) == "N")
    assert small_sizes.small_sizes(net)[size] == 3
    tape = sb.derive(net).tape
    *steps, last = tape.sections[0].steps
    after = last.after.xreplace({2 / size: Rational(2, 3)})
    section = replace(tape.sections[0], steps=(*steps, replace(last, after=after)))
    bad = replace(tape, sections=(section,), gradients={"W": after})
    assert bad.gradients != tape.gradients
    monkeypatch.setattr(all_sizes.Calculus, "_equal", lambda *_: False)
    for seed in range(3):
        assert sb.Derivation(bad).verify(seed=seed).verdict == "wrong"


# the numbers


@pytest.mark.parametrize("kind", [ForwardMode, FiniteDifferences])
@pytest.mark.parametrize("name", ["inv", "det", "logdet"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_derivatives_of_an_inverse_and_a_determinant(kind, name, size, rng):
    """Against dM⁻¹ = −M⁻¹ dM M⁻¹ and d det M = det M tr(M⁻¹ dM), for one change dM."""
    formula = {"inv": "sum(inv(A) * B)", "det": "det(A) * sum(B)", "logdet": "log(det(A @ A.T)) + sum(B)"}[name]
    net = sb.parse_network(f"A: parameter({size}, {size})\nB: input({size}, {size})\nJ = {formula}")
    with mpmath.workdps(DIGITS):
        point = points.Point(net, rng)
        found = kind(point).adjoints[net["A"]]
        A, B = (np.array(point.values[net[s]].tolist(), dtype=float) for s in "AB")
        inverse = np.linalg.inv(A)
        wanted = {
            "inv": -inverse.T @ B @ inverse.T,
            "det": np.linalg.det(A) * B.sum() * inverse.T,
            "logdet": 2 * inverse.T,
        }[name]
        np.testing.assert_allclose(found.astype(float), wanted, rtol=1e-6, atol=1e-6 * abs(wanted).max())


@pytest.mark.parametrize("text", ["J = sum(inv(A))", "J = det(A)", "J = log(det(A @ A.T))"])
@pytest.mark.parametrize("size", ["n", 8])
def test_inverses_and_determinants_of_any_size_are_proved(text, size, rng):
    v = sb.derive(sb.parse_network(f"A: parameter({size}, {size})\n{text}")).verify(seed=int(rng.integers(2**31)))
    assert v.verdict == "right", str(v)
    assert {str(outcome.verdict) for line in v.lines for outcome in line.outcomes.values()} == {"right"}


DIFFERENTIATED = {
    "a product": "sum(A * B * A)",
    "sums in a product": "sum(A @ B.T) * sum(tanh(A))**2 * log(1 + sum(B * A))",
    "a chain": "sum(exp(A @ B.T @ A) / (1 + A**2))",
    "lines": "sum(softmax(A @ B.T) * logsumexp(A, axis=1, keepdims=True))",
    "parts": "sum(concatenate((2*A, B), axis=1)**3)",
    "an inverse": "sum(inv(A.T @ A)) * log(det(A.T @ A))",
}


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_the_differential_of_a_form_is_that_of_sympy(name):
    """Sums and products are differentiated without SymPy: the result must be what SymPy finds for the whole form."""
    net = sb.parse_network(f"A: parameter(N, D)\nB: input(N, D)\nJ = {DIFFERENTIATED[name]}")
    tangents = {net["A"]: NamedMatrix("dA", *net["A"].shape)}
    form = index_form.scalar_form(net.cost.expression, tangents)
    found, wanted = index_form.differential(form), form.diff(index_form.t).xreplace({index_form.t: Integer(0)})
    assert equal(found, wanted)
    assert not equal(found, 2 * wanted)
    assert not found.has(index_form.t)
