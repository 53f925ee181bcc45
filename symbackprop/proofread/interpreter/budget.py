"""Budgets of evaluations, which end what would take too long: they count steps, not seconds, so verdicts repeat."""

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
    """The number of steps that evaluations have taken, and the number that they may take."""

    taken: int = 0
    most: float = float("inf")

    @property
    def is_spent(self) -> bool:
        """True if no step is left."""
        return self.taken > self.most

    @contextmanager
    def at_most(self, steps: int) -> Iterator[None]:
        """Allow at most this number of further steps within the context, and no more than outside of it."""
        outside, self.most = self.most, min(self.most, self.taken + steps)
        try:
            yield
        finally:
            self.most = outside
