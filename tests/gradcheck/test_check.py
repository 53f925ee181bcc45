"""The gradient checker: planted mistakes first, right gradients second."""

import math

import numpy as np
import pytest

import symbackprop as sb
from tests.support.networks import ON_PROBABILITIES


def home_functions(rng):
    """The home cost over (W1, W2), its right gradients, and the pieces to plant mistakes in."""
    data, f = sb.home_data(), sb.derive(sb.home_network()).to_numpy()
    weights = {"W1": rng.normal(size=(2, 3)), "W2": rng.normal(size=(3, 1))}
    return (lambda W1, W2: f.cost(**data, W1=W1, W2=W2)), data, weights


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backward(mistake):
    """The home gradients by hand, with one mistake."""

    def gradients(W1, W2):
        X, y = sb.home_data().values()
        z2 = X @ W1
        a2 = sigmoid(z2)
        yhat = sigmoid(a2 @ W2)
        sign = 1 if mistake == "sign" else -1
        delta3 = sign * (y - yhat) * (1 if mistake == "f′ left out" else yhat * (1 - yhat))
        delta2 = delta3 @ W2.T * (a2 if mistake == "f for f′" else a2 * (1 - a2))
        dJdW1, dJdW2 = X.T @ delta2, a2.T @ delta3
        if mistake == "one entry":
            dJdW1[1, 2] *= 1.001
        return {"W1": dJdW1, "W2": 2 * dJdW2 if mistake == "factor 2" else dJdW2}

    return gradients


@pytest.mark.parametrize("mistake", ["sign", "f′ left out", "f for f′", "one entry", "factor 2"])
def test_planted_mistakes_are_caught(mistake, rng):
    cost, _, weights = home_functions(rng)
    report = sb.check_gradients(cost, backward(mistake), weights)
    assert report.verdict == "wrong"
    assert report.worst.verdict == "wrong"
    assert "gradient check: wrong" in str(report)
    with pytest.raises(AssertionError, match="gradient check: wrong"):
        sb.assert_gradients(cost, backward(mistake), weights)


def test_a_wrong_entry_is_found_where_it_is(rng):
    cost, _, weights = home_functions(rng)
    report = sb.check_gradients(cost, backward("one entry"), weights)
    assert (report.worst.name, report.worst.index) == ("W1", (1, 2))
    assert report.worst.relative == pytest.approx(1e-3, rel=0.01)
    assert [block.verdict for block in report.blocks] == ["wrong", "right"]


def test_the_right_gradients_are_right(rng):
    cost, _, weights = home_functions(rng)
    report = sb.check_gradients(cost, backward(None), weights)
    assert report.verdict == "right", str(report)
    assert sb.assert_gradients(cost, backward(None), weights) is None
    for block in report.blocks:
        assert block.norm_ratio < 1e-8


def test_a_transposed_factor_is_caught_also_where_the_shapes_hide_it(rng):
    """δ₂ = δ₃ W₂ rather than δ₃ W₂ᵀ, which a square W₂ lets pass."""
    X, W1, W2 = rng.normal(size=(5, 2)), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))

    def cost(W1, W2):
        return np.sum(np.tanh(np.tanh(X @ W1) @ W2))

    def gradients(W1, W2, factor=lambda W: W.T):
        a2 = np.tanh(X @ W1)
        delta3 = 1 - np.tanh(a2 @ W2) ** 2
        delta2 = delta3 @ factor(W2) * (1 - a2**2)
        return X.T @ delta2, a2.T @ delta3

    assert sb.check_gradients(cost, gradients, (W1, W2)).verdict == "right"
    report = sb.check_gradients(cost, lambda *W: gradients(*W, factor=lambda W: W), (W1, W2))
    assert [block.verdict for block in report.blocks] == ["wrong", "right"]


def test_the_figures_of_the_report(rng):
    """Ours is 3x + (0.5, 0, 0, 0), the truth 2x: every figure of the table is known."""
    x = np.array([1.0, 2.0, -3.0, 4.0])
    report = sb.check_gradients(lambda x: np.sum(x**2), lambda x: 3 * x + np.array([0.5, 0, 0, 0]), x)
    (block,) = report.blocks
    ours, truth = 3 * x + [0.5, 0, 0, 0], 2 * x
    assert (block.index, block.looked_at) == ((3,), 4)
    assert (block.ours, block.numeric) == (pytest.approx(12), pytest.approx(8))
    assert block.difference == pytest.approx(4)
    assert block.relative == pytest.approx(4 / 12)
    assert block.norm_ratio == pytest.approx(np.linalg.norm(ours - truth) / np.linalg.norm(ours + truth))
    assert abs(block.numeric - 8) <= block.uncertainty < 1e-9
    assert block.uncertainty > 0


def test_the_worst_parameter_is_a_wrong_one_before_an_undecided_one(rng):
    cost = lambda a, b: float(np.sum(a**2) + 1e-3 * np.sum(np.tanh(b)) + 1e12)  # of no more than double precision
    a, b = rng.normal(size=3), rng.normal(size=3)
    report = sb.check_gradients(cost, lambda a, b: (-2 * a, 1e-3 * np.ones(3)), (a, b))
    assert [block.verdict for block in report.blocks] == ["wrong", "undecided"]
    assert report.worst.name == "[0]"


def test_nothing_to_check_is_not_right():
    for nothing in ({}, (), []):
        with pytest.raises(sb.ArgumentError, match="no parameters to check"):
            sb.check_gradients(lambda *a, **k: 1.0, lambda *a, **k: a or k, nothing)


def test_a_transpose_is_caught_also_where_the_shape_hides_it(rng):
    """Square, so that the transposed gradient has the right shape."""
    A, W = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    cost = lambda W: np.sum(np.tanh(A @ W))
    right = lambda W: A.T @ (1 - np.tanh(A @ W) ** 2)
    assert sb.check_gradients(cost, right, W).verdict == "right"
    assert sb.check_gradients(cost, lambda W: right(W).T, W).verdict == "wrong"


def test_a_transpose_that_shows_in_the_shape_is_reported_as_a_shape(rng):
    cost, _, weights = home_functions(rng)

    def transposed(W1, W2):
        gradients = backward(None)(W1, W2)
        return gradients | {"W1": gradients["W1"].T}

    report = sb.check_gradients(cost, transposed, weights)
    assert report.verdict == "wrong"
    assert "W1: the gradient has shape 3×2, the parameter 2×3" in str(report)


def test_a_check_is_neither_true_nor_false(rng):
    cost, _, weights = home_functions(rng)
    report = sb.check_gradients(cost, backward(None), weights)
    with pytest.raises(TypeError, match=r"\.verdict"):
        bool(report)


def test_the_table_has_what_a_reader_needs(rng):
    cost, _, weights = home_functions(rng)
    lines = str(sb.check_gradients(cost, backward("sign"), weights)).splitlines()
    assert lines[0] == "gradient check: wrong"
    for heading in ("parameter", "largest difference", "at", "ours", "numeric", "relative", "digits", "norm ratio"):
        assert heading in lines[1]
    assert lines[2].split()[:3] == ["W1", "2×3", "wrong"]
    assert "2.0e+00" in lines[2], "minus the gradient is off by twice itself"


def test_the_report_as_data(rng):
    cost, _, weights = home_functions(rng)
    data = sb.check_gradients(cost, backward(None), weights).to_dict()
    assert data["verdict"] == "right"
    assert [p["name"] for p in data["parameters"]] == ["W1", "W2"]


@pytest.mark.parametrize("kind", ["array", "tuple", "list", "mapping", "cost and gradients in one"])
def test_parameters_in_every_structure(kind, rng):
    A, B = rng.normal(size=(2, 3)), rng.normal(size=4)
    two = lambda A, B: np.sum(A**3) + np.sum(np.sin(B))
    both = lambda A, B: (3 * A**2, np.cos(B))
    calls = {
        "array": (lambda x: np.sum(x**3), lambda x: 3 * x**2, A),
        "tuple": (two, both, (A, B)),
        "list": (two, lambda A, B: list(both(A, B)), [A, B]),
        "mapping": (two, lambda A, B: dict(zip("AB", both(A, B), strict=True)), {"A": A, "B": B}),
        "cost and gradients in one": (lambda A, B: (two(A, B), both(A, B)), None, (A, B)),
    }
    assert sb.check_gradients(*calls[kind]).verdict == "right"


def test_data_are_keyword_arguments_of_every_call(rng):
    cost = lambda x, scale: scale * np.sum(x**2)
    gradient = lambda x, scale: 2 * scale * x
    assert sb.check_gradients(cost, gradient, rng.normal(size=5), data={"scale": 3}).verdict == "right"


def test_a_gradient_that_is_exactly_zero_is_right_and_a_small_one_there_is_wrong(rng):
    x = {"used": rng.normal(size=3), "unused": rng.normal(size=4)}
    cost = lambda used, unused: np.sum(used**2)
    assert sb.check_gradients(cost, lambda used, unused: {"used": 2 * used, "unused": 0 * unused}, x).verdict == "right"
    assert (
        sb.check_gradients(cost, lambda used, unused: {"used": 2 * used, "unused": 0 * unused + 1e-6}, x).verdict
        == "wrong"
    )


def test_on_a_kink_any_slope_between_both_sides_is_right():
    x = np.array([0.0, 1.0, -2.0])
    cost = lambda x: np.sum(np.maximum(x, 0))
    for at_zero, verdict in [(0.0, "right"), (0.3, "right"), (1.0, "right"), (1.4, "wrong"), (-0.2, "wrong")]:
        report = sb.check_gradients(cost, lambda x, s=at_zero: np.where(x > 0, 1.0, np.where(x == 0, s, 0.0)), x)
        assert report.verdict == verdict, at_zero
    assert "kink" in str(sb.check_gradients(cost, lambda x: (x > 0) * 1.0, x))


def test_a_kink_nearby_does_not_matter():
    x = np.array([1e-3, -1e-4, 0.5])
    cost = lambda x: np.sum(np.maximum(x, 0) ** 2 + np.abs(x))
    report = sb.check_gradients(cost, lambda x: 2 * np.maximum(x, 0) + np.sign(x), x)
    assert report.verdict == "right", str(report)


def test_large_parameters_are_checked_by_directions_that_see_every_entry(rng):
    W, x = rng.normal(size=(60, 50)), rng.normal(size=(60, 50))
    cost = lambda W: np.sum(np.tanh(W) * x)
    right = lambda W: (1 - np.tanh(W) ** 2) * x

    def one_entry(W):
        gradient = right(W)
        gradient[31, 7] += 0.1
        return gradient

    report = sb.check_gradients(cost, right, W, seed=1)
    assert report.verdict == "right", str(report)
    assert report.evaluations < 2000
    assert "2 directions through all 3000 entries" in str(report)
    for seed in range(5):
        assert sb.check_gradients(cost, one_entry, W, seed=seed).verdict == "wrong"


def test_a_cost_that_is_not_finite_is_undecided():
    report = sb.check_gradients(lambda x: np.inf, lambda x: x, np.ones(2))
    assert (report.verdict, report.reason) == ("undecided", "the cost is inf at this point")


def test_a_gradient_that_is_not_finite_is_wrong():
    report = sb.check_gradients(np.sum, lambda x: np.array([1.0, np.nan]), np.ones(2))
    assert report.verdict == "wrong"
    assert "the gradient is nan at [1]" in str(report)


def test_noise_that_hides_the_gradient_is_undecided(rng):
    cost = lambda x: np.sum(np.sin(3 * x)) + 1e-1 * rng.normal()
    for _ in range(10):
        report = sb.check_gradients(cost, lambda x: 3 * np.cos(3 * x), rng.normal(size=3))
        assert report.verdict == "undecided"
        assert "too uncertain" in str(report)
        assert "calls of the cost at one point differ" in report.reason


def test_a_cost_that_is_nan_all_around_is_undecided():
    cost = lambda x: np.sum(x) if np.all(x == 1) else np.nan
    assert sb.check_gradients(cost, np.ones_like, np.ones(2)).verdict == "undecided"


@pytest.mark.parametrize(
    ("cost", "gradients", "params", "said"),
    [
        (lambda x: x, lambda x: x, np.ones(3), r"the cost must be one real number; it is of shape \(3,\)"),
        (lambda x: 1j, lambda x: x, np.ones(3), "dtype complex128"),
        (lambda x: 1.0, lambda x: "no", np.ones(3), "the gradient with respect to x has dtype"),
        (lambda x: 1.0, lambda x: x, np.ones(3, complex), "params has dtype complex128"),
        (lambda a, b: 1.0, lambda a, b: (a,), (np.ones(3), np.ones(2)), r"1 gradients were returned for 2 parameters"),
        (lambda a: 1.0, lambda a: {"b": a}, {"a": np.ones(3)}, "the gradients lack a; they have b"),
        (lambda x: 1.0, None, np.ones(3), r"must return \(J, gradients\)"),
        (lambda x: (1.0, x), lambda x: x, np.ones(3), "not a tuple of 2; is it f where f.cost was meant"),
        (1.0, lambda x: x, np.ones(3), "cost must be a function, not float"),
        (lambda x: 1.0, "g", np.ones(3), "gradients must be a function, not str"),
        (lambda x: 1.0, lambda x: x, np.ma.masked_less(np.ones(3), 2), "params is a masked array"),
    ],
)
def test_bad_input_is_named(cost, gradients, params, said):
    with pytest.raises(sb.ArgumentError, match=said):
        sb.check_gradients(cost, gradients, params)


def test_data_must_be_a_mapping_of_other_names():
    with pytest.raises(sb.ArgumentError, match="x cannot be both a parameter and data"):
        sb.check_gradients(np.sum, lambda x: {"x": x}, {"x": np.ones(2)}, data={"x": 1})
    with pytest.raises(sb.ArgumentError, match="data is a mapping"):
        sb.check_gradients(np.sum, lambda x: x, np.ones(2), data=[1])


def test_a_cost_that_raises_at_the_border_of_its_domain_is_not_wrong():
    report = sb.check_gradients(lambda x: math.log(x[0]), lambda x: 1 / x, np.array([0.01]))
    assert report.verdict != "wrong"


def test_derivation_check_wants_every_argument():
    d = sb.derive(sb.home_network())
    values = sb.home_data() | sb.home_weights()
    with pytest.raises(sb.ArgumentError, match="values for W2 are missing"):
        d.check({name: value for name, value in values.items() if name != "W2"})
    with pytest.raises(sb.ArgumentError, match="w2 is not an argument of this network: did you mean W2"):
        d.check(values | {"w2": 1})


def test_numerical_gradient_against_what_is_known(rng):
    x = {"a": rng.normal(size=(2, 3)), "b": rng.normal(size=4)}
    cost = lambda a, b: np.sum(np.exp(a)) * np.sum(b**3)
    exact = {"a": np.exp(x["a"]) * np.sum(x["b"] ** 3), "b": 3 * x["b"] ** 2 * np.sum(np.exp(x["a"]))}
    for step, digits in [(None, 1e-9), (1e-5, 1e-6)]:
        found = sb.numerical_gradient(cost, x, step=step)
        for name in x:
            np.testing.assert_allclose(found[name], exact[name], rtol=digits, atol=digits * np.max(np.abs(exact[name])))
    assert isinstance(sb.numerical_gradient(np.sum, np.array([1, 2])), np.ndarray)
    with pytest.raises(sb.ArgumentError, match="step must be a positive number"):
        sb.numerical_gradient(cost, x, step=0)


def test_parameters_are_not_changed(rng):
    x = rng.normal(size=(3, 2))
    before = x.copy()

    def cost(x):
        x *= 2
        return np.sum(x)

    sb.numerical_gradient(cost, x)
    np.testing.assert_array_equal(x, before)


def noisy_costs(rng):
    """Costs whose noise is above the rounding of their value, with their right gradients."""
    X = rng.normal(size=(6, 4))

    def single(W):
        return float(np.sum(np.tanh(X.astype(np.float32) @ W.astype(np.float32))))

    return {
        "log(1 + small)": (
            lambda x: np.sum(np.log(1 + np.exp(x - 12))),
            lambda x: 1 / (1 + np.exp(12 - x)),
            rng.normal(size=4),
        ),
        "single precision inside": (single, lambda W: X.T @ (1 - np.tanh(X @ W) ** 2), rng.normal(size=(4, 3))),
        "difference of large means": (
            lambda x: np.mean(x**2) - np.mean(x) ** 2,
            lambda x: 2 * (x - np.mean(x)) / x.size,
            100 + rng.normal(size=5),
        ),
        "1 - cos": (lambda x: np.sum(1 - np.cos(1e-3 * x)), lambda x: 1e-3 * np.sin(1e-3 * x), rng.normal(size=4)),
        "offset": (lambda x: 1e8 + np.sum(x**2), lambda x: 2 * x, rng.normal(size=4)),
    }


@pytest.mark.parametrize("name", noisy_costs(np.random.default_rng(0)))
def test_noise_of_the_cost_is_no_mistake_of_the_gradient(name, rng):
    for _ in range(10):
        cost, gradient, x = noisy_costs(rng)[name]
        assert sb.check_gradients(cost, gradient, x).verdict != "wrong"
        assert sb.check_gradients(cost, lambda x, g=gradient: -g(x), x).verdict != "right"


def test_noise_is_no_kink(rng):
    x = np.array([1.0, 2.0])
    assert sb.check_gradients(lambda x: 1e8 + 1e-3 * x.sum(), lambda x: 0 * x, x).verdict != "right"
    for _ in range(20):
        cost = lambda x: np.sum(x**3) * (1 + 1e-7 * rng.normal())
        assert sb.check_gradients(cost, lambda x: 3.3 * x**2, x).verdict != "right"


def test_badly_scaled_points(rng):
    d = sb.derive(sb.mlp([4, 6, 3], "tanh"))
    for scale in (1e3, 1e5, 1e6):
        values = sb.random_values(d.network, seed=int(rng.integers(2**31)))
        values["X"] *= scale
        values["W1"] /= scale
        assert d.check(values).verdict != "wrong"


def test_a_periodic_cost():
    x = np.array([0.0])
    cost = lambda x: 1 + np.sum(np.sin(200 * np.pi * x))
    assert sb.check_gradients(cost, lambda x: 200 * np.pi * np.cos(200 * np.pi * x), x).verdict == "right"
    assert sb.check_gradients(cost, lambda x: 0 * x, x).verdict == "wrong"


def test_a_jump_is_not_right():
    assert sb.check_gradients(lambda x: np.sum(np.sign(x)), lambda x: 0 * x, np.zeros(2)).verdict != "right"


def test_parameters_of_single_precision_are_checked_in_double(rng):
    x = rng.normal(size=(3, 4)).astype(np.float32)
    assert sb.check_gradients(lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2, x).verdict == "right"


def test_few_false_alarms_on_random_networks(rng):
    """A smaller, quicker gate: right gradients over random shapes, activations and costs."""
    wrong = []
    for _ in range(40):
        sizes = [int(n) for n in rng.choice(np.arange(1, 7), size=rng.integers(2, 5), replace=False)]
        activation = rng.choice(["sigmoid", "tanh", "relu", "softplus"])
        cost = rng.choice([c for c in sb.COSTS if activation == "sigmoid" or c not in ON_PROBABILITIES])
        d = sb.derive(sb.mlp(sizes, str(activation), str(cost), bias=bool(rng.integers(2)), l2="lam"))
        report = d.check(sb.random_values(d.network, {"N": 8}, seed=int(rng.integers(2**31))))
        undecided = [block for block in report.blocks if block.verdict == "undecided"]
        if report.verdict == "wrong" or not all("every entry is 0 here" in block.note for block in undecided):
            wrong.append(f"{sizes} {activation} {cost}\n{report}")  # units that are off have gradients of 0
    assert not wrong, "\n".join(wrong)


def test_a_gradient_that_is_wrong_throughout_takes_few_evaluations(rng):
    """Some of its entries are looked at more closely, not each: a wrong gradient takes about as long as a right one."""
    w = rng.normal(size=500)
    report = sb.check_gradients(lambda w: np.sum(np.sin(w)), lambda w: 2 * np.cos(w), w)
    assert report.verdict == "wrong"
    assert "500 of 500 derivatives differ" in str(report)
    assert report.blocks[0].mistake == "it is twice as large as it should be"
    assert report.evaluations < 25 * w.size


def test_where_many_entries_differ_at_kinks_each_is_looked_at(rng):
    """Entries that differ at a kink prove nothing, however many they are; the wrong one among them does."""
    w = np.zeros(200)

    def gradient(w, also=0.5):
        between = np.full(200, 0.5)
        between[17] = also
        return np.where(w == 0, between, np.sign(w))

    right = sb.check_gradients(lambda w: np.sum(np.abs(w)), gradient, w)
    assert right.verdict == "right"
    wrong = sb.check_gradients(lambda w: np.sum(np.abs(w)), lambda w: gradient(w, 1.5), w)
    assert wrong.verdict == "wrong"
    assert wrong.blocks[0].index == (17,)
