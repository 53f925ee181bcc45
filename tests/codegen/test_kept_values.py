"""Functions whose parts get values that were computed before them: sizes that these tell, blocks of zeros among them."""

import numpy as np
import pytest

import symbackprop as sb


def gated(X, G, W):
    """The size K stands in no array that the part of the examples gets, but in a part of W."""
    s = X @ G
    chosen = np.argmax(s, axis=1)
    top = s[np.arange(len(X)), chosen]
    return np.sum(top[:, None] * np.where((chosen == 1)[:, None], X @ W[1], X @ W[0]))


def filtered(Y, A, c):
    """The first state is a block of zeros."""
    x = np.zeros((Y.shape[0], 2))
    J = 0.0
    for t in range(3):
        x = x @ A.T + Y[:, t, None] * c
        J += np.sum(x[:, 0] ** 2)
    return J


CASES = {
    "gated": (gated, {"X": ("N", "D"), "G": ("D", 3), "W": (3, "D", "K")}, ["G", "W"], {"N": 5, "D": 4, "K": 2}),
    "filtered": (filtered, {"Y": ("N", 3), "A": (2, 2), "c": (1, 2)}, ["A", "c"], {"N": 5}),
}


@pytest.mark.parametrize("backend", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_right_on_every_backend(name, backend, rng):
    cost, shapes, wrt, sizes = CASES[name]
    d = sb.derive(sb.network_from_function(cost, shapes, wrt))
    values = {key: rng.normal(size=[sizes.get(size, size) for size in shape]) for key, shape in shapes.items()}
    J, *gradients = d.to_numpy(backend=backend)(**values)
    assert J == pytest.approx(cost(**values), rel=1e-12)
    data = {key: value for key, value in values.items() if key not in wrt}
    numeric = sb.numerical_gradient(cost, {key: values[key] for key in wrt}, data=data)
    for key, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(gradient, numeric[key], rtol=1e-7, atol=1e-7)
