"""Builders of well-known networks, said through `Network` like any other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import sympy

from symbackprop.errors import NetworkError, nearest
from symbackprop.forms import hadamard, power
from symbackprop.functions import FUNCTION, ElementwiseFunction, function_named
from symbackprop.maps import broadcast, logsumexp, total
from symbackprop.network import Network
from symbackprop.nodes import operand


@dataclass(frozen=True)
class Cost:
    """A cost of the targets y and the network's last quantity; `on_logits`: that is z, before an activation."""

    name: str
    formula: Callable[[Any, Any], Any]
    on_logits: bool = False


def _half_squared(y: Any, yhat: Any) -> Any:
    return total(power(y - yhat, 2)) / 2


# fmt: off
COSTS: dict[str, Cost] = {cost.name: cost for cost in [
    Cost("half_squared_error",      _half_squared),
    Cost("mean_half_squared_error", lambda y, yhat: _half_squared(y, yhat) / y.shape[0]),
    Cost("mean_squared_error",      lambda y, yhat: total(power(y - yhat, 2)) / (y.shape[0] * y.shape[1])),
    Cost("binary_cross_entropy",    lambda y, z: total(FUNCTION["softplus"](z)) - total(hadamard(y, z)), True),
    Cost("softmax_cross_entropy",   lambda y, z: total(logsumexp(z)) - total(hadamard(y, z)),            True),
]}
# fmt: on


def mlp(
    sizes: Sequence[int | str],
    activation: str | ElementwiseFunction = "sigmoid",
    cost: str | Callable[[Any, Any], Any] = "half_squared_error",
    *,
    output_activation: str | ElementwiseFunction | None = None,
    bias: bool = False,
    l2: float | str | bool = 0,
    examples: str | int = "N",
) -> Network:
    """A network of dense layers: z = a W (+ b), a = f(z), layer by layer.

    Args:
        sizes: the width of each layer, input first, as whole numbers or names of dimensions.
        activation: f of every layer, by name or as a function such as `sb.tanh`.
        cost: a name from `sb.COSTS`, or a callable (y, yhat) -> scalar. The cross-entropies are computed from
            the last pre-activation z (the logits), the stable way; y then holds probabilities (one-hot rows, or
            0 and 1), and there is no output activation.
        output_activation: f of the last layer, where it differs.
        bias: whether each layer adds a row b to every example.
        l2: adds λ/2 Σ W² over all weights (not the biases): a number λ ≥ 0, the name of a hyperparameter, or
            True for the name `lam`.
        examples: the number of examples, a name or a whole number.

    Raises:
        SymbackpropError: an unknown activation or cost (the nearest is named), or sizes that are none.

    >>> import symbackprop as sb
    >>> print(sb.mlp([2, 3, 1]))
    X:  input(N, 2)
    y:  target(N, 1)
    W1: parameter(2, 3)
    W2: parameter(3, 1)
    z2 = X @ W1
    a2 = sigmoid(z2)
    z3 = a2 @ W2
    yhat = sigmoid(z3)
    J = (1/2) * sum((y - yhat)**2)
    """
    widths = _widths(sizes, examples)
    chosen = _cost_named(cost)
    f = function_named(activation)
    last = function_named(f if output_activation is None else output_activation)
    if chosen.on_logits and output_activation is not None:
        raise NetworkError(f"{chosen.name} is computed from the logits: leave out output_activation")
    net = Network()
    a, y = net.input("X", examples, widths[0]), net.target("y", examples, widths[-1])
    layers = [_layer_parameters(net, k, widths[k - 1], widths[k], bias) for k in range(1, len(widths))]
    for k, (W, b) in enumerate(layers, start=2):
        affine = a * W
        z = net.define(f"z{k}", affine if b is None else affine + broadcast(b, *affine.shape))
        a = net.define(f"a{k}", f(z)) if k <= len(layers) else z
    if not chosen.on_logits:
        a = net.define("yhat", last(a))
    data_cost, weight = chosen.formula(y, a), _l2_weight(net, l2)
    penalty = weight / 2 * sympy.Add(*[total(power(W, 2)) for W, _ in layers])
    net.minimize("J", data_cost if weight == 0 else operand(data_cost) + penalty)
    return net


def _widths(sizes: Sequence[int | str], examples: str | int) -> list[int | str]:
    widths = [] if isinstance(sizes, str) or not isinstance(sizes, Iterable) else list(sizes)
    if len(widths) < 2:
        raise NetworkError(f"sizes are the widths of at least two layers, such as [2, 3, 1], not {sizes!r}")
    if isinstance(examples, str) and examples in widths:
        raise NetworkError(
            f"{examples} is the number of examples; a layer of that width would hide a missing transpose"
        )
    return widths


def _cost_named(cost: str | Callable[[Any, Any], Any]) -> Cost:
    if callable(cost):
        return Cost(getattr(cost, "__name__", "cost"), cost)
    if not isinstance(cost, str) or cost not in COSTS:
        raise NetworkError(f"unknown cost {cost!r}: {nearest(cost, COSTS)}")
    return COSTS[cost]


def _layer_parameters(net: Network, k: int, rows: int | str, columns: int | str, bias: bool) -> tuple[Any, Any]:
    W = net.parameter(f"W{k}", rows, columns)
    return W, net.parameter(f"b{k}", 1, columns) if bias else None


def _l2_weight(net: Network, l2: float | str | bool) -> Any:
    if isinstance(l2, str) or l2 is True:
        return net.scalar(l2 if isinstance(l2, str) else "lam")
    if not isinstance(l2, Real) or not 0 <= l2 < float("inf"):
        raise NetworkError(f"l2 is a number of at least 0 or the name of a hyperparameter, not {l2!r}")
    return sympy.nsimplify(float(l2), rational=True)
