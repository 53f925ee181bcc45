"""Sums that a text leaves out: Einstein's convention, in which H_{ik} W_{kj} is a sum over k."""

from collections.abc import Iterator, Sequence

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, mapped, walk

IMPLIED_SUM = "implied sum"  # a note


def names_convention(text: str) -> bool:
    """Return True for a text that names Einstein's convention."""
    return "instein" in text or "summation convention" in text.lower()


def leaves_sums_out(text: str, statements: Sequence[Sequence[Node]]) -> bool:
    """Return True if a document names the convention, or repeats indices in several lines and writes no sum."""
    if names_convention(text):
        return True
    parts = (part for sides in statements for side in sides for part in walk(side))
    if any(isinstance(part, tree.Summation) for part in parts):
        return False
    return sum(any(map(repeated_letters, sides)) for sides in statements) > 1


def repeated_letters(side: Node) -> list[str]:
    """Return the indices that several factors of a product have, without a sum over them, in order."""
    products = (part for part in walk(side) if isinstance(part, tree.Multiply))
    return list(dict.fromkeys(k for product in products for k in indices_of(product) if _repeats(product, k)))


def with_implied_sum(node: Node, letter: str) -> Node:
    """Return a formula with a sum over an index around each smallest product that repeats it."""
    if isinstance(node, tree.Summation) and letter in node.indices:
        return node
    changed = mapped(node, lambda part: with_implied_sum(part, letter))
    is_smallest = changed is node and isinstance(node, tree.Multiply) and _repeats(node, letter)
    return tree.Summation(indices=(letter,), body=node) if is_smallest else changed


def indices_of(node: Node) -> Iterator[str]:
    """Yield the letters that index entries in a formula: those of the subscripts of names, and of (…)_{ij}."""
    for part in walk(node, into_scripts=False):
        contents = [mark.content for mark in part.below] if isinstance(part, Name) else []
        contents += part.indices if isinstance(part, tree.Entry) else ()
        yield from (content.base for content in contents if isinstance(content, Name) and not content.scripts)


def _repeats(product: tree.Multiply, letter: str) -> bool:
    return sum(_has_free(factor, letter) for factor in product.factors) > 1


def _has_free(node: Node, letter: str) -> bool:
    """Return True if a formula has an index, outside the sums over it."""
    if isinstance(node, tree.Summation) and letter in node.indices:
        return False
    is_own = isinstance(node, Name | tree.Entry) and letter in indices_of(node)
    return is_own or (not isinstance(node, Name) and any(_has_free(child, letter) for child in node.children))
