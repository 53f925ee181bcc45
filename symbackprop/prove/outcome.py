"""What one witness says about one step."""

from dataclasses import dataclass

from symbackprop.verdicts import Verdict


@dataclass(frozen=True)
class Outcome:
    """A verdict, and where it holds or why it does not: undecided is what a witness does not claim."""

    verdict: Verdict
    said: str = ""


def proved(where: str = "") -> Outcome:
    return Outcome(Verdict.RIGHT, where)


def not_proved(reason: str) -> Outcome:
    return Outcome(Verdict.WRONG, reason)


def unclaimed(reason: str) -> Outcome:
    return Outcome(Verdict.UNDECIDED, reason)
