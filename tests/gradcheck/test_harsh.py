"""The checker on random harsh networks whose gradients are right: it may not know, but it may never call one wrong."""

from dataclasses import replace

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import symbackprop as sb
from tests.support.harsh import FAMILIES, harsh_network, mild_network

SMOOTH = [name for name, family in FAMILIES.items() if not family.has_kinks]


def checked(net, gradients=None):
    with np.errstate(all="ignore"):
        return sb.check_gradients(net.cost, gradients or net.gradients, net.params, seed=0)


def verdicts(rng, count, draw):
    """The verdicts on so many networks, and all that is known of those whose right gradient was called wrong."""
    found, alarms = [], []
    for seed in rng.integers(2**32, size=count):
        with np.errstate(all="ignore"):
            net = draw(np.random.default_rng(seed))
        report = checked(net)
        found.append(label(report))
        if report.verdict == "wrong":
            alarms.append((int(seed), net.family, net.difficulties, str(report)))
    return found, alarms


def label(report):
    """The verdict; "zero" if nothing is undecided but gradients that are 0 throughout, as those of units that are off."""
    undecided = [block for block in report.blocks if block.verdict == "undecided"]
    is_zero = report.verdict == "undecided" and all("every entry is 0 here" in block.note for block in undecided)
    return "zero" if is_zero else str(report.verdict)


def text(alarms):
    return "\n".join(
        f"seed {seed}, {family}, {difficulties}\n{report}" for seed, family, difficulties, report in alarms
    )


# The families themselves


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradients_are_autograds(family, rng):
    net = mild_network(rng, family)
    theirs = autograd.grad(lambda params: replace(net, np=anp).cost(**params))(net.params)
    for name, ours in net.gradients(**net.params).items():
        assert ours.shape == net.params[name].shape
        np.testing.assert_allclose(ours, theirs[name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradients_are_those_of_a_complex_step(family, rng):
    net = mild_network(rng, family)
    for name, ours in net.gradients(**net.params).items():
        for index in np.ndindex(ours.shape):
            moved = net.params[name].astype(complex)
            moved[index] += 1e-30j
            slope = net.cost(**net.params | {name: moved}).imag / 1e-30
            np.testing.assert_allclose(ours[index], slope, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_cost_and_gradients_keep_the_precision_of_their_arguments(family, rng):
    with np.errstate(all="ignore"):
        net = harsh_network(rng, family)
        wide = {name: value.astype(np.longdouble) for name, value in net.params.items()}
        results = [net.cost(**wide), *net.gradients(**wide).values()]
    assert {np.asarray(result).dtype for result in results} == {np.dtype(np.longdouble)}


@pytest.mark.parametrize("family", FAMILIES)
def test_planted_mistakes_are_rejected(family, rng):
    net = mild_network(rng, family)
    assert checked(net).verdict == "right"
    right = net.gradients(**net.params)
    for name, g in right.items():
        if np.max(np.abs(g)) < 1e-12:  # what a batch norm takes away again
            continue
        one = g.copy()
        one[np.unravel_index(np.argmax(np.abs(g)), g.shape)] *= 1.01
        for mistake in (-g, 1.001 * g, one, g + np.max(np.abs(g))):
            report = checked(net, lambda name=name, mistake=mistake, **params: right | {name: mistake})
            assert report.verdict == "wrong", f"{name}\n{report}"


# The checker


@pytest.mark.parametrize("part", range(6))
def test_right_gradients_of_harsh_networks_are_never_wrong(part, rng):
    _, alarms = verdicts(rng, 10, harsh_network)
    assert not alarms, text(alarms)


@pytest.mark.parametrize(
    ("family", "seed"),
    [
        (None, 1683759193),  # what lies around a kink is lost in noise
        (None, 3939763642),  # the kink is, and the mean of the slopes on both sides passes for a slope
        (None, 2270273598),
        ("relu", 1800680583),
        ("relu", 1187603943),
        ("relu", 22386594),  # kinks at many distances, the nearest of which only extended precision sees
    ],
)
def test_kinks_that_hide_beside_others_are_no_mistakes(family, seed):
    with np.errstate(all="ignore"):
        net = harsh_network(np.random.default_rng(seed), family)
    report = checked(net)
    assert report.verdict != "wrong", str(report)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(2))
def test_right_gradients_of_many_harsh_networks_are_hardly_ever_wrong(part, rng):
    """None in most runs; such networks lose digits in ways that no check from outside can always tell."""
    found, alarms = verdicts(rng, 1000, harsh_network)
    print(text(alarms))
    assert len(alarms) <= 1, text(alarms)
    assert found.count("right") + found.count("zero") >= 900


def test_right_gradients_of_mild_smooth_networks_are_right(rng):
    found, alarms = verdicts(rng, 100, lambda rng: mild_network(rng, str(rng.choice(SMOOTH))))
    assert not alarms, text(alarms)
    assert found.count("undecided") <= 2
