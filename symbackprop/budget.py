"""A budget of processor time, so that a search or a reading of code ends; whoever spends checks what is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_UNASKED = 1e-2  # seconds in which the processor time is not asked of the system again


@dataclass
class _Budget:
    end: float  # in processor time
    asked: float = float("-inf")  # the time of day at which the processor time was last asked


_OPEN: ContextVar[_Budget | None] = ContextVar("the innermost budget", default=None)


class OutOfTime(BaseException):
    """The budget is spent. It is not an Exception, so that code of users does not catch it."""


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Limit the processor time inside a `with` block; an outer budget remains in force.

    >>> with budget(60):
    ...     spend()
    """
    outer, end = _OPEN.get(), time.process_time() + seconds
    token = _OPEN.set(_Budget(min(end, outer.end) if outer else end))
    try:
        yield
    finally:
        _OPEN.reset(token)


def spend() -> None:
    """Raise OutOfTime if the budget is spent."""
    budget, now = _OPEN.get(), time.perf_counter()
    if budget is None or now - budget.asked < _UNASKED:
        return
    if time.process_time() > budget.end:
        raise OutOfTime("the time that this step may take is over")
    budget.asked = now
