"""The verdict on one parameter, from its comparisons."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.errors import shape_text
from symbackprop.gradcheck.comparisons import COARSE_POWER, CONFIDENT, POWER, POWER_ALONG, Comparison, Subject
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.independence import is_independent
from symbackprop.gradcheck.kinks import kink_at
from symbackprop.gradcheck.report import ParameterCheck
from symbackprop.verdicts import Verdict

_NEARER = 1e-3  # of the first step: a kink, or what makes a cost change fast, may be near
_ROUNDING_BARS = 32  # rounding errors of the cost over the step: an error bar below has no other cause
_ROUNDINGS = 4096  # of the largest of all gradients: a gradient of 0 may be off by less, where terms cancel
_CLEAREST = 64  # differing entries: if these prove wrong, the others are not looked at more closely
ALL_ZERO = "every entry is 0 here, within the error bars, so that a factor or a missing term cannot show"
_INDEPENDENT = "the cost does not depend on it"


def is_wrong(numerics: Numerics, comparison: Comparison) -> bool:
    """Return True if the derivative under test is wrong beyond doubt, even if the point is at a kink."""
    comparison = numerics.once(_second, comparison)
    if comparison.agrees:
        return False
    kink = numerics.once(kink_at, comparison)
    return _is_surely_off(numerics, comparison) if kink is None else kink.forbids(comparison.ours)


def _is_surely_off(numerics: Numerics, comparison: Comparison) -> bool:
    """Return True if ours is far off, and no kink nearer to the point can explain that."""
    if not comparison.is_far_off:
        return False
    direction, step, difference = comparison.direction, comparison.numeric.step, comparison.difference
    if comparison.is_sure:
        return not numerics.bend(direction, step) > difference / 2
    is_rounding = comparison.numeric.error * step <= _ROUNDING_BARS * numerics.epsilon * abs(numerics.cost)
    return is_rounding and numerics.is_smooth(direction, step, difference / 10)


def judge(numerics: Numerics, subject: Subject, comparisons: list[Comparison], scale: float) -> ParameterCheck:
    """Judge a parameter; `scale` is the size of the gradients with respect to all parameters."""
    if not comparisons:
        return _without_comparisons(subject)
    if (differing := _many_wrong(numerics, comparisons)) is not None:
        return _wrong_throughout(numerics, subject, comparisons, differing)
    comparisons = [numerics.once(_second, comparison) for comparison in comparisons]
    least = _ROUNDINGS * numerics.epsilon * scale
    if all(_is_nothing(comparison, least) for comparison in comparisons):
        return _all_zero(numerics, subject, comparisons)
    size = max((comparison.size for comparison in comparisons if comparison.index is not None), default=0.0)
    power = COARSE_POWER if numerics.is_coarse else POWER
    unsure = [comparison for comparison in comparisons if not comparison.agrees or _is_blind(comparison, size, power)]
    kinks = [(comparison, kink) for comparison in unsure if (kink := numerics.once(kink_at, comparison)) is not None]
    at_kinks = [comparison for comparison, _ in kinks]
    smooth = [comparison for comparison in unsure if comparison not in at_kinks]
    wrong = [
        comparison
        for comparison in smooth
        if not comparison.agrees and comparison.difference > least and _is_surely_off(numerics, comparison)
    ]
    wrong += [comparison for comparison, kink in kinks if kink.forbids(comparison.ours)]
    within = [comparison for comparison, kink in kinks if comparison.index is not None and kink.allows(comparison.ours)]
    blind = [comparison for comparison in unsure if comparison not in within]
    verdict = Verdict.WRONG if wrong else Verdict.UNDECIDED if blind else Verdict.RIGHT
    shown = max(wrong or blind or comparisons, key=lambda comparison: np.nan_to_num(comparison.difference, nan=np.inf))
    return replace(
        _shown(subject, verdict, shown, comparisons),
        resolution=max((_resolution(each, size) for each in comparisons if each not in within), default=0.0),
        kinks=len(kinks),
        note=_note(subject.array, comparisons, at_kinks, wrong, blind),
    )


def _many_wrong(numerics: Numerics, comparisons: list[Comparison]) -> list[Comparison] | None:
    """Return the comparisons that differ if they are many, and the clearest of them prove to be wrong; else None."""
    differing = [comparison for comparison in comparisons if comparison.difference > comparison.tolerance]
    if len(differing) <= _CLEAREST:
        return None
    clearest = heapq.nlargest(_CLEAREST, differing, key=lambda comparison: comparison.difference / comparison.tolerance)
    return differing if all(is_wrong(numerics, comparison) for comparison in clearest) else None


def _wrong_throughout(
    numerics: Numerics, subject: Subject, comparisons: list[Comparison], differing: list[Comparison]
) -> ParameterCheck:
    """Return the check of a gradient that is wrong in many entries, each of which differs from the numeric one."""
    shown = numerics.once(_second, max(differing, key=lambda comparison: comparison.difference))
    size = max(comparison.size for comparison in comparisons)
    return replace(
        _shown(subject, Verdict.WRONG, shown, comparisons),
        resolution=max(_resolution(comparison, size) for comparison in comparisons),
        note=_note(subject.array, comparisons, [], differing, []),
    )


def _shown(
    subject: Subject, verdict: Verdict, shown: Comparison, comparisons: Sequence[Comparison], **others: Any
) -> ParameterCheck:
    """Return the row of a parameter, with the figures of one of its comparisons."""
    return ParameterCheck(
        subject.name,
        subject.array.shape,
        verdict,
        difference=shown.difference,
        index=shown.index or (),
        ours=float(shown.ours),
        numeric=float(shown.numeric.value),
        uncertainty=float(shown.numeric.error),
        size=max(comparison.size for comparison in comparisons),
        relative=shown.difference / shown.size if shown.size else 0.0,
        norm_ratio=_norm_ratio(comparisons),
        looked_at=len(comparisons),
        **others,
    )


def _is_nothing(comparison: Comparison, least: float) -> bool:
    """Return True if ours is 0, but for rounding, and the numeric derivative is 0 within its error bar."""
    return abs(comparison.ours) <= least and comparison.size <= comparison.tolerance < math.inf


def _all_zero(numerics: Numerics, subject: Subject, comparisons: Sequence[Comparison]) -> ParameterCheck:
    """Judge a gradient that is 0 in every entry: it is right if the cost does not depend on the parameter at all."""
    shown = max(comparisons, key=lambda comparison: comparison.size)
    if is_independent(numerics, subject.position):
        return _shown(subject, Verdict.RIGHT, shown, comparisons, resolution=0.0, note=_INDEPENDENT)
    return _shown(subject, Verdict.UNDECIDED, shown, comparisons, note=ALL_ZERO)


def _without_comparisons(subject: Subject) -> ParameterCheck:
    """Return the check of a gradient that has a wrong shape, no entries, or entries that are not finite."""
    ours, shape = subject.gradient, subject.array.shape
    if ours.shape != shape:
        note = f"the gradient has shape {shape_text(ours.shape)}, the parameter {shape_text(shape)}"
        return ParameterCheck(subject.name, shape, Verdict.WRONG, note=note)
    if not ours.size:
        return ParameterCheck(subject.name, shape, Verdict.RIGHT, note="it has no entries")
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(ours))[0])
    return ParameterCheck(subject.name, shape, Verdict.WRONG, note=f"the gradient is {ours[index]} at {list(index)}")


def _second(numerics: Numerics, comparison: Comparison) -> Comparison:
    """Return the comparison, with the derivative over smaller steps if it differs by more than the error bars."""
    if comparison.agrees:
        return comparison
    for numeric in (
        numerics.nearer_derivative(comparison.direction, _NEARER),
        numerics.local_derivative(comparison.direction),
    ):
        if abs(numeric.value - comparison.numeric.value) > CONFIDENT * (numeric.error + comparison.numeric.error):
            comparison = replace(comparison, numeric=numeric)
    found = comparison.numeric
    if comparison.agrees or not np.isfinite(found.step):
        return comparison
    return replace(
        comparison, numeric=replace(found, error=found.error + numerics.unevenness(comparison.direction, found))
    )


def _norm_ratio(comparisons: Sequence[Comparison]) -> float:
    """Return ‖g − n‖ / ‖g + n‖ for the gradient g under test and the numeric gradient n."""
    ours, numeric = (np.array(values) for values in zip(*((x.ours, x.numeric.value) for x in comparisons), strict=True))
    difference, total = float(np.linalg.norm(ours - numeric)), float(np.linalg.norm(ours + numeric))
    return difference / total if total else (float("inf") if difference else 0.0)


def _is_blind(comparison: Comparison, size: float, power: float) -> bool:
    """Return True if the error bar is too large to tell right from wrong.

    It is compared with the size of this parameter's gradient, or with the contribution of one entry along a direction.
    """
    if comparison.index is None:
        return comparison.tolerance > POWER_ALONG * comparison.typical_entry
    return comparison.tolerance > power * size


def _resolution(comparison: Comparison, size: float) -> float:
    """Return the largest difference that would go unnoticed, relative to the size with which `_is_blind` compares."""
    size = comparison.typical_entry if comparison.index is None else size
    return comparison.tolerance / size if size else math.inf


def _note(
    array: np.ndarray,
    comparisons: list[Comparison],
    kinks: list[Comparison],
    wrong: list[Comparison],
    blind: list[Comparison],
) -> str:
    notes = []
    along = [comparison for comparison in comparisons if comparison.index is None]
    if along:
        where = "all entries of all parameters" if len(along[0].contributions) > 1 else f"all {array.size} entries"
        notes.append(f"looked at along {len(along)} {'direction' if len(along) == 1 else 'directions'} through {where}")
    if wrong and len(comparisons) > 1:
        notes.append(f"{len(wrong)} of {len(comparisons)} derivatives differ")
    if kinks:
        where = "between" if not wrong and not blind else "not everywhere between"
        notes.append(f"the cost has a kink at {len(kinks)} entries; ours lies {where} the derivatives on both sides")
    if blind and not wrong:
        notes.append("the differences are too uncertain here")
    return "; ".join(notes)
