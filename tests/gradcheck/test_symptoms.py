"""Planted mistakes are named, and two mistakes at once are not called one."""

import re

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.gradcheck.symptoms import MISTAKES, SAMPLED, Evidence, diagnosis
from symbackprop.kinds import MistakeKind as Kind

N, D, H, K = 6, 3, 5, 4
LAM = 0.375


class Net:
    """Two layers with a penalty, by hand: X W1 + b1, tanh, W2 + b2, a squared error summed."""

    def __init__(self, rng):
        self.data = {"X": rng.normal(size=(N, D)), "y": rng.normal(size=(N, K))}
        shapes = {"W1": (D, H), "b1": (1, H), "W2": (H, K), "b2": (1, K)}
        self.params = {name: rng.normal(size=shape) * 0.7 for name, shape in shapes.items()}

    @staticmethod
    def cost(W1, b1, W2, b2, X, y):
        error = np.tanh(X @ W1 + b1) @ W2 + b2 - y
        return np.sum(error**2) / 2 + LAM / 2 * (np.sum(W1**2) + np.sum(W2**2))

    @staticmethod
    def gradients(W1, b1, W2, b2, X, y):
        a = np.tanh(X @ W1 + b1)
        error = a @ W2 + b2 - y
        delta = (error @ W2.T) * (1 - a**2)
        rows = {"b1 by example": delta, "b2 by example": error}
        return {
            "W1": X.T @ delta + LAM * W1,
            "b1": delta.sum(axis=0, keepdims=True),
            "W2": a.T @ error + LAM * W2,
            "b2": error.sum(axis=0, keepdims=True),
        }, rows

    def report(self, name, change, seed=0):
        def mistaken(**arguments):
            found, rows = self.gradients(**arguments)
            found[name] = change(found[name], arguments, rows)
            return found

        return sb.check_gradients(self.cost, mistaken, self.params, data=self.data, seed=seed)


def one_entry(g, index, value):
    g = g.copy()
    g[index] = value
    return g


def largest(g):
    return np.unravel_index(np.argmax(np.abs(g)), g.shape)


def clipped(g):
    """All but two entries are as they were."""
    bound = np.sort(np.abs(g), axis=None)[-3]
    return np.clip(g, -bound, bound)


# fmt: off
PLANTED = {  # the parameter, our gradient from the right one, and what is said in which words, and of which kinds
    "sign":                ("W1", lambda g, v, r: -g,                                   "its sign is wrong", (Kind.SIGN,)),
    "twice":               ("W2", lambda g, v, r: 2 * g,                                "twice as large", (Kind.NUMBER,)),
    "half":                ("W1", lambda g, v, r: g / 2,                                "a factor 2 is missing", (Kind.NUMBER,)),
    "N":                   ("W1", lambda g, v, r: g * N,                                "too large by the factor 6, the number of rows of X", (Kind.MEAN,)),
    "1/N":                 ("W2", lambda g, v, r: g / N,                                "divided by 6, the number of rows of X", (Kind.MEAN,)),
    "outputs":             ("W2", lambda g, v, r: g / K,                                "divided by 4, the number of columns of y", (Kind.MEAN,)),
    "ln 10":               ("b1", lambda g, v, r: g / np.log(10),                       "divided by ln 10", (Kind.NUMBER,)),
    "a factor":            ("W1", lambda g, v, r: 1.37 * g,                             "1.37 times what it should be", (Kind.NUMBER,)),
    "sign and half":       ("W1", lambda g, v, r: -g / 2,                               "its sign is wrong, and it is half", (Kind.SIGN, Kind.NUMBER,)),
    "penalty missing":     ("W1", lambda g, v, r: g - LAM * v["W1"],                    "0.375 · W1 is missing: the gradient of an L2 penalty", (Kind.PENALTY,)),
    "penalty doubled":     ("W2", lambda g, v, r: g + LAM * v["W2"],                    "0.375 · W2 is too much: the gradient of an L2 penalty", (Kind.PENALTY,)),
    "penalty halved":      ("W1", lambda g, v, r: g - LAM / 2 * v["W1"],                "0.1875 · W1 is missing", (Kind.PENALTY,)),
    "bias penalized":      ("b1", lambda g, v, r: g + LAM * v["b1"],                    "0.375 · b1 is too much", (Kind.PENALTY,)),
    "L1 in the gradient":  ("W1", lambda g, v, r: g + 0.1 * np.sign(v["W1"]),           "0.1 · sign.W1. is too much: the gradient of an L1", (Kind.PENALTY,)),
    "zero":                ("b2", lambda g, v, r: 0 * g,                                "it is 0 throughout", (Kind.ZERO,)),
    "a row of zeros":      ("W1", lambda g, v, r: one_entry(g, 1, 0.0),                 "row 1 is 0, the rest is right", (Kind.ZERO,)),
    "a column of zeros":   ("W2", lambda g, v, r: one_entry(g, (slice(None), 2), 0.0),  "column 2 is 0, the rest is right", (Kind.ZERO,)),
    "one entry":           ("W2", lambda g, v, r: one_entry(g, (2, 1), g[2, 1] + 1),    r"only \[2, 1\] is wrong", (Kind.SOME_ENTRIES,)),
    "the largest entry":   ("W2", lambda g, v, r: one_entry(g, largest(g), 0.9 * g[largest(g)]), r"only \[\d, \d\] is wrong", (Kind.SOME_ENTRIES,)),
    "two entries":         ("W1", lambda g, v, r: one_entry(one_entry(g, (0, 1), 5.0), (2, 3), -4.0), r"only \[0, 1\] and \[2, 3\] are wrong", (Kind.SOME_ENTRIES,)),
    "a row twice":         ("W1", lambda g, v, r: one_entry(g, 2, 2 * g[2]),            "only row 2 is wrong: there it is twice", (Kind.SOME_ENTRIES, Kind.NUMBER,)),
    "transposed":          ("W1", lambda g, v, r: g.T,                                  "it is transposed", (Kind.TRANSPOSE,)),
    "order of transpose":  ("W1", lambda g, v, r: g.T.reshape(g.shape),                 "in the order of the transpose", (Kind.ORDER,)),
    "rows reversed":       ("W2", lambda g, v, r: g[::-1],                              "its rows are in reverse order", (Kind.ORDER,)),
    "columns shifted":     ("W1", lambda g, v, r: np.roll(g, 2, axis=1),                "its columns are shifted by 2", (Kind.ORDER,)),
    "rows permuted":       ("W2", lambda g, v, r: g[[2, 0, 1, 4, 3]],                   "its rows are in another order", (Kind.ORDER,)),
    "not summed":          ("b1", lambda g, v, r: r["b1 by example"],                   "it is not summed over the rows: each example has its own gradient", (Kind.MISSING_SUM,)),
    "averaged":            ("b1", lambda g, v, r: g / N,                                "divided by 6, the number of rows of X", (Kind.MEAN,)),
    "summed to a number":  ("b1", lambda g, v, r: np.sum(g),                            "the sum of all entries", (Kind.EXTRA_SUM,)),
    "flat":                ("b1", lambda g, v, r: g.ravel(),                            r"the right entries, but not the shape 1×5", (Kind.SHAPE,)),
    "the mean everywhere": ("W1", lambda g, v, r: np.full(g.shape, g.mean()),           "every entry is the mean of all entries", (Kind.EXTRA_SUM,)),
    "the sum of the rows": ("W1", lambda g, v, r: np.broadcast_to(g.sum(0), g.shape),   "every row is the sum of all rows", (Kind.EXTRA_SUM,)),
    "clipped":             ("W1", lambda g, v, r: clipped(g),                         "it is clipped at ±", (Kind.CLIPPED,)),
    "absolute":            ("W1", lambda g, v, r: np.abs(g),                            "it has lost its signs", (Kind.LOST_SIGNS,)),
    "positive part":       ("W1", lambda g, v, r: np.maximum(g, 0),                     "0", (Kind.LOST_SIGNS,)),
    "a constant":          ("W1", lambda g, v, r: g + 0.25,                             "every entry is off by the same 0.25", (Kind.OFFSET,)),
    "squared":             ("W1", lambda g, v, r: g**2,                                 "each entry is squared", (Kind.POWER,)),
    "single precision":    ("W1", lambda g, v, r: (g * (1 + 1e-6 * np.sin(np.arange(g.size).reshape(g.shape)))).astype(np.float32), "single precision", (Kind.PRECISION,)),
}
# fmt: on


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_mistakes_are_named(kind, rng):
    name, change, said, kinds = PLANTED[kind]
    report = Net(rng).report(name, change)
    assert report.verdict == "wrong"
    (block,) = [block for block in report.blocks if block.name == name]
    assert re.search(said, block.mistake), (block.mistake, str(report))
    assert block.mistake_kinds == kinds
    assert next(b for b in report.to_dict()["parameters"] if b["name"] == name)["mistake_kinds"] == [*map(str, kinds)]
    assert f"{name}: the likely mistake: {block.mistake}" in str(report)
    assert all(not other.mistake and not other.mistake_kinds for other in report.blocks if other.name != name)


def test_of_a_right_gradient_nothing_is_said(rng):
    report = Net(rng).report("W1", lambda g, v, r: g)
    assert report.verdict == "right"
    assert not any(block.mistake for block in report.blocks)


def test_a_mistake_that_is_none_of_these_has_no_name(rng):
    report = Net(rng).report(
        "W1", lambda g, v, r: g * (1 + np.sin(1 + np.arange(g.size)).reshape(g.shape) ** 2) + v["W1"] ** 3 + 0.1
    )
    (block,) = [block for block in report.blocks if block.name == "W1"]
    assert block.verdict == "wrong"
    assert (block.mistake, block.mistake_kinds) == ("", ())


def test_the_gradient_of_another_parameter(rng):
    x = {"u": rng.normal(size=(2, 3)), "v": rng.normal(size=(2, 3))}
    report = sb.check_gradients(
        lambda u, v: np.sum(u**3) + np.sum(np.sin(v)), lambda u, v: {"u": np.cos(v), "v": np.cos(v)}, x
    )
    assert report.blocks[0].mistake == "it is the gradient of v"
    assert report.blocks[0].mistake_kinds == (Kind.QUANTITY,)


def test_large_parameters_are_diagnosed_by_their_samples(rng):
    W = rng.normal(size=(41, 50))  # more entries than are compared one by one
    report = sb.check_gradients(lambda W: np.sum(np.sin(W)), lambda W: -np.cos(W) / 2, W, seed=1)
    assert (
        report.blocks[0].mistake == "its sign is wrong, and it is half as large as it should be: a factor 2 is missing"
    )
    report = sb.check_gradients(lambda W: np.sum(np.sin(W)) + 0.3 * np.sum(W**2), np.cos, W, seed=1)
    assert report.blocks[0].mistake.startswith("0.6 · x is missing")


def test_samples_are_looked_at_without_their_places():
    assert set(SAMPLED) <= set(MISTAKES)
    numeric = np.linspace(1, 2, 40)
    assert diagnosis(Evidence("W", np.ones(40), numeric[::-1], numeric, np.zeros(40), sampled=True)) is None


# Numbers that agree by chance, and error bars


def evidence(ours, numeric, parameter=None, error=1e-12):
    numeric = np.array(numeric, dtype=float)
    parameter = np.ones_like(numeric) if parameter is None else np.array(parameter, dtype=float)
    return Evidence("w", parameter, np.array(ours, dtype=float), numeric, np.full(numeric.shape, error))


def test_one_number_is_always_a_multiple_of_another():
    assert diagnosis(evidence([0.681], [2.0])) is None
    assert diagnosis(evidence([4.0], [2.0])).kinds == (Kind.NUMBER,)
    assert diagnosis(evidence([-2.0], [2.0])).kinds == (Kind.SIGN,)


def test_one_wrong_entry_is_no_penalty():
    """With one weight above 0 in the sample, its term is a multiple of that weight."""
    found = diagnosis(evidence([1.5, 0.3, -2.0], [1.0, 0.3, -2.0], parameter=[0.7, 0.0, 0.0]))
    assert found.kinds == (Kind.SOME_ENTRIES,)
    found = diagnosis(evidence([1.14, 0.1, -2.06], [1.0, 0.3, -2.0], parameter=[0.7, -1.0, -0.3]))
    assert found.kinds == (Kind.PENALTY,)


def test_two_entries_have_lost_no_signs():
    assert diagnosis(evidence([1.0, 2.0], [1.0, -2.0])).kinds == (Kind.SOME_ENTRIES,)
    assert diagnosis(evidence([1.0, 2.0, 0.5], [1.0, -2.0, -0.5])).kinds == (Kind.LOST_SIGNS,)


def test_a_factor_has_the_digits_of_its_error_bars():
    numeric = np.array([1.0, -2.0, 0.5])
    assert diagnosis(evidence(-1.002 * numeric, numeric, error=1e-3)).words == "its sign is wrong"
    assert diagnosis(evidence(2.003 * numeric, numeric, error=1e-3)).words == "it is twice as large as it should be"
    assert "1.5 times" in diagnosis(evidence(1.5004 * numeric, numeric, error=1e-3)).words
    assert "1.5004 times" in diagnosis(evidence(1.5004 * numeric, numeric)).words
