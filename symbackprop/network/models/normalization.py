"""Normalization layers: mean and variance depend on the input, so they are differentiated too."""

from symbackprop.expressions.constructors import power
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.operations import total
from symbackprop.network.models.layout import GivenSize, layout_named, require_apart
from symbackprop.network.models.losses import hyperparameter
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import divided, mean, minus, plus, times


def batchnorm(
    features: GivenSize = "D", *, eps: float | str = "eps", layout: str = "rows", examples: GivenSize = "N"
) -> Network:
    """Build batch normalization of X: each feature minus its mean, divided by its standard deviation.

    X is a parameter here, so J is differentiated with respect to it, and G is the adjoint of the output:
    J = Σ G ⊙ out, so that ∂J/∂out = G. ε is a number, or the name of a hyperparameter.

    After S. Ioffe, C. Szegedy, Batch normalization, ICML 2015, section 3.

    >>> import symbackprop as sb
    >>> print("\\n".join(str(sb.batchnorm()).splitlines()[5:]))
    mu = (1/N) * sum(X, axis=0, keepdims=True)
    v = (1/N) * sum((X - mu)**2, axis=0, keepdims=True)
    xhat = (X - mu) / sqrt(v + eps)
    out = gamma * xhat + beta
    J = sum(G * out)
    """
    return _normalized(features, eps, layout, examples, over_examples=True)


def layernorm(
    features: GivenSize = "D", *, eps: float | str = "eps", layout: str = "rows", examples: GivenSize = "N"
) -> Network:
    """Build layer normalization of X: each example minus the mean of its features, divided by their standard deviation.

    X, G and ε are as in `batchnorm`. After J. Ba, J. Kiros, G. Hinton, Layer normalization, 2016, section 3.

    >>> import symbackprop as sb
    >>> print(str(sb.layernorm()).splitlines()[5])
    mu = (1/D) * sum(X, axis=1, keepdims=True)
    """
    return _normalized(features, eps, layout, examples, over_examples=False)


def _normalized(
    features: GivenSize, eps: float | str, layout: str, examples: GivenSize, *, over_examples: bool
) -> Network:
    place, net = layout_named(layout), Network()
    require_apart(examples, features)
    axis = 1 - place.features if over_examples else place.features
    X = net.parameter("X", *place.shape(examples, features))
    gamma, beta = (place.bias(net, name, features) for name in ("gamma", "beta"))
    G = net.input("G", *X.shape)
    epsilon = hyperparameter(net, "eps", eps, "eps")
    mu = net.define("mu", mean(X, axis))
    v = net.define("v", mean(power(minus(X, mu), 2), axis))
    xhat = net.define("xhat", divided(minus(X, mu), FUNCTION["sqrt"](plus(v, epsilon))))
    out = net.define("out", plus(times(gamma, xhat), beta))
    net.minimize("J", total(times(G, out)))
    return net
