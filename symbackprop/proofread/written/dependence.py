"""Quantities that are written with what they depend on: z_j(a_j), E(w), a_j(w_{ij}, x^{(k)})."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symbackprop.network import Network
from symbackprop.proofread.written.definitions import function_head
from symbackprop.proofread.written.lexicon import Lexicon
from symbackprop.proofread.written.scripts import FUNCTIONS
from symbackprop.proofread.written.statements import Written, names_of
from symbackprop.proofread.written.tree import Call, Group, Mark, Name, Node, Times, mapped


def without_arguments(document: Sequence[Written], network: Network) -> list[Written]:
    """The document with such quantities by their names alone."""
    plain = _Plain(network)
    return [_changed(written, plain) for written in document]


def _changed(written: Written, plain: "_Plain") -> Written:
    heads = tuple(side if plain.is_of_given(side) else plain(side) for side in written.sides[:1])
    sides = (*heads, *map(plain, written.sides[1:]))
    update = written.update
    if update is not None:
        update = replace(update, changes=tuple(map(plain, update.changes)))
    return replace(written, sides=sides, names=names_of(sides), update=update)


class _Plain:
    """Formulas without the arguments of quantities."""

    def __init__(self, network: Network):
        self.lexicon = Lexicon(network)

    def is_of_given(self, head: Node) -> bool:
        """h(x) on the left, which says that x is one example."""
        parts = function_head(head)
        quantity, argument = (None, None) if parts is None else map(self._symbol, parts)
        return argument not in self.lexicon.needed and argument in self.lexicon.needed.get(quantity, ())

    def __call__(self, node: Node) -> Node:
        node = mapped(node, self)
        if isinstance(node, Times) and not node.sign:
            return self._of_factors(node)
        if isinstance(node, Call) and isinstance(node.function, Name):
            return self._named(node.function, node.arguments) or node
        return node

    def _of_factors(self, node: Times) -> Node:
        factors: list[Node] = []
        for factor in node.factors:
            name = factors[-1] if factors else None
            items = factor.items if isinstance(factor, Group) and factor.brackets == "()" else ()
            plain = self._named(name, items) if items and isinstance(name, Name) else None
            if plain is not None:
                factors[-1] = plain
            else:
                factors.append(factor)
        if len(factors) == len(node.factors):
            return node
        return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors), source="")

    def _named(self, name: Name, arguments: Sequence[Node]) -> Name | None:
        """The quantity, with the example that one of its arguments is of; None where it is rather a function."""
        if not all(isinstance(argument, Name) for argument in arguments) or name.base in FUNCTIONS:
            return None
        symbol = self._symbol(name)
        given = [self._symbol(argument) for argument in arguments if isinstance(argument, Name)]
        if symbol is None or not self.lexicon.needed.get(symbol, set()).issuperset(given):
            return None
        below = name.below
        if self.lexicon.symbol((name.base, "", "")) is not None:  # h of h_θ(x)
            below = tuple(mark for mark in below if not self._is_parameter(mark.content))
        marks = [mark for argument in arguments for mark in getattr(argument, "above", ()) if _is_example(mark)]
        above = name.above or tuple(marks[:1])
        return name if (above, below) == (name.above, name.below) else Name(base=name.base, above=above, below=below)

    def _is_parameter(self, node: Node) -> bool:
        return isinstance(node, Name) and self._symbol(node) in self.lexicon.network.parameters

    def _symbol(self, name: Name) -> Any:
        found = (self.lexicon.symbol(split.key) for split in self.lexicon.splits(name, {}))
        return next((symbol for symbol in found if symbol is not None), None)


def _is_example(mark: Mark) -> bool:
    return mark.kind == "layer" and isinstance(mark.content, Name)
