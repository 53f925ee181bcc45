"""A single change of a formula, at every position where it is possible."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeGuard, TypeVar

from symbackprop.kinds import Kinds, Mistake
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, mapped, negated
from symbackprop.parsing.unparse import to_source

_Part = TypeVar("_Part", bound=Node)
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Repair:
    """A changed formula, with the description and the kinds of the mistake that it corrects."""

    formula: Node
    words: str
    kinds: Kinds

    @property
    def mistake(self) -> Mistake:
        """The mistake that the change corrects."""
        return Mistake(self.words, self.kinds)


@dataclass(frozen=True)
class RepairMaterial:
    """Parts of the document that a repair may insert: names, derivatives f′(z), and terms of sums."""

    names: tuple[Node, ...] = ()
    calls: tuple[Node, ...] = ()
    terms: tuple[Node, ...] = ()
    counts: tuple[Node, ...] = ()  # names for the number of examples
    functions: tuple[str, ...] = ()
    axis: int = 0  # along which examples stand
    style: str = "latex"

    def text(self, node: Node) -> str:
        """Return a formula in the notation of the document."""
        return to_source(node, self.style)


Row = Callable[[Node, RepairMaterial], Iterator[Repair]]


def everywhere(change: Row) -> Row:
    """Return the row that yields a formula with one part changed, for each part and each change of this part."""

    @wraps(change)
    def repairs(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
        yield from change(formula, material)
        for child in () if isinstance(formula, tree.Name) else formula.children:
            for repair in repairs(child, material):
                whole = _with(formula, child, repair.formula)
                if whole is not formula:
                    yield replace(repair, formula=whole)

    return repairs


def _with(whole: Node, child: Node, new: Node) -> Node:
    once = iter([new])  # the same child may stand in several places
    return mapped(whole, lambda part: next(once, part) if part is child else part)


def replaced(whole: Node, part: Node, new: Node) -> Node:
    """Return a formula with one of its parts replaced, wherever it stands."""
    return new if whole is part else mapped(whole, lambda child: replaced(child, part, new))


def changed(node: _Part, **changes: Any) -> _Part:
    """Return a node with other fields, and without the source that the author wrote."""
    return replace(node, source="", **changes)


def put(items: tuple[_Item, ...], at: int, *new: _Item) -> tuple[_Item, ...]:
    """Return items with others in place of the one at a position."""
    return (*items[:at], *new, *items[at + 1 :])


def with_factors(node: tree.Multiply, factors: tuple[Node, ...]) -> Node:
    """Return a product with other factors; a single factor as it is."""
    return factors[0] if len(factors) == 1 else changed(node, factors=factors)


def is_negative(node: Node) -> TypeGuard[tree.Add]:
    """Return True if a formula is a single term with a minus sign."""
    return isinstance(node, tree.Add) and node.signs == (-1,)


def unsigned(formula: Node) -> tuple[Node, Callable[[Node], Node]]:
    """Return a formula without the minus sign before it, and the function that puts the sign back."""
    return (formula.terms[0], negated) if is_negative(formula) else (formula, lambda node: node)


def negative(node: Node) -> Node:
    """Return a formula with the opposite sign."""
    if is_negative(node):
        return node.terms[0]
    return negated(tree.Group(items=(node,)) if isinstance(node, tree.Add) else node)
