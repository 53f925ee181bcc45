"""Sums of what does not show the index that it is summed over, and sums over layers."""

from collections.abc import Callable
from typing import Any

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Node
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import UnknownNameError
from symbackprop.proofread.interpreter.network_at_point import ALL
from symbackprop.proofread.interpreter.readings import fitting
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError, scalar


class Sums:
    """The part of a meaning that adds up."""

    world: Any
    lexicon: SymbolTable
    letters: dict[str, int]
    example: str | None
    values: Callable[[Node], list[IndexedArray]]
    value: Callable[..., list[IndexedArray]]
    first: Callable[[Node], IndexedArray]
    beside: Callable[..., Any]

    def hidden_sum(self, node: tree.Summation, found: list[IndexedArray]) -> list[IndexedArray]:
        """Σ_n of what does not show its n."""
        bounds = self.number_of(node)
        if all(value.is_number and not value.is_slope for value in found) and bounds is not None:
            return [values.product(scalar(bounds), value) for value in found]
        return self.silent_sum(node.body, f"sum over {node.indices[0]}")

    def number_of(self, node: tree.Summation) -> float | None:
        if node.last is None:
            return None
        try:
            last, first = self.first(node.last), self.first(node.first or tree.number(1))
        except (ShapeMismatchError, UnsupportedNotationError):
            return None
        return float(last.array.squeeze() - first.array.squeeze()) + 1 if last.is_number and not last.indices else None

    def silent_sum(self, body: Node, index: str) -> list[IndexedArray]:
        """Over the examples, each quantity of the data being that of one; or over all entries."""
        found = []
        if self.world.extent == ALL and self.example is None:
            try:
                found = [values.summed(v, index) for v in self.beside(example=index).values(body) if index in v.indices]
            except (ShapeMismatchError, UnsupportedNotationError):
                found = []
        try:
            inner = self.values(body)
            # the chain rule has summed over the entries already
            whole = [*(value for value in inner if "chain" in value.notes), *map(values.total, inner)]
        except ShapeMismatchError:
            if not found:
                raise
            whole = []
        return [*found, *whole]

    def sum_of_layers(self, node: tree.Summation) -> list[IndexedArray]:
        """Σ_l over what exists for layers or time steps l."""
        (index,) = node.indices
        found = {}
        for number in self.numbers_of(node):
            try:
                found[number] = self.beside(letters={**self.letters, index: number}).values(node.body)
            except (UnknownNameError, ShapeMismatchError):
                continue
        if not found:
            return self.value(node.body)  # says what is wrong
        without_start = {number: parts for number, parts in found.items() if number > 0}
        choices = [without_start, found] if without_start and len(without_start) < len(found) else [found]
        return [
            value
            for chosen in choices
            for value in fitting(lambda *parts: values.plus(list(parts), (1,) * len(parts)), list(chosen.values()))
        ]

    def numbers_of(self, node: tree.Summation) -> list[int]:
        """The layers or time steps that a sum runs over."""
        low, high = (side.value if isinstance(side, tree.Number) else None for side in (node.first, node.last))
        layers = self.lexicon.layers
        return [k for k in layers if (low is None or k >= low) and (high is None or k <= high)]
