"""Gradient descent: the plain one, to see a cost go down."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed


@dataclass(frozen=True)
class Descent:
    """Where a descent ended, and the cost before each step and after the last."""

    parameters: dict[str, np.ndarray]
    costs: tuple[float, ...]


def gradient_descent(
    f: Callable[..., Any],
    parameters: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
    rate: float = 1.0,
    steps: int = 100,
    *,
    progress: bool | Callable[[int, float], None] = False,
) -> Descent:
    """Subtract rate × gradient from every parameter, `steps` times.

    Args:
        f: called f(**data, **parameters); returns J and then the gradients, in the order of `f.parameters`
            (or of `parameters`, for a function that has no such attribute).
        parameters: where to start; it is not changed.
        data: the other arguments.
        rate: the step's length per unit of gradient; a negative rate climbs.
        progress: True prints the cost from time to time, on standard error; or a callable of (step, cost).

    Raises:
        ArgumentError: a rate that is no finite number, a number of steps below 0, parameters that f lacks, or a
            cost that is not finite any more (the rate is too large).

    >>> import numpy as np, symbackprop as sb
    >>> f = sb.derive(sb.mlp([2, 3, 1])).to_numpy()
    >>> rng = np.random.default_rng(1)
    >>> start = {"W1": rng.normal(size=(2, 3)), "W2": rng.normal(size=(3, 1))}
    >>> data = {"X": [[0.3, 1.0], [0.5, 0.2], [1.0, 0.4]], "y": [[0.75], [0.82], [0.93]]}
    >>> costs = sb.gradient_descent(f, start, data, rate=1.0, steps=3).costs
    >>> bool(costs[0] > costs[1] > costs[2] > costs[3])
    True
    """
    if not isinstance(rate, int | float | np.number) or not np.isfinite(rate):
        raise ArgumentError(f"rate must be a finite number, not {rate!r}")
    if not isinstance(steps, int) or steps < 0:
        raise ArgumentError(f"steps must be a whole number of at least 0, not {steps!r}")
    names = list(getattr(f, "parameters", parameters))
    missing = [name for name in names if name not in parameters]
    if missing:
        raise ArgumentError(f"parameters lacks {listed(missing)}; it has {listed(parameters)}")
    report = _reporter(progress, steps)
    current = {
        name: np.array(value, dtype=float) if np.asarray(value).dtype.kind != "f" else np.array(value)
        for name, value in parameters.items()
    }
    costs = []
    for step in range(steps + 1):
        cost, *gradients = f(**(data or {}), **current)
        costs.append(float(cost))
        report(step, costs[-1])
        if not np.isfinite(costs[-1]):
            raise ArgumentError(f"the cost is {costs[-1]} after {step} steps; try a rate below {rate}")
        if step < steps:
            for name, gradient in zip(names, gradients, strict=True):
                current[name] = current[name] - rate * gradient
    return Descent(current, tuple(costs))


def _reporter(progress: bool | Callable[[int, float], None], steps: int) -> Callable[[int, float], None]:
    if callable(progress):
        return progress
    if not progress:
        return lambda step, cost: None
    every = max(1, steps // 20)

    def report(step: int, cost: float) -> None:
        if step % every == 0 or step == steps:
            print(f"step {step:>{len(str(steps))}}  cost {cost:.6g}", file=sys.stderr)

    return report
