"""Traced scalars, the placeholder for NumPy, and the derivatives of a traced cost, against finite differences."""

import math
import time
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

from symbackprop.tracing.scalars.array import ScalarArray, named_array, values_of
from symbackprop.tracing.scalars.differentiate import DIGITS, GUARD, Agreement, ScalarGraph, agree
from symbackprop.tracing.scalars.numpy_functions import BUILTINS, MATH, NUMPY, SCIPY
from symbackprop.tracing.scalars.operations import OPERATIONS, partial
from symbackprop.tracing.scalars.scalar import BranchLog, TracedScalar, applied
from symbackprop.tracing.untraceable import Untraceable
from tests.support.entrywise_code import CODES, Code

MISTAKES = [(name, *mistake) for name, code in CODES.items() for mistake in code.mistakes]


def functions(text: str, **names: Any) -> dict[str, Any]:
    space = dict(names)
    exec(text, space)
    return space


def drawn(code: Code) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    return {name: rng.normal(size=shape) for name, shape in code.shapes.items()} | code.data()


class Run:
    """The code on symbolic arrays."""

    def __init__(self, code: Code, text: str):
        values = drawn(code)
        self.arrays = {n: named_array(n, v) if n in code.shapes else v for n, v in values.items()}
        space = functions(text, np=NUMPY, **BUILTINS)
        with BranchLog() as self.log:
            self.cost = space["cost"](**self.arrays)
            self.gradients = space["gradient"](**self.arrays)
        self.entries = [entry for name in code.wrt for entry in self.arrays[name].flat]
        self.claimed = [claim for gradient in self.gradients for claim in gradient.flat]

    def agreement(self) -> Agreement:
        return agree(self.cost, self.claimed, self.entries, self.log, np.random.default_rng(0))


def differences(code: Code) -> np.ndarray:
    """Central differences of the plain cost."""
    values, cost = drawn(code), functions(code.text, np=np)["cost"]
    derivatives, h = [], 1e-6
    for name in code.wrt:
        for index in np.ndindex(values[name].shape):
            up, down = ({**values, name: values[name].copy()} for _ in range(2))
            up[name][index] += h
            down[name][index] -= h
            derivatives.append((cost(**up) - cost(**down)) / (2 * h))
    return np.array(derivatives)


@pytest.mark.parametrize(("name", "right", "wrong"), MISTAKES)
def test_a_planted_mistake_is_found(name: str, right: str, wrong: str) -> None:
    code = CODES[name]
    assert code.text.count(right) == 1, right
    started = time.perf_counter()
    seen = Run(code, code.text.replace(right, wrong)).agreement()
    assert not seen.right
    assert seen.first is not None
    assert seen.first.place == seen.entries.index(False)
    assert abs(seen.first.claimed - seen.first.derived) > 1e-9 * abs(seen.first.derived)
    assert time.perf_counter() - started < 10


def gradient_of(cost: TracedScalar, entries: list[TracedScalar]) -> list[Any]:
    """The derivative of a cost with respect to each entry, in 50 digits."""
    with mpmath.workdps(DIGITS + GUARD):
        graph = ScalarGraph([cost])
        adjoints, _ = graph.adjoints(graph.values({}), cost)
    with mpmath.workdps(DIGITS):
        return [+adjoints.get(entry, mpmath.mpf(0)) for entry in entries]


@pytest.mark.parametrize("name", CODES)
def test_right_code_agrees(name: str) -> None:
    run = Run(CODES[name], CODES[name].text)
    seen = run.agreement()
    assert seen.right, seen.first
    assert seen.points == 3
    assert seen.rounded == (name == "attention")  # np.sqrt(3) against 3 ** -0.5
    np.testing.assert_allclose(
        np.array(gradient_of(run.cost, run.entries), float), differences(CODES[name]), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("name", CODES)
def test_the_placeholder_computes_what_numpy_computes(name: str) -> None:
    code = CODES[name]
    run, plain, values = Run(code, code.text), functions(code.text, np=np), drawn(code)
    np.testing.assert_allclose(run.cost.value, plain["cost"](**values), rtol=1e-12)
    for ours, theirs in zip(run.gradients, plain["gradient"](**values), strict=True):
        np.testing.assert_allclose(values_of(ours), theirs, rtol=1e-11, atol=1e-14)


def test_the_wrong_entry_is_named() -> None:
    X = named_array("X", [[1.0, 2.0], [3.0, 4.0]])
    claimed = 2 * X
    claimed[1, 0] += 1e-30
    seen = agree(np.sum(X**2), list(claimed.flat), list(X.flat), BranchLog(), np.random.default_rng(1))
    assert seen.entries == (True, True, False, True)
    assert seen.first is not None
    assert (seen.first.place, seen.first.entry.name) == (2, "X[1,0]")
    assert abs(seen.first.claimed - seen.first.derived - mpmath.mpf("1e-30")) < 1e-45


def test_exact_zero_is_not_a_small_number() -> None:
    x, y = named_array("x", [1.5, 0.25])
    nothing = np.exp(x) * y - y * np.exp(x)
    judge = lambda cost, claimed: agree(cost, claimed, [x, y], BranchLog(), np.random.default_rng(1)).entries
    assert judge(nothing + y, [0, 1]) == (True, True)
    assert judge(y, [nothing, 1.0]) == (True, True)
    assert judge(y, [1e-30, 1]) == (False, True)
    assert judge(1e-30 * x * y, [0, 1e-30 * x]) == (False, True)


def test_conditions_are_recorded_and_kept() -> None:
    x = named_array("x", [0.001, 2.0])
    with BranchLog() as log:
        cost = np.sum(np.maximum(x, 0) ** 2)
        claimed = np.where(x > 0, 2 * x, 0)
    assert {(str(c.difference), c.relation, c.truth) for c in log.conditions} >= {
        ("x[0]", ">", True),
        ("x[1]", ">", True),
    }
    seen = agree(cost, list(claimed), list(x), log, np.random.default_rng(2))
    assert seen.right
    assert seen.points == 3
    assert x[0] > 0
    assert not BranchLog().conditions


def test_where_no_point_is_decided_alike_the_traced_one_is_compared() -> None:
    x = TracedScalar.variable("x", (), 2.0)
    with BranchLog() as log:
        assert x == 2.0
        cost = x**2
    right = agree(cost, [2 * x], [x], log, np.random.default_rng(2))
    wrong = agree(cost, [x], [x], log, np.random.default_rng(2))
    assert (right.right, right.points, wrong.right) == (True, 0, False)


def test_a_cost_without_a_derivative_is_refused() -> None:
    x = TracedScalar.variable("x", (), 0.0)
    with BranchLog() as log:
        assert x == 0
    with pytest.raises(Untraceable, match="no finite derivative"):
        agree(np.sqrt(x), [1 / (2 * np.sqrt(x))], [x], log, np.random.default_rng(2))


def test_a_claim_that_is_not_finite_is_wrong() -> None:
    x, y = named_array("x", [1.5, 0.25])
    seen = agree(x * y, [y / (x - x), x], [x, y], BranchLog(), np.random.default_rng(2))
    assert seen.entries == (False, True)
    assert seen.first is not None
    assert mpmath.isnan(seen.first.claimed)


UNARY = sorted(name for name in OPERATIONS if name not in {"add", "sub", "mul", "truediv", "neg", "pow", "arctan2"})


@pytest.mark.parametrize("name", UNARY)
def test_an_operation_is_the_same_in_every_column(name: str) -> None:
    value = 1.7 if name == "arccosh" else 0.4
    x = TracedScalar.variable("x", (), value)
    made = applied(name, x)
    assert math.isclose(made.value, float(OPERATIONS[name].precise(value)), rel_tol=1e-13)
    assert math.isclose(made.value, float(made.expression().subs(sympy.Symbol("x", real=True), value)), rel_tol=1e-13)
    derivative = mpmath.diff(OPERATIONS[name].precise, value)
    assert abs(gradient_of(made, [x])[0] - derivative) < 1e-6 * abs(derivative)
    if hasattr(np, name):
        assert math.isclose(made.value, getattr(np, name)(value), rel_tol=1e-13)
        assert getattr(np, name)(x).op == name


def test_derivatives_are_sympys() -> None:
    assert partial("tanh", 0, 1)(mpmath.mpf(0)) == 1
    assert gradient_of(TracedScalar.variable("x", (), -2.0) ** 2, []) == []
    x = TracedScalar.variable("x", (), -2.0)
    assert gradient_of(x**3, [x]) == [12]
    assert gradient_of(x**-2, [x]) == [mpmath.mpf(1) / 4]
    zero = TracedScalar.variable("zero", (), 0.0)
    assert gradient_of(zero**2 + zero, [zero]) == [1]
    with mpmath.workdps(DIGITS):
        squared, added = x**2, x + zero
        values = ScalarGraph([squared, added]).values({zero: 5})
        assert (values[squared], values[added]) == (4, 3)


def test_numbers_are_what_the_user_meant() -> None:
    x = TracedScalar.variable("x", (), 1.0)
    assert (0.1 * x).expression() == sympy.Rational(1, 10) * x.expression()
    assert (x * (1 / 3)).expression() == x.expression() / 3
    assert (np.float32(0.1) * x).expression() == x.expression() / 10
    assert (x * np.sqrt(2.0)).parts[1].op == "rounded"
    assert x * 0 is TracedScalar.of(0)
    assert x + 0 is x
    assert (x**0.5).expression() == sympy.sqrt(x.expression())


@pytest.mark.parametrize("number", [2, 0.5, True, np.float64(0.5), np.float32(0.5), np.int64(3), np.bool(True)])
def test_numbers_on_either_side(number: Any) -> None:
    x = TracedScalar.variable("x", (2,), 0.75)
    for made, value in [
        (number + x, number + 0.75), (x + number, 0.75 + number), (number - x, number - 0.75), (x - number, 0.75 - number),
        (number * x, number * 0.75), (x * number, 0.75 * number), (number / x, number / 0.75), (x / number, 0.75 / number),
        (x**number, 0.75**number), (number**x, number**0.75),
    ] if not isinstance(number, bool | np.bool) else [(number * x, 0.75), (x + number, 1.75)]:  # fmt: skip
        assert isinstance(made, TracedScalar)
        assert math.isclose(made.value, value, rel_tol=1e-7)
    assert (number > x) is bool(number > 0.75) or bool(number > x) == bool(number > 0.75)


def test_arrays_on_either_side_are_entries() -> None:
    x, A = TracedScalar.variable("x", (), 0.75), np.arange(6.0).reshape(2, 3)
    for made in (x * A, A * x, x + A, A - x, A / x, np.exp(A * x), np.outer(A[0] * x, A[1])):
        assert isinstance(made, ScalarArray)
    assert type(A > x) is np.ndarray
    assert type(x < A) is np.ndarray
    assert (x < A).tolist() == (A > 0.75).tolist()
    assert isinstance(np.exp(x), TracedScalar)
    assert not np.isnan(x)


def test_what_cannot_be_followed_is_refused() -> None:
    x = named_array("x", [0.5, 1.5])
    floats = np.zeros(2)
    for refused in [
        lambda: float(x[0]), lambda: int(x[0]), lambda: math.exp(x[0]), lambda: x[0] + 1j, lambda: np.add.at(floats, [0], x[:1]),
        lambda: floats.__iadd__(x), lambda: floats.__setitem__(0, x[0]), lambda: NUMPY.random.randn(3),
        lambda: NUMPY.linalg.svd(x), lambda: x.astype(int), lambda: NUMPY.nan_to_num(np.log(-x)),
    ]:  # fmt: skip
        with pytest.raises(Untraceable):
            refused()
    assert float(np.exp(TracedScalar.of(0.5))) == math.exp(0.5)


def test_whole_numbers_stay_whole() -> None:
    for made in (
        NUMPY.array([0, 1]),
        NUMPY.arange(3),
        NUMPY.zeros(2, dtype=int),
        NUMPY.zeros_like(np.array([1, 2])),
        NUMPY.eye(2, dtype=int),
    ):
        assert made.dtype.kind == "i"
    assert NUMPY.array([True]).dtype == bool
    for made in (
        NUMPY.zeros(2),
        NUMPY.array([0.5]),
        NUMPY.ones_like(named_array("x", [1.0])),
        NUMPY.eye(2),
        NUMPY.full(2, 0.5),
    ):
        assert isinstance(made, ScalarArray)
        assert all(isinstance(entry, TracedScalar) for entry in made.flat)


A = np.random.default_rng(3).uniform(0.2, 0.9, size=(3, 2))
SAME = [
    *(f"{name}(A)" for name in (
        "exp", "sign", "floor", "ceil", "rint", "square", "reciprocal", "isnan", "isfinite", "nan_to_num", "var", "std", "median",
        "argmax", "argmin", "sort", "argsort", "cumsum", "cumprod", "prod", "trace", "tril", "diff", "linalg.norm",
    )),
    "clip(A, 0.3, 0.6)", "maximum(A, 0.5)", "logaddexp(A, 0.5)", "heaviside(A, 0)", "float_power(A, 0.3)", "where(A > 0.5, A, 0)",
    "einsum('ij,ik->jk', A, A)", "tensordot(A, A, axes=([0], [0]))", "add.outer(A[0], A[1])", "maximum.reduce(A, axis=1)",
    "var(A, axis=0, ddof=1)", "std(A, axis=1, keepdims=True)", "mean(A, axis=0)", "average(A, axis=1)", "sum(A, dtype=float)",
    "linalg.norm(A, axis=1)", "linalg.norm(A, 1, axis=0)", "linalg.inv(A[:2])", "linalg.det(A[:2])", "linalg.solve(A[:2], A.T)",
    "linalg.slogdet(A[:2])", "concatenate([A, A])", "c_[A, A]", "pad(A, 1)", "vectorize(abs)(A)", "allclose(A, A)",
    "bincount([0, 2, 0], weights=A[:, 0])", "array([A[0], A[1]], dtype=float)", "asarray(A, np.float32).astype(float)",
]  # fmt: skip


@pytest.mark.parametrize("call", SAME)
def test_functions_give_the_same_values(call: str) -> None:
    theirs, ours = (
        functions(f"r = np.{call}", np=module, A=B)["r"] for module, B in ((np, A), (NUMPY, named_array("A", A)))
    )
    for one, other in zip(theirs, ours, strict=True) if isinstance(theirs, tuple) else [(theirs, ours)]:
        assert np.shape(one) == np.shape(other)
        assert not isinstance(other, np.ndarray) or isinstance(other, ScalarArray) == (other.dtype == object)
        np.testing.assert_allclose(values_of(other), one, rtol=1e-6 if "float32" in call else 1e-12)


@pytest.mark.parametrize("name", SCIPY)
def test_functions_of_scipy(name: str) -> None:
    special = pytest.importorskip("scipy.special")
    given = (A, A.T[0, 0]) if name in ("xlogy", "xlog1py", "rel_entr") else (A,)
    options = {"axis": 1} if name in ("softmax", "log_softmax", "logsumexp") else {}
    symbolic = tuple(named_array("A", x) for x in given)
    np.testing.assert_allclose(
        values_of(SCIPY[name](*symbolic, **options)), getattr(special, name)(*given, **options), rtol=1e-12
    )


def test_functions_of_math() -> None:
    x = TracedScalar.variable("x", (), 0.5)
    for name in ("exp", "log", "sqrt", "tanh", "atan", "lgamma", "log1p"):
        assert math.isclose(MATH[name](x).value, getattr(math, name)(0.5))
        assert MATH[name](0.5) == getattr(math, name)(0.5)
    assert BUILTINS["float"](x) is x
    assert BUILTINS["float"]("1.5") == 1.5
    assert isinstance(1.5, BUILTINS["float"])


def test_deep_graphs_need_no_recursion() -> None:
    x = TracedScalar.variable("x", (), 0.5)
    sums = powers = x
    for _ in range(3000):
        sums, powers = sums * 0.999 + x, np.exp(-powers)
    assert gradient_of(sums, [x])[0] > 900
    assert abs(gradient_of(powers, [x])[0]) < 1e-9
    assert sums.expression().func == sympy.Add
    assert powers.expression().func == sympy.exp


def test_a_short_expression_is_simplified() -> None:
    x = TracedScalar.variable("x", (0, 1), 0.5)
    symbol = sympy.Symbol("x[0,1]", real=True)
    assert (2 * np.exp(x) + x * x).expression() == 2 * sympy.exp(symbol) + symbol**2


def test_a_dtype_of_floats_keeps_traced_scalars() -> None:
    x = named_array("x", [1.0, -2.0])
    names = {"np": NUMPY, "x": x, **BUILTINS}
    for text in (
        "np.zeros(2, dtype=float)",
        "np.array(x, float)",
        "x.astype(float)",
        "x.astype('float32')",
        "np.zeros(2, x.dtype)",
        "np.asarray(x, dtype=np.float64)",
        "np.empty(2, 'f')",
    ):
        assert isinstance(functions(f"r = {text}", **names)["r"], ScalarArray), text
    assert functions("r = (x > 0).astype(float)", **names)["r"].tolist() == [1.0, 0.0]
    assert functions("r = np.finfo(float).eps", **names)["r"] == np.finfo(float).eps
    assert functions("r = np.float64(x[0])", **names)["r"] is x[0]
    assert functions("r = isinstance(1.5, np.float64) and isinstance(x[0], float)", **names)["r"]


def test_a_number_of_one_entry_looks_like_an_array_without_axes() -> None:
    x = TracedScalar.variable("x", (), 0.5)
    assert np.squeeze(x) is x
    assert np.mean(x) is x
    assert x.item() is x
    assert (x.shape, x.ndim, x.T) == ((), 0, x)
    assert f"{x:.2f}" == "0.50"
