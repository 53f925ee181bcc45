"""The value of any quantity of a derivation, computed node by node: it knows no rule and no notation."""

import numpy as np
import sympy

import symbackprop as sb
from symbackprop import nodes
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
    Elementwise:           lambda node, M: entrywise(node.function)(M) + 0 * M,
    Sums:                  lambda node, M: M.sum(axis=node.axis, keepdims=True),
    Softmax:               lambda node, M: np.exp(M) / np.exp(M).sum(axis=node.axis, keepdims=True),
    LogSumExp:             lambda node, M: np.log(np.exp(M).sum(axis=node.axis, keepdims=True)),
}
# fmt: on
SCALAR = sympy.Symbol("z", real=True)
QUANTITIES = {Sums: 1, Softmax: 1, LogSumExp: 1, Broadcast: 1}  # how many arguments are no axes and sizes
FUNCTIONS = {}


def entrywise(function):
    if function not in FUNCTIONS:
        FUNCTIONS[function] = sympy.lambdify(SCALAR, function.at(SCALAR), "numpy")
    return FUNCTIONS[function]


class Point:
    """A network at a point. `value(node, moved)` is the value of a node where the quantities in `moved` are others."""

    def __init__(self, tape, values):
        self.tape = tape
        self.sizes = {
            size: n
            for s in tape.network.arguments
            for size, n in zip(getattr(s, "shape", ()), np.shape(values[s.name]), strict=False)
        }
        self.given = {s: values[s.name] for s in tape.network.arguments}
        self.defined = {equation.symbol: equation.expression for equation in tape.equations}
        self.here = self.with_named_adjoints()

    def with_named_adjoints(self):
        """All values at this point, those of the δ's by their definitions."""
        known = {}
        for adjoint in self.tape.adjoints:
            known[adjoint.symbol] = self.value(adjoint.expression, known)
        return known

    def value(self, node, moved=None):
        known = self.given | (moved or {})
        self._fill(node, known)
        return known[node]

    def _fill(self, node, known):
        if node in known:
            return
        if node in self.defined:
            self._fill(self.defined[node], known)
            known[node] = known[self.defined[node]]
        elif node in self.sizes:
            known[node] = self.sizes[node]
        elif node.is_number:
            known[node] = float(node)
        else:
            known[node] = self._computed(node, known)

    def _computed(self, node, known):
        shape = tuple(int(self.sizes.get(size, size)) for size in getattr(node, "shape", ()))
        if isinstance(node, nodes.Ones | nodes.Zeros):
            return np.full(shape, float(isinstance(node, nodes.Ones)))
        kind = next(k for k in type(node).__mro__ if k in VALUES or k is Broadcast)
        parts = [a for a in node.args[: QUANTITIES.get(kind)] if isinstance(a, sympy.Expr)]
        for part in parts:
            self._fill(part, known)
        values = [known[part] for part in parts]
        return np.broadcast_to(values[0], shape) if kind is Broadcast else VALUES[kind](node, *values)


def random_point(net, rng, sizes=None):
    tape = sb.derive(net).tape
    return Point(tape, sb.random_values(net, sizes, seed=int(rng.integers(2**31))))
