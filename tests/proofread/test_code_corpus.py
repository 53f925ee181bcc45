"""The corpus of handwritten gradients, a test for each case: right ones pass, wrong ones do not and have their name."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.proofread.code.report import Level
from tests.corpora.code.cases import CASES

ONLY_NUMBERS: set[str] = set()  # known: code that is read neither as formulas nor entry by entry
NOT_NAMED: set[str] = set()  # known: mistakes that are found, and named as something else or not at all
JUDGED = [case for case in CASES if case.verdict != "undecided"]
QUICK = {case.name for case in [c for c in CASES if not c.mistake][::9] + [c for c in CASES if c.mistake][::30]}


@pytest.fixture(
    scope="module",
    params=[pytest.param(case, id=case.name, marks=() if case.name in QUICK else pytest.mark.slow) for case in JUDGED],
)
def judged(request):
    """A case, and its check."""
    case = request.param
    seed = int(np.random.default_rng().integers(10**6))
    print("seed", seed)
    check = sb.check_code(
        case.cost, case.gradient, case.shapes, case.wrt,
        attributes=case.attributes or None, labels=case.labels or None, scalars=case.scalars or None, seed=seed,
    )  # fmt: skip
    return case, check


def known_miss(request, case, names):
    """Expect a failure of the cases that are known to fail, and of no other."""
    if case.name in names:
        request.applymarker(pytest.mark.xfail(strict=True, reason="a known miss"))


def test_verdict(judged):
    case, check = judged
    assert check.verdict == case.verdict, str(check)


def test_code_is_read_as_formulas_or_entry_by_entry(judged, request):
    case, check = judged
    known_miss(request, case, ONLY_NUMBERS)
    assert check.level != Level.NUMBERS, str(check)


def test_the_mistake_is_named(judged, request):
    case, check = judged
    if case.verdict != "wrong":
        assert check.mistake == "" or case.verdict == "convention"
        return
    known_miss(request, case, NOT_NAMED)
    assert any(word.lower() in check.mistake.lower() for word in case.mistake), check.mistake


def test_known_misses_are_cases():
    assert {case.name for case in JUDGED} >= ONLY_NUMBERS | NOT_NAMED
