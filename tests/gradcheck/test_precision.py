"""Costs of low precision, of every scale, and gradients of 0: what the check knows, and what it must not claim."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.parameters import Parameters
from tests.support.coarse import COARSE, PLANTS, gradients_of, in_single_precision, rounded, with_a_penalty_in_double
from tests.support.mistakes import case_of


@pytest.mark.parametrize("kind", COARSE)
def test_right_gradients_of_coarse_costs_are_right_to_some_digits(kind, rng):
    make, penalty = COARSE[kind]
    found = Counter()
    for regime in ["ordinary", "L2", "zero biases", "relu"] * 3:
        case = case_of(regime, rng)
        report = sb.check_gradients(make(case), gradients_of(case, penalty), case.params)
        assert report.verdict != "wrong", str(report)
        found[str(report.verdict)] += 1
        if report.verdict == "right":
            assert "right (to " in str(report), str(report)
            assert all(block.resolution <= 1e-2 for block in report.blocks), str(report)
    assert found["right"] >= 9, found


@pytest.mark.parametrize(("kind", "plant"), [*product(COARSE, PLANTS)])
def test_planted_mistakes_in_coarse_costs_are_wrong(kind, plant, rng):
    make, penalty = COARSE[kind]
    case = case_of("ordinary", rng)
    cost, right = make(case), gradients_of(case, penalty)
    for name in case.params:
        report = sb.check_gradients(
            cost, lambda name=name, **p: right(**p) | {name: PLANTS[plant](right(**p)[name])}, case.params
        )
        assert report.verdict == "wrong", f"{name}\n{report}"


@pytest.mark.parametrize("make", [rounded(3), rounded(2), lambda case: lambda **p: np.float16(case.cost(**p))])
def test_a_forgotten_gradient_is_never_right_however_coarse_the_cost_is(make, rng):
    for regime in ("ordinary", "L2", "relu"):
        case = case_of(regime, rng)
        for name in case.params:
            gradients = lambda name=name, case=case, **p: case.gradients(**p) | {name: 0 * p[name]}
            report = sb.check_gradients(make(case), gradients, case.params)
            assert report.verdict != "right", f"{regime} {name}\n{report}"


def test_a_small_part_of_a_large_cost_in_single_precision(rng):
    """The effect of b on the cost is near its rounding error."""
    X, y = rng.normal(size=(200, 3)).astype(np.float32), rng.normal(size=(200, 1)).astype(np.float32)
    params = {"w": rng.normal(size=(3, 1)), "b": np.array([0.3])}

    def cost(w, b):
        return np.float32(0.5) * np.sum((X @ np.float32(w) + np.float32(0.01) * np.float32(b) - y) ** 2)

    def right(w, b):
        r = X.astype(float) @ w + 0.01 * b - y
        return {"w": X.T.astype(float) @ r, "b": 0.01 * r.sum(axis=0)}

    assert sb.check_gradients(cost, right, params).verdict != "wrong"
    assert sb.check_gradients(cost, lambda w, b: right(w, b) | {"b": 0 * b}, params).verdict != "right"


# Scale

SCALES = (1e-12, 1e-6, 1.0, 1e6, 1e12)


@pytest.mark.parametrize(("weights", "inputs"), [*product(SCALES, SCALES)])
def test_every_scale_of_weights_inputs_and_cost(weights, inputs, rng):
    X, w, per = rng.normal(size=(5, 3)) * inputs, rng.normal(size=3) * weights, 1 / (weights * inputs)
    for size, offset in product(SCALES, (0.0, 1.0, 1e3)):
        cost = lambda w, size=size, offset=offset: size * (np.sum(np.tanh(X @ w * per)) + offset)
        gradient = lambda w, size=size: size * X.T @ (1 - np.tanh(X @ w * per) ** 2) * per
        for factor, verdict in ((1, "right"), (2, "wrong"), (0, "wrong")):
            report = sb.check_gradients(cost, lambda w, f=factor, g=gradient: f * g(w), w)
            assert report.verdict == verdict, f"{size} {offset} {factor}\n{report}"


@pytest.mark.parametrize(("weights", "size"), [*product(SCALES, SCALES)])
def test_costs_near_zero_by_cancellation(weights, size, rng):
    """Their rounding error is not that of their value, which must not hide that the weights are tiny."""
    for sign, part in product((1, -1), (1e-3, 1e-6)):
        X, w = rng.normal(size=(5, 3)), rng.normal(size=3) * weights
        offset = -np.sum(np.tanh(X @ w / weights)) * (1 + sign * part)
        cost = lambda w, X=X, offset=offset: size * (np.sum(np.tanh(X @ w / weights)) + offset)
        gradient = lambda w, X=X: size * X.T @ (1 - np.tanh(X @ w / weights) ** 2) / weights
        for factor, verdict in ((1, "right"), (2, "wrong"), (0, "wrong")):
            report = sb.check_gradients(cost, lambda w, f=factor, g=gradient: f * g(w), w)
            assert report.verdict == verdict, f"{sign} {part} {factor}\n{report}"


@pytest.mark.parametrize("power", [-12, -8, -4, 4, 8, 12])
def test_weights_far_from_the_scale_on_which_the_cost_changes(power, rng):
    X, w = rng.normal(size=(5, 3)), rng.normal(size=3) * 10.0 ** min(power, 0)
    cost = lambda w: np.sum(np.tanh(X @ w * 10.0**-power))
    gradient = lambda w: 10.0**-power * X.T @ (1 - np.tanh(X @ w * 10.0**-power) ** 2)
    for factor, verdict in ((1, "right"), (2, "wrong"), (0, "wrong")):
        report = sb.check_gradients(cost, lambda w, f=factor: f * gradient(w), w)
        assert report.verdict == verdict, f"{factor}\n{report}"
        numeric = sb.numerical_gradient(cost, w)
        assert abs(report.worst.numeric - numeric[report.worst.index]) <= 1e-6 * np.max(np.abs(numeric))


def test_the_noise_of_a_cost_is_that_of_its_precision_or_its_decimals(rng):
    case = case_of("ordinary", rng)
    taken = Parameters.of(case.params)
    for make, least, most in (
        (lambda case: case.cost, 0.0, 1e-14),
        (in_single_precision, 1e-9, 1e-6),
        (with_a_penalty_in_double, 1e-9, 1e-6),
    ):
        numerics = Numerics(make(case), taken)
        noise = numerics.noise(dict(enumerate(taken.arrays))) / abs(numerics.cost)
        assert least <= noise <= most
        assert numerics.is_coarse == (least > 0)
    assert Numerics(rounded(3)(case), taken).noise(dict(enumerate(taken.arrays))) >= 0.5e-3 / 2


# Gradients of 0


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-9])
def test_gradients_near_an_optimum_are_decided(distance, rng):
    A, b = rng.normal(size=(20, 3)), rng.normal(size=20)
    w = np.linalg.lstsq(A, b, rcond=None)[0] + distance * rng.normal(size=3)
    cost, right = lambda w: np.sum((A @ w - b) ** 2) / 20, lambda w: A.T @ (A @ w - b) / 10
    assert sb.check_gradients(cost, right, w).verdict == "right"
    for wrong in (lambda w: 2 * right(w), lambda w: right(w) + 1e-4, lambda w: -right(w), lambda w: 0 * right(w)):
        report = sb.check_gradients(cost, wrong, w)
        assert report.verdict == "wrong", str(report)


def test_an_optimum_on_a_small_scale_is_decided_although_the_error_bar_is_large(rng):
    """The numeric derivative is 0 there, so that its error bar is small beside the wrong derivative alone."""
    at_the_point = 0
    for _ in range(6):
        A, b = rng.normal(size=(20, 3)), rng.normal(size=20)
        per, w = 1e8, np.linalg.lstsq(A, b, rcond=None)[0] / 1e8
        cost = lambda w, A=A, b=b, per=per: float(1 + np.sum((A @ (per * w) - b) ** 2))
        right = lambda w, A=A, b=b, per=per: 2 * per * A.T @ (A @ (per * w) - b)
        assert sb.check_gradients(cost, right, w).verdict != "wrong"
        report = sb.check_gradients(cost, lambda w, right=right, per=per: right(w) + 1e-4 * per, w)
        assert report.verdict == "wrong"
        at_the_point += "nearby" not in str(report)
    assert at_the_point >= 2


def test_the_derivative_over_small_steps_is_not_taken_where_the_cost_is_flat():
    w = np.array([3e-9, 1.0])
    numerics = Numerics(lambda w: np.tanh(1e8 * w[0]) + w[1], Parameters.of(w))
    found = numerics.local_derivative({0: np.array([1.0, 0.0])})
    assert abs(found.value - 1e8 * (1 - np.tanh(0.3) ** 2)) <= found.error <= 1e7


def dead_units(rng):
    """A layer of which no unit is active: all gradients are 0 here, right ones and forgotten ones."""
    X, y = np.abs(rng.normal(size=(5, 3))), rng.normal(size=(5, 1))
    params = {"W": -0.2 - np.abs(rng.normal(size=(3, 2))), "v": rng.normal(size=(2, 1))}

    def cost(W, v):
        return np.sum((np.maximum(X @ W, 0) @ v - y) ** 2)

    def gradients(W, v):
        z = X @ W
        error = 2 * (np.maximum(z, 0) @ v - y)
        return {"W": X.T @ ((error @ v.T) * (z > 0)), "v": np.maximum(z, 0).T @ error}

    return cost, gradients, params


def test_a_gradient_that_is_0_throughout_is_not_right_where_nothing_can_be_seen(rng):
    cost, gradients, params = dead_units(rng)
    report = sb.check_gradients(cost, gradients, params)
    assert report.verdict == "undecided"
    assert "every entry is 0 here" in str(report)
    again = sb.check_gradients(cost, gradients, report.generic_point)
    assert again.verdict == "right", str(again)


def test_what_is_wrong_farther_away_is_told(rng):
    cost, _, params = dead_units(rng)
    report = sb.check_gradients(cost, lambda W, v: {"W": 0 * W, "v": 0 * v}, params)
    assert report.verdict == "undecided"
    assert "it is wrong at report.generic_point, farther away" in str(report)
    there = sb.check_gradients(cost, lambda W, v: {"W": 0 * W, "v": 0 * v}, report.generic_point)
    assert there.verdict == "wrong"


def test_what_is_wrong_nearby_is_shown_as_what_is_nearby(rng):
    """At the optimum itself nothing can be seen; nearby, the factor can."""
    A, b = rng.normal(size=(20, 3)), rng.normal(size=20)
    w = np.linalg.lstsq(A, b, rcond=None)[0]
    report = sb.check_gradients(lambda w: float(np.sum((A @ w - b) ** 2)), lambda w: 4 * A.T @ np.float64(A @ w - b), w)
    assert report.verdict == "wrong"
    (block,) = report.blocks
    assert abs(block.numeric) < 1e-6, "the figure at the point itself"
    if "nearby" in block.note:
        assert "wrong at a generic point nearby, report.generic_point: at [" in block.note
        assert (
            sb.check_gradients(
                lambda w: float(np.sum((A @ w - b) ** 2)), lambda w: 4 * A.T @ (A @ w - b), report.generic_point
            ).verdict
            == "wrong"
        )


def test_a_cost_that_does_not_depend_on_a_parameter(rng):
    """A bias before a batch normalization: its gradient is 0, but for rounding, and that is right."""
    X, weights = rng.normal(size=(6, 2)), np.arange(1.0, 7)[:, None]
    params = {"w": rng.normal(size=(2, 1)), "b": np.array([0.3])}

    def cost(w, b):
        z = X @ w + b
        return np.sum(weights * np.tanh((z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-3)))

    gradient = sb.numerical_gradient(lambda w: cost(w, params["b"]), params["w"])
    report = sb.check_gradients(cost, lambda w, b: {"w": gradient, "b": 0 * b}, params)
    assert report.verdict == "right", str(report)
    assert [block.note for block in report.blocks][1] == "the cost does not depend on it"
    small = lambda w, b: cost(w, b) + 1e-6 * np.sum(np.tanh(b))
    assert sb.check_gradients(small, lambda w, b: {"w": gradient, "b": 0 * b}, params).verdict == "wrong"


def test_an_offset_hides_no_forgotten_gradient():
    x = np.array([0.5, -0.3, 1.1])
    for offset in (1e8, 1e11, 1e14, 1e16):
        report = sb.check_gradients(lambda x, c=offset: np.sum(np.tanh(x)) + c, lambda x: 0 * x, x)
        assert report.verdict != "right", f"{offset}\n{report}"


# Points, seeds and causes


def test_a_generic_point_moves_each_entry_by_a_part_of_its_own_size():
    taken = Parameters.of({"a": np.array([1e-11, 2e7, 0.0]), "b": np.zeros(2)})
    a, b = taken.generic_nearby().arrays
    assert 0.05 <= abs(a[0] / 1e-11 - 1) <= 0.3
    assert 0.05 <= abs(a[1] / 2e7 - 1) <= 0.3
    assert np.all(np.concatenate([a, b]) != 0)
    assert all(np.array_equal(x, y) for x, y in zip([a, b], taken.generic_nearby().arrays, strict=True))


@pytest.mark.parametrize("factor", [1, 2])
def test_no_verdict_depends_on_the_seed(factor, rng):
    X = rng.normal(size=(6, 3))
    for _ in range(2):
        w = 10.0 ** rng.uniform(-8, -3, 3) * rng.choice([-1, 1], 3)
        cost = lambda w: 1000 + 9e-13 * np.sum((X @ w - 1) ** 2)
        gradient = lambda w: factor * 9e-13 * 2 * X.T @ (X @ w - 1)
        assert len({sb.check_gradients(cost, gradient, w, seed=seed).verdict for seed in range(8)}) == 1


def test_one_number_is_a_multiple_of_another_and_that_is_no_cause():
    x, a = np.array([0.3, -1.0, 2.0]), np.array([0.7])
    cost = lambda a: np.sum(np.tanh(a * x) ** 2)
    right = lambda a: np.array([np.sum(2 * np.tanh(a * x) * (1 - np.tanh(a * x) ** 2) * x)])
    report = sb.check_gradients(cost, lambda a: np.array([np.sum(2 * np.tanh(a * x) * x)]), a)
    assert (report.verdict, report.worst.mistake) == ("wrong", "")
    assert "twice" in sb.check_gradients(cost, lambda a: 2 * right(a), a).worst.mistake


def test_a_factor_that_is_another_one_nearby_is_no_cause(rng):
    """With one unit and one example, a missing f′ is one factor, but only at this point."""
    X, y = rng.normal(size=(1, 3)), 0.4
    cost = lambda W: np.sum((np.tanh(X @ W) - y) ** 2) / 2
    missing = lambda W: X.T @ (np.tanh(X @ W) - y)
    report = sb.check_gradients(cost, missing, rng.normal(size=(3, 1)))
    assert (report.verdict, report.worst.mistake) == ("wrong", "")
    half = lambda W: missing(W) * (1 - np.tanh(X @ W) ** 2) / 2
    assert "half" in sb.check_gradients(cost, half, rng.normal(size=(3, 1))).worst.mistake


def test_one_small_difference_among_large_entries_is_no_penalty():
    a, x = np.random.default_rng(0).random(10000), np.arange(1.0, 10001)
    report = sb.check_gradients(
        lambda x: np.sum((x - a) ** 2), lambda x: 2 * (x - a) + 0.01 * (np.arange(10000) == 77), x
    )
    assert report.worst.mistake == "only [77] is wrong"


# Steep parts of small width, and mixed precision


@pytest.mark.parametrize("width", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_a_narrow_part_of_a_cost_is_not_passed_over(width, rng):
    """Over the usual steps, a narrow bump does not show: a gradient without it agrees with them."""
    center = rng.uniform(0.3, 1.5, 3) * rng.choice([-1, 1], 3)
    x = center + width * rng.uniform(0.4, 1.2, 3)

    def cost(x):
        return np.sum((x - 0.1) ** 2) - np.sum(np.exp(-(((x - center) / width) ** 2) / 2))

    def gradient(x):
        away = (x - center) / width
        return 2 * (x - 0.1) + away / width * np.exp(-(away**2) / 2)

    assert sb.check_gradients(cost, gradient, x).verdict == "right"
    report = sb.check_gradients(cost, lambda x: 2 * (x - 0.1), x)
    assert report.verdict == "wrong", str(report)
    numeric = sb.numerical_gradient(cost, x)
    assert abs(report.worst.numeric - numeric[report.worst.index]) <= 1e-5 * np.max(np.abs(numeric))


@pytest.mark.parametrize("scale", [1e-3, 1e-4, 1e-5, 1e-6])
def test_an_entry_on_a_small_scale_is_not_passed_over(scale, rng):
    s = np.array([scale, 1, 1])
    x = s * rng.uniform(0.5, 1.2, 3)
    cost, gradient = lambda x: np.sum(np.tanh(x / s) ** 2), lambda x: 2 * np.tanh(x / s) / np.cosh(x / s) ** 2 / s
    assert sb.check_gradients(cost, gradient, x).verdict == "right"
    assert sb.check_gradients(cost, lambda x: gradient(x) * [0, 1, 1], x).verdict == "wrong"


@pytest.mark.parametrize("part", [lambda v: round(float(v), 3), lambda v: float(np.float16(v))])
def test_a_part_of_low_precision_accuses_nobody(part, rng):
    for _ in range(5):
        w, p = rng.normal(size=2), rng.normal(size=1)
        cost = lambda w, p: float(np.sum(np.asarray(w, float) ** 2)) + part(np.tanh(p[0]))
        right = lambda w, p: (2 * w, 1 / np.cosh(p) ** 2)
        assert sb.check_gradients(cost, right, (w, p)).verdict != "wrong"
        assert sb.check_gradients(cost, lambda w, p: (2 * w, 0 * p), (w, p)).verdict != "right"


def test_a_dependence_below_the_noise_is_not_denied(rng):
    w, p = rng.normal(size=4), rng.normal(size=1)
    for size in (3e-5, 1e-4, 2e-4):
        cost = lambda w, p, size=size: np.float32(1e3 * np.sum(w**2) + size * np.tanh(p[0]))
        report = sb.check_gradients(cost, lambda w, p: (2e3 * w, 0 * p), (w, p))
        assert report.blocks[1].verdict != "right", str(report)


def test_costs_and_gradients_of_a_type_that_numpy_does_not_have(rng):
    bfloat16 = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed").bfloat16
    x = rng.uniform(0.5, 1.5, 3)
    right, zero = lambda x: (2 * x).astype(bfloat16), lambda x: (0 * x).astype(bfloat16)
    assert sb.check_gradients(lambda x: np.sum(x.astype(bfloat16) ** 2), right, x).verdict != "wrong"
    assert sb.check_gradients(lambda x: np.sum(x**2), lambda x: right(-x), x).verdict == "wrong"
    assert sb.check_gradients(lambda x: np.sum(x.astype(bfloat16) ** 2), zero, x).verdict != "right"
