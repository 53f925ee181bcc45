"""Memory allocation: each result overwrites an argument at its last use, reuses a free buffer, or gets a new one."""

from collections.abc import Collection
from dataclasses import dataclass, field

from symbackprop.codegen.program import ArrayOperation, Value
from symbackprop.expressions.aliases import Shape


@dataclass(eq=False)
class Buffer:
    """Memory for one array at a time."""

    shape: Shape
    name: str = ""  # in the generated code


@dataclass(frozen=True)
class CallerArray:
    """The array that the caller passes for a result, or None, which means a new array."""

    result: Value

    @property
    def name(self) -> str:
        """The name in the generated code."""
        return self.result.name


@dataclass
class Buffers:
    """The memory of each result: a buffer, the memory of another value, or the caller's array."""

    places: dict[Value, Buffer | CallerArray | Value] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)


def allocated(
    operations: list[ArrayOperation],
    results: Collection[Value],
    own: Collection[Value] = (),
    alive: Collection[Value] = (),
) -> Buffers:
    """Return the memory for the results of operations.

    Args:
        operations: the operations in the order of computation.
        results: values that the caller keeps, in the caller's own arrays.
        own: arguments that may be overwritten.
        alive: values that are needed to the end.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> home = program(sb.derive(sb.home_network()).tape, ["J", "dJdW1", "dJdW2"])
    >>> [buffer.shape for buffer in allocated(home.operations, home.results).buffers]
    [(N, 3), (N, 1), (N, 1), (N, 3)]
    """
    return _Allocation(operations, results, own, alive).done()


class _Allocation:
    def __init__(
        self,
        operations: list[ArrayOperation],
        results: Collection[Value],
        own: Collection[Value],
        alive: Collection[Value],
    ):
        self.operations = operations
        self.own = set(own) | {operation.result for operation in operations if operation.kind.takes_out}
        self.owners: dict[Value, Value] = {}  # of a view: the value whose memory it shares
        self.last: dict[Value, int] = {}  # the index of the last operation that uses the memory of a value
        for index, operation in enumerate(operations):
            for value in operation.values:
                self.last[self.owner(value)] = index
            if operation.kind.is_view:
                self.owners[operation.result] = self.owner(operation.values[0])
        self.last |= {self.owner(value): len(operations) for value in (*results, *alive)}
        self.found = Buffers()
        self.occupied: dict[Value, Buffer] = {}
        self.free: dict[Shape, list[Buffer]] = {}
        self.keep(results)

    def owner(self, value: Value) -> Value:
        return self.owners.get(value, value)

    def done(self) -> Buffers:
        for index, operation in enumerate(self.operations):
            if operation.kind.takes_out and operation.result not in self.found.places:
                self.place(index, operation)
            for owner in dict.fromkeys(map(self.owner, operation.values)):
                if self.last[owner] == index and owner in self.occupied:
                    buffer = self.occupied.pop(owner)
                    self.free.setdefault(buffer.shape, []).append(buffer)
        return self.found

    def place(self, index: int, operation: ArrayOperation) -> None:
        shape = operation.result.shape
        target = next((value for value in self.overwritable(index, operation) if value in self.occupied), None)
        if target is not None:
            self.found.places[operation.result] = target
            self.occupied[operation.result] = self.occupied.pop(target)
            return
        if not self.free.get(shape):
            buffer = Buffer(shape)
            self.found.buffers.append(buffer)
            self.free.setdefault(shape, []).append(buffer)
        self.found.places[operation.result] = self.occupied[operation.result] = self.free[shape].pop()

    def overwritable(self, index: int, operation: ArrayOperation) -> list[Value]:
        """Return arguments that have the shape of the result and are not used after this operation."""
        if not operation.kind.entrywise:
            return []
        return [
            value
            for value in operation.values
            if value in self.own and value.shape == operation.result.shape and self.last[value] == index
        ]

    def keep(self, results: Collection[Value]) -> None:
        """Put results into the caller's arrays, and also the earlier values that they overwrite."""
        position = {operation.result: index for index, operation in enumerate(self.operations)}
        for result in results:
            value = result
            while value in position and self.operations[position[value]].kind.takes_out:
                candidates = self.overwritable(position[value], self.operations[position[value]])
                target = next((other for other in candidates if other not in self.found.places), None)
                if target is None:
                    break
                self.found.places[value] = target
                value = target
            if value.shape:
                self.found.places[value] = CallerArray(result)
