"""Certificates: Coq accepts what the rules derive, and stops at what somebody changed."""

import re
import shutil

import pytest

import symbackprop as sb
from symbackprop.certificate.names import LIBRARY
from symbackprop.cli.commands import main
from tests.support.coq import AXIOMS, Coq, without_coq

needs_coq = pytest.mark.skipif(bool(without_coq()), reason=without_coq() or "Coq is here")
SIZES = ["D", "H", "K"]
NETWORKS = {
    "symbolic": lambda: sb.mlp(SIZES),
    "depth": lambda: sb.mlp(["D", "H", "M", "K"]),
    "penalty": lambda: sb.mlp(SIZES, bias=True, l2="lam"),
    "mean": lambda: sb.mlp(SIZES, bias=True, average="examples"),
    "relu": lambda: sb.mlp(SIZES, activation="relu", output_activation="identity"),
    "softmax": lambda: sb.mlp(SIZES, activation="tanh", cost="softmax_cross_entropy", bias=True, l2="lam"),
    "logits": lambda: sb.mlp(SIZES, activation="tanh", cost="binary_cross_entropy", bias=True),
    "columns": lambda: sb.mlp(SIZES, layout="columns", bias=True),
    "layernorm": lambda: sb.layernorm("D"),
    "batchnorm": lambda: sb.batchnorm("D"),
    "residual": lambda: sb.residual("D", layers=2, bias=True),
    "rnn": lambda: sb.rnn(3, *SIZES),
    "attention": lambda: sb.attention("T", "D", "H", "M"),
    "hinge": lambda: sb.mlp(SIZES, cost="squared_hinge", l1="lam"),
}
PARTS = """X: input(N, D)
y: target(N, K)
W: parameter(D, 2*K)
V: parameter(K, K)
z = X @ W
a = tanh(z[:, :K]) * z[:, K:]
c = concatenate([a @ V, a], axis=1)
J = sum((c[:, :K] - y)**2) + sum(c**2)
"""
NETWORKS["parts"] = lambda: sb.parse_network(PARTS)
NETWORKS["lstm"] = lambda: sb.lstm(2, "D", "H", "K")
HELD = """X: input(N, D)
y: target(N, 1)
U: parameter(D, H)
v: parameter(H, 1)
z = X @ U
a = tanh(z)
J = (1/N) * sum((a @ v + sum(z * a, axis=1, keepdims=True) - y)**2) + sum(log(1 + U**2))"""
NETWORKS["held"] = lambda: sb.parse_network(HELD)
NETWORKS["probabilities"] = lambda: sb.mlp(SIZES, activation="tanh", cost="cross_entropy_on_probabilities")
DELTA2 = "delta2 := (delta3 *[K] (W2^T)) ⊙ (map f' z2)."
PLANTED = {  # the network, the right text (a pattern), the wrong one, and where Coq stops
    "the sign of δ3": ("symbolic", r"(delta3 :=) \(-1\)", r"\1 1", "uses_z3"),
    "f′ left out of δ2": ("symbolic", re.escape(DELTA2), "delta2 := delta3 *[K] (W2^T).", "uses_z2"),
    "X not transposed": ("symbolic", r"\(X\^T\) \*\[N\] delta2", "X *[N] delta2", "uses_W1"),
    "f′ at a2": ("symbolic", re.escape(DELTA2), DELTA2.replace("f' z2", "f' a2"), "uses_z2"),
    "f for f′": ("symbolic", re.escape(DELTA2), DELTA2.replace("f' z2", "f z2"), "uses_z2"),
    "W2 not transposed": ("symbolic", re.escape(DELTA2), DELTA2.replace("(W2^T)", "W2"), "uses_z2"),
    "K examples for N": ("symbolic", r"\(a2\^T\) \*\[N\] delta3\.", "(a2^T) *[K] delta3.", "uses_W2"),
    "the entry j i": ("symbolic", r"\(dJdW1 \[W1; W2\] i j\)", "(dJdW1 [W1; W2] j i)", "gradient_W1"),
    "the bias over the columns": ("penalty", r"dJdb1 := sumrows N", "dJdb1 := sumcols N", "uses_b1"),
    "half the penalty": ("penalty", r"(dJdW1 := .*)\(lam · W1\)", r"\1((lam / 2) · W1)", "uses_W1"),
    "1/N left out": ("mean", r"delta3 := \(.*?INR N.*?\) ·", "delta3 := (-1) ·", "uses_z3"),
    "a part at another place": ("parts", r"delta := \(cols_at 0 K", "delta := (cols_at K K", "uses_z"),
    "another part": ("parts", r"(delta := .*)\(cols_from K z\)", r"\1(cols_from 0 z)", "uses_z"),
    "the mean held constant": ("layernorm", r"dJdX := G1 ⊕ .*", "dJdX := G1.", "uses_X"),
}


def certificate(network: sb.Network) -> str:
    return sb.derive(network).to_coq()


@needs_coq
def test_coq_accepts_the_home_network_with_the_axioms_of_the_real_numbers_alone(coq: Coq) -> None:
    answer = coq.check(sb.derive(sb.home_network()).to_coq(lines=True), axioms=True)
    assert answer.stops_at == "", answer.printed
    found = re.findall(r"^(?:\w+\.)*(\w+)\s*:", answer.printed.partition("Axioms:")[2], re.MULTILINE)
    assert set(found) == AXIOMS


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_coq_accepts_gradients_and_lines(name: str, coq: Coq) -> None:
    answer = coq.check(sb.derive(NETWORKS[name]()).to_coq(lines=True))
    assert answer.stops_at == "", answer.printed


def test_a_certificate_assumes_nothing_and_repeats_no_proof() -> None:
    text = certificate(sb.home_network())
    assert text.count(LIBRARY) == 1
    assert re.findall(r"\b(?:Admitted|Axiom|Parameter|admit|Conjecture)\b", text) == []
    assert text.rstrip().endswith("Print Assumptions all_gradients.")


def test_what_has_to_be_read_of_the_home_network_stands_on_one_screen() -> None:
    text = certificate(sb.home_network())
    screen = text[text.index("Section Network.") : text.index("PROOFS")].splitlines()
    assert len(screen) < 40
    defined = [line.split()[1] for line in screen if line.startswith("Definition ")]
    assert defined == [*("z2", "a2", "z3", "yhat", "J", "delta3", "delta2", "dJdW1", "dJdW2", "claim_W1", "claim_W2")]


def planted(name: str) -> tuple[str, str]:
    network, right, wrong, where = PLANTED[name]
    text = certificate(NETWORKS[network]())
    changed = re.sub(right, wrong, text, count=1)
    assert changed != text
    return changed, where


@needs_coq
@pytest.mark.parametrize("name", list(PLANTED)[:2])
def test_a_planted_error_is_refused_at_its_place(name: str, coq: Coq) -> None:
    text, where = planted(name)
    assert coq.check(text).stops_at == where


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize("name", list(PLANTED)[2:])
def test_planted_errors_of_many_kinds_are_refused(name: str, coq: Coq) -> None:
    text, where = planted(name)
    assert coq.check(text).stops_at == where


NAMES = """fun: input(N, R)
S: parameter(R, N_)
w: parameter(N_, K)
f: target(N, K)
sum_ = fun @ S
d_S = tanh(sum_)
tr = d_S @ w
J = sum((tr - f)**2)"""


@needs_coq
@pytest.mark.slow
def test_names_that_coq_or_the_library_has_taken(coq: Coq) -> None:
    answer = coq.check(certificate(sb.parse_network(NAMES)))
    assert answer.stops_at == "", answer.printed


def test_an_operation_without_a_row_is_refused_with_its_equation(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "W: parameter(3, 3)\nX: input(3, 3)\nB = W + X\nJ = trace(inv(B))"
    with pytest.raises(sb.SymbackpropError, match=r"Inverse has no row.*J = trace\(inv\(B\)\)"):
        certificate(sb.parse_network(text))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.txt").write_text(text)
    assert main(["derive", "net.txt", "--certificate", "coq", "-o", "net.v"]) == 1
    assert "Inverse has no row" in capsys.readouterr().err
    assert not (tmp_path / "net.v").exists()


def test_the_command_line_writes_the_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["derive", "--certificate", "coq", "-o", "home.v"]) == 0
    assert (tmp_path / "home.v").read_text(encoding="utf-8") == certificate(sb.home_network())
    assert main(["derive", "--certificate", "coq", "--format", "latex"]) == 2
    assert main(["derive", "--certificate", "coq", "--lines", "-o", "lines.v"]) == 0
    assert "Lemma line17" in (tmp_path / "lines.v").read_text(encoding="utf-8")
    assert main(["derive", "--lines"]) == 2


@needs_coq
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("coqchk") is None, reason="coqchk is not installed")
def test_coqchk_accepts_the_compiled_certificate(coq: Coq) -> None:
    assert coq.check(certificate(sb.home_network())).stops_at == ""
    assert coq.recheck() == ""
