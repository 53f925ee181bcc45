"""The cost and the gradients that the user's code computes: numbers, or placeholders where it is traced."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.tracing.aliases import Arguments
from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.calls import Run, UserCode
from symbackprop.tracing.results import shape_of
from symbackprop.tracing.return_statement import calls_sum
from symbackprop.tracing.returned import GRADIENT, UPDATED, Wanted, gradients_in
from symbackprop.tracing.structure import Path

_COSTS = ("J", "loss", "cost", "L")  # keys of a dictionary


def computed_cost(code: UserCode, spec: ArgumentSpec, values: Arguments) -> Any:
    """Return the cost, a number."""
    every = spec.given(values)
    return _cost(code, spec, every, code.run(every, gradient=False))


def computed(code: UserCode, spec: ArgumentSpec, values: Arguments) -> tuple[Any, dict[str, object]]:
    """Return the cost, and the gradient of each parameter.

    Raises:
        ArgumentError: what the code returns is not a cost and its gradients, or may be understood in several ways.
    """
    every = spec.given(values)
    run = code.run(every)
    return _cost(code, spec, every, run), _gradients(code, spec, every, run)


# The cost


def _cost(code: UserCode, spec: ArgumentSpec, values: Mapping[str, Any], run: Run) -> Any:
    """Return the cost: a number, or the product of a layer's results with their upstream gradients."""
    place = _place_of_cost(run.cost)
    upstream = spec.upstream or _upstream(code, values, run.cost)
    if upstream:
        return _contracted(run.cost, [values[name] for name in upstream])
    found = _at(run.cost, place)
    if found is None or isinstance(found, str):
        raise ArgumentError(f"the cost returns {'nothing' if found is None else repr(found)}; a number is expected")
    if not _is_number(found):
        _require_sum(code, shape_of(found))
    return found


def _require_sum(code: UserCode, shape: tuple[int, ...]) -> None:
    """Raise ArgumentError for a cost of several entries, unless Python's sum has left one for each column."""
    if len(shape) == 1 and calls_sum(code.cost):
        code.remark("Python's sum adds up rows: the cost is the sum of the numbers that it leaves, one for each column")
        return
    alone = code.of_gradient_alone(code.structure.paths)
    layer = f"; if this is a layer, name the upstream gradient, as in upstream={alone[0]!r}" if alone else ""
    raise ArgumentError(
        f"the cost returns an array of shape {shape}, and a number is expected: return np.sum or np.mean of it, "
        f"whichever is meant{layer}"
    )


def _upstream(code: UserCode, values: Mapping[str, Any], result: object) -> tuple[str, ...]:
    """Return the name of the upstream gradient of a layer: only the gradient takes it, in the shape of the result."""
    output = _at(result, _place_of_cost(result))
    if _is_number(output):
        return ()
    alone = [n for n in code.of_gradient_alone(values) if shape_of(values[n]) == shape_of(output)]
    if len(alone) != 1:
        return ()
    code.remark(f"{alone[0]} is taken as the upstream gradient: the cost is the sum of {alone[0]} times the result")
    return tuple(alone)


def _contracted(result: Any, upstream: list[Any]) -> Any:
    """Return the sum of the products of results and their upstream gradients."""
    outputs = list(result) if isinstance(result, tuple | list) else [result]
    if len(outputs) < len(upstream):
        raise ArgumentError(f"there are {len(upstream)} upstream gradients, but {len(outputs)} results")
    total: Any = 0
    for output, gradient in zip(outputs, upstream, strict=False):
        if shape_of(output) != shape_of(gradient):
            raise ArgumentError(
                f"a result has the shape {shape_of(output)}, and its upstream gradient the shape {shape_of(gradient)}"
            )
        total = total + np.sum((output if hasattr(output, "shape") else np.asarray(output)) * gradient)
    return total


def _place_of_cost(result: object) -> Path:
    """Return the place of the cost in a result: the first item, or the only one that is a number, or a key."""
    if isinstance(result, Mapping):
        name = next((key for key in _COSTS if key in result), None)
        if name is None:
            raise ArgumentError(
                f"the cost returns a dictionary of {listed(result)}; a number is expected, or a dictionary with one "
                f"under {listed(_COSTS, 'or')}"
            )
        return (name,)
    if not isinstance(result, tuple | list) or not result:
        return ()
    numbers = [k for k, item in enumerate(result) if _is_number(item)]
    return (numbers[0] if numbers[:1] == [0] or len(numbers) == 1 else 0,)


def _at(result: Any, place: Path) -> Any:
    """Return the cost at its place; in a tuple inside of a tuple, its first item."""
    found = result[place[0]] if place else result
    return _at(found, _place_of_cost(found)) if isinstance(found, tuple | list) and found else found


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, str | tuple | list | Mapping):
        return False
    return math.prod(shape_of(value)) == 1


# The gradients


def _gradients(code: UserCode, spec: ArgumentSpec, values: Mapping[str, Any], run: Run) -> dict[str, object]:
    paths = {name: spec.structure.paths.get(name, (name,)) for name in spec.wrt}
    forms = GRADIENT if spec.step is None else UPDATED
    wanted = Wanted(paths, {name: shape_of(values[name]) for name in spec.wrt}, forms)
    both = code.gradient is None
    cost = _place_of_cost(run.cost) if both else ()
    result = None if both and not cost else run.gradient
    found = gradients_in(result, wanted, labels=code.labels[-1], cost=cost, left=run.left, remark=code.remark)
    if spec.step is None:
        return found
    length: Any = values[spec.step] if isinstance(spec.step, str) else spec.step
    return {name: (values[name] - found[name]) / length for name in spec.wrt}
