"""Pieces of a formula."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A piece of a formula, at the offsets from `start` to `end` in the text."""

    kind: str
    value: str
    start: int
    end: int
