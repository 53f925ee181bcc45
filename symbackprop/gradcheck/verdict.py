"""The verdict on one parameter, from what was looked at."""

from dataclasses import replace

import numpy as np

from symbackprop.errors import shape_text
from symbackprop.gradcheck.comparisons import CONFIDENT, POWER, POWER_ALONG, Look, Subject
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.kinks import kink_at
from symbackprop.gradcheck.report import Block
from symbackprop.verdicts import Verdict

_NEARER = 1e-3  # of the first step: a kink, or what makes a cost change fast, may be near
_ROUNDINGS = 4096  # of the largest of all gradients: by less, one that should be 0 is off where terms cancel
NOTHING = 1e-5  # nor does one above this part of all gradients, where this one is 0 within it


def is_wrong(numerics: Numerics, look: Look) -> bool:
    """Whether ours is off beyond doubt, whatever kink there may be."""
    look = numerics.once(_second, look)
    if look.agrees:
        return False
    kink = numerics.once(kink_at, look)
    return _is_accused(numerics, look) if kink is None else kink.forbids(look.ours)


def _is_accused(numerics: Numerics, look: Look) -> bool:
    """Whether ours is far off a slope that is one: nearer to the point, the cost may have a kink that hides."""
    return look.accused and not numerics.bend(look.direction, look.numeric.step) > look.difference / 2


def judged(numerics: Numerics, subject: Subject, looks: list[Look], scale: float) -> Block:
    name, array = subject.name, subject.array
    if not looks:
        return _without_looks(subject)
    looks = [numerics.once(_second, look) for look in looks]
    size = max((look.size for look in looks if look.index is not None), default=0.0)
    unsure = [look for look in looks if not look.agrees or _is_blind(look, size, scale)]
    kinks = [(look, kink) for look in unsure if (kink := numerics.once(kink_at, look)) is not None]
    at_kinks = [look for look, _ in kinks]
    smooth = [look for look in unsure if look not in at_kinks]
    least = _ROUNDINGS * numerics.epsilon * scale
    wrong = [look for look in smooth if not look.agrees and look.difference > least and _is_accused(numerics, look)]
    wrong += [look for look, kink in kinks if kink.forbids(look.ours)]
    within = [look for look, kink in kinks if look.index is not None and kink.allows(look.ours)]
    blind = [look for look in unsure if look not in within]
    verdict = Verdict.WRONG if wrong else Verdict.UNDECIDED if blind else Verdict.RIGHT
    shown = max(wrong or blind or looks, key=lambda look: np.nan_to_num(look.difference, nan=np.inf))
    return Block(
        name,
        array.shape,
        verdict,
        difference=shown.difference,
        index=shown.index or (),
        ours=float(shown.ours),
        numeric=float(shown.numeric.value),
        uncertainty=float(shown.numeric.error),
        size=max(look.size for look in looks),
        relative=shown.difference / shown.size if shown.size else 0.0,
        resolution=max((_resolution(look, size, scale) for look in looks if look not in within), default=0.0),
        norm_ratio=_norm_ratio(looks),
        looked_at=len(looks),
        kinks=len(kinks),
        note=_note(array, looks, at_kinks, wrong, blind),
    )


def _without_looks(subject: Subject) -> Block:
    """What can be said without a single slope: the shape is wrong, a number is not finite, or there is none."""
    ours, shape = subject.gradient, subject.array.shape
    if ours.shape != shape:
        note = f"the gradient has shape {shape_text(ours.shape)}, the parameter {shape_text(shape)}"
        return Block(subject.name, shape, Verdict.WRONG, note=note)
    if not ours.size:
        return Block(subject.name, shape, Verdict.RIGHT, note="it has no entries")
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(ours))[0])
    return Block(subject.name, shape, Verdict.WRONG, note=f"the gradient is {ours[index]} at {list(index)}")


def _second(numerics: Numerics, look: Look) -> Look:
    """The look with another numeric slope, from nearer the point, where the first one cannot be."""
    if look.agrees:
        return look
    for numeric in (numerics.slope(look.direction, _NEARER), numerics.local_slope(look.direction)):
        if abs(numeric.value - look.numeric.value) > CONFIDENT * (numeric.error + look.numeric.error):
            look = replace(look, numeric=numeric)
    found = look.numeric
    if look.agrees or not np.isfinite(found.step):
        return look
    return replace(look, numeric=replace(found, error=found.error + numerics.unevenness(look.direction, found)))


def _norm_ratio(looks: list[Look]) -> float:
    """‖ours − numeric‖ / ‖ours + numeric‖."""
    ours, numeric = (np.array(values) for values in zip(*((x.ours, x.numeric.value) for x in looks), strict=True))
    difference, total = float(np.linalg.norm(ours - numeric)), float(np.linalg.norm(ours + numeric))
    return difference / total if total else (float("inf") if difference else 0.0)


def _is_blind(look: Look, size: float, scale: float) -> bool:
    """Whether the error bar is too large to tell right from wrong.

    It is compared with the size of this parameter's gradient, or with the share of one entry in a direction; or, where
    that is 0, with the scale of all gradients.
    """
    if look.index is None:
        return look.tolerance > POWER_ALONG * look.of_an_entry and (bool(look.ours) or look.tolerance > NOTHING * scale)
    if size > look.tolerance:
        return look.tolerance > POWER * size
    is_nothing = abs(look.ours) <= _ROUNDINGS * float(np.finfo(float).eps) * scale
    return not is_nothing or look.tolerance > NOTHING * scale


def _resolution(look: Look, size: float, scale: float) -> float:
    """What is too small to be seen, as a part of what `_is_blind` compares with."""
    size = look.of_an_entry if look.index is None else size
    whole = size if size > look.tolerance else scale
    return look.tolerance / whole if whole else 0.0


def _note(array: np.ndarray, looks: list[Look], kinks: list[Look], wrong: list[Look], blind: list[Look]) -> str:
    notes = []
    along = [look for look in looks if look.index is None]
    if along:
        where = "all entries of all parameters" if len(along[0].shares) > 1 else f"all {array.size} entries"
        notes.append(f"looked at along {len(along)} {'direction' if len(along) == 1 else 'directions'} through {where}")
    if wrong and len(looks) > 1:
        notes.append(f"{len(wrong)} of {len(looks)} slopes differ")
    if kinks:
        where = "between" if not wrong and not blind else "not everywhere between"
        notes.append(f"the cost has a kink at {len(kinks)} entries; ours lies {where} the slopes on both sides")
    if blind and not wrong:
        notes.append("the differences are too uncertain here")
    return "; ".join(notes)
