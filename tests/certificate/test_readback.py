"""The network in a certificate is the one that was derived: its definitions have the values of the generated code."""

import numpy as np
import pytest

import symbackprop as sb
from tests.support.coq_terms import read_back

SIZES = {"N": 5, "D": 3, "H": 4, "K": 2}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


FUNCTIONS = {
    "sigmoid": {"f": sigmoid, "f'": lambda z: sigmoid(z) * (1 - sigmoid(z))},
    "tanh": {"f": np.tanh, "f'": lambda z: 1 - np.tanh(z) ** 2},
}
NETWORKS = {
    "plain": ("sigmoid", lambda: sb.mlp(["D", "H", "K"])),
    "mean": ("tanh", lambda: sb.mlp(["D", "H", "K"], activation="tanh", bias=True, l2="lam", average="examples")),
    "softmax": (
        "tanh",
        lambda: sb.mlp(["D", "H", "K"], activation="tanh", cost="softmax_cross_entropy", bias=True, l2="lam"),
    ),
    "layernorm": ("tanh", lambda: sb.layernorm("D")),
    "residual": ("tanh", lambda: sb.residual("D", layers=2, bias=True, activation="tanh")),
    "rnn": ("tanh", lambda: sb.rnn(3, "D", "H", "K")),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_definitions_have_the_values_of_the_generated_function(name: str) -> None:
    function, make = NETWORKS[name]
    d = sb.derive(make())
    sizes = {str(s): SIZES[str(s)] for s in d.network.dimensions}
    values = sb.random_values(d.network, sizes, seed=7)
    found = read_back(d.to_coq(), {**values, **sizes, **FUNCTIONS[function]})
    expected = d.to_numpy(backend="numpy")(**values)
    for result in d.tape.result_names:
        np.testing.assert_allclose(
            np.broadcast_to(found[result], np.shape(getattr(expected, result))), getattr(expected, result), rtol=1e-9
        )


def test_a_misprint_is_noticed() -> None:
    d = sb.derive(sb.mlp(["D", "H", "K"]))
    values = sb.random_values(d.network, SIZES, seed=7)
    text = d.to_coq().replace("z3 := a2 *[H] W2.", "z3 := (2 · a2) *[H] W2.")
    assert abs(read_back(text, {**values, **SIZES, **FUNCTIONS["sigmoid"]})["J"] - d.to_numpy()(**values).J) > 1e-6
