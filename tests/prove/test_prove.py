"""The proofs: right derivations are proved, and every planted error is caught, by a proof and by numbers."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop.backprop import adjoints, rules
from symbackprop.backprop import steps as route
from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.rules import RULES
from symbackprop.derivation import Derivation
from symbackprop.expressions import constructors as forms
from symbackprop.expressions import functions
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.operations import Broadcast, Elementwise, Softmax, Sums
from symbackprop.expressions.shapes import dimension
from symbackprop.network import evaluate as numbers
from symbackprop.network.models.losses import COSTS
from symbackprop.network.points import small_sizes
from symbackprop.prove import index_form
from symbackprop.prove.all_sizes import prove_for_all_sizes
from symbackprop.prove.calculus import Calculus
from symbackprop.prove.chain import chain
from symbackprop.prove.use_counts import Recount
from tests.backprop.test_rules import network_of
from tests.backprop.test_steps import composite
from tests.support.networks import ON_PROBABILITIES


def verified(net, rng):
    return sb.derive(net).verify(seed=int(rng.integers(2**31)))


def by_witness(verification):
    """Return the set of verdicts of each witness over all steps."""
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
        output = "sigmoid" if cost in ON_PROBABILITIES else None
        yield sb.mlp(["D", "H", "G", "K"], "tanh", cost, output_activation=output, bias=True, l2="lam")
    for activation in functions.FUNCTIONS:
        yield sb.mlp([4, 3, 2], activation, output_activation="identity")
    yield sb.mlp([784, 30, 10], "relu", "softmax_cross_entropy")
    yield sb.mlp([3, 3, 3], bias=True)
    yield composite()
    yield recurrent()
    yield tied()
    yield scalars()
    yield written_twice()


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


def written_twice():
    """Parts that occur in several equations, and a quantity with two names."""
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
    """Return a way to plant an error: a rule with each of its adjoints changed."""

    def plant(rule):
        def adjoints(G, node, *args):
            return [g if g is None else change(g) for g in rule.adjoints(G, node, *args)]

        return replace(rule, adjoints=adjoints)

    return plant


def only_first(rule):
    """Return the rule without all arguments but the first one that has an adjoint."""

    def adjoints(G, node, *args):
        found = rule.adjoints(G, node, *args)
        first = next(k for k, g in enumerate(found) if g is not None)
        return [g if g is None or k == first else 0 * g for k, g in enumerate(found)]

    return replace(rule, adjoints=adjoints)


def instead(adjoints):
    return lambda rule: replace(rule, adjoints=adjoints)


def swapped(rule):
    """Return the rule with its adjoints given to the wrong arguments, if they have one shape."""

    def adjoints(G, node, *args):
        found = rule.adjoints(G, node, *args)
        shapes = {getattr(a, "shape", ()) for a, g in zip(args, found, strict=True) if g is not None}
        return found[::-1] if len(shapes) == 1 and None not in found else found

    return replace(rule, adjoints=adjoints)


EVERYWHERE = {
    "sign": changed(lambda g: -g),
    "factor 2": changed(lambda g: 2 * g),
    "only the first": only_first,
    "swapped": swapped,
}
ONE_KIND = {
    Elementwise: {
        "f′ left out": instead(lambda G, _, f, Z: [None, G]),
        "f for f′": instead(lambda G, _, f, Z: [None, forms.hadamard(G, f(Z))]),
        "f′ twice": instead(lambda G, _, f, Z: [None, forms.hadamard(G, f.prime(Z), f.prime(Z))]),
        "f′ at the wrong argument": instead(lambda G, _, f, Z: [None, forms.hadamard(G, f.prime(f(Z)))]),
    },
    nodes.MatMul: {
        "transposed": instead(
            lambda G, node, *args: [
                g if a.shape[0] != a.shape[1] else forms.transposed(g)
                for g, a in zip(RULES_AS_THEY_ARE[nodes.MatMul].adjoints(G, node, *args), args, strict=True)
            ]
        ),
        "transpose dropped": instead(
            lambda G, _, *Ms: [G, *(M.T * G for M in Ms[1:])] if len(Ms) > 2 else [G * Ms[1].T, Ms[0] * G]
        ),
    },
    nodes.HadamardPower: {
        "exponent left out": instead(lambda G, _, M, n: [forms.hadamard(G, forms.power(M, n - 1)), None])
    },
    sympy.Pow: {"power not lowered": instead(lambda G, _, x, n: [G * n * x**n, None])},
    Softmax: {
        "Jacobian cut to its diagonal": instead(
            lambda G, S, Z, axis: [forms.hadamard(S, forms.add(nodes.Ones(*S.shape), -S), G), None]
        ),
        "the other axis": instead(lambda G, S, Z, axis: RULES_AS_THEY_ARE[Softmax].adjoints(G, S, Z, 1 - axis)),
    },
    Broadcast: {
        "mean for sum": instead(lambda G, node, M, *size: [sb.sums(G, node.axis) / node.shape[node.axis], None, None])
    },
    Sums: {
        "divided": instead(
            lambda G, node, M, axis: [
                g if g is None else g / M.shape[0] for g in RULES_AS_THEY_ARE[Sums].adjoints(G, node, M, axis)
            ]
        )
    },
}
RULES_AS_THEY_ARE = dict(RULES)


def gradients_at(net, values):
    return np.concatenate([np.ravel(g) for g in sb.derive(net).to_numpy()(**values)[1:]])


@pytest.mark.parametrize("kind", RULES_AS_THEY_ARE, ids=lambda kind: kind.__name__)
def test_every_planted_rule_is_caught_by_a_proof_and_by_numbers(kind, rng, monkeypatch):
    net, planted, missed = network_of(kind), 0, []
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    right = gradients_at(net, values)
    for name, plant in (EVERYWHERE | ONE_KIND.get(kind, {})).items():
        with monkeypatch.context() as patch:
            patch.setitem(rules.RULES, kind, plant(RULES_AS_THEY_ARE[kind]))
            if is_the_same(net, values, right):
                continue
            planted += 1
            found = by_witness(verified(net, rng))
            proof = "wrong" in found["all sizes"] or "wrong" in found["exact"]
            if not (proof and "wrong" in found["numeric"]):
                missed.append((name, found))
    assert planted >= 2
    assert not missed


def is_the_same(net, values, right):
    """Return True if a planted rule makes no difference, and so is not an error; breaking shapes is a difference."""
    try:
        return np.allclose(gradients_at(net, values), right, rtol=1e-9, atol=1e-12)
    except ValueError:
        return False


# planted errors that are in no rule


def wrong_in(verification, *witnesses):
    found = by_witness(verification)
    return all("wrong" in found[name] for name in witnesses)


def test_a_contribution_that_is_dropped_where_uses_are_added_up_is_caught(rng, monkeypatch):
    def first_only(terms):
        return terms[0]

    monkeypatch.setattr(adjoints, "total_of", first_only)
    monkeypatch.setattr(route, "total_of", first_only)
    for net in (tied(), recurrent(), sb.mlp(["D", "H", "K"], l2="lam")):
        assert wrong_in(verified(net, rng), "all sizes", "exact", "numeric")


@pytest.mark.parametrize("name", ["a", "c", "U"])
def test_a_use_that_the_walk_does_not_see_is_caught(name, rng, monkeypatch):
    """The witnesses count the uses anew."""
    net = tied()
    quantity = net[name]
    seen = ComputationGraph.__init__

    def blind(self, network, wrt):
        seen(self, network, wrt)
        user = self.users[quantity].pop() if len(self.users[quantity]) > 1 else self.users[quantity][0]
        self.parts[user] = [part for part in self.parts[user] if part != quantity]

    monkeypatch.setattr(ComputationGraph, "__init__", blind)
    if name == "U":
        monkeypatch.setattr(
            ComputationGraph,
            "__init__",
            lambda self, network, wrt: (seen(self, network, wrt), self.users.update({quantity: []}))[0],
        )
    assert wrong_in(verified(net, rng), "all sizes", "exact", "numeric")


@pytest.mark.parametrize("order", [0, 1])
def test_a_wrong_derivative_of_a_function_is_caught(order, rng, monkeypatch):
    """Planted in SymPy's derivative f′, and in f′ written in terms of the output."""
    right = functions.FUNCTIONS["sigmoid"]
    if order == 0:
        derivative = functions._derivative
        monkeypatch.setattr(
            functions, "_derivative", lambda name, n: derivative(name, n) * (1 if n == 0 else sympy.Rational(9, 10))
        )
    else:
        monkeypatch.setitem(
            functions.FUNCTIONS, "sigmoid", replace(right, prime_of_output=functions.a * (1 + functions.a))
        )
    numbers._numeric.cache_clear()
    v = verified(sb.home_network(), rng)
    numbers._numeric.cache_clear()
    assert v.verdict == "wrong"
    assert v.functions[0].verdict == "wrong"
    assert "the derivative of f is" in v.functions[0].summary


def tampered(tape, change):
    """Yield the tape with one step changed, for each step and each way to change it."""
    for s, section in enumerate(tape.sections):
        for k, step in enumerate(section.steps):
            for name, after in change(step):
                steps = (*section.steps[:k], replace(step, after=after), *section.steps[k + 1 :])
                sections = (*tape.sections[:s], replace(section, steps=steps), *tape.sections[s + 1 :])
                yield f"{name} in {step.rule}", replace(tape, sections=sections)


def slips(step):
    """Yield the right side with another sign, with a factor, and without a term."""
    yield "sign", -1 * step.after
    yield "factor", 2 * step.after
    terms = step.after.args if isinstance(step.after, sympy.Add | nodes.MatAdd) else ()
    if len(terms) > 1:
        yield "term left out", forms.add(*terms[1:]) if isinstance(step.after, nodes.MatAdd) else sympy.Add(*terms[1:])


def penalized():
    return sb.mlp(["D", "H", "K"], "tanh", l2="lam", bias=True)


TAMPERED = list(tampered(sb.derive(sb.home_network()).tape, slips))


@pytest.mark.parametrize("number", range(len(TAMPERED)), ids=lambda number: f"{number} {TAMPERED[number][0]}")
def test_every_tampered_step_of_the_home_network_is_caught(number, rng):
    found = by_witness(Derivation(TAMPERED[number][1]).verify(seed=int(rng.integers(2**31))))
    assert all("wrong" in found[witness] for witness in ("all sizes", "exact", "numeric"))


@pytest.mark.parametrize(
    ("make", "count"),
    [pytest.param(make, count, marks=mark, id=f"{name}-{count}")
     for count, mark in ((1, ()), (4, pytest.mark.nightly))
     for name, make in (("dense", penalized), ("tied", tied), ("recurrent", recurrent))],
)  # fmt: skip
def test_tampered_steps_of_other_networks_are_caught(make, count, rng):
    """A few of them, drawn at random."""
    bad = list(tampered(sb.derive(make()).tape, slips))
    for k in rng.choice(len(bad), size=count, replace=False):
        found = by_witness(Derivation(bad[k][1]).verify(seed=int(rng.integers(2**31))))
        assert all("wrong" in found[witness] for witness in ("all sizes", "exact", "numeric")), bad[k][0]


def test_a_gradient_that_is_not_what_the_steps_end_with_is_caught(rng):
    tape = sb.derive(sb.home_network()).tape
    bad = replace(tape, gradients=tape.gradients | {"W1": 2 * tape.gradients["W1"]})
    v = Derivation(bad).verify(seed=int(rng.integers(2**31)))
    assert v.verdict == "wrong"
    assert "the tape gives the gradient as 2 Xᵀ δ2" in str(v)


def test_no_name_of_a_network_is_taken_for_a_perturbation(rng):
    """The witness's own names for perturbations differ from every name of a quantity or a size."""
    calculus = Calculus(Recount(tied()), tied()["W"])
    assert not str(calculus.perturbation(tied()["W"])).isidentifier()
    for names in [("moved1", "moved2", "moved3"), ("t", "s", "u"), ("other_N", "this_N", "change")]:
        net = sb.Network()
        X, W, U = net.input(names[0], "i", "D"), net.parameter(names[1], "D", "j"), net.parameter(names[2], "j", "j")
        h = net.define("h", sb.tanh(X * W) * U)
        net.minimize("J", sb.total(sb.power(h, 2)) + sb.total(sb.softmax(X * W * U)))
        assert verified(net, rng).verdict == "right"


# what a witness does not claim


def test_what_has_no_index_form_is_not_claimed(rng, monkeypatch):
    monkeypatch.delitem(index_form._ENTRIES, Softmax)
    v = verified(network_of(Softmax), rng)
    assert by_witness(v)["all sizes"] == {"right", "undecided"}
    assert v.verdict == "right"
    assert "exact · numeric · all sizes: there is no index form for softmax(A)" in str(v)


def test_a_kink_is_left_out_of_the_claim(rng):
    v = verified(sb.mlp([4, 3, 2], "relu"), rng)
    assert v.verdict == "right"
    assert "proved for all sizes away from the kink of relu · exact · numeric" in str(v)


def test_where_each_point_is_at_a_kink_nothing_is_claimed_in_numbers(rng):
    net = sb.Network()
    X, W = net.input("X", "N", 3), net.parameter("W", 3, 2)
    net.minimize("J", sb.total(sb.relu(sb.relu(-sb.absolute(X * W)))))
    v = verified(net, rng)
    assert by_witness(v)["exact"] == {"undecided", "right"}
    assert "exact: no random point was found away from the kinks" in str(v)


def test_a_line_is_blamed_that_is_wrong_and_not_those_below(rng, monkeypatch):
    monkeypatch.setitem(rules.RULES, Elementwise, ONE_KIND[Elementwise]["f′ left out"](RULES_AS_THEY_ARE[Elementwise]))
    outcomes = prove_for_all_sizes(chain(sb.derive(sb.home_network()).tape))
    wrong = [s.rule for s, o in zip(sb.derive(sb.home_network()).steps, outcomes, strict=True) if o.verdict == "wrong"]
    assert set(wrong) <= {"derivative of the activation", "backpropagated error"}


# the report


def test_a_counterexample_has_sizes_entry_and_both_values(rng, monkeypatch):
    monkeypatch.setitem(rules.RULES, Elementwise, ONE_KIND[Elementwise]["f′ left out"](RULES_AS_THEY_ARE[Elementwise]))
    said = str(verified(sb.mlp(["D", "H", "K"]), rng))
    assert re.search(
        r"NOT PROVED: .*exact: at N=3, D=2, H=4, K=2, at W2\[\d,\d\]: [-\d.e]+ on the left, [-\d.e]+ on the right",
        said,
    )


def test_sizes_that_meet_differ():
    sizes = small_sizes(sb.mlp(["A", "B", "C", "D", "E", "F"], bias=True, examples="N"))
    for layer in zip("ABCDE", "BCDEF", strict=True):
        assert len({sizes[dimension(name)] for name in ("N", *layer)}) == 3
    big = small_sizes(sb.mlp([784, 100, 10]))
    assert max(big.values()) <= 5


def test_the_report_is_data_and_no_yes_or_no(rng):
    v = verified(sb.home_network(), rng)
    data = json.loads(json.dumps(v.to_dict()))
    assert data["verdict"] == "right"
    assert [line["rule"] for line in data["steps"]] == [step.rule for step in sb.derive(sb.home_network()).steps]
    assert data["steps"][0]["witnesses"]["all sizes"] == {"verdict": "right", "said": ""}
    with pytest.raises(TypeError, match="verdict"):
        assert v


def test_a_seed_repeats_the_points(monkeypatch):
    monkeypatch.setitem(rules.RULES, Elementwise, ONE_KIND[Elementwise]["f′ left out"](RULES_AS_THEY_ARE[Elementwise]))
    d = sb.derive(sb.home_network())
    assert str(d.verify(seed=3)) == str(d.verify(seed=3)) != str(d.verify(seed=4))


def test_the_whole_cost_written_out_gives_the_same_gradients():
    """The home network at tiny sizes as one expression in scalar symbols: SymPy's derivative of it, as an identity."""
    net = sb.mlp([2, 2, 1], examples=1)
    values = {
        s: sympy.Matrix(*s.shape, lambda i, j, s=s: sympy.Symbol(f"{s.name}_{i}_{j}", real=True)) for s in net.arguments
    }
    written = {}

    def matrix(expression):
        entries = sympy.Matrix(*expression.shape, lambda i, j: expression._entry(i, j).doit())
        return entries.subs({s[i, j]: m[i, j] for s, m in (values | written).items() for i, j in np.ndindex(*m.shape)})

    d = sb.derive(net)
    for equation in (*d.tape.equations[:-1], *d.adjoints):
        written[equation.symbol] = matrix(equation.expression)
    cost = matrix(d.tape.cost.expression.args[1].argument)[0] / 2
    for name, gradient in d.gradients.items():
        for i, j in np.ndindex(*gradient.shape):
            assert sympy.simplify(cost.diff(values[net[name]][i, j]) - matrix(gradient)[i, j]) == 0


def test_a_tape_that_is_not_whole_is_refused():
    tape = sb.derive(sb.mlp(["D", "H", "K"], bias=True)).tape
    first, *rest = tape.equations
    doubled = replace(first, expression=2 * first.expression)
    emptied = replace(tape.sections[0], steps=())
    for broken in (
        replace(tape, sections=()),
        replace(tape, sections=tape.sections[1:]),
        replace(tape, sections=(emptied, *tape.sections[1:])),
        replace(tape, equations=(doubled, *rest)),
    ):
        with pytest.raises(sb.DerivationError, match="this tape"):
            Derivation(broken).verify()
