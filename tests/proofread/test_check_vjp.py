"""Backward functions of layers: right ones are right, planted mistakes are refused and named."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.tracing.layers import is_upstream
from tests.support.layers import LAYERS

WORDS = {  # of a kind of mistake, where it is always named so
    "ignored": "ignored",
    "not summed": "is not summed over axis 0",
    "order": "another order: dw, dx, db for dx, dw, db",
    "swapped": "another order: dx, dbeta, dgamma for dx, dgamma, dbeta",
    "sign": "the sign of every gradient is wrong",
    "overwritten": "w is overwritten by forward",
}


def checked(name, mistake=""):
    case = LAYERS[name]
    forward, backward = case.functions(mistake)
    return sb.check_vjp(forward, backward, case.shapes, seed=0, **case.options)


@pytest.mark.parametrize("name", LAYERS)
def test_right_layers_are_right(name):
    check = checked(name)
    assert check.verdict == "right"
    assert check.level == "formula"


@pytest.mark.parametrize(("name", "mistake"), [(name, m) for name, case in LAYERS.items() for m in case.mistakes])
def test_planted_mistakes_of_layers_are_refused_and_named(name, mistake):
    check = checked(name, mistake)
    assert check.verdict == "wrong"
    assert WORDS.get(mistake, "") in check.mistake


def layer(x, w):
    return np.tanh(x @ w)


SHAPES = {"x": ("N", "D"), "w": ("D", "M")}


def test_a_product_of_the_upstream_gradient_with_the_gradient_of_the_sum_is_named():
    def forward(x):
        return np.cumsum(x, axis=1)

    def backward(x, gy):
        return np.cumsum(np.ones_like(x)[:, ::-1], axis=1)[:, ::-1] * gy

    check = sb.check_vjp(forward, backward, {"x": ("N", "D")}, seed=0)
    assert check.verdict == "wrong"
    assert "of the sum of the output, times gy" in check.mistake

    def right(x, gy):
        return np.cumsum(gy[:, ::-1], axis=1)[:, ::-1]

    assert sb.check_vjp(forward, right, {"x": ("N", "D")}, seed=0).verdict == "right"


class Affine:
    def __init__(self):
        self.W = np.zeros((1, 1))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T

    def backward_wrongly(self, dout):
        self.dW = self.x.T @ np.ones_like(dout)
        return dout @ self.W.T


def test_layers_may_be_objects_that_keep_what_they_need():
    affine = Affine()
    shapes, attributes = {"x": ("N", "D")}, {"W": ("D", "M")}
    check = sb.check_vjp(affine.forward, affine.backward, shapes, attributes=attributes, seed=0)
    assert check.verdict == "right"
    assert "gradients with respect to x and W are checked" in check.notes
    wrong = sb.check_vjp(affine.forward, affine.backward_wrongly, shapes, attributes=attributes, seed=0)
    assert wrong.verdict == "wrong"
    assert "dout is ignored: dW is that of the sum of the output" in wrong.mistake
    assert affine.W.shape == (1, 1)


@pytest.mark.parametrize(
    "returned",
    [
        lambda dx, dw: {"dw": dw, "dx": dx},
        lambda dx, dw: [dx, dw],
        lambda dx, dw: (dx, dw, None),
        lambda dx, dw: {"grads": {"w": dw, "x": dx}},
    ],
)
def test_gradients_are_found_by_name_and_by_order(returned):
    def forward(x, w, training):
        return np.tanh(x @ w)

    def backward(grad_output, x, w):
        d = grad_output * (1 - np.tanh(x @ w) ** 2)
        return returned(d @ w.T, x.T @ d)

    check = sb.check_vjp(forward, backward, SHAPES, scalars={"training": 1.0}, seed=0)
    assert check.verdict == "right"
    assert {block.name for block in check.check.blocks} == {"x", "w"}


def test_names_in_the_return_statement_count_more_than_their_order():
    def backward(dout, x, w):
        d = dout * (1 - np.tanh(x @ w) ** 2)
        dw, dx = x.T @ d, d @ w.T
        return dw, dx

    assert sb.check_vjp(layer, backward, SHAPES, seed=0).verdict == "right"


def test_outputs_may_be_one_tuple_as_their_gradients_are():
    def forward(x):
        return (np.sin(x), np.cos(x)), x

    def right(douts, x):
        ds, dc = douts
        return ds * np.cos(x) - dc * np.sin(x)

    def wrong(douts, x):
        ds, _ = douts
        return ds * np.cos(x)

    assert sb.check_vjp(forward, right, {"x": ("N",)}, seed=0).verdict == "right"
    check = sb.check_vjp(forward, wrong, {"x": ("N",)}, seed=0)
    assert check.verdict == "wrong"
    assert "the upstream gradient douts2 is ignored in dx" in check.mistake


def test_a_size_of_the_output_without_a_name_is_a_number():
    def forward(x):
        return x[:, 1:] * x[:, :-1]

    def backward(x, gy):
        dx = np.zeros_like(x)
        dx[:, 1:] += gy * x[:, :-1]
        dx[:, :-1] += gy * x[:, 1:]
        return dx

    def wrong(x, gy):
        dx = np.zeros_like(x)
        dx[:, 1:] = gy * x[:, :-1]
        return dx

    assert sb.check_vjp(forward, backward, {"x": ("N", "D")}, seed=0).verdict == "right"
    assert sb.check_vjp(forward, wrong, {"x": ("N", "D")}, seed=0).verdict == "wrong"


def test_any_name_may_be_said_to_be_the_upstream_gradient():
    def backward(x, w, signal):
        d = signal * (1 - np.tanh(x @ w) ** 2)
        return d @ w.T, x.T @ d

    assert sb.check_vjp(layer, backward, SHAPES, upstream="signal", seed=0).verdict == "right"
    assert sb.check_vjp(layer, backward, {**SHAPES, "signal": ("N", "M")}, seed=0).verdict == "right"


@pytest.mark.parametrize(
    ("backward", "shapes", "words"),
    [
        (lambda x, w: x, SHAPES, "none of which is known to be the upstream gradient"),
        (lambda dout, x: x, {"x": ("N", "D")}, "forward takes w, of which no shape is given"),
        (lambda dout, x, w: None, SHAPES, "backward returns 0 gradients"),
        (lambda dout, x, w: (x, w, w, w), SHAPES, "backward returns 4 gradients"),
        (lambda dout, x, w: x @ dout, SHAPES, "backward fails: ValueError"),
        (lambda dout, x, w: (x, w), {**SHAPES, "q": (3,)}, "neither forward nor backward takes q"),
        (lambda dout, one, two: (one, two), SHAPES, "backward takes one and two, and forward returns 0"),
        (3, SHAPES, "backward is a function, not int"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_reason(backward, shapes, words):
    with pytest.raises(sb.ArgumentError, match=words):
        sb.check_vjp(layer, backward, shapes, seed=0)


def test_names_of_upstream_gradients():
    names = ("dout", "dY", "grad_output", "gy", "g", "upstream", "delta", "dL_dy", "y_bar", "ct", "dh", "grad")
    assert all(map(is_upstream, names))
    assert not any(map(is_upstream, ("x", "w", "cache", "ctx", "lam", "mask", "y", "eps", "training")))


def backward_of_layer(dout, x, w):
    d = dout * (1 - np.tanh(x @ w) ** 2)
    return d @ w.T, x.T @ d


def test_check_code_takes_layers_too():
    shapes = {**SHAPES, "dout": ("N", "M")}
    assert sb.check_code(layer, backward_of_layer, shapes, wrt=["x", "w"], seed=0).verdict == "right"
    assert sb.check_code(layer, backward_of_layer, SHAPES, ["x", "w"], upstream="dout", seed=0).verdict == "right"


def cost_of_layer(x, w, grad_output):
    return np.sum(np.tanh(x @ w) * grad_output)


def test_the_sign_of_a_layer_is_no_convention_but_that_of_a_cost_is():
    def minus(x, w, grad_output):
        dx, dw = backward_of_layer(grad_output, x, w)
        return -dx, -dw

    shapes = {**SHAPES, "grad_output": ("N", "M")}
    check = sb.check_code(cost_of_layer, minus, shapes, wrt=["x", "w"], seed=0)
    assert check.verdict == "wrong"
    assert "sign" in check.mistake

    def cost(x, w, delta):
        return np.sum((np.tanh(x @ w) - delta) ** 2)

    def of_cost(x, w, delta):
        d = 2 * (delta - np.tanh(x @ w)) * (1 - np.tanh(x @ w) ** 2)
        return d @ w.T, x.T @ d

    assert sb.check_code(cost, of_cost, {**SHAPES, "delta": ("N", "M")}, wrt=["x", "w"], seed=0).verdict == "convention"


def softplus(z):
    return np.log1p(np.exp(z))


def artanh(x):
    inside = np.clip(x, -1 + 1e-7, 1 - 1e-7)
    return 0.5 * (np.log(1 + inside) - np.log(1 - inside))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forward", "backward", "verdict"),
    [
        (softplus, lambda dout, z: dout / (1 + np.exp(-np.clip(z, -20, 20))), "right"),
        (softplus, lambda dout, z: dout / (1 + np.exp(-np.clip(z, -2, 2))), "wrong"),
        (artanh, lambda dout, x: dout / (1 - x**2), "right"),
        (artanh, lambda dout, x: dout / (1 + x**2), "wrong"),
    ],
)
def test_guards_are_not_mistakes(forward, backward, verdict):
    name = "z" if forward is softplus else "x"
    assert sb.check_vjp(forward, backward, {name: ("N", "D")}, seed=0).verdict == verdict


class Kept:
    """An affine layer with its weights and its gradients in dictionaries."""

    def __init__(self):
        self.params = {"W": np.ones((2, 3)), "b": np.zeros(3)}
        self.grads = {"W": np.zeros((2, 3)), "b": np.zeros(3)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] += dout.sum(axis=0)
        return dout @ self.params["W"].T

    def ignoring(self, dout):
        self.grads["W"] = self.x.T @ np.ones_like(dout)
        self.grads["b"] += dout.sum(axis=0)
        return dout @ self.params["W"].T

    def without_b(self, dout):
        self.grads["W"] = self.x.T @ dout
        return dout @ self.params["W"].T


IN_A_DICTIONARY = {"params": {"W": ("D", "H"), "b": ("H",)}}


def test_weights_and_gradients_may_be_in_dictionaries_of_the_object():
    layer = Kept()
    check = sb.check_vjp(layer.forward, layer.backward, {"x": ("N", "D")}, attributes=IN_A_DICTIONARY, seed=1)
    assert (check.verdict, set(check.gradients)) == ("right", {"x", "W", "b"})
    check = sb.check_vjp(layer.forward, layer.ignoring, {"x": ("N", "D")}, attributes=IN_A_DICTIONARY, seed=1)
    assert check.verdict == "wrong"
    assert check.mistake.startswith("the upstream gradient dout is ignored: dW is")
    assert layer.params["W"].shape == (2, 3)  # of the user's own object, which is left as it was


def test_a_parameter_that_a_layer_leaves_as_it_was_is_not_its_gradient():
    layer, wrt = Kept(), ["x", "W", "b"]
    with pytest.raises(sb.SymbackpropError, match="none is known to be that of b"):
        sb.check_vjp(layer.forward, layer.without_b, {"x": ("N", "D")}, wrt, attributes=IN_A_DICTIONARY)


def test_arrays_that_end_alike_are_not_confused():
    def forward(x, layers):
        return np.tanh(x @ layers[0]["W"]) * (x @ layers[1]["W"])

    def backward(dout, x, layers):
        a, b = np.tanh(x @ layers[0]["W"]), x @ layers[1]["W"]
        return x.T @ (dout * b * (1 - a**2)), x.T @ (dout * a)

    shapes, wrt = {"x": ("N", "D"), "layers": [{"W": ("D", "H")}, {"W": ("D", "H")}]}, "layers"
    assert sb.check_vjp(forward, backward, shapes, wrt, seed=1).verdict == "right"
    check = sb.check_vjp(forward, lambda dout, x, layers: backward(dout, x, layers)[::-1], shapes, wrt, seed=1)
    assert check.verdict == "wrong"
    assert "returned in another order" in check.mistake


def test_weights_may_be_in_an_argument():
    def forward(x, params):
        return np.tanh(x @ params["W"])

    def backward(dout, x, params):
        d = dout * (1 - np.tanh(x @ params["W"]) ** 2)
        return {"dx": d @ params["W"].T, "dW": x.T @ d}

    shapes = {"x": ("N", "D"), "params": {"W": ("D", "H")}}
    assert sb.check_vjp(forward, backward, shapes, seed=1).verdict == "right"
    assert sb.check_vjp(forward, lambda dout, x, params: {"dW": x.T @ dout}, shapes, "W", seed=1).verdict == "wrong"


X = {"x": ("N", "D")}
SURROGATES = {
    "straight-through": (np.sign, lambda dout, x: dout * (np.abs(x) < 1), "the output moves with x in jumps alone"),
    "rounded": (np.rint, lambda dout, x: dout, "the output moves with x in jumps alone"),
    "reversed": (lambda x: x * 1.0, lambda dout, x: -0.5 * dout, "a gradient reversal layer"),
    "scaled": (lambda x: x * 1.0, lambda dout, x: 3 * dout, "a scaled gradient"),
    "clipped": (np.tanh, lambda dout, x: np.clip(dout, -0.1, 0.1) * (1 - np.tanh(x) ** 2), "is not linear in dout"),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_a_gradient_that_is_no_derivative_on_purpose_is_wrong_and_called_so(name):
    forward, backward, words = SURROGATES[name]
    check = sb.check_vjp(forward, backward, X, seed=0)
    assert check.verdict == "wrong"
    assert words in check.mistake
    assert [str(kind) for kind in check.mistake_kinds] == ["surrogate gradient"]


@pytest.mark.parametrize(
    ("forward", "backward", "verdict"),
    [
        (np.sign, lambda dout, x: 0.0 * dout, "right"),
        (np.tanh, lambda dout, x: dout * np.tanh(x), "wrong"),
        (np.tanh, lambda dout, x: -dout * (1 - np.tanh(x) ** 2), "wrong"),
        (lambda x: x * 1.0, lambda dout, x: 1.0 * dout, "right"),
    ],
)
def test_nothing_else_is_a_surrogate_gradient(forward, backward, verdict):
    check = sb.check_vjp(forward, backward, X, seed=0)
    assert check.verdict == verdict
    assert "surrogate" not in check.mistake


@pytest.mark.parametrize(("inner", "outer"), [("I", "J"), ("I", "I_1"), ("H_1", "H"), ("x", "E")])
def test_sizes_may_have_names_that_are_taken(inner, outer):
    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout

    shapes = {"x": ("B", inner), "w": (inner, outer)}
    found = sb.check_vjp(forward, backward, shapes, seed=0)
    assert (found.verdict, found.level) == ("right", "formula")
    if (inner, outer) == ("I", "J"):
        twice = sb.check_vjp(forward, lambda dout, cache: backward(2 * dout, cache), shapes, seed=0)
        assert twice.verdict == "wrong"
