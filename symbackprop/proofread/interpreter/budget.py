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


@dataclass(eq=False)
class Budget:
    """The number of steps that evaluations have taken, and the number that they may take.

    `end` is the processor time at which evaluation ends.
    """

    taken: int = 0
    most: float = float("inf")
    end: float = float("inf")

    @property
    def is_spent(self) -> bool:
        """True if no step, or no time, is left."""
        return self.taken > self.most or self.is_out_of_time

    @property
    def is_out_of_time(self) -> bool:
        """True if no processor time is left."""
        return self.end < float("inf") and time.process_time() > self.end

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
        try:
            yield
        finally:
            self.end = outside
