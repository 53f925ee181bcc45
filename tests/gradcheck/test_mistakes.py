"""The gate of the gradient checker: 38 kinds of mistake in 13 regimes, rejected where the right gradient is accepted."""

import numpy as np
import pytest

import symbackprop as sb
from tests.support.mistakes import KINDS, LARGE, REGIMES, SMALL, case_of, differs, mistaken


def verdict(case, gradients):
    with np.errstate(all="ignore"):
        return str(sb.check_gradients(case.cost, gradients, case.params).verdict)


def telling_case(regime, rng, size=SMALL):
    """A point of a regime at which most mistakes show, and those that do: at a kink, many lie between both sides."""
    while True:
        case = case_of(regime, rng, size)
        shown = [kind for kind in KINDS if differs(case, kind)]
        if len(shown) >= 25:
            return case, shown


def accepted_case(regime, rng, size=SMALL):
    """One whose right gradient is accepted. An offset of 1e12 hides so much that some are undecided."""
    for _ in range(20):
        case, shown = telling_case(regime, rng, size)
        accepted = verdict(case, case.gradients)
        if (regime, accepted) != ("offset", "undecided"):
            break
    assert accepted == "right"
    return case, shown


@pytest.mark.parametrize("regime", REGIMES)
def test_mistakes_are_rejected_where_the_right_gradient_is_accepted(regime, rng):
    case, shown = accepted_case(regime, rng)
    missed = [kind for kind in shown if verdict(case, mistaken(case, kind)) != "wrong"]
    assert len(missed) <= (1 if regime == "offset" else 0), missed


@pytest.mark.parametrize("kind", ["sign", "twice", "divided by N", "the sign of the error"])
def test_gross_mistakes_are_rejected_also_under_a_large_offset(kind, rng):
    """Of every parameter: one of them has a gradient that the offset does not hide."""
    case = case_of("offset", rng)
    assert verdict(case, mistaken(case, kind)) == "wrong"


LARGE_REGIMES = [regime for regime in REGIMES if regime != "offset"]  # under which too much would be undecided


def assert_mistakes_are_rejected_in_ten_thousand_entries(regime, rng, most=None):
    """All kinds, or `most` drawn at random, but one at most, which may be tiny."""
    case, shown = accepted_case(regime, rng, LARGE)
    missed = [kind for kind in rng.permutation(shown)[:most] if verdict(case, mistaken(case, kind)) != "wrong"]
    assert len(missed) <= 1, missed


@pytest.mark.slow
def test_mistakes_are_rejected_in_ten_thousand_entries(rng):
    """Eight kinds of mistakes, in a regime drawn at random; all kinds run in the small network."""
    regime = str(rng.choice(LARGE_REGIMES))
    print("regime", regime)
    assert_mistakes_are_rejected_in_ten_thousand_entries(regime, rng, most=8)


@pytest.mark.nightly
@pytest.mark.parametrize("regime", LARGE_REGIMES)
def test_mistakes_are_rejected_in_ten_thousand_entries_of_each_regime(regime, rng):
    assert_mistakes_are_rejected_in_ten_thousand_entries(regime, rng)


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
