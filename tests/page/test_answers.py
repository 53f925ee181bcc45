"""The answers of the live page, without a server: each request ends in an answer or in a problem that is said."""

import json
import re

import pytest

import symbackprop as sb
from symbackprop.page.answers import LONGEST, answer
from tests.page.test_marked import NETWORK, NOTES, Balanced


def test_a_network_is_answered_by_its_gradients_steps_and_code():
    found = answer({"job": "derive", "network": NETWORK})
    d = sb.derive(sb.parse_network(NETWORK))
    assert found["count"] == len(d.steps) == found["steps"].count('class="step"')
    assert found["numpy"] == d.to_source(style="textbook")
    assert "∂J/∂W2 = a2ᵀ δ3" in found["graph"]
    assert found["latex"] == d.to_latex()
    assert {"name": "W1", "role": "parameter", "shape": "2×3"} in found["names"]
    for part in ("network", "result", "steps"):
        Balanced(found[part])
        assert "style=" not in found[part]  # the security policy of the page forbids it
    assert json.loads(json.dumps(found)) == found


def test_gradients_of_chosen_parameters():
    found = answer({"job": "derive", "network": NETWORK, "wrt": ["W2"]})
    assert found["count"] < answer({"job": "derive", "network": NETWORK})["count"]
    assert "W9" in answer({"job": "derive", "network": NETWORK, "wrt": ["W9"]})["problem"]["message"]


def test_proofs_and_the_gradient_check_follow():
    found = answer({"job": "check", "network": NETWORK})
    assert [each["verdict"] for each in found["verdicts"]] == ["right", "right"]
    assert found["verdicts"][0]["words"] == "17 of 17 steps proved"
    assert found["steps"].count("proved for all sizes") == 17
    assert "<table" in found["check"]


def test_a_derivation_is_marked():
    found = answer({"job": "proofread", "text": NOTES, "network": NETWORK, "kind": "md"})
    assert found["verdict"] == "wrong"
    assert len(Balanced(found["marked"]).ids) == 7
    assert "no network is given" in answer({"job": "proofread", "text": "$$a = b$$"})["problem"]["message"]


def test_an_error_has_its_place():
    problem = answer({"job": "derive", "network": NETWORK.strip().replace("a2 @ W2", "a2 @ W1")})["problem"]
    assert (problem["line"], problem["column"]) == (7, 6)
    assert "a2 @ W1.T" in problem["message"]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"job": "derive"},
        {"job": ["derive"]},
        {"job": "eval", "network": "J = 1"},
        {"job": "derive", "network": 3},
        {"job": "derive", "network": "x" * (LONGEST + 1)},
        {"job": "derive", "network": "J = __import__('os').system('true')"},
        {"job": "derive", "network": "w: parameter(2, 2)\nJ = sum(w.__class__)"},
        {"job": "derive", "network": "w: parameter(2, 2)\nJ = " + "(" * 3000 + "w" + ")" * 3000},
        {"job": "derive", "network": "w: parameter(9**9**9, 2)\nJ = sum(w)"},
        {"job": "derive", "network": NETWORK, "wrt": "W1"},
        {"job": "derive", "network": NETWORK, "wrt": [None]},
        {"job": "proofread", "text": None},
        {"job": "proofread", "text": "$" * 5000, "network": NETWORK},
        {"job": "proofread", "text": "\\newcommand{\\x}{\\x\\x}$\\x = 1$", "network": NETWORK},
        {"job": "proofread", "text": "\x00\x02\x03$a=b$", "network": NETWORK, "kind": "../../etc/passwd"},
        {"job": "check", "network": "w: parameter(2, 2)\nJ = log(-sum(w**2))"},
    ],
    ids=range(17),
)
def test_every_request_has_an_answer(request_):
    found = answer(request_)
    assert "problem" not in found or found["problem"]["message"]
    text = json.dumps(found)
    assert not re.search(r"Traceback|/home/|site-packages", text)
