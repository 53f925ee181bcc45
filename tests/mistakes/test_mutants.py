"""The backward pass in numbers, and the catalogue of mistakes: every mistake in it is explained as what it is."""

from typing import Any

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.expressions.shapes import shape_of
from symbackprop.kinds import MistakeKind
from symbackprop.mistakes.contributions import BackwardPass, PassAtPoint
from symbackprop.mistakes.explain import Explainer
from symbackprop.mistakes.mutants import ROWS, mutants
from tests.support.seeds import seed_of_today
from tests.support.zoo import ZOO


def at_a_point(network: sb.Network, seed: int) -> tuple[PassAtPoint, dict[str, Any]]:
    values = sb.random_values(network, seed=seed)
    given = {symbol: np.asarray(values[str(symbol.name)]) for symbol in network.arguments}
    sizes = {s: n for symbol, array in given.items() for s, n in zip(shape_of(symbol), array.shape, strict=True)}
    return PassAtPoint(BackwardPass(network, network.parameters), sizes, given), values


@pytest.mark.parametrize("name", ZOO)
def test_the_right_pass_has_the_generated_gradients(name: str) -> None:
    network = sb.parse_network(ZOO[name])
    at, values = at_a_point(network, seed_of_today())
    generated = sb.derive(network).to_numpy(backend="numpy")(**values)
    for parameter, gradient in at.gradients(at.right).items():
        expected = getattr(generated, f"d{network.cost.name}d{parameter}")
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12 * np.max(np.abs(expected)))


@pytest.mark.parametrize("name", ZOO)
def test_a_change_is_followed_as_a_whole_pass_would(name: str) -> None:
    """What is taken over from the right pass is what a fresh pass computes."""
    network = sb.parse_network(ZOO[name])
    at, _ = at_a_point(network, seed_of_today())
    rng = np.random.default_rng(seed_of_today())
    chosen = [m for m in mutants(at.backward) if m.changed or m.cut]
    for mutant in rng.choice(np.array(chosen, dtype=object), min(len(chosen), 25), replace=False):
        with np.errstate(all="ignore"):
            try:
                quick = at.adjoints(mutant.changed, mutant.cut)
            except (ValueError, TypeError):
                continue
            kept, at.numeric = at.numeric, {}
            whole = at.adjoints(mutant.changed, mutant.cut)
            at.numeric = kept
        assert quick.keys() == whole.keys()
        for node, adjoint in whole.items():
            np.testing.assert_allclose(quick[node], adjoint, rtol=1e-9, err_msg=mutant.words)


def home() -> sb.Network:
    return sb.mlp(["D", "H", "K"], bias=True, l2="lam", average="examples", cost="half_squared_error")


def test_mistakes_of_the_catalogue_are_explained() -> None:
    at, _ = at_a_point(home(), seed_of_today())
    right = at.gradients(at.right)
    catalogue = Explainer(at, right).catalogue
    assert len(catalogue) > 60
    rng = np.random.default_rng(seed_of_today())
    for k in rng.choice(len(catalogue), 12, replace=False):
        mutant, _, gradients = catalogue[k]
        explained = Explainer(at, gradients).explanation()
        assert len(explained) == 1, mutant.words
        again = Explainer(at, gradients)
        assert again.wrong, mutant.words
        assert explained[0].words == mutant.words


def test_right_gradients_have_no_mistake() -> None:
    at, _ = at_a_point(home(), seed_of_today())
    assert Explainer(at, at.gradients(at.right)).explanation() == ()


def test_two_mistakes_at_once_are_found() -> None:
    at, _ = at_a_point(home(), seed_of_today())
    rng = np.random.default_rng(seed_of_today())
    catalogue = Explainer(at, at.gradients(at.right)).catalogue
    singles = [m for m, _, _ in catalogue if len(m.changed) == 1 and not m.cut]
    slopes = [m for m in singles if "left out" in m.words and "′" in m.words]
    others = [m for m in singles if "λ" in m.words or "lam" in m.words]
    first, second = slopes[0], others[int(rng.integers(len(others)))]
    gradients = at.gradients(at.adjoints({**first.changed, **second.changed}))
    (found,) = Explainer(at, gradients).explanation()
    np.testing.assert_equal(len(found.parameters) > 0, True)
    assert " and with " in found.words


def test_weights_that_were_updated_too_early_are_noticed() -> None:
    network = sb.mlp(["D", "H", "K"], cost="half_squared_error")
    at, _ = at_a_point(network, seed_of_today())
    W2 = network["W2"]
    right = at.gradients(at.right)
    moved = at.values[W2] - 0.3 * right["W2"]
    claimed = dict(right)
    X, a2 = at.values[network["X"]], at.values[network["a2"]]
    yhat, y = at.values[network["yhat"]], at.values[network["y"]]
    delta3 = (yhat - y) * yhat * (1 - yhat)
    claimed["W1"] = X.T @ ((delta3 @ moved.T) * a2 * (1 - a2))
    (found,) = Explainer(at, claimed).explanation()
    assert "0.3 times its gradient" in found.words
    assert "updated" in found.words


def test_a_penalty_on_biases_is_named() -> None:
    at, values = at_a_point(home(), seed_of_today())
    claimed = at.gradients(at.right)
    for name in ("b1", "b2"):
        claimed[name] = claimed[name] + values["lam"] * values[name]
    (found,) = Explainer(at, claimed).explanation()
    assert "penalty" in found.words
    assert "b1 and b2" in found.words


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_each_row_has_mistakes_in_some_network(row: Any) -> None:
    networks = [home(), sb.mlp(["D", "H", "K"], cost="softmax_cross_entropy"), sb.batchnorm(), sb.attention()]
    backward = [BackwardPass(network, network.parameters) for network in networks]
    found = [change for b in backward for contribution in b.contributions.values() for change in row(contribution, b)]
    assert any(change.words for change in found)
    assert all(change.kinds and set(change.kinds) <= set(MistakeKind) for change in found)


def test_likely_mistake_of_gradients_from_anywhere() -> None:
    network = home()
    values = sb.random_values(network, seed=3)
    right = sb.derive(network).to_numpy(backend="numpy")(**values)
    gradients = {"W1": right.dJdW1, "W2": right.dJdW2, "b1": right.dJdb1, "b2": right.dJdb2}
    assert sb.likely_mistake(network, values, gradients) == ""
    assert "the gradient with respect to b2" in sb.likely_mistake(network, values, gradients | {"b2": right.dJdb2 / 5})
    with pytest.raises(sb.ArgumentError, match="W3 is not a parameter"):
        sb.likely_mistake(network, values, {"W3": right.dJdW1})
    with pytest.raises(sb.ArgumentError, match="a value for lam is missing"):
        sb.likely_mistake(network, {k: v for k, v in values.items() if k != "lam"}, gradients)
    with pytest.raises(sb.ArgumentError, match="does not fit"):
        sb.likely_mistake(network, values | {"X": values["X"].T}, gradients)


def test_two_mistakes_are_those_of_the_wrong_gradients_alone() -> None:
    """Of two pairs with the same gradients, one leaves the right gradient of x as it is."""
    lines = (
        "X: parameter(N, D)",
        "W: parameter(D, K)",
        "b: parameter(1, K)",
        "G: input(N, K)",
        "J = sum(G * (X @ W + b))",
    )
    net = sb.parse_network("\n".join(lines))
    values = sb.random_values(net, seed=0)
    right = sb.derive(net).to_numpy()(**values)
    found = sb.likely_mistake(net, values, {"X": right.dJdX, "W": right.dJdW / 5, "b": right.dJdb / 5})
    assert found.startswith("dJdW and dJdb equal the right ones")
    assert "respect to W divided by N once too often" in found
    assert "respect to b divided by N once too often" in found
