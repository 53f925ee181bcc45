"""Every single step is a true statement: ∂J/∂v is what J does when v, or one use of v, is moved by a little.

The evaluator knows no rule: it computes the network's value node by node.
"""

import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop import nodes, rules
from symbackprop.builders import COSTS
from symbackprop.maps import Broadcast, Elementwise, LogSumExp, Softmax, Sums, Total

# fmt: off
VALUES = {
    sympy.Add:             lambda node, *xs: sum(xs),
    sympy.Mul:             lambda node, *xs: np.prod(xs),
    sympy.Pow:             lambda node, x, n: x**n,
    sympy.log:             lambda node, x: np.log(x),
    sympy.exp:             lambda node, x: np.exp(x),
    Total:                 lambda node, M: M.sum(),
    nodes.MatAdd:          lambda node, *Ms: sum(Ms),
    nodes.Scaled:          lambda node, c, M: c * M,
    nodes.MatMul:          lambda node, *Ms: np.linalg.multi_dot(Ms),
    nodes.Transpose:       lambda node, M: M.T,
    nodes.HadamardProduct: lambda node, *Ms: np.prod(np.broadcast_arrays(*Ms), axis=0),
    nodes.HadamardPower:   lambda node, M, n: M**n,
    Elementwise:           lambda node, M: sympy.lambdify(SCALAR, node.function.at(SCALAR), "numpy")(M) + 0 * M,
    Sums:                  lambda node, M: M.sum(axis=node.axis, keepdims=True),
    Softmax:               lambda node, M: np.exp(M) / np.exp(M).sum(axis=node.axis, keepdims=True),
    LogSumExp:             lambda node, M: np.log(np.exp(M).sum(axis=node.axis, keepdims=True)),
}
# fmt: on
SCALAR = sympy.Symbol("z", real=True)
QUANTITIES = {Sums: 1, Softmax: 1, LogSumExp: 1, Broadcast: 1}  # how many arguments are no axes and sizes


class Evaluator:
    """J where one quantity, or one use of it, is moved."""

    def __init__(self, tape, values):
        self.tape = tape
        self.values = values
        self.sizes = {
            size: n
            for s in tape.network.arguments
            for size, n in zip(getattr(s, "shape", ()), np.shape(values[s.name]), strict=False)
        }
        self.root = {equation.expression: equation.symbol for equation in tape.equations}

    def cost(self, of=None, through=None, by=0.0):
        self.of, self.through, self.by = of, through, by
        self.known = {s: self.values[s.name] for s in self.tape.network.arguments}
        for equation in self.tape.equations:
            self.known[equation.symbol] = self.used(equation.expression, equation.symbol)
        return self.known[self.tape.cost.symbol]

    def used(self, node, use):
        """The value of a node where `use` works on it."""
        here = node == self.of and (self.through is None or use == self.through)
        return self.value(node) + (self.by if here else 0)

    def value(self, node):
        if node in self.known:
            return self.known[node]
        if node in self.sizes:
            return self.sizes[node]
        if node.is_number:
            return float(node)
        shape = tuple(int(self.sizes.get(size, size)) for size in getattr(node, "shape", ()))
        if isinstance(node, nodes.Ones | nodes.Zeros):
            return np.full(shape, float(isinstance(node, nodes.Ones)))
        kind = next(k for k in type(node).__mro__ if k in VALUES or k is Broadcast)
        use = self.root.get(node, node)
        parts = [a for a in node.args[: QUANTITIES.get(kind)] if isinstance(a, sympy.Expr)]
        parts = [self.used(part, use) for part in parts]
        if kind is Broadcast:
            return np.broadcast_to(parts[0], shape)
        return VALUES[kind](node, *parts)


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


def networks():
    yield "home", sb.home_network()
    for cost in COSTS:
        yield (
            cost,
            sb.mlp(
                [4, 3, 6, 2],
                "softplus",
                cost,
                output_activation=None if cost.endswith("entropy") else "tanh",
                bias=True,
                l2="lam",
            ),
        )
    yield "composite", composite()


@pytest.mark.parametrize(("name", "net"), list(networks()), ids=lambda part: part if isinstance(part, str) else "")
def test_every_step_is_true(name, net, rng):
    tape = sb.derive(net).tape
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    evaluator = Evaluator(tape, values)
    assert evaluator.cost() == pytest.approx(sb.derive(net).to_numpy()(**values).J, rel=1e-12)
    evaluator.cost()
    known = dict(evaluator.known)
    for adjoint in tape.adjoints:
        known[adjoint.symbol] = evaluated(evaluator, known, adjoint.expression)
    for step in tape.steps:
        after = evaluated(evaluator, known, step.after)
        direction = rng.normal(size=np.shape(after))
        t = 1e-5
        high, low = (evaluator.cost(step.before.of, step.before.through, s * t * direction) for s in (1, -1))
        slope, claimed = (high - low) / (2 * t), float(np.sum(after * direction))
        assert slope == pytest.approx(claimed, rel=1e-5, abs=1e-6), f"{step.rule}: {step.before} = {step.after}"


def evaluated(evaluator, known, expression):
    evaluator.known, evaluator.of = known, None
    return evaluator.value(expression)


def test_a_false_step_is_noticed(rng, monkeypatch):

    wrong = rules.Rule("chain rule", lambda G, _, f, Z: [None, nodes.hadamard(G, f(Z))])
    monkeypatch.setitem(rules.RULES, Elementwise, wrong)
    with pytest.raises(AssertionError, match="chain rule"):
        test_every_step_is_true("home", sb.home_network(), rng)
