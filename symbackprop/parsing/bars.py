"""Vertical bars other than those of absolute values: in `P(t = 1 | z)`, and the `|_{x = a}` of a formula at a point."""

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.parsing.tokens import CLOSING, OPENING, Token, with_depths

_OPENS = {"LPAR", "LBRACKET"}
_CLOSES = {"RPAR", "RBRACKET"}
_NO_END = {"", "SIGN", "OPERATOR", "RELATION", ","}  # tokens after which a bar opens


def with_conditional_names(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens, with a conditional probability such as P(t = 1 | z) as a single name."""
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        end = _end_of_conditional(tokens, at)
        if end is None:
            found.append(tokens[at])
            at += 1
        else:
            whole = "".join(token.value for token in tokens[at:end])
            found.append(Token("NAME", whole, tokens[at].start, tokens[end - 1].end))
            at = end
    return found


def _end_of_conditional(tokens: Sequence[Token], at: int) -> int | None:
    """Return the offset after a name with brackets that contain a single bar; None if there is none at `at`."""
    after = at + 1
    while after < len(tokens) and tokens[after].kind == "_" and after + 1 < len(tokens):  # p_\theta(x | z)
        after = _closed_at(tokens, after + 1) if tokens[after + 1].kind == "{" else after + 2
    if tokens[at].kind != "NAME" or after >= len(tokens) or tokens[after].kind not in _OPENS:
        return None
    end = _closed_at(tokens, after)
    inner = tokens[after + 1 : end - 1]
    bars = [token for token, depth in with_depths(inner) if depth <= 0 and _is_bar(token)]
    return end if len(bars) == 1 and tokens[end - 1].kind in _CLOSES else None


def _is_bar(token: Token) -> bool:
    return token.kind == "BAR" or (token.kind, token.value) == ("RELATION", "|")


def _closed_at(tokens: Sequence[Token], start: int) -> int:
    """Return the offset after the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(tokens)):
        depth += (tokens[index].kind in OPENING) - (tokens[index].kind in CLOSING)
        if depth == 0:
            return index + 1
    return len(tokens)


def evaluated(tokens: Sequence[Token]) -> list[Token]:
    r"""Return the tokens, with the bar of `|_{x = a}` as a sign of its own, and braces from its `\left.` up to it."""
    found: list[Token] = []
    opened: list[int] = []  # the places, in `found`, of brackets and bars that are open
    skip = False
    for index, token in enumerate(tokens):
        if skip:  # the _ behind the bar
            skip = False
            continue
        follower = tokens[index + 1].kind if index + 1 < len(tokens) else ""
        kind = found[opened[-1]].kind if opened else ""
        if token.kind in {"BAR", "RBAR"} and follower == "_" and kind not in {"BAR", "LBAR"} and found:
            if kind == "LEFTDOT":
                place = opened.pop()
                found[place] = replace(found[place], kind="{", value="{")
                found.append(Token("}", "}", token.start, token.start))
            found.append(replace(token, kind="EVALUATED"))
            skip = True
            continue
        if token.kind in {"BAR", "NORM"} and kind == token.kind and found[-1].kind not in _NO_END:
            opened.pop()
        elif token.kind in {*OPENING, "BAR", "NORM", "LBAR", "LNORM", "LEFTDOT"}:
            opened.append(len(found))
        elif token.kind in {*CLOSING, "RBAR", "RNORM"} and opened:
            while len(opened) > 1 and found[opened[-1]].kind == "LEFTDOT":
                opened.pop()
            opened.pop()
        found.append(token)
    return [token for token in found if token.kind != "LEFTDOT"]
