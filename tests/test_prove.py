"""The proofs: right derivations are proved, and every planted error is caught, by a proof and by numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop import adjoints, functions, nodes, route, rules
from symbackprop.builders import COSTS
from symbackprop.flow import Flow
from symbackprop.maps import Broadcast, Elementwise, Softmax, Sums
from symbackprop.rules import RULES, Local
from tests.test_rules import CASES, network_of
from tests.test_steps import composite


def verified(net, rng):
    return sb.derive(net).verify(seed=int(rng.integers(2**31)))


def by_witness(verification):
    """The verdicts of each witness over all steps."""
    found = {}
    for proof in verification.proofs:
        for name, outcome in proof.outcomes.items():
            found.setdefault(name, set()).add(str(outcome.verdict))
    return found


def test_the_home_network_is_proved(rng):
    v = verified(sb.home_network(), rng)
    assert v.verdict == "right", str(v)
    assert len(v.lines) == len(sb.derive(sb.home_network()).steps)
    for proof in v.lines:
        assert {str(outcome.verdict) for outcome in proof.outcomes.values()} == {"right"}
        assert proof.summary == "proved for all sizes · exact · numeric"
    assert "1 exact" not in str(v)
    assert "f′(z) = exp(−z)/(1 + exp(−z))²" in str(v)


def networks():
    for cost in COSTS:
        yield sb.mlp(["D", "H", "G", "K"], "tanh", cost, bias=True, l2="lam")
    for activation in functions.FUNCTIONS:
        yield sb.mlp([4, 3, 2], activation, output_activation="identity")
    yield sb.mlp([784, 30, 10], "relu", "softmax_cross_entropy")
    yield sb.mlp([3, 3, 3], bias=True)
    yield composite()
    yield recurrent()
    yield tied()
    yield scalars()
    yield said_twice()


def recurrent():
    """Three steps in time, with shared weights."""
    net = sb.Network()
    Wx, Wh, b = net.parameter("Wx", "D", "H"), net.parameter("Wh", "H", "H"), net.parameter("b", 1, "H")
    V, y = net.parameter("V", "H", "K"), net.target("y", "N", "K")
    h = net.input("h0", "N", "H")
    for t in range(1, 4):
        X = net.input(f"X{t}", "N", "D")
        h = net.define(f"h{t}", sb.tanh(X * Wx + h * Wh + sb.broadcast(b, "N", "H")))
    net.minimize("J", sb.total(sb.power(h * V - y, 2)) / net.dimension("N"))
    return net


def tied():
    """One matrix to encode and, transposed, to decode; a skip connection; a value used three times."""
    net = sb.Network()
    X, W, U = net.input("X", "N", "D"), net.parameter("W", "D", "H"), net.parameter("U", "H", "H")
    a = net.define("a", sb.sigmoid(X * W))
    c = net.define("c", a + sb.tanh(a * U))
    r = net.define("r", c * W.T)
    net.minimize("J", sb.total(sb.power(X - r, 2)) / 2 + sb.total(sb.hadamard(a, c)))
    return net


def scalars():
    net = sb.Network()
    X, W = net.input("X", "N", 3), net.parameter("W", 3, 2)
    s = net.define("s", sb.total(sb.power(W, 2)) / net.dimension("N"))
    h = net.define("h", s * sb.tanh(X * W))
    net.minimize("J", sympy.log(1 + sb.total(sb.power(h, 2))) + s**2)
    return net


def said_twice():
    """Parts that stand in several equations, and a quantity of two names."""
    net = sb.Network()
    X, W = net.input("X", "N", 3), net.parameter("W", 3, 2)
    z = net.define("z", X * W)
    p = net.define("p", sb.softmax(z))
    q = net.define("q", z)
    g = net.define("g", sb.hadamard(sb.softmax(z), sb.tanh(X * W)) + p)
    net.minimize("J", sb.total(sb.hadamard(g, q)) + sb.total(sb.sums(p, 0).T * sb.sums(g, 0)))
    return net


@pytest.mark.parametrize("net", list(networks()), ids=lambda net: str(net.cost.expression)[:40])
def test_right_derivations_are_proved(net, rng):
    v = verified(net, rng)
    assert v.verdict == "right", str(v)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_every_rule_is_proved(kind, rng):
    v = verified(network_of(kind), rng)
    assert by_witness(v)["all sizes"] == {"right"}, str(v)
    assert v.verdict == "right", str(v)


# planted rules


def changed(change):
    """A rule with each of its adjoints changed."""

    def plant(rule):
        def adjoints(G, node, *args):
            return [g if g is None else change(g) for g in rule.adjoints(G, node, *args)]

        return replace(rule, adjoints=adjoints)

    return plant


def only_first(rule):
    """A rule that forgets all arguments but the first one that varies."""

    def adjoints(G, node, *args):
        found = rule.adjoints(G, node, *args)
        first = next(k for k, g in enumerate(found) if g is not None)
        return [g if g is None or k == first else 0 * g for k, g in enumerate(found)]

    return replace(rule, adjoints=adjoints)


def instead(adjoints):
    return lambda rule: replace(rule, adjoints=adjoints)


def swapped(rule):
    """A rule that gives its adjoints to the wrong arguments, where they are of one shape."""

    def adjoints(G, node, *args):
        found = rule.adjoints(G, node, *args)
        shapes = {getattr(a, "shape", ()) for a, g in zip(args, found, strict=True) if g is not None}
        return found[::-1] if len(shapes) == 1 and None not in found else found

    return replace(rule, adjoints=adjoints)


EVERYWHERE = {"sign": changed(lambda g: -g), "factor 2": changed(lambda g: 2 * g), "only the first": only_first, "swapped": swapped}
ONE_KIND = {
    Elementwise: {
        "f′ left out": instead(lambda G, _, f, Z: [None, G]),
        "f for f′": instead(lambda G, _, f, Z: [None, nodes.hadamard(G, f(Z))]),
        "f′ twice": instead(lambda G, _, f, Z: [None, nodes.hadamard(G, f.prime(Z), f.prime(Z))]),
        "f′ at the wrong argument": instead(lambda G, _, f, Z: [None, nodes.hadamard(G, f.prime(f(Z)))]),
    },
    nodes.MatMul: {
        "transposed": instead(
            lambda G, node, *args: [
                g if a.shape[0] != a.shape[1] else nodes.transposed(g)
                for g, a in zip(RULES_AS_THEY_ARE[nodes.MatMul].adjoints(G, node, *args), args, strict=True)
            ]
        ),
        "transpose dropped": instead(lambda G, _, *Ms: [G, *(M.T * G for M in Ms[1:])] if len(Ms) > 2 else [G * Ms[1].T, Ms[0] * G]),
    },
    nodes.HadamardPower: {"exponent left out": instead(lambda G, _, M, n: [nodes.hadamard(G, nodes.power(M, n - 1)), None])},
    sympy.Pow: {"power not lowered": instead(lambda G, _, x, n: [G * n * x**n, None])},
    Softmax: {
        "Jacobian cut to its diagonal": instead(
            lambda G, S, Z, axis: [nodes.hadamard(S, nodes.add(nodes.Ones(*S.shape), -S), G), None]
        ),
        "the other axis": instead(lambda G, S, Z, axis: RULES_AS_THEY_ARE[Softmax].adjoints(G, S, Z, 1 - axis)),
    },
    Broadcast: {"mean for sum": instead(lambda G, node, M, *size: [sb.sums(G, node.axis) / node.shape[node.axis], None, None])},
    Sums: {"divided": instead(lambda G, node, M, axis: [g if g is None else g / M.shape[0] for g in RULES_AS_THEY_ARE[Sums].adjoints(G, node, M, axis)])},
}
RULES_AS_THEY_ARE = dict(RULES)


def gradients_at(net, values):
    return np.concatenate([np.ravel(g) for g in sb.derive(net).to_numpy()(**values)[1:]])


def test_every_planted_rule_is_caught_by_a_proof_and_by_numbers(rng, monkeypatch, capsys):
    planted, missed = 0, []
    for kind in RULES_AS_THEY_ARE:
        net, here = network_of(kind), 0
        values = sb.random_values(net, seed=int(rng.integers(2**31)))
        right = gradients_at(net, values)
        for name, plant in (EVERYWHERE | ONE_KIND.get(kind, {})).items():
            with monkeypatch.context() as patch:
                patch.setitem(rules.RULES, kind, plant(RULES_AS_THEY_ARE[kind]))
                if is_the_same(net, values, right):
                    continue
                here += 1
                found = by_witness(verified(net, rng))
                proof = "wrong" in found["all sizes"] or "wrong" in found["exact"]
                if not (proof and "wrong" in found["numeric"]):
                    missed.append((kind.__name__, name, found))
        assert here >= 2, kind
        planted += here
    with capsys.disabled():
        print(f"\nplanted rules caught: {planted - len(missed)} of {planted}")
    assert not missed


def is_the_same(net, values, right):
    """Whether a planted rule makes no difference: then it is no error. One that breaks the shapes does."""
    try:
        return np.allclose(gradients_at(net, values), right, rtol=1e-9, atol=1e-12)
    except ValueError:
        return False
