"""Splitting of a formula into rows, and of each row into statements."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from symbackprop.parsing.tokens import Token, with_depths

_BETWEEN = {"ARROW", "WORD", ",", ";", "SPACE", ":", "COLUMN"}  # statements
_ENDS = {",", ";", "STOP", ":", "SPACE", "COLUMN", "WORD"}


def statements(tokens: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    """Yield the statements in the rows of a formula."""
    rows: list[list[Token]] = [[]]
    before = ""
    for token, depth in with_depths(tokens):
        if token.kind == "NEWLINE" and depth <= 0:
            rows.append([])
        elif token.kind != "&" or depth > 0:
            rows[-1].append(token)
        elif before == "&":  # a column of its own, as for shapes and remarks
            rows[-1].append(replace(token, kind="COLUMN"))
        before = token.kind
    for row in _joined(rows):
        yield from _parts(row)


def _joined(rows: list[list[Token]]) -> list[list[Token]]:
    """Return the rows; a statement that continues on the next row becomes a single row.

    A row continues the previous one if it begins with a sign and contains no relation, or if it begins with a relation
    and the previous row contains none.
    """
    found: list[list[Token]] = []
    for row in rows:
        inner = [token for token in row if token.kind != "SPACE"]
        goes_on = inner and inner[0].kind in {"SIGN", "OPERATOR"} and not _has(inner, "RELATION")
        ends = inner and inner[0].kind == "RELATION" and found and found[-1] and not _has(found[-1], "RELATION")
        before = [token for token in found[-1] if token.kind != "SPACE"] if found else []
        if inner and before and before[-1].kind == "RELATION":  # an equals sign on both rows, or at the end of one
            found[-1] += inner[1:] if inner[0].kind == "RELATION" else row
        elif (goes_on or ends) and found:
            found[-1] += row
        else:
            found.append(row)
    return found


def _parts(row: list[Token]) -> Iterator[tuple[Token, ...]]:
    """Yield the parts of a row between the arrows, words and commas that separate statements."""
    pieces: list[list[Token]] = [[]]
    for token, depth in with_depths(row):
        if depth <= 0 and token.kind in _BETWEEN:
            pieces.append([token])
            pieces.append([])
        else:
            pieces[-1].append(token)
    yield from filter(None, (tuple(_trimmed(piece)) for piece in _regrouped(pieces)))


def _regrouped(pieces: list[list[Token]]) -> list[list[Token]]:
    """Return the pieces, with incomplete ones joined to the previous one, and without text after for, if and when."""
    found: list[list[Token]] = []
    skipping = False
    for piece in filter(None, pieces):
        if _is_between(piece):
            if piece[0].kind == "WORD" and piece[0].value.lower().split()[:1] in (["for"], ["if"], ["when"]):
                skipping = True
            elif piece[0].kind in {"ARROW", "WORD"}:
                skipping = False
            found.append(piece)
        elif not skipping and not (len(piece) <= 2 and _has(piece, "DOTS")):
            found.append(piece)
    return _glued(found)


def _is_between(piece: list[Token]) -> bool:
    return len(piece) == 1 and piece[0].kind in _BETWEEN


def _has(tokens: list[Token], kind: str) -> bool:
    return any(token.kind == kind for token in tokens)


def _glued(pieces: list[list[Token]]) -> list[list[Token]]:
    glued: list[list[Token]] = []
    pending: list[Token] = []  # the tokens before the piece
    complete = False  # whether the last one has a relation
    for piece in pieces:
        if _is_between(piece):
            pending.append(piece[0])
            continue
        kinds = {token.kind for token in pending}
        commas = [token for token in pending if token.kind in {",", ";", ":"}]
        pending = []
        if complete and _is_membership(piece[0]):
            continue
        has_relation = _has(piece, "RELATION")
        is_remark = ("COLUMN" in kinds and not has_relation) or ("SPACE" in kinds and _is_remark(piece))
        if glued and (is_remark or ("SPACE" in kinds and _is_label(piece))):
            continue
        starts = has_relation and complete and (piece[0].kind != "RELATION" or not kinds <= {"SPACE"})
        dangling = bool(glued) and glued[-1][-1].kind in {"RELATION", "SIGN", "OPERATOR"}
        if not glued or ((starts or kinds & {"ARROW", "WORD"}) and not dangling):
            glued.append(list(piece))
            complete = has_relation
        else:
            glued[-1] += [*commas, *piece]
            complete = complete or has_relation
    return glued


def _is_membership(token: Token) -> bool:
    r"""Return True for the `\in` of `\in \mathbb{R}^{N \times D}`, which gives a shape."""
    return (token.kind, token.value) == ("RELATION", r"\in")


def _is_label(piece: list[Token]) -> bool:
    """Return True for an equation number in brackets, such as (3)."""
    return len(piece) <= 5 and not _has(piece, "RELATION") and (piece[0].kind, piece[-1].kind) == ("LPAR", "RPAR")


def _is_remark(piece: list[Token]) -> bool:
    r"""Return True for a remark in brackets: (l = 2, \ldots, L), (\text{need } z)."""
    inner = [token for token in piece if token.kind not in {"SPACE", ",", "STOP"}]
    is_bracketed = len(inner) > 1 and (inner[0].kind, inner[-1].kind) == ("LPAR", "RPAR")
    return is_bracketed and any(token.kind in {"DOTS", "WORD"} for token in inner)


def _without_membership(tokens: list[Token]) -> list[Token]:
    """Return the tokens of an equality without the shape at its end."""
    has_equality = False
    for index, (token, depth) in enumerate(with_depths(tokens)):
        if depth == 0 and has_equality and _is_membership(token):
            return tokens[:index]
        has_equality = has_equality or (depth == 0 and (token.kind, token.value) == ("RELATION", "="))
    return list(tokens)


def _without_label(tokens: list[Token]) -> list[Token]:
    """Return the tokens without an equation number after dots: … (1)."""
    ends = [token.kind for token in tokens[-4:]]
    return tokens[:-3] if ends == ["STOP", "LPAR", "NUMBER", "RPAR"] else tokens


def _trimmed(tokens: list[Token]) -> list[Token]:
    kept = _without_label(_without_membership(tokens))
    while kept and kept[-1].kind in _ENDS:
        kept.pop()
    while kept and kept[0].kind in _ENDS | {","}:
        kept.pop(0)
    return [token for token in kept if token.kind not in {"SPACE", "WORD", "COLUMN"}]
