"""Large parameters: how few evaluations a check takes, and that it still sees one entry among all."""

import tracemalloc

import numpy as np
import pytest

import symbackprop as sb
from tests.support.mistakes import LARGE, case_of


def real_only(cost):
    """A cost as code for real numbers has it, in C or with `float`."""
    return lambda **params: float(cost(**params))


@pytest.mark.parametrize("of", [lambda cost: cost, real_only], ids=["any numbers", "real numbers"])
def test_ten_thousand_entries_take_forty_evaluations(of, rng):
    case = case_of("ordinary", rng, LARGE)
    report = sb.check_gradients(of(case.cost), case.gradients, case.params)
    assert report.verdict == "right", str(report)
    assert report.evaluations <= 40
    assert report.gradient_calls <= 5


@pytest.mark.parametrize(
    ("of", "most"), [(lambda cost: cost, 360), (real_only, 520)], ids=["any numbers", "real numbers"]
)
def test_one_wrong_entry_of_ten_thousand_is_named(of, most, rng):
    case = case_of("ordinary", rng, LARGE)
    index = tuple(int(rng.integers(n)) for n in case.params["W1"].shape)

    def gradients(**params):
        found = case.gradients(**params)
        found["W1"][index] *= 1.5
        return found

    report = sb.check_gradients(of(case.cost), gradients, case.params)
    assert [block.name for block in report.blocks if block.verdict == "wrong"] == ["W1"]
    assert report.worst.index == index
    assert report.worst.mistake == f"only {list(index)} is wrong"
    assert report.evaluations <= most


def test_a_few_wrong_entries_and_whole_rows_are_found(rng):
    case = case_of("ordinary", rng, LARGE)

    def gradients(change):
        def changed(**params):
            found = case.gradients(**params)
            change(found["W2"])
            return found

        return changed

    def three(g):
        g[[3, 17, 70], [5, 5, 59]] += 1.0

    def row(g):
        g[11] = 0

    report = sb.check_gradients(case.cost, gradients(three), case.params)
    assert report.worst.mistake == "only [3, 5], [17, 5] and [70, 59] are wrong"
    report = sb.check_gradients(case.cost, gradients(row), case.params)
    assert (report.verdict, report.worst.name, report.worst.index[0]) == ("wrong", "W2", 11)


def test_a_mistake_throughout_a_large_parameter_is_named_from_some_entries(rng):
    case = case_of("L2", rng, LARGE)
    report = sb.check_gradients(
        case.cost, lambda **p: case.gradients(**p) | {"W1": case.gradients(**p)["W1"] - 0.375 * p["W1"]}, case.params
    )
    assert report.worst.mistake == "0.375 · W1 is missing: the gradient of an L2 penalty, or a part of it"


def test_a_million_entries_take_sixty_evaluations_and_little_memory(rng):
    """The parameters have 1e6 entries of 8 bytes; measured beyond what the cost itself needs."""
    params = {"W1": rng.normal(size=(600, 1000)) / 25, "W2": rng.normal(size=(1000, 400)) / 30}
    X, y = rng.normal(size=(3, 600)), rng.normal(size=(3, 400))

    def cost(W1, W2):
        return np.sum((np.tanh(X @ W1) @ W2 - y) ** 2) / 2

    def gradients(W1, W2):
        a = np.tanh(X @ W1)
        error = a @ W2 - y
        return {"W1": X.T @ ((error @ W2.T) * (1 - a * a)), "W2": a.T @ error}

    tracemalloc.start()
    try:
        report = sb.check_gradients(cost, gradients, params)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.verdict == "right", str(report)
    assert report.evaluations <= 60
    assert peak <= 5 * 8e6


def test_a_large_parameter_beside_a_small_one_and_numbers_alone(rng):
    params = {"W": rng.normal(size=(50, 60)), "s": np.float64(0.7), "b": rng.normal(size=3)}
    cost = lambda W, s, b: s * np.sum(np.tanh(W)) + np.sum(b**3)
    right = lambda W, s, b: {"W": s * (1 - np.tanh(W) ** 2), "s": np.sum(np.tanh(W)), "b": 3 * b**2}
    assert sb.check_gradients(cost, right, params).verdict == "right"
    for name, value in right(**params).items():
        report = sb.check_gradients(cost, lambda name=name, value=value, **p: right(**p) | {name: 1.2 * value}, params)
        assert [block.name for block in report.blocks if block.verdict == "wrong"] == [name]
