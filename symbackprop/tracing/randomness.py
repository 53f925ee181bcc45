"""Random numbers in the user's code: they are harmless where two runs with different ones give the same results."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import TypeVar

import numpy as np

from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.outcome import computed, computed_cost
from symbackprop.tracing.results import is_same
from symbackprop.tracing.sampling import SamplePoint, copy_arrays, distinct_sizes, draw_point
from symbackprop.tracing.untraceable import RandomNumbers

_T = TypeVar("_T")
_ALLOWED: ContextVar[bool] = ContextVar("random numbers are allowed", default=False)


def random_module() -> ModuleType:
    """Return np.random; raise RandomNumbers unless it is known that the drawn numbers do not matter."""
    if _ALLOWED.get():
        return np.random
    raise RandomNumbers("random numbers are drawn by np.random: draw them before, and give them as an argument")


def tolerant(code: UserCode, spec: ArgumentSpec, point: SamplePoint | None, read: Callable[[], _T]) -> _T:
    """Return what is read; random numbers are let through if the results do not depend on them."""
    try:
        return read()
    except RandomNumbers:
        where = point or draw_point(spec, distinct_sizes(spec), np.random.default_rng(0), None)
        if _fails_or_varies(code, spec, where):
            raise
    token = _ALLOWED.set(True)
    try:
        return read()
    finally:
        _ALLOWED.reset(token)


def _fails_or_varies(code: UserCode, spec: ArgumentSpec, point: SamplePoint) -> bool:
    try:
        return varies(code, spec, point)
    except Exception:
        return True


def varies(code: UserCode, spec: ArgumentSpec, point: SamplePoint, *, gradient: bool = True) -> bool:
    """Return True if two runs at one point, with different random numbers, have different results."""
    results = []
    for seed in (1, 2):
        with _seeded(seed):
            values = copy_arrays(point.values)
            cost, gradients = computed(code, spec, values) if gradient else (computed_cost(code, spec, values), {})
            results.append([cost, *gradients.values()])
    return not all(map(_nearly_same, *results))


def _nearly_same(one: object, other: object) -> bool:
    """Return True for two results that are equal up to the order in which their terms were added."""
    try:
        left, right = np.asarray(one, float), np.asarray(other, float)
    except (TypeError, ValueError):
        return is_same(one, other)
    scale = np.max(np.abs(left), initial=0.0)
    return left.shape == right.shape and np.allclose(left, right, rtol=1e-9, atol=1e-12 * scale, equal_nan=True)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    before, of_python = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
        random.setstate(of_python)
