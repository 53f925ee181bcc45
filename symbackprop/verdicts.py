"""What a check or a proof concludes."""

from enum import StrEnum
from typing import NoReturn


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"
    CONVENTION = "convention"  # right up to one: the sign of a whole gradient, a transposed layout


class Judged:
    """A result with a `verdict`, which is no yes or no: an `assert` of it would pass by accident."""

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a check has more than two verdicts; compare .verdict, as in check.verdict == 'right', or print it"
        )
