"""Grouping of operations into loop nests: operations over the same entries in the same order share one loop."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sympy import S

from symbackprop.codegen.batching import Phases
from symbackprop.codegen.program import ArrayOperation, Constant, Program, Value
from symbackprop.expressions.aliases import Size

MOST_TERMS = 32  # in a sum that is written without a loop

REDUCTIONS = frozenset({"dot", "sum", "max"})  # each entry of their result combines many
VIEWS = frozenset({"transpose", "rows", "columns", "broadcast"})  # they only map indices


@dataclass
class Nest:
    """Operations that share one loop over `length` rows of a block; if `alone`, one operation with its own loops."""

    length: Size
    operations: list[ArrayOperation]
    alone: bool = False


@dataclass
class LoopPlan:
    """Loop nests in order, and rows of memory for each value that is used after its nest."""

    nests: list[Nest]
    places: dict[Value, tuple[Size, Size]] = field(default_factory=dict)  # the first row, and the number of rows
    rows: Size = S.Zero  # of the whole memory


class Blocks:
    """The values of a program as blocks: a row for each entry of an example, a column for each example."""

    def __init__(self, program: Program, phases: Phases):
        self.size = phases.size
        each = set(map(id, phases.each))
        self.views = {
            operation.result: operation
            for operation in program.operations
            if operation.is_inline or (operation.function in VIEWS and id(operation) in each)
        }

    def axis(self, value: Value | Constant) -> int | None:
        """Return the axis of the examples in a value, or None."""
        return next((axis for axis, length in enumerate(value.shape) if length == self.size), None)

    def length(self, value: Value) -> Any:
        """Return the number of entries of a value for each example, or None if it has no examples."""
        axis = self.axis(value)
        return value.shape[1 - axis] if axis is not None else None

    def root(self, value: Value) -> Value:
        """Return the value that a view shows, or any other value itself."""
        return self.root(self.views[value].values[0]) if value in self.views else value

    def sums_examples(self, operation: ArrayOperation) -> bool:
        """Return True if an operation sums over the examples."""
        return self.axis(operation.result) is None

    def inner(self, operation: ArrayOperation) -> Size:
        """Return the number of terms in each entry of a product, or of an example's sum or maximum."""
        value = operation.values[0]
        return value.shape[1] if operation.function == "dot" else self.length(value)

    def is_alone(self, operation: ArrayOperation) -> bool:
        """Return True if an operation needs its own loops."""
        if self.sums_examples(operation) or operation.function not in REDUCTIONS:
            return operation.function in ("concatenate", "dot")
        inner = self.inner(operation)
        return not (inner.is_Integer and 0 < inner <= MOST_TERMS)

    def plan(self, operations: Iterable[ArrayOperation], data: Iterable[Value]) -> LoopPlan:
        """Return loop nests for the operations in order, and memory for the blocks of data and of results."""
        nests: list[Nest] = []
        for operation in operations:
            if operation.result in self.views:
                continue
            length = self.length(operation.values[0] if self.sums_examples(operation) else operation.result)
            alone = self.is_alone(operation)
            if alone or not nests or not self._joins(nests[-1], operation, length):
                nests.append(Nest(length, [], alone))
            nests[-1].operations.append(operation)
        plan = LoopPlan(nests)
        self._place(plan, list(data))
        return plan

    def _joins(self, nest: Nest, operation: ArrayOperation, length: Size) -> bool:
        """Return True if an operation can join a nest: it uses each of the nest's results only at the same entry."""
        if nest.alone or nest.length != length:
            return False
        computed = {other.result for other in nest.operations}
        elsewhere = operation.function in REDUCTIONS and not self.sums_examples(operation)
        needed = operation.values if elsewhere else [value for value in operation.values if value in self.views]
        return not any(self.root(value) in computed for value in needed)

    def _place(self, plan: LoopPlan, data: list[Value]) -> None:
        """Assign rows to values that are used after their nest; the rows are free again after the last use."""
        last: dict[Value, int] = {}
        for index, nest in enumerate(plan.nests):
            for value in (value for operation in nest.operations for value in operation.values):
                last[self.root(value)] = index
        free: dict[Size, list[Size]] = {}
        live: list[Value] = []

        def store(value: Value, length: Size) -> None:
            if free.get(length):
                plan.places[value] = free[length].pop(), length
            else:
                plan.places[value] = plan.rows, length
                plan.rows = plan.rows + length
            live.append(value)

        for value in data:
            store(value, self.length(value))
        for index, nest in enumerate(plan.nests):
            for value in [value for value in live if last.get(value, -1) < index]:
                live.remove(value)
                first, length = plan.places[value]
                free.setdefault(length, []).append(first)
            for operation in nest.operations:
                if self.axis(operation.result) is not None and (nest.alone or last.get(operation.result, -1) > index):
                    store(operation.result, self.length(operation.result))
