"""Every single step is a true statement, by numbers: both sides are what happens when W is moved by a little.

The evaluator knows no rule: every derivative is made of central differences of values of the network, where what is held is
given the value that it had.
"""

from dataclasses import replace

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.backprop import rules
from symbackprop.expressions import constructors as forms
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.derivative_symbols import PARTIALS, ByEntry, Entrywise, Gradient
from symbackprop.expressions.operations import Elementwise, Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.models.losses import COSTS
from tests.support.evaluator import Point
from tests.support.networks import (
    ON_PROBABILITIES,
    composite,
    random_network,
    residual,
    rnn,
    tied,
    tied_across_sections,
)

STEP = 1e-5


class Moved(Point):
    """Derivatives at a point, by moving something by a little."""

    def change(self, node, by, direction, held=()):
        """The derivative of a node along a direction of another, while what is held is not moved."""
        node = self.defined.get(node, node)
        still = {part: self.value(part) for part in held if part != node and self.defined.get(part) != node}
        start = self.value(by)

        def difference(step):
            high, low = (self.value(node, still | {by: start + t * direction}) for t in (step, -step))
            return (high - low) / (2 * step)

        return (4 * difference(STEP / 2) - difference(STEP)) / 3  # to step 0, where a probability may be almost 1

    def side(self, side, wrt, direction, held=()):
        """One side of a step, along a direction of W: by each entry of W times that entry of the direction."""
        if isinstance(side, Gradient):
            return self.change(side.cost, side.of, direction)
        if is_matrix(side) and not side.has(*PARTIALS):
            return np.sum(self.value(side, self.here) * direction)
        moved = {}
        for partial in side.atoms(*PARTIALS):
            if isinstance(partial, Entrywise):
                moved[partial] = self.change(partial.of, partial.by, np.ones_like(self.value(partial.by)))
            else:
                moved[partial] = self.change(partial.of, wrt, direction, held)
        return self.value(side, self.here | moved)


def is_true(point, step, direction, held):
    before, after = (point.side(side, step.wrt, direction, held) for side in (step.before, step.after))
    return np.shape(after) == () and after == pytest.approx(before, rel=1e-5, abs=1e-6)


def direction_of(point, step, rng):
    return rng.normal(size=[int(point.sizes.get(n, n)) for n in step.shape] or None)


def point_of(net, rng):
    return Moved(sb.derive(net).tape, sb.random_values(net, seed=int(rng.integers(2**31))))


def all_false(point, rng):
    """The steps that are not true: each by itself, and with all that its section holds."""
    false = []
    for section in point.tape.sections:
        whole = [part for step in section.steps for part in step.held]
        for step in section.steps:
            direction = direction_of(point, step, rng)
            false += [step for held in (step.held, whole) if not is_true(point, step, direction, held)]
    return false


def named_networks():
    yield "home", sb.home_network()
    for cost in COSTS:
        output = None if COSTS[cost].on_logits else "sigmoid" if cost in ON_PROBABILITIES else "tanh"
        yield cost, sb.mlp([4, 3, 6, 2], "softplus", cost, output_activation=output, bias=True, l2="lam")
    yield "composite", composite()
    yield "tied", tied()
    yield "tied across sections", tied_across_sections()
    yield "rnn", rnn(3)
    yield "residual", residual(3)


NETWORKS = dict(named_networks())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_step_is_true(name, rng):
    point = point_of(NETWORKS[name], rng)
    f = sb.derive(NETWORKS[name]).to_numpy()
    arguments = {s.name: point.given[s] for s in point.tape.network.arguments}
    assert point.value(point.tape.cost.symbol) == pytest.approx(f(**arguments).J, rel=1e-12)
    assert not [(s.rule, s.before, s.after) for s in all_false(point, rng)]


@pytest.mark.parametrize("rank", range(30))
def test_every_step_of_a_random_network_is_true(rank, rng):
    net = random_network(rng)
    assert not [(s.rule, s.before, s.after) for s in all_false(point_of(net, rng), rng)], str(net)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_section_leads_to_its_gradient(name, rng):
    """The lines hang together: each goes on from terms that lines before it have left, until the gradient is left."""
    point = point_of(NETWORKS[name], rng)
    for section in point.tape.sections:
        parameter = section.parameter
        direction = rng.normal(size=point.value(parameter).shape)
        held = [part for step in section.steps for part in step.held]
        left = {}
        for step in section.steps:
            end = step is section.steps[-1] and isinstance(step.before, Gradient)
            if step.symbol is not None or end:
                continue
            for sign, side in ((-1, step.before), (1, step.after)):
                for term in side.args if side.is_Add else [side]:
                    if not isinstance(term, Gradient):
                        value = sign * point.side(term, parameter, direction, held)
                        left[derived(term)] = left.get(derived(term), 0) + value
        assert section.steps[0].before == Gradient(point.tape.cost.symbol, parameter)
        gradient = np.sum(point.value(point.tape.gradients[parameter.name], point.here) * direction)
        assert sum(left.pop(done, 0) for done in (frozenset(), frozenset([parameter]))) == pytest.approx(
            gradient, rel=1e-5
        )
        assert np.allclose(list(left.values()), 0, atol=1e-6), left


def derived(term):
    """Return the quantity of the ∂…/∂W in a term, the sum of one entry as that entry."""
    quantities = {partial.of for partial in term.atoms(*PARTIALS) if not isinstance(partial, Entrywise)}
    return frozenset(q.argument if isinstance(q, Total) and q.argument.shape == (1, 1) else q for q in quantities)


# planted errors


def without_a_term(step):
    if step.after.is_Add:
        yield step.after.func(*step.after.args[1:])


def with_a_wrong_sign(step):
    yield -step.after if not is_matrix(step.after) else nodes.scaled(-1, step.after)
    if step.after.is_Add:
        first, *others = step.after.args
        yield step.after.func(-first if not is_matrix(first) else nodes.scaled(-1, first), *others)


def with_a_transposed_factor(step):
    """For each square factor of a product of matrices, but for those inside a ∂z/∂W."""
    named = {partial: nodes.NamedMatrix(f"_{k}", *partial.shape) for k, partial in enumerate(step.after.atoms(ByEntry))}
    after = step.after.xreplace(named)
    for product in after.atoms(nodes.MatMul):
        for rank, factor in enumerate(product.args):
            if factor.shape[0] == factor.shape[1]:
                turned = nodes.MatMul(*product.args[:rank], factor.T, *product.args[rank + 1 :])
                yield after.xreplace({product: turned}).xreplace({name: partial for partial, name in named.items()})


PLANTS = {"term": without_a_term, "sign": with_a_wrong_sign, "transpose": with_a_transposed_factor}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", ["home", "composite", "tied", "tied across sections", "rnn", "residual"])
def test_planted_errors_are_noticed(name, plant, rng):
    point = point_of(NETWORKS[name], rng)
    planted = [
        replace(step, after=after)
        for step in point.tape.steps
        for after in PLANTS[plant](step)
        if not isinstance(after, nodes.Zeros)
    ]
    missed = [s for s in planted if all(is_true(point, s, direction_of(point, s, rng), s.held) for _ in range(4))]
    assert not [(s.rule, s.before, s.after) for s in missed]
    assert planted or (plant, name) in {("term", "home"), ("transpose", "home"), ("transpose", "tied")}


@pytest.mark.parametrize("name", ["tied across sections", "rnn", "residual"])
def test_what_is_held_must_be(name, rng):
    point = point_of(NETWORKS[name], rng)
    holding = [step for step in point.tape.steps if step.held]
    assert holding
    assert not [s for s in holding if is_true(point, s, direction_of(point, s, rng), ())]


def test_a_false_rule_is_noticed(rng, monkeypatch):
    rule = rules.RULES[Elementwise]
    wrong = replace(rule, adjoints=lambda G, _, f, Z: [None, forms.hadamard(G, f(Z))])
    monkeypatch.setitem(rules.RULES, Elementwise, wrong)
    point = point_of(sb.home_network(), rng)
    assert "derivative of the activation" in {step.rule for step in all_false(point, rng)}


def test_a_constant_multiple_has_no_name_of_its_own_however_long_its_adjoint_is():
    text = "X: input(B, T, D)\nW: parameter(D, K)\nq = X @ W\nJ = sum(softmax(q @ q.mT / sqrt(K))**2)"
    tape = sb.derive(sb.parse_network(text)).tape
    assert {adjoint.symbol for adjoint in tape.adjoints} <= {step.symbol for step in tape.steps}
