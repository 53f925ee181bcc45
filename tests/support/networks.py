"""Networks that several tests share: with shared weights, in time, with shortcuts, and at random."""

import sympy

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.network.models.losses import COSTS

ON_PROBABILITIES = {"binary_cross_entropy_on_probabilities", "cross_entropy_on_probabilities"}

# Each activation under a cost, and each cost over two activations; a probability needs one that gives it.
PAIRS = [
    *((activation, "half_squared_error") for activation in FUNCTIONS),
    *(("sigmoid", cost) for cost in COSTS if cost != "cross_entropy_on_probabilities"),  # a softmax, elsewhere
    *(("softplus", cost) for cost in COSTS if cost not in ON_PROBABILITIES),
]


def composite():
    """Shared weights, several uses, a scalar with a name, softmax both ways, broadcasting both ways."""
    net = sb.Network()
    X, W, V = net.input("X", "N", "D"), net.parameter("W", "D", "D"), net.parameter("V", "D", "H")
    b, c = net.parameter("b", 1, "D"), net.parameter("c", "N", 1)
    lam = net.scalar("lam")
    h = net.define("h", sb.tanh(X * W + sb.broadcast(b, "N", "D")))
    g = net.define("g", sb.hadamard(h, h) + sb.sigmoid(h * W) - sb.broadcast(c, "N", "D"))
    s = net.define("s", sympy.log(1 + sb.total(sb.power(g, 2))) / net.dimension("N"))
    same = net.define("same", g)
    p = net.define("p", sb.softmax(same * V) + s * sb.softmax(X * W * V, axis=0))
    rows = sb.sums(p, 1)
    net.minimize(
        "J", sb.total(sb.logsumexp(p, axis=0)) + lam * sb.total(sb.power(W, 2)) + s**2 + sb.total(rows.T * rows)
    )
    return net


def tied():
    """One W in two layers, once transposed: an autoencoder."""
    net = sb.Network()
    X, W = net.input("X", "N", "D"), net.parameter("W", "D", "H")
    b = net.parameter("b", 1, "H")
    z2 = net.define("z2", X * W + sb.broadcast(b, "N", "H"))
    a2 = net.define("a2", sb.tanh(z2))
    z3 = net.define("z3", a2 * W.T)
    net.minimize("J", sb.total(sb.power(X - sb.sigmoid(z3), 2)) / 2)
    return net


def tied_across_sections():
    """Two shared matrices: what one section finds out, the other one holds."""
    net = sb.Network()
    X, y = net.input("X", "N", "D"), net.target("y", "N", "D")
    W, V = net.parameter("W", "D", "D"), net.parameter("V", "D", "D")
    h1 = net.define("h1", sb.tanh(X * V))
    h2 = net.define("h2", sb.tanh(h1 * W))
    h3 = net.define("h3", sb.tanh(h2 * W + h1))
    h4 = net.define("h4", h3 * V)
    net.minimize("J", sb.total(sb.power(y - h4, 2)) / 2)
    return net


def rnn(times):
    """A recurrent network, unrolled: h_t = tanh(X_t Wx + h_{t−1} Wh + b)."""
    net = sb.Network()
    inputs = [net.input(f"X{t}", "N", "D") for t in range(1, times + 1)]
    y, h = net.target("y", "N", "H"), net.input("h0", "N", "H")
    Wx, Wh, b = net.parameter("Wx", "D", "H"), net.parameter("Wh", "H", "H"), net.parameter("b", 1, "H")
    for t, X in enumerate(inputs, start=1):
        h = net.define(f"h{t}", sb.tanh(X * Wx + h * Wh + sb.broadcast(b, "N", "H")))
    net.minimize("J", sb.total(sb.power(y - h, 2)) / 2)
    return net


def residual(layers):
    """h + tanh(h W), again and again; the first W is used once more for the output."""
    net = sb.Network()
    h, y = net.input("X", "N", "D"), net.target("y", "N", "D")
    weights = [net.parameter(f"W{k}", "D", "D") for k in range(1, layers + 1)]
    for k, W in enumerate(weights, start=1):
        h = net.define(f"h{k}", h + sb.tanh(h * W))
    out = net.define("out", h * weights[0].T)
    net.minimize("J", sb.total(sb.power(y - out, 2)) / 2)
    return net


def random_network(rng):
    """Square layers of random operations over what is there already, with shared parameters of random shapes."""
    net = sb.Network()
    size, classes = "D", "K"
    X = net.input("X", "N", size)
    y = net.target("y", "N", classes)
    weights = [net.parameter(f"W{k}", size, size) for k in range(1, 3)]
    bias, column = net.parameter("b", 1, size), net.parameter("c", "N", 1)
    last = net.parameter("V", size, classes)
    there = [X]
    for k in range(int(rng.integers(2, 5))):
        there.append(net.define(f"q{k}", _random_quantity(rng, there, weights, bias, column)))
    out = net.define("out", there[-1] * last)
    cost = COSTS[str(rng.choice([name for name in COSTS if name not in ON_PROBABILITIES]))]
    J = cost.formula(y, out)
    if rng.random() < 0.5:
        J = J + net.dimension("D") * sb.total(sb.power(weights[0], 2)) / 3
    if rng.random() < 0.3:
        J = sympy.log(2 + sb.total(sb.power(out, 2))) + J
    net.minimize("J", J)
    return net


def _random_quantity(rng, there, weights, bias, column):
    def some(options):
        return options[int(rng.integers(len(options)))]

    h, g, W = some(there), there[-1], some(weights)
    f = some([sb.tanh, sb.sigmoid, sb.softplus])
    shape = h.shape
    return some(
        [
            lambda: f(g * W + sb.broadcast(bias, *shape)),
            lambda: f(g * W.T) + h,
            lambda: sb.hadamard(f(g * W), f(h * some(weights))),
            lambda: sb.softmax(g * W, axis=int(rng.integers(2))) - sb.broadcast(column, *shape),
            lambda: f(g * W * some(weights)) / 2 + sb.power(g, 2) / 3,
            lambda: f(g) * W + sb.broadcast(sb.sums(h, 0), *shape) / 4,
            lambda: sb.total(sb.tanh(h)) / 5 * f(g * W),
            lambda: sb.broadcast(sb.logsumexp(g * W), *shape) - f(h),
        ]
    )()
