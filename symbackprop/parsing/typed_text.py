"""Notation of formulas that are typed as plain text: e^(-z), sum(G, axis=0), and 1{x > 0} with braces that are seen."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from symbackprop.parsing.tokens import Token, with_depths

_BEFORE_ARGUMENTS = {"^", "_", "FRACTION", "ACCENT", "ROOT"}
_BRACKETS = {"LPAR": "RPAR", "{": "}"}
_AXES = {"0": "rows", "1": "columns"}


def typed(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens of a formula in plain text in the notation of LaTeX."""
    return _with_exponents(_with_axes(_with_braces(_with_steps(tokens))))


def _end(tokens: Sequence[Token], at: int) -> int:
    """Return the place of the bracket that closes the one at a place, or the number of tokens."""
    opening = tokens[at].kind
    pairs = with_depths(tokens[at:], (opening,), (_BRACKETS[opening],))
    return next((at + k for k, (_, depth) in enumerate(pairs) if depth == 0), len(tokens))


def _with_steps(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens, with w -= c as w ← w - (c)."""
    for index, (token, follower) in enumerate(pairwise(tokens)):
        if (token.kind, follower.value) == ("SIGN", "=") and token.end == follower.start and index:
            name, change, last = tokens[:index], tokens[index + 2 :], tokens[-1].end
            brackets = Token("LPAR", "(", follower.end, follower.end), Token("RPAR", ")", last, last)
            return [*name, replace(follower, value="<-"), *name, token, brackets[0], *change, brackets[1]]
    return tokens


def _with_braces(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens, with braces that do not enclose an argument as brackets: 1{x > 0}."""
    found = list(tokens)
    for index, token in enumerate(tokens):
        around = [other.start for other in tokens[max(index - 1, 0) : index + 2]]
        is_seen = token.kind == "{" and around.count(token.start) == 1  # not of the LaTeX that ½ and ŷ are short for
        before = tokens[index - 1].kind if index else ""
        end = _end(tokens, index) if is_seen else 0
        if is_seen and before not in _BEFORE_ARGUMENTS and end < len(tokens):
            found[index] = replace(token, kind="LBRACE", value=r"\{")
            found[end] = replace(tokens[end], kind="RBRACE", value=r"\}")
    return found


def _with_exponents(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens, with braces around the exponent of e^(-z) and (1 + u)^(-1); W^(2) has a layer number."""
    found = list(tokens)
    for index, (token, follower) in enumerate(pairwise(tokens)):
        if token.kind != "^" or follower.kind != "LPAR" or index == 0:
            continue
        end = _end(tokens, index + 1)
        before, first = tokens[index - 1], tokens[index + 2 : index + 4]
        is_layer = before.kind == "NAME" and before.value != "e" and not _is_exponent(first)
        if not is_layer and end < len(tokens):
            found[index + 1] = replace(follower, kind="{", value="{")
            found[end] = replace(tokens[end], kind="}", value="}")
    return found


def _is_exponent(first: Sequence[Token]) -> bool:
    """Return True for the beginning of an exponent, as of (-1) and (1-y)."""
    kinds = [token.kind for token in first]
    return kinds[:1] == ["SIGN"] or kinds == ["NUMBER", "SIGN"]


def _with_axes(tokens: Sequence[Token]) -> list[Token]:
    r"""Return the tokens, with sum(G, axis=0) as the sum \sum_{rows} of G."""
    found: list[Token] = []
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        found.append(token)
        if token.kind != "SUM" or not rest or rest[0].kind != "LPAR":
            continue
        end = _end(rest, 0)
        comma = next((k for k, (t, depth) in enumerate(with_depths(rest[:end])) if t.kind == "," and depth == 1), end)
        words = "".join(t.value for t in rest[comma + 1 : end])
        axis = words.removeprefix("axis=").partition(",")[0]
        if words.startswith("axis=") and axis in _AXES and end < len(rest):
            where = token.start, token.end
            over = [Token("{", "{", *where), Token("NAME", _AXES[axis], *where), Token("}", "}", *where)]
            found += [Token("_", "_", *where), *over, *rest[:comma]]
            rest = rest[end:]
    return found
