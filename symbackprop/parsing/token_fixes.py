"""Corrections of tokens that depend on neighbouring tokens: `||`, `.*`, Σ as a sum, and 1[z > 0] as an indicator."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from symbackprop.parsing.bars import evaluated, with_conditional_names
from symbackprop.parsing.braces import without_hidden_braces
from symbackprop.parsing.cells import tidied_cells
from symbackprop.parsing.full_stops import with_products
from symbackprop.parsing.tokens import Token, with_depths

_OPEN = {"LPAR", "LBRACKET", "LBRACE"}
_CLOSE = {"RPAR", "RBRACKET", "RBRACE"}
_ENDS_OF_CELLS = {"&", "NEWLINE", "END_CASES"}
_BEFORE_DOTS = {",", "SIGN", "OPERATOR", "RELATION", "&", "NEWLINE", "BEGIN_MATRIX", *_OPEN}  # what ... may follow
_SUMMED = {"NAME", "{", "PARTIAL", "FRACTION", "_", "LPAR", "ACCENT"}  # tokens that can follow a Σ


def tidied(tokens: Iterable[Token], has_sigma: bool) -> list[Token]:
    """Return the corrected tokens; with `has_sigma`, Σ is a name, not a sum."""
    merged = list(_merged(list(tokens)))
    if not has_sigma:
        merged = list(_with_sums(merged))
    whole = _without_last_commas(
        _with_commas(tidied_cells(with_products(_with_indicators(without_hidden_braces(merged)))))
    )
    return _closed(evaluated(with_conditional_names(_with_raised_tops(whole))))


def _merged(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens, with `||` as the bar of a norm, `.*` as an entrywise product, and `+ -` as a minus."""
    rest = list(reversed(tokens))
    before = ""
    while rest:
        token = rest.pop()
        follower = rest[-1] if rest and rest[-1].start == token.end else None
        if token.kind == "NEWLINE":  # two in a row, as Markdown needs
            while rest and rest[-1].kind == "NEWLINE":
                rest.pop()
        elif before in _BEFORE_DOTS and [token.value, *(t.value for t in rest[-1:-3:-1])] == ["."] * 3:
            del rest[-2:]
            token = replace(token, kind="DOTS", value="…")
        elif follower is not None and token.kind == follower.kind == "BAR":
            token = replace(token, kind="NORM", end=rest.pop().end)
        elif follower is not None and token.value == "." and follower.value in {"*", "/"}:
            rest.pop()
            sign = r"\odot" if follower.value == "*" else "/"
            token = Token("OPERATOR", sign, token.start, follower.end)
        elif token.kind == "SIGN" and rest and rest[-1].kind == "SIGN" and {token.value, rest[-1].value} <= {"+", "-"}:
            other = rest.pop()  # a + -b
            token = Token("SIGN", "+" if token.value == other.value else "-", token.start, other.end)
        before = token.kind
        yield token


def _with_indicators(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens, with the 1 of 1[z > 0], 1(i = j) or 1{z > 0} as the sign of an indicator."""
    found = list(tokens)
    for index, (token, follower) in enumerate(pairwise(tokens)):
        is_one = (token.kind, token.value) == ("NUMBER", "1") and token.end == follower.start and follower.kind in _OPEN
        before = found[index - 1].kind if index else ""
        if is_one and before not in {"NUMBER", "^", "_"} and _holds_relation(tokens[index + 1 :]):
            found[index] = replace(token, kind="ONE", value="I")
    return found


def _holds_relation(tokens: Sequence[Token]) -> bool:
    """Return True if the brackets at the beginning contain a comparison and no comma."""
    for token, depth in with_depths(tokens, _OPEN, _CLOSE):
        if depth == 0 or token.kind in {",", "NEWLINE"}:
            return False
        if depth == 1 and token.kind == "RELATION":
            return token.value in {"=", "<", ">", "<=", ">=", "!="}
    return False


def _with_sums(tokens: Sequence[Token]) -> Iterator[Token]:
    for token, follower in pairwise([*tokens, Token("", "", 0, 0)]):
        is_sum = (token.kind, token.value) == ("NAME", "Sigma") and follower.kind in _SUMMED
        yield replace(token, kind="SUM", value=r"\sum") if is_sum else token


def _with_commas(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens, with semicolons in brackets as commas: J(W; x, y)."""
    return [
        replace(token, kind=",", value=",") if token.kind == ";" and depth > 0 else token
        for token, depth in with_depths(tokens, _OPEN, _CLOSE)
    ]


def _without_last_commas(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without the commas that end the values of cases."""
    marked = with_depths([*tokens, Token("", "", 0, 0)], ("BEGIN_CASES",), ("END_CASES",))
    return [
        token
        for (token, depth), (follower, _) in pairwise(marked)
        if not (depth and token.kind == "," and follower.kind in _ENDS_OF_CELLS)
    ]


def _with_raised_tops(tokens: Sequence[Token]) -> list[Token]:
    r"""Return the tokens, with `\top` as a superscript of its own in `a\top` and in `a^{m - 1 \top}`."""
    found: list[Token] = []
    scripts: list[int] = []  # for each open brace, where its superscript begins; -1 for another brace
    behind: list[Token] = []  # the closing brace that follows
    for index, token in enumerate(tokens):
        before = found[-1].kind if found else ""
        if token.kind == "{":
            scripts.append(len(found) if before == "^" else -1)
        raised = [replace(token, kind="^", value="^", end=token.start), token]
        if token.kind != "TOP" or before in {"^", "{", ""}:
            found.append(token)
        elif not scripts or scripts[-1] < 0:
            found += raised  # a\top
        elif tokens[index + 1].kind == "}" and any(other.kind == "SIGN" for other in found[scripts[-1] :]):
            behind = raised  # a^{m - 1 \top} is a^{m - 1}^\top
        else:
            found.append(token)
        if token.kind == "}":
            scripts = scripts[:-1]
            found, behind = [*found, *behind], []
    return found


def _closed(tokens: list[Token]) -> list[Token]:
    """Return the tokens without an unmatched bracket at the end."""
    depths = sum((token.kind in _OPEN) - (token.kind in _CLOSE) for token in tokens)
    return tokens[:-1] if depths == -1 and tokens[-1].kind == "RPAR" else tokens
