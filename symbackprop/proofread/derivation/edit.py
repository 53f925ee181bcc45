"""A single change of a formula, at every position where it is possible."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from symbackprop.kinds import Kinds, Mistake
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, mapped, negated
from symbackprop.parsing.unparse import to_source


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


def everywhere(formula: Node, change: Callable[[Node], Iterable[Repair]]) -> Iterator[Repair]:
    """Yield the formula with one part changed, for each part and each change of this part."""
    yield from change(formula)
    if isinstance(formula, tree.Name):
        return
    for child in formula.children():
        for repair in everywhere(child, change):
            changed = _with(formula, child, repair.formula)
            if changed is not formula:
                yield replace(repair, formula=changed)


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
    """Return True if a formula is a single term with a minus sign."""
    """Return True for a single term with a minus sign."""
    return isinstance(node, tree.Add) and node.signs == (-1,)


def negative(node: Node) -> Node:
    """Return a formula with the opposite sign."""
    """Return a formula with the other sign."""
    if isinstance(node, tree.Add):
        return node.terms[0] if is_negative(node) else negated(tree.Group(items=(node,)))
    return negated(node)
