"""What all tests share: a fresh seed each run (printed, and set with --seed), and which tests run where."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from symbackprop.codegen import backends
from symbackprop.expressions.functions import FUNCTION, FUNCTIONS
from tests.selection import mark_longer, only_at_night
from tests.support import seeds


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=None, help="seed of all random numbers (default: a fresh one)")


@pytest.hookimpl(tryfirst=True)  # before hypothesis takes its seed
def pytest_configure(config):
    chosen = getattr(config, "workerinput", {}).get("fresh_seed", config.getoption("--seed"))
    config.fresh_seed = seeds.of_this_run() if chosen is None else chosen
    seeds.today = config.fresh_seed
    if getattr(config.option, "hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(config.fresh_seed)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Give the processes of pytest-xdist the seed that is printed."""
    node.workerinput["fresh_seed"] = node.config.fresh_seed


def pytest_report_header(config):
    return f"random numbers: --seed {config.fresh_seed}"


def pytest_terminal_summary(terminalreporter, config):
    """Print the seed again where -q leaves out the header."""
    if config.get_verbosity() < 0:
        terminalreporter.write_line(pytest_report_header(config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let a process that has nothing left to do take over tests of another."""
    return import_module("xdist.scheduler").WorkStealingScheduling(config, log)


# Files and folders of tests whose fast tests also run on the oldest supported dependencies.
COMPATIBLE = [
    *("test_golden.py", "test_derivation.py", "test_descent.py", "test_registration.py", "test_pytest_plugin.py"),
    *("cli", "expressions", "printing", "backprop/test_rules.py", "backprop/test_steps.py", "network/test_zoo.py"),
]


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(config, items):
    mark_longer(items)
    config.only_at_night = only_at_night(items)
    tests = Path(__file__).parent
    compatible = {
        path
        for path in {item.path for item in items}
        if any(path.is_relative_to(tests / place) for place in COMPATIBLE)
    }
    for item in items:
        if item.path in compatible:
            item.add_marker(pytest.mark.compat)


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
