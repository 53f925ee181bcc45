"""Runs of the user's functions on arrays of traced scalars, and comparison of the gradient entry by entry."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from symbackprop.proofread.code.compare import ExactComparison
from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.outcome import computed, computed_cost
from symbackprop.tracing.patching import placeholders_in_place
from symbackprop.tracing.randomness import tolerant
from symbackprop.tracing.sampling import SamplePoint
from symbackprop.tracing.scalars.array import as_scalars, named_array
from symbackprop.tracing.scalars.differentiate import agree
from symbackprop.tracing.scalars.numpy_functions import BUILTINS, replacement
from symbackprop.tracing.scalars.scalar import VARIABLE, BranchLog, TracedScalar, postorder, without_guards
from symbackprop.tracing.untraceable import Untraceable, failures_as_untraceable

_GUARDED = 1e-3  # relative: what guards may change at an ordinary point


def compare_entrywise(
    code: UserCode, spec: ArgumentSpec, point: SamplePoint, rng: np.random.Generator, *, far: bool = False
) -> ExactComparison:
    """Return the comparison of the gradients with the derivative of the cost, entry by entry, to 50 digits.

    Guards such as 1e-8 in log(p + 1e-8) are left out if that explains a difference; `far` from ordinary points, where
    they may have a large effect, the cost without them may be another.

    Raises Untraceable for code that does not run on traced scalars.
    """
    found, cost = _compared(code, spec, point, rng)
    if found.all_right:
        return found
    plain, other = _compared(code, spec, point, rng, guarded=False)
    is_alike = far or bool(np.isclose(other, cost, rtol=_GUARDED))
    return plain if plain.all_right and is_alike else found


def _compared(
    code: UserCode, spec: ArgumentSpec, point: SamplePoint, rng: np.random.Generator, *, guarded: bool = True
) -> tuple[ExactComparison, float]:
    """Return the comparison, and the value of the cost."""
    bound = {c.name for c in spec.conditions}  # their entries are not variables: other values might not fulfil them
    arrays: dict[str, Any] = {
        n: v if n in spec.labels else as_scalars(v) if n in bound - {*spec.wrt} else named_array(n, v)
        for n, v in point.values.items()
    }
    with (
        placeholders_in_place(code.functions, replacement, BUILTINS),
        BranchLog() as decided,
        nullcontext() if guarded else without_guards(),
    ):
        cost, gradients = tolerant(code, spec, point, lambda: _run(code, arrays, spec))
    claimed: dict[str, list[object]] = {}
    for name in spec.wrt:
        claim = spec.sign * np.asarray(gradients[name], dtype=object)
        if claim.size != np.size(point.values[name]):
            raise Untraceable(
                f"the gradient with respect to {name} has the shape {claim.shape}, and {name} has the shape "
                f"{np.shape(point.values[name])}"
            )
        claimed[name] = list(claim.ravel())
    entries = [entry for name in spec.wrt for entry in np.asarray(arrays[name], dtype=object).ravel()]
    flat = [claim for claims in claimed.values() for claim in claims]
    agreement = agree(cost, flat, entries, decided, rng, points=0 if bound & {*spec.wrt} else 3)
    ends = np.cumsum([len(claims) for claims in claimed.values()])
    parts = {name: slice(end - len(claimed[name]), end) for name, end in zip(claimed, ends, strict=True)}
    right = {name: all(agreement.entries[part]) for name, part in parts.items()}
    pairs = list(zip(agreement.claimed, agreement.derived, strict=True))
    opposite = {name: all(abs(c + d) <= 1e-30 * abs(d) for c, d in pairs[part]) for name, part in parts.items()}
    sizes = ", ".join(f"{name}={n}" for name, n in point.sizes.items())
    where = f"entry by entry, in 50 digits at random points of {sizes or 'these sizes'}"
    where += "" if guarded else ", but for small numbers that are added as guards"
    return ExactComparison(right, opposite, where), cost.value


def decisions(code: UserCode, spec: ArgumentSpec, point: SamplePoint) -> set[tuple[frozenset[str], str, bool]]:
    """Return the comparisons of numbers that the cost makes at a point: the arguments in them, the sign, the outcome.

    Raises Untraceable for a cost that does not run on traced scalars.
    """
    arrays = {n: v if n in spec.labels else named_array(n, v) for n, v in point.values.items()}
    with (
        placeholders_in_place(code.functions, replacement, BUILTINS),
        BranchLog() as decided,
        failures_as_untraceable(),
    ):
        computed_cost(code, spec, arrays)
    return {
        (
            frozenset(node.held[0] for node in postorder([each.difference]) if node.op == VARIABLE),
            each.relation,
            each.truth,
        )
        for each in decided.conditions
    }


def _run(code: UserCode, arrays: Mapping[str, object], spec: ArgumentSpec) -> tuple[TracedScalar, dict[str, object]]:
    with failures_as_untraceable():
        cost, gradients = computed(code, spec, arrays)
        return TracedScalar.of(np.sum(np.asarray(cost, dtype=object))), gradients
