"""A table of every entry in which gradients differ from numerical derivatives."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from symbackprop.gradcheck.parameters import Arrays
from symbackprop.render.plot_data import CostDerivatives

_MOST_LINES = 200
_CLOSE = 1e-6  # the relative difference that counts as none


def differing_entries(
    cost: Callable[..., Any],
    gradients: Callable[..., Any] | None,
    params: object,
    data: Mapping[str, Any] | None = None,
) -> str:
    """Return one line for each entry whose gradient lies outside the error bar of its numerical derivative.

    Raises:
        ArgumentError: the parameters have too many entries to differentiate them one by one.

    >>> import numpy as np
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> print(differing_entries(lambda x: np.sum(x**2), lambda x: 2 * x * np.array([1, 1, 2]), x))
    1 of 3 entries differ:
      x[2]: the gradient is 12, the derivative 6 ± ...
    """
    derivatives = CostDerivatives(_first(cost) if gradients is None else cost, params, data)
    ours = derivatives.ours(_second(cost) if gradients is None else gradients)
    blocks = derivatives.entries(range(len(ours)), "check fewer parameters")
    lines = list(_lines(derivatives, ours, blocks))
    number = sum(map(len, blocks.values()))
    shown = [*lines[:_MOST_LINES], *([f"  and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else [])]
    return "\n".join([f"{len(lines)} of {number} entries differ:", *shown])


def _lines(derivatives: CostDerivatives, ours: Arrays, blocks: Mapping[int, list[tuple[int, ...]]]) -> Iterator[str]:
    for block, entries in blocks.items():
        for entry in entries:
            found, given = derivatives.derivative(block, entry), float(ours[block][entry])
            close = _CLOSE * max(abs(given), abs(found.value))
            if not abs(given - found.value) <= max(found.error, close):
                bar = f"{found.value:.9g} ± {found.error:.0e}"
                yield f"  {derivatives.place(block, entry)}: the gradient is {given:.9g}, the derivative {bar}"


def _first(both: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: both(*args, **options)[0]


def _second(both: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: both(*args, **options)[1]
