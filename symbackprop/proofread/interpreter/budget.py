"""Budgets of evaluations, which end what would take too long.

They count steps, so that verdicts repeat; only a whole document is also limited in processor time.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from symbackprop.parsing.lexer import UnsupportedNotationError


class TooManyStepsError(UnsupportedNotationError):
    """A formula whose evaluation takes more steps than its budget."""

    def __init__(self) -> None:
        super().__init__("it takes too many steps to evaluate")


_STEPS_BETWEEN_LOOKS = 100  # at the clock, which takes longer than a step


@dataclass(eq=False)
class Budget:
    """The number of steps that evaluations have taken, and the number that they may take.

    `end` is the processor time at which evaluation ends; the clock is read once in a number of steps.
    """

    taken: int = 0
    most: float = float("inf")
    end: float = float("inf")
    _looked: int = 0  # the steps that were taken when the clock was read
    _is_late: bool = False

    @property
    def is_spent(self) -> bool:
        """True if no step, or no time, is left."""
        if self.taken - self._looked >= _STEPS_BETWEEN_LOOKS:
            self._look()
        return self.taken > self.most or self._is_late

    def _look(self) -> None:
        self._looked, self._is_late = self.taken, self.is_out_of_time

    @property
    def is_out_of_time(self) -> bool:
        """True if no processor time is left."""
        return self.end < float("inf") and time.process_time() > self.end

    @property
    def seconds_left(self) -> float:
        """The processor time that is left."""
        return max(0.0, self.end - time.process_time())

    @contextmanager
    def at_most(self, steps: int) -> Iterator[None]:
        """Allow at most this number of further steps within the context, and no more than outside of it."""
        outside, self.most = self.most, min(self.most, self.taken + steps)
        try:
            yield
        finally:
            self.most = outside

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Allow at most this processor time within the context, and no more than outside of it."""
        outside, self.end = self.end, min(self.end, time.process_time() + seconds)
        self._look()
        try:
            yield
        finally:
            self.end = outside
            self._look()
