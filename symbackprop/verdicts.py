"""The verdicts of checks and proofs."""

from enum import StrEnum
from html import escape
from typing import Any, NoReturn


class Verdict(StrEnum):
    """The verdict of a check or a proof."""

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"
    CONVENTION = "convention"  # right up to one: the sign of a whole gradient, a transposed layout


class Judged:
    """A result with a `verdict` that is not just yes or no; using the result as a boolean raises an error."""

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a check has more than two verdicts; compare .verdict, as in check.verdict == 'right', or print it"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the first line of the report, which unfolds to the rest unless all is right."""
        first, _, rest = str(self).partition("\n")
        unfolded = "" if getattr(self, "verdict", None) == Verdict.RIGHT else " open"
        return f"<details{unfolded}><summary>{escape(first)}</summary><pre>{escape(rest)}</pre></details>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Write what IPython shows in a terminal: the report."""
        printer.text(str(self))
