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
        elif factor == Name(base="d") and rest and _is_quantity(rest[0]):
            inner = rest.pop(0)
            body = inner.base if isinstance(inner, Transposed) else inner
            differential = Differential(body=body, source=factor.source + body.source)
            found.append(Transposed(base=differential) if body is not inner else differential)  # dWᵀ is (dW)ᵀ
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
            found.append(factor)
    return found


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
        space = " " if function.source[-1:].isalpha() and factor.source[:1].isalnum() else ""
        return Call(function=function, arguments=(factor,), source=function.source + space + factor.source)
    return None
