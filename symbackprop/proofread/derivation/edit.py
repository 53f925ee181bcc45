"""A single change of a formula, in every place where it can be made."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, mapped, negated


@dataclass(frozen=True)
class Repair:
    """A changed formula, and in words what its author did in it."""

    formula: Node
    words: str


@dataclass(frozen=True)
class RepairMaterial:
    """What the rest of the document is made of, to put in: names, slopes f′(z), terms of sums."""

    names: tuple[Node, ...] = ()
    calls: tuple[Node, ...] = ()
    terms: tuple[Node, ...] = ()
    counts: tuple[Node, ...] = ()  # the number of examples
    functions: tuple[str, ...] = ()
    axis: int = 0  # along which examples stand
    style: str = "latex"


Change = tuple[Node, str]


def everywhere(formula: Node, change: Callable[[Node], Iterable[Change]]) -> Iterator[Repair]:
    """The formula with one part changed, in each place and each way."""
    for part, words in change(formula):
        yield Repair(part, words)
    if isinstance(formula, tree.Name):
        return
    for child in formula.children():
        for edit in everywhere(child, change):
            changed = _with(formula, child, edit.formula)
            if changed is not formula:
                yield Repair(changed, edit.words)


def _with(whole: Node, child: Node, new: Node) -> Node:
    done = False

    def put(part: Node) -> Node:
        nonlocal done
        if part is child and not done:
            done = True
            return new
        return part

    return mapped(whole, put)


def is_negative(node: Node) -> bool:
    return isinstance(node, tree.Add) and node.signs == (-1,)


def negative(node: Node) -> Node:
    if isinstance(node, tree.Add):
        if node.signs == (-1,):
            return node.terms[0]
        return negated(tree.Group(items=(node,)))
    return negated(node)
