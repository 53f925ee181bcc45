"""Braces that only LaTeX sees: {a - b} c is typeset as a - b c."""

from collections.abc import Sequence

from symbackprop.parsing.tokens import Token, with_depths

_ARGUMENTS = {"FRACTION": 2, "ACCENT": 1, "ROOT": 1, "^": 1, "_": 1}
_FACTORS = {"NAME", "NUMBER", "LPAR", "LBRACKET", "FRACTION", "ACCENT", "ROOT", "PARTIAL", "{"}
_FACTOR_ENDS = {"NAME", "NUMBER", "RPAR", "RBRACKET", "PRIME", "TOP", "}"}


def without_hidden_braces(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without braces around a sum that is beside a factor, except those of an argument."""
    arguments: set[int] = set()
    for index, token in enumerate(tokens):
        at = index + 1
        for _ in range(_ARGUMENTS.get(token.kind, 0)):
            arguments.add(at)
            at = _end(tokens, at) + 1
    dropped: set[int] = set()
    for index, token in enumerate(tokens):
        end = _end(tokens, index)
        if token.kind != "{" or token.start == token.end or index in arguments or end >= len(tokens):
            continue
        is_before = end + 1 < len(tokens) and tokens[end + 1].kind in _FACTORS
        is_behind = index > 0 and tokens[index - 1].kind in _FACTOR_ENDS
        if (is_before or is_behind) and _is_sum(tokens[index + 1 : end]):
            dropped |= {index, end}
    return [token for index, token in enumerate(tokens) if index not in dropped]


def _end(tokens: Sequence[Token], at: int) -> int:
    """Return the place of the brace that closes the one at a place, or the place itself if there is none."""
    if at >= len(tokens) or tokens[at].kind != "{":
        return at
    depths = with_depths(tokens[at:], ("{",), ("}",))
    return next((at + k for k, (_, depth) in enumerate(depths) if depth == 0), len(tokens))


def _is_sum(tokens: Sequence[Token]) -> bool:
    """Return True for a sum that is not in further brackets."""
    return any(token.kind == "SIGN" and depth == 0 for token, depth in list(with_depths(tokens))[1:])
