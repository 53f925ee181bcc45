"""Function application and differentials among factors that are written side by side."""

from dataclasses import replace

from symbackprop.parsing.scripts import CALLED, FUNCTIONS
from symbackprop.parsing.syntax_tree import (
    Call,
    Differential,
    Entry,
    Group,
    Indicator,
    Multiply,
    Name,
    Node,
    Norm,
    PendingOperator,
    Power,
    Prime,
    Relation,
    Transposed,
)


def called_in(factors: list[Node]) -> list[Node]:
    """Return factors in which functions are joined with their arguments, and dW and ∂W are differentials."""
    found: list[Node] = []
    rest = list(factors)
    while rest:
        factor = rest.pop(0)
        function = factor.base if isinstance(factor, Power) else factor
        condition = _condition(rest[0]) if rest and isinstance(factor, Name) and factor.base == "ones" else None
        if condition is not None:
            rest.pop(0)
            found.append(Indicator(condition=condition))
        elif isinstance(factor, Name) and factor.base == "d" and _is_plain(factor) and rest and _is_quantity(rest[0]):
            inner = rest.pop(0)
            if isinstance(inner, Transposed):  # dWᵀ is (dW)ᵀ
                found.append(Transposed(base=Differential(body=inner.base, source=factor.source + inner.base.source)))
            else:
                found.append(Differential(body=inner, source=factor.source + inner.source))
        elif _is_function(function) and rest and not isinstance(rest[0], PendingOperator):
            if len(rest) > 1 and _is_called(rest[0]) and isinstance(rest[1], Group):  # log σ(z)
                inner = rest.pop(0)
                source = inner.source + rest[0].source
                rest[0] = Multiply(sign="", factors=(inner, rest[0]), source=source)
            called = applied(function, rest[0], bare=True)
            if called is None:
                found.append(factor)
                continue
            rest.pop(0)
            found.append(replace(factor, base=called, source="") if isinstance(factor, Power) else called)
        else:
            found.append(factor)
    return found


def _is_called(node: Node) -> bool:
    return isinstance(node, Name) and node.base in CALLED


def _condition(node: Node) -> Relation | None:
    """Return the condition in the brackets of 1[z > 0], or None."""
    inner = node.items[0] if isinstance(node, Group) and len(node.items) == 1 else None
    return inner if isinstance(inner, Relation) else None


def _is_plain(name: Name) -> bool:
    return not name.above and not name.below


def _is_quantity(node: Node) -> bool:
    """Return True for a quantity that a d or ∂ may precede, as in dW or dz^{(2)}."""
    return (isinstance(node, Name) and node.base not in FUNCTIONS) or isinstance(node, Transposed | Power | Norm)


def _is_function(node: Node) -> bool:
    """Return True for a function: f′, a well-known name, or a name with the notation of a function."""
    if isinstance(node, Prime):
        inner = node.base
        while isinstance(inner, Prime):
            inner = inner.base
        return isinstance(inner, Name)
    return isinstance(node, Name) and node.base in FUNCTIONS


def applied(function: Node, factor: Node, bare: bool = False) -> Node | None:
    """Return the function called with a factor that can be its arguments, as f(z), f(z)^2 or f(z)^T; else None."""
    if isinstance(factor, Power | Transposed | Entry):
        inner = applied(function, factor.base)
        if inner is not None:
            return replace(factor, base=inner, source=function.source + factor.source)
    if isinstance(factor, Group) and factor.brackets != "{}":
        return Call(function=function, arguments=factor.items, source=function.source + factor.source)
    is_argument = bare and not isinstance(function, Prime)
    if is_argument:
        space = " " if function.source[-1:].isalpha() and factor.source[:1].isalnum() else ""
        return Call(function=function, arguments=(factor,), source=function.source + space + factor.source)
    return None
