"""Scripts of names: layer numbers, transposition, powers and indices."""

from dataclasses import replace

from symbackprop.parsing.macros import UnsupportedNotationError
from symbackprop.parsing.slices import has_range, range_of
from symbackprop.parsing.syntax_tree import (
    Add,
    Differential,
    Entry,
    Group,
    Indicator,
    Multiply,
    Name,
    Node,
    Norm,
    Number,
    Part,
    Power,
    Prime,
    Relation,
    Script,
    Transposed,
    number,
)
from symbackprop.parsing.vocabulary import words

FUNCTIONS = {  # functions that need no brackets around their argument
    *words("exp log ln tanh sinh cosh sech sin cos max min det tr trace Tr diag softmax Softmax relu ReLU RELU"),
    *words("sigmoid sigm Sigmoid logistic softplus sign sgn abs sqrt logsumexp erf tril vec rowsum mean"),
}

CALLED = set(words("sigma phi psi f g h varphi Phi"))  # names that are rather functions where brackets follow


def scripted(base: Node, sign: str, items: list[Node]) -> Node:
    """Return a base with its superscript."""
    if sign in {r"\odot", r"\circ", "*"} and items:
        return Power(base=base, exponent=items[0], entrywise=True)
    if sign == "+" and not items and isinstance(base, Name):
        return _marked(base, Script(kind="plain", content=Name(base="plus")))
    if sign == "*" and not items and isinstance(base, Name):
        return replace(base, base=base.base + "star", source="")
    if sign:
        raise UnsupportedNotationError(f"the superscript {sign} is not read")
    parts = [part for item in items for part in (_parts(item) if _has_marks(base, item) else (item,))]
    for index, part in enumerate(parts):
        base = _with(base, part, last=index == len(parts) - 1)
    return base


def _parts(item: Node) -> tuple[Node, ...]:
    """Return the factors of a script, in which `dk` is not a differential."""
    factors = item.factors if isinstance(item, Multiply) and not item.sign else (item,)
    parts = [(Name(base="d"), f.body) if isinstance(f, Differential) and f.body is not None else (f,) for f in factors]
    return tuple(part for inner in parts for part in inner)


def _has_marks(base: Node, item: Node) -> bool:
    """Return True if each factor of a superscript is separate, as in (2)T, and not part of an exponent."""
    marks = [getattr(part, "what", "") or isinstance(part, Transposed | Prime) for part in _parts(item)]
    is_name = isinstance(base, Name) and base.base != "e"
    return any(marks) or (
        is_name and any(isinstance(part, Group) or getattr(part, "base", "") == "T" for part in _parts(item))
    )


def _with(base: Node, part: Node, *, last: bool) -> Node:  # noqa: PLR0911 — one for each kind of script
    """Return the base with one part of its superscript applied."""
    what = getattr(part, "what", "")
    if what == "T" or (isinstance(part, Name) and part.base == "T" and not part.below and last):
        return Transposed(base=base)
    if what == "'":
        return Prime(base=base)
    if isinstance(part, Prime | Transposed):
        return type(part)(base=_with(base, part.base, last=last))
    if isinstance(part, Group) and part.brackets != "{}" and len(part.items) == 1:
        if isinstance(part.items[0], Add) and all(isinstance(term, Number) for term in part.items[0].terms):
            return Power(base=base, exponent=part.items[0])  # w^{(2-1)}
        return _marked(base, Script(kind="layer", content=part.items[0]))
    if isinstance(part, Add) and part.signs == (-1,) and getattr(part.terms[0], "what", "") == "T":
        return Transposed(base=Power(base=base, exponent=Add(signs=(-1,), terms=(number(1),))))
    has_layer = isinstance(base, Name) and base.base not in {"e", *FUNCTIONS} and _may_be_layer(part)
    return _marked(base, Script(kind="plain", content=part)) if has_layer else Power(base=base, exponent=part)


def _may_be_layer(part: Node) -> bool:
    """Return True for a layer number such as 3, l, l+1 or L-1."""
    if isinstance(part, Add):
        return len(part.terms) == 2 and part.signs[0] == 1 and all(_may_be_layer(term) for term in part.terms)
    if isinstance(part, Name):
        return not part.above and not part.below
    return isinstance(part, Number) and part.value.denominator == 1


def _marked(base: Node, mark: Script) -> Node:
    if isinstance(base, Name):
        return replace(base, above=(*base.above, mark), source="")
    if isinstance(base, Group) and len(base.items) == 1 and isinstance(base.items[0], Name):
        return _marked(base.items[0], mark)
    if isinstance(base, Prime | Transposed):
        return replace(base, base=_marked(base.base, mark), source="")
    raise UnsupportedNotationError("a layer number stands on something that is not a name")


def _mark(part: Node) -> Script:
    if isinstance(part, Group) and len(part.items) == 1:
        return Script(kind="layer", content=part.items[0])
    return Script(kind="plain", content=part)


def _condition(base: Node, parts: tuple[Node, ...]) -> Relation | None:
    """Return the condition in the subscript of an indicator, as in 1_{z > 0} or 1_{(z > 0)}, or None."""
    is_digit = isinstance(base, Number) and base.value == 1
    first = parts[0] if len(parts) == 1 else None
    if is_digit and isinstance(first, Group):
        first = first.items[0]
    if isinstance(first, Relation) and (is_digit or (isinstance(base, Name) and base.base == "ones")):
        return first
    if any(isinstance(part, Relation) for part in parts):
        raise UnsupportedNotationError("a condition stands below something that is not an indicator")
    return None


def subscripted(base: Node, items: list[Node]) -> Node:  # noqa: PLR0911 — one for each kind of base
    """Return a base with its subscript."""
    parts = tuple(part for item in items for part in _parts(item))
    condition = _condition(base, parts)
    if condition is not None:
        return Indicator(condition=condition)
    if any(map(has_range, items)):
        return Part(base=base, ranges=tuple(range_of(item) for item in items))
    is_zeros = isinstance(base, Number) and base.value == 0 and any(isinstance(item, Multiply) for item in items)
    if is_zeros:
        return Multiply(sign="", factors=(base, Name(base="ones", below=tuple(map(_mark, items)))))
    if isinstance(base, Name):
        return replace(base, below=(*base.below, *map(_mark, parts)), source="")
    if isinstance(base, Prime):
        return replace(base, base=subscripted(base.base, items), source="")
    if isinstance(base, Norm):
        is_first = len(parts) == 1 and isinstance(parts[0], Number) and parts[0].value == 1
        return replace(base, order=1, source="") if is_first else base
    if isinstance(base, Power) and isinstance(base.base, Norm):
        return base
    return Entry(base=base, indices=parts)
