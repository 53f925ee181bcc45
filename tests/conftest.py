"""What all tests share: a fresh seed each run (printed, and set with --seed), and the blocks of the documents."""

import numpy as np
import pytest

from symbackprop.codegen import backends
from symbackprop.expressions.functions import FUNCTION, FUNCTIONS


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=None, help="seed of all random numbers (default: a fresh one)")


def pytest_configure(config):
    chosen = config.getoption("--seed")
    config.fresh_seed = np.random.SeedSequence().entropy % 10**9 if chosen is None else chosen


def pytest_report_header(config):
    return f"random numbers: --seed {config.fresh_seed}"


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    """A test of functions compiled with numba asks for them: it takes seconds to compile one."""
    monkeypatch.setattr(backends, "SMALL", 0)


@pytest.fixture
def rng(request):
    """A generator that differs from run to run and from test to test; --seed repeats a run."""
    test = np.frombuffer(request.node.nodeid.encode(), dtype=np.uint8)
    return np.random.default_rng([request.config.fresh_seed, *(int(byte) for byte in test)])


@pytest.fixture
def no_function_left_behind():
    """What a test registers is gone after it."""
    before = dict(FUNCTIONS), dict(FUNCTION)
    yield
    for table, rows in zip((FUNCTIONS, FUNCTION), before, strict=True):
        table.clear()
        table.update(rows)
