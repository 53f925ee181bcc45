"""Recurrent networks, unrolled over their steps: all steps share the weights, so the gradients add up over time."""

from collections.abc import Callable
from typing import Unpack

import sympy

from symbackprop.expressions.aliases import Matrix, Size
from symbackprop.expressions.functions import FUNCTION, function_named
from symbackprop.network.models.dense import Activation
from symbackprop.network.models.layout import DataLayout, GivenSize, layout_named, require_apart, require_count
from symbackprop.network.models.losses import AnyCost, Penalty, cost_named, data_cost, penalized
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import plus, times


class _Unrolled:
    """The common part of recurrent networks: the data, the initial state, the outputs and their cost."""

    def __init__(
        self, steps: int, inputs: GivenSize, hidden: GivenSize, outputs: GivenSize, *, layout: str, examples: GivenSize
    ):
        require_apart(examples, inputs, hidden, outputs)
        self.place: DataLayout = layout_named(layout)
        self.steps = range(1, require_count("steps", steps) + 1)
        self.sizes = inputs, hidden, outputs
        self.net = Network()
        shape = self.place.shape
        self.inputs = [self.net.input(f"X{t}", *shape(examples, inputs)) for t in self.steps]
        self.examples = self.inputs[0].shape[1 - self.place.features]
        self.first = self.net.input("h0", *shape(examples, hidden))

    def bias(self, name: str, width: Size, wanted: bool) -> Matrix | None:
        return self.place.bias(self.net, name, width) if wanted else None

    def minimize(
        self,
        state: Callable[[int, Matrix], Matrix],
        weights: list[Matrix],
        bias: Matrix | None,
        *,
        cost: AnyCost,
        every_step: bool,
        average: str | None,
        penalty: Penalty,
    ) -> Network:
        """Unroll the states, and define the cost as the sum of the costs of the outputs."""
        net, place, of = self.net, self.place, cost_named(cost, of_activation=False)
        _, hidden, outputs = self.sizes
        wanted = list(self.steps) if every_step else [self.steps[-1]]
        targets = {t: net.target(f"y{t}", *place.shape(self.examples, outputs)) for t in wanted}
        W_hy = place.weights(net, "W_hy", hidden, outputs)
        b_y = self.bias("b_y", outputs, wanted=bias is not None)
        h, costs = self.first, []
        for t in self.steps:
            h = state(t, h)
            if t in targets:
                out = net.define(f"z{t}" if of.on_logits else f"yhat{t}", place.affine(h, W_hy, b_y))
                loss = data_cost(of, targets[t], out, place.features, average)
                costs.append(net.define(f"L{t}", loss) if every_step else loss)
        every = [b for b in (bias, b_y) if b is not None]
        total = sympy.Add(*costs)
        net.minimize("J", penalized(net, total, ([*weights, W_hy], every), self.examples, penalty))
        return net


def rnn(
    steps: int = 3,
    inputs: GivenSize = "D",
    hidden: GivenSize = "H",
    outputs: GivenSize = "K",
    *,
    activation: Activation = "tanh",
    cost: AnyCost = "softmax_cross_entropy",
    every_step: bool = True,
    bias: bool = True,
    average: str | None = None,
    layout: str = "rows",
    examples: GivenSize = "N",
    **penalty: Unpack[Penalty],
) -> Network:
    """Build a recurrent network, a = X W_xh + h W_hh + b_h, h = f(a), unrolled over its steps from a given state h0.

    Args:
        steps: the number of steps.
        inputs, hidden, outputs: the numbers of features of an input, of a state and of an output.
        activation: f.
        cost: the cost of one output, by its name or as a callable (y, yhat) -> scalar; J is the sum over all outputs.
        every_step: True if each step has an output, else only the last one.
        bias, average, layout, examples, **penalty: as in `mlp`.

    >>> import symbackprop as sb
    >>> print("\\n".join(str(sb.rnn(steps=2)).splitlines()[10:]))
    a1 = X1 @ W_xh + h0 @ W_hh + b_h
    h1 = tanh(a1)
    z1 = h1 @ W_hy + b_y
    L1 = sum(logsumexp(z1, axis=1, keepdims=True)) - sum(y1 * z1)
    a2 = X2 @ W_xh + h1 @ W_hh + b_h
    h2 = tanh(a2)
    z2 = h2 @ W_hy + b_y
    L2 = sum(logsumexp(z2, axis=1, keepdims=True)) - sum(y2 * z2)
    J = L1 + L2
    """
    f = function_named(activation)
    unrolled = _Unrolled(steps, inputs, hidden, outputs, layout=layout, examples=examples)
    place, net = unrolled.place, unrolled.net
    W_xh, W_hh = place.weights(net, "W_xh", inputs, hidden), place.weights(net, "W_hh", hidden, hidden)
    b_h = unrolled.bias("b_h", hidden, bias)

    def state(t: int, h: Matrix) -> Matrix:
        a = net.define(f"a{t}", plus(place.affine(unrolled.inputs[t - 1], W_xh), place.affine(h, W_hh, b_h)))
        return net.define(f"h{t}", f(a))

    return unrolled.minimize(
        state, [W_xh, W_hh], b_h, cost=cost, every_step=every_step, average=average, penalty=penalty
    )


def lstm(
    steps: int = 3,
    inputs: GivenSize = "D",
    hidden: GivenSize = "H",
    outputs: GivenSize = "K",
    *,
    cost: AnyCost = "softmax_cross_entropy",
    every_step: bool = True,
    bias: bool = True,
    average: str | None = None,
    layout: str = "rows",
    examples: GivenSize = "N",
    **penalty: Unpack[Penalty],
) -> Network:
    """Build a long short-term memory, unrolled over its steps from a given state h0 and memory c0.

    The gates i (input), f (forget) and o (output) and the candidate g are the parts, in this order, of
    a = X W_x + h W_h + b; then c = f ⊙ c + i ⊙ g and h = o ⊙ tanh(c). The options are those of `rnn`.

    After S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9 (1997), with the forget gate of
    F. Gers, J. Schmidhuber, F. Cummins, Neural Computation 12 (2000).

    >>> import symbackprop as sb
    >>> print("\\n".join(str(sb.lstm(steps=1)).splitlines()[9:16]))
    a1 = X1 @ W_x + h0 @ W_h + b
    i1 = sigmoid(a1[:, 0:H])
    f1 = sigmoid(a1[:, H:2*H])
    o1 = sigmoid(a1[:, 2*H:3*H])
    g1 = tanh(a1[:, 3*H:4*H])
    c1 = f1 * c0 + i1 * g1
    h1 = o1 * tanh(c1)
    """
    unrolled = _Unrolled(steps, inputs, hidden, outputs, layout=layout, examples=examples)
    net, place = unrolled.net, unrolled.place
    H = unrolled.first.shape[place.features]
    memory = {0: net.input("c0", *place.shape(examples, hidden))}
    W_x, W_h = place.weights(net, "W_x", inputs, 4 * H), place.weights(net, "W_h", hidden, 4 * H)
    b = unrolled.bias("b", 4 * H, bias)
    gates = [("i", "sigmoid"), ("f", "sigmoid"), ("o", "sigmoid"), ("g", "tanh")]

    def state(t: int, h: Matrix) -> Matrix:
        a = net.define(f"a{t}", plus(place.affine(unrolled.inputs[t - 1], W_x), place.affine(h, W_h, b)))
        i, f, o, g = (
            net.define(f"{gate}{t}", FUNCTION[name](place.part(a, k * H, (k + 1) * H)))
            for k, (gate, name) in enumerate(gates)
        )
        memory[t] = net.define(f"c{t}", plus(times(f, memory[t - 1]), times(i, g)))
        return net.define(f"h{t}", times(o, FUNCTION["tanh"](memory[t])))

    return unrolled.minimize(state, [W_x, W_h], b, cost=cost, every_step=every_step, average=average, penalty=penalty)
