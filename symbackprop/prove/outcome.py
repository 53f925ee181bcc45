"""The outcome of one witness for one step."""

from dataclasses import dataclass

from symbackprop.verdicts import Verdict


@dataclass(frozen=True)
class Outcome:
    """A verdict, with the condition under which it is valid, or the reason why the step is not proved.

    The verdict is "undecided" if a witness makes no claim.
    """

    verdict: Verdict
    said: str = ""


# What a witness may raise for a line that it cannot judge: it then claims nothing.
FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
UNPROVED = "it is not proved that the two sides are equal"


def proved(condition: str = "") -> Outcome:
    """Return the outcome of a proved step, possibly with a condition such as `away from the kink of relu`."""
    return Outcome(Verdict.RIGHT, condition)


def not_proved(reason: str) -> Outcome:
    """Return the outcome of a step that is false: the reason is a counterexample, or names the refuted claim."""
    return Outcome(Verdict.WRONG, reason)


def unclaimed(reason: str) -> Outcome:
    """Return the outcome of a step about which the witness makes no claim."""
    return Outcome(Verdict.UNDECIDED, reason)
