"""The class of an example: p_y, p_{y_i}, [y_i = k], 1[j = c] with a one-hot y."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from symbackprop.network.network import ONE_HOT
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, mapped
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

_BASIS = "e"  # e_c, the vector that has 1 at c


class Classes:
    """The part of a meaning that picks what belongs to the class of an example."""

    world: Any
    lexicon: SymbolTable
    letters: dict[str, int]
    values: Callable[[Node], list[IndexedArray]]
    index: Callable[[Node], str | int]

    def is_label(self, node: Node) -> bool:
        """Whether it is a target that says a class."""
        classes = self.world.network.of_role(ONE_HOT)
        splits = self.lexicon.splits(node, self.letters) if isinstance(node, Name) and classes else ()
        return any(self.lexicon.symbol(split.key) in classes for split in splits)

    def classes(self, label: Name) -> list[IndexedArray]:
        """y_i as the row of all its classes; that of one example has no i."""
        found = [value for value in self.values(label) if not value.is_number]
        return found or self.values(replace(label, above=(), below=(), source=""))

    def label_below(self, node: Name) -> Name | None:
        """The y of p_y."""
        content = node.below[0].content if len(node.below) == 1 else None
        is_letter = isinstance(content, Name) and content.base in self.letters
        return content if isinstance(content, Name) and not is_letter and self.is_label(content) else None

    def of_own_class(self, node: Name) -> list[IndexedArray]:
        """p_{y_i}: the entry of p in the class of example i."""
        label = self.label_below(node)
        if label is None:
            return []
        if node.base == _BASIS and not node.above and ("e", "", "") not in self.lexicon.known:
            return self.classes(label)
        found = []
        for target in self.classes(label):
            places = (*label.below, *label.above) if target.indices else ()
            for value in self.values(replace(node, below=tuple(places), source="")):
                with suppress(ShapeMismatchError):
                    found.append(values.total(values.entrywise(value, target, strict=True)))
        return found

    def class_is(self, node: tree.Relation) -> list[IndexedArray]:
        """[y_i = k] of a one-hot y."""
        for label, letter in ((node.left, node.right), (node.right, node.left)):
            is_index = isinstance(letter, Name) and not letter.above and not letter.below
            if node.sign == "=" and is_index and isinstance(label, Name) and self.is_label(label):
                return [values.entry(value, (self.index(letter),)) for value in self.classes(label)]
        return []


def unit_vectors(*sides: Node) -> list[str]:
    """The c of e_c."""
    names = (part for side in sides for part in tree.walk(side) if isinstance(part, Name))
    marks = (name.below[0].content for name in names if name.base == _BASIS and len(name.below) == 1)
    return list(dict.fromkeys(content.base for content in marks if isinstance(content, Name)))


def says_index(label: Name, letter: str, *sides: Node) -> bool:
    """Whether y_c stands there: then c is any class, for y of the right one is 1."""
    names = (part for side in sides for part in tree.walk(side) if isinstance(part, Name) and part.base == label.base)
    return any(mark.content == Name(base=letter) for name in names for mark in name.below)


def with_class(node: Node, letter: str, label: Node) -> Node:
    """A formula in which an index c, the right class, is written as y."""
    return label if node == Name(base=letter) else mapped(node, lambda part: with_class(part, letter, label))
