"""Products: juxtaposed factors, signs between factors, fractions, and the operands of sums and derivatives."""

from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from symbackprop.parsing.juxtaposition import SECOND, called_in
from symbackprop.parsing.macros import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import (
    Add,
    Call,
    Differential,
    Divide,
    Group,
    Indicator,
    Multiply,
    Name,
    Node,
    Number,
    Partial,
    PendingOperator,
    Power,
    Relation,
    Summation,
    Transposed,
    number,
    walk,
)

_MOST_SIGNS = 25  # in one product

Piece: TypeAlias = list[Node] | str  # juxtaposed factors, or the sign between them


def fraction(above: Node, below: Node, slash: bool = False) -> Node:
    """Return a fraction, or the derivative that a fraction denotes."""
    numerator = above.items[0] if isinstance(above, Group) and above.brackets == "{}" else above
    if isinstance(below, Group) and below.brackets == "{}" and len(below.items) == 1:
        below = below.items[0]
    if isinstance(numerator, PendingOperator) and numerator.what == r"\partial":
        numerator = Differential(body=None, order=numerator.order)
    if numerator == SECOND:  # d²/dw²
        numerator = Differential(body=None, order=2)
    if isinstance(numerator, Differential) and numerator.order == 2:
        return _second_derivative(numerator, below)
    if isinstance(numerator, Name) and numerator.base == "d" and isinstance(below, Differential):
        numerator = Differential(body=None)
    if isinstance(numerator, Differential) and isinstance(below, Differential) and below.body is not None:
        if numerator.body is None:
            return PendingOperator(what="operator", by=below.body)
        return Partial(of=numerator.body, by=below.body)
    return Divide(above=numerator if isinstance(numerator, Differential) else above, below=below, slash=slash)


def _second_derivative(numerator: Differential, below: Node) -> Node:
    """Return the derivative of order 2 that a fraction denotes, as in ∂²J/∂v∂w and ∂²J/∂v²."""
    factors = below.factors if isinstance(below, Multiply) and not below.sign else (below,)
    names = [factor.body for factor in factors if isinstance(factor, Differential) and factor.body is not None]
    if len(factors) == len(names) == 1:
        (name,) = names
        squared = isinstance(name, Name) and bool(name.above) and name.above[-1].content == number(2)
        names = [replace(name, above=name.above[:-1], source="")] * 2 if squared and isinstance(name, Name) else []
    if len(names) != 2 or len(factors) > 2:
        raise UnsupportedNotationError("a second derivative is read as ∂²J/∂v∂w or ∂²J/∂v²")
    if numerator.body is None:
        return PendingOperator(what="operator", by=names[1], last=names[0], order=2)
    return Partial(of=Partial(of=numerator.body, by=names[1]), by=names[0])


def bounded(sign: PendingOperator, items: list[Node]) -> PendingOperator:
    r"""Return a pending `\sum` or `\nabla` with its subscript, as in `\sum_{i=1}`, `\sum_{i,j}` or `\nabla_W`."""
    if sign.what == r"\nabla":
        return replace(sign, by=items[0])
    if sign.what not in SUMS:
        raise UnsupportedNotationError(f"{sign.what} has a subscript")
    names: list[str] = []
    for item in items:
        left = item.left if isinstance(item, Relation) else item
        inner = left.factors if isinstance(left, Multiply) and not left.sign else (left,)
        names += [part.base for part in inner if isinstance(part, Name) and not part.scripts]
        if isinstance(item, Relation) and item.sign == "=":
            sign = replace(sign, first=item.right)
        elif isinstance(item, Relation) and item.sign in _CONDITIONS:
            sign = replace(sign, condition=item)
            names += _letters_below(left)  # of Σ_{m_i < 1}
        elif isinstance(item, Relation) and item.sign not in {r"\in"}:
            raise UnsupportedNotationError(f"a sum over {item.sign} is not read")
    return replace(sign, indices=tuple(dict.fromkeys(names)))


_AXES = {"rows": 0, "columns": 1}  # in Σ_columns, a sum along an axis that stays
_CONDITIONS = {"!=", "<", ">", "<=", ">="}


def _letters_below(node: Node) -> list[str]:
    marks = [mark.content for part in walk(node) if isinstance(part, Name) for mark in part.below]
    return list(dict.fromkeys(content.base for content in marks if isinstance(content, Name) and not content.below))


def signed(pieces: list[Piece]) -> list[Piece]:
    r"""Return pieces in which `\cdot -b` is a product with -1."""
    found: list[Piece] = []
    negative = False
    for piece in pieces:
        if piece in ("+", "-"):
            negative = piece == "-"
        elif negative and isinstance(piece, list):
            found.append([Group(items=(Add(signs=(-1,), terms=(product([piece]),)),), brackets="{}")])
            negative = False
        else:
            found.append(piece)
    return found


def product(pieces: list[Piece]) -> Node:
    """Return the product of factors that have signs between them."""
    if (
        sum(isinstance(factor, PendingOperator) for piece in pieces if isinstance(piece, list) for factor in piece)
        > _MOST_SIGNS
    ):
        raise UnsupportedNotationError(f"more than {_MOST_SIGNS} sums and derivatives stand in one product")
    for index, piece in enumerate(pieces):
        if not isinstance(piece, list):
            continue
        factors = called_in(piece)
        place, sign = next(((k, f) for k, f in enumerate(factors) if isinstance(f, PendingOperator)), (0, None))
        if sign is None:
            pieces = [*pieces[:index], factors, *pieces[index + 1 :]]
            continue
        made, rest = _completed(sign, factors[place + 1 :], pieces[index + 1 :])
        return product([*pieces[:index], [*factors[:place], made, *rest[0]], *rest[1:]])
    return _joined(*_divided(pieces))


def _completed(sign: PendingOperator, rest: list[Node], later: list[Piece]) -> tuple[Node, list[Piece]]:
    """Apply an operator to the factors that follow it; return the result, and the remaining factors and pieces."""
    if sign.what == r"\partial":
        found, others = _differential(rest, later)
        return (replace(found, order=sign.order) if isinstance(found, Differential) else found), others
    if sign.what in _NEEDS and not rest:
        raise UnsupportedNotationError(f"{_NEEDS[sign.what]} of nothing")
    if sign.what in SUMS:
        return _summed(sign, product([rest, *later])), [[]]
    if sign.by is not None:
        end = 1 if _is_bracketed(rest[0]) else len(rest)  # ∂/∂w (…) r is ∂(…)/∂w times r
        own = rest[: end if sign.what == "operator" else 1 + _has_arguments(rest)]
        found = Partial(of=product([own]), by=sign.by)
        whole = Partial(of=found, by=sign.last or sign.by) if sign.order == 2 else found
        return whole, [rest[len(own) :], *later]
    if (
        sign.what == r"\nabla" and sign.order == 1 and len(rest) == 1 and not later and isinstance(rest[0], Name)
    ):  # \nabla z
        return Differential(body=rest[0], source=f"{sign.source} {rest[0].source}"), [[]]
    if sign.what == r"\nabla" and len(rest) > 1 and isinstance(rest[1], Group) and len(rest[1].items) == 1:
        found = Partial(of=rest[0], by=rest[1].items[0])
        return Partial(of=found, by=found.by) if sign.order == 2 else found, [rest[2:], *later]
    raise UnsupportedNotationError(
        "a transposition of nothing" if sign.what == "T" else f"{sign.what} is not read here"
    )


DERIVATIVES = {r"\partial", r"\nabla"}
SUMS = {r"\sum", r"\prod"}
_NEEDS = {r"\sum": "a sum", r"\prod": "a product", "operator": "a derivative", r"\nabla": "a gradient"}


def _summed(sign: PendingOperator, body: Node) -> Node:
    axis = _AXES.get("".join(sign.indices))  # plain text has a letter after the other
    if axis is not None:
        return Call(function=Name(base="sum"), arguments=(body,), axis=axis)
    if isinstance(sign.condition, Relation) and sign.what != r"\sum":
        raise UnsupportedNotationError("a product under a condition is not read")
    if isinstance(sign.condition, Relation):
        body = Multiply(sign="", factors=(Indicator(condition=sign.condition), Group(items=(body,))))
    return Summation(indices=sign.indices, body=body, first=sign.first, last=sign.last, sign=sign.what)


def _differential(rest: list[Node], later: list[Piece]) -> tuple[Node, list[Piece]]:
    """Return a differential applied to the factors up to the next operator (a sum takes all), and the rest."""
    end = next((k for k, f in enumerate(rest) if isinstance(f, PendingOperator) and f.what not in SUMS), len(rest))
    inner = rest[:end]
    if any(isinstance(factor, PendingOperator) for factor in inner):
        return Differential(body=product([inner, *later])), [[]]
    return Differential(body=product([inner]) if inner else None), [rest[end:], *later]


def _is_bracketed(node: Node) -> bool:
    inner = node.base if isinstance(node, Power | Transposed) else node
    return isinstance(inner, Group) and inner.brackets != "{}"


def _has_arguments(factors: list[Node]) -> bool:
    """Return True if the first factor is followed by its arguments, as in J(W, b)."""
    group = factors[1] if len(factors) > 1 else None
    return isinstance(group, Group) and all(isinstance(item, Name) for item in group.items)


def _divided(pieces: list[Piece]) -> tuple[list[list[Node]], list[str]]:
    """Return lists of juxtaposed factors, in which a / b is a fraction, and the signs between these lists.

    The factors directly before a slash are divided by the one factor after it.
    """
    first, *others = [piece for piece in pieces if isinstance(piece, list)]
    runs, signs = [first], []
    for sign, factors in zip([piece for piece in pieces if isinstance(piece, str)], others, strict=True):
        before = runs[-1]
        if sign != "/":
            runs.append(factors)
            signs.append(sign)
        elif isinstance(before[-1], Differential) and isinstance(factors[0], Differential):
            runs[-1] = [*before[:-1], fraction(before[-1], factors[0], slash=True), *factors[1:]]
        else:
            runs[-1] = [fraction(_times("", before), factors[0], slash=True), *factors[1:]]
    return runs, signs


def _joined(runs: list[list[Node]], signs: list[str]) -> Node:
    """Return the product of lists of juxtaposed factors; juxtaposition binds tighter than signs."""
    made, *products = (_times("", factors) for factors in runs)
    for sign, alike in groupby(zip(signs, products, strict=True), key=itemgetter(0)):
        made = _times(sign, [made, *(one for _, one in alike)])
    return made


def _times(sign: str, factors: list[Node]) -> Node:
    kept = [factor for factor in factors if not (isinstance(factor, Name) and not factor.base)]
    kept = [f for index, f in enumerate(kept) if not (index and isinstance(kept[index - 1], Name) and _is_shape(f))]
    if not kept:
        raise UnsupportedNotationError("nothing stands where a factor is expected")
    return kept[0] if len(kept) == 1 else Multiply(sign=sign, factors=tuple(kept))


def _is_shape(node: Node) -> bool:
    """Return True for a shape such as (2 × 4), which may follow the name of a matrix."""
    item = node.items[0] if isinstance(node, Group) and node.brackets == "()" and len(node.items) == 1 else None
    if not isinstance(item, Multiply) or item.sign != r"\times" or len(item.factors) != 2:
        return False
    return all(
        (isinstance(f, Number) and f.value.denominator == 1) or (isinstance(f, Name) and not (f.above or f.below))
        for f in item.factors
    )


def widened(signs: list[int], terms: list[Node]) -> tuple[list[int], list[Node]]:
    """Return signs and terms; a sum over i includes later terms with i: Σ y_i log a_i + (1 - y_i) log(1 - a_i)."""
    kept_signs: list[int] = []
    kept: list[Node] = []
    for sign, term in zip(signs, terms, strict=True):
        wider = _wider(kept[-1], sign, term) if kept else None
        if wider is not None:
            kept[-1] = wider
        else:
            kept_signs.append(sign)
            kept.append(term)
    return kept_signs, kept


def _wider(before: Node, sign: int, term: Node) -> Node | None:
    """Return the preceding term with this one moved into its sum, or None if this one does not contain the index."""
    if isinstance(before, Multiply):
        wider = _wider(before.factors[-1], sign, term)
        return wider and replace(before, factors=(*before.factors[:-1], wider), source="")
    if not isinstance(before, Summation) or before.sign != r"\sum" or not _has_free(term, before.indices):
        return None
    body = before.body if isinstance(before.body, Add) else Add(signs=(1,), terms=(before.body,))
    return replace(before, body=Add(signs=(*body.signs, sign), terms=(*body.terms, term)), source="")


def _has_free(node: Node, indices: tuple[str, ...]) -> bool:
    bound = {index for part in walk(node) if isinstance(part, Summation) for index in part.indices}
    wanted = set(indices) - bound
    return any(part.script_letters & wanted for part in walk(node) if isinstance(part, Name))
