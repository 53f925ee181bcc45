"""Random points lie in the domain of the cost, whatever its functions are: for checks, reports and generated tests."""

import json
import subprocess
import sys

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.cli.commands import main

# fmt: off
LIMITED = {
    "log of a determinant":        "A: parameter(3, 3)\nJ = log(det(A))",
    "a determinant above 100":     "A: parameter(3, 3)\nJ = log(det(A) - 100)",
    "a negative determinant":      "A: parameter(3, 3)\nJ = log(-det(A))",
    "named matrices":              "A: parameter(D, D)\nX: input(N, D)\nB = A @ A\nC = A + 2 * B\nJ = log(det(C)) + sum(X @ inv(A))",
    "identity less a matrix":      "W: parameter(D, D)\nJ = log(det(eye(D) - W))",
    "difference of matrices":      "A: parameter(D, D)\nB: parameter(D, D)\nJ = log(det(A - B)) + sum(log(A))",
    "covariance":                  "X: input(N, D)\nt: parameter(1, 1)\nJ = log(det(X @ X.T + exp(sum(t)) * eye(N)))",
    "shifted log":                 "x: parameter(2, 3)\nJ = sum(log(x - 5))",
    "log of the negative":         "x: parameter(2, 3)\nJ = sum(log(-x))",
    "both ends":                   "x: parameter(2, 3)\nJ = sum(log(x) * log(1 - x))",
    "both ends elsewhere":         "x: parameter(2, 3)\nJ = sum(log(x - 3) + log(4 - x))",
    "arc of a circle":             "x: parameter(2, 3)\nJ = sum(sqrt(1 - x**2))",
    "arc of products":             "X: input(N, D)\nW: parameter(D, K)\nJ = sum(sqrt(1 - (X @ W)**2))",
    "difference of two":           "a: parameter(2, 3)\nb: input(2, 3)\nJ = sum(log(a - b))",
    "above a target":              "y: target(N, 1)\nw: parameter(N, 1)\nJ = sum(log(y - w))",
    "saturated":                   "x: parameter(2, 3)\nJ = sum(log(tanh(x) - 1 / 2))",
    "root of a dead relu":         "x: parameter(2, 3)\nJ = sum(sqrt(relu(x)))",
    "division by a dead relu":     "x: parameter(2, 3)\nJ = sum(1 / relu(x))",
    "log of log of log":           "x: parameter(2, 3)\nJ = sum(log(log(log(x))))",
    "too large":                   "X: input(N, D)\nW: parameter(D, 3)\nJ = sum(exp(exp(exp(exp(X @ W)))))",
    "hyperparameter":              "x: parameter(2, 3)\nlam: scalar\nJ = sum(x**2) * log(lam - 3)",
    "sum of squares":              "w: parameter(4, 1)\nJ = log(1 - sum(w**2))",
    "variance":                    "x: parameter(4, 3)\nJ = sum(log(var(x, axis=0, keepdims=True) - 3))",
    "power":                       "x: parameter(2, 3)\nJ = sum((x - 1)**(3 / 2))",
    "many intervals":              "x: parameter(2, 3)\nJ = sum(log(sin(10 * x)))",
}
# fmt: on


@pytest.mark.parametrize("name", LIMITED)
def test_cost_and_gradients_are_finite_and_right(name):
    network = sb.parse_network(LIMITED[name])
    d = sb.derive(network)
    f = d.to_numpy(backend="numpy")
    for seed in range(20):
        values = sb.random_values(network, seed=seed)
        assert all(np.isfinite(result).all() for result in f(**values)), seed
        again = sb.random_values(network, seed=seed)
        assert all(np.array_equal(values[key], again[key]) for key in values)
    assert [str(d.check(values | sb.random_values(network, seed=k), seed=0).verdict) for k in range(2)] == ["right"] * 2


@pytest.mark.parametrize("name", ["log of a determinant", "both ends elsewhere", "shifted log", "hyperparameter"])
def test_generated_tests_pass(name, tmp_path):
    d = sb.derive(sb.parse_network(LIMITED[name]))
    (tmp_path / "grads.py").write_text(d.to_source())
    (tmp_path / "test_grads.py").write_text(d.to_tests())
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "test_grads.py"]
    run = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stdout.decode()


def test_a_missing_transpose_is_not_hidden():
    """A positive definite matrix that were symmetric would hide that A⁻ᵀ is the gradient, not A⁻¹."""
    A = sb.random_values(sb.parse_network(LIMITED["log of a determinant"]), seed=0)["A"]
    assert np.min(np.linalg.eigvalsh(A + A.T)) > 0
    assert np.abs(A - A.T).max() > 0.01


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: parameter(2, 3)\nJ = sum(log(-x**2 - 1))", ["in J = ", "log(-x**2 - 1) needs numbers above 0", "for x"]),
        ("x: parameter(4, 2)\nJ = sum(inv(x @ x.T))", ["inv(x @ x.T) needs a matrix with a condition number", "for x"]),
        ("x: parameter(4, 2)\na = relu(x) - relu(x)\nJ = sum(a**(1/2))", ["in J = ", "numbers above 0", "for x"]),
    ],
)
def test_where_there_is_no_point_the_error_says_what_is_undefined(text, words):
    with pytest.raises(sb.ArgumentError) as caught:
        sb.random_values(sb.parse_network(text), seed=0)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_point_fits_the_given_data(tmp_path, capsys):
    """The parameter that is drawn lies above the data of the user, which lie far away."""
    (tmp_path / "net.txt").write_text(LIMITED["difference of two"])
    np.savez(tmp_path / "data.npz", b=np.full((2, 3), 40.0))
    assert (
        main(["check", str(tmp_path / "net.txt"), "--data", str(tmp_path / "data.npz"), "--seed", "1", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["verdict"] == "right"


@pytest.mark.parametrize("command", ["check", "report"])
def test_commands_draw_in_the_domain(command, tmp_path, capsys):
    (tmp_path / "net.txt").write_text(LIMITED["log of a determinant"])
    for seed in "012":
        assert main([command, str(tmp_path / "net.txt"), "--seed", seed]) == 0, capsys.readouterr().err
