"""The verdict on one parameter, from what was looked at."""

from dataclasses import replace

import numpy as np

from symbackprop.check.looks import CONFIDENT, DIRECTIONS, EVERY_ENTRY, SAMPLES, Look, Subject
from symbackprop.check.numerical import Numerics
from symbackprop.check.report import Block
from symbackprop.shapes import shape_text
from symbackprop.verdicts import Verdict

_POWER = 1e-3  # an error bar above this part of the gradient's size decides nothing
_KINK_STEPS = (1e-5, 1e-6, 1e-7, 1e-8)
NOTHING = 1e-5  # nor does one above this part of all gradients, where this one is 0 within it


def judged(numerics: Numerics, subject: Subject, looks: list[Look], scale: float) -> Block:
    name, array = subject.name, subject.array
    if not looks:
        return _without_looks(subject)
    looks = [look if look.difference <= look.tolerance else _second(numerics, subject, look) for look in looks]
    differing = [look for look in looks if not look.difference <= look.tolerance]
    kinks = [look for look in differing if _within_kink(numerics, subject.position, look)]
    wrong = [look for look in differing if look not in kinks and look.accused]
    size = max(look.size for look in looks)
    blind = [look for look in looks if look not in kinks and (look in differing or _is_blind(look, size, scale))]
    verdict = Verdict.WRONG if wrong else Verdict.UNDECIDED if blind else Verdict.RIGHT
    shown = max(wrong or blind or looks, key=lambda look: np.nan_to_num(look.difference, nan=np.inf))
    return Block(
        name,
        array.shape,
        verdict,
        difference=shown.difference,
        index=shown.index,
        ours=float(shown.ours),
        numeric=float(shown.numeric.value),
        uncertainty=float(shown.numeric.error),
        relative=shown.difference / shown.size if shown.size else 0.0,
        norm_ratio=_norm_ratio(looks),
        looked_at=len(looks),
        note=_note(array, looks, kinks, wrong, blind),
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


def _second(numerics: Numerics, subject: Subject, look: Look) -> Look:
    """The look with a second numeric slope, from near the point, where the first one cannot be: a kink is not far."""
    local = numerics.local_slope(subject.position, look.direction)
    apart = abs(local.value - look.numeric.value)
    return replace(look, numeric=local) if apart > CONFIDENT * (local.error + look.numeric.error) else look


def _norm_ratio(looks: list[Look]) -> float:
    """‖ours − numeric‖ / ‖ours + numeric‖."""
    ours, numeric = (np.array(values) for values in zip(*((x.ours, x.numeric.value) for x in looks), strict=True))
    difference, total = float(np.linalg.norm(ours - numeric)), float(np.linalg.norm(ours + numeric))
    return difference / total if total else (float("inf") if difference else 0.0)


def _is_blind(look: Look, size: float, scale: float) -> bool:
    """Whether the error bar is too large to tell right from wrong.

    It is compared with the size of this parameter's gradient; or, where that is 0 within the error bars, with
    the scale of all gradients.
    """
    if size > look.tolerance:
        return look.tolerance > _POWER * size
    return look.tolerance > NOTHING * scale


def _note(array: np.ndarray, looks: list[Look], kinks: list[Look], wrong: list[Look], blind: list[Look]) -> str:
    notes = []
    if array.size > EVERY_ENTRY:
        notes.append(f"looked at {DIRECTIONS} directions through all {array.size} entries and at {SAMPLES} entries")
    if wrong and len(looks) > 1:
        notes.append(f"{len(wrong)} of {len(looks)} slopes differ")
    if kinks:
        notes.append(f"the cost has a kink at {len(kinks)} entries; ours lies between the slopes on both sides")
    if blind and not wrong:
        notes.append("the differences are too uncertain here; try another point")
    return "; ".join(notes)


def _within_kink(numerics: Numerics, k: int, look: Look) -> bool:
    """Whether the slope jumps right here and ours lies within: over the smallest step at which a jump would show."""
    jumps = {}
    for step in _KINK_STEPS:
        left, right = numerics.one_sided(k, look.direction, step)
        jumps[step] = abs(right - left), numerics.rounding(k, step)
    largest = max((jump for jump, noise in jumps.values() if jump > 20 * noise), default=0.0)
    shown = [step for step, (_, noise) in jumps.items() if 20 * noise < largest]
    return bool(shown) and _jumps_around(numerics, k, look, min(shown))


def _jumps_around(numerics: Numerics, k: int, look: Look, step: float) -> bool:
    """Whether it jumps over two steps by the same amount, beyond all noise, and ours lies within."""
    near, far = (numerics.one_sided(k, look.direction, t) for t in (step, 10 * step))
    jump, noise = abs(near[1] - near[0]), numerics.rounding(k, step)
    drift = max(abs(a - b) for a, b in zip(near, far, strict=True))
    if not (jump > 20 * noise and drift < 0.1 * jump):
        return False
    slack = noise + drift
    return bool(min(near) - slack <= look.ours <= max(near) + slack)
