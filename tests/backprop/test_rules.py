"""Every row of the table of rules, against derivatives that SymPy takes of each entry, and with planted errors."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from sympy import Add, Mul, Pow

import symbackprop as sb
from symbackprop.backprop import rules
from symbackprop.backprop.rules import RULES
from symbackprop.expressions import constructors as forms
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.gathers import Gather
from symbackprop.expressions.operations import (
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


class Parts:
    """Parameters A, B (2×3), M (3×4), r (1×3), c (2×1); constants C of each shape that is asked for."""

    def __init__(self):
        self.net = sb.Network()
        self.A, self.B = (self.net.parameter(name, 2, 3) for name in "AB")
        self.M, self.r, self.c = (self.net.parameter(n, *s) for n, s in [("M", (3, 4)), ("r", (1, 3)), ("c", (2, 1))])
        self.S = self.net.parameter("S", 2, 2)
        self.constants = 0

    def weighed(self, matrix):
        """Σ C ⊙ matrix, with a constant C: every entry's adjoint is different."""
        self.constants += 1
        return sb.total(sb.hadamard(self.net.input(f"C{self.constants}", *matrix.shape), matrix))


# fmt: off
CASES = {
    Add:                   lambda p: p.weighed(p.A) + p.weighed(p.B),
    Mul:                   lambda p: p.weighed(p.A) * p.weighed(p.M) * 3,
    Pow:                   lambda p: p.weighed(p.A)**3 + 1 / (p.weighed(sb.power(p.B, 2)) + 9),
    sympy.exp:             lambda p: sympy.exp(p.weighed(p.A) / 5),
    sympy.log:             lambda p: sympy.log(p.weighed(p.A)**2 + 1),
    Applied:               lambda p: sb.tanh(p.weighed(p.A)) * sb.sigmoid(p.weighed(p.B)),
    nodes.Trace:           lambda p: sb.trace(p.A * p.B.T * p.A * p.A.T) ** 2,
    nodes.Determinant:     lambda p: sb.det(p.A * p.B.T) * p.weighed(p.A),
    Total:                 lambda p: sb.total(p.A),
    nodes.MatAdd:          lambda p: p.weighed(p.A + p.B - 2 * p.A),
    nodes.Scaled:          lambda p: p.weighed(p.weighed(p.c) * p.A) + p.weighed(p.B / 3),
    nodes.MatMul:          lambda p: p.weighed(p.A * p.M) + p.weighed(p.A * p.B.T * p.A),
    nodes.Transpose:       lambda p: p.weighed((p.A * p.M).T) + p.weighed(p.A.T),
    nodes.MatPow:          lambda p: p.weighed(sb.matrix_power(p.A * p.B.T, 3)) + p.weighed(p.S**2),
    nodes.Inverse:         lambda p: p.weighed(sb.inv(p.A * p.B.T)) + p.weighed(p.S**-1 * p.A),
    nodes.HadamardProduct: lambda p: p.weighed(sb.hadamard(p.A, p.B, p.A)),
    nodes.HadamardPower:   lambda p: p.weighed(sb.power(p.A, 3)) + p.weighed(sb.power(sb.exp(p.B), sympy.Rational(-1, 2))),
    Elementwise:           lambda p: p.weighed(sb.tanh(p.A)) + p.weighed(sb.sigmoid(p.A * p.M)),
    Sums:                  lambda p: p.weighed(sb.sums(p.A, 0)) + p.weighed(sb.sums(p.B, 1)),
    Broadcast:             lambda p: p.weighed(p.A + sb.broadcast(p.r, 2, 3)) + p.weighed(sb.broadcast(p.c, 2, 3))
                                     + sum(p.weighed(sb.broadcast(p.net.parameter(f"s{n}{m}", 1, 1), n, m)) for n, m in [(1, 3), (2, 1), (2, 3)]),
    Softmax:               lambda p: p.weighed(sb.softmax(p.A)) + p.weighed(sb.softmax(p.B, axis=0)),
    LogSoftmax:            lambda p: p.weighed(sb.log_softmax(p.A)) + p.weighed(sb.log_softmax(p.B, axis=0)),
    Largest:               lambda p: p.weighed(sb.largest(p.A, 1)) + p.weighed(sb.largest(p.B, axis=0)) + sb.largest(p.M)**2,
    Concatenate:           lambda p: p.weighed(sb.concatenate([p.A, p.c, p.B], axis=1)) + p.weighed(sb.concatenate([p.A, p.r, p.A])),
    Slice:                 lambda p: p.weighed(sb.columns(p.A, 1, 3)) + p.weighed(sb.rows(p.M, 0, 2)) + p.weighed(sb.columns(p.A, 0, 2)),
    LogSumExp:             lambda p: p.weighed(sb.logsumexp(p.A)) + p.weighed(sb.logsumexp(p.B, axis=0)),
}
# fmt: on


OF_ARRAYS = {  # rules of arrays with more than two axes; test_arrays.py compares each with the derivative of each entry
    Einsum: "A: parameter(B, N, D)\nW: parameter(D, K)\nV: parameter(B, N, K)\nJ = sum(tanh(A @ W) * V)",
    Gather: "A: parameter(N, 6)\nV: parameter(N, 4, 3)\nJ = sum(sliding_window_view(tanh(A), 3, axis=1) * V)",
}


def network_of(kind):
    if kind in OF_ARRAYS:
        return sb.parse_network(OF_ARRAYS[kind])
    parts = Parts()
    parts.net.minimize("J", CASES[kind](parts))
    return parts.net


def decided(net, rng):
    """Return a point at which the gradient is right; at one in hundreds it may be undecided, at none wrong."""
    for _ in range(3):
        values = sb.random_values(net, seed=int(rng.integers(2**31)))
        report = sb.derive(net).check(values)
        if report.verdict == "right":
            return values
        assert report.verdict == "undecided", str(report)
    raise AssertionError("the gradient is undecided at three points")


def test_no_rule_goes_untested():
    assert set(CASES) | set(OF_ARRAYS) == set(RULES)


def entries(matrix):
    return [matrix[i, j] for i, j in np.ndindex(*(int(size) for size in matrix.shape))]


def explicit(matrix):
    return sympy.Matrix(*map(int, matrix.shape), lambda i, j: matrix[i, j])


def written_out(expression):
    """A scalar expression with every sum of a matrix written out by its entries."""
    expression = expression.replace(lambda e: isinstance(e, nodes.Trace), lambda e: explicit(e.args[0]).trace())
    expression = expression.replace(lambda e: isinstance(e, nodes.Determinant), lambda e: explicit(e.args[0]).det())
    expression = expression.replace(lambda e: isinstance(e, Applied), lambda e: e.function.at(e.args[1]))
    return expression.replace(lambda e: isinstance(e, Total), lambda e: e.as_sum()).doit()


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_rule_against_the_derivative_of_each_entry(kind, rng):
    net = network_of(kind)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    J = written_out(net.cost.expression)
    numbers = {  # in 30 digits, exactly the values
        entry: sympy.Float(float(values[symbol.name][np.unravel_index(k, symbol.shape)]), 30)
        for symbol in net.arguments
        for k, entry in enumerate(entries(symbol))
    }
    result = sb.derive(net).to_numpy()(**values)
    assert result.J == pytest.approx(float(J.xreplace(numbers).doit()), rel=1e-12)
    for parameter in net.parameters:
        derivatives = [float(J.diff(entry).xreplace(numbers).doit()) for entry in entries(parameter)]
        ours = getattr(result, f"dJd{parameter.name}")
        np.testing.assert_allclose(ours.ravel(), derivatives, rtol=1e-11, atol=1e-12)


def planted(rule, change):
    return replace(
        rule, adjoints=lambda G, node, *args: [g if g is None else change(g) for g in rule.adjoints(G, node, *args)]
    )


CHANGES = {"sign": lambda g: -g, "factor": lambda g: 2 * g}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_planted_error_in_each_rule_is_caught(kind, change, rng, monkeypatch):
    net = network_of(kind)
    values = decided(net, rng)
    monkeypatch.setitem(rules.RULES, kind, planted(RULES[kind], CHANGES[change]))
    assert sb.derive(net).check(values).verdict == "wrong"


def forget_derivative(G, _, f, Z):
    return [None, G]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Elementwise, forget_derivative),
        (Elementwise, lambda G, _, f, Z: [None, forms.hadamard(G, f(Z))]),
        (Softmax, lambda G, S, Z, axis: [forms.hadamard(G, S, forms.add(nodes.Ones(*S.shape), -S)), None]),
        (nodes.HadamardPower, lambda G, _, M, n: [forms.hadamard(G, M), None]),
        (Broadcast, lambda G, node, M, *size: [sb.sums(G, node.axis) / node.shape[node.axis], None, None]),
    ],
    ids=[
        "f′ left out",
        "f for f′",
        "softmax Jacobian cut to its diagonal",
        "factor n left out",
        "mean for sum",
    ],
)
def test_well_known_mistakes_in_a_rule_are_caught(kind, wrong, rng, monkeypatch):
    net = network_of(kind)
    monkeypatch.setitem(rules.RULES, kind, replace(RULES[kind], adjoints=wrong))
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    assert sb.derive(net).check(values).verdict == "wrong"
