"""For pytest: the fixture `gradcheck`, and `--gradcheck-report`. What is heavy is imported when a test asks for it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

_PROPERTY = "gradcheck"  # of a test: a line for each of its checks


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("symbackprop")
    group.addoption(
        "--gradcheck-report", action="store_true", help="list what each gradient check of the tests found, at the end"
    )


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`gradcheck(cost, gradients, params, data=…, seed=…)`: fails with the readable report unless they are right.

    The arguments are those of `symbackprop.check_gradients`, whose report it returns.
    """

    def check(cost: Any, gradients: Any, params: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        gradients_ = import_module("symbackprop.gradcheck.check")
        report = gradients_.check_gradients(cost, gradients, params, **options)
        request.node.user_properties.append((_PROPERTY, _line(report)))
        if report.verdict != "right":
            raise AssertionError(str(report))
        return report

    return check


def _line(report: Any) -> str:
    worst = report.worst
    where = "" if worst is None or report.verdict == "right" else f"; {worst.name}: {worst.mistake or worst.note}"
    parameters = ", ".join(block.name for block in report.blocks)
    return f"{report.verdict}  {parameters}  {report.evaluations} evaluations{where}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--gradcheck-report"):
        return
    terminalreporter.section("gradient checks")
    lines = list(_lines(terminalreporter.stats))
    for line in lines or ["no test used the fixture gradcheck"]:
        terminalreporter.line(line)


def _lines(stats: dict[str, list[Any]]) -> Iterator[str]:
    """A line for each check, by tests, also of those that ran in other processes."""
    for outcome in ("passed", "failed"):
        for report in stats.get(outcome, []):
            if getattr(report, "when", "") == "call":
                yield from (f"{report.nodeid}  {line}" for name, line in report.user_properties if name == _PROPERTY)
