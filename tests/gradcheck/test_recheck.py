"""When a check asks again: in extended precision, and at a generic point nearby."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.finite_differences import NumericDerivative
from symbackprop.gradcheck.kinks import Kink
from symbackprop.gradcheck.parameters import Parameters
from symbackprop.gradcheck.recheck import arbitrated, is_close, is_doubtful, supported
from symbackprop.gradcheck.report import ParameterCheck
from symbackprop.verdicts import Verdict

WIDE = pytest.mark.skipif(
    np.finfo(np.longdouble).eps == np.finfo(float).eps, reason="this machine has no extended precision"
)


def block(verdict, **figures):
    usual = {"difference": 1.0, "size": 1.0, "relative": 1.0, "uncertainty": 1e-10, "resolution": 1e-10}
    return ParameterCheck("W", (2,), verdict, looked_at=2, **usual | figures)


def test_what_is_asked_again():
    assert is_close(block(Verdict.UNDECIDED))
    assert is_close(block(Verdict.RIGHT, resolution=1e-4))
    assert is_close(block(Verdict.WRONG, relative=1e-8))
    assert not is_close(block(Verdict.RIGHT))
    assert not is_close(block(Verdict.WRONG))
    doubtful = is_doubtful(1.0)
    assert doubtful(block(Verdict.UNDECIDED))
    assert doubtful(block(Verdict.WRONG, relative=1e-3, uncertainty=1e-4))
    assert doubtful(block(Verdict.WRONG, difference=1e-9))
    assert not doubtful(block(Verdict.WRONG, relative=1e-3, uncertainty=1e-12))
    assert not doubtful(block(Verdict.RIGHT))
    assert not doubtful(block(Verdict.WRONG))


def test_extended_precision_clears_of_no_difference_that_it_could_not_have_seen():
    wrong = block(Verdict.WRONG, difference=1e-7, relative=1e-7)
    assert arbitrated(wrong, block(Verdict.RIGHT, resolution=1e-9)).verdict == "right"
    assert arbitrated(wrong, block(Verdict.RIGHT, resolution=1e-6)).verdict == "wrong"
    assert arbitrated(wrong, block(Verdict.UNDECIDED)).verdict == "wrong"
    assert arbitrated(block(Verdict.RIGHT, resolution=1e-5), block(Verdict.WRONG)).verdict == "wrong"
    assert arbitrated(block(Verdict.RIGHT, resolution=1e-5), block(Verdict.UNDECIDED)).verdict == "right"


def test_what_a_point_nearby_says():
    assert supported(block(Verdict.UNDECIDED), block(Verdict.WRONG)).verdict == "wrong"
    assert supported(block(Verdict.UNDECIDED), block(Verdict.RIGHT)).verdict == "undecided"
    assert supported(block(Verdict.WRONG), block(Verdict.RIGHT)).verdict == "undecided"
    assert supported(block(Verdict.WRONG), block(Verdict.WRONG)).verdict == "wrong"


@WIDE
def test_parameters_keep_their_precision_as_they_move():
    taken = Parameters.of({"x": np.array([1.0, 2.0])}).widened()
    (moved,) = taken.perturbed({0: np.array([1.0, 0.0])}, 1e-18)
    assert moved.dtype == np.longdouble
    assert moved[0] != 1
    assert taken.perturbed({0: np.array([1.0, 0.0])}, 1e-18j)[0].dtype == np.clongdouble
    numerics = Numerics(lambda x: np.sum(x) + 1e12, taken)
    assert numerics.is_extended
    found = numerics.derivative({0: np.array([1.0, 0.0])})
    assert isinstance(found, NumericDerivative)
    assert abs(found.value - 1) <= found.error < 1e-4


def test_a_kink_forbids_what_is_clearly_beyond_it_alone():
    alone, among = Kink(0.0, 1.0, 1e-9, is_alone=True), Kink(0.0, 1.0, 1e-9, is_alone=False)
    assert alone.allows(0.0)
    assert alone.allows(1.0)
    assert not alone.allows(1.001)
    assert not alone.forbids(1.001)
    assert alone.forbids(1.4)
    assert not among.forbids(1.4)


def test_a_mistake_where_the_cost_has_a_small_kink_is_found_nearby(rng):
    """At the kink itself, ours lies between the slopes on both sides, or beyond them where several meet."""
    A = rng.normal(size=(6, 3))
    cost = lambda W: np.sum(np.maximum(A @ W, 0) ** 2 + np.maximum(A @ W, 0))
    right = lambda W: A.T @ (2 * np.maximum(A @ W, 0) + (A @ W > 0))
    zero = np.zeros((3, 2))
    assert sb.check_gradients(cost, right, zero).verdict != "wrong"
    report = sb.check_gradients(cost, lambda W: 1.5 * right(W) + 1.0, zero)
    assert report.verdict == "wrong"
    assert "nearby" in str(report)
