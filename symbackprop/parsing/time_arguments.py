"""Time as an argument: S(t) and S(t - 1) mean S_t and S_{t-1} for a quantity that the network has for each step."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from symbackprop.parsing.syntax_tree import (
    Add,
    Call,
    Group,
    Multiply,
    Name,
    Node,
    Number,
    Power,
    Script,
    Transposed,
    mapped,
)

_TIMES = {"t", "tau", "k", "n", "i", "T", "s"}


def quantities_of_steps(names: Collection[str], parameters: Collection[str]) -> set[str]:
    """Return the bases of names that the network has with several numbers, such as S of S1 and S2."""
    matches = (re.fullmatch(r"([A-Za-z]+)_?\d+", name) for name in names if name not in parameters)
    counts = Counter(match[1] for match in matches if match)
    return {base for base, count in counts.items() if count > 1}


def with_times(node: Node, bases: Collection[str]) -> Node:
    """Return a formula in which the arguments t, t - 1 and the like of these quantities are subscripts."""
    node = mapped(node, lambda part: with_times(part, bases))
    if isinstance(node, Call) and isinstance(node.function, Name) and len(node.arguments) == 1:
        return _at(node.function, node.arguments[0], bases) or node
    if not isinstance(node, Multiply) or node.sign:
        return node
    factors: list[Node] = []
    for factor in node.factors:
        name = factors[-1] if factors else None
        step = _applied(name, factor, bases) if isinstance(name, Name) else None
        if step is None:
            factors.append(factor)
        else:
            factors[-1] = step
    if len(factors) == len(node.factors):
        return node
    return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors), source="")


def _applied(name: Name, factor: Node, bases: Collection[str]) -> Node | None:
    """Return a quantity with its time for S and (t), or (t)^T and (t)^2; None for any other factor."""
    if isinstance(factor, Power | Transposed):
        inner = _applied(name, factor.base, bases)
        return None if inner is None else replace(factor, base=inner, source="")
    items = factor.items if isinstance(factor, Group) and factor.brackets == "()" else ()
    return _at(name, items[0], bases) if len(items) == 1 else None


def _at(name: Name, time: Node, bases: Collection[str]) -> Name | None:
    """Return a quantity with a time as its subscript, before any other one; None if it is not one at a time."""
    if name.base not in bases or name.above or not _is_time(time):
        return None
    return replace(name, below=(Script(kind="plain", content=time), *name.below), source="")


def _is_time(node: Node) -> bool:
    if isinstance(node, Add):
        return len(node.terms) == 2 and node.signs[0] == 1 and all(map(_is_time, node.terms))
    if isinstance(node, Number):
        return node.value.denominator == 1
    return isinstance(node, Name) and node.base in _TIMES and not node.scripts
