"""The plugin, in runs of pytest of its own."""

import subprocess
import sys

import pytest

RIGHT = """
import numpy as np

def test_right(gradcheck):
    x = np.array([[0.5, -1.0]])
    report = gradcheck(lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2, x)
    assert report.verdict == "right"
"""
WRONG = """
import numpy as np

def test_wrong(gradcheck):
    x = np.array([[0.5, -1.0]])
    gradcheck(lambda x: np.sum(np.tanh(x)), lambda x: -(1 - np.tanh(x) ** 2), x)
"""
ASSERTED = """
import numpy as np
import symbackprop as sb

def test_asserted():
    x = np.array([[0.5, -1.0]])
    sb.assert_gradients(lambda x: np.sum(np.tanh(x)), lambda x: 2 * (1 - np.tanh(x) ** 2), x)
"""
LIGHT = """
import sys

def test_light():
    assert "sympy" not in sys.modules
"""


def run(tmp_path, text, *options):
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_a_right_gradient_passes_and_is_listed(tmp_path):
    code, said = run(tmp_path, RIGHT, "--gradcheck-report")
    assert code == 0, said
    assert "gradient checks" in said
    assert "test_it.py::test_right  right  x" in said


def test_a_wrong_gradient_fails_with_its_report_alone(tmp_path):
    code, said = run(tmp_path, WRONG, "--gradcheck-report")
    assert code == 1
    assert "gradient check: wrong" in said
    assert "x: the likely mistake: its sign is wrong" in said
    assert "test_it.py::test_wrong  wrong  x" in said
    assert "its sign is wrong" in said.split("gradient checks")[-1]
    assert "pytest_plugin.py" not in said
    assert "gradients.py" not in said


MEAN = """
import numpy as np

rng = np.random.default_rng(0)
X, y, W, b = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), rng.normal(size=(3, 2)), rng.normal(size=2)

def cost(W, b, X, y):
    return np.sum((X @ W + b - y) ** 2)

def gradients(W, b, X, y):
    d = 2 * (X @ W + b - y)
    return {"dW": X.T @ d, "db": d.mean(axis=0)}

def test_mean(gradcheck):
    gradcheck(cost, gradients, [W, b], data={'X': X, 'y': y})
"""


def test_the_first_line_of_a_failure_is_the_finding_and_every_entry_is_listed_on_request(tmp_path):
    code, said = run(tmp_path, MEAN, "--gradcheck-entries")
    assert code == 1
    first = next(line for line in said.splitlines() if line.startswith("E "))
    assert "AssertionError: params[1]" in first
    assert "divided by 7" in first, first
    assert "2 of 8 entries differ:" in said
    assert "params[1][0]: the gradient is " in said
    assert "params[0]" not in said.partition("entries differ:")[2]
    assert "entries differ" not in run(tmp_path, MEAN)[1]


def test_assert_gradients_shows_the_line_of_the_test(tmp_path):
    code, said = run(tmp_path, ASSERTED)
    assert code == 1
    assert "sb.assert_gradients(lambda x" in said
    assert "twice as large as it should be" in said
    assert "symbackprop/check" not in said


def test_pytest_starts_without_sympy(tmp_path):
    code, said = run(tmp_path, LIGHT)
    assert code == 0, said


@pytest.mark.parametrize("options", [("-n", "1"), ()])
def test_checks_of_other_processes_are_listed_too(tmp_path, options):
    _, said = run(tmp_path, RIGHT, "--gradcheck-report", *options)
    assert "test_it.py::test_right  right  x" in said


def test_the_report_says_if_there_was_nothing(tmp_path):
    code, said = run(tmp_path, "def test_it():\n    pass\n", "--gradcheck-report")
    assert code == 0
    assert "no test used the fixture gradcheck" in said
