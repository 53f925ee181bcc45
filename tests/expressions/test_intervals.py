"""The range that is said of a quantity holds its values."""

import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop.expressions import matrices
from symbackprop.expressions.functions import FUNCTION, FUNCTIONS
from symbackprop.expressions.gathers import Scattered
from symbackprop.expressions.intervals import _RANGES, ranges
from symbackprop.expressions.matrices import postorder
from tests.support.evaluator import random_point
from tests.support.networks import composite, random_network, residual, rnn, tied


def everything():
    """A network that has a node of each kind that a range is told of."""
    net = sb.Network()
    A, B, Q = net.parameter("A", "N", "D"), net.parameter("B", "N", "D"), net.parameter("Q", "D", "D")
    lam = net.scalar("lam")
    S = net.define("S", sb.hadamard(A, A, sb.sigmoid(B)) + sb.ones("N", "D") - sb.sqrt(sb.softplus(A)))
    P = net.define("P", sb.power(A, 2) + sb.power(sb.abs(B) + sb.ones("N", "D"), -1) + sb.power(sb.exp(A), 3) / 4)
    R = net.define("R", sb.concatenate([sb.softmax(A), sb.log_softmax(B)], axis=1))
    T = net.define("T", sb.columns(R, 0, 2) * sb.ones(2, 3))
    c = net.define("c", sympy.exp(-sb.total(P)) * lam**2 + sb.tanh(lam) - sb.total(sb.sums(sb.power(Q, 2), 0)))
    M = net.define("M", sb.broadcast(sb.largest(P, 1), "N", "D") - sb.power(A, 3) - sb.ones("N", "D") * Q.T)
    net.minimize("J", c + sb.total(S) + sb.total(T) * sb.total(M))
    return net


def arrays():
    return sb.parse_network(
        "X: input(N, 6)\nE: input(B, T, D)\nW: parameter(D, K)\nx = sigmoid(X)\n"
        "windows = sliding_window_view(x, 3, axis=1)\nJ = sum(exp(E) @ W) + sum(x[:, 0:2]) + sum(windows**2)"
    )


@pytest.mark.parametrize(
    "make", [everything, composite, tied, residual, rnn, arrays, random_network], ids=lambda f: f.__name__
)
def test_values_lie_within_their_range(make, rng):
    arguments = {residual: [2], rnn: [3], random_network: [rng]}.get(make, [])
    net = make(*arguments)
    for _ in range(10):
        point = random_point(net, rng)
        for equation in (*net.equations, net.cost):
            for node, (low, high) in ranges(equation.expression, {}).items():
                values = np.asarray(point.value(node, point.here), dtype=float)
                assert low <= values.min(), node
                assert values.max() <= high, node


def test_there_is_a_range_for_each_kind_of_node_that_says_something():
    equations = [e for net in (everything(), arrays()) for e in (*net.equations, net.cost)]
    there = {kind for e in equations for n in postorder(e.expression) for kind in type(n).__mro__}
    assert set(_RANGES) - there == {matrices.Zeros, matrices.LowerOnes, Scattered}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_range_of_each_function(name, rng):
    x = rng.normal(size=2000) * 10
    low, high = FUNCTIONS[name].range
    values = [float(FUNCTION[name].at(sympy.Float(FUNCTIONS[name].inside(v)))) for v in x[:200]]
    assert low <= min(values)
    assert max(values) <= high


@pytest.mark.parametrize(
    ("argument", "anywhere"),
    [
        (lambda X, W: sb.ones("N", "D") + sb.power(X, 2), True),
        (lambda X, W: sb.sigmoid(X), True),
        (lambda X, W: sb.ones("N", "D") - sb.sigmoid(X), True),
        (lambda X, W: sb.softmax(X), True),
        (lambda X, W: X, False),
        (lambda X, W: sb.ones("N", "D") - sb.softplus(X), False),
        (lambda X, W: sb.relu(X), False),
        (lambda X, W: sb.tanh(X), False),
    ],
)
def test_points_lie_anywhere_only_where_a_logarithm_is_defined(argument, anywhere):
    net = sb.Network()
    X, W = net.input("X", "N", "D"), net.parameter("W", "N", "D")
    net.minimize("J", sb.total(sb.hadamard(W, sb.log(argument(X, W)))))
    assert (sb.random_values(net, seed=0)["X"].min() < 0) == anywhere
