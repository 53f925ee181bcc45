"""Gradient code, proofread: mistakes are found and named, right code is never refused, nothing of the user is changed."""

import sys
from typing import Any

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.budget import OutOfTime
from symbackprop.kinds import MistakeKind as Kind
from symbackprop.proofread.code.data_conditions import DataConditions
from symbackprop.proofread.code.report import Level
from tests.support.seeds import seed_of_today

SHAPES = {"X": ("N", "D"), "y": ("N", "K"), "W1": ("D", "H"), "W2": ("H", "K")}


class HomeNetwork:
    """As the lesson has it: z2 … are kept by forward, the cost ends in Python's own sum."""

    def __init__(self) -> None:
        self.W1, self.W2 = np.ones((2, 3)), np.ones((3, 1))
        self.kept = "as it is"

    def forward(self, X: Any) -> Any:
        self.z2 = np.dot(X, self.W1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.W2)
        return self.sigmoid(self.z3)

    def sigmoid(self, z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    def sigmoidPrime(self, z: Any) -> Any:  # noqa: N802 — the lesson's name
        return np.exp(-z) / ((1 + np.exp(-z)) ** 2)

    def cost(self, X: Any, y: Any) -> Any:
        self.yHat = self.forward(X)
        return 0.5 * sum((y - self.yHat) ** 2)

    def gradient(self, X: Any, y: Any) -> Any:
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


def of_class(kind: type, **options: Any) -> sb.CodeCheck:
    network = kind()
    attributes = {"W1": ("D", "H"), "W2": ("H", "K")}
    data = {"X": ("N", "D"), "y": ("N", "K")}
    return sb.check_code(
        network.cost, network.gradient, data, ["W1", "W2"], attributes=attributes, seed=seed_of_today(), **options
    )


def test_the_home_class_is_proved_for_all_sizes() -> None:
    check = of_class(HomeNetwork)
    assert check.verdict == sb.Verdict.RIGHT
    assert check.level == "formula"
    assert check.proof == "proved equal to the derived gradient for all sizes, by index calculus"
    assert check.network is not None
    assert check.network.to_text() == (
        "X:  input(N, D)\ny:  target(N, K)\nW1: parameter(D, H)\nW2: parameter(H, K)\n"
        "z2 = X @ W1\na2 = sigmoid(z2)\nz3 = a2 @ W2\nyHat = sigmoid(z3)\n"
        "J = (1/2) * sum((y - yHat)**2)"
    )
    assert [q.name for q in check.quantities] == ["delta3", "dJdW2", "delta2", "dJdW1"]
    assert sb.derive(check.network).verify(seed=0).verdict == sb.Verdict.RIGHT


def test_the_home_class_of_two_inputs_and_one_output() -> None:
    network = HomeNetwork()
    attributes = {"W1": (2, 3), "W2": (3, 1)}
    check = sb.check_code(
        network.cost, network.gradient, {"X": ("N", 2), "y": ("N", 1)}, ["W1", "W2"], attributes=attributes
    )
    assert (check.verdict, check.level) == ("right", "formula")


def test_the_first_quantity_that_differs_is_named_with_both_formulas() -> None:
    class Mistaken(HomeNetwork):
        def gradient(self, X: Any, y: Any) -> Any:
            self.yHat = self.forward(X)
            delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
            dJdW2 = np.dot(self.a2.T, delta3)
            delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.a2)
            return np.dot(X.T, delta2), dJdW2

    check = of_class(Mistaken)
    assert check.verdict == sb.Verdict.WRONG
    assert check.mistake == (
        "dJdW1 equals the right one with the derivative of the activation instead of the pre-activation: "
        "sigmoid′(a2) in place of sigmoid′(z2)"
    )
    first = check.first_difference
    assert first is not None
    assert (first.name, first.what) == ("delta2", "∂J/∂z2")
    assert first.formula == "(δ3 W2ᵀ) ⊙ sigmoid′(a2)"
    assert first.right == "(δ3 W2ᵀ) ⊙ sigmoid′(z2) with δ3 = ∂J/∂z3"
    assert "∂/∂W1[" in check.counterexample
    assert "the first quantity that differs: delta2 (it is to be ∂J/∂z2)" in str(check)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def cost(X: Any, y: Any, W1: Any, W2: Any) -> Any:
    return 0.5 * np.sum((y - sigmoid(sigmoid(X @ W1) @ W2)) ** 2)


GRADIENTS = {  # δ3, δ2, ∂J/∂W1 and ∂J/∂W2 as code, words of the mistake, and its kind
    "sign of one": ("(yhat - y) * yhat * (1 - yhat)", "-(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "a2.T @ d3", "wrong sign", Kind.SIGN),
    "slope": ("(yhat - y)", "(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "a2.T @ d3", "left out, the slope of the activation", Kind.MISSING_DERIVATIVE),
    "slope twice": ("(yhat - y) * (yhat * (1 - yhat))**2", "(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "a2.T @ d3", "twice", Kind.REPEATED_DERIVATIVE),
    "f for f′": ("(yhat - y) * yhat", "(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "a2.T @ d3", "in place of its derivative", Kind.FUNCTION_FOR_DERIVATIVE),
    "z for a": ("(yhat - y) * yhat * (1 - yhat)", "(d3 @ W2.T) * z2 * (1 - z2)", "X.T @ d2", "a2.T @ d3", "z (1 − z) of z2", Kind.DERIVATIVE_FORMULA),
    "neighbour": ("(yhat - y) * yhat * (1 - yhat)", "(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "z2.T @ d3", "z2 in place of a2", Kind.QUANTITY),
    "mean": ("(yhat - y) * yhat * (1 - yhat) / N", "(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "a2.T @ d3", "divided by N", Kind.MEAN),
    "half": ("(yhat - y) * yhat * (1 - yhat)", "(d3 @ W2.T) * a2 * (1 - a2)", "X.T @ d2", "2 * a2.T @ d3", "twice as large", Kind.NUMBER),
    "detached": ("(yhat - y) * yhat * (1 - yhat)", "0 * a2", "X.T @ d2", "a2.T @ d3", "path", Kind.MISSING_PATH),
}  # fmt: skip


@pytest.mark.parametrize("kind", GRADIENTS)
def test_planted_mistakes_are_named(kind: str) -> None:
    delta3, delta2, dW1, dW2, words, expected = GRADIENTS[kind]
    space = {"np": np, "sigmoid": sigmoid}
    exec(
        "def gradient(X, y, W1, W2):\n"
        "    N = X.shape[0]\n    z2 = X @ W1\n    a2 = sigmoid(z2)\n    yhat = sigmoid(a2 @ W2)\n"
        f"    d3 = {delta3}\n    d2 = {delta2}\n    return {dW1}, {dW2}\n",
        space,
    )
    check = sb.check_code(cost, space["gradient"], SHAPES, ["W1", "W2"], seed=seed_of_today())
    assert check.verdict == sb.Verdict.WRONG
    assert check.level == Level.FORMULA
    assert words in check.mistake
    assert expected in check.mistake_kinds
    assert check.to_dict()["mistake_kinds"] == [*map(str, check.mistake_kinds)]


def test_minus_the_gradient_is_right_by_convention() -> None:
    def gradient(X: Any, y: Any, W1: Any, W2: Any) -> Any:
        a2 = sigmoid(X @ W1)
        yhat = sigmoid(a2 @ W2)
        d3 = (y - yhat) * yhat * (1 - yhat)
        return X.T @ ((d3 @ W2.T) * a2 * (1 - a2)), a2.T @ d3

    check = sb.check_code(cost, gradient, SHAPES, ["W1", "W2"])
    assert check.verdict == sb.Verdict.CONVENTION
    assert "up to its sign" in str(check)
    with pytest.raises(TypeError, match=r"compare \.verdict"):
        bool(check)


# Safety, and what is not right with the arguments


def test_nothing_of_the_user_is_changed() -> None:
    network = HomeNetwork()
    before = dict(globals())
    tracing = sys.gettrace()
    sb.check_code(
        network.cost, network.gradient, {"X": ("N", 2), "y": ("N", 1)}, ["W1", "W2"],
        attributes={"W1": (2, 3), "W2": (3, 1)},
    )  # fmt: skip
    assert globals() == before
    assert sys.gettrace() is tracing
    assert np.array_equal(network.W1, np.ones((2, 3)))
    assert not hasattr(network, "z2")


def test_a_function_that_prints_and_changes_its_arguments_is_told(capsys: Any) -> None:
    def loss(X: Any, w: Any) -> Any:
        print("computing")
        X -= 1
        return np.sum((X @ w) ** 2)

    def gradient(X: Any, w: Any) -> Any:
        return 2 * (X - 1).T @ ((X - 1) @ w)

    check = sb.check_code(loss, gradient, {"X": ("N", "D"), "w": ("D",)}, ["w"])
    assert check.verdict == sb.Verdict.RIGHT
    assert "computing" not in capsys.readouterr().out
    assert "the code prints, which is not shown" in check.notes
    assert "the code changes what it is given: X" in check.notes


def test_random_numbers_are_told() -> None:
    def loss(w: Any) -> Any:
        return np.sum((w + np.random.normal(size=w.shape)) ** 2)

    check = sb.check_code(loss, lambda w: 2 * w, {"w": ("D",)}, ["w"])
    assert check.verdict != sb.Verdict.RIGHT
    assert check.level == Level.NUMBERS
    assert "random numbers" in str(check)


def test_branches_that_were_followed_are_told() -> None:
    def loss(x: Any, w: Any) -> Any:
        s = np.sum(x * w)
        return s**2 if s > 0 else -s

    def gradient(x: Any, w: Any) -> Any:
        s = np.sum(x * w)
        return 2 * s * x if s > 0 else -x

    check = sb.check_code(loss, gradient, {"x": ("D",), "w": ("D",)}, ["w"])
    assert (check.verdict, check.level) == ("right", "entries")
    assert any("branches were followed as the numbers of a point decide them" in note for note in check.notes)


def test_a_vector_that_is_named_again_as_a_row_is_read() -> None:
    def loss(X: Any, w: Any) -> Any:
        row = w.reshape(1, -1)
        return np.sum((X * row) ** 2)

    check = sb.check_code(loss, lambda X, w: np.sum(2 * X**2 * w, axis=0), {"X": ("N", "D"), "w": ("D",)}, ["w"])
    assert (check.verdict, check.level) == ("right", Level.FORMULA)


def test_a_mistake_that_a_penalty_hides_at_0_is_found() -> None:
    def loss(X: Any, W: Any, lam: float) -> Any:
        return np.sum(np.tanh(X @ W)) + lam * np.sum(W**2)

    def gradient(X: Any, W: Any, lam: float) -> Any:
        return X.T @ (1 - np.tanh(X @ W) ** 2) + lam * W

    check = sb.check_code(loss, gradient, {"X": ("N", "D"), "W": ("D", "H")}, ["W"], scalars=["lam"])
    assert check.verdict == sb.Verdict.WRONG
    assert "the L2 penalty on W" in check.mistake


def test_an_inactive_branch_is_looked_into() -> None:
    """Where every margin is positive, the mask is not needed: other points show that it is missing."""

    def loss(X: Any, w: Any) -> Any:
        return np.sum(np.maximum(0, 10 + X @ w))

    for seed in (462977, seed_of_today(), seed_of_today()):  # at the first, a condition on X would excuse the mistake
        check = sb.check_code(loss, lambda X, w: X.sum(axis=0), {"X": ("N", "D"), "w": ("D",)}, ["w"], seed=seed)
        assert check.level == Level.FORMULA
        assert check.verdict == sb.Verdict.WRONG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shapes": {"X": ("N", "D"), "y": ("N", "K"), "W1": ("D", "H")}}, "W2 has no shape"),
        ({"shapes": SHAPES | {"V": ("D",)}}, "neither function takes V"),
        ({"shapes": SHAPES | {"X": ("N", 0)}}, "the shape of X is a tuple"),
        ({"shapes": [("N", "D")]}, "shapes is a mapping"),
        ({"wrt": []}, "wrt names no parameter"),
        ({"wrt": ["W1"], "gradient": lambda X, y, W1, W2: (W1, 2 * W1)}, "of which several may be the gradient"),
        ({"wrt": ["W1", "W3"]}, "W3 has no shape: there are X, y, W1 and W2"),
        ({"gradient": "mine.py"}, "the gradient is a function, not str"),
        ({"attributes": {"W1": ("D", "H")}}, "attributes are those of an object"),
        ({"gradient": lambda X, y, W1, W2, rate: (W1, W2)}, "the gradient takes rate, of which no shape is given"),
        ({"cost": lambda X, y, W1, W2: X @ W2}, "the code fails at N=3"),
        (
            {"gradient": lambda X, y, W1, W2: {"a": W1, "b": W2, "c": W2}},
            "none of which is named as the gradient with respect to W1",
        ),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, Any], message: str) -> None:
    def gradient(X: Any, y: Any, W1: Any, W2: Any) -> Any:
        return W1, W2

    arguments = {"cost": cost, "gradient": gradient, "shapes": SHAPES, "wrt": ["W1", "W2"]} | change
    with pytest.raises(sb.ArgumentError, match=message):
        sb.check_code(**arguments)


def test_network_from_function_says_why_it_cannot() -> None:
    with pytest.raises(sb.ArgumentError, match=r"cannot be read as a network: .*what is done depends on the numbers"):
        sb.network_from_function(
            lambda X, W: np.sum(X @ W) if np.sum(X) > 0 else np.sum(W), {"X": ("N", "D"), "W": ("D", "K")}
        )


def test_network_from_function_derives_proves_and_generates() -> None:
    network = sb.network_from_function(cost, SHAPES)
    d = sb.derive(network)
    assert d.verify(seed=1).verdict == sb.Verdict.RIGHT
    values = sb.random_values(network, seed=seed_of_today())
    assert d.to_numpy(backend="numpy")(**values).J == pytest.approx(cost(**values), rel=1e-13)


@pytest.mark.parametrize("steps", [np.sign, lambda z: (z > 0) * 1.0, lambda z: np.sign(np.tanh(z)) + 3])
def test_a_cost_that_moves_in_jumps_is_said_to_have_the_gradient_0(steps: Any) -> None:
    shapes = {"z": ("N",), "t": ("N",)}
    wrong = sb.check_code(lambda z, t: np.sum(steps(z) * t), lambda z, t: np.ones_like(z), shapes, wrt=["z"])
    assert (wrong.verdict, wrong.mistake_kinds) == (sb.Verdict.WRONG, ())
    assert "constant in z, except for jumps" in wrong.mistake
    right = sb.check_code(lambda z, t: np.sum(steps(z) * t), lambda z, t: np.zeros_like(z), shapes, wrt=["z"])
    assert right.verdict == sb.Verdict.RIGHT


@pytest.mark.parametrize(
    "cost", ["sum(sign(z) * V)", "sum(sign(z))", "sum(relu.prime(z) * y)", "sum(sign(z) * V) + sum(V**2)"]
)
def test_the_catalogue_of_mistakes_of_a_cost_of_steps(cost: str) -> None:
    network = sb.parse_network(f"z: parameter(2, 3)\nV: parameter(2, 3)\ny: input(2, 3)\nJ = {cost}")
    values = sb.random_values(network, seed=seed_of_today())
    assert sb.likely_mistake(network, values, {"z": np.ones((2, 3))}) == ""


def test_a_guard_of_a_saturated_probability_is_no_mistake():
    """Far out, 1 − p is 0 in all digits: without its guard, the cost has no value there, and nothing is compared."""

    def decoded(z, x, W):
        p = 1 / (1 + np.exp(-(np.exp(z) @ W)))
        return p, -np.sum(x * np.log(p + 1e-8) + (1 - x) * np.log(1 - p + 1e-8)) / len(x)

    def gradient(z, x, W, factor=1.0):
        d = (decoded(z, x, W)[0] - x) / len(x)
        return factor * (d @ W.T) * np.exp(z), np.exp(z).T @ d

    shapes = {"z": ("N", "Z"), "x": ("N", "D"), "W": ("Z", "D")}
    for factor, verdict in ((1.0, "right"), (1.5, "wrong")):
        check = sb.check_code(
            lambda z, x, W: decoded(z, x, W)[1],
            lambda z, x, W, factor=factor: gradient(z, x, W, factor),
            shapes, ["z", "W"], scalars={"factor": factor}, seed=1,
        )  # fmt: skip
        assert check.verdict == verdict, str(check)


def test_a_check_without_time_for_conditions_is_undecided(monkeypatch):
    monkeypatch.setattr(DataConditions, "complete", spent)
    one_hot = {"X": ("N", "D"), "Y": ("N", "K"), "W": ("D", "K")}
    check = sb.check_code(softmax_cost, lambda X, Y, W: X.T @ (softmax(X @ W) - Y), one_hot, "W", seed=1)
    assert check.verdict == "undecided"
    assert any("before natural conditions on the data were tried" in note for note in check.notes)


def spent(_):
    raise OutOfTime("over")


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def softmax_cost(X, Y, W):
    return -np.sum(Y * np.log(softmax(X @ W)))
