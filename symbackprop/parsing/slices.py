"""Ranges of rows and columns in scripts: A_{:, H:2H}."""

from symbackprop.parsing.macros import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Add, Multiply, Name, Node

_COLON = Name(base=":")


def range_of(part: Node) -> tuple[Node | None, Node | None]:
    """Return the two ends of a range such as H:2H; both are None for `:` alone."""
    if part == _COLON:
        return None, None
    terms = part.terms if isinstance(part, Add) else (part,)
    signs = part.signs if isinstance(part, Add) else (1,)
    at = next(
        (k for k, term in enumerate(terms) if isinstance(term, Multiply) and term.factors.count(_COLON) == 1), None
    )
    whole = None if at is None else terms[at]
    if at is None or not isinstance(whole, Multiply):
        raise UnsupportedNotationError(f"the range {part.source} is not read")
    factors = whole.factors
    middle = factors.index(_COLON)
    first = _sum(signs[: at + 1], (*terms[:at], _product(factors[:middle])))
    last = _sum((1, *signs[at + 1 :]), (_product(factors[middle + 1 :]), *terms[at + 1 :]))
    return first, last


def has_range(item: Node) -> bool:
    """Return True if a script contains a range, as in H:2H."""
    terms = item.terms if isinstance(item, Add) else (item,)
    return any(isinstance(term, Multiply) and _COLON in term.factors for term in terms)


def _sum(signs: tuple[int, ...], terms: tuple[Node | None, ...]) -> Node | None:
    kept = [(sign, term) for sign, term in zip(signs, terms, strict=True) if term is not None]
    if [sign for sign, _ in kept] == [1]:
        return kept[0][1]
    return Add(signs=tuple(s for s, _ in kept), terms=tuple(t for _, t in kept)) if kept else None


def _product(factors: tuple[Node, ...]) -> Node | None:
    return None if not factors else factors[0] if len(factors) == 1 else Multiply(sign="", factors=factors)
