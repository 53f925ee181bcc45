"""Plain gradient descent, for observing how the cost decreases."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.gradcheck.parameters import Parameters, require_callable, scalar_value


@dataclass(frozen=True)
class Descent:
    """The parameters after a gradient descent, and the cost before each step and after the last one."""

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
    """Subtract learning rate × gradient from every parameter, `steps` times.

    Args:
        f: a function, called as f(**data, **parameters), that returns J and then the gradients, in the order of
            `f.parameters` (or of `parameters`, if f has no such attribute).
        parameters: the parameters to start from; they are not changed.
        data: the other arguments of f.
        rate: the learning rate; a negative one increases the cost.
        steps: the number of steps.
        progress: True to print the cost on standard error from time to time; or a function of (step, cost) to call.

    Raises:
        ArgumentError: the rate is not a finite number, the number of steps is negative, a parameter of f is missing, or
            the cost is no longer finite (the rate is too large).

    >>> import numpy as np, symbackprop as sb
    >>> f = sb.derive(sb.mlp([2, 3, 1])).to_numpy()
    >>> rng = np.random.default_rng(1)
    >>> start = {"W1": rng.normal(size=(2, 3)), "W2": rng.normal(size=(3, 1))}
    >>> data = {"X": [[0.3, 1.0], [0.5, 0.2], [1.0, 0.4]], "y": [[0.75], [0.82], [0.93]]}
    >>> costs = sb.gradient_descent(f, start, data, rate=1.0, steps=3).costs
    >>> bool(costs[0] > costs[1] > costs[2] > costs[3])
    True
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not np.isfinite(rate):
        raise ArgumentError(f"rate must be a finite number, not {rate!r}")
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0:
        raise ArgumentError(f"steps must be a whole number of at least 0, not {steps!r}")
    require_callable("f", f)
    start, fixed = Parameters.of(_mapping("parameters", parameters)), _mapping("data", data or {})
    current = dict(zip(start.labels, start.copies(), strict=True))
    names = list(getattr(f, "parameters", current))
    missing = [name for name in names if name not in current]
    if missing:
        raise ArgumentError(f"parameters lacks {listed(missing)}; it has {listed(current)}")
    report = _reporter(progress, int(steps))
    costs: list[float] = []
    for step in range(int(steps) + 1):
        cost, gradients = _evaluated(f, fixed, current, names)
        costs.append(cost)
        report(step, cost)
        if not np.isfinite(cost):
            raise ArgumentError(f"the cost is {cost} after {step} steps; try a rate below {rate}")
        if step < steps:
            current |= {name: current[name] - rate * gradient for name, gradient in gradients.items()}
    return Descent(current, tuple(costs))


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{name} is a {type(value).__name__}; a mapping of names to arrays is expected")
    return value


def _evaluated(
    f: Callable[..., Any], data: Mapping[str, Any], current: dict[str, np.ndarray], names: list[str]
) -> tuple[float, dict[str, np.ndarray]]:
    """Return the cost and, for each name, a gradient of the right shape."""
    twice = [name for name in data if name in current]
    if twice:
        raise ArgumentError(f"{listed(twice)} cannot be both a parameter and data")
    result = f(**data, **current)
    if not isinstance(result, tuple | list) or len(result) != 1 + len(names):
        raise ArgumentError(f"f must return J and then a gradient for each of {listed(names)}")
    gradients = {name: np.asarray(gradient) for name, gradient in zip(names, result[1:], strict=True)}
    for name, gradient in gradients.items():
        if gradient.shape != current[name].shape:
            shapes = f"{gradient.shape} but the parameter has {current[name].shape}"
            raise ArgumentError(f"the gradient with respect to {name} has shape {shapes}")
    return scalar_value(result[0]), gradients


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
