"""Function application and differentials among factors that are written side by side."""

from dataclasses import replace

from symbackprop.parsing.scripts import CALLED, FUNCTIONS
from symbackprop.parsing.syntax_tree import (
    Add,
    Call,
    Differential,
    Entry,
    Group,
    Indicator,
    Multiply,
    Name,
    Node,
    Norm,
    Number,
    PendingOperator,
    Power,
    Prime,
    Relation,
    Script,
    Transposed,
    number,
)


def called_in(factors: list[Node]) -> list[Node]:
    """Return factors in which functions are joined with their arguments, and dW and ∂W are differentials."""
    found: list[Node] = []
    rest = list(factors)
    while rest:
        factor = rest.pop(0)
        function = factor.base if isinstance(factor, Power) else factor
        if isinstance(factor, Name) and rest and (entry := _entry(factor, rest[0])) is not None:
            rest[0] = entry  # s[i, k]
            continue
        condition = _condition(rest[0]) if rest and isinstance(factor, Name) and factor.base == "ones" else None
        if condition is not None:
            rest.pop(0)
            found.append(Indicator(condition=condition))
        elif factor == Name(base="d") and rest and _is_quantity(rest[0]):
            inner = rest.pop(0)
            body = inner.base if isinstance(inner, Transposed) else inner
            differential = Differential(body=body, source=factor.source + body.source)
            found.append(Transposed(base=differential) if body is not inner else differential)  # dWᵀ is (dW)ᵀ
        elif factor == SECOND and rest and _is_quantity(rest[0]):
            found.append(Differential(body=rest.pop(0), order=2))
        elif _is_function(function) and rest and not isinstance(rest[0], PendingOperator):
            match rest:
                case [Name(base=base) as inner, Group() as group, *_] if base in CALLED:  # log σ(z)
                    rest[:2] = [Multiply(sign="", factors=(inner, group), source=inner.source + group.source)]
            called = applied(function, rest[0], bare=True)
            if called is not None:
                rest.pop(0)
                factor = replace(factor, base=called, source="") if isinstance(factor, Power) else called
            found.append(factor)
        else:
            mask = _condition(factor)  # G ⊙ (z > 0)
            is_mask = mask is not None and mask.sign in {"<", ">", "<=", ">="}
            found.append(Indicator(condition=mask, source=factor.source) if mask is not None and is_mask else factor)
    return found


SECOND = Name(base="d", above=(Script(kind="plain", content=number(2)),))  # d²
_EXPECTATIONS = {"E", "P", "Pr", "Var", "Cov", "mathbbE", "ones", "d"}
_INDEX_LETTERS = set("bcijklmnrst")


def _entry(name: Name, factor: Node) -> Node | None:
    """Return the entry of a name with indices in square brackets, such as s[i, k], s[i] or s[i]^2; else None."""
    if isinstance(factor, Power | Transposed):
        inner = _entry(name, factor.base)
        return None if inner is None else replace(factor, base=inner, source=name.source + factor.source)
    if not isinstance(factor, Group) or factor.brackets != "[]" or name.base in {*_EXPECTATIONS, *FUNCTIONS}:
        return None
    if not all(map(_is_index, factor.items)):
        return None
    below = tuple(Script(kind="plain", content=item) for item in factor.items)
    return replace(name, below=(*name.below, *below), source=name.source + factor.source)


def _is_index(node: Node) -> bool:
    """Return True for a number or a letter that can be an index, for y_i as the class of example i, and for i + 1."""
    if isinstance(node, Add):
        return len(node.terms) == 2 and node.signs[0] == 1 and all(map(_is_index, node.terms))
    if isinstance(node, Name) and not node.above:
        return node.base in {*_INDEX_LETTERS, ":"} or any(_is_index(mark.content) for mark in node.below)
    return isinstance(node, Number) and node.value.denominator == 1


def _condition(node: Node) -> Relation | None:
    """Return the condition in the brackets of 1[z > 0], or None."""
    inner = node.items[0] if isinstance(node, Group) and len(node.items) == 1 else None
    return inner if isinstance(inner, Relation) else None


def _is_quantity(node: Node) -> bool:
    """Return True for a quantity that a d or ∂ may precede, as in dW or dz^{(2)}."""
    return (isinstance(node, Name) and node.base not in FUNCTIONS) or isinstance(node, Transposed | Power | Norm)


def _is_function(node: Node) -> bool:
    """Return True for a function: f′, a well-known name, or a name with the notation of a function."""
    inner = node
    while isinstance(inner, Prime):
        inner = inner.base
    return isinstance(inner, Name) and (inner is not node or inner.base in FUNCTIONS)


def applied(function: Node, factor: Node, bare: bool = False) -> Node | None:
    """Return the function called with a factor that can be its arguments, as f(z), f(z)^2 or f(z)^T; else None."""
    if isinstance(factor, Power | Transposed | Entry):
        inner = applied(function, factor.base)
        if inner is not None:
            return replace(factor, base=inner, source=function.source + factor.source)
    if isinstance(factor, Group) and factor.brackets != "{}":
        return Call(function=function, arguments=factor.items, source=function.source + factor.source)
    if bare and not isinstance(function, Prime):
        if not factor.source:  # a sum, which is built from several factors
            return Call(function=function, arguments=(factor,))
        space = " " if function.source[-1:].isalpha() and factor.source[:1].isalnum() else ""
        return Call(function=function, arguments=(factor,), source=function.source + space + factor.source)
    return None
