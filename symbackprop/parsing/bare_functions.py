"""Functions that are written without their argument: dσ/dz = σ (1 - σ) is a statement about σ(z)."""

from collections.abc import Collection
from dataclasses import replace

from symbackprop.parsing.scripts import CALLED
from symbackprop.parsing.syntax_tree import Call, Group, Multiply, Name, Node, Partial, Power, mapped, walk


def with_argument(sides: tuple[Node, ...], names: Collection[str]) -> tuple[Node, ...]:
    """Return the sides of dσ/dz = …, with σ(z) for each σ that stands alone; `names` are those of the network."""
    head = sides[0] if sides else None
    if not isinstance(head, Partial) or not isinstance(head.of, Name) or not isinstance(head.by, Name):
        return sides
    function = head.of
    if function.base not in CALLED or function.base in names or function.scripts:
        return sides
    return tuple(_applied(side, function, head.by) for side in sides)


def _applied(node: Node, function: Name, argument: Name) -> Node:
    if node == function:
        return Call(function=function, arguments=(argument,), source=function.source)
    if isinstance(node, Name) and node.base == function.base and len(node.above) == 1 and not node.below:
        return Power(base=_applied(function, function, argument), exponent=node.above[0].content)  # σ²
    if isinstance(node, Multiply) and not node.sign:
        node = _with_brackets_called(node, function)
    if isinstance(node, Call) and node.function == function:
        arguments = tuple(_applied(inner, function, argument) for inner in node.arguments)
        if len(arguments) != 1 or function not in walk(node.arguments[0]):
            return replace(node, arguments=arguments)
        value = Call(function=function, arguments=(argument,), source=function.source)  # σ(1 - σ) is a product
        return Multiply(sign="", factors=(value, Group(items=arguments)), source=node.source)
    return mapped(node, lambda part: _applied(part, function, argument))


def _with_brackets_called(node: Multiply, function: Name) -> Node:
    """Return a product with σ(z) in place of σ and (z) side by side, where σ does not occur in the brackets."""
    factors: list[Node] = []
    for factor in node.factors:
        is_argument = isinstance(factor, Group) and len(factor.items) == 1 and function not in walk(factor)
        if is_argument and isinstance(factor, Group) and factors and factors[-1] == function:
            factors[-1] = Call(function=function, arguments=factor.items, source=f"{function.source}{factor.source}")
        else:
            factors.append(factor)
    return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors))
