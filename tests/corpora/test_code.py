"""The handwritten corpus is what it says: its gradients are right or wrong by differences of their costs alone."""

import contextlib
import functools
import io
import itertools

import numpy as np
import pytest

from symbackprop.kinds import MistakeKind
from tests.corpora.code.cases import CASES

TOLERANCE = 1e-6
SIZES = range(3, 10)


def drawn(case, rng):
    """Values by name: of what the functions take, and of what is on self."""
    shapes = case.shapes | case.attributes
    names = list(dict.fromkeys(n for s in (*shapes.values(), case.labels.values()) for n in s if isinstance(n, str)))
    sizes = dict(zip(names, rng.choice(SIZES, len(names), replace=False).tolist(), strict=True))

    def value(name, shape):
        size = tuple(sizes.get(n, n) for n in shape)
        if name in case.labels:
            return rng.integers(0, sizes.get(case.labels[name], case.labels[name]), size)
        return rng.normal(size=size) * 0.8 if size else float(rng.normal())

    scalars = {name: float(rng.uniform(0.2, 1.5)) for name in case.scalars}
    return {name: value(name, shape) for name, shape in shapes.items()} | scalars


def called(case, function, values):
    """The result of a function or method, of copies: some change their arguments."""
    copies = {name: np.copy(v) if isinstance(v, np.ndarray) else v for name, v in values.items()}
    for name in case.attributes:
        setattr(function.__self__, name, copies.pop(name))
    with contextlib.redirect_stdout(io.StringIO()):
        return function(**copies)


def cost_of(case, values):
    J = called(case, case.cost, values)
    return np.asarray(J[0] if case.gradient is None else J, dtype=float).item()


def by_hand(case, values):
    """The gradients by name, however they were returned."""
    J = called(case, case.cost, values)  # before the gradient: some keep what the forward pass made
    found = J[1] if case.gradient is None else called(case, case.gradient, values)
    if isinstance(found, dict):
        keys = {name: next(k for k in (f"d{name}", f"grad_{name}", name) if k in found) for name in case.wrt}
        return {name: np.asarray(found[key]) for name, key in keys.items()}
    if isinstance(found, tuple | list):
        return dict(zip(case.wrt, map(np.asarray, found), strict=True))
    if len(case.wrt) == 1:
        return {case.wrt[0]: np.asarray(found)}
    ends = np.cumsum([np.size(values[name]) for name in case.wrt])
    assert found.shape == (ends[-1],)
    parts = np.split(found, ends[:-1])
    return {name: part.reshape(np.shape(values[name])) for name, part in zip(case.wrt, parts, strict=True)}


def differences(case, values, h=2e-5):
    """Five-point differences, and the central ones of steps h and 2 h that they are made of."""
    near, far = {}, {}
    for name in case.wrt:
        x = np.array(values[name], dtype=float)
        near[name], far[name] = np.zeros(x.shape), np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            for found, step in ((near, h), (far, 2 * h)):
                costs = []
                for moved in (x.copy(), x.copy()):
                    moved[index] += -step if costs else step
                    costs.append(cost_of(case, values | {name: moved if x.shape else float(moved)}))
                found[name][index] = (costs[0] - costs[1]) / (2 * step)
    return {name: (4 * near[name] - far[name]) / 3 for name in case.wrt}, near, far


def agree(found, expected, tolerance=TOLERANCE):
    scale = max(np.abs(g).max() for g in expected.values())
    return all(
        np.shape(found[name]) == g.shape
        and np.abs(found[name] - g).max() <= tolerance * (np.abs(g).max() + 1e-2 * scale)
        for name, g in expected.items()
    )


def smooth_points(case, rng):
    """Points without a kink nearby, and the differences there."""
    for _ in range(30):
        values = drawn(case, rng)
        expected, near, far = differences(case, values)
        if agree(near, far):
            yield values, expected


@functools.cache
def shared_points(cost, seed):
    """The points of a cost: the first two of them are made once for all of its gradients."""
    case = next(case for case in CASES if case.cost == cost)
    name = np.frombuffer(case.name.encode(), dtype=np.uint8)
    rng = np.random.default_rng([seed, *(int(byte) for byte in name)])
    return list(itertools.islice(smooth_points(case, rng), 2))


def judged(case, rng, seed):
    """The verdict at a few points: a mistake need not show at each of them."""
    points = shared_points(case.cost, seed)
    assert len(points) == 2
    more = smooth_points(case, rng) if case.verdict == "wrong" else ()
    for values, expected in itertools.chain(points, more):
        found = by_hand(case, values)
        negative = {name: -g for name, g in expected.items()}
        verdict = "right" if agree(found, expected) else "convention" if agree(found, negative) else "wrong"
        if verdict != "right":
            return verdict
    return verdict


def is_undecided(case, rng):
    """It differs from call to call, or it fails at some sizes."""
    for _ in range(5):
        values = drawn(case, rng)
        try:
            if cost_of(case, values) != cost_of(case, values):
                return True
        except ValueError:
            return True
    return False


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_what_it_says(case, rng, request):
    print("seed", request.config.fresh_seed)
    if case.verdict == "undecided":
        assert is_undecided(case, rng)
    else:
        assert judged(case, rng, request.config.fresh_seed) == case.verdict


def test_cases_have_their_own_names_and_wrong_ones_their_mistakes():
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(bool(case.kinds) == (case.verdict == "wrong") for case in CASES)
    assert all(set(case.kinds) <= set(MistakeKind) for case in CASES)
