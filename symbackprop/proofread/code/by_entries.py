"""A person's functions run on arrays of scalars that remember: the gradient is compared entry by entry."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from symbackprop.errors import SymbackpropError
from symbackprop.proofread.code.compare import Exact
from symbackprop.tracing.arguments import Given
from symbackprop.tracing.calls import Code
from symbackprop.tracing.patching import standing_in
from symbackprop.tracing.returned import cost_in, gradients_in
from symbackprop.tracing.sampling import Drawn
from symbackprop.tracing.scalars.array import arrays_of
from symbackprop.tracing.scalars.differentiate import agree
from symbackprop.tracing.scalars.numpy_functions import BUILTINS, MATH, NUMPY, SCIPY, StandIn
from symbackprop.tracing.scalars.scalar import BranchLog, Scalar
from symbackprop.tracing.untraceable import Untraceable


def compared_by_entries(code: Code, given: Given, point: Drawn, rng: np.random.Generator) -> Exact:
    """Each entry of the gradients against the derivative of the cost by it, in 50 digits at points near this one.

    Raises Untraceable for code that cannot be followed like this.
    """
    arrays = {n: v if n in given.labels else arrays_of(n, v) for n, v in point.values.items()}
    with standing_in(code.functions, _instead, BUILTINS), BranchLog() as decided:
        cost, gradients = _run(code, arrays, given)
    claimed: dict[str, list[Any]] = {}
    for name in given.wrt:
        claim = np.asarray(gradients[name], dtype=object)
        if claim.size != np.size(point.values[name]):
            raise Untraceable(f"the gradient by {name} has shape {claim.shape}")
        claimed[name] = list(claim.ravel())
    entries = [entry for name in given.wrt for entry in np.asarray(arrays[name], dtype=object).ravel()]
    flat = [claim for claims in claimed.values() for claim in claims]
    agreement = agree(cost, flat, entries, decided, rng)
    ends = np.cumsum([len(claims) for claims in claimed.values()])
    parts = {name: slice(end - len(claimed[name]), end) for name, end in zip(claimed, ends, strict=True)}
    right = {name: all(agreement.entries[part]) for name, part in parts.items()}
    pairs = list(zip(agreement.claimed, agreement.derived, strict=True))
    opposite = {name: all(abs(c + d) <= 1e-30 * abs(d) for c, d in pairs[part]) for name, part in parts.items()}
    sizes = ", ".join(f"{name}={n}" for name, n in point.sizes.items())
    where = f"entry by entry, in 50 digits at random points of {sizes or 'these sizes'}"
    return Exact(right, opposite, where)


def _run(code: Code, arrays: Any, given: Given) -> tuple[Any, Any]:
    try:
        found, gradients = code.run({**arrays, **given.constants})
        cost = np.sum(np.asarray(cost_in(found), dtype=object))
        shapes = {name: np.shape(arrays[name]) for name in given.wrt}
        return Scalar.of(cost), gradients_in(gradients, given.wrt, shapes)
    except (Untraceable, SymbackpropError):
        raise
    except Exception as error:  # the same code runs with numbers
        raise Untraceable(f"{type(error).__name__}: {error}") from None


_SPECIAL = "scipy.special"
_MODULES: dict[str, Callable[[ModuleType], Any]] = {
    "numpy": lambda module: NUMPY,
    "numpy.linalg": lambda module: NUMPY.linalg,
    "math": lambda module: StandIn(module, MATH),
    _SPECIAL: lambda module: StandIn(module, SCIPY, "it uses scipy.special.{}"),
}


def _instead(value: Any) -> Any:
    """What takes the place of a value in a person's module."""
    if isinstance(value, ModuleType):
        return _MODULES[value.__name__](value) if value.__name__ in _MODULES else value
    if not callable(value) or isinstance(value, type):
        return value
    name = getattr(value, "__name__", "")
    if value is getattr(np, name, None):
        return getattr(NUMPY, name)
    if value is getattr(math, name, None):
        return MATH.get(name, value)
    of_scipy = str(getattr(value, "__module__", "")).startswith("scipy") or type(value).__module__.startswith(_SPECIAL)
    return SCIPY.get(name, value) if of_scipy else value
