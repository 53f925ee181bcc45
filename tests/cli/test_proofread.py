"""`symbackprop proofread`: output, exit status, messages."""

import json

import pytest

from symbackprop.cli import commands as cli

MINE = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cost(X, y, W1, W2):
    return 0.5 * np.sum((y - sigmoid(sigmoid(X @ W1) @ W2)) ** 2)


def gradient(X, y, W1, W2, slope=lambda a: a * (1 - a)):
    a2 = sigmoid(X @ W1)
    yhat = sigmoid(a2 @ W2)
    delta3 = -(y - yhat) * yhat * (1 - yhat)
    return X.T @ ((delta3 @ W2.T) * slope(a2)), a2.T @ delta3


def mistaken(X, y, W1, W2):
    return gradient(X, y, W1, W2, slope=lambda a: a)


def both(X, y, W, reg):
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(y)), y])) + reg * np.sum(W * W)
    d = p
    d[np.arange(len(y)), y] -= 1
    return loss, X.T @ d / len(y) + 2 * reg * W


class Net:
    def cost(self, X, y):
        return cost(X, y, self.W1, self.W2)

    def gradient(self, X, y):
        return gradient(X, y, self.W1, self.W2)


def total(X, w):
    return np.sum(np.log(np.cosh(X @ w)))


def by_entries(X, w):
    g = np.zeros(len(w))
    for i in range(len(X)):
        for j in range(len(w)):
            g[j] += X[i, j] * np.tanh(X[i] @ w)
    g[0] *= 2
    return g


def line(X, params):
    return np.sum((X @ params["w"] + params["b"]) ** 2)


def updated(X, params, rate):
    d = 2 * (X @ params["w"] + params["b"])
    params["w"] -= rate * X.T @ d
    params["b"] -= rate * d.sum()


class Sized:
    def __init__(self, size):
        self.size = size
"""
DATA = ["X=N,D", "y=N,K"]
WEIGHTS = ["W1=D,H", "W2=H,K"]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "notes.md").write_text("$z = X W$", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "mine.py"


def proofread(*arguments):
    return cli.main(["proofread", *arguments])


def test_right_code(mine, capsys):
    assert proofread(f"{mine}:cost", f"{mine}:gradient", "--shapes", *DATA, *WEIGHTS, "--wrt", "W1,W2") == 0
    assert capsys.readouterr().out == (
        "gradient code: right\nproved equal to the derived gradient for all sizes, by index calculus\n"
        "the code was read as formulas, which hold for all sizes\n"
    )


def test_wrong_code(mine, capsys):
    assert proofread(f"{mine}:cost", f"{mine}:mistaken", "--shapes", *DATA, *WEIGHTS, "--wrt", "W1", "--wrt", "W2") == 1
    out = capsys.readouterr().out
    assert out.startswith("gradient code: wrong\nthe likely mistake: dJdW1 equals the right one with the activation a2")
    assert (
        "the first line that differs: mine.py:17, in gradient: "
        "return X.T @ ((delta3 @ W2.T) * slope(a2)), a2.T @ delta3\n"
    ) in out
    assert len(out.splitlines()) <= 9


def test_details(mine, capsys):
    shapes = ["--shapes", *DATA, *WEIGHTS, "--wrt", "W1,W2", "--details"]
    assert proofread(f"{mine}:cost", f"{mine}:mistaken", *shapes) == 1
    out = capsys.readouterr().out
    assert "  yhat = sigmoid(" in out
    assert "gradient check: wrong" in out


def test_a_loop_does_not_print_a_page(mine, capsys):
    shapes = ["--shapes", "X=N,D", "w=D", "--wrt", "w"]
    assert proofread(f"{mine}:total", f"{mine}:by_entries", *shapes) == 1
    out = capsys.readouterr().out
    assert "the first line that differs: mine.py:50, in by_entries: g[0] *= 2" in out
    assert len(out.splitlines()) <= 9
    assert max(map(len, out.splitlines())) <= 300


@pytest.mark.parametrize(("step", "status"), [("rate", 0), ("2*rate", 2)])
def test_an_update_of_nested_parameters(mine, capsys, step, status):
    shapes = ["--shapes", "X=N,D", "params.w=D", "params.b=1", "--scalars", "rate", "--wrt", "w,b", "--step", step]
    assert proofread(f"{mine}:line", f"{mine}:updated", *shapes) == status


def test_methods_of_one_object(mine, capsys):
    shapes = ["--shapes", *DATA, "--attributes", *WEIGHTS, "--wrt", "W1,W2"]
    assert proofread(f"{mine}:Net.cost", f"{mine}:Net.gradient", *shapes) == 0
    assert "gradient code: right" in capsys.readouterr().out


@pytest.mark.parametrize("scalars", ["reg", "reg=0.25"])
def test_one_function_with_labels_as_data(mine, capsys, scalars):
    shapes = ["--shapes", "X=N,D", "y=N", "W=D,C", "--labels", "y=C", "--scalars", scalars, "--wrt", "W"]
    assert proofread(f"{mine}:both", *shapes, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "right"
    assert report["level"] == "formula"
    assert report["network"].startswith("X:")
    assert report["check"]["verdict"] == "right"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.py:costs", "mine.py:gradient"], "mine.py has no function costs: did you mean cost?"),
        (["mine.py:Not.cost", "mine.py:gradient"], "mine.py has no class Not"),
        (["mine.py:Sized.cost", "mine.py:gradient"], "Sized() fails"),
        (["other.py:cost", "mine.py:gradient"], "there is no file other.py"),
        (["mine.py"], "--wrt is for code: say which function is the cost, as in mine.py:sigmoid; it has sigmoid, cost"),
        (["notes.md", "mine.py:cost"], "notes.md is a document, and mine.py:cost is code"),
        (["mine.py:cost", "mine.py:gradient", "mine.py:both"], "a cost and a gradient are expected"),
        (["mine.py:cost", "mine.py:gradient", "--shapes", "X=N,D", "y=N,K", "W1=H,D", "W2=H,K"], " columns with "),
        (["mine.py:both", "--shapes", "X=N,D y=N", "W1=D,C", "W2=C", "--scalars", "reg"], "takes"),
        (["mine.py:cost", "mine.py:gradient", "--shapes", "X"], "--shapes X: NAME=… is expected"),
        (["mine.py:cost", "mine.py:gradient", "--scalars", "reg=much"], "--scalars reg=much: a number is expected"),
        (["mine.py:cost", "mine.py:gradient", "--shapes", *DATA], "W1 has no shape"),
        (["mine.py:cost", "mine.py:gradient", "--shapes", *DATA, *WEIGHTS, "Q=D"], "neither function takes Q"),
    ],
)
def test_bad_input_is_said(mine, capsys, arguments, message):
    assert proofread(*arguments, "--wrt", "W1,W2") == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.py"], "there is no file nothing.py"),
        (["nothing.md"], "there is no file nothing.md"),
        (["homework.pdf"], "homework.pdf cannot be read: a document is text"),
        (["mine.py:cost", "mine.py:gradient"], "--wrt is missing"),
        (["empty"], "the folder empty has no documents"),
    ],
)
def test_what_cannot_be_read_is_said_first(mine, tmp_path, capsys, arguments, message):
    (tmp_path / "homework.pdf").write_bytes(b"%PDF-1.5")
    (tmp_path / "empty").mkdir()
    assert proofread(*arguments) == 2
    assert message in capsys.readouterr().err


def test_shapes_in_one_word_and_labels_that_are_missing(mine, capsys):
    assert proofread(f"{mine}:cost", f"{mine}:gradient", "--shapes", "X=N,D,y=N,K W1=D,H;W2=H,K", "--wrt", "W1,W2") == 0
    assert "gradient code: right" in capsys.readouterr().out
    assert proofread(f"{mine}:both", "--shapes", "X=N,D", "y=N", "W=D,C", "--scalars", "reg", "--wrt", "W") == 2
    assert "as in --labels y=C" in capsys.readouterr().err


NETWORK = "X: input(N, D)\ny: target(N, K)\nW: parameter(D, K)\nJ = sum((X @ W - y)**2)\n"


def test_several_documents_and_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.txt").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "class").mkdir()
    (tmp_path / "ann.md").write_bytes("$$\\frac{\\partial J}{\\partial W} = 2 X^T (X W - y)$$".encode("utf-16"))
    (tmp_path / "class" / "ben.md").write_text(
        "Hello\n\n$$\\frac{\\partial J}{\\partial W} = 2 X^T (X W + y)$$", encoding="utf-8"
    )
    assert proofread("ann.md", "class", "--network", "net.txt") == 1
    table, ann, ben = capsys.readouterr().out.split("\n\n", 2)
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "ann.md right 1 formula",
        "class/ben.md wrong 1 formula first mistake: line 3",
    ]
    assert ann.startswith("ann.md\nderivation: right")
    assert ben.startswith("class/ben.md\nderivation: wrong")
    assert proofread("ann.md", "class", "--network", "net.txt", "--json") == 1
    assert list(json.loads(capsys.readouterr().out)) == ["ann.md", "class/ben.md"]
    assert proofread("ann.md", "class", "--network", "net.txt", "--annotate") == 2


def test_own_text_is_recognized(tmp_path, capsys):
    target = tmp_path / "out.txt"
    assert cli.main(["derive", "-o", str(target), "--detail", "delta"]) == 0
    assert proofread(str(target)) == 0
    assert "the network is the one that the document says" in capsys.readouterr().out
    assert cli.main(["derive", "-o", str(target), "--sizes", "D-H-K", "--activation", "leaky_relu"]) == 0
    assert proofread(str(target)) == 1  # cases in words are not understood
    assert "--format markdown" in capsys.readouterr().out


def test_a_layer_is_checked_for_any_upstream_gradient(tmp_path, capsys):
    path = tmp_path / "the_layers.py"
    path.write_text(
        "import numpy as np\n"
        "def forward(x, w):\n    return np.sin(x @ w), (x, w)\n"
        "def backward(dout, cache):\n    x, w = cache\n    d = np.cos(x @ w)\n    return d @ w.T, x.T @ d\n"
    )
    arguments = [f"{path}:forward", f"{path}:backward", "--upstream", "dout", "--shapes", "x=N,D", "w=D,M"]
    assert cli.main(["proofread", *arguments]) == 1
    assert "the upstream gradient dout is ignored" in capsys.readouterr().out


def test_what_every_right_line_has_is_said_once(tmp_path, capsys):
    (tmp_path / "net.txt").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "notes.md").write_text(
        "$J = \\sum (X W - y)^2$\n\n$dJ/dW = 2 X^T (X W - y)$\n\n$Q = X W$\n", encoding="utf-8"
    )
    proofread(str(tmp_path / "notes.md"), "--network", str(tmp_path / "net.txt"))
    out = capsys.readouterr().out
    assert out.count("equal in numbers") == 1
    assert out.splitlines()[-1].startswith("✓: equal in numbers")
    assert out.count("definition") == 1
