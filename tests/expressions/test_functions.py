"""Every row of the table of functions: what it says of itself is proved against SymPy and 60-digit arithmetic."""

import mpmath
import numpy as np
import pytest
import sympy
from sympy import S

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTION, FUNCTIONS, ElementwiseFunction, FunctionRow, a, z

POINTS = [-1200, -709.9, -30, -3, -0.5, 0, 1e-9, 0.25, 2, 30, 745.2, 1200]


def points(row):
    kinks = {float(kink) for kink in row.kinks}
    return [p for p in POINTS if sympy.Float(p) in row.domain and p not in kinks]


def exact(expression, point):
    """With 1 + erf as erfc: 1 - 1 of a large argument would take hundreds of thousands of digits."""
    if expression.has(sympy.erf) and point < -10:
        expression = expression.rewrite(sympy.erfc).expand()
    return expression.subs({z: sympy.Float(point, 80)}).evalf(60, maxn=2000)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_stable_forms_equal_f_and_its_derivatives(name, order):
    function = ElementwiseFunction(name, order)
    for point in points(FUNCTIONS[name]):
        if abs(point) < 100:
            stable = exact(function.code_expression.rewrite(sympy.log), point)
            assert abs(stable - exact(function.expression, point)) < 1e-50, (name, point)


@pytest.mark.parametrize("name", [name for name, row in FUNCTIONS.items() if row.prime_of_output is not None])
def test_prime_of_output_equals_what_sympy_derives(name):
    row = FUNCTIONS[name]
    ours = row.prime_of_output.subs(a, row.f).rewrite(sympy.exp)
    derived = row.f.diff(z).rewrite(sympy.exp)
    assert sympy.simplify(ours - derived) == 0


def test_a_wrong_prime_of_output_is_noticed(monkeypatch):
    monkeypatch.setitem(
        FUNCTIONS, "sigmoid", FunctionRow("sigmoid", FUNCTIONS["sigmoid"].f, r"\sigma", prime_of_output=a * (1 + a))
    )
    with pytest.raises(AssertionError):
        test_prime_of_output_equals_what_sympy_derives("sigmoid")


@pytest.mark.parametrize("name", [name for name, row in FUNCTIONS.items() if row.kinks])
def test_value_at_each_kink_is_the_one_that_is_used(name):
    row = FUNCTIONS[name]
    for kink, derivative in row.kinks.items():
        assert row.f.diff(z).subs(z, kink) == derivative
        left, right = (row.f.diff(z).subs(z, kink + side) for side in (-S.One / 10**9, S.One / 10**9))
        below, above = (row.f.subs(z, kink + side) for side in (-S.One / 10**9, S.One / 10**9))
        assert left != right or abs(above - below) > 1, "a kink has two one-sided derivatives, or it is a jump"
        assert min(left, right) <= derivative <= max(left, right)


def one_value(name, point, dtype=float):
    """f and f′ at one point, through the generated code: J = f(w), dJdw = f′(w)."""
    net = sb.Network()
    w = net.parameter("w", 1, 1)
    net.minimize("J", sb.total(FUNCTION[name](w)))
    return sb.derive(net).to_numpy()(np.array([[point]], dtype))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_generated_code_is_finite_and_right_up_to_1200(name):
    row = FUNCTIONS[name]
    for point in points(row):
        mpmath.mp.dps = 60
        value, derivative = (float(exact(e, point)) for e in (row.f, row.f.diff(z)))
        if not (np.isfinite(value) and np.isfinite(derivative)):
            continue  # exp(1200) is not a float
        J, dJdw = one_value(name, point)
        assert J == pytest.approx(value, rel=1e-12, abs=1e-300), (name, point)
        # σ′ = a(1 − a) is exact to rounding of a, not of σ′ itself, where a is almost 1
        assert dJdw[0, 0] == pytest.approx(derivative, rel=1e-12, abs=4e-16), (name, point)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_stays_float32(name):
    J, dJdw = one_value(name, 0.5, np.float32)
    assert (J.dtype, dJdw.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_is_never_swallowed(name):
    with pytest.raises(sb.ArgumentError, match=r"w\[0, 0\] is nan"):
        one_value(name, np.nan)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_function_maps_matrices_and_scalars(name):
    net = sb.Network()
    X = net.input("X", "N", "D")
    function = getattr(sb, name)
    assert function(X).shape == X.shape
    assert function(sympy.Rational(1, 2)) == FUNCTIONS[name].f.subs(z, S.Half)
    if name in ("exp", "log"):
        assert function(net.scalar("lam")) == getattr(sympy, name)(net["lam"])


def test_adding_an_activation_is_adding_a_row(monkeypatch):
    monkeypatch.setitem(FUNCTIONS, "sine", FunctionRow("sine", sympy.sin(z), r"\sin"))
    monkeypatch.setitem(FUNCTION, "sine", ElementwiseFunction("sine"))
    d = sb.derive(sb.mlp([2, 3, 1], "sine"))
    assert sb.sine is FUNCTION["sine"]
    assert "f′(z) = cos(z)" in d.to_text()
    assert d.check(sb.random_values(d.network, seed=1)).verdict == "right"


def test_unknown_activation_names_the_near_one():
    with pytest.raises(sb.SymbackpropError, match="unknown activation 'sigmod': did you mean sigmoid"):
        sb.mlp([2, 3, 1], activation="sigmod")
