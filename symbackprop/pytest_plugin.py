"""The pytest plugin: the fixture `gradcheck`, which imports NumPy when a test uses it, and its options."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from symbackprop.gradcheck.report import GradientCheck

_PROPERTY = "gradcheck"  # the user property of a test: a line for each of its checks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options `--gradcheck-report` and `--gradcheck-entries`."""
    group = parser.getgroup("symbackprop")
    group.addoption(
        "--gradcheck-report", action="store_true", help="at the end, list the result of each gradient check"
    )
    group.addoption(
        "--gradcheck-entries", action="store_true", help="in a failed gradient check, list every entry that differs"
    )


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> "Callable[..., GradientCheck]":
    """Return `gradcheck(cost, gradients, params, data=…, seed=…)`, which fails the test unless the gradients are right.

    The arguments are those of `symbackprop.check_gradients`; or `gradcheck(F, shapes=…)` takes those of
    `symbackprop.check_function`. It returns the report, or the failure prints it.
    """

    def check(cost: object, gradients: object = None, params: object = None, **options: object) -> "GradientCheck":
        __tracebackhide__ = True
        assertions = import_module("symbackprop.assertions")
        report: GradientCheck = assertions.checked(cost, gradients, params, **options)
        request.node.user_properties.append((_PROPERTY, _line(report)))
        if report.verdict != "right":
            entries = request.config.getoption("--gradcheck-entries") and params is not None
            more = f"\n{_entries(cost, gradients, params, options.get('data'))}" if entries else ""
            raise AssertionError(f"{assertions.failure(report)}{more}")
        return report

    return check


def _entries(cost: object, gradients: object, params: object, data: object) -> str:
    try:
        return str(import_module("symbackprop.render.entries").differing_entries(cost, gradients, params, data))
    except ValueError as error:  # too many entries
        return str(error)


def _line(report: Any) -> str:
    if not hasattr(report, "worst"):  # of a function with a backward function of its own
        return _line(report.check)
    worst = report.worst
    where = "" if worst is None or report.verdict == "right" else f"; {worst.name}: {worst.mistake or worst.note}"
    parameters = ", ".join(block.name for block in report.blocks)
    return f"{report.verdict}  {parameters}  {report.evaluations} evaluations{where}"


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """List the gradient checks if `--gradcheck-report` is given."""
    if not config.getoption("--gradcheck-report"):
        return
    terminalreporter.section("gradient checks")
    lines = list(_lines(terminalreporter.stats))
    for line in lines or ["no test used the fixture gradcheck"]:
        terminalreporter.line(line)


def _lines(stats: dict[str, list[pytest.TestReport]]) -> Iterator[str]:
    """Yield a line for each check, including the checks of tests that ran in other processes."""
    for outcome in ("passed", "failed"):
        for report in stats.get(outcome, []):
            if getattr(report, "when", "") == "call":
                yield from (f"{report.nodeid}  {line}" for name, line in report.user_properties if name == _PROPERTY)
