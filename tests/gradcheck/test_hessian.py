"""Checks of Hessians beside gradients: planted mistakes first."""

import numpy as np
import pytest

import symbackprop as sb

A = np.array([[3.0, 0.4, -0.2], [0.4, 2.0, 0.7], [-0.2, 0.7, 1.5]])
X = np.array([0.6, -0.8, 1.1])


def cost(x):
    return np.sum(np.exp(x)) + x @ A @ x


def gradient(x):
    return np.exp(x) + 2 * A @ x


def matrix(x):
    return np.diag(np.exp(x)) + 2 * A


def one_entry(x):
    return matrix(x) + np.array([[0, 0, 0], [0, 0, 0], [0, 1e-3, 0]])


@pytest.mark.parametrize(
    "hessian",
    [
        lambda x: -matrix(x),
        lambda x: np.diag(np.exp(x)) + A,  # factor 2
        lambda x: 2 * A,  # a term is left out
        lambda x: np.diag(np.diag(matrix(x))),  # the rest of the matrix is left out
        one_entry,
        lambda x: np.exp(x) + np.diag(A),
        lambda x: -np.diag(matrix(x)),
    ],
)
def test_planted_mistakes_are_found(hessian):
    report = sb.check_gradients(cost, gradient, X, hessian=hessian)
    assert str(report.verdict) == "wrong"
    assert [str(block.verdict) for block in report.blocks] == ["right", "wrong"]
    assert report.finding.startswith("Hessian x")


def test_one_wrong_entry_is_located():
    report = sb.check_gradients(cost, gradient, X, hessian=one_entry)
    assert report.worst.index == (2, 1)
    assert "the derivative of the gradient" in report.finding or report.worst.mistake


@pytest.mark.parametrize("hessian", [matrix, lambda x: np.diag(matrix(x)), lambda x: matrix(x).tolist()])
def test_right_hessians_are_right(hessian):
    report = sb.check_gradients(cost, gradient, X, hessian=hessian)
    assert str(report.verdict) == "right", report


def test_a_wrong_gradient_leaves_the_hessian_undecided():
    report = sb.check_gradients(cost, lambda x: np.exp(x) + A @ x, X, hessian=matrix)
    assert [str(block.verdict) for block in report.blocks] == ["wrong", "undecided"]


W, B = np.array([[0.3, -0.7], [1.2, 0.5], [-0.4, 0.9]]), np.array([0.2, -0.6])
DATA = {"R": np.array([[1.0, 0.5, -1.5], [0.3, -0.8, 0.6], [1.4, 0.2, 0.9], [-0.5, 1.1, 0.7]])}


def affine_cost(W, b, R):
    return np.sum((R @ W + b) ** 4) / 4


def affine_gradients(W, b, R):
    Z = R @ W + b
    return {"W": R.T @ Z**3, "b": np.sum(Z**3, axis=0)}


def affine_blocks(W, b, R):
    """The blocks of the Hessian, by the names of both parameters."""
    S, one = 3 * (R @ W + b) ** 2, np.eye(2)
    return {
        "W": {"W": np.einsum("ni,nk,np,kl->ikpl", R, S, R, one), "b": np.einsum("ni,nk,kl->ikl", R, S, one)},
        "b": {"W": np.einsum("nk,np,kl->kpl", S, R, one), "b": np.einsum("nk,kl->kl", S, one)},
    }


def changed(of, along, factor):
    def hessian(**values):
        H = affine_blocks(**values)
        H[of][along] = factor * H[of][along]
        return H

    return hessian


def whole(**values):
    H = affine_blocks(**values)
    return np.block([[H[a][b].reshape(n, m) for b, m in (("W", 6), ("b", 2))] for a, n in (("W", 6), ("b", 2))])


def pair(**values):
    H = affine_blocks(**values)
    return {"W": np.einsum("ikik->ik", H["W"]["W"]), "b": np.diag(H["b"]["b"])}


@pytest.mark.parametrize("hessian", [affine_blocks, whole, pair])
def test_hessians_of_several_parameters(hessian):
    report = sb.check_gradients(affine_cost, affine_gradients, {"W": W, "b": B}, hessian=hessian, data=DATA)
    assert str(report.verdict) == "right", report
    assert [block.name for block in report.blocks] == ["W", "b", "Hessian W", "Hessian b"]


@pytest.mark.parametrize(("of", "along"), [("W", "W"), ("W", "b"), ("b", "W"), ("b", "b")])
def test_a_wrong_block_is_found_at_its_parameter(of, along):
    hessian = changed(of, along, -1)
    report = sb.check_gradients(affine_cost, affine_gradients, {"W": W, "b": B}, hessian=hessian, data=DATA)
    wrong = [block.name for block in report.blocks if str(block.verdict) == "wrong"]
    assert wrong == [f"Hessian {along}"]


def test_hessians_of_a_sequence():
    def blocks(W, b):
        H = affine_blocks(W, b, **DATA)
        return [[H["W"]["W"], H["W"]["b"]], [H["b"]["W"], H["b"]["b"]]]

    def gradients(W, b):
        return tuple(affine_gradients(W, b, **DATA).values())

    report = sb.check_gradients(lambda W, b: affine_cost(W, b, **DATA), gradients, (W, B), hessian=blocks)
    assert str(report.verdict) == "right", report


@pytest.mark.parametrize(
    "hessian", [lambda x: np.ones((3, 2)), lambda x: {"y": x}, lambda x: "H", lambda x: np.ones(9)]
)
def test_other_shapes_are_refused(hessian):
    with pytest.raises(sb.SymbackpropError, match="Hessian"):
        sb.check_gradients(cost, gradient, X, hessian=hessian)
