"""Code that changes the value of a name, as in dW += lam * W: the old value gets another name."""

from typing import Protocol

from symbackprop.parsing.syntax_tree import Differential, Name, Node, mapped, walk


class Assignment(Protocol):
    """A statement whose sides may be renamed."""

    sides: tuple[Node, ...]


def tell_apart(assignments: list[Assignment]) -> None:
    """Rename, in all earlier assignments, each name that a later assignment changes."""
    for index, assignment in enumerate(assignments):
        target, values = assignment.sides[0], assignment.sides[1:]
        if not isinstance(target, Name | Differential) or not any(target in walk(value) for value in values):
            continue
        start = next((k for k in range(index - 1, -1, -1) if assignments[k].sides[0] == target), None)
        if start is None:
            continue
        before = Name(base=f"{target.source}#{index}", source=target.source)
        first = assignments[start]
        first.sides = (before, *first.sides[1:])
        for other in assignments[start + 1 : index]:
            other.sides = tuple(_renamed(side, target, before) for side in other.sides)
        assignment.sides = (target, *(_renamed(value, target, before) for value in values))


def _renamed(node: Node, old: Node, new: Node) -> Node:
    return new if node == old else mapped(node, lambda part: _renamed(part, old, new))
