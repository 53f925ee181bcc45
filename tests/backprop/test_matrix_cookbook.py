"""Published identities of matrix calculus: each is derived, and equal to what is printed, in exact arithmetic.

The printed gradients and the derived ones are NumPy syntax: both are computed with arrays of fractions, or of
50-digit numbers where a function makes fractions impossible.
"""

import json
from fractions import Fraction
from functools import reduce
from pathlib import Path

import mpmath
import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop.printing.text import typed

IDENTITIES = json.loads((Path(__file__).with_name("matrix_cookbook.json")).read_text())
SIZES = [(4, 3, 2), (5, 2, 3), (3, 2, 5)]
IRRATIONAL = ("norm", "exp", "sin", "cos", "log", "sqrt")


def exact(array):
    """SymPy's matrix, whose inverse and determinant are exact."""
    return sympy.Matrix(*array.shape, lambda i, j: sympy.Rational(array[i, j].numerator, array[i, j].denominator))


def fractions(matrix):
    return np.array([[Fraction(int(x.p), int(x.q)) for x in row] for row in matrix.tolist()], dtype=object)


def many_digits(function):
    return np.frompyfunc(lambda x: function(number(x)), 1, 1)


def number(x):
    return mpmath.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpmath.mpf(x)


def determinant(array):
    value = exact(array).det()
    return Fraction(int(value.p), int(value.q))


def inverse(array):
    return fractions(exact(array).inv())


KNOWN = {
    "det": determinant,
    "inv": inverse,
    "trace": lambda a: sum(a[i, i] for i in range(len(a))),
    "matrix_power": lambda a, n: reduce(np.matmul, [a] * n),
    "sum": np.sum,
    "norm": lambda a: mpmath.sqrt(sum(number(x) ** 2 for x in a.ravel())),
    "ones": lambda shape: np.full(shape, Fraction(1), dtype=object),
    "zeros": lambda shape: np.full(shape, Fraction(0), dtype=object),
    "eye": lambda n: np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)], dtype=object),
    "broadcast_to": np.broadcast_to,
    "sign": np.frompyfunc(lambda x: (x > 0) - (x < 0), 1, 1),
    "abs": np.frompyfunc(abs, 1, 1),
    **{name: many_digits(getattr(mpmath, name)) for name in ("exp", "sin", "cos", "log", "sqrt")},
}


def computed(text, values):
    return np.array(eval(text.replace("(1/2)", "half"), KNOWN | {"half": Fraction(1, 2)}, values))  # noqa: S307


def network_text(identity):
    wrt = identity["wrt"]
    lines = [
        f"{name}: {'parameter' if name == wrt else 'input'}({', '.join(map(str, shape))})"
        for name, shape in identity["shapes"].items()
    ]
    return "\n".join([*lines, f"J = {identity['cost']}"])


def random_fractions(rng, shape):
    rationals = [
        Fraction(int(p), int(q))
        for p, q in zip(rng.integers(-20, 21, np.prod(shape)), rng.integers(1, 8, np.prod(shape)), strict=True)
    ]
    return np.array(rationals, dtype=object).reshape(shape)


def derived(net, values):
    """The gradient, computed from what is printed of the derivation."""
    tape = sb.derive(net).tape
    known = dict(values)
    for equation in (*tape.equations, *tape.adjoints):
        known[equation.name] = computed(typed(equation.expression), known)
    return computed(typed(tape.gradients[net.parameters[0].name]), known)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity["id"])
def test_identity(identity, sizes, rng):
    known = dict(zip("nmp", sizes, strict=True))
    values = {
        name: random_fractions(rng, [known.get(size, size) for size in shape])
        for name, shape in identity["shapes"].items()
    }
    irrational = any(name in identity["cost"] + identity["gradient"] for name in IRRATIONAL)
    with mpmath.workdps(60):
        if irrational and "inv" not in identity["gradient"]:
            values = {name: many_digits(lambda x: x)(array) for name, array in values.items()}
        wanted = computed(identity["gradient"], known | values)
        found = derived(sb.parse_network(network_text(identity)), known | values)
        assert found.shape == wanted.shape == values[identity["wrt"]].shape
        if irrational:
            distance = max(abs(number(x) - number(y)) for x, y in zip(found.ravel(), wanted.ravel(), strict=True))
            assert distance < mpmath.mpf(10) ** -45 * (1 + max(abs(number(x)) for x in wanted.ravel()))
        else:
            assert (found == wanted).all()


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity["id"])
def test_every_step_is_proved(identity, rng):
    derivation = sb.derive(sb.parse_network(network_text(identity)))
    verification = derivation.verify(seed=int(rng.integers(2**31)))
    assert verification.verdict == "right", str(verification)
    values = sb.random_values(derivation.network, seed=int(rng.integers(2**31)))
    assert derivation.check(values).verdict == "right"


@pytest.mark.parametrize("wrong", ["2*X@inv(X.T@X).T@X.T@X", "X@inv(X.T@X)", "-2*X@inv(X.T@X)"])
def test_a_wrong_identity_is_noticed(wrong, rng):
    identity = next(i for i in IDENTITIES if i["id"] == "55")
    with pytest.raises(AssertionError):
        test_identity(identity | {"gradient": wrong}, SIZES[0], rng)
