"""Split of a program into a phase that runs once for each batch of examples, and phases for all of the data.

By the sum rule, a sum over all examples is the sum of the sums over batches.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from symbackprop.codegen.program import ArrayOperation, Program, Value
from symbackprop.expressions.aliases import Size
from symbackprop.network.network import Network

BEFORE, EACH, SUM, AFTER = "before", "each", "sum", "after"
_LINEAR = ("add", "subtract", "negative")
_NO_AXIS = -1  # an operation on arguments with these axes mixes the examples
_DOT_AXES = {(0, None): 0, (None, 1): 1, (1, 0): None}


class _InseparableError(Exception):
    """An error: the computation for one example needs a result over all examples."""


@dataclass
class Phases:
    """A program in three phases; if the examples cannot be separated, all operations are in `each`."""

    before: list[ArrayOperation]
    each: list[ArrayOperation]  # for each batch of examples
    after: list[ArrayOperation]
    sums: tuple[Value, ...]  # results of `each` that `after` needs, added up over the batches
    size: Size | None = None  # the symbol for the number of examples
    axes: dict[Value, int] = field(default_factory=dict)  # the axis of the examples in each argument that has them

    @property
    def is_split(self) -> bool:
        """True if the examples can be separated."""
        return bool(self.axes)


def split_by_examples(program: Program, network: Network, *, early: bool = True) -> Phases:
    """Return the phases of a program.

    Args:
        program: the program of a network.
        network: the network, which knows the size that counts examples.
        early: True if `each` itself adds up the sums over the examples, so that fewer arrays are kept.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> net = sb.mlp([2, 3, 1], l2="lam")
    >>> phases = split_by_examples(program(sb.derive(net).tape, ["J", "dJdW1", "dJdW2"]), net)
    >>> [str(value) for value in phases.axes], len(phases.sums)
    (['X', 'y'], 3)
    """
    _, sizes = network.examples
    size = next(iter(sizes)) if len(sizes) == 1 else None
    whole = Phases([], program.operations, [], program.results)
    if size is None or not size.is_Symbol or any(_has_other_axes(value, size) for value in _values(program)):
        return whole
    try:
        phases = _phases(program, size, early)
        axes = {value: axis for value in program.arguments if (axis := _example_axis(value, size)) is not None}
        if any(_example_axis(value, size) is not None for value in program.results) or len(set(axes.values())) > 1:
            raise _InseparableError
    except _InseparableError:
        return whole
    parts = {name: [o for o in program.operations if phases[o.result] == name] for name in (BEFORE, EACH, SUM, AFTER)}
    each = [operation for operation in program.operations if phases[operation.result] in (EACH, SUM)]
    needed = {value for operation in parts[AFTER] for value in operation.values}.union(program.results)
    sums = tuple(operation.result for operation in parts[SUM] if operation.result in needed)
    return Phases(parts[BEFORE], each, parts[AFTER], sums, size, axes) if sums else whole


def _values(program: Program) -> list[Value]:
    return [*program.arguments, *(operation.result for operation in program.operations)]


def _has_other_axes(value: Value, size: Size) -> bool:
    """Return True for an array with examples that is not a matrix; only matrices are split."""
    return len(value.shape) not in (0, 2) and any(size in length.free_symbols for length in value.shape)


def _phases(program: Program, size: Size, early: bool) -> dict[Value, str]:
    phases = {value: BEFORE if _example_axis(value, size) is None else EACH for value in program.arguments}
    for operation in program.operations:
        parts = {phases[value] for value in operation.values}
        added = early and parts == {SUM} and operation.function in _LINEAR
        # a sum of sums over the examples is one sum over the examples, but a constant would be added for each batch
        added = added and len(operation.values) == len(operation.arguments)
        phases[operation.result] = SUM if added else _phase(operation, size, parts)
    return phases


def _phase(operation: ArrayOperation, size: Size, parts: set[str]) -> str:
    late = bool(parts & {SUM, AFTER})
    if EACH not in parts and _example_axis(operation.result, size) is None:
        return AFTER if late else BEFORE
    known = operation.function != "code" if EACH in parts else operation.function in ("code", "broadcast")
    if late or not known:
        raise _InseparableError
    if EACH not in parts:  # a matrix of ones, or a row that is repeated for every example
        return EACH
    axis = _AXES.get(operation.function, _same_axis)(
        operation, [_example_axis(value, size) for value in operation.values]
    )
    if axis != _example_axis(operation.result, size):
        raise _InseparableError
    return SUM if axis is None else EACH


def _example_axis(value: Value, size: Size) -> int | None:
    """Return the axis along which a value has the examples, or None."""
    axes = [axis for axis, length in enumerate(value.shape) if size in length.free_symbols]
    if len(axes) > 1 or any(value.shape[axis] != size for axis in axes):
        raise _InseparableError
    return axes[0] if axes else None


# The axis of the examples in a result, from their axes in the arguments; None for a sum over the examples


def _same_axis(_: ArrayOperation, axes: list[int | None]) -> int | None:
    """Return the axis of the examples that the arguments share, or _NO_AXIS if they have several."""
    found = {axis for axis in axes if axis is not None}
    return found.pop() if len(found) == 1 else _NO_AXIS


def _sum_of_all(_: ArrayOperation, axes: list[int | None]) -> int | None:
    return None if len(set(axes)) == 1 else _NO_AXIS


_AXES: dict[str, Callable[[ArrayOperation, list[int | None]], int | None]] = {
    "dot": lambda _, axes: _DOT_AXES.get((axes[0], axes[1]), _NO_AXIS),
    "transpose": lambda _, axes: None if axes[0] is None else 1 - axes[0],
    "vdot": _sum_of_all,
    "total": _sum_of_all,
    "sum": lambda operation, axes: None if axes[0] == operation.arguments[1] else axes[0],
}
