"""Gradients against finite differences of the cost."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.check.evidence import sizes_of, with_mistakes
from symbackprop.check.judging import NOTHING, judged
from symbackprop.check.looks import Subject, looks_at, subjects_of
from symbackprop.check.numerical import Numerics
from symbackprop.check.parameters import Arrays, Parameters, require_callable
from symbackprop.check.report import Block, GradientCheck
from symbackprop.errors import ArgumentError
from symbackprop.verdicts import Verdict


def check_gradients(
    cost: Callable[..., Any],
    gradients: Callable[..., Any] | None,
    params: Any,
    *,
    data: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> GradientCheck:
    """Compare gradients with finite differences of the cost.

    Args:
        cost: the cost as a function; or, with `gradients` None, one callable that returns (J, gradients).
        gradients: returns the gradients in the structure of `params`.
        params: an array, a tuple or list of arrays, or a mapping; the callables are called f(x), f(*arrays) or
            f(**arrays) accordingly. It is not changed.
        data: fixed keyword arguments of every call.
        seed: for the directions and samples that stand for parameters of more than 400 entries.

    No fixed tolerance decides: a gradient is right where it lies within the error bar of the extrapolated
    differences. Where the cost has a kink, it is right between the slopes on the two sides.

    Raises:
        ArgumentError: parameters or gradients that are no arrays of numbers, or a cost that is no number.

    >>> import numpy as np
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> check_gradients(lambda x: np.sum(x**3), lambda x: 3 * x**2, x).verdict
    <Verdict.RIGHT: 'right'>
    >>> check_gradients(lambda x: np.sum(x**3), lambda x: -3 * x**2, x).verdict
    <Verdict.WRONG: 'wrong'>
    """
    require_callable("cost", cost)
    if gradients is not None:
        require_callable("gradients", gradients)
    taken = Parameters.of(params, data)
    alone = cost if gradients is not None else (lambda *a, **k: _pair(cost(*a, **k))[0])
    numerics = Numerics(alone, taken)

    def function(arrays: Arrays) -> Arrays:
        found = taken.call(cost if gradients is None else gradients, arrays)
        return taken.aligned(_pair(found)[1] if gradients is None else found)

    if not np.isfinite(numerics.cost):
        undecided = tuple(Block(n, a.shape, Verdict.UNDECIDED) for n, a in zip(taken.labels, taken.arrays, strict=True))
        reason = f"the cost is {numerics.cost} at this point"
        return GradientCheck(Verdict.UNDECIDED, undecided, numerics.evaluations, numerics.cost, reason)
    rng = np.random.default_rng(seed)
    found = _Round(numerics, subjects_of(function, taken, rng), rng)
    blocks = list(found.blocks)
    evaluations = numerics.evaluations
    if Verdict.UNDECIDED in {block.verdict for block in blocks}:
        wide = Numerics(alone, taken.widened())
        if wide.is_extended:
            further = _Round(wide, subjects_of(function, taken.widened(), rng), rng)
            pairs = zip(blocks, further.blocks, strict=True)
            blocks = [one if one.verdict != Verdict.UNDECIDED else _arbitrated(other) for one, other in pairs]
        evaluations += wide.evaluations
    named = with_mistakes(numerics, found.subjects, found.looks, blocks, sizes_of(data))
    verdicts = {block.verdict for block in named}
    verdict = next((v for v in (Verdict.WRONG, Verdict.UNDECIDED) if v in verdicts), Verdict.RIGHT)
    reason = f"calls of the cost at one point differ by {numerics.spread:.1e}" if numerics.spread else ""
    return GradientCheck(verdict, named, evaluations, numerics.cost, reason)


def assert_gradients(
    cost: Callable[..., Any],
    gradients: Callable[..., Any] | None,
    params: Any,
    *,
    data: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> None:
    """For tests: raise AssertionError with the readable report unless the gradients are right."""
    __tracebackhide__ = True
    report = check_gradients(cost, gradients, params, data=data, seed=seed)
    if report.verdict != Verdict.RIGHT:
        raise AssertionError(str(report))


def _pair(result: Any) -> Any:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ArgumentError("without a gradients function the cost must return (J, gradients)")
    return result


class _Round:
    """Every parameter looked at in one precision, and judged."""

    def __init__(self, numerics: Numerics, subjects: list[Subject], rng: np.random.Generator):
        self.subjects = subjects
        self.looks = [looks_at(numerics, subject, rng) for subject in subjects]
        scale = max([NOTHING * abs(numerics.cost), *(look.size for block in self.looks for look in block)])
        self.blocks = [judged(numerics, *both, scale) for both in zip(subjects, self.looks, strict=True)]


def _arbitrated(block: Block) -> Block:
    said = "" if block.verdict == Verdict.UNDECIDED else "decided in extended precision"
    return replace(block, note="; ".join(filter(None, [block.note, said])))
