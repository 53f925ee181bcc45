"""Random harsh networks with gradients by hand, all of them right: whatever a checker calls wrong here is a false alarm.

Cost and gradients are written in NumPy, in the precision of their arguments, so that 80 bits are an oracle; they also
take another array module, such as autograd's. A forward pass returns its output, and how to go back through it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy

# fmt: off
ACTIVATIONS = {  # f of z, and f′ of z and a = f(z)
    "identity":   (lambda np, z: z,                                                lambda np, z, a: np.ones_like(z)),
    "sigmoid":    (lambda np, z: 1 / (1 + np.exp(-z)),                             lambda np, z, a: a * (1 - a)),
    "tanh":       (lambda np, z: np.tanh(z),                                       lambda np, z, a: 1 - a**2),
    "relu":       (lambda np, z: np.maximum(z, 0),                                 lambda np, z, a: np.where(z > 0, 1, 0)),
    "leaky relu": (lambda np, z: np.where(z > 0, z, 0.125 * z),                    lambda np, z, a: np.where(z > 0, 1, 0.125)),
    "softplus":   (lambda np, z: np.maximum(z, 0) + np.log1p(np.exp(-np.maximum(z, -z))), lambda np, z, a: 1 / (1 + np.exp(-z))),
}
# fmt: on


def half_squared_error(np, output, y):
    error = output - y
    return np.sum(error**2) / 2, error


def cross_entropy(np, output, y):
    """Of the softmax of the output; the rows of y need not sum up to 1."""
    shifted = output - np.max(output, axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    rows = np.sum(y * np.ones_like(output), axis=1, keepdims=True)  # in the precision of the output
    return -np.sum(y * logs), rows * np.exp(logs) - y


def dense(activation, last="identity"):
    def forward(np, p, X):
        depth = len(p) // 2
        outputs, before = [X], []
        functions = [ACTIVATIONS[activation]] * (depth - 1) + [ACTIVATIONS[last]]
        for k, (f, _) in enumerate(functions, start=1):
            before.append(outputs[-1] @ p[f"W{k}"] + p[f"b{k}"])
            outputs.append(f(np, before[-1]))

        def backward(delta):
            found = {}
            for k, (_, slope) in reversed(list(enumerate(functions, start=1))):
                delta = delta * slope(np, before[k - 1], outputs[k])
                found |= {f"W{k}": outputs[k - 1].T @ delta, f"b{k}": delta.sum(axis=0, keepdims=True)}
                delta = delta @ p[f"W{k}"].T
            return found

        return outputs[-1], backward

    return forward


def recurrent(np, p, X):
    """X has the steps of time first; each step has an output."""
    states = [np.zeros((X.shape[1], len(p["Wh"])))]
    for x in X:
        states.append(np.tanh(x @ p["Wx"] + states[-1] @ p["Wh"] + p["bh"]))

    def backward(delta):
        found = {name: 0 * value for name, value in p.items()}
        carried = 0 * states[0]
        for t in reversed(range(len(X))):
            at_output, state = delta[t], states[t + 1]
            inside = (at_output @ p["Wy"].T + carried) * (1 - state**2)
            terms = {"Wx": X[t].T @ inside, "Wh": states[t].T @ inside, "Wy": state.T @ at_output}
            terms |= {"bh": inside.sum(axis=0, keepdims=True), "by": at_output.sum(axis=0, keepdims=True)}
            found = {name: found[name] + term for name, term in terms.items()}
            carried = inside @ p["Wh"].T
        return found

    return np.stack([state @ p["Wy"] + p["by"] for state in states[1:]]), backward


def normalized(axis):
    """A layer, normalized over the units (axis 1) or the batch (axis 0), with gain and bias, tanh and an output."""

    def forward(np, p, X):
        def mean(value):
            return np.mean(value, axis=axis, keepdims=True)

        u = X @ p["W1"] + p["c1"]
        centered = u - mean(u)
        spread = np.sqrt(mean(centered**2) + 1e-5)
        n = centered / spread
        a = np.tanh(n * p["g1"] + p["b1"])

        def backward(delta):
            inside = (delta @ p["W2"].T) * (1 - a**2)
            d = inside * p["g1"]
            before = (d - mean(d) - n * mean(d * n)) / spread
            products = {"W1": X.T @ before, "W2": a.T @ delta}
            sums = {"c1": before, "g1": inside * n, "b1": inside, "b2": delta}
            return products | {name: value.sum(axis=0, keepdims=True) for name, value in sums.items()}

        return a @ p["W2"] + p["b2"], backward

    return forward


# Sizes that differ pairwise: the shapes of the parameters, of the inputs, and of the targets


def _sizes(rng, count):
    return [int(size) for size in rng.permutation(range(2, 8))[:count]]


def _dense_shapes(rng):
    N, *units = _sizes(rng, int(rng.integers(4, 7)))
    shapes = {f"W{k}": size for k, size in enumerate(pairwise(units), start=1)}
    shapes |= {f"b{k}": (1, size) for k, size in enumerate(units[1:], start=1)}
    return shapes, (N, units[0]), (N, units[-1])


def _one_hidden_layer(rng):
    N, D, H, K = _sizes(rng, 4)
    return {"W1": (D, H), "b1": (1, H), "W2": (H, K), "b2": (1, K)}, (N, D), (N, K)


def _recurrent_shapes(rng):
    N, D, H, K, *others = _sizes(rng, 6)
    T = max(others)
    return {"Wx": (D, H), "Wh": (H, H), "bh": (1, H), "Wy": (H, K), "by": (1, K)}, (T, N, D), (T, N, K)


def _normalized_shapes(rng):
    shapes, inputs, targets = _one_hidden_layer(rng)
    return shapes | {"c1": shapes["b1"], "g1": shapes["b1"]}, inputs, targets


@dataclass(frozen=True)
class Family:
    forward: Callable[..., Any]
    shapes: Callable[..., Any]
    loss: Callable[..., Any] = half_squared_error
    is_penalized: bool = False
    has_kinks: bool = False


FAMILIES = {
    "sigmoid": Family(dense("sigmoid", last="sigmoid"), _dense_shapes),
    "relu": Family(dense("relu"), _dense_shapes, has_kinks=True),
    "tanh, L2": Family(dense("tanh"), _dense_shapes, is_penalized=True),
    "softplus, L2": Family(dense("softplus"), _dense_shapes, is_penalized=True),
    # one hidden layer: with two at a kink, what f′(0) is by convention need not lie between the slopes on both sides
    "leaky relu, L2": Family(dense("leaky relu"), _one_hidden_layer, is_penalized=True, has_kinks=True),
    "softmax": Family(dense("tanh"), _dense_shapes, loss=cross_entropy),
    "recurrent": Family(recurrent, _recurrent_shapes),
    "layer norm": Family(normalized(axis=1), _normalized_shapes),
    "batch norm": Family(normalized(axis=0), _normalized_shapes),
}


@dataclass(frozen=True, eq=False)
class HarshNetwork:
    """A network at a point: the cost and its right gradients are functions of the parameters, by name."""

    family: str
    params: dict[str, Any]
    X: Any
    y: Any
    lam: float = 0.0
    scale: float = 1.0
    offset: float = 0.0
    difficulties: tuple[str, ...] = ()
    np: ModuleType = field(default=numpy, repr=False)

    def cost(self, **params):
        output, _ = FAMILIES[self.family].forward(self.np, params, self.X)
        J, _ = FAMILIES[self.family].loss(self.np, output, self.y)
        penalty = sum(self.np.sum(value**2) for name, value in params.items() if self.lam and name[0] == "W")
        return self.scale * (J + self.lam / 2 * penalty) + self.offset

    def gradients(self, **params):
        output, backward = FAMILIES[self.family].forward(self.np, params, self.X)
        _, delta = FAMILIES[self.family].loss(self.np, output, self.y)
        found = backward(delta)
        return {n: self.scale * (found[n] + (self.lam * p if n[0] == "W" else 0)) for n, p in params.items()}

    @property
    def is_finite(self):
        numbers = [self.cost(**self.params), *self.gradients(**self.params).values()]
        return all(numpy.all(numpy.isfinite(number)) for number in numbers)


def mild_network(rng, family):
    """Weights, biases and inputs of about 1."""
    shapes, inputs, targets = FAMILIES[family].shapes(rng)
    params = {name: rng.normal(size=shape) * 0.7 for name, shape in shapes.items()}
    y = rng.normal(size=targets)
    if FAMILIES[family].loss is cross_entropy:
        y = numpy.eye(targets[1])[rng.integers(targets[1], size=targets[0])]
    return HarshNetwork(family, params, rng.normal(size=inputs), y, 0.375 if FAMILIES[family].is_penalized else 0.0)


# Difficulties


def _weights(net, rng):
    return replace(net, params={n: v * 10.0 ** rng.uniform(-3, 2) if n[0] == "W" else v for n, v in net.params.items()})


def _zero_biases(net, rng):
    return replace(net, params={n: 0 * v if n[0] == "b" else v for n, v in net.params.items()})


def _with_example(net, n, value):
    X = net.X.copy()
    X[..., n, :] = value
    return replace(net, X=X)


def _at_a_kink(net, rng):
    """One unit of the first layer, for one example: not its only active unit, lest all that follows be at a kink too."""
    if not FAMILIES[net.family].has_kinks:
        return net
    before = net.X @ net.params["W1"]
    n, unit = (rng.integers(size) for size in before.shape)
    b1 = net.params["b1"].copy()
    b1[0, unit] = -before[n, unit]
    moved = replace(net, params=net.params | {"b1": b1})
    return moved if numpy.any(before[n] + b1 > 0) else net


def _near_an_optimum(net, rng):
    family = FAMILIES[net.family]
    output, _ = family.forward(numpy, net.params, net.X)
    if family.loss is cross_entropy:
        powers = numpy.exp(output - output.max(axis=1, keepdims=True))
        output = powers / powers.sum(axis=1, keepdims=True)
    return replace(net, y=output + 1e-6 * rng.normal(size=output.shape))


DIFFICULTIES = {  # in this order: the last ones see the network as it will be
    "scales of weights": _weights,
    "scale of inputs": lambda net, rng: replace(net, X=net.X * 10.0 ** rng.uniform(-3, 4)),
    "inputs of zero": lambda net, rng: _with_example(net, rng.integers(net.X.shape[-2]), 0.0),
    "twice one example": lambda net, rng: _with_example(net, 0, net.X[..., 1, :]),
    "an input of zero": lambda net, rng: replace(net, X=net.X * (numpy.arange(net.X.shape[-1]) > 0)),
    "single precision": lambda net, rng: replace(net, X=net.X.astype(numpy.float32)),
    "zero biases": _zero_biases,
    "at a kink": _at_a_kink,
    "near an optimum": _near_an_optimum,
    "scale of cost": lambda net, rng: replace(net, scale=10.0 ** rng.uniform(-8, 8)),
    "offset": lambda net, rng: replace(net, offset=10.0 ** rng.uniform(0, 6)),
}


def harsh_network(rng, family=None):
    """A network of one of the families, with some of the difficulties, whose cost and gradients are finite."""
    while True:
        net = mild_network(rng, family or str(rng.choice(list(FAMILIES))))
        for name, change in DIFFICULTIES.items():
            changed = change(net, rng) if rng.uniform() < 0.4 else net
            if changed is not net:
                net = replace(changed, difficulties=(*net.difficulties, name))
        if net.is_finite:
            return net
