"""Tokens of a formula."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

OPENING = {"LPAR", "LBRACKET", "LBRACE", "{", "BEGIN_CASES", "BEGIN_MATRIX"}
CLOSING = {"RPAR", "RBRACKET", "RBRACE", "}", "END_CASES", "END_MATRIX"}


@dataclass(frozen=True)
class Token:
    """A token at the offsets `start` to `end` of the text."""

    kind: str
    value: str
    start: int
    end: int


def with_depths(
    tokens: Iterable[Token], opening: Collection[str] = OPENING, closing: Collection[str] = CLOSING
) -> Iterator[tuple[Token, int]]:
    """Yield each token with the number of brackets that are open after it."""
    depth = 0
    for token in tokens:
        depth += (token.kind in opening) - (token.kind in closing)
        yield token, depth
