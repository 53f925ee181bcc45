"""The value of any quantity of a derivation, computed node by node: it knows no rule and no notation."""

import numpy as np
import sympy

import symbackprop as sb
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.operations import (
    AtLargest,
    Broadcast,
    Elementwise,
    Largest,
    LogSoftmax,
    LogSumExp,
    Softmax,
    Sums,
    Total,
)
from symbackprop.expressions.slicing import Concatenate, Slice

# fmt: off
VALUES = {
    sympy.Add:             lambda node, *xs: sum(xs),
    sympy.Mul:             lambda node, *xs: np.prod(xs),
    sympy.Pow:             lambda node, x, n: x**n,
    sympy.log:             lambda node, x: np.log(x),
    sympy.exp:             lambda node, x: np.exp(x),
    Applied:               lambda node, x: entrywise(node.function)(x),
    nodes.Trace:           lambda node, M: M.trace(),
    nodes.Determinant:     lambda node, M: np.linalg.det(M),
    Total:                 lambda node, M: M.sum(),
    nodes.MatAdd:          lambda node, *Ms: sum(Ms),
    nodes.Scaled:          lambda node, c, M: c * M,
    nodes.MatMul:          lambda node, *Ms: np.linalg.multi_dot(Ms),
    nodes.Transpose:       lambda node, M: M.T,
    nodes.MatPow:          lambda node, M, n: np.linalg.matrix_power(M, int(n)),
    nodes.Inverse:         lambda node, M: np.linalg.inv(M),
    nodes.HadamardProduct: lambda node, *Ms: np.prod(np.broadcast_arrays(*Ms), axis=0),
    nodes.HadamardPower:   lambda node, M, n: M**n,
    Elementwise:           lambda node, M: entrywise(node.function)(M) + 0 * M,
    Sums:                  lambda node, M: M.sum(axis=node.axis, keepdims=True),
    Softmax:               lambda node, M: np.exp(M) / np.exp(M).sum(axis=node.axis, keepdims=True),
    LogSoftmax:            lambda node, M: np.log(np.exp(M) / np.exp(M).sum(axis=node.axis, keepdims=True)),
    Largest:               lambda node, M: M.max(axis=node.axis, keepdims=True),
    AtLargest:             lambda node, M: (M == M.max(axis=node.axis, keepdims=True)) * 1.0,
    Concatenate:           lambda node, *Ms: np.concatenate(Ms, axis=node.axis),
    LogSumExp:             lambda node, M: np.log(np.exp(M).sum(axis=node.axis, keepdims=True)),
}
# fmt: on
SCALAR = sympy.Symbol("z", real=True)
# which arguments are no axes and sizes
QUANTITIES = dict.fromkeys((Sums, Softmax, LogSoftmax, LogSumExp, Broadcast, Slice, Largest, AtLargest), slice(0, 1))
QUANTITIES[Concatenate] = slice(1, None)
FUNCTIONS = {}


def entrywise(function):
    if function not in FUNCTIONS:
        FUNCTIONS[function] = sympy.lambdify(SCALAR, function.at(SCALAR), ["scipy", "numpy"])
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

    def _size(self, size):
        return int(size.xreplace({symbol: self.sizes[symbol] for symbol in size.free_symbols}))

    def _computed(self, node, known):
        shape = tuple(map(self._size, getattr(node, "shape", ())))
        if isinstance(node, nodes.Eye):
            return np.eye(*shape)
        if isinstance(node, nodes.LowerOnes):
            return np.tril(np.ones(shape))
        if isinstance(node, nodes.Ones | nodes.Zeros):
            return np.full(shape, float(isinstance(node, nodes.Ones)))
        kind = next(k for k in type(node).__mro__ if k in VALUES or k in (Broadcast, Slice))
        parts = [a for a in node.args[QUANTITIES.get(kind, slice(None))] if isinstance(a, sympy.Expr)]
        for part in parts:
            self._fill(part, known)
        values = [known[part] for part in parts]
        if kind is Slice:
            places = slice(*map(self._size, node.bounds))
            return values[0][places] if node.axis == 0 else values[0][:, places]
        return np.broadcast_to(values[0], shape) if kind is Broadcast else VALUES[kind](node, *values)


def random_point(net, rng, sizes=None):
    tape = sb.derive(net).tape
    return Point(tape, sb.random_values(net, sizes, seed=int(rng.integers(2**31))))
