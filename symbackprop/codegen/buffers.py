"""Which array each result is written into: that of an argument whose last use this is, a free one, or a new one."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from symbackprop.codegen.program import Operation, Value


@dataclass(frozen=True)
class Buffer:
    """Memory for one array at a time."""

    number: int
    shape: tuple[Any, ...]


@dataclass(frozen=True)
class Given:
    """The array that the caller has for a result, or None for a new one."""

    result: Value


@dataclass
class Buffers:
    """Where results go: into a buffer, over an argument, or into an array of the caller's."""

    places: dict[Value, Buffer | Given | Value] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)


def assigned(
    operations: list[Operation],
    results: Collection[Value],
    own: Collection[Value] = (),
    alive: Collection[Value] = (),
) -> Buffers:
    """Buffers for operations in their order.

    Args:
        operations: in the order of computation.
        results: what the caller keeps, in arrays of the caller's.
        own: arrays that are given and may be overwritten.
        alive: values that are needed to the end.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> home = program(sb.derive(sb.home_network()).tape, ["J", "dJdW1", "dJdW2"])
    >>> [buffer.shape for buffer in assigned(home.operations, home.results).buffers]
    [(N, 3), (N, 1), (N, 1), (N, 3)]
    """
    return _Assignment(operations, results, own, alive).done()


class _Assignment:
    def __init__(
        self,
        operations: list[Operation],
        results: Collection[Value],
        own: Collection[Value],
        alive: Collection[Value],
    ):
        self.operations = operations
        self.own = set(own) | {operation.result for operation in operations if operation.kind.takes_out}
        self.owners: dict[Value, Value] = {}  # of the memory that is seen in a view
        self.last: dict[Value, int] = {}
        for rank, operation in enumerate(operations):
            for value in operation.values:
                self.last[self.owner(value)] = rank
            if operation.kind.is_view:
                self.owners[operation.result] = self.owner(operation.values[0])
        self.last |= {self.owner(value): len(operations) for value in (*results, *alive)}
        self.found = Buffers()
        self.held: dict[Value, Buffer] = {}
        self.free: dict[Any, list[Buffer]] = {}
        self.keep(results)

    def owner(self, value: Value) -> Value:
        return self.owners.get(value, value)

    def done(self) -> Buffers:
        for rank, operation in enumerate(self.operations):
            if operation.kind.takes_out and operation.result not in self.found.places:
                self.place(rank, operation)
            for owner in {self.owner(value) for value in operation.values}:
                if self.last[owner] == rank and owner in self.held:
                    buffer = self.held.pop(owner)
                    self.free.setdefault(buffer.shape, []).append(buffer)
        return self.found

    def place(self, rank: int, operation: Operation) -> None:
        shape = operation.result.shape
        victim = next((value for value in self.victims(rank, operation) if value in self.held), None)
        if victim is not None:
            self.found.places[operation.result] = victim
            self.held[operation.result] = self.held.pop(victim)
            return
        if not self.free.get(shape):
            buffer = Buffer(len(self.found.buffers), shape)
            self.found.buffers.append(buffer)
            self.free.setdefault(shape, []).append(buffer)
        self.found.places[operation.result] = self.held[operation.result] = self.free[shape].pop()

    def victims(self, rank: int, operation: Operation) -> list[Value]:
        """Arguments of the shape of the result that nobody needs any more."""
        if not operation.kind.entrywise:
            return []
        return [
            value
            for value in operation.values
            if value in self.own and value.shape == operation.result.shape and self.last[value] == rank
        ]

    def keep(self, results: Collection[Value]) -> None:
        """What a result is written over goes into the array for the result from the start."""
        ranks = {operation.result: rank for rank, operation in enumerate(self.operations)}
        for result in results:
            value = result
            while value in ranks and self.operations[ranks[value]].kind.takes_out:
                victims = self.victims(ranks[value], self.operations[ranks[value]])
                over = next((victim for victim in victims if victim not in self.found.places), None)
                if over is None:
                    break
                self.found.places[value] = over
                value = over
            if value.shape:
                self.found.places[value] = Given(result)
