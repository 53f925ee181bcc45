r"""Cells of cases and matrices: conditions that are written in letters, as in `& if & i=j`, and rows of dots alone."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from symbackprop.parsing.tokens import Token, with_depths

_CONJUNCTIONS = ("otherwise", "elsewhere", "when", "else", "for", "if")


def tidied_cells(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with one cell for each condition, and one entry for a row of a matrix that has dots alone."""
    return list(_without_rows_of_dots(list(_with_conditions(tokens))))


def _with_conditions(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens, in cases without the word of a condition and the & behind it."""
    depths = [depth for _, depth in with_depths(tokens, ("BEGIN_CASES",), ("END_CASES",))]
    at = 0
    while at < len(tokens):
        token = tokens[at]
        yield token
        at += 1
        if token.kind == "&" and depths[at - 1]:
            at = _after_word(tokens, at)
            if at < len(tokens) and tokens[at].kind == "&":
                at += 1


def _after_word(tokens: Sequence[Token], at: int) -> int:
    """Return the place after the word `if`, `otherwise`, … that begins there, in letters or as text."""
    if at < len(tokens) and tokens[at].kind == "WORD" and at + 1 < len(tokens) and tokens[at + 1].kind == "&":
        return at + 1
    for word in _CONJUNCTIONS:
        letters = tokens[at : at + len(word)]
        is_joined = all(one.end == other.start for one, other in pairwise(letters))
        if is_joined and [(token.kind, token.value) for token in letters] == [("NAME", letter) for letter in word]:
            return at + len(word)
    return at


def _without_rows_of_dots(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens; a row of a matrix that contains dots, and else nothing, has a single entry."""
    row: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.kind == "BEGIN_MATRIX") - (token.kind == "END_MATRIX")
        is_end = token.kind in {"BEGIN_MATRIX", "END_MATRIX"} or (token.kind == "NEWLINE" and depth > 0)
        if not is_end:
            row.append(token)
            continue
        yield from _row(row)
        yield token
        row = []
    yield from row


def _row(row: Sequence[Token]) -> Sequence[Token]:
    dots = [token for token in row if token.kind == "DOTS"]
    return dots[:1] if dots and all(token.kind in {"DOTS", "&", "SPACE"} for token in row) else row
