"""Common costs and penalties."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import TypedDict

import sympy
from sympy import Integer

from symbackprop.errors import NetworkError, nearest
from symbackprop.expressions.aliases import Matrix, Scalar, Size
from symbackprop.expressions.constructors import hadamard, power
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.matrices import operand
from symbackprop.expressions.operations import COLUMNS, logsumexp, total
from symbackprop.network.names import chosen
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import minus, plus, times

AnyCost = str | Callable[[Matrix, Matrix], Scalar]  # the name of a cost, or a function of targets and predictions


@dataclass(frozen=True)
class Cost:
    """A cost as a function of the targets y and of the network's last quantity a.

    `formula(y, a, axis)` is summed over all entries; `axis` is that of the features of an example. `on_logits`: a is a
    pre-activation z. `average`: the number by which the sum is divided, a key of `AVERAGES`. `output`: the activation
    that turns z into probabilities, if the cost needs them.
    """

    name: str
    formula: Callable[..., Scalar]
    on_logits: bool = False
    average: str = "sum"
    output: str = ""


def _squared(y: Matrix, yhat: Matrix, axis: int = COLUMNS) -> Scalar:
    return total(power(y - yhat, 2))


def _bernoulli(y: Matrix, yhat: Matrix, axis: int = COLUMNS) -> Scalar:
    log = FUNCTION["log"]
    return -total(hadamard(y, log(yhat)) + hadamard(minus(Integer(1), y), log(minus(Integer(1), yhat))))


def _hinges(y: Matrix, s: Matrix) -> Matrix:
    return FUNCTION["relu"](minus(Integer(1), times(y, s)))


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
    Cost("binary_cross_entropy_on_probabilities", _bernoulli, output="sigmoid"),
    Cost("softmax_cross_entropy",   lambda y, z, axis=COLUMNS: total(logsumexp(z, axis)) - total(hadamard(y, z)),
         on_logits=True),
    Cost("cross_entropy_on_probabilities",
         lambda y, yhat, axis=COLUMNS: -total(hadamard(y, FUNCTION["log"](yhat))), output="softmax"),
    Cost("hinge",                   lambda y, s, axis=COLUMNS: total(_hinges(y, s)), on_logits=True),
    Cost("squared_hinge",           lambda y, s, axis=COLUMNS: total(power(_hinges(y, s), 2)), on_logits=True),
]}
# The divisor of a sum over all entries, from the numbers of examples and of outputs.
AVERAGES: dict[str, Callable[[Size, Size], Size]] = {
    "sum":      lambda examples, outputs: Integer(1),
    "examples": lambda examples, outputs: examples,
    "outputs":  lambda examples, outputs: outputs,
    "entries":  lambda examples, outputs: examples * outputs,
}
# The factor before λ Σ W².
FACTORS: dict[str, Callable[[Size], Scalar]] = {
    "1":      lambda examples: Integer(1),
    "1/2":    lambda examples: Integer(1) / 2,
    "1/N":    lambda examples: 1 / examples,
    "1/(2N)": lambda examples: 1 / (2 * examples),
}
# fmt: on


_ALSO_CALLED = {
    "cross_entropy": "softmax_cross_entropy, of logits, or cross_entropy_on_probabilities",
    "log_loss": "binary_cross_entropy, of logits, or binary_cross_entropy_on_probabilities",
    "mse": "mean_squared_error",
    "mae": "absolute_error, with average='entries'",
    "svm": "hinge",
}


def _run_together(name: object) -> str:
    return str(name).lower().replace("_", "").replace("-", "")


def cost_named(cost: AnyCost, *, of_activation: bool = True) -> Cost:
    """Return a named or a user's cost; unless `of_activation`, raise an error for one that needs an activation."""
    if callable(cost):
        return Cost(getattr(cost, "__name__", "cost"), lambda y, yhat, axis: cost(y, yhat))
    meant = {name.replace("_", ""): found for name, found in _ALSO_CALLED.items()}.get(_run_together(cost))
    if meant:
        raise NetworkError(f"unknown cost {cost!r}: here it is {meant}")
    found = chosen("cost", cost, COSTS)
    if found.output and not of_activation:
        logits = found.name.removesuffix("_on_probabilities").replace(
            "cross", "softmax_cross", found.output == "softmax"
        )
        raise NetworkError(f"{found.name} needs probabilities, which this network does not give; see {logits}")
    return found


def data_cost(cost: Cost, y: Matrix, a: Matrix, axis: int, average: str | None = None) -> Scalar:
    """Return the cost of the data, divided by the number that `average` names, or by the usual one for this cost."""
    divisor = chosen("average", cost.average if average is None else average, AVERAGES)
    return operand(cost.formula(y, a, axis)) / divisor(y.shape[1 - axis], y.shape[axis])


class Penalty(TypedDict, total=False):
    """The penalties of a network.

    l2, l1: λ of λ/2 Σ W² and of λ Σ |W|: a number λ ≥ 0, the name of a hyperparameter, or True for `lam` (`lam_1` for
        a second penalty).
    l2_factor, l1_factor: another convention: "1", "1/2", "1/N" or "1/(2N)", N being the number of examples.
    penalize_biases: True if the biases are penalized too.
    """

    l2: float | str | bool
    l1: float | str | bool
    l2_factor: str
    l1_factor: str
    penalize_biases: bool


Layers = tuple[Iterable[Matrix], Iterable[Matrix]]  # weights and biases

# A measure of each weight, and the usual factor before λ.
_NORMS: dict[str, tuple[Callable[[Matrix], Matrix], str]] = {
    "l2": (lambda W: power(W, 2), "1/2"),
    "l1": (FUNCTION["abs"], "1"),
}


def require_options(options: Penalty) -> None:
    """Raise an error for an option that no model has, and for one that would have no effect."""
    known = [
        *Penalty.__annotations__,
        "activation",
        "cost",
        "output_activation",
        "bias",
        "average",
        "layout",
        "examples",
    ]
    for name in options:
        if name not in Penalty.__annotations__:
            hint = f"it has no {name}" if name in known else nearest(name, known)
            raise NetworkError(f"unknown option {name} of this network: {hint}")
    for name in _NORMS:
        if f"{name}_factor" in options and name not in options:
            raise NetworkError(f"{name}_factor has no effect without {name}, the weight of the penalty")
    if options.get("penalize_biases") and not any(name in options for name in _NORMS):
        raise NetworkError("penalize_biases has no effect without l2 or l1, the weight of a penalty")


def penalized(net: Network, data: Scalar, layers: Layers, examples: Size, options: Penalty) -> Scalar:
    """Return the cost of the data plus the penalties of the weights."""
    require_options(options)
    weights, biases = layers
    matrices = [*weights, *(biases if options.get("penalize_biases") else ())]
    for name, (measure, usual) in _NORMS.items():
        factor = str(options.get(f"{name}_factor", usual)).replace(" ", "")
        scale = chosen(f"{name}_factor", {"1/2N": "1/(2N)", "1/2/N": "1/(2N)"}.get(factor, factor), FACTORS)(examples)
        default = "lam" if name == "l2" or not options.get("l2") else "lam_1"
        weight = hyperparameter(net, name, options.get(name, 0), default)
        if weight != 0:
            data = plus(operand(data), weight * scale * sympy.Add(*(total(measure(W)) for W in matrices)))
    return data


def hyperparameter(net: Network, name: str, strength: object, default: str) -> Scalar:
    """Return the strength of a penalty: an exact number, or a hyperparameter that is declared under the given name."""
    if isinstance(strength, str) or strength is True:
        return net.scalar(strength if isinstance(strength, str) else default)
    if not isinstance(strength, Real) or not 0 <= float(strength) < float("inf"):
        raise NetworkError(f"{name} is a number of at least 0 or the name of a hyperparameter, not {strength!r}")
    return sympy.nsimplify(float(strength), rational=True)
