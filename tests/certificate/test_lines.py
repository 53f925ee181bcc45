"""The lines of a derivation as lemmas: each has one, and Coq stops at a line that somebody changed."""

import re
from functools import cache

import pytest

import symbackprop as sb
from tests.certificate.test_certificate import NETWORKS, needs_coq
from tests.support.coq import Coq

PLANTED = {  # the line of the derivation of ∂J/∂W1, the right text of its right side, and a wrong one
    "W2 as it is": (12, r"\(W2\^T\)", "W2"),
    "a sign": (12, r"= \(total", "= (-1) * (total"),
    "another argument of ∂f/∂z": (13, r"\(z2 θ\)", "(a2 θ)"),
    "f for f′": (14, r"map f' ", "map f "),
    "f′ is lost": (14, r"\(map f' \(z2 θ\)\) ⊙ ", ""),
    "another δ": (15, r"\(delta2 θ\)", "(2 · (delta2 θ))"),
    "X as it is": (17, r"\(X\^T\)", "X"),
    "a factor of the first line": (10, r"= \(total", "= 2 * (total"),
}


@cache
def certificate(name: str) -> str:
    return sb.derive(NETWORKS[name]()).to_coq(lines=True)


@pytest.mark.parametrize("name", ["symbolic", "held"])
def test_each_line_has_a_lemma(name: str) -> None:
    steps = sb.derive(NETWORKS[name]()).steps
    found = dict(re.findall(r"^Lemma line(\d+) :.*\(\* (.*) \*\)$", certificate(name), re.MULTILINE))
    assert {int(number): rule for number, rule in found.items()} == {
        number: step.rule for number, step in enumerate(steps, 1)
    }


def test_the_lines_stand_behind_the_theorems() -> None:
    plain = sb.derive(NETWORKS["symbolic"]()).to_coq()
    end = plain.index("End Network.")
    assert certificate("symbolic").startswith(plain[:end])
    assert certificate("symbolic").endswith(plain[end:])


def planted(name: str) -> tuple[str, str]:
    number, right, wrong = PLANTED[name]
    start, claim, proof = re.split(rf"(Lemma line{number} :.*?\.  \(\*)", certificate("symbolic"))
    left, equals, right_side = claim.rpartition(" = ")
    changed = re.sub(right, wrong, equals + right_side, count=1)
    assert changed != equals + right_side
    text = start + left + changed + proof
    proofs, lines = (
        text.index("Section Point."),
        text.index("(* the lines to ∂J/∂W1"),
    )  # these lines are all that is checked
    return text[:proofs] + text[lines:], f"line{number}"


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_line_is_refused_at_its_place(name: str, coq: Coq) -> None:
    text, where = planted(name)
    answer = coq.check(text)
    assert answer.stops_at == where
    assert "Syntax" not in answer.printed


@needs_coq
@pytest.mark.slow
def test_the_same_lines_are_accepted_if_they_are_right(coq: Coq) -> None:
    text = certificate("symbolic")
    proofs, lines = text.index("Section Point."), text.index("(* the lines to ∂J/∂W1")
    assert coq.check(text[:proofs] + text[lines:]).stops_at == ""
