"""Pieces of a formula."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A piece of a formula that stands in the text from `start` to `end`."""

    kind: str
    value: str
    start: int
    end: int
