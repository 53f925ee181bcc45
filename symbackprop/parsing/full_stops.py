"""Full stops inside a formula: a product as in p_j.p_i, a transpose as in X.T, and a method as in X.dot(W)."""

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.parsing.tokens import CLOSING, Token

_ENDS = {"NAME", "NUMBER", "PRIME", "TOP", *CLOSING} - {"END_CASES"}
_BEGINS = {"NAME", "NUMBER", "LPAR", "LBRACKET", "{", "FRACTION", "ACCENT", "PARTIAL", "SUM"}


def with_products(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens, with a full stop between two factors as the sign that it stands for."""
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        behind = tokens[at + 1 :]
        is_between = token.value == "." and token.kind == "STOP" and found and found[-1].kind in _ENDS and behind
        if not is_between or behind[0].kind not in _BEGINS:
            found.append(token)
            at += 1
            continue
        is_joined = found[-1].end == token.start and token.end == behind[0].start
        method = "".join(other.value for other in behind[:3])
        if is_joined and method in {"dot", "dot("} and _is_call(behind):
            found.append(replace(token, kind="OPERATOR", value=r"@"))
            at += 1 + (1 if behind[0].value == "dot" else 3)
        elif is_joined and behind[0].value == "T" and not _is_letter_of_word(behind):
            found += [replace(token, kind="^", value="^"), replace(behind[0], kind="TOP")]
            at += 2
        elif is_joined or not _has_relation(behind):
            found.append(replace(token, kind="OPERATOR", value=r"\cdot"))
            at += 1
        else:
            found.append(token)
            at += 1
    return found


def _is_call(behind: Sequence[Token]) -> bool:
    opening = behind[1:2] if behind[0].value == "dot" else behind[3:4]
    return any(token.kind == "LPAR" for token in opening)


def _is_letter_of_word(behind: Sequence[Token]) -> bool:
    return len(behind) > 1 and behind[1].kind == "NAME" and behind[1].start == behind[0].end


def _has_relation(behind: Sequence[Token]) -> bool:
    """Return True if an equality follows in the same row, which the full stop may separate from the one before."""
    row = []
    for token in behind:
        if token.kind == "NEWLINE":
            break
        row.append(token.kind)
    return "RELATION" in row
