"""Networks of dense layers."""

from collections.abc import Iterable, Sequence
from typing import Unpack

from symbackprop.errors import NetworkError
from symbackprop.expressions.aliases import Matrix
from symbackprop.expressions.functions import ElementwiseFunction, function_named
from symbackprop.expressions.operations import COLUMNS, softmax
from symbackprop.network.models.layout import DataLayout, GivenSize, layout_named, require_apart, require_count
from symbackprop.network.models.losses import AnyCost, Cost, Penalty, cost_named, data_cost, penalized
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import plus

Activation = str | ElementwiseFunction
Layer = tuple[Matrix, Matrix | None]  # weights and bias


def mlp(
    sizes: Sequence[GivenSize],
    activation: Activation = "sigmoid",
    cost: AnyCost = "half_squared_error",
    *,
    output_activation: Activation | None = None,
    bias: bool = False,
    average: str | None = None,
    layout: str = "rows",
    examples: GivenSize = "N",
    **penalty: Unpack[Penalty],
) -> Network:
    """Build a network of dense layers: z = a W (+ b), a = f(z), layer by layer.

    Args:
        sizes: the width of each layer, input first, as whole numbers or names of dimensions.
        activation: f of every layer, by name or as a function such as `sb.tanh`.
        cost: a name from `sb.COSTS`, or a callable (y, yhat) -> scalar. A cross-entropy without `on_probabilities` in
            its name is computed stably from the last pre-activation z (the logits): there is no output activation, and
            y contains probabilities (one-hot rows, or 0 and 1). A hinge loss is computed from z too, with y −1 or 1.
            With `on_probabilities`, the last activation is a sigmoid or a softmax.
        output_activation: f of the last layer, if it differs; for "softmax", each row of y is one-hot in both layouts.
        bias: True if each layer adds a row b to every example.
        average: "sum" adds up all entries; "examples", "outputs" and "entries" divide the sum by their number; the
            default depends on the cost.
        layout: "rows" or "columns", which contain the examples; with columns, z = W a + b.
        examples: the number of examples, a name or a whole number.
        **penalty: `l2="lam"` adds λ/2 Σ W² over all weights, `l1="mu"` adds μ Σ |W|; a strength is a number of at least
            0, the name of a hyperparameter, or True for the name `lam`. `l2_factor` and `l1_factor` choose another
            convention, "1", "1/2", "1/N" or "1/(2N)"; `penalize_biases=True` includes the biases.

    Raises:
        SymbackpropError: an activation or cost is unknown (the message names the nearest), or a size is invalid.

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
    widths, place, of = _widths(sizes, examples), layout_named(layout), cost_named(cost)
    f = function_named(activation)
    last = _last(of, f, output_activation)
    net = Network()
    a = net.input("X", *place.shape(examples, widths[0]))
    y = _target(net, place, examples, widths[-1], one_hot=last == "softmax" and not of.on_logits)
    layers = [_layer(net, place, str(k), widths[k - 1], widths[k], bias=bias) for k in range(1, len(widths))]
    for k, (W, b) in enumerate(layers, start=2):
        z = net.define(f"z{k}", place.affine(a, W, b))
        a = net.define(f"a{k}", f(z)) if k <= len(layers) else z
    return _minimize(net, place, layers, y, a, last=last, cost=of, average=average, penalty=penalty)


def linear_regression(
    inputs: GivenSize = "D",
    outputs: GivenSize = 1,
    cost: AnyCost = "mean_half_squared_error",
    *,
    bias: bool = True,
    average: str | None = None,
    layout: str = "rows",
    examples: GivenSize = "N",
    **penalty: Unpack[Penalty],
) -> Network:
    """Build the network ŷ = X W + b. The options are those of `mlp`.

    >>> import symbackprop as sb
    >>> print(sb.linear_regression(l2="lam"))
    X:   input(N, D)
    y:   target(N, 1)
    W:   parameter(D, 1)
    b:   parameter(1, 1)
    lam: scalar
    yhat = X @ W + b
    J = (1/(2*N)) * sum((y - yhat)**2) + (lam/2) * sum(W**2)
    """
    place, of = layout_named(layout), cost_named(cost, of_activation=False)
    if of.on_logits:
        raise NetworkError(f"{of.name} is a cost of classes; see logistic_regression, or mlp of one layer")
    sizes = examples, inputs, outputs
    return _of_one_layer("yhat", place, sizes, None, of, bias=bias, average=average, penalty=penalty)


def logistic_regression(
    inputs: GivenSize = "D",
    classes: GivenSize = 1,
    *,
    on_logits: bool = False,
    bias: bool = True,
    average: str = "examples",
    layout: str = "rows",
    examples: GivenSize = "N",
    **penalty: Unpack[Penalty],
) -> Network:
    """Build a classifier: ŷ = σ(X W + b), or a softmax over several classes; J is the cross-entropy.

    Args:
        inputs: the number of features.
        classes: 1 for two classes with y = 0 and y = 1, else the number of classes. With more than two, each row of y
            is one-hot in both layouts; with `on_logits`, y may be any probabilities, in the layout of X.
        on_logits: True if J is computed from z = X W + b, which is numerically stable; False if from ŷ, as in most
            derivations.
        bias, average, layout, examples, **penalty: as in `mlp`.

    >>> import symbackprop as sb
    >>> print(sb.derive(sb.logistic_regression()).to_text(detail="result"))
    Result
      δ = ∂J/∂z = (1/N) (yhat − y)   N×1
      ∂J/∂W = Xᵀ δ                   D×1
      ∂J/∂b = Σ_rows δ               1×1
    """
    place, several, sizes = layout_named(layout), classes != 1, (examples, inputs, classes)
    last, of = "softmax" if several else "sigmoid", cost_named(_OF_CLASSES[several, on_logits])
    return _of_one_layer("z", place, sizes, last, of, bias=bias, average=average, penalty=penalty)


def _of_one_layer(
    result: str,
    place: DataLayout,
    sizes: tuple[GivenSize, GivenSize, GivenSize],
    last: Activation | None,
    cost: Cost,
    *,
    bias: bool,
    average: str | None,
    penalty: Penalty,
) -> Network:
    """Build a network of one layer; `sizes` are the numbers of examples, inputs and outputs, `result` names X W + b."""
    require_apart(*sizes)
    examples, inputs, outputs = sizes
    net = Network()
    X = net.input("X", *place.shape(examples, inputs))
    y = _target(net, place, examples, outputs, one_hot=last == "softmax" and not cost.on_logits)
    layer = _layer(net, place, "", inputs, outputs, bias=bias)
    a = net.define(result, place.affine(X, *layer))
    return _minimize(net, place, [layer], y, a, last=last, cost=cost, average=average, penalty=penalty)


_OF_CLASSES = {
    (False, False): "binary_cross_entropy_on_probabilities",
    (False, True): "binary_cross_entropy",
    (True, False): "cross_entropy_on_probabilities",
    (True, True): "softmax_cross_entropy",
}


def residual(
    width: GivenSize = "D",
    layers: int = 2,
    activation: Activation = "relu",
    cost: AnyCost = "half_squared_error",
    *,
    bias: bool = False,
    average: str | None = None,
    layout: str = "rows",
    examples: GivenSize = "N",
    **penalty: Unpack[Penalty],
) -> Network:
    """Build a sequence of layers with residual connections, h + f(h W + b). The options are those of `mlp`.

    After K. He et al., Deep residual learning for image recognition, CVPR 2016, equation (1), with one weight layer in
    each block.

    >>> import symbackprop as sb
    >>> print(sb.residual(layers=1))
    X:  input(N, D)
    y:  target(N, D)
    W1: parameter(D, D)
    z1 = X @ W1
    yhat = X + relu(z1)
    J = (1/2) * sum((y - yhat)**2)
    """
    place, of, f = layout_named(layout), cost_named(cost, of_activation=False), function_named(activation)
    require_apart(examples, width)
    net = Network()
    h = net.input("X", *place.shape(examples, width))
    y = net.target("y", *place.shape(examples, width))
    weights = [
        _layer(net, place, str(k), width, width, bias=bias) for k in range(1, require_count("layers", layers) + 1)
    ]
    for k, layer in enumerate(weights, start=1):
        z = net.define(f"z{k}", place.affine(h, *layer))
        h = net.define("yhat" if k == layers else f"h{k}", plus(h, f(z)))
    return _minimize(net, place, weights, y, h, last=None, cost=of, average=average, penalty=penalty)


def _last(cost: Cost, f: ElementwiseFunction, wanted: Activation | None) -> Activation:
    """Return the activation of the last layer: the user's choice, else the one that the cost needs, else f."""
    if cost.on_logits and wanted is not None:
        raise NetworkError(f"{cost.name} is computed from the logits: leave out output_activation")
    last = wanted if wanted is not None else cost.output or f
    if cost.output and last != "softmax":
        low, high = function_named(last).row.range
        if not (low >= 0 and high <= 1):
            name = function_named(last).name
            raise NetworkError(
                f"{cost.name} needs a prediction between 0 and 1, {name} gives others; take {cost.output}"
            )
    return last


def _widths(sizes: Sequence[GivenSize], examples: GivenSize) -> list[GivenSize]:
    widths = [] if isinstance(sizes, str) or not isinstance(sizes, Iterable) else list(sizes)
    if len(widths) < 2:
        raise NetworkError(f"sizes are the widths of at least two layers, such as [2, 3, 1], not {sizes!r}")
    require_apart(examples, *widths)
    return widths


def _target(net: Network, place: DataLayout, examples: GivenSize, width: GivenSize, *, one_hot: bool) -> Matrix:
    """Declare the target y; in both layouts, each row of a one-hot target is an example."""
    if one_hot:
        y = net.one_hot("y", examples, width)
        return y if place.features == COLUMNS else y.T
    return net.target("y", *place.shape(examples, width))


def _layer(net: Network, place: DataLayout, k: str, inputs: GivenSize, outputs: GivenSize, *, bias: bool) -> Layer:
    return place.weights(net, f"W{k}", inputs, outputs), place.bias(net, f"b{k}", outputs) if bias else None


def _minimize(
    net: Network,
    place: DataLayout,
    layers: Sequence[Layer],
    y: Matrix,
    a: Matrix,
    *,
    last: Activation | None,
    cost: Cost,
    average: str | None,
    penalty: Penalty,
) -> Network:
    """Define the last activation, unless the cost is computed from logits, and the cost with its penalties."""
    if last is not None and not cost.on_logits:
        a = net.define("yhat", softmax(a, place.features) if last == "softmax" else function_named(last)(a))
    data = data_cost(cost, y, a, place.features, average)
    weights, biases = [W for W, _ in layers], [b for _, b in layers if b is not None]
    net.minimize("J", penalized(net, data, (weights, biases), y.shape[1 - place.features], penalty))
    return net
