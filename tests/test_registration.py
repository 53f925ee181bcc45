"""Registered functions: all that holds for built-in functions holds for them, and anything else is refused."""

import warnings

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Abs, Heaviside, Max, Min, Piecewise, Rational, Symbol, cosh, erf, exp, log, sign, sqrt, tanh

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.expressions.functions import z as own_z
from symbackprop.printing.latex import latex

z = Symbol("z")  # as a user writes it: not declared real

pytestmark = pytest.mark.usefixtures("no_function_left_behind")

# fmt: off
SMOOTH = {
    "mish_like": z * tanh(log(1 + exp(z))),
    "swish_two": z / (1 + exp(-2 * z)),
    "soft_sign": z / (1 + Abs(z)),
    "bump":      exp(-z**2) * (1 + erf(z)),
    "log_cosh":  log(cosh(z)),
    "celu":      Max(0, z) + Min(0, exp(z) - 1),
    "hyper":     sqrt(1 + z**2) - 1,
    "near_far":  Piecewise((z**2 / 2, Abs(z) <= 1), (Abs(z) - Rational(1, 2), True)),
}
KINKED = {  # the kinks, and f′ there
    "relu_six":  (Min(Max(z, 0), 6), {0: 0, 6: 0}),
    "hard_tanh": (Max(-1, Min(1, z)), {-1: 0, 1: 0}),
    "selu":      (Piecewise((Rational(7, 4) * (exp(z) - 1), z <= 0), (Rational(21, 20) * z, True)), {0: Rational(7, 4)}),
    "hard":      (z * Min(Max(z + 3, 0), 6) / 6, {-3: 0, 3: 1}),
    "shrink":    (Piecewise((z, Abs(z) > Rational(1, 2)), (0, True)), {-Rational(1, 2): 0, Rational(1, 2): 0}),
    "distance":  (Abs(z - 1), {1: 0}),
    "ramp":      (z * Heaviside(z), {0: Rational(1, 2)}),
    "step":      (sign(z) * z**2 + Max(z, 2 * z, -z), {0: 2}),
}
# fmt: on
ALL = SMOOTH | {name: f for name, (f, _) in KINKED.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_registered_function_is_derived_proved_generated_and_checked(name, rng):
    function = sb.register(name, ALL[name])
    assert getattr(sb, name) is function
    net = sb.parse_network(f"X: input(N, D)\nW: parameter(D, K)\nJ = sum({name}(X @ W)**2) / N")
    d = sb.derive(net)
    assert sb.parse_network(str(net)).cost == net.cost
    assert d.verify(seed=int(rng.integers(2**31))).verdict == "right"
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    assert d.check(values).verdict == "right"


@pytest.mark.parametrize("name", ALL)
def test_its_code_is_f_and_the_slope_of_f(name, rng):
    """Against the value of the expression that the user gave, in 50 digits."""
    function = sb.register(name, ALL[name])
    net = sb.Network()
    net.minimize("J", sb.total(function(net.parameter("w", 1, 1))))
    code = sb.derive(net).to_numpy()
    f = sympy.lambdify(z, ALL[name], "mpmath")
    for point in [-1200.0, -31.25, 0.03125, 1200.0, *rng.normal(size=10) * 3]:
        with mpmath.workdps(50):
            step = mpmath.mpf(10) ** -20
            wanted = f(mpmath.mpf(point)), (f(point + step) - f(point - step)) / (2 * step)
        J, dJdw = code(np.array([[point]]))
        assert J == pytest.approx(float(wanted[0]), rel=1e-10, abs=1e-300)
        assert dJdw[0, 0] == pytest.approx(float(wanted[1]), rel=1e-8, abs=1e-15)


@pytest.mark.parametrize("name", KINKED)
def test_kinks_are_found(name):
    f, kinks = KINKED[name]
    row = sb.register(name, f).row
    assert row.kinks == kinks
    for place, slope in kinks.items():
        assert row.f.diff(own_z).subs(own_z, place) == slope


@pytest.mark.parametrize("name", SMOOTH)
def test_where_cases_meet_smoothly_there_is_no_kink(name):
    row = sb.register(name, SMOOTH[name]).row
    assert row.kinks == {}
    slope = row.f.diff(own_z)
    for place in (0, 1, -1):
        at, beside = (float(slope.subs(own_z, place + side)) for side in (0, Rational(1, 10**12)))
        assert at == pytest.approx(beside, abs=1e-9)


def test_positive_numbers_may_be_all_that_it_is_defined_for():
    assert sb.register("to_the_three_halves", z ** Rational(3, 2)).row.domain == sympy.Interval.open(0, sympy.oo)
    net = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nJ = sum(to_the_three_halves(X @ W))")
    assert sb.derive(net).check(sb.random_values(net, seed=3)).verdict == "right"


def test_registering_the_same_again_changes_nothing_and_another_is_refused():
    function = sb.register("twice", z * tanh(z))
    assert sb.register("twice", own_z * tanh(own_z)) is function
    with pytest.raises(sb.NameInUseError, match=r"twice is a function already: z\*tanh\(z\)"):
        sb.register("twice", z * tanh(2 * z))


def test_its_name_is_no_longer_free_for_quantities():
    sb.register("gate", z * tanh(z))
    with pytest.raises(sb.NameInUseError, match="gate is a name that formulas"):
        sb.Network().input("gate", 2, 3)


def test_latex():
    A = sb.Network().input("A", 2, 3)
    assert latex(sb.register("phi_like", tanh(z) * z, latex=r"\phi")(A)) == r"\phi\!\left(A\right)"
    assert latex(sb.register("soft_plus_one", log(1 + exp(z)) + 1)(A)) == r"\mathrm{soft\_plus\_one}\!\left(A\right)"


def test_a_stable_form_must_be_the_same_function():
    away = log(2) + 0 * z
    good = Abs(z) + log(1 + exp(-2 * Abs(z)))
    with pytest.raises(sb.SymbackpropError, match=r"at z = -1200 the stable form is 1200.0, but f is 1199.31"):
        sb.register("cosh_log", log((exp(z) + exp(-z)) / 2), stable=good)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of f′, which is made of f
        sb.register("cosh_log", log((exp(z) + exp(-z)) / 2), stable=good - away)


def test_a_warning_names_code_that_overflows():
    with pytest.warns(UserWarning, match=r"far: at z = -1200 generated code gives \S+ for f, which is 1200.0"):
        sb.register("far", log(exp(z) + exp(-z)))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        ("z**2", r"not the text 'z\*\*2', which is not parsed"),
        (lambda z: z, "not function"),
        (3, "not int"),
        (sympy.Integer(3), "a function of one symbol is expected, but this one has none"),
        (z * Symbol("y"), "this one has y and z"),
        (sympy.gamma(z), "gamma in gamma.z. is not supported; supported are Abs, asinh"),
        (sympy.Function("g")(z), "g in g.z. is not supported"),
        (sympy.I * z, "ImaginaryUnit in I is not supported"),
        (sympy.oo * z, "Infinity in oo is not supported"),
        (sqrt(1 - z**2), "is not a real number at z = 30"),
        (Piecewise((z, z < 1)), r"has no value at z = 2; the last case of a Piecewise is \(…, True\)"),
        (Piecewise((z, sympy.sin(z) < 1), (0, True)), "cannot solve where .* changes"),
        (sympy.MatrixSymbol("A", 2, 2), "not MatrixSymbol"),
        (sympy.Integral(z, (z, 0, z)), "Integral in .* is not supported"),
    ],
)
def test_anything_but_a_function_is_refused(f, message):
    with pytest.raises(sb.SymbackpropError, match=f"^odd.*{message}"):
        sb.register("odd", f)
    assert "odd" not in FUNCTIONS


@pytest.mark.parametrize(
    "name", ["sum", "mlp", "derive", "for", "relu", "absolute", "softmax", "x y", "_x", "np", "J", "ŷ", "", 3, None]
)
def test_names_that_are_not_free_are_refused(name):
    with pytest.raises(sb.SymbackpropError):
        sb.register(name, z * tanh(z))


def test_the_value_at_one_point_is_kept():
    """sin(z)/z with its value at 0, and a function with another value at one point."""
    sinc = sb.register("sinc", Piecewise((1, sympy.Eq(z, 0)), (sympy.sin(z) / z, True)))
    net = sb.Network()
    net.minimize("J", sb.total(sinc(net.parameter("w", 1, 3))))
    J, dJdw = sb.derive(net).to_numpy()(np.array([[0.0, 0.5, -2.0]]))
    points = np.array([1.0, np.sin(0.5) / 0.5, np.sin(2.0) / 2])
    assert pytest.approx(points.sum(), rel=1e-14) == J
    assert dJdw[0, 0] == 0
    row = sb.register("elsewhere", Piecewise((7, sympy.Eq(z, 0)), (z, True))).row
    assert row.f.subs(own_z, 0) == 7
    assert 0 in row.kinks


def test_a_function_with_a_hole_is_not_for_all_real_numbers():
    assert sb.register("over", 1 / z).row.domain != sympy.S.Reals


@pytest.mark.parametrize("constant", [sympy.pi, sympy.E, sympy.EulerGamma, sqrt(2), Rational(1, 3)])
def test_constants_may_stand_alone_in_the_slope(constant):
    name = f"steep_{type(constant).__name__.lower()}"  # f′ is looked up by the name
    assert sb.register(name, constant * z).row.domain == sympy.S.Reals


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
@pytest.mark.parametrize("name", [*KINKED, "near_far"])
def test_cases_keep_the_type_of_their_argument(name, dtype):
    sb.register(name, ALL[name])
    d = sb.derive(sb.mlp([2, 3, 1], activation=name))
    ones = [np.full(shape, 0.25, dtype) for shape in ((4, 2), (4, 1), (2, 3), (3, 1))]
    assert {np.asarray(part).dtype for part in d.to_numpy()(*ones)} == {np.dtype(dtype)}
