"""Tokens of a formula."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A token at the offsets `start` to `end` of the text."""

    kind: str
    value: str
    start: int
    end: int
