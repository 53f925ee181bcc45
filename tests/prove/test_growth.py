"""The work of a proof, in counted operations: linear in the layers, polynomial in the factors of a product."""

from collections import Counter
from itertools import pairwise

import mpmath
import numpy as np
import pytest

import symbackprop as sb
from symbackprop.network import evaluate
from symbackprop.network.evaluate import DIGITS, Evaluation
from symbackprop.network.points import Point, small_sizes
from symbackprop.prove import calculus, jacobians, normal_form
from symbackprop.prove.all_sizes import prove_for_all_sizes
from symbackprop.prove.chain import chain
from symbackprop.prove.jacobians import FiniteDifferences, ForwardMode, Jacobians
from symbackprop.prove.small_sizes import prove_in_numbers


@pytest.fixture
def counted(monkeypatch):
    """Count the calls of the functions that do the work."""
    calls = Counter()

    def count(owner, name):
        function = getattr(owner, name)

        def counting(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, counting)

    count(calculus, "equal")
    count(normal_form, "_terms")
    count(Evaluation, "combined")
    for owner in (evaluate, jacobians):
        count(owner, "eliminated")
    for kind in (ForwardMode, FiniteDifferences):
        count(kind, "differentiated")
    count(Jacobians, "jacobian")
    return calls


def work(counted, net, rng):
    """Return the counts of all witnesses of a right tape."""
    lines = chain(sb.derive(net).tape)
    counted.clear()
    outcomes = prove_for_all_sizes(lines)
    for kind, digits in ((ForwardMode, 40), (FiniteDifferences, 20)):
        outcomes += prove_in_numbers(lines, kind, digits, rng)
    assert {str(outcome.verdict) for outcome in outcomes} == {"right"}
    return dict(counted)


def layers(count):
    return sb.mlp([f"H{k}" for k in range(count + 1)], "tanh", bias=True)


def test_work_is_linear_in_the_layers(counted, rng):
    """Another two layers cost what two layers cost before, up to the sizes that they happen to have."""
    two, four, six = (work(counted, layers(count), rng) for count in (2, 4, 6))
    for name, count in four.items():
        assert six[name] - count <= 1.15 * (count - two[name]) + 10, name


def test_work_is_polynomial_in_the_factors(counted, rng):
    def product(count):
        return sb.parse_network("A: parameter(n, n)\nx: input(1, n)\nJ = sum(x " + "@ A " * count + ")")

    four, eight = (work(counted, product(count), rng) for count in (4, 8))
    for name, count in eight.items():
        assert count <= 2**3 * four[name] + 10, name


def test_more_different_sizes_than_there_are_small_numbers():
    """No factor is square, and few numbers are tried."""
    letters = "ABCDEFGHKPQR"
    declared = "".join(f"{c}: parameter(n{k}, n{k + 1})\n" for k, c in enumerate(letters))
    sizes = list(small_sizes(sb.parse_network(f"{declared}J = sum({' @ '.join(letters)})")).values())
    named = [size for size in sizes if size != 1]
    assert len(named) == len(letters) + 1
    assert len(set(named)) >= 8, named
    assert all(a != b for a, b in pairwise(named)), named


@pytest.mark.parametrize("kind", [ForwardMode, FiniteDifferences])
@pytest.mark.parametrize("formula", ["det(A)", "sum(inv(A))"])
def test_an_inverse_takes_a_few_eliminations_for_each_entry(kind, formula, counted, rng):
    """Not a number of products that grows as 8!."""
    net = sb.parse_network(f"A: parameter(8, 8)\nJ = {formula} + sum(A[:, 0:4])")
    with mpmath.workdps(DIGITS):
        point = Point(net, rng)
        assert point.size(net["A"].shape[0]) == 8
        counted.clear()
        assert np.all(kind(point).adjoints[net["A"]] != 0)
    assert counted["eliminated"] <= 3 * 64
