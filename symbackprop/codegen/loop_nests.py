"""Operations → loop nests: what goes through the same entries in the same order shares one loop."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from symbackprop.codegen.batching import Phases
from symbackprop.codegen.program import Operation, Program, Value

MOST_TERMS = 32  # of a sum that is written out

VIEWS = frozenset({"transpose", "rows", "columns", "broadcast"})  # which say where an entry is


@dataclass
class Nest:
    """Operations in one loop over quantities (`length` of them) and examples; or one that has loops of its own."""

    length: Any
    operations: list[Operation]
    alone: bool = False


@dataclass
class Layout:
    """Loop nests in order, and which rows of the memory each value has that outlives its nest."""

    nests: list[Nest]
    places: dict[Value, tuple[Any, Any]] = field(default_factory=dict)  # first row, how many
    rows: Any = 0


class Blocks:
    """Which values of a program have an entry for each example, and what their entries are made of."""

    def __init__(self, program: Program, phases: Phases):
        self.size = phases.size
        each = set(map(id, phases.each))
        self.views = {
            operation.result: operation
            for operation in program.operations
            if operation.is_inline or (operation.function in VIEWS and id(operation) in each)
        }

    def axis(self, value: Any) -> int | None:
        """The axis of the examples."""
        return next((axis for axis, length in enumerate(value.shape) if length == self.size), None)

    def length(self, value: Value) -> Any:
        """How many entries there are for each example."""
        axis = self.axis(value)
        return value.shape[1 - axis] if axis is not None else None

    def root(self, value: Value) -> Value:
        return self.root(self.views[value].values[0]) if value in self.views else value

    def sums_examples(self, operation: Operation) -> bool:
        return self.axis(operation.result) is None

    def inner(self, operation: Operation) -> Any:
        """How many terms each entry of a product, or of a sum or maximum over quantities, has."""
        value = operation.values[0]
        return value.shape[1] if operation.function == "dot" else self.length(value)

    def is_alone(self, operation: Operation) -> bool:
        """Whether an operation needs loops of its own."""
        if operation.function == "concatenate":
            return True
        if operation.function == "dot" and self.sums_examples(operation):
            return True
        if operation.function in ("dot", "max", "sum") and not self.sums_examples(operation):
            inner = self.inner(operation)
            return not (inner.is_Integer and 0 < inner <= MOST_TERMS)
        return False

    def layout(self, operations: Iterable[Operation], data: Iterable[Value]) -> Layout:
        """Loop nests of operations in their order, and places for the blocks of data and of results."""
        nests: list[Nest] = []
        for operation in operations:
            if operation.result in self.views:
                continue
            length = self.length(operation.values[0] if self.sums_examples(operation) else operation.result)
            alone = self.is_alone(operation)
            if alone or not nests or not self._joins(nests[-1], operation, length):
                nests.append(Nest(length, [], alone))
            nests[-1].operations.append(operation)
        layout = Layout(nests)
        self._place(layout, list(data))
        return layout

    def _joins(self, nest: Nest, operation: Operation, length: Any) -> bool:
        """Whether all that it needs of the nest is the same entry."""
        if nest.alone or nest.length != length:
            return False
        made = {other.result for other in nest.operations}
        apart = operation.function in ("dot", "sum", "max") and not self.sums_examples(operation)
        needed = operation.values if apart else [value for value in operation.values if value in self.views]
        return not any(self.root(value) in made for value in needed)

    def _place(self, layout: Layout, data: list[Value]) -> None:
        """Rows for what is needed after the nest that makes it; they are free again after its last use."""
        last: dict[Value, int] = {}
        for rank, nest in enumerate(layout.nests):
            for value in (value for operation in nest.operations for value in operation.values):
                last[self.root(value)] = rank
        free: dict[Any, list[Any]] = {}
        held: list[Value] = []

        def hold(value: Value, length: Any) -> None:
            if free.get(length):
                layout.places[value] = free[length].pop(), length
            else:
                layout.places[value] = layout.rows, length
                layout.rows = layout.rows + length
            held.append(value)

        for value in data:
            hold(value, self.length(value))
        for rank, nest in enumerate(layout.nests):
            for value in [value for value in held if last.get(value, -1) < rank]:
                held.remove(value)
                free.setdefault(layout.places[value][1], []).append(layout.places[value][0])
            for operation in nest.operations:
                if self.axis(operation.result) is not None and (nest.alone or last.get(operation.result, -1) > rank):
                    hold(operation.result, self.length(operation.result))
