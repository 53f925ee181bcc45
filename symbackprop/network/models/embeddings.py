"""Word vectors."""

from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.operations import total
from symbackprop.network.models.layout import GivenSize
from symbackprop.network.network import Network


def word2vec(features: GivenSize = "D", negatives: GivenSize = "K") -> Network:
    """Build skip-gram with negative sampling for one pair of words: J = −log σ(s) − Σ log σ(−r).

    v_c is the vector of the centre word, u_o that of the neighbouring word, and the rows of U_k are the vectors of
    randomly drawn words; s and r are their scores.

    After T. Mikolov et al., Distributed representations of words and phrases and their compositionality, NIPS 2013,
    equation (4).

    Args:
        features: the number of entries of a vector.
        negatives: the number of randomly drawn words.

    >>> import symbackprop as sb
    >>> print(sb.derive(sb.word2vec()).gradients["v_c"])
    delta_r*U_k + delta_s*u_o
    """
    net = Network()
    v, u = net.parameter("v_c", 1, features), net.parameter("u_o", 1, features)
    negative = net.parameter("U_k", negatives, features)
    log, sigmoid = FUNCTION["log"], FUNCTION["sigmoid"]
    s, r = net.define("s", v * u.T), net.define("r", v * negative.T)
    net.minimize("J", -total(log(sigmoid(s))) - total(log(sigmoid(-r))))
    return net
