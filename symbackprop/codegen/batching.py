"""What can be done for some examples at a time, by the sum rule: the sum over all is the sum over the parts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from symbackprop.codegen.program import Operation, Program, Value
from symbackprop.network.network import Network

BEFORE, EACH, SUM, AFTER = "before", "each", "sum", "after"
_LINEAR = ("add", "subtract", "negative")


class _InseparableError(Exception):
    """One example needs what is known of others only after all have been seen."""


@dataclass
class Phases:
    """A program in three parts: what goes before, what is done for some examples at a time, and what follows.

    `sums` are added up over the examples: what `each` makes, and `after` needs. `axis` is where an array has the
    examples. If they cannot be separated, all operations are in `each`, and nothing is said to be split.
    """

    before: list[Operation]
    each: list[Operation]
    after: list[Operation]
    sums: tuple[Value, ...]
    size: Any = None
    axes: dict[Value, int] = field(default_factory=dict)  # of the arguments that are split

    @property
    def is_split(self) -> bool:
        return bool(self.axes)


def separated(program: Program, network: Network, *, early: bool = True) -> Phases:
    """The phases of a program.

    Args:
        program: of the network.
        network: it knows the size that counts examples.
        early: whether sums over the examples are added to each other in `each`, so that fewer are kept.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> net = sb.mlp([2, 3, 1], l2="lam")
    >>> phases = separated(program(sb.derive(net).tape, ["J", "dJdW1", "dJdW2"]), net)
    >>> [str(value) for value in phases.axes], len(phases.sums)
    (['X', 'y'], 3)
    """
    _, sizes = network.examples
    size = next(iter(sizes)) if len(sizes) == 1 else None
    whole = Phases([], program.operations, [], program.results)
    if size is None or not size.is_Symbol:
        return whole
    try:
        phases = _phases(program, size, early)
        axes = {value: axis for value in program.arguments if (axis := _axis(value, size)) is not None}
        if any(_axis(value, size) is not None for value in program.results) or len(set(axes.values())) > 1:
            raise _InseparableError
    except _InseparableError:
        return whole
    parts = {name: [o for o in program.operations if phases[o.result] == name] for name in (BEFORE, EACH, SUM, AFTER)}
    each = [operation for operation in program.operations if phases[operation.result] in (EACH, SUM)]
    needed = {value for operation in parts[AFTER] for value in operation.values}.union(program.results)
    sums = tuple(operation.result for operation in parts[SUM] if operation.result in needed)
    return Phases(parts[BEFORE], each, parts[AFTER], sums, size, axes) if sums else whole


def _phases(program: Program, size: Any, early: bool) -> dict[Value, str]:
    phases = {value: BEFORE if _axis(value, size) is None else EACH for value in program.arguments}
    for operation in program.operations:
        parts = {phases[value] for value in operation.values}
        added = early and parts == {SUM} and operation.function in _LINEAR
        # the sum of sums is the sum, over the examples, of sums; a constant would be added for each part
        added = added and len(operation.values) == len(operation.arguments)
        phases[operation.result] = SUM if added else _phase(operation, size, parts)
    return phases


def _phase(operation: Operation, size: Any, parts: set[str]) -> str:
    late = bool(parts & {SUM, AFTER})
    if EACH not in parts and _axis(operation.result, size) is None:
        return AFTER if late else BEFORE
    if late:
        raise _InseparableError
    if EACH not in parts:  # ones, or a row that is repeated for every example
        if operation.function not in ("code", "broadcast"):
            raise _InseparableError
        return EACH
    axis = _AXES.get(operation.function, _same_axis)(operation, [_axis(value, size) for value in operation.values])
    if axis != _axis(operation.result, size):
        raise _InseparableError
    return SUM if axis is None else EACH


def _axis(value: Value, size: Any) -> int | None:
    """The axis of a value that has the examples."""
    axes = [axis for axis, length in enumerate(value.shape) if size in length.free_symbols]
    if len(axes) > 1 or any(value.shape[axis] != size for axis in axes):
        raise _InseparableError
    return axes[0] if axes else None


# the axis of the examples in a result; None where it is a sum over them


def _same_axis(_: Operation, axes: list[int | None]) -> int | None:
    """Of what leaves the axis as it is; where it does not, the shape of the result tells."""
    found = {axis for axis in axes if axis is not None}
    if len(found) != 1:
        raise _InseparableError
    return found.pop()


def _of_dot(_: Operation, axes: list[int | None]) -> int | None:
    known: dict[tuple[Any, ...], int | None] = {(0, None): 0, (None, 1): 1, (1, 0): None}
    if tuple(axes) not in known:
        raise _InseparableError
    return known[tuple(axes)]


def _of_transpose(_: Operation, axes: list[int | None]) -> int | None:
    return None if axes[0] is None else 1 - axes[0]


def _of_total(_: Operation, axes: list[int | None]) -> None:
    if len(set(axes)) != 1:
        raise _InseparableError


def _of_sum(operation: Operation, axes: list[int | None]) -> int | None:
    return None if axes[0] == operation.arguments[1] else axes[0]


def _unknown(_: Operation, __: list[int | None]) -> None:
    raise _InseparableError


_AXES: dict[str, Callable[[Operation, list[int | None]], int | None]] = {
    "dot": _of_dot,
    "transpose": _of_transpose,
    "vdot": _of_total,
    "total": _of_total,
    "sum": _of_sum,
    "code": _unknown,
}
