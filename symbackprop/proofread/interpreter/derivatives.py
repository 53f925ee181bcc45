"""Derivatives at a point: ∂J/∂v by backpropagation, any other ∂A/∂B by moving B."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from symbackprop.expressions.shapes import is_matrix
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import Layout, Quantity
from symbackprop.proofread.interpreter.differences import entrywise_slope, slope
from symbackprop.proofread.interpreter.functions import GENERIC, ROWS
from symbackprop.proofread.interpreter.symbol_table import Adjoint, NameReading, SymbolTable
from symbackprop.proofread.interpreter.values import MOVES, IndexedArray, ShapeMismatchError, scalar

BY_PARAMETERS = frozenset({"by parameters alone"})  # where the others are held
_MOST_DERIVED = 3  # readings of what is derived


class Derivatives:
    """The part of a meaning that says what derivatives are worth."""

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
    value: Callable[..., list[IndexedArray]]
    has_examples: Callable[[Any], bool]
    example_axis: Callable[[], int]
    is_transposed: Callable[[Any], bool]
    of_document: Callable[[Key], list[IndexedArray]]
    cached: Callable[..., Any]
    with_scripts: Callable[..., list[IndexedArray]]
    held: frozenset[Any]

    def adjoint(self, adjoint: Adjoint) -> list[IndexedArray]:
        quantity = self.quantity(adjoint.of)
        if adjoint.node is not None:
            quantity = Quantity(adjoint.node, bool(is_matrix(adjoint.node)) and self.layout.data)
        found = None if quantity is None else self.error(quantity)
        return [] if found is None else [values.product(scalar(adjoint.scale), found)]

    def error(self, quantity: Quantity) -> IndexedArray | None:
        """∂J/∂v."""
        world = getattr(self.world, "world", self.world)
        if world is not self.world:
            raise ShapeMismatchError("a derivative is derived")
        if world.network.cost.symbol in world.saying_nothing:
            raise UnsupportedNotationError("a softmax of one class says nothing")
        if quantity.node not in world.at.right:
            if quantity.node not in world.given or not is_matrix(quantity.node):
                return None
            array = np.zeros(np.shape(world.given[quantity.node]))
        else:
            is_error = quantity.node not in world.network.parameters
            scale = self.lexicon.cost_scale * (self.lexicon.error_scale if is_error else 1.0)
            array = scale * np.asarray(world.at.right[quantity.node], float)
        value = IndexedArray(array.T if quantity.is_transposed else array) if array.ndim else scalar(array)
        if self.example is None or not self.has_examples(quantity.node):
            return value
        return values.line(value, self.example, self.example_axis())

    def quantity(self, key: Key) -> Quantity | None:
        """The node of the network that a name is: by its name, or by its value."""
        symbol = (
            None if key in self.lexicon.definitions and self.lexicon.document_first else self.lexicon.known.get(key)
        )
        if symbol is None and key in self.lexicon.definitions:
            found = self.node_like(key)
            if found is not None:
                return found
        symbol = symbol if symbol is not None else self.lexicon.aliases.get(key)
        if symbol is None or symbol not in self.world.values:
            return None
        return Quantity(symbol, is_matrix(symbol) and self.is_transposed(symbol))

    def node_like(self, key: Key) -> Quantity | None:
        """A quantity of the network with the value of what the document defines."""
        world = getattr(self.world, "world", self.world)
        plain = self.beside(world=world, letters={}, dummies={}, example=None)
        return plain.cached(("node", key), lambda: plain._node_like(key))

    def _node_like(self, key: Key) -> Quantity | None:
        try:
            found = self.of_document(key)
        except (ShapeMismatchError, UnsupportedNotationError):
            return None
        return self.node_worth(found)

    def node_worth(self, found: list[IndexedArray]) -> Quantity | None:
        """The first quantity of the network that has one of these values."""
        return next(self.nodes_worth(found), None)

    def nodes_worth(self, found: list[IndexedArray]) -> Iterator[Quantity]:
        """The quantities of the network, named ones before others, that have one of these values."""
        nodes = sorted(self.world.values, key=lambda node: not getattr(node, "is_symbol", False))
        for value, node in product((value for value in found if not value.indices), nodes):
            array = np.asarray(self.world.values[node], float)
            if not is_matrix(node):
                array = array.reshape(1, 1) if array.size == 1 else array
            for is_transposed in (False, True):
                if values.close(array.T if is_transposed else array, value.array):
                    yield Quantity(node, is_transposed)
                    break

    def derived(self, of: Node) -> Node:
        """What is derived: J(W, b) is J."""
        if isinstance(of, tree.Multiply) and len(of.factors) == 2 and not of.sign:
            name, group = of.factors
            is_call = isinstance(group, Group) and all(isinstance(item, Name) for item in group.items)
            if is_call and self.is_cost(name):
                return name
        if isinstance(of, tree.Call) and isinstance(of.function, Name) and self.is_cost(of.function):
            return of.function
        return of

    def is_cost(self, node: Node) -> bool:
        if not isinstance(node, Name):
            return False
        cost = self.world.network.cost.symbol
        for split in self.lexicon.splits(node, self.letters):
            if split.key in self.lexicon.definitions and self.lexicon.known.get(split.key) != cost:
                return self.quantity(split.key) == Quantity(cost, False)
            if not split.indices and split.example is None and self.lexicon.symbol(split.key) == cost:
                return True
        return False

    def slope(self, of: Node, quantity: Quantity, by: Node | None = None) -> list[IndexedArray]:
        """∂of/∂v; `by` is the formula that v is written as, where it has no name."""
        if self.is_cost(of):
            error = self.error(quantity)
            if error is not None:
                turned = self.layout.numerator and 1 in error.shape
                return [values.transposed(error) if turned else error]
        key = ("slope", of, quantity, by, tuple(self.letters.items()), self.example, self.held)
        return self.cached(key, lambda: self._slope(of, quantity, by))

    def _slope(self, of: Node, quantity: Quantity, by: Node | None) -> list[IndexedArray]:
        if getattr(self.world, "world", self.world) is not self.world:
            raise ShapeMismatchError("a derivative is derived")
        every = self.values(of)
        ranks = list(range(min(len(every), _MOST_DERIVED)))
        numbers = [rank for rank, value in enumerate(every) if value.is_number]  # a cost is one
        if numbers and numbers[0] not in ranks:
            ranks.append(numbers[0])
        return [slope for rank in ranks for slope in self._slope_of(of, rank, quantity, by)]

    def _slope_of(self, of: Node, rank: int, quantity: Quantity, by: Node | None) -> list[IndexedArray]:
        """Of one reading of what is derived."""
        every = self.values(of)
        here = every[rank]
        node = quantity.node
        at = np.asarray(self.world.values[node], float)
        held = self._held_for(of, node)

        def there(arrays: Any) -> Any:
            moved = self.world.moved(node, arrays, held)
            matrices = arrays if is_matrix(node) else arrays.reshape(-1, 1, 1)
            value = IndexedArray(np.swapaxes(matrices, -1, -2) if quantity.is_transposed else matrices, (MOVES,))
            if self.example is not None and self.has_examples(node):
                value = values.line(value, self.example, self.example_axis())
            fixed = self._fixed_parts(of, held) if by is None else {by: value}
            readings = self.beside(world=moved, fixed=fixed).values(of)
            alike = (v for v in readings if (v.shape, set(v.indices) - {MOVES}) == (here.shape, set(here.indices)))
            chosen = readings[rank] if len(readings) == len(every) else next(alike, readings[0])
            if set(chosen.indices) - {MOVES} != set(here.indices) or chosen.shape != here.shape:
                raise ShapeMismatchError("what is derived has another shape where it is moved")
            array = chosen.with_indices((MOVES, *here.indices))
            return np.broadcast_to(array, (len(arrays), *array.shape[1:]))

        found = slope(there, at)
        if not is_matrix(node):
            return [replace(here, array=found.reshape(here.array.shape))]
        found = np.swapaxes(found, -1, -2) if quantity.is_transposed else found
        if here.is_number and not here.is_slope:
            return [replace(here, array=found.reshape(*here.array.shape[:-2], *found.shape[-2:]))]
        if here.is_slope:
            raise ShapeMismatchError("a derivative is derived")
        return [replace(here, array=found, is_slope=True)]

    def _fixed_parts(self, of: Node, held: frozenset[Any]) -> dict[Node, IndexedArray]:
        """The parts of what is derived that are held, by their values."""
        fixed: dict[Node, IndexedArray] = {}
        for part in walk(of) if held else ():
            with suppress(ShapeMismatchError, UnsupportedNotationError):
                own = self.node_worth(self.values(part)) if part is not of and not isinstance(part, Name) else None
                if own is not None and own.node in held:
                    fixed[part] = self.first(part)
        return fixed

    def _held_for(self, of: Node, node: Any) -> frozenset[Any]:
        """What is held where it is derived: not the quantity itself."""
        found = self.node_worth(self.values(of)) if self.held else None
        own = None if found is None else found.node
        if self.held >= BY_PARAMETERS and not (node in self.world.network.parameters and own in self.held):
            return frozenset()
        return self.held - BY_PARAMETERS - {node, own}

    def at_entries(self, value: IndexedArray, split: NameReading) -> list[IndexedArray]:
        if value.is_slope and (split.indices or split.example is not None):
            inner = replace(value, array=np.moveaxis(value.array, (-4, -3), (0, 1)), is_slope=False)
            lead = tuple(f"axis {k}" for k in (0, 1))
            inner = replace(inner, indices=(*lead, *value.indices))
            picked = self.with_scripts(inner, replace(split, power=None))[0]
            array = picked.with_indices((*[k for k in picked.indices if k not in lead], *lead))
            return [
                IndexedArray(array[..., 0, 0], tuple(k for k in picked.indices if k not in lead), False, value.notes)
            ]
        return self.with_scripts(value, replace(split, power=None))

    def by_dummy(self, of: Node, key: Key) -> IndexedArray:
        dummy = self.dummies[key]
        if self.is_bare_function(of):
            return self.first(tree.Call(function=tree.Prime(base=of), arguments=(Name(base=key[0]),)))

        def there(array: Any) -> Any:
            moved = {**self.dummies, key: replace(dummy, array=array)}
            return self.beside(dummies=moved).first(of).array

        return replace(dummy, array=entrywise_slope(there, dummy.array))

    def is_bare_function(self, node: Node) -> bool:
        """Whether it is the name of a function alone, as in dσ/dz."""
        if not isinstance(node, Name) or not (node.base in self.lexicon.functions or node.base in {*ROWS, *GENERIC}):
            return False
        try:
            self.value(node)
        except (UnsupportedNotationError, ShapeMismatchError):
            return True
        return False
