"""Gradient code as people hold it: what it returns or leaves behind, and how its arguments are nested."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.tracing.arguments import argument_spec
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.outcome import computed
from symbackprop.tracing.sampling import distinct_sizes, draw_point

DATA = {"X": ("N", "D"), "y": ("N", "K")}
WEIGHTS = {"W": ("D", "K"), "b": ("K",)}


def parts(X: Any, y: Any, W: Any, b: Any, error: float) -> Any:
    """A cost with its gradients, in which an error of 0 is right."""
    a = np.tanh(X @ W + b)
    d = (a - y) * (1 - a * a)
    return 0.5 * np.sum((a - y) ** 2), X.T @ d + error * W, d.sum(axis=0), a


HELD: dict[str, Any] = {
    "list": lambda J, dW, db, a: [J, dW, db],
    "tuple in a tuple": lambda J, dW, db, a: (J, (dW, db)),
    "list in a tuple": lambda J, dW, db, a: (J, [dW, db], a),
    "state at the end": lambda J, dW, db, a: (J, dW, db, a),
    "state in the middle": lambda J, dW, db, a: (J, a, dW, db),
    "cache at the end": lambda J, dW, db, a: (J, dW, db, (a, dW, db)),
    "row for a vector, and a state": lambda J, dW, db, a: (J, dW, db[None, :], a),
    "names": lambda J, dW, db, a: (J, {"dW": dW, "db": db}),
    "other names": lambda J, dW, db, a: (J, {"grad_b": db, "W_grad": dW, "state": a}),
    "names in capitals": lambda J, dW, db, a: (J, {"DW": dW, "DB": db}),
    "names of the parameters": lambda J, dW, db, a: (J, {"W": dW, "b": db}, {"a": a}),
    "names in two dictionaries": lambda J, dW, db, a: (J, {"grads": {"W": dW, "b": db}, "params": {"W": a, "b": a}}),
    "other words, known by their shapes": lambda J, dW, db, a: (J, {"weights": dW, "bias": db}),
    "cost in the dictionary": lambda J, dW, db, a: {"loss": J, "dW": dW, "db": db, "out": a},
    "cost at the end": lambda J, dW, db, a: ([dW, db], J),
    "attributes": lambda J, dW, db, a: (J, SimpleNamespace(dW=dW, db=db, a=a)),
    "one vector": lambda J, dW, db, a: (J, np.concatenate([dW.ravel(), db.ravel()])),
    "one vector and a state": lambda J, dW, db, a: (J, np.concatenate([dW.ravel(), db.ravel()]), a),
}


def read(cost: Any, gradient: Any, shapes: Any, wrt: Any, **options: Any) -> tuple[Any, dict[str, Any], Any]:
    """Return the arguments at random, the gradients in what the code returns, and its remarks."""
    spec = argument_spec(shapes, wrt, **options)
    code = UserCode(cost, gradient, spec.attributes, spec.structure)
    code.check_names(spec.names)
    point = draw_point(spec, distinct_sizes(spec), np.random.default_rng(3), None)
    return point.values, computed(code, spec, point.values)[1], [*code.remarks]


@pytest.mark.parametrize("held", HELD)
def test_results_are_taken_as_they_are(held: str) -> None:
    def both(X: Any, y: Any, W: Any, b: Any) -> Any:
        return HELD[held](*parts(X, y, W, b, 0.0))

    values, found, _ = read(both, None, DATA | WEIGHTS, ["W", "b"])
    _, dW, db, _ = parts(**values, error=0.0)
    np.testing.assert_array_equal(found["W"], dW)
    np.testing.assert_array_equal(np.ravel(found["b"]), db)


@pytest.mark.parametrize(
    "held", ["state at the end", *(pytest.param(h, marks=pytest.mark.slow) for h in ("names", "one vector"))]
)
@pytest.mark.parametrize(("error", "verdict"), [(0.0, "right"), (0.1, "wrong")])
def test_results_are_read_as_formulas(held: str, error: float, verdict: str) -> None:
    def both(X: Any, y: Any, W: Any, b: Any) -> Any:
        return HELD[held](*parts(X, y, W, b, error))

    check = sb.check_code(both, None, DATA | WEIGHTS, ["W", "b"])
    assert (check.verdict, check.level) == (verdict, "formula"), str(check)


def test_what_is_ignored_is_remarked() -> None:
    def both(X: Any, y: Any, W: Any, b: Any) -> Any:
        J, dW, db, a = parts(X, y, W, b, 0.0)
        return J, dW, db, a

    assert read(both, None, DATA | WEIGHTS, ["W", "b"])[2] == ["the gradients are taken from dW and db; a is ignored"]


TWO = {"x": ("N", "D"), "A": ("D", "K"), "B": ("D", "K")}


def two(x: Any, A: Any, B: Any) -> Any:
    return np.sum((x @ A) ** 2) + np.sum(x @ B)


def right_of_two(x: Any, A: Any, B: Any) -> Any:
    return 2 * x.T @ (x @ A), x.T @ np.ones((x.shape[0], B.shape[1]))


SWAPPED: dict[str, Any] = {
    "in a tuple": lambda dA, dB: (dB, dA),
    "by names": lambda dA, dB: {"dA": dB, "dB": dA},
    "in one vector": lambda dA, dB: np.concatenate([dB.ravel(), dA.ravel()]),
}


@pytest.mark.parametrize("how", SWAPPED)
def test_swapped_gradients_of_one_shape_are_not_put_right(how: str) -> None:
    values, found, _ = read(two, lambda x, A, B: SWAPPED[how](*right_of_two(x, A, B)), TWO, ["A", "B"])
    dA, dB = right_of_two(**values)
    np.testing.assert_array_equal(found["A"], dB)
    np.testing.assert_array_equal(found["B"], dA)


@pytest.mark.slow
@pytest.mark.parametrize("how", SWAPPED)
def test_swapped_gradients_of_one_shape_are_wrong(how: str) -> None:
    check = sb.check_code(two, lambda x, A, B: SWAPPED[how](*right_of_two(x, A, B)), TWO, ["A", "B"])
    assert check.verdict == "wrong"
    assert sb.check_code(two, right_of_two, TWO, ["A", "B"]).verdict == "right"


def test_results_in_another_order_are_taken_by_their_names_and_shapes() -> None:
    def gradient(X: Any, y: Any, W: Any, b: Any) -> Any:
        _, dW, db, _ = parts(X, y, W, b, 0.0)
        return db, dW

    def cost(X: Any, y: Any, W: Any, b: Any) -> Any:
        return parts(X, y, W, b, 0.0)[0]

    values, found, remarks = read(cost, gradient, DATA | WEIGHTS, ["W", "b"])
    np.testing.assert_array_equal(found["W"], parts(**values, error=0.0)[1])
    assert remarks == ["the gradients are taken by their names, dW and db, not in the order of wrt"]


def with_copy(x: Any, A: Any, B: Any) -> Any:
    first, second = right_of_two(x, A, B)
    return first, second, 1.0 * first


def with_names(x: Any, A: Any, B: Any) -> Any:
    return {"dA": x.T @ x @ A, "grad_A": 2 * x.T @ x @ A, "dB": B}


def left_over(x: Any, A: Any, B: Any) -> Any:
    return {"first": A, "second": B, "third": B}


def two_dictionaries(x: Any, A: Any, B: Any) -> Any:
    return {"A": A, "B": B}, {"A": 2 * A, "B": 2 * B}


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (with_copy, "several may be the gradient with respect to A or B"),
        (with_names, "dA or grad_A may be the gradient with respect to A"),
        (left_over, "none of which is named as the gradient with respect to A or B"),
        (two_dictionaries, "may be the gradient with respect to A"),
        (lambda x, A, B: None, "returns nothing"),
        (lambda x, A, B: {"dA": A}, "with respect to B are expected"),
        (lambda x, A, B: (A, B, x, x) if x.ndim == 3 else (x, x, x), "3 arrays, but wrt names 2"),
    ],
)
def test_an_ambiguous_result_is_asked_about(gradient: Any, message: str) -> None:
    with pytest.raises(sb.ArgumentError, match=message):
        read(two, gradient, TWO, ["A", "B"])


def test_names_differ_by_their_case_alone() -> None:
    def cost(x: Any, W: Any, w: Any) -> Any:
        return np.sum((x @ W @ w) ** 2)

    shapes = {"x": ("N", "D"), "W": ("D", "D"), "w": ("D", "D")}

    def gradient(x: Any, W: Any, w: Any) -> Any:
        e = 2 * x @ W @ w
        return {"dw": W.T @ x.T @ e, "dW": x.T @ e @ w.T}

    values, found, _ = read(cost, gradient, shapes, ["W", "w"])
    right = gradient(**values)
    np.testing.assert_array_equal(found["W"], right["dW"])
    np.testing.assert_array_equal(found["w"], right["dw"])


# An object


class Layer:
    error = 0.0

    def __init__(self) -> None:
        self.W, self.b = np.ones((2, 2)), np.ones(2)
        self.grads: dict[str, Any] = {}
        self.dW = self.db = None

    def loss(self, X: Any, y: Any) -> Any:
        self.a = np.tanh(X @ self.W + self.b)
        return 0.5 * np.sum((self.a - y) ** 2)

    def kept(self, X: Any, y: Any) -> Any:
        self.loss(X, y)
        return parts(X, y, self.W, self.b, self.error)[1:3]

    def attributes(self, X: Any, y: Any) -> None:
        self.dW, self.db = self.kept(X, y)

    def dictionary(self, X: Any, y: Any) -> None:
        self.grads["W"], self.grads["b"] = self.kept(X, y)

    def both_and_itself(self, X: Any, y: Any) -> "Layer":
        self.attributes(X, y)
        return self

    def gradient_of_the_data(self, X: Any, y: Any) -> Any:
        self.attributes(X, y)
        return ((self.a - y) * (1 - self.a**2)) @ self.W.T

    def one_of_two(self, X: Any, y: Any) -> Any:
        dW, self.grad_b = self.kept(X, y)
        return dW

    def loss_and_attributes(self, X: Any, y: Any) -> Any:
        self.attributes(X, y)
        return self.loss(X, y)

    def updated(self, X: Any, y: Any, lr: float) -> None:
        dW, db = self.kept(X, y)
        self.W -= lr * dW
        self.b = self.b - lr * db


class WrongLayer(Layer):
    error = 0.1


LEFT = ["attributes", "dictionary", "both_and_itself", "gradient_of_the_data", "one_of_two"]


@pytest.mark.parametrize("method", LEFT)
def test_gradients_are_left_on_the_object(method: str) -> None:
    layer = Layer()
    values, found, _ = read(layer.loss, getattr(layer, method), DATA, ["W", "b"], attributes=WEIGHTS)
    for name, right in zip(("W", "b"), parts(**values, error=0.0)[1:3], strict=True):
        np.testing.assert_array_equal(found[name], right)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "verdict"), [(Layer, "right"), (WrongLayer, "wrong")])
@pytest.mark.parametrize("wrt", [["W", "b"], ["X", "W", "b"]])
def test_gradients_on_the_object_are_read_as_formulas(kind: type[Layer], verdict: str, wrt: list[str]) -> None:
    layer = kind()
    check = sb.check_code(layer.loss, layer.gradient_of_the_data, DATA, wrt, attributes=WEIGHTS)
    assert (check.verdict, check.level) == (verdict, "formula"), str(check)


def test_one_method_returns_the_cost_and_leaves_the_gradients() -> None:
    layer = Layer()
    values, found, _ = read(layer.loss_and_attributes, None, DATA, ["W", "b"], attributes=WEIGHTS)
    np.testing.assert_array_equal(found["W"], parts(**values, error=0.0)[1])


class WithRoom:
    """As a book has it: lists of parameters and of gradients, which are overwritten in place."""

    def __init__(self) -> None:
        self.params = [np.ones((2, 3)), np.ones(3)]
        self.grads = [np.zeros_like(parameter) for parameter in self.params]

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.tanh(x @ self.params[0] + self.params[1])

    def backward(self, dout: Any, factor: float) -> Any:
        W, b = self.params
        d = dout * (1 - np.tanh(self.x @ W + b) ** 2)
        self.grads[0][...] = factor * self.x.T @ d
        self.grads[1][...] = np.sum(d, axis=0)
        return d @ W.T


@pytest.mark.parametrize(("factor", "verdict"), [(1, "right"), (2, "wrong")])
def test_gradients_are_written_into_arrays_of_the_object(factor: float, verdict: str) -> None:
    layer = WithRoom()
    check = sb.check_code(
        layer.forward, layer.backward, {"x": ("N", "D"), "dout": ("N", "H")}, "params",
        attributes={"params": [("D", "H"), ("H",)]}, scalars={"factor": factor},
    )  # fmt: skip
    assert (check.verdict, check.level) == (verdict, "formula"), str(check)


def test_a_gradient_that_the_code_does_not_set_is_not_taken() -> None:
    class Stale(Layer):
        def attributes(self, X: Any, y: Any) -> None:
            pass

    layer = Stale()
    layer.dW, layer.db = np.ones((2, 2)), np.ones(2)
    with pytest.raises(sb.ArgumentError, match="returns nothing"):
        read(layer.loss, layer.attributes, DATA, ["W", "b"], attributes=WEIGHTS)


def test_a_gradient_that_is_returned_and_another_one_that_is_left_are_asked_about() -> None:
    class Two(Layer):
        def twice(self, X: Any, y: Any) -> Any:
            self.attributes(X, y)
            return self.dW + self.W

    layer = Two()
    with pytest.raises(sb.ArgumentError, match="leaves another one on the object"):
        read(layer.loss, layer.twice, DATA, ["W"], attributes=WEIGHTS)


# Updates


def updated_in_place(X: Any, y: Any, W: Any, b: Any, lr: float, error: float = 0.0) -> None:
    _, dW, db, _ = parts(X, y, W, b, error)
    W -= lr * dW
    b -= lr * db


def updated_and_returned(X: Any, y: Any, W: Any, b: Any, lr: float, error: float = 0.0) -> Any:
    J, dW, db, _ = parts(X, y, W, b, error)
    return W - lr * dW, b - lr * db, J


def updated_by_name(X: Any, y: Any, W: Any, b: Any, lr: float, error: float = 0.0) -> Any:
    _, dW, db, _ = parts(X, y, W, b, error)
    return {"W": W - lr * dW, "b": b - lr * db, "dW": dW}


def one_after_the_other(X: Any, y: Any, W: Any, b: Any, lr: float) -> None:
    W -= lr * parts(X, y, W, b, 0.0)[1]
    b -= lr * parts(X, y, W, b, 0.0)[2]


def cost(X: Any, y: Any, W: Any, b: Any) -> Any:
    return parts(X, y, W, b, 0.0)[0]


UPDATES = [
    updated_in_place,
    *(pytest.param(u, marks=pytest.mark.slow) for u in (updated_and_returned, updated_by_name)),
]


@pytest.mark.parametrize("update", UPDATES)
def test_the_gradient_is_found_from_an_update(update: Any) -> None:
    shapes = DATA | WEIGHTS | {"lr": ()}
    check = sb.check_code(cost, update, shapes, ["W", "b"], step="lr")
    assert (check.verdict, check.level) == ("right", "formula")
    assert "the code changes what it is given" not in str(check)

    def wrong(X: Any, y: Any, W: Any, b: Any, lr: Any) -> Any:
        return update(X, y, W, b, lr, 0.1)

    assert sb.check_code(cost, wrong, shapes, ["W", "b"], step="lr").verdict == "wrong"


@pytest.mark.slow
def test_weights_that_are_updated_before_the_second_gradient_are_wrong() -> None:
    assert (
        sb.check_code(cost, one_after_the_other, DATA | WEIGHTS | {"lr": ()}, ["W", "b"], step="lr").verdict == "wrong"
    )


def test_an_object_updates_its_attributes() -> None:
    layer = Layer()
    values, found, _ = read(layer.loss, layer.updated, DATA, ["W", "b"], attributes=WEIGHTS, step="lr")
    _, dW, db, _ = parts(*(values[name] for name in ("X", "y", "W", "b")), error=0.0)
    np.testing.assert_allclose(found["W"], dW)
    np.testing.assert_allclose(found["b"], db)


def test_a_parameter_that_no_update_changes_is_reported() -> None:
    def half(X: Any, y: Any, W: Any, b: Any, lr: Any) -> None:
        b -= lr * parts(X, y, W, b, 0.0)[2]

    def idle(X: Any, y: Any, W: Any, b: Any, lr: Any) -> None:
        parts(X, y, W, b, 0.0)

    with pytest.raises(sb.ArgumentError, match="updates b and leaves W unchanged"):
        sb.check_code(cost, half, DATA | WEIGHTS, ["W", "b"], step="lr")
    with pytest.raises(sb.ArgumentError, match="the gradient returns nothing"):
        sb.check_code(cost, idle, DATA | WEIGHTS, ["W", "b"], step="lr")


def test_the_step_length_may_be_a_number() -> None:
    def update(w: Any) -> Any:
        return w - 0.01 * 2 * w

    for step, verdict in ((0.01, "right"), (0.02, "wrong")):
        assert sb.check_code(lambda w: np.sum(w**2), update, {"w": ("D",)}, "w", step=step).verdict == verdict
    with pytest.raises(sb.ArgumentError, match="neither function takes rate"):
        sb.check_code(lambda w: np.sum(w**2), update, {"w": ("D",)}, "w", step="rate")


# Nested arguments


def nested(X: Any, y: Any, params: Any, error: float = 0.0) -> Any:
    J, dW, db, _ = parts(X, y, params["layer"]["W"], params["layer"]["b"], error)
    return J, {"layer": {"W": dW, "b": db}}


def from_list(X: Any, y: Any, weights: Any, error: float = 0.0) -> Any:
    a = np.tanh(X @ weights[0])
    d = a @ weights[1] - y
    return 0.5 * np.sum(d**2), [X.T @ (d @ weights[1].T * (1 - a * a)) + error * weights[0], a.T @ d]


def from_layers(X: Any, y: Any, layers: Any, error: float = 0.0) -> Any:
    J, (dV, dW) = from_list(X, y, [layer["W"] for layer in layers], error)
    return J, [{"dW": dV}, {"dW": dW}]


FLAT = {"params": {"layer": {"W": ("D", "K"), "b": ("K",)}}}
LISTED = {"weights": [("D", "H"), ("H", "K")]}
LAYERS = {"layers": [{"W": ("D", "H")}, {"W": ("H", "K")}]}


@pytest.mark.parametrize(
    ("function", "shapes", "wrt"),
    [
        (nested, FLAT, ["W", "b"]),
        (nested, FLAT, "params"),
        (nested, FLAT, ["params['layer']['W']", "params.layer.b"]),
        (nested, {"params.layer.W": ("D", "K"), "params.layer.b": ("K",)}, ["W", "b"]),
        (from_list, LISTED, "weights"),
        (from_list, LISTED, ["weights[0]", "weights[1]"]),
        (from_list, {"weights[0]": ("D", "H"), "weights[1]": ("H", "K")}, ["weights0", "weights1"]),
        (from_layers, LAYERS, "layers"),
    ],
)
def test_parameters_are_nested(function: Any, shapes: Any, wrt: Any) -> None:
    values, found, _ = read(function, None, DATA | shapes, wrt)
    first, second = (values[name] for name in found)
    X, y = values["X"], values["y"]
    right = parts(X, y, first, second, 0.0)[1:3] if function is nested else from_list(X, y, [first, second])[1]
    for gradient, expected in zip(found.values(), right, strict=True):
        np.testing.assert_array_equal(gradient, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("error", "verdict"), [(0.0, "right"), (0.1, "wrong")])
def test_nested_parameters_are_read_as_formulas(error: float, verdict: str) -> None:
    def both(X: Any, y: Any, params: Any) -> Any:
        return nested(X, y, params, error)

    check = sb.check_code(both, None, DATA | FLAT, "params")
    assert (check.verdict, check.level) == (verdict, "formula"), str(check)


class Nested:
    def __init__(self) -> None:
        self.params = {"W": np.ones((2, 2)), "gain": 2.0}
        self.hidden = SimpleNamespace(b=np.ones(2))
        self.layers = [self.hidden]

    def loss(self, X: Any, y: Any, error: float = 0.0) -> Any:
        J, dW, db, _ = parts(X, y, self.params["W"], self.layers[0].b, error)
        self.hidden.grad_b = db
        return self.params["gain"] * J, {"W": self.params["gain"] * dW, "b": self.params["gain"] * db}


@pytest.mark.parametrize(
    "attributes",
    [
        {"params": {"W": ("D", "K")}, "hidden": {"b": ("K",)}},
        {"params.W": ("D", "K"), "hidden.b": ("K",)},
        {"params['W']": ("D", "K"), "layers[0].b": ("K",)},
    ],
)
def test_attributes_are_nested(attributes: Any) -> None:
    net = Nested()
    values, found, _ = read(net.loss, None, DATA, ["W", "b"], attributes=attributes, scalars={"error": 0})
    _, dW, db, _ = parts(*(values[name] for name in ("X", "y", "W", "b")), error=0.0)
    np.testing.assert_array_equal(found["W"], 2 * dW)
    np.testing.assert_array_equal(found["b"], 2 * db)
    assert net.params["W"].shape == (2, 2)
    assert not hasattr(net.hidden, "grad_b")


# Layers


def forward(x: Any, w: Any) -> Any:
    return np.tanh(x @ w), (x, w)


def backward(dout: Any, cache: Any, error: float = 0.0) -> Any:
    x, w = cache
    d = dout * (1 - np.tanh(x @ w) ** 2)
    return d @ w.T, x.T @ d + error * w


LAYER = {"x": ("N", "D"), "w": ("D", "M"), "dout": ("N", "M")}


@pytest.mark.slow
@pytest.mark.parametrize("upstream", ["dout", None])
def test_a_backward_function_gets_the_cache_of_the_forward_function(upstream: Any) -> None:
    right = sb.check_code(forward, backward, LAYER, ["x", "w"], upstream=upstream)
    assert (right.verdict, right.level) == ("right", "formula")
    wrong = sb.check_code(forward, lambda dout, cache: backward(dout, cache, 0.1), LAYER, ["x", "w"], upstream=upstream)
    assert wrong.verdict == "wrong"


def test_what_is_handed_on_is_known_by_its_name() -> None:
    def cost(X: Any, y: Any, W: Any, b: Any) -> Any:
        J, _, _, a = parts(X, y, W, b, 0.0)
        cache = X, W
        return J, a, cache

    def gradient(cache: Any, a: Any, y: Any) -> Any:
        X, _ = cache
        d = (a - y) * (1 - a * a)
        return X.T @ d, d.sum(axis=0)

    values, found, _ = read(cost, gradient, DATA | WEIGHTS, ["W", "b"])
    np.testing.assert_array_equal(found["W"], parts(**values, error=0.0)[1])


@pytest.mark.slow
def test_two_results_with_an_upstream_gradient_each() -> None:
    def step(x: Any, W: Any) -> Any:
        h = np.tanh(x @ W)
        return h, h * h

    def back(dh: Any, dc: Any, x: Any, W: Any) -> Any:
        h = np.tanh(x @ W)
        return x.T @ ((dh + 2 * h * dc) * (1 - h * h))

    def dropped(dh: Any, dc: Any, x: Any, W: Any) -> Any:
        h = np.tanh(x @ W)
        return x.T @ (dh * (1 - h * h)) + 0 * np.sum(dc)

    shapes = {"x": ("N", "D"), "W": ("D", "M"), "dh": ("N", "M"), "dc": ("N", "M")}
    assert sb.check_code(step, back, shapes, "W", upstream=["dh", "dc"]).verdict == "right"
    assert sb.check_code(step, dropped, shapes, "W", upstream=["dh", "dc"]).verdict == "wrong"


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (lambda X, W: np.tanh(X @ W), "the cost returns an array of shape"),
        (lambda X, W: np.sum(np.tanh(X @ W), axis=1), "return np.sum or np.mean of it"),
        (lambda X, W: None, "the cost returns nothing"),
        (lambda X, W: {"out": X @ W}, "the cost returns a dictionary"),
    ],
)
def test_a_cost_that_is_no_number_is_asked_about(cost: Any, message: str) -> None:
    shapes = {"X": ("N", "D"), "W": ("D", "K")}
    with pytest.raises(sb.ArgumentError, match=message):
        read(cost, lambda X, W: W, shapes, "W")
    with pytest.raises(sb.ArgumentError, match=message):
        sb.network_from_function(cost, shapes)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(("factor", "verdict"), [(1, "right"), (2, "wrong")])
def test_products_of_np_matrix_are_traced(factor: int, verdict: str) -> None:
    def cost(X: Any, w: Any) -> Any:
        X, w = np.matrix(X), np.matrix(w)
        return np.sum(np.log(1 + np.exp(X * w.T)))

    def gradient(X: Any, w: Any) -> Any:
        X, w = np.matrix(X), np.matrix(w)
        return factor * np.array((1 / (1 + np.exp(-X * w.T))).T * X)

    check = sb.check_code(cost, gradient, {"X": ("N", "D"), "w": (1, "D")}, "w")
    assert (check.verdict, check.level) == (verdict, "entries"), str(check)


# Numbers that are sizes


class Fitted:
    """A model that keeps its data and their number, as after a call of fit."""

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = X, y
        self.m, self.n = X.shape
        self.w = np.zeros(self.n)
        self.lam = 0.1

    def cost(self) -> Any:
        return np.mean((self.X @ self.w - self.y) ** 2) / 2 + self.lam * np.sum(self.w**2)

    def by_rows(self) -> Any:
        return self.X.T @ (self.X @ self.w - self.y) / self.m + 2 * self.lam * self.w

    def by_columns(self) -> Any:
        return self.X.T @ (self.X @ self.w - self.y) / self.n + 2 * self.lam * self.w


FITTED = {"X": ("N", "D"), "y": ("N",), "w": ("D",)}
BY_ROWS = ("m is N, the number of rows of X",)


@pytest.mark.parametrize(
    ("method", "options", "verdict", "conditions"),
    [
        ("by_rows", {}, "right", BY_ROWS),
        ("by_rows", {"scalars": ["m", "lam"]}, "right", BY_ROWS),
        ("by_rows", {"scalars": {"m": "N"}}, "right", ()),
        ("by_columns", {}, "wrong", ()),
        ("by_columns", {"scalars": {"m": "N", "n": "D"}}, "wrong", ()),
        ("by_rows", {"scalars": {"m": "D"}}, "wrong", ()),
    ],
)
def test_a_number_on_the_object_is_a_size(method: str, options: Any, verdict: str, conditions: Any) -> None:
    model = Fitted(np.ones((20, 2)), np.ones(20))
    check = sb.check_code(model.cost, getattr(model, method), {}, wrt="w", attributes=FITTED, seed=0, **options)
    assert (str(check.verdict), check.conditions) == (verdict, conditions)
    assert model.m == 20


def unrolled(theta: Any, n_in: Any, n_hidden: Any, X: Any, y: Any, transposed: bool = False) -> Any:
    """A cost of one flat vector and the sizes of its parts, with its gradient."""
    ends = n_in * n_hidden
    W, v = theta[:ends].reshape(n_in, n_hidden), theta[ends:]
    h = np.tanh(X @ W)
    d = 2 * (h @ v - y)
    dW = X.T @ (np.outer(d, v) * (1 - h**2))
    return np.sum((h @ v - y) ** 2), np.concatenate([(dW.T if transposed else dW).ravel(), h.T @ d])


@pytest.mark.parametrize(("transposed", "verdict"), [(False, "right"), (True, "wrong")])
def test_sizes_are_arguments(transposed: bool, verdict: str) -> None:
    def both(theta: Any, n_in: Any, n_hidden: Any, X: Any, y: Any) -> Any:
        return unrolled(theta, n_in, n_hidden, X, y, transposed)

    shapes = {"theta": ("D*H + H",), "X": ("N", "D"), "y": ("N",)}
    check = sb.check_code(both, None, shapes, wrt="theta", scalars={"n_in": "D", "n_hidden": "H"}, seed=0)
    assert str(check.verdict) == verdict


def test_a_text_that_is_no_size_is_a_text() -> None:
    def cost(X: Any, w: Any, reduction: Any) -> Any:
        assert reduction == "mean"
        return np.mean(X @ w)

    shapes = {"X": ("N", "D"), "w": ("D",)}
    check = sb.check_code(
        cost, lambda X, w, reduction: X.mean(axis=0), shapes, wrt="w", scalars={"reduction": "mean"}, seed=0
    )
    assert str(check.verdict) == "right"


# Arrays that are held twice, settings that are written to, and weights of a module


class Shared:
    """A network whose layers hold the arrays of its dictionary of parameters."""

    def __init__(self, forgotten: bool = False) -> None:
        self.params = {"V": np.ones((3, 4)), "W": np.ones((4, 2))}
        self.layers = [SimpleNamespace(weight=self.params["V"]), SimpleNamespace(weight=self.params["W"])]
        self.forgotten = forgotten

    def loss(self, x: Any, t: Any) -> Any:
        self.x = x
        self.h = np.tanh(x @ self.layers[0].weight)
        self.d = self.h @ self.layers[1].weight - t
        return np.sum(self.d**2) / 2

    def gradient(self, x: Any, t: Any) -> Any:
        slope = 1 if self.forgotten else 1 - self.h**2
        return {"V": self.x.T @ (self.d @ self.layers[1].weight.T * slope), "W": self.h.T @ self.d}


@pytest.mark.parametrize(("forgotten", "verdict"), [(False, "right"), (True, "wrong")])
def test_layers_share_the_arrays_of_the_parameters(forgotten: bool, verdict: str) -> None:
    net = Shared(forgotten)
    held = {"params": {"V": ("D", "H"), "W": ("H", "K")}}
    check = sb.check_code(
        net.loss, net.gradient, {"x": ("N", "D"), "t": ("N", "K")}, wrt="params", attributes=held, seed=0
    )
    assert str(check.verdict) == verdict
    assert net.layers[0].weight is net.params["V"]
    assert np.all(net.params["V"] == 1)


@pytest.mark.parametrize(("factor", "verdict"), [(1, "right"), pytest.param(2, "wrong", marks=pytest.mark.slow)])
def test_settings_in_which_the_code_keeps_averages_are_new_in_each_run(factor: int, verdict: str) -> None:
    def forward(x: Any, gamma: Any, settings: Any) -> Any:
        mean = x.mean(axis=0)
        settings["mean"] = 0.9 * settings.get("mean", np.zeros(x.shape[1])) + 0.1 * mean
        return gamma * (x - mean), (x - mean, gamma)

    def backward(dout: Any, cache: Any) -> Any:
        centred, gamma = cache
        d = dout * gamma
        return factor * (d - d.mean(axis=0)), np.sum(dout * centred, axis=0)

    settings: dict[str, Any] = {}
    shapes = {"x": ("N", "D"), "gamma": ("D",)}
    check = sb.check_vjp(forward, backward, shapes, ["x", "gamma"], scalars={"settings": settings}, seed=0)
    assert str(check.verdict) == verdict
    assert not settings


MODULE_WEIGHT, MODULE_BIAS = np.ones((3, 2)), np.zeros(2)


def predicted(x: Any) -> Any:
    return np.tanh(x @ MODULE_WEIGHT + MODULE_BIAS)


def module_loss(x: Any, t: Any) -> Any:
    return np.sum((predicted(x) - t) ** 2) / 2


def module_gradients(x: Any, t: Any) -> Any:
    d = (predicted(x) - t) * (1 - predicted(x) ** 2)
    return x.T @ d, d.sum(axis=0)


def module_gradients_by_mean(x: Any, t: Any) -> Any:
    d = (predicted(x) - t) * (1 - predicted(x) ** 2)
    return x.T @ d, d.mean(axis=0)


MODULE = {"MODULE_WEIGHT": ("D", "K"), "MODULE_BIAS": ("K",)}


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [(module_gradients, "right"), pytest.param(module_gradients_by_mean, "wrong", marks=pytest.mark.slow)],
)
def test_weights_are_global_variables_of_the_module(gradient: Any, verdict: str) -> None:
    check = sb.check_code(
        module_loss, gradient, {"x": ("N", "D"), "t": ("N", "K")}, wrt=list(MODULE), attributes=MODULE, seed=0
    )
    assert (str(check.verdict), str(check.level)) == (verdict, "formula")
    assert MODULE_WEIGHT.shape == (3, 2)


def test_an_attribute_that_is_nowhere_is_refused() -> None:
    with pytest.raises(sb.ArgumentError, match="attributes are those of an object, or global variables"):
        sb.check_code(module_loss, module_gradients, {"x": ("N", "D")}, wrt="Wx", attributes={"Wx": ("D",)})


@pytest.mark.parametrize(("repeated", "verdict"), [(True, "right"), (False, "wrong")])
def test_class_labels_have_two_axes(repeated: bool, verdict: str) -> None:
    def forward(words: Any, W: Any) -> Any:
        return W[words], (words, W)

    def backward(dout: Any, cache: Any) -> Any:
        words, W = cache
        dW = np.zeros_like(W)
        if repeated:
            np.add.at(dW, words, dout)
        else:
            dW[words] += dout
        return dW

    shapes = {"words": ("N", "T"), "W": ("V", "D")}
    check = sb.check_vjp(forward, backward, shapes, ["W"], labels={"words": "V"}, seed=0)
    assert str(check.verdict) == verdict
