"""Proofs of fractions: a sum in a denominator is treated as a variable."""

import pytest
from sympy import Symbol

from symbackprop.expressions.constructors import hadamard, power
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.matrices import NamedMatrix as M
from symbackprop.expressions.matrices import Ones, scaled
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import dimension
from symbackprop.prove.index_form import NoIndexForm, scalar_form
from symbackprop.prove.normal_form import equal

N, D = map(dimension, "ND")
A, B, G = M("A", N, D), M("B", N, D), M("G", N, D)
ONES = Ones(N, D)
x, y = Symbol("x", real=True), Symbol("y", real=True)


def entrywise(*factors):
    return scalar_form(Total(hadamard(G, *factors)))


# fmt: off
EQUAL = {
    "a scalar":              (1 / (x + 1) + x / (x + 1), 1 + 0 * x),
    "with a factor":         (3 / (2 - 2 * x) - 3 * x / (2 - 2 * x), 3 * (1 - x) / (2 - 2 * x)),
    "two of them":           (1 / (x + 1) - 1 / (y + 2), (y + 1 - x) / ((x + 1) * (y + 2))),
    "entries":               (entrywise(power(ONES - A, -1)) - entrywise(A, power(ONES - A, -1)), entrywise(ONES)),
    "entries of a multiple": (entrywise(A, power(scaled(x, ONES) - scaled(2, A), -1)),
                              entrywise(scaled(x / 2, power(scaled(x, ONES) - scaled(2, A), -1)) - scaled(1 / 2, ONES))),
    "squares":               (entrywise(power(ONES + A, -2)) + entrywise(A, power(ONES + A, -2)), entrywise(power(ONES + A, -1))),
}
DIFFERENT = {
    "a sign":                (1 / (x + 1) - x / (x + 1), 1 + 0 * x),
    "another sum":           (1 / (x + 1) + x / (x + 2), 1 + 0 * x),
    "another matrix":        (entrywise(power(ONES - A, -1)) - entrywise(B, power(ONES - A, -1)), entrywise(ONES)),
    "another power":         (entrywise(power(ONES + A, -2)) + entrywise(A, power(ONES + A, -1)), entrywise(power(ONES + A, -1))),
    "its transpose":         (scalar_form(Total(hadamard(M("Q", N, N), power(Ones(N, N) - M("P", N, N), -1)))
                                         - Total(hadamard(M("Q", N, N), M("P", N, N).T, power(Ones(N, N) - M("P", N, N), -1)))),
                              scalar_form(Total(M("Q", N, N)))),
}
# fmt: on


@pytest.mark.parametrize("name", EQUAL)
def test_equal_fractions_are_proved(name):
    assert equal(*EQUAL[name])


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_fractions_are_not(name):
    assert not equal(*DIFFERENT[name])


def test_only_a_function_of_the_entry_itself_has_an_entrywise_derivative():
    with pytest.raises(NoIndexForm):
        scalar_form(Total(Entrywise(hadamard(A, B), A)))
