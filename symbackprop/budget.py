"""A budget of processor time, so that a search or a reading of code ends; whoever spends checks what is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_OPEN: ContextVar[float] = ContextVar("processor time at which the budget ends", default=float("inf"))


class OutOfTime(BaseException):
    """The budget is spent. It is not an Exception, so that code of users does not catch it."""


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Limit the processor time inside a `with` block; an outer budget remains in force.

    >>> with budget(60):
    ...     spend()
    """
    token = _OPEN.set(min(_OPEN.get(), time.process_time() + seconds))
    try:
        yield
    finally:
        _OPEN.reset(token)


def spend() -> None:
    """Raise OutOfTime if the budget is spent."""
    if time.process_time() > _OPEN.get():
        raise OutOfTime("the time that this step may take is over")
