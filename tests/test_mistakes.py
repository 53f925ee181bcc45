"""The gate of the gradient checker: 38 kinds of mistake in 13 regimes, rejected where the right gradient is accepted."""

import numpy as np
import pytest

import symbackprop as sb
from tests.mistakes import KINDS, REGIMES, SMALL, case_of, differs, mistaken


def verdict(case, gradients):
    with np.errstate(all="ignore"):
        return str(sb.check_gradients(case.cost, gradients, case.params).verdict)


@pytest.mark.parametrize("regime", REGIMES)
def test_mistakes_are_rejected_where_the_right_gradient_is_accepted(regime, rng):
    case = case_of(regime, rng)
    accepted = verdict(case, case.gradients)
    assert accepted == "right" or (regime, accepted) == ("offset", "undecided")
    shown = [kind for kind in KINDS if differs(case, kind)]
    assert len(shown) >= 25
    missed = [kind for kind in shown if verdict(case, mistaken(case, kind)) != "wrong"]
    assert not missed or regime == "offset", (
        missed
    )  # which hides small changes of the cost, and with them small mistakes


@pytest.mark.parametrize("kind", ["sign", "twice", "divided by N", "the sign of the error"])
def test_gross_mistakes_are_rejected_also_under_a_large_offset(kind, rng):
    """Of every parameter: one of them has a gradient that the offset does not hide."""
    case = case_of("offset", rng)
    assert verdict(case, mistaken(case, kind)) == "wrong"


@pytest.mark.parametrize("regime", REGIMES)
def test_right_gradients_are_never_wrong(regime, rng):
    for _ in range(5):
        case = case_of(regime, rng)
        assert verdict(case, case.gradients) != "wrong"


@pytest.mark.skipif(np.finfo(np.longdouble).eps == np.finfo(float).eps, reason="this machine has no extended precision")
def test_extended_precision_decides_where_double_cannot(rng):
    case = case_of("offset", rng, SMALL)
    report = sb.check_gradients(case.cost, case.gradients, case.params)
    assert "decided in extended precision" in str(report)
    double = sb.check_gradients(lambda **params: float(case.cost(**params)), case.gradients, case.params)
    assert double.verdict == "undecided"
