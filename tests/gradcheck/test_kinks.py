"""Kinks near the point that is checked: what may be said about a slope beside them."""

from dataclasses import replace

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.gradcheck import verdict as judging
from symbackprop.gradcheck.comparisons import Subject, compare_entry
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.finite_differences import NumericDerivative
from symbackprop.gradcheck.kinks import _is_alone, kink_at
from symbackprop.gradcheck.parameters import Parameters

X = np.zeros((1, 1))


def compared(cost, ours):
    """The cost around 0, and a look at the slope there."""
    numerics = Numerics(cost, Parameters.of({"x": X}))
    return numerics, compare_entry(numerics, Subject(0, "x", X, np.array([[ours]]), np.zeros((1, 1))), (0, 0))


def kinked(x):
    """Its slope is -1 at 0, and the other way from 0.0001 on."""
    return np.sum(np.abs(x - 1e-4))


@pytest.mark.parametrize("step", [1e-2, 5e-3])
def test_sides_that_do_not_draw_near_are_a_bend(step):
    numerics, look = compared(kinked, -1.0)
    assert numerics.bend(look.direction, step) == pytest.approx(2, rel=0.3)


@pytest.mark.parametrize("cost", [lambda x: np.sum(np.exp(x)), lambda x: 2 * np.sum(x), lambda x: np.sum(x**2 - 3 * x)])
def test_smooth_costs_have_no_bend(cost):
    numerics, look = compared(cost, 1.0)
    assert [numerics.bend(look.direction, step) for step in (1e-2, 1e-4, np.inf)] == [0, 0, 0]


def test_mean_of_two_slopes_accuses_nobody(monkeypatch):
    """Where the kink itself is not found, as it is lost in noise."""
    monkeypatch.setattr(judging, "kink_at", lambda *_: None)
    monkeypatch.setattr(judging, "_second", lambda _, look: look)
    numerics, look = compared(kinked, -1.0)
    mean = NumericDerivative(0.01, 1e-9, 1e-2)
    assert replace(look, numeric=mean).is_far_off
    assert not judging.is_wrong(numerics, replace(look, numeric=mean))
    assert judging.is_wrong(numerics, replace(look, ours=-10.0, numeric=mean))  # no kink of this size explains that
    numerics, look = compared(lambda x: np.sum(np.exp(x)), -1.0)
    assert judging.is_wrong(numerics, look)


@pytest.mark.parametrize(("offset", "is_seen"), [(0.0, True), (1e12, False)])
def test_slopes_around_a_kink_are_seen_where_they_are_above_the_noise(offset, is_seen):
    """With so large an offset the cost does not change at all around, which looks like the slope 0 of one side."""
    numerics, look = compared(lambda x: np.sum(np.maximum(x, 0)) + offset, 0.5)
    assert _is_alone(numerics, look, 0.0, 1.0, 1.0) == is_seen


def test_slope_beyond_both_sides_of_a_kink_is_forbidden():
    numerics, look = compared(lambda x: np.sum(np.abs(x)), 3.0)
    kink = kink_at(numerics, look)
    assert kink is not None
    assert kink.allows(0.5)
    assert kink.forbids(3.0)


def only_here(slope, off):
    """The right gradient of `vee(off)`, but for the slope of its kinked part at the point itself."""
    return lambda x: np.where(x == 0, slope, 3 * np.sign(x - off)) + np.exp(x)


def vee(off):
    return lambda x: float(np.sum(3 * np.abs(x - off) + np.exp(x)))


@pytest.mark.parametrize("off", [1e-3, -1e-5, 1e-6, -3e-7])
def test_slope_between_those_of_a_kink_that_is_not_here_is_wrong(off, rng):
    """So far off, the cost is smooth here, and the differences see its slope."""
    bend = -3 * np.sign(off)
    assert sb.check_gradients(vee(off), only_here(bend, off), X).verdict == "right"
    for slope in [0.0, *rng.uniform(-2.7, 2.7, size=3)]:
        assert sb.check_gradients(vee(off), only_here(slope, off), X).verdict == "wrong"


@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-13])
def test_slope_between_those_of_a_kink_that_is_here_is_right(off, rng):
    for slope in [-2.9, 0.0, 2.9, *rng.uniform(-2.9, 2.9, size=3)]:
        assert sb.check_gradients(vee(off), only_here(slope, off), X).verdict == "right"
    assert sb.check_gradients(vee(off), only_here(3.5, off), X).verdict == "wrong"
