"""Names at a point: their values, with the indices that stand at them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import INPUT, PARAMETER
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Multiply, Name, Node
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import Layout, Quantity
from symbackprop.proofread.interpreter.symbol_table import EACH, Adjoint, NameReading, SymbolTable
from symbackprop.proofread.interpreter.values import MOVES, IndexedArray, ShapeMismatchError


class Quantities:
    """The part of a meaning that says what names are worth."""

    world: Any
    lexicon: SymbolTable
    layout: Layout
    letters: dict[str, int]
    dummies: dict[Key, IndexedArray]
    example: str | None
    opening: tuple[Key, ...]
    values: Callable[[Node], list[IndexedArray]]
    first: Callable[[Node], IndexedArray]
    beside: Callable[..., Any]
    kronecker: Callable[..., list[IndexedArray]]
    index: Callable[[Node], str | int]
    adjoint: Callable[[Adjoint], list[IndexedArray]]
    node_like: Callable[[Key], Quantity | None]

    def kronecker_delta(self, node: Name) -> list[IndexedArray]:
        r"""`\\delta_{ij}` may be that."""
        letters = [mark.content for mark in node.below]
        if node.base != "delta" or node.above or len(letters) != 2 or not all(isinstance(k, Name) for k in letters):
            return []
        return self.kronecker(*(self.index(k) for k in letters))

    def of_a_row(self, split: NameReading) -> list[IndexedArray]:
        """u_k beside a vector u may be a row of a matrix U."""
        try:
            lines = [
                values.line(self.oriented(q.node), split.indices[0], axis)
                for q in self.matrix_of_rows(split)
                for axis in (0, 1)
            ]
            return [value for one in lines for value in (one, values.transposed(one))]
        except ShapeMismatchError:
            return []

    def matrix_of_rows(self, split: NameReading) -> list[Quantity]:
        other = self.lexicon.known.get((split.key[0].swapcase(), *split.key[1:]))
        if len(split.indices) != 1 or other is None or split.key not in self.lexicon.known or not is_matrix(other):
            return []
        return [Quantity(other, self.is_transposed(other))]

    def ones(self, node: Name) -> list[IndexedArray]:
        sizes = self.all_sizes()
        for mark in node.below[:1]:
            if isinstance(mark.content, Multiply) and mark.content.sign == r"\times" and len(mark.content.factors) == 2:
                rows, columns = (values.whole(self.first(factor)) for factor in mark.content.factors)
                return [IndexedArray(np.ones((rows, columns)))]
            try:
                sizes = [values.whole(self.first(mark.content))]
            except (UnsupportedNotationError, ShapeMismatchError):
                continue
        return [IndexedArray(np.ones((size, 1))) for size in sizes] + [
            IndexedArray(np.ones((1, size))) for size in sizes
        ]

    def all_sizes(self) -> list[int]:
        first = [self.world.sizes[size] for size in self.world.examples[1] if size in self.world.sizes]
        return list(dict.fromkeys([*first, *self.world.sizes.values()]))

    def named(self, split: NameReading) -> list[IndexedArray]:
        """The values of a name with one reading of its scripts; none if that says nothing."""
        is_cost = self.lexicon.symbol(split.key) == self.world.network.cost.symbol
        has_entries = split.key in self.lexicon.definitions or not is_cost
        if (split.indices or split.example is not None) and not has_entries:
            return self.part_of_cost(split)
        found = self.of_key(split.key)
        if not found:
            return []
        results = []
        for value in found:
            try:
                results += self.with_scripts(value, split)
            except ShapeMismatchError:
                continue
        return results

    def part_of_cost(self, split: NameReading) -> list[IndexedArray]:
        """E_n, as the document says it."""
        places = [index for index in (*split.indices, split.example) if index is not None]
        found = self.of_document((split.key[0], EACH, "")) if len(places) == 1 else []
        return [values.entry(value, (places[0],)) for value in found]

    def with_scripts(self, value: IndexedArray, split: NameReading) -> list[IndexedArray]:
        found = [value]
        if split.example is not None:
            if self.lexicon.symbol(split.key) in self.world.network.parameters:
                raise ShapeMismatchError("a parameter is of no example")
            found = self.one_example(value, split.example)
        if len(split.indices) == 1 and 1 not in value.shape and split.example is None:
            found = self.one_example(value, split.indices[0])
            if self.lexicon.symbol(split.key) in self.world.network.parameters:
                found += self.of_one_unit(value, split.indices[0])
        elif split.indices:
            found = [*(values.entry(value, split.indices) for value in found[:1]), *self.of_a_feature(value, split)]
        return found if split.power is None else [raised(v, self.first(split.power), False) for v in found]

    def one_example(self, value: IndexedArray, index: str | int) -> list[IndexedArray]:
        """As it stands in the data, or turned: people write examples as columns and stack them as rows."""
        found = values.line(value, index, self.example_axis())
        return [found] if found.is_number else [found, values.transposed(found)]

    def of_one_unit(self, value: IndexedArray, index: str | int) -> list[IndexedArray]:
        """u_w of a matrix U: where it is no example, it is a line the other way."""
        with suppress(ShapeMismatchError):
            found = values.line(value, index, 1 - self.example_axis())
            return [found, values.transposed(found)]
        return []

    def of_a_feature(self, value: IndexedArray, split: NameReading) -> list[IndexedArray]:
        """x_1 of the inputs: of all examples."""
        symbol = self.lexicon.symbol(split.key)
        numbered = [index for index in split.indices if isinstance(index, int)]
        if len(numbered) != 1 or len(split.indices) > 1 or symbol not in self.world.network.of_role(INPUT):
            return []
        with suppress(ShapeMismatchError):
            return [values.line(value, numbered[0], 1 - self.example_axis())] if self.has_examples(symbol) else []
        return []

    def example_axis(self) -> int:
        axis = self.world.examples[0]
        return 1 - axis if self.layout.data else axis

    def of_key(self, key: Key) -> list[IndexedArray]:
        if key in self.dummies:
            return [self.dummies[key]]
        if key in self.lexicon.chosen:
            return self.adjoint(self.lexicon.chosen[key])
        sources: list[Callable[[Key], list[IndexedArray]]] = [self.of_network, self.of_document]
        for source in reversed(sources) if self.lexicon.document_first else sources:
            found = source(key)
            if found:
                return found
        adjoint = self.lexicon.adjoint(key)
        if adjoint is not None:
            return self.adjoint(adjoint)
        symbol = self.lexicon.aliases.get(key)
        return [] if symbol is None else [self.oriented(symbol)]

    def of_network(self, key: Key) -> list[IndexedArray]:
        symbol = self.lexicon.known.get(key)
        return [] if symbol is None else [self.oriented(symbol)]

    def of_document(self, key: Key) -> list[IndexedArray]:
        definition = self.lexicon.definitions.get(key)
        if definition is None or key in self.opening:
            return []
        if self.world is not getattr(self.world, "world", self.world):
            quantity = self.node_like(key)  # it may be the one that was moved
            if quantity is not None and quantity.node in self.world.given:
                moves = (MOVES,) if self.world.is_moved(quantity.node) else ()
                array = np.asarray(self.world.values[quantity.node], float)
                array = array if is_matrix(quantity.node) else array.reshape(*[-1 for _ in moves], 1, 1)
                return [IndexedArray(np.swapaxes(array, -1, -2) if quantity.is_transposed else array, moves)]
        inner = self.beside(letters=definition.letters)
        inner.opening = (*self.opening, key)
        if definition.example is not None:
            return [self.of_examples(value, definition.example) for value in inner.values(definition.body)]
        found = inner.cached(("definition", key, self.example), lambda: inner.values(definition.body))
        if not definition.indices:
            alike = [value for value in found if self.is_of_network(value)] if len(found) > 1 else []
            return alike or found
        return [_assembled(value, definition.indices) for value in found]

    def is_of_network(self, value: IndexedArray) -> bool:
        """Whether it is the value of a named quantity of the network, as the document lays it out."""
        symbols = [equation.symbol for equation in self.world.network.equations]
        return any(is_matrix(symbol) and values.same(self.oriented(symbol), value) for symbol in symbols)

    def of_examples(self, value: IndexedArray, index: str) -> IndexedArray:
        """What is said of each example i as the matrix of all examples."""
        others = tuple(k for k in value.indices if k == MOVES)
        if set(value.indices) != {index, *others} or 1 not in value.shape or value.is_slope:
            raise ShapeMismatchError("the index of a definition does not stand in it")
        array = value.with_indices((*others, index))
        rows = array.reshape(*array.shape[: len(others) + 1], -1)
        return IndexedArray(np.swapaxes(rows, -1, -2) if self.example_axis() else rows, others, False, value.notes)

    def cached(self, key: Any, compute: Callable[[], Any]) -> Any:
        cache = self.world.__dict__.setdefault("_meanings", {}).setdefault((id(self.lexicon), self.layout), {})
        signature = (key, tuple(sorted(self.lexicon.chosen.items(), key=str)))
        if self.dummies:
            return compute()
        if signature not in cache:
            cache[signature] = compute()
        return cache[signature]

    def oriented(self, node: Any, array: Any = None) -> IndexedArray:
        """A quantity of the network as the document lays it out."""
        if node in self.world.saying_nothing:
            raise UnsupportedNotationError("a softmax of one class says nothing")
        if array is None:
            array = self.world.sizes[node] if node in self.world.sizes else self.world.values[node]
        moves = (MOVES,) if self.world.is_moved(node) else ()
        if not is_matrix(node):
            scale = self.lexicon.cost_scale if node == self.world.network.cost.symbol else 1.0
            return IndexedArray(scale * np.asarray(array, float).reshape(*[-1 for _ in moves], 1, 1), moves)
        array = np.asarray(array, float)
        value = IndexedArray(np.swapaxes(array, -1, -2) if self.is_transposed(node) else array, moves)
        if self.example is None or not self.has_examples(node):
            return value
        return values.line(value, self.example, self.example_axis())

    def is_transposed(self, node: Any) -> bool:
        role = self.world.network.roles.get(str(getattr(node, "name", "")))
        is_weight = role == PARAMETER and node.shape[self.world.examples[0]] != 1  # a bias is laid out as data
        return self.layout.weights if is_weight else self.layout.data

    def has_examples(self, node: Any) -> bool:
        axis, sizes = self.world.examples
        return bool(is_matrix(node)) and node.shape[axis] in sizes


def raised(base: IndexedArray, exponent: IndexedArray, entrywise: bool) -> IndexedArray:
    if base.is_slope or exponent.is_slope or not exponent.is_number:
        raise ShapeMismatchError("a power of this kind is not read")
    power = float(exponent.array.ravel()[0])
    rows, columns = base.shape
    if rows == columns != 1 and not entrywise and power == int(power):
        try:
            return replace(base, array=np.linalg.matrix_power(base.array, int(power)))
        except np.linalg.LinAlgError:
            raise ShapeMismatchError("a matrix is inverted that has no inverse here") from None
    return values.mapped(base, lambda array: array**power if power != int(power) else array ** int(power))


def _assembled(value: IndexedArray, formal: tuple[str, ...]) -> IndexedArray:
    """z_j of every j as a matrix: free indices become rows and columns."""
    others = tuple(k for k in value.indices if k == MOVES)
    if not value.is_number or set(value.indices) != {*formal, *others} or len(formal) > 2:
        raise ShapeMismatchError("the indices of a definition do not stand in it")
    array = value.with_indices((*others, *formal))[..., 0, 0]
    return IndexedArray(array[..., None] if len(formal) == 1 else array, others)
