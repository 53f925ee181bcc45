"""Right derivations: no line of them is called wrong, and their planted twins are not called right."""

import pytest

import symbackprop as sb
from tests.corpora.right_derivations import CASES

QUICK = 3  # every third case runs by default
TWINS = [case for case in CASES if case.old]


def checked(case, text):
    return sb.check_derivation(text, sb.parse_network(case.network))


def params(cases, quick):
    marks = [() if quick and k % quick == 0 else pytest.mark.slow for k in range(len(cases))]
    return [pytest.param(case, id=case.name, marks=mark) for case, mark in zip(cases, marks, strict=True)]


def test_there_are_enough_cases_with_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", params(CASES, QUICK))
def test_no_right_line_is_called_wrong(case):
    lines = checked(case, case.text).lines
    assert [(line.source, line.mistake or line.reason) for line in lines if line.verdict == "wrong"] == []


@pytest.mark.parametrize("case", params(TWINS, 2 * QUICK))
def test_the_planted_mistake_is_called_wrong_at_its_line(case):
    assert case.text.count(case.old) == 1
    at = case.text.index(case.old)
    lines = checked(case, case.text.replace(case.old, case.new)).lines
    planted = {str(line.verdict) for line in lines if line.start < at + len(case.new) and line.end > at}
    assert "wrong" in planted
    assert [line.source for line in lines if line.verdict == "wrong" and line.end <= at] == []
