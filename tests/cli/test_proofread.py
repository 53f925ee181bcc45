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


class Sized:
    def __init__(self, size):
        self.size = size
"""
DATA = ["X=N,D", "y=N,K"]
WEIGHTS = ["W1=D,H", "W2=H,K"]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "mine.py"


def proofread(*arguments):
    return cli.main(["proofread", *arguments])


def test_right_code(mine, capsys):
    assert proofread(f"{mine}:cost", f"{mine}:gradient", "--shapes", *DATA, *WEIGHTS, "--wrt", "W1,W2") == 0
    out = capsys.readouterr().out
    assert out.startswith("gradient code: right\nproved equal to the derived gradient for all sizes")
    assert "  yhat = sigmoid(z_2)" in out or "  yhat = sigmoid(" in out


def test_wrong_code(mine, capsys):
    assert proofread(f"{mine}:cost", f"{mine}:mistaken", "--shapes", *DATA, *WEIGHTS, "--wrt", "W1", "--wrt", "W2") == 1
    out = capsys.readouterr().out
    assert out.startswith("gradient code: wrong\nthe likely mistake: dJdW1 equals the right one with the activation a2")
    assert "gradient check: wrong" in out


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
        (["mine.py:cost", "mine.py:gradient", "--shapes", "X"], "--shapes X: NAME=… is expected"),
        (["mine.py:cost", "mine.py:gradient", "--scalars", "reg=much"], "--scalars reg=much: a number is expected"),
        (["mine.py:cost", "mine.py:gradient", "--shapes", *DATA], "W1 has no shape"),
        (["mine.py:cost", "mine.py:gradient", "--shapes", *DATA, *WEIGHTS, "Q=D"], "neither function takes Q"),
    ],
)
def test_bad_input_is_said(mine, capsys, arguments, message):
    assert proofread(*arguments, "--wrt", "W1,W2") == 2
    assert message in capsys.readouterr().err
