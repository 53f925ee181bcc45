"""What functions do that are checked: they change their arguments, raise, answer in odd shapes, or count their calls."""

import numpy as np
import pytest

import symbackprop as sb


def test_arguments_that_a_function_changes_are_named_and_kept(rng):
    x, scale = rng.normal(size=(3, 2)), np.array([2.0, 3.0])
    kept = x.copy(), scale.copy()

    def cost(x, scale):
        scale *= x[0, 0]
        x *= 2
        return np.sum(x**2)

    report = sb.check_gradients(cost, lambda x, scale: {"x": 8 * x}, {"x": x}, data={"scale": scale})
    assert report.verdict == "right"
    assert "the cost changes x and scale in place; it was given copies" in str(report)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(scale, kept[1])


def test_a_gradient_function_that_changes_its_arguments_is_named(rng):
    def gradient(x):
        x *= 2
        return x

    report = sb.check_gradients(lambda x: np.sum(x**2), gradient, rng.normal(size=3))
    assert (report.verdict, report.reason) == (
        "right",
        "the gradients function changes x in place; it was given copies",
    )


def test_what_a_function_raises_is_reported_with_the_shapes_it_got(rng):
    W = rng.normal(size=(2, 3))
    before = W.copy()

    def cost(W):
        W[0, 0] = 7
        return W @ W

    with pytest.raises(sb.ArgumentError, match=r"the cost raised ValueError: matmul.*called with W 2×3") as raised:
        sb.check_gradients(cost, lambda W: {"W": W}, {"W": W})
    assert isinstance(raised.value.__cause__, ValueError)
    np.testing.assert_array_equal(W, before)
    with pytest.raises(sb.ArgumentError, match=r"the gradients function raised KeyError: 'b', called with W 2×3"):
        sb.check_gradients(lambda W: W[0, 0], lambda W: {}["b"], {"W": W})


def test_what_a_function_raises_nearby_is_told():
    def cost(x):
        if np.any(x != 1):
            raise RuntimeError("only here")
        return np.sum(x)

    report = sb.check_gradients(cost, np.ones_like, np.ones(2))
    assert report.verdict == "undecided"
    assert "the cost raised RuntimeError: only here near this point" in str(report)


@pytest.mark.parametrize("shape", [(1,), (1, 1), ()])
def test_a_cost_may_be_an_array_of_one_number(shape, rng):
    x = rng.normal(size=4)
    assert sb.check_gradients(lambda x: np.sum(x**3).reshape(shape), lambda x: 3 * x**2, x).verdict == "right"


def not_analytic():
    """Costs that mean something else for complex numbers, with their gradients for real ones."""
    return {
        "modulus": (lambda x: np.sum(np.abs(x) ** 3), lambda x: 3 * x * np.abs(x)),
        "a small modulus": (lambda x: np.sum(x**2) + 1e-5 * np.sum(np.abs(x)), lambda x: 2 * x + 1e-5 * np.sign(x)),
        "norm": (np.linalg.norm, lambda x: x / np.linalg.norm(x)),
        "real part": (lambda x: np.sum(np.sin(x)).real, np.cos),
        "conjugate": (lambda x: np.sum(x * np.conj(x)), lambda x: 2 * x),
        "scalar product": (lambda x: np.vdot(x, x * x), lambda x: 3 * x**2),
        "order": (lambda x: np.sum(np.sort(x) * np.arange(x.size)), lambda x: np.argsort(np.argsort(x)) * 1.0),
        "real numbers alone": (lambda x: float(np.sum(np.exp(x))), np.exp),
        "a type that is tested": (lambda x: np.sum(x**2) * (2 if np.iscomplexobj(x) else 1), lambda x: 2 * x),
    }


@pytest.mark.parametrize("name", not_analytic())
def test_what_is_not_analytic_deceives_nobody(name, rng):
    cost, gradient = not_analytic()[name]
    x = rng.uniform(0.2, 1, size=5) * rng.choice([-1, 1], size=5)
    right = sb.check_gradients(cost, gradient, x)
    assert right.verdict == "right", str(right)
    step = 1e-30
    theirs = [np.imag(cost(x + 1j * step * unit)) / step for unit in np.eye(5)] if "alone" not in name else 0 * x
    if np.max(np.abs(theirs - gradient(x))) > 1e-9:  # the gradient that a complex step believes in
        assert sb.check_gradients(cost, lambda x: np.array(theirs), x).verdict == "wrong"


def test_complex_numbers_raise_no_warning_and_leave_none(recwarn, rng):
    cost = lambda x: np.sum(x.astype(float) ** 2)
    assert sb.check_gradients(cost, lambda x: 2 * x, rng.normal(size=3)).verdict == "right"
    assert not recwarn.list


def test_each_entry_takes_four_evaluations_of_an_analytic_cost(rng):
    x = rng.normal(size=30)
    report = sb.check_gradients(lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2, x)
    assert report.verdict == "right"
    assert report.evaluations <= 4 * 30 + 41


def test_where_nothing_can_be_decided_a_generic_point_is_offered(rng):
    cost = lambda x: np.sum(np.sin(3 * x)) + 1e-1 * rng.normal()
    report = sb.check_gradients(cost, lambda x: {"x": 3 * np.cos(3 * x)}, {"x": np.array([0.0, 1.0, 1.0])})
    assert report.verdict == "undecided"
    assert "check again at params = report.generic_point" in str(report)
    assert report.generic_point["x"].shape == (3,)
    assert len({0.0, *report.generic_point["x"]}) == 4, "no entry is 0, none equals another"


def test_where_several_kinks_meet_no_choice_is_called_wrong(rng):
    """All units are exactly at 0, as with weights of 0: ReLU′(0) = 0 is beyond the slopes on both sides."""
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    cost = lambda W: np.sum((np.maximum(X @ W, 0) - y) ** 2) / 2
    gradient = lambda W: X.T @ ((np.maximum(X @ W, 0) - y) * (X @ W > 0))
    for _ in range(5):
        X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
        assert sb.check_gradients(cost, gradient, np.zeros((3, 4))).verdict != "wrong"


def test_a_gradient_array_that_is_filled_anew_each_time_is_taken_as_it_was_returned(rng):
    buffer = np.zeros(3)

    def objective(x):
        np.multiply(3, x**2, out=buffer)
        return float(np.sum(x**3)), buffer

    report = sb.check_gradients(objective, None, rng.normal(size=3))
    assert report.verdict == "right", str(report)


@pytest.mark.parametrize("factor", [-1, 1.5, 2])
@pytest.mark.parametrize("g", [1e-5, 1e-6])
def test_a_gradient_that_the_cost_hides_is_not_right(factor, g, rng):
    cost = lambda x: float(1e8 + g * np.sum(np.sin(x)))
    assert sb.check_gradients(cost, lambda x: factor * g * np.cos(x), rng.normal(size=4)).verdict != "right"
    beside = lambda A, B: 1e6 * float(np.sum(np.sin(B))) + 1e-5 * float(np.sum(np.sin(A)))
    gradients = lambda A, B: {"A": -1e-5 * np.cos(A), "B": 1e6 * np.cos(B)}
    assert sb.check_gradients(beside, gradients, {"A": rng.normal(size=3), "B": rng.normal(size=2)}).verdict != "right"


def test_where_noise_hides_one_entry_of_many_they_are_not_right(rng):
    x, wrong = rng.normal(size=3000), np.zeros(3000)
    wrong[37] = 0.05
    cost = lambda x: float(np.sum(np.sin(x))) + 2e-6 * rng.normal()
    assert sb.check_gradients(cost, lambda x: np.cos(x) + wrong, x).verdict != "right"


@pytest.mark.parametrize(
    "cost", [lambda x: round(float(np.sum(np.sin(x))), 2), lambda x: np.float32(np.sum(np.sin(x)))]
)
def test_a_cost_that_changes_in_steps_accuses_nobody(cost, rng):
    for _ in range(5):
        assert sb.check_gradients(cost, np.cos, rng.normal(size=3)).verdict != "wrong"
    single = lambda A, B: np.float32(1 + np.sum(np.sin(B)) + 1e-6 * np.sum(np.sin(A)))
    gradients = lambda A, B: {"A": 1e-6 * np.cos(A), "B": np.cos(B)}
    for _ in range(5):
        params = {"A": rng.normal(size=3), "B": rng.normal(size=3)}
        assert sb.check_gradients(single, gradients, params).verdict != "wrong"


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(sb.ArgumentError, match="seed must be a whole number of at least 0"):
        sb.check_gradients(np.sum, np.ones_like, np.ones(2), seed=seed)


def test_data_of_objects_and_names_that_are_the_same():
    data = {"o": np.array([np.ones(2), np.ones(3)], dtype=object)}
    assert sb.check_gradients(lambda x, o: np.sum(x**2), lambda x, o: 2 * x, np.ones(2), data=data).verdict == "right"
    with pytest.raises(sb.ArgumentError, match="two parameters have the same name"):
        sb.check_gradients(lambda **k: 1.0, lambda **k: k, {1: np.ones(2), "1": np.ones(2)})


@pytest.mark.parametrize("scale", [1e60, 1e-40, 1e-200])
def test_costs_of_extreme_scale(scale, rng):
    x = rng.normal(size=3)
    with np.errstate(all="raise"):
        cost, gradient = (lambda x: scale * np.sum(x**3)), (lambda x: 3 * scale * x**2)
        assert sb.check_gradients(cost, gradient, x).verdict == "right"
        assert sb.check_gradients(cost, lambda x: -gradient(x), x).verdict == "wrong"


def test_gradients_may_have_names_of_their_own(rng):
    """Keys such as dW, and a mapping for a sequence of parameters, by the names of the arguments of the cost."""
    W, b = rng.normal(size=(3, 2)), rng.normal(size=2)

    def cost(W, b):
        return np.sum(W**2) + np.sum(b**3)

    named = {"b": 3 * b**2, "W": 2 * W}
    for style in ("{}", "d{}", "dJd{}", "grad_{}", "{}_grad"):
        keyed = {style.format(name): gradient for name, gradient in named.items()}
        for params in ({"W": W, "b": b}, [W, b], (W, b)):
            assert sb.check_gradients(cost, lambda W, b, keyed=keyed: keyed, params).verdict == "right"
            wrong = keyed | {style.format("b"): b}
            assert sb.check_gradients(cost, lambda W, b, wrong=wrong: wrong, params).verdict == "wrong"
    assert sb.check_gradients(cost, lambda W, b: {0: named["W"], 1: named["b"]}, [W, b]).verdict == "right"


def test_a_name_of_a_gradient_is_not_taken_for_a_parameter(rng):
    x, dx = rng.normal(size=3), rng.normal(size=3)
    found = sb.check_gradients(
        lambda x, dx: np.sum(x**2) + np.sum(dx**3), lambda x, dx: {"dx": 2 * x, "ddx": 3 * dx**2}, {"x": x, "dx": dx}
    )
    assert found.verdict == "right"
    with pytest.raises(sb.ArgumentError, match="the gradients lack b; they have W and db"):
        sb.check_gradients(lambda W, b: np.sum(W) + np.sum(b), lambda W, b: {"W": W, "db": b}, {"W": x, "b": dx})


def test_the_finding_is_one_line(rng):
    x = rng.normal(size=(2, 3))
    report = sb.check_gradients(lambda x: np.sum(x**3), lambda x: -3 * x**2, x)
    assert report.finding == f"x{list(report.worst.index)}: its sign is wrong"
    assert sb.check_gradients(lambda x: np.sum(x**3), lambda x: 3 * x**2, x).finding == ""
    with pytest.raises(AssertionError, match=r"^params\[1\]\[\d, \d\]: its sign is wrong\n"):
        sb.assert_gradients(lambda a, b: np.sum(a * b), lambda a, b: (b, -a), [x, x + 1])
