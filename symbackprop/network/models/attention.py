"""Single-head attention."""

from sympy import Integer, sqrt

from symbackprop.expressions.matrices import LowerOnes, scaled
from symbackprop.expressions.operations import COLUMNS, softmax
from symbackprop.network.models.layout import GivenSize, require_apart
from symbackprop.network.models.losses import AnyCost, cost_named, data_cost
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import minus, times

_HIDDEN = Integer(10) ** 9  # subtracted from a score, which makes its softmax 0


def attention(
    length: GivenSize = "T",
    features: GivenSize = "D",
    keys: GivenSize = "H",
    values: GivenSize = "M",
    cost: AnyCost = "half_squared_error",
    *,
    causal: bool = True,
    average: str | None = None,
) -> Network:
    """Build scaled dot-product self-attention: O = softmax(Q Kᵀ / √H) V, where Q = X W_q, K = X W_k and V = X W_v.

    Args:
        length: the length of the sequence, the number of rows of X.
        features, keys, values: the number of columns of X, of Q and K, and of V.
        cost: the cost of the output O for the target y; see `mlp`.
        causal: True if each position attends to itself and earlier ones only; 10⁹ is subtracted from the scores of
            later positions.
        average: as in `mlp`.

    After A. Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.1.

    >>> import symbackprop as sb
    >>> print("\\n".join(str(sb.attention()).splitlines()[5:]))
    Q = X @ W_q
    K = X @ W_k
    V = X @ W_v
    S = (1/sqrt(H)) * Q @ K.T
    P = softmax(S - 1000000000 * (1 - tril(ones((T, T)))), axis=1)
    O = P @ V
    J = (1/2) * sum((y - O)**2)
    """
    of = cost_named(cost, of_activation=False)
    require_apart(length, features, keys, values)
    net = Network()
    X, y = net.input("X", length, features), net.target("y", length, values)
    names = [("q", keys), ("k", keys), ("v", values)]
    weights = [net.parameter(f"W_{name}", features, width) for name, width in names]
    Q, K, V = (net.define(name, X * W) for name, W in zip("QKV", weights, strict=True))
    S = net.define("S", scaled(1 / sqrt(Q.shape[1]), Q * K.T))
    ahead = minus(Integer(1), LowerOnes(*S.shape))
    P = net.define("P", softmax(minus(S, times(_HIDDEN, ahead)) if causal else S, COLUMNS))
    out = net.define("O", P * V)
    net.minimize("J", data_cost(of, y, out, COLUMNS, average))
    return net
