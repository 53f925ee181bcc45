"""Proofs for all sizes: every rule is proved, planted errors never are, and whatever is proved holds in numbers."""

from itertools import combinations, product
from math import prod

import numpy as np
import pytest
import sympy
from sympy import Add, Dummy, Integer, Mul, Pow, Rational, Sum, Symbol

import symbackprop as sb
from symbackprop.backprop.rules import RULES
from symbackprop.expressions import constructors as forms
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.constructors import add, hadamard, matmul, transposed
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import FUNCTION, FUNCTIONS, Applied, z
from symbackprop.expressions.gathers import Gather
from symbackprop.expressions.matrices import (
    HadamardPower,
    HadamardProduct,
    MatAdd,
    MatMul,
    Ones,
    Scaled,
    Transpose,
    Zeros,
    scaled,
)
from symbackprop.expressions.matrices import NamedMatrix as M
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
    broadcast,
)
from symbackprop.expressions.shapes import dimension, is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice, padded
from symbackprop.prove.index_form import IndexedEntry, NoIndexForm, differential, entry_form, scalar_form
from symbackprop.prove.normal_form import equal, normal

N, D, H, K = map(dimension, "NDHK")
A, C, B, E = M("A", N, H), M("C", N, H), M("B", H, K), M("E", K, D)
Q, P = M("Q", N, N), M("P", N, N)
row, column, one = M("r", 1, H), M("c", N, 1), M("s", 1, 1)
x, y, n = (Symbol(name, real=True) for name in "xyn")
sigmoid, tanh = FUNCTION["sigmoid"], FUNCTION["tanh"]


def of_a_matrix(function):
    """Return the function of a matrix whose entries, drawn between 0 and 1, lie in its domain."""
    return Elementwise(function, A if 0.5 in function.row.domain else MatAdd(A, Ones(*A.shape)))


# Numbers: expressions, and forms, by their definitions


SIZES = {N: 3, D: 2, H: 4, K: 5}


class Numbers(dict):
    """Random values of symbols and named matrices, drawn when they are first needed; parts may have values too."""

    def __init__(self, rng):
        super().__init__(SIZES)
        self.rng = rng

    def __missing__(self, symbol):
        shape = tuple(int(size.subs(SIZES)) for size in symbol.shape) if is_matrix(symbol) else None
        self[symbol] = self.rng.uniform(0.2, 0.9, shape)
        return self[symbol]


def looked_up(table, node):
    return next(table[kind] for kind in type(node).__mro__ if kind in table)


def value(node, at):
    if node in at or node.is_symbol:
        return at[node]
    return looked_up(VALUES, node)(
        node, *(value(part, at) if isinstance(part, sympy.Expr) else part for part in node.args)
    )


def filled(node, number):
    return np.full([int(size.subs(SIZES)) for size in node.shape], number)


def function_value(function, argument):
    return sympy.lambdify(z, function.expression, ["scipy", "numpy"])(argument) + 0.0 * argument


# fmt: off
VALUES = {
    sympy.Number:    float,
    sympy.NumberSymbol: float,  # as exp(1) is
    Add:             lambda e, *xs: sum(xs),
    Mul:             lambda e, *xs: prod(xs),
    Pow:             lambda e, a, b: a**b,
    sympy.exp:       lambda e, a: np.exp(a),
    sympy.log:       lambda e, a: np.log(a),
    Total:           lambda e, a: a.sum(),
    Ones:            lambda e, *_: filled(e, 1.0),
    Zeros:           lambda e, *_: filled(e, 0.0),
    MatAdd:          lambda e, *xs: sum(xs),
    Scaled:          lambda e, c, a: c * a,
    MatMul:          lambda e, *xs: np.linalg.multi_dot(xs),
    Transpose:       lambda e, a: a.T,
    HadamardProduct: lambda e, *xs: prod(xs),
    HadamardPower:   lambda e, a, b: a**b,
    Elementwise:     lambda e, f, a: function_value(f, a),
    Sums:            lambda e, a, axis: a.sum(axis=int(axis), keepdims=True),
    Broadcast:       lambda e, a, *size: filled(e, 1.0) * a,
    Softmax:         lambda e, a, axis: np.exp(a) / np.exp(a).sum(axis=int(axis), keepdims=True),
    LogSumExp:       lambda e, a, axis: np.log(np.exp(a).sum(axis=int(axis), keepdims=True)),
    LogSoftmax:      lambda e, a, axis: a - np.log(np.exp(a).sum(axis=int(axis), keepdims=True)),
    Applied:         lambda e, f, a: function_value(f, a),
    nodes.Trace:     lambda e, a: a.trace(),
    nodes.Eye:       lambda e, n: np.eye(int(n.subs(SIZES))) if isinstance(n, sympy.Expr) else np.eye(int(n)),
    nodes.Determinant: lambda e, a: np.linalg.det(a),
    nodes.MatPow:    lambda e, a, n: np.linalg.matrix_power(a, int(n)),
    nodes.Inverse:   lambda e, a, *_: np.linalg.inv(a),
    Largest:         lambda e, a, axis: a.max(axis=int(axis), keepdims=True),
    AtLargest:       lambda e, a, axis: (a == a.max(axis=int(axis), keepdims=True)) * 1.0,
    Concatenate:     lambda e, axis, *xs: np.concatenate(xs, axis=int(axis)),
    Slice:           lambda e, a, axis, start, stop: a[int(start) : int(stop)] if axis == 0 else a[:, int(start) : int(stop)],
}
# fmt: on


def form_value(form, at):
    """Return the value of a form; `at` has the values of indices, too."""
    if isinstance(form, IndexedEntry):
        return at[form.parent][tuple(int(at.get(index, index)) for index in form.indices)]
    if isinstance(form, Sum):
        indices = [index for index, *_ in form.limits]
        total = 0.0
        for point in product(*(range(int(value(last, at)) + 1) for *_, last in form.limits)):
            at.update(zip(indices, point, strict=True))
            total += form_value(form.function, at)
        return total
    if form in at or not form.args:
        return value(form, at)
    arguments = [form_value(part, at) for part in form.args]
    if type(form).__name__.startswith("tanh^"):
        return function_value({"tanh^(0)": tanh, "tanh^(1)": tanh.prime}[type(form).__name__], arguments[0])
    return looked_up(VALUES, form)(form, *arguments)


def close(a, b):
    return a == pytest.approx(b, rel=1e-6, abs=1e-9)


# Identities: Σ G ⊙ dC = Σ dA ⊙ (contribution to ∂J/∂A) + …


class Identity:
    """The claim that a rule computes the contributions to the adjoints of a node's arguments from the node's adjoint."""

    def __init__(self, node, adjoints):
        G = M("G", *node.shape) if is_matrix(node) else Symbol("G")
        self.node = node
        self.whole = paired(G, node)
        self.tangents = {}
        self.claim = Integer(0)
        for argument, contribution in zip(node.args, adjoints(G, node, *node.args), strict=True):
            if contribution is not None and not argument.is_number:
                tangent = self.tangents.setdefault(argument, tangent_of(argument, len(self.tangents)))
                self.claim += paired(contribution, tangent)

    def is_proved(self):
        return equal(differential(scalar_form(self.whole, self.tangents)), scalar_form(self.claim))

    def is_true(self, rng):
        at = Numbers(rng)
        now = {quantity: value(quantity, at) for quantity in self.tangents}
        step = {quantity: 1e-5 * value(tangent, at) for quantity, tangent in self.tangents.items()}
        value(self.whole, at)  # so that all numbers are drawn
        there, back = Numbers(rng), Numbers(rng)
        there.update(at | {quantity: now[quantity] + step[quantity] for quantity in now})
        back.update(at | {quantity: now[quantity] - step[quantity] for quantity in now})
        return close((value(self.whole, there) - value(self.whole, back)) / 2e-5, value(self.claim, at))


def paired(one_, other):
    return Total(hadamard(one_, other)) if is_matrix(other) else one_ * other


def tangent_of(quantity, number):
    return M(f"d{number}", *quantity.shape) if is_matrix(quantity) else Symbol(f"d{number}")


# fmt: off
CASES = {
    Add:             [x + y, Total(A) + 2 * x + 3],
    Mul:             [2 * x * y, Total(A) * x / N],
    Pow:             [x**3, x**n, 1 / x, sympy.sqrt(Total(A) + 1)],
    sympy.exp:       [sympy.exp(x), sympy.exp(Total(A) / 2)],
    sympy.log:       [sympy.log(x), sympy.log(Total(A) + x)],
    Total:           [Total(A), Total(MatMul(A, B))],
    MatAdd:          [MatAdd(A, C), MatAdd(A, Scaled(Integer(-2), C), A), MatAdd(A, Scaled(Integer(-1), A))],
    Scaled:          [Scaled(x, A), Scaled(Rational(-1, 3), A), Scaled(Total(C), A), Scaled(1 / N, A)],
    MatMul:          [MatMul(A, B), MatMul(A, B, E), MatMul(Q, Q, P), MatMul(A, Transpose(A)), MatMul(A, Transpose(C), A)],
    Transpose:       [Transpose(A), Transpose(Q), Transpose(MatMul(A, B))],
    HadamardProduct: [HadamardProduct(A, C), HadamardProduct(A, C, A), HadamardProduct(Q, Transpose(Q))],
    HadamardPower:   [HadamardPower(A, 3), HadamardPower(A, Rational(-1, 2)), HadamardPower(A, n), HadamardPower(MatAdd(A, C), 2)],
    Elementwise:     [*map(of_a_matrix, FUNCTION.values()), Elementwise(sigmoid.prime, A), Elementwise(tanh, MatMul(A, B))],
    Sums:            [Sums(A, 0), Sums(A, 1), Sums(MatMul(Q, P), 0), Sums(row, 0)],
    Broadcast:       [Broadcast(row, N, H), Broadcast(column, N, H), Broadcast(one, 1, H), Broadcast(one, N, 1)],
    Softmax:         [Softmax(A, 1), Softmax(A, 0), Softmax(Q, 1), Softmax(MatMul(A, B), 1)],
    LogSumExp:       [LogSumExp(A, 1), LogSumExp(A, 0), LogSumExp(Q, 0)],
    LogSoftmax:      [LogSoftmax(A, 1), LogSoftmax(A, 0), LogSoftmax(MatMul(A, B), 1)],
    Applied:         [Applied(tanh, x), Applied(sigmoid, Total(A)), Applied(FUNCTION["sin"].prime, x)],
    nodes.Trace:     [nodes.Trace(Q), nodes.Trace(MatMul(Q, P, Q)), nodes.Trace(MatMul(A, C.T))],
    nodes.Determinant: [nodes.Determinant(Q), nodes.Determinant(MatMul(Q, P))],
    nodes.MatPow:    [nodes.MatPow(Q, 2), nodes.MatPow(Q, 3), nodes.MatPow(MatMul(A, C.T), 2)],
    nodes.Inverse:   [nodes.Inverse(MatAdd(Q, Scaled(Integer(9), nodes.Eye(N)))), nodes.Inverse(MatAdd(Q, P.T, Scaled(Integer(9), nodes.Eye(N))))],
    Largest:         [Largest(A, 1), Largest(A, 0), Largest(MatMul(A, B), 1)],
    Concatenate:     [Concatenate(1, A, column, C), Concatenate(0, B, row.T * M("k", 1, K)), Concatenate(0, A, A)],
    Slice:           [sb.columns(A, 1, 3), sb.rows(Q, 0, 2), sb.columns(MatMul(A, B), 0, 2)],
}
# fmt: on
EVERY_CASE = [
    pytest.param(kind, node, id=f"{kind.__name__}-{i}") for kind in CASES for i, node in enumerate(CASES[kind])
]


def test_no_rule_goes_unproved():
    assert set(CASES) | {Einsum, Gather} == set(RULES)  # the two are tested in test_arrays.py


@pytest.mark.parametrize(("kind", "node"), EVERY_CASE)
def test_every_rule_is_proved(kind, node, rng):
    identity = Identity(node, RULES[kind].adjoints)
    assert identity.is_proved()
    assert identity.is_true(rng)


# Planted errors


def changed(adjoints, change):
    def wrong(G, node, *args):
        return [
            contribution if contribution is None else change(contribution) for contribution in adjoints(G, node, *args)
        ]

    return wrong


def without(adjoints, dropped):
    def wrong(G, node, *args):
        contributions = list(adjoints(G, node, *args))
        contributions[dropped] = Zeros(*args[dropped].shape) if is_matrix(args[dropped]) else Integer(0)
        return contributions

    return wrong


# what does not change with its arguments: there is nothing whose sign or factor could be wrong
WITHOUT_SLOPE = [MatAdd(A, Scaled(Integer(-1), A)), Elementwise(FUNCTION["sign"], A)]


def assert_caught(node, wrong, rng):
    identity = Identity(node, wrong)
    assert not identity.is_true(rng)
    assert not identity.is_proved()


@pytest.mark.parametrize(
    "change", [lambda contribution: -contribution, lambda contribution: 2 * contribution], ids=["sign", "factor 2"]
)
@pytest.mark.parametrize(("kind", "node"), [case for case in EVERY_CASE if case.values[1] not in WITHOUT_SLOPE])
def test_wrong_sign_and_factor_are_not_proved(kind, node, change, rng):
    assert_caught(node, changed(RULES[kind].adjoints, change), rng)


@pytest.mark.parametrize(("kind", "node"), [case for case in EVERY_CASE if case.values[1] not in WITHOUT_SLOPE[1:]])
def test_a_dropped_term_is_not_proved(kind, node, rng):
    """The numbers must show the error, too: leaving out a term that is 0 would plant none."""
    right = RULES[kind].adjoints
    varying = [i for i, argument in enumerate(node.args) if argument in Identity(node, right).tangents]
    for i in varying:
        wrong = without(right, i)
        assert_caught(node, wrong, rng)


def own_factors(combine):
    """Return the product rule with each factor in place of the others."""
    return lambda G, _, *factors: [combine(G, factor) for factor in factors]


def spread(line, like):
    return broadcast(line, *like.shape)


# fmt: off
WELL_KNOWN_MISTAKES = {
    Add:             {"half of G for each": (x + y, lambda G, _, *xs: [G / 2 for _ in xs])},
    Mul:             {"its own factor": (2 * x * y, own_factors(Mul))},
    Pow:             {"n for n − 1": (x**3, lambda G, _, a, m: [G * m * a**m, None]),
                      "n left out": (x**n, lambda G, _, a, m: [G * a**(m - 1), None])},
    sympy.exp:       {"the argument": (sympy.exp(x), lambda G, _, a: [G * a])},
    sympy.log:       {"the argument": (sympy.log(x), lambda G, _, a: [G * a])},
    Total:           {"mean for sum": (Total(A), lambda G, _, a: [scaled(G / N, Ones(N, H))])},
    MatAdd:          {"minus forgotten": (MatAdd(A, Scaled(Integer(-1), C)), lambda G, node, *_: [G, -G]),
                      "only one use": (MatAdd(A, C, A), lambda G, *_: [G, G, Zeros(N, H)])},
    Scaled:          {"Σ G for Σ G ⊙ M": (Scaled(x, A), lambda G, _, c, a: [Total(G), scaled(c, G)]),
                      "1/c": (Scaled(x, A), lambda G, _, c, a: [Total(hadamard(G, a)), scaled(1 / c, G)])},
    MatMul:          {"no transpose": (MatMul(Q, P), lambda G, _, a, b: [matmul(G, b), matmul(a, G)]),
                      "wrong order": (MatMul(Q, P), lambda G, _, a, b: [matmul(b.T, G), matmul(G, a.T)]),
                      "G transposed": (MatMul(Q, P), lambda G, _, a, b: [matmul(G.T, b.T), matmul(a.T, G.T)]),
                      "the other factor": (MatMul(Q, P), lambda G, _, a, b: [matmul(G, a.T), matmul(b.T, G)]),
                      "factors exchanged": (MatMul(Q, P, Q), lambda G, _, a, b, c: [matmul(G, c.T, b.T), matmul(a.T, G, c.T), matmul(a.T, b.T, G)]),
                      "no product before it": (MatMul(Q, Q, P), lambda G, _, a, b, c: [matmul(G, c.T, b.T), matmul(G, c.T), matmul(b.T, a.T, G)])},
    Transpose:       {"no transpose": (Transpose(Q), lambda G, _, a: [G])},
    HadamardProduct: {"its own factor": (HadamardProduct(A, C), own_factors(hadamard)),
                      "only one use": (HadamardProduct(A, A), lambda G, _, a, b: [hadamard(G, b), Zeros(N, H)])},
    HadamardPower:   {"n for n − 1": (HadamardPower(A, 3), lambda G, _, a, m: [hadamard(G, scaled(m, forms.power(a, m))), None]),
                      "n left out": (HadamardPower(A, n), lambda G, _, a, m: [hadamard(G, forms.power(a, m - 1)), None])},
    Elementwise:     {"f′ left out": (Elementwise(sigmoid, A), lambda G, *_: [None, G]),
                      "f′ of f": (Elementwise(sigmoid, A), lambda G, node, f, a: [None, hadamard(G, f.prime(node))]),
                      "g′ for f′": (Elementwise(sigmoid, A), lambda G, _, f, a: [None, hadamard(G, tanh.prime(a))]),
                      "f′ twice": (Elementwise(sigmoid, A), lambda G, _, f, a: [None, hadamard(G, f.prime(a), f.prime(a))])},
    Sums:            {"mean for sum": (Sums(A, 1), lambda G, _, a, axis: [scaled(1 / H, spread(G, a)), None]),
                      "along the other axis": (Sums(Q, 1), lambda G, _, a, axis: [spread(G.T, a), None])},
    Broadcast:       {"mean for sum": (Broadcast(row, N, H), lambda G, *_: [scaled(1 / N, Sums(G, 0)), None, None]),
                      "along the other axis": (Broadcast(M("r", 1, N), N, N), lambda G, *_: [Transpose(Sums(G, 1)), None, None])},
    Softmax:         {"Jacobian cut to its diagonal": (Softmax(A, 1), lambda G, S, *_: [hadamard(S, G, add(Ones(N, H), -S)), None]),
                      "as for f": (Softmax(A, 1), lambda G, S, *_: [hadamard(S, G), None]),
                      "G not weighed": (Softmax(A, 1), lambda G, S, *_: [hadamard(S, add(G, -spread(Sums(G, 1), A))), None]),
                      "sum along the other axis": (Softmax(Q, 1), lambda G, S, *_: [hadamard(S, add(G, -spread(Sums(hadamard(G, S), 0), Q))), None])},
    LogSoftmax:      {"Σ G left out": (LogSoftmax(A, 1), lambda G, _, a, axis: [hadamard(G, add(Ones(N, H), -Softmax(a, axis))), None]),
                      "sum along the other axis": (LogSoftmax(Q, 1), lambda G, _, a, axis: [add(G, -hadamard(Softmax(a, axis), spread(Sums(G, 0), a))), None])},
    Applied:         {"f′ left out": (Applied(tanh, x), lambda G, *_: [None, G]),
                      "f for f′": (Applied(tanh, x), lambda G, _, f, a: [None, G * f(a)])},
    nodes.Trace:     {"ones for I": (nodes.Trace(Q), lambda G, _, a: [scaled(G, Ones(N, N))])},
    nodes.Determinant: {"no transpose": (nodes.Determinant(Q), lambda G, node, a: [scaled(G * node, nodes.Inverse(a))]),
                      "det left out": (nodes.Determinant(Q), lambda G, _, a: [scaled(G, nodes.Inverse(a).T)])},
    nodes.MatPow:    {"as for a number": (nodes.MatPow(Q, 2), lambda G, _, a, m: [scaled(m, matmul(G, a.T)), None])},
    nodes.Inverse:   {"plus for minus": (nodes.Inverse(Q), lambda G, node, *_: [matmul(node.T, G, node.T)]),
                      "no transpose": (nodes.Inverse(Q), lambda G, node, *_: [-matmul(node, G, node)])},
    Largest:         {"1 everywhere": (Largest(A, 1), lambda G, _, a, axis: [spread(G, a), None])},
    Concatenate:     {"first for second": (Concatenate(0, A, C), lambda G, *_: [None, *[sb.rows(G, 0, N)] * 2])},
    Slice:           {"at the wrong place": (sb.columns(M("m", N, 5), 1, 3), lambda G, *_: [padded(G, 1, 0, 5), None, None, None])},
    LogSumExp:       {"softmax left out": (LogSumExp(A, 1), lambda G, *_: [spread(G, A), None]),
                      "softmax along the other axis": (LogSumExp(Q, 1), lambda G, _, a, axis: [hadamard(spread(G, a), Softmax(a, 0)), None]),
                      "exp for softmax": (LogSumExp(A, 1), lambda G, _, a, axis: [hadamard(spread(G, a), FUNCTION["exp"](a)), None])},
}
# fmt: on
MISTAKES = [
    pytest.param(node, wrong, id=f"{kind.__name__}: {name}")
    for kind, mistakes in WELL_KNOWN_MISTAKES.items()
    for name, (node, wrong) in mistakes.items()
]


def test_every_rule_has_a_well_known_mistake():
    assert set(WELL_KNOWN_MISTAKES) | {Einsum, Gather} == set(RULES)  # the two are tested in test_arrays.py


@pytest.mark.parametrize(("node", "wrong"), MISTAKES)
def test_well_known_mistakes_are_not_proved(node, wrong, rng):
    assert_caught(node, wrong, rng)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_f_in_the_place_of_its_derivative_is_proved_only_of_exp(name, rng):
    identity = Identity(of_a_matrix(FUNCTION[name]), lambda G, node, f, Z: [None, hadamard(G, f(Z))])
    assert identity.is_proved() == identity.is_true(rng) == (name == "exp")


# Traps


def same(one_, other):
    return equal(scalar_form(one_), scalar_form(other))


def summed(of, *sizes):
    """Return Σ of(i, …), for forms that belong to no expression."""
    indices = [Dummy("i") for _ in sizes]
    return Sum(of(*indices), *((index, 0, size - 1) for index, size in zip(indices, sizes, strict=True)))


def test_indices_of_inner_and_outer_sums_are_told_apart():
    tanh_of = type(entry_form(Elementwise(tanh, Q), Integer(0), Integer(0)))
    by_row = summed(lambda i: tanh_of(summed(lambda j: IndexedEntry(Q, i, j), N)), N)
    diagonal = summed(lambda i: tanh_of(summed(lambda j: IndexedEntry(Q, j, j), N)), N)
    by_column = summed(lambda i: tanh_of(summed(lambda j: IndexedEntry(Q, j, i), N)), N)
    assert equal(by_row, scalar_form(Total(Elementwise(tanh, Sums(Q, 1)))))
    assert not equal(by_row, diagonal)
    assert not equal(by_row, by_column)
    assert not equal(diagonal, by_column)


def test_indices_inside_functions_follow_those_outside():
    """In f(Σₖₗ Q[i,k] S[k,l] Q[j,l]) with a symmetric S, only i and j tell k and l apart, and they have no names yet."""
    R, S = M("R", N, N), Elementwise(tanh, MatAdd(P, P.T))
    f, g = (Elementwise(tanh, MatMul(Q, middle, Q.T)) for middle in (S, P))
    assert same(Total(HadamardProduct(R, f)), Total(HadamardProduct(R.T, f)))
    assert same(Total(HadamardProduct(R, g)), Total(HadamardProduct(R.T, g.T)))
    assert not same(Total(HadamardProduct(R, g)), Total(HadamardProduct(R.T, g)))
    assert not same(Total(HadamardProduct(R, f)), Total(HadamardProduct(R.T, Elementwise(tanh, MatMul(Q.T, S, Q)))))


def test_traces_of_square_matrices():
    def trace(*factors):
        return Total(HadamardProduct(MatMul(*factors[:-1]), Transpose(factors[-1])))

    assert same(trace(Q, Q, P), trace(Q, P, Q))
    assert same(trace(Q, Q, P), trace(Transpose(P), Q.T, Q.T))
    assert same(trace(*[Q] * 9, P), trace(P, *[Q] * 9))
    assert same(trace(*[Q] * 12), trace(*[Q.T] * 12))
    for wrong in [(Q, Q.T, P), (Q, Q, P.T), (Q, P, P)]:
        assert not same(trace(Q, Q, P), trace(*wrong))
    assert not same(trace(Q, Q, P, P), trace(Q, P, Q, P))


def test_the_same_sum_many_times_is_soon_named():
    eight = HadamardProduct(*[HadamardPower(Sums(Q, 1), 4)] * 2)
    assert same(Total(eight), Total(HadamardProduct(*[HadamardPower(Sums(Q, 1), 2)] * 4)))
    assert same(Total(A) ** 2 * Total(A), Total(A) ** 3)
    assert same(Total(Sums(A, 0)) * Total(Sums(A, 1)), Total(A) ** 2)
    assert not same(Total(HadamardPower(Sums(A, 1), 2)), Total(A) ** 2)
    assert not same(Total(HadamardProduct(A, A)), Total(A) ** 2)


def test_too_long_a_form_is_not_proved_rather_than_expanded():
    ten = MatAdd(*(M(f"A{i}", N, H) for i in range(10)))
    assert same(Total(HadamardPower(ten, 3)), Total(HadamardProduct(ten, HadamardPower(ten, 2))))
    assert not same(Total(HadamardPower(ten, 4)), Total(HadamardProduct(transposed(ten).T, HadamardPower(ten, 3))))


def test_a_part_may_move_as_a_whole():
    difference = MatAdd(A, Scaled(Integer(-1), C))
    tangents = differential(scalar_form(Total(HadamardPower(difference, 2)) / 2, {difference: M("d", N, H)}))
    assert equal(tangents, scalar_form(Total(HadamardProduct(difference, M("d", N, H)))))
    assert differential(scalar_form(Total(HadamardPower(C, 2)), {difference: M("d", N, H)})) == 0


def test_what_moves_inside_a_moved_part_stands_still():
    z2, d, dA = MatMul(A, B), M("d", N, K), M("dA", N, H)
    tangents = {z2: d, A: dA}
    assert equal(differential(scalar_form(Total(z2), tangents)), scalar_form(Total(d)))
    both = differential(scalar_form(Total(z2) * Total(A), tangents))
    assert equal(both, scalar_form(Total(d) * Total(A) + Total(z2) * Total(dA)))


def test_powers_of_equal_sums_are_taken_together():
    Z = MatMul(A, B)
    root, inverse = HadamardPower(Z, Rational(1, 2)), HadamardPower(Z, -1)
    assert same(Total(HadamardProduct(root, root, Softmax(Z, 1))), Total(HadamardProduct(Z, Softmax(Z, 1))))
    assert same(Total(HadamardProduct(inverse, root)), Total(HadamardPower(Z, Rational(-1, 2))))
    assert same(Total(HadamardProduct(HadamardPower(Z, n), inverse)), Total(HadamardPower(Z, n - 1)))
    assert same(sympy.exp(sympy.log(Total(A)) + x), Total(A) * sympy.exp(x))
    assert not same(Total(HadamardProduct(root, root, Softmax(Z, 1))), Total(HadamardProduct(root, Softmax(Z, 1))))


def test_scalar_parts_move():
    cost, dA, dx = Total(A), M("dA", N, H), Symbol("dx")
    form = scalar_form(sympy.exp(cost) * x, {cost: dx})
    assert equal(differential(form), scalar_form(sympy.exp(cost) * x * dx))
    form = scalar_form(sympy.log(cost * x), {A: dA, x: dx})
    assert equal(differential(form), scalar_form(Total(dA) / cost + dx / x))
    form = scalar_form(Total(Scaled(x * y, A)), {x * y: dx, x: Symbol("other")})
    assert equal(differential(form), scalar_form(dx * cost))


@pytest.mark.parametrize("sizes", [(784, 10), (1, 784), (784, 1), (1, 1)])
def test_literal_sizes_are_not_written_out(sizes, rng):
    Z, U = M("Z", *map(Integer, sizes)), M("U", Integer(sizes[1]), Integer(784))
    for node in [Softmax(Z, 1), LogSumExp(Z, 0), MatMul(Z, U), HadamardProduct(Z, Z), Sums(Z, 1)]:
        identity = Identity(node, RULES[type(node)].adjoints)
        assert len(list(sympy.preorder_traversal(scalar_form(identity.whole)))) < 100
        assert identity.is_proved()
        doubled = Identity(node, changed(RULES[type(node)].adjoints, lambda contribution: 2 * contribution))
        assert doubled.is_proved() == doubled.is_true(
            rng
        )  # the softmax of a single entry is 1, so its contribution is 0


def test_matrices_of_one_entry():
    r, c = M("r", 1, N), M("c", N, 1)
    assert same(Total(MatMul(r, c)), Total(HadamardProduct(r, c.T)))
    assert same(Total(MatMul(c, one, r)), Total(one) * Total(c) * Total(r))
    assert same(Total(Softmax(one, 1)), Integer(1))
    assert same(Total(LogSumExp(Ones(1, 1), 1)), Integer(1))


def test_a_sum_over_an_index_that_nothing_depends_on_is_its_size():
    assert same(Total(Ones(N, H)), N * H)
    assert same(Total(Broadcast(row, N, H)) / N, Total(row))
    assert same(Total(MatMul(A, Ones(H, K))), K * Total(A))
    assert not same(Total(MatMul(A, Ones(H, K))), H * Total(A))
    assert not same(Total(Broadcast(row, N, H)), Total(row))


def layernorm(X, eps):
    """Return (standardised rows, 1/σ as a column), made of sums, powers and broadcasts only."""
    centred = MatAdd(X, -spread(scaled(1 / D, Sums(X, 1)), X))
    variance = scaled(1 / D, Sums(HadamardPower(centred, 2), 1))
    inverse = HadamardPower(MatAdd(variance, scaled(eps, Ones(N, 1))), Rational(-1, 2))
    return HadamardProduct(centred, spread(inverse, X)), inverse


def test_layernorm():
    X, G, dX, eps = M("X", N, D), M("G", N, D), M("dX", N, D), Symbol("eps", positive=True)
    whole, inverse = layernorm(X, eps)
    tangents = differential(scalar_form(Total(HadamardProduct(G, whole)), {X: dX}))

    def claimed(*terms):
        return scalar_form(Total(hadamard(spread(inverse, X), add(G, *terms), dX)))

    of_mean = -scaled(1 / D, spread(Sums(G, 1), X))
    of_variance = -hadamard(whole, scaled(1 / D, spread(Sums(hadamard(G, whole), 1), X)))
    assert equal(tangents, claimed(of_mean, of_variance))
    for wrong in [(of_mean,), (of_variance,), (of_mean, -of_variance), (of_mean, 2 * of_variance)]:
        assert not equal(tangents, claimed(*wrong))


def test_softmax_does_not_change_where_a_row_is_shifted():
    assert same(
        Total(HadamardProduct(A, Softmax(MatAdd(C, Broadcast(column, N, H)), 1))),
        Total(HadamardProduct(A, Softmax(C, 1))),
    )
    assert not same(
        Total(HadamardProduct(A, Softmax(MatAdd(C, Broadcast(row, N, H)), 1))), Total(HadamardProduct(A, Softmax(C, 1)))
    )


def test_deeply_nested_expressions():
    deep = A
    for _ in range(40):
        deep = Elementwise(tanh, deep)
    identity = Identity(deep, RULES[Elementwise].adjoints)
    assert identity.is_proved()
    assert not Identity(deep, lambda G, _, f, Z: [None, G]).is_proved()


def test_numbers_are_exact():
    """In floating point, 1e20 x + x is 1e20 x."""
    assert same(sympy.Float(0.5) * x, x / 2)
    assert not equal(scalar_form(sympy.Float(1e20) * x) + x, scalar_form(sympy.Float(1e20) * x))


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        (Total(MatAdd(Q, nodes.Quotient(P))), nodes.Quotient(P)),
        (x + sympy.sin(x), sympy.sin(x)),
        (sympy.Trace(Q), sympy.Trace(Q)),
        (Total(Scaled(Q, P)), Q),
        (MatAdd(Q, P), MatAdd(Q, P)),
    ],
)
def test_a_node_without_an_index_form_is_named(expression, unknown):
    with pytest.raises(NoIndexForm) as refused:
        scalar_form(expression)
    assert refused.value.node == unknown


# Random expressions


class Random:
    """Random expressions of a shape; leaves of one shape have few names, so that the same name often recurs."""

    def __init__(self, rng, sizes, leaves="AB"):
        self.rng = rng
        self.sizes = sizes
        self.leaves = leaves

    def choice(self, options):
        return options[self.rng.integers(len(options))]

    def leaf(self, rows, columns):
        return M(f"{self.choice(self.leaves)}{rows}{columns}", rows, columns)

    def matrix(self, rows, columns, depth):
        if depth == 0:
            return self.leaf(rows, columns)
        inner = self.choice(self.sizes)
        options = [
            lambda: MatAdd(self.matrix(rows, columns, depth - 1), self.matrix(rows, columns, depth - 1)),
            lambda: Scaled(self.choice([Integer(-2), x, 1 / N]), self.matrix(rows, columns, depth - 1)),
            lambda: HadamardProduct(self.matrix(rows, columns, depth - 1), self.matrix(rows, columns, depth - 1)),
            lambda: MatMul(self.matrix(rows, inner, depth - 1), self.matrix(inner, columns, depth - 1)),
            lambda: Transpose(self.matrix(columns, rows, depth - 1)),
            lambda: Elementwise(tanh, self.matrix(rows, columns, depth - 1)),
            lambda: HadamardPower(self.leaf(rows, columns), self.choice([Integer(2), Rational(-1, 2)])),
            lambda: Softmax(self.matrix(rows, columns, depth - 1), self.choice([0, 1])),
            lambda: broadcast(self.matrix(rows, Integer(1), depth - 1), rows, columns),
            lambda: broadcast(self.matrix(Integer(1), columns, depth - 1), rows, columns),
        ]
        if rows == 1:
            options += [
                lambda: Sums(self.matrix(inner, columns, depth - 1), 0),
                lambda: LogSumExp(self.matrix(inner, columns, depth - 1), 0),
            ]
        if columns == 1:
            options += [
                lambda: Sums(self.matrix(rows, inner, depth - 1), 1),
                lambda: LogSumExp(self.matrix(rows, inner, depth - 1), 1),
            ]
        return self.choice(options)()

    def scalar(self, depth):
        return Total(self.matrix(self.choice(self.sizes), self.choice(self.sizes), depth))

    def rewritten(self, node):
        """Return an equal expression, written differently."""
        if not is_matrix(node) or node.is_symbol:
            return Total(self.rewritten(node.args[0])) if isinstance(node, Total) else node
        parts = [self.rewritten(part) if is_matrix(part) else part for part in node.args]
        ways = [way for kind, way in WAYS if isinstance(node, kind)]
        return self.choice(ways)(self, node, *parts)

    def damaged(self, expression):
        """Return the expression with one part replaced."""
        part = self.choice([part for part in nodes.postorder(expression) if is_matrix(part)])
        replacements = [scaled(2, part), MatAdd(part, part), self.leaf(*part.shape), Elementwise(tanh, part)]
        if part.shape[0] == part.shape[1]:
            replacements.append(Transpose(part))
        return expression.xreplace({part: self.choice(replacements)})

    def shuffled(self, parts):
        return [parts[i] for i in self.rng.permutation(len(parts))]


def exponentials(Z):
    return Elementwise(FUNCTION["exp"], Z)


# fmt: off
WAYS = [
    (MatAdd,          lambda s, e, *parts: MatAdd(*s.shuffled(parts))),
    (HadamardProduct, lambda s, e, *parts: HadamardProduct(*s.shuffled(parts))),
    (Scaled,          lambda s, e, c, a: MatAdd(Scaled(c / 3, a), Scaled(2 * c / 3, a))),
    (Scaled,          lambda s, e, c, a: HadamardProduct(a, Scaled(c, Ones(*e.shape)))),
    (MatMul,          lambda s, e, a, b: Transpose(MatMul(Transpose(b), Transpose(a)))),
    (MatMul,          lambda s, e, a, b: transposed(matmul(transposed(b), transposed(a)))),
    (Transpose,       lambda s, e, a: Transpose(Transpose(Transpose(a)))),
    (Elementwise,     lambda s, e, f, a: Transpose(Elementwise(f, Transpose(a)))),
    (HadamardPower,   lambda s, e, a, m: HadamardProduct(a, HadamardPower(a, m - 1))),
    (Softmax,         lambda s, e, a, axis: Transpose(Softmax(Transpose(a), 1 - axis))),
    (Softmax,         lambda s, e, a, axis: HadamardProduct(exponentials(a), HadamardPower(spread(Sums(exponentials(a), axis), a), -1))),
    (Softmax,         lambda s, e, a, axis: exponentials(MatAdd(a, Scaled(Integer(-1), spread(LogSumExp(a, axis), a))))),
    (LogSumExp,       lambda s, e, a, axis: Elementwise(FUNCTION["log"], Sums(exponentials(a), axis))),
    (Sums,            lambda s, e, a, axis: MatMul(Ones(1, a.shape[0]), a) if axis == 0 else MatMul(a, Ones(a.shape[1], 1))),
    (Broadcast,       lambda s, e, a, *size: MatMul(Ones(size[0], 1), a) if e.axis == 0 else MatMul(a, Ones(1, size[1]))),
]
# fmt: on


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_rewritten_expressions_are_proved_equal(depth, rng):
    random = Random(rng, [N, D, H, Integer(1)])
    for _ in range(25):
        expression = random.scalar(depth)
        assert same(expression, random.rewritten(expression)), expression


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_damaged_expressions_are_not_proved_equal(depth, rng):
    random, wrong = Random(rng, [N, D, H, Integer(1)]), 0
    for _ in range(25):
        expression = random.scalar(depth)
        damaged, at = random.rewritten(random.damaged(expression)), Numbers(rng)
        if not close(value(expression, at), value(damaged, at)):
            wrong += 1
            assert not same(expression, damaged), (expression, damaged)
    assert wrong > 10


def test_what_is_proved_agrees_with_numbers(rng):
    """For square matrices, where many expressions look alike."""
    random, at = Random(rng, [N], leaves="Q"), Numbers(rng)
    expressions = [random.scalar(int(rng.integers(1, 3))) for _ in range(40)]
    values = [value(expression, at) for expression in expressions]
    proved = [(a, b) for a, b in combinations(range(40), 2) if same(expressions[a], expressions[b])]
    assert proved
    for a, b in proved:
        assert close(values[a], values[b]), (expressions[a], expressions[b])


def test_forms_and_normal_forms_have_the_value_of_the_expression(rng):
    random = Random(rng, [N, D, Integer(1)], leaves="A")
    for _ in range(40):
        expression, at = random.scalar(2), Numbers(rng)
        form = scalar_form(expression)
        assert close(form_value(form, at), value(expression, at)), expression
        assert close(form_value(normal(form), at), value(expression, at)), expression


def test_differentials_have_the_value_of_the_slope(rng):
    random = Random(rng, [N, D, Integer(1)], leaves="A")
    for _ in range(25):
        expression, at = random.scalar(2), Numbers(rng)
        leaves = [part for part in nodes.postorder(expression) if is_matrix(part) and part.is_symbol]
        tangents = {leaf: M(f"d{leaf.name}", *leaf.shape) for leaf in leaves}
        value(expression, at)
        slope = []
        for step in (1e-5, -1e-5):
            there = Numbers(rng)
            there.update(at | {leaf: at[leaf] + step * at[tangent] for leaf, tangent in tangents.items()})
            slope.append(value(expression, there))
        form = differential(scalar_form(expression, tangents))
        assert form_value(form, at) == pytest.approx((slope[0] - slope[1]) / 2e-5, rel=1e-5, abs=1e-8), expression
