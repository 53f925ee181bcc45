"""The verdict on one parameter, from its comparisons."""

from dataclasses import replace

import numpy as np

from symbackprop.errors import shape_text
from symbackprop.gradcheck.comparisons import CONFIDENT, POWER, POWER_ALONG, Comparison, Subject
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.kinks import kink_at
from symbackprop.gradcheck.report import ParameterCheck
from symbackprop.verdicts import Verdict

_NEARER = 1e-3  # of the first step: a kink may be near, or the cost may change fast
_ROUNDINGS = 4096  # of the largest of all gradients: a gradient of 0 may be off by less, where terms cancel
NOTHING = 1e-5  # an error bar above this part of all gradients decides nothing on a gradient of 0


def is_wrong(numerics: Numerics, comparison: Comparison) -> bool:
    """Return True if the derivative under test is wrong beyond doubt, even if the point is at a kink."""
    comparison = numerics.once(_second, comparison)
    if comparison.agrees:
        return False
    kink = numerics.once(kink_at, comparison)
    return _is_surely_off(numerics, comparison) if kink is None else kink.forbids(comparison.ours)


def _is_surely_off(numerics: Numerics, comparison: Comparison) -> bool:
    """Return True if the derivative under test is far off and no nearer kink can explain that."""
    return (
        comparison.is_far_off
        and not numerics.bend(comparison.direction, comparison.numeric.step) > comparison.difference / 2
    )


def judge(numerics: Numerics, subject: Subject, comparisons: list[Comparison], scale: float) -> ParameterCheck:
    """Return the check of a parameter; `scale` is the magnitude of the gradients with respect to all parameters."""
    name, array = subject.name, subject.array
    if not comparisons:
        return _without_comparisons(subject)
    comparisons = [numerics.once(_second, comparison) for comparison in comparisons]
    size = max((comparison.size for comparison in comparisons if comparison.index is not None), default=0.0)
    unsure = [comparison for comparison in comparisons if not comparison.agrees or _is_blind(comparison, size, scale)]
    kinks = [(comparison, kink) for comparison in unsure if (kink := numerics.once(kink_at, comparison)) is not None]
    at_kinks = [comparison for comparison, _ in kinks]
    smooth = [comparison for comparison in unsure if comparison not in at_kinks]
    least = _ROUNDINGS * numerics.epsilon * scale
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
    return ParameterCheck(
        name,
        array.shape,
        verdict,
        difference=shown.difference,
        index=shown.index or (),
        ours=float(shown.ours),
        numeric=float(shown.numeric.value),
        uncertainty=float(shown.numeric.error),
        size=max(comparison.size for comparison in comparisons),
        relative=shown.difference / shown.size if shown.size else 0.0,
        resolution=max(
            (_resolution(comparison, size, scale) for comparison in comparisons if comparison not in within),
            default=0.0,
        ),
        norm_ratio=_norm_ratio(comparisons),
        looked_at=len(comparisons),
        kinks=len(kinks),
        note=_note(array, comparisons, at_kinks, wrong, blind),
    )


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
        numerics.derivative(comparison.direction, _NEARER),
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


def _norm_ratio(comparisons: list[Comparison]) -> float:
    """Return ‖g − n‖ / ‖g + n‖ for the gradient g under test and the numeric gradient n."""
    ours, numeric = (np.array(values) for values in zip(*((x.ours, x.numeric.value) for x in comparisons), strict=True))
    difference, total = float(np.linalg.norm(ours - numeric)), float(np.linalg.norm(ours + numeric))
    return difference / total if total else (float("inf") if difference else 0.0)


def _is_blind(comparison: Comparison, size: float, scale: float) -> bool:
    """Return True if the error bar is too large to distinguish right from wrong.

    The error bar is compared with the magnitude of this parameter's gradient, or along a direction with the
    contribution of one entry; if that is 0, with the scale of all gradients.
    """
    if comparison.index is None:
        return comparison.tolerance > POWER_ALONG * comparison.typical_entry and (
            bool(comparison.ours) or comparison.tolerance > NOTHING * scale
        )
    if size > comparison.tolerance:
        return comparison.tolerance > POWER * size
    is_nothing = abs(comparison.ours) <= _ROUNDINGS * float(np.finfo(float).eps) * scale
    return not is_nothing or comparison.tolerance > NOTHING * scale


def _resolution(comparison: Comparison, size: float, scale: float) -> float:
    """Return the largest difference that would not be noticed, relative to the magnitude that `_is_blind` uses."""
    size = comparison.typical_entry if comparison.index is None else size
    whole = size if size > comparison.tolerance else scale
    return comparison.tolerance / whole if whole else 0.0


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
