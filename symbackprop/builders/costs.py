"""The costs and the penalties that courses use."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypedDict

import sympy
from sympy import Integer

from symbackprop.arithmetic import minus, plus, times
from symbackprop.builders.layout import chosen
from symbackprop.errors import NetworkError
from symbackprop.forms import hadamard, power
from symbackprop.functions import FUNCTION
from symbackprop.maps import COLUMNS, logsumexp, total
from symbackprop.network import Network
from symbackprop.nodes import operand


@dataclass(frozen=True)
class Cost:
    """A cost of the targets y and the network's last quantity.

    `formula(y, a, axis)` is summed over all entries; the features of an example stand along the axis. `on_logits`: a
    is z, before an activation. `average`: by what number it is divided, of `AVERAGES`.
    """

    name: str
    formula: Callable[..., Any]
    on_logits: bool = False
    average: str = "sum"


def _relu(a: Any) -> Any:
    return FUNCTION["relu"](a)


def _squared(y: Any, yhat: Any, axis: int = COLUMNS) -> Any:
    return total(power(y - yhat, 2))


def _bernoulli(y: Any, yhat: Any, axis: int = COLUMNS) -> Any:
    log = FUNCTION["log"]
    return -total(hadamard(y, log(yhat)) + hadamard(minus(Integer(1), y), log(minus(Integer(1), yhat))))


def _margins(y: Any, s: Any) -> Any:
    return minus(Integer(1), times(y, s))


# fmt: off
COSTS: dict[str, Cost] = {cost.name: cost for cost in [
    Cost("half_squared_error",      lambda y, yhat, axis=COLUMNS: _squared(y, yhat) / 2),
    Cost("mean_half_squared_error", lambda y, yhat, axis=COLUMNS: _squared(y, yhat) / 2, average="examples"),
    Cost("squared_error",           _squared),
    Cost("mean_squared_error",      _squared, average="entries"),
    Cost("absolute_error",          lambda y, yhat, axis=COLUMNS: total(FUNCTION["abs"](y - yhat))),
    Cost("huber",                   lambda y, yhat, axis=COLUMNS: total(FUNCTION["huber"](y - yhat))),
    Cost("binary_cross_entropy",    lambda y, z, axis=COLUMNS: total(FUNCTION["softplus"](z)) - total(hadamard(y, z)),
         on_logits=True),
    Cost("binary_cross_entropy_on_probabilities", _bernoulli),
    Cost("softmax_cross_entropy",   lambda y, z, axis=COLUMNS: total(logsumexp(z, axis)) - total(hadamard(y, z)),
         on_logits=True),
    Cost("cross_entropy_on_probabilities",
         lambda y, yhat, axis=COLUMNS: -total(hadamard(y, FUNCTION["log"](yhat)))),
    Cost("hinge",                   lambda y, s, axis=COLUMNS: total(_relu(_margins(y, s))), on_logits=True),
    Cost("squared_hinge",           lambda y, s, axis=COLUMNS: total(power(_relu(_margins(y, s)), 2)), on_logits=True),
]}
# By what a sum over all entries is divided, from the numbers of examples and of outputs.
AVERAGES: dict[str, Callable[[Any, Any], Any]] = {
    "sum":      lambda examples, outputs: Integer(1),
    "examples": lambda examples, outputs: examples,
    "outputs":  lambda examples, outputs: outputs,
    "entries":  lambda examples, outputs: examples * outputs,
}
# What stands before λ Σ W².
FACTORS: dict[str, Callable[[Any], Any]] = {
    "1":      lambda examples: Integer(1),
    "1/2":    lambda examples: Integer(1) / 2,
    "1/N":    lambda examples: 1 / examples,
    "1/(2N)": lambda examples: 1 / (2 * examples),
}
# fmt: on


def cost_named(cost: str | Callable[[Any, Any], Any]) -> Cost:
    if callable(cost):
        return Cost(getattr(cost, "__name__", "cost"), lambda y, yhat, axis: cost(y, yhat))
    return chosen("cost", cost, COSTS)


def data_cost(cost: Cost, y: Any, a: Any, axis: int, average: str | None = None) -> Any:
    """The cost of some targets, averaged as it says or as is asked for."""
    divisor = chosen("average", cost.average if average is None else average, AVERAGES)
    return operand(cost.formula(y, a, axis)) / divisor(y.shape[1 - axis], y.shape[axis])


class Penalty(TypedDict, total=False):
    """The penalties of a network.

    l2, l1: λ of λ/2 Σ W² and of λ Σ |W|: a number λ ≥ 0, the name of a hyperparameter, or True for `lam`, `lam_1`.
    l2_factor, l1_factor: another convention: "1", "1/2", "1/N" or "1/(2N)", N being the number of examples.
    penalize_biases: whether biases count among the weights.
    """

    l2: float | str | bool
    l1: float | str | bool
    l2_factor: str
    l1_factor: str
    penalize_biases: bool


def penalized(
    net: Network,
    data: Any,
    weights: Iterable[Any],
    biases: Iterable[Any],
    examples: Any,
    *,
    l2: float | str | bool = 0,
    l1: float | str | bool = 0,
    l2_factor: str = "1/2",
    l1_factor: str = "1",
    penalize_biases: bool = False,
) -> Any:
    """The cost of the data and the penalties of the weights."""
    matrices = [*weights, *(biases if penalize_biases else ())]
    penalties: list[tuple[Any, str, str, str, Callable[[Any], Any]]] = [
        (l2, "lam", l2_factor, "l2", lambda W: power(W, 2)),
        (l1, "lam_1", l1_factor, "l1", FUNCTION["abs"]),
    ]
    for strength, default, factor, name, measure in penalties:
        scale = chosen(f"{name}_factor", factor, FACTORS)(examples)
        weight = hyperparameter(net, name, strength, default)
        if weight != 0:
            data = plus(operand(data), weight * scale * sympy.Add(*(total(measure(W)) for W in matrices)))
    return data


def hyperparameter(net: Network, name: str, strength: Any, default: str) -> Any:
    """A number of at least 0 as it was written, or the declared name of one."""
    if isinstance(strength, str) or strength is True:
        return net.scalar(strength if isinstance(strength, str) else default)
    if not isinstance(strength, Real) or not 0 <= float(strength) < float("inf"):
        raise NetworkError(f"{name} is a number of at least 0 or the name of a hyperparameter, not {strength!r}")
    return sympy.nsimplify(float(strength), rational=True)
