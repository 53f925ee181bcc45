"""The best-known results, as they are printed: `python -m tests.test_golden` writes the files anew, to be looked at."""

from pathlib import Path

import pytest

import symbackprop as sb

FOLDER = Path(__file__).with_name("golden")
# fmt: off
RESULTS = {
    "dense layer":              lambda: sb.mlp(["D", "H", "K"], bias=True, l2="lam"),
    "linear regression":        lambda: sb.linear_regression("D", "K"),
    "logistic regression":      sb.logistic_regression,
    "softmax and cross-entropy": lambda: sb.logistic_regression("D", "K"),
    "support vector machine":   lambda: sb.mlp(["D", "K"], cost="hinge", average="examples", l2="lam"),
    "batch normalization":      sb.batchnorm,
    "layer normalization":      sb.layernorm,
    "attention":                sb.attention,
    "recurrent network":        lambda: sb.rnn(3),
    "LSTM cell":                lambda: sb.lstm(1),
    "residual connection":      lambda: sb.residual("D", 2),
    "word2vec":                 sb.word2vec,
    "autoencoder":              lambda: sb.parse_network("X: input(N, D)\nW: parameter(D, H)\nJ = mean((X - sigmoid(X @ W) @ W.T)**2)"),
}
# fmt: on


def printed(name):
    """A result as text and as LaTeX, f′ as f′ and in terms of f."""
    net = RESULTS[name]()
    d = sb.derive(net)
    of_output = sb.derive(net, activation_derivative="output")
    parts = [str(net), d.to_text(detail="result"), of_output.to_text(detail="result"), d.to_latex(detail="result")]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def path_of(name):
    return FOLDER / f"{name.replace(' ', '_')}.txt"


@pytest.mark.parametrize("name", RESULTS)
def test_printed_as_it_was_looked_at(name):
    assert printed(name) == path_of(name).read_text(encoding="utf-8")


def test_every_file_is_of_a_result():
    assert sorted(FOLDER.iterdir()) == sorted(map(path_of, RESULTS))


if __name__ == "__main__":
    for result in RESULTS:
        path_of(result).write_text(printed(result), encoding="utf-8")
