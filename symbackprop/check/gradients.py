"""Gradients against finite differences of the cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symbackprop.check.diagnosis import Evidence, diagnosis
from symbackprop.check.numerical import Numerics, Slope, unit
from symbackprop.check.parameters import Arrays, Parameters, require_callable
from symbackprop.check.report import Block, GradientCheck
from symbackprop.errors import ArgumentError
from symbackprop.shapes import shape_text
from symbackprop.verdicts import Verdict

_EVERY_ENTRY = 400  # larger parameters are checked by directions that see every entry, and by samples
_SAMPLES = 40
_DIRECTIONS = 2
_RIGHT = 8.0  # error bars that a right gradient may be away
_WRONG = 50.0  # error bars from which on it is called wrong
_SURE = 1e-2  # the error bar by which wrong is called must be below this part of the numeric slope
_FLOOR = 1e4 * float(np.finfo(float).eps)  # or below this part of the cost, where that slope is 0
_POWER = 1e-3  # an error bar above this part of the gradient's size decides nothing
_KINK_STEPS = (1e-5, 1e-4)
_NOTHING = 1e-5  # nor does one above this part of all gradients, where this one is 0 within it


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
    ours = _gradients(cost, gradients, taken)
    if not np.isfinite(numerics.cost):
        undecided = tuple(Block(n, a.shape, Verdict.UNDECIDED) for n, a in zip(taken.labels, taken.arrays, strict=True))
        reason = f"the cost is {numerics.cost} at this point"
        return GradientCheck(Verdict.UNDECIDED, undecided, numerics.evaluations, numerics.cost, reason)
    rng = np.random.default_rng(seed)
    subjects = [_Subject(k, *both) for k, both in enumerate(zip(taken.labels, taken.arrays, ours, strict=True))]
    looks = [_looks(numerics, subject, rng) for subject in subjects]
    scale = max([_NOTHING * abs(numerics.cost), *(look.size for block in looks for look in block)])
    judged = [_judged(numerics, *both, scale) for both in zip(subjects, looks, strict=True)]
    blocks = _with_mistakes(numerics, subjects, looks, judged, _sizes(data))
    verdicts = {block.verdict for block in blocks}
    verdict = next((v for v in (Verdict.WRONG, Verdict.UNDECIDED) if v in verdicts), Verdict.RIGHT)
    reason = f"calls of the cost at one point differ by {numerics.spread:.1e}" if numerics.spread else ""
    return GradientCheck(verdict, blocks, numerics.evaluations, numerics.cost, reason)


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


def _gradients(cost: Callable[..., Any], gradients: Callable[..., Any] | None, taken: Parameters) -> Arrays:
    if gradients is None:
        return taken.aligned(_pair(taken.call(cost, taken.copies()))[1])
    return taken.aligned(taken.call(gradients, taken.copies()))


def _pair(result: Any) -> Any:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ArgumentError("without a gradients function the cost must return (J, gradients)")
    return result


@dataclass(frozen=True, eq=False)
class _Subject:
    """One parameter, its position among them, and the gradient that is to be judged."""

    position: int
    name: str
    array: np.ndarray
    gradient: np.ndarray


@dataclass(frozen=True, eq=False)
class _Look:
    """One slope, ours and numeric: of an entry, or along a direction."""

    index: tuple[int, ...]
    direction: np.ndarray
    ours: float
    numeric: Slope
    floor: float  # the error bar of a slope of 0 in double precision

    @property
    def difference(self) -> float:
        return abs(self.ours - self.numeric.value)

    @property
    def size(self) -> float:
        return float(np.nan_to_num(max(abs(self.ours), abs(self.numeric.value)), nan=0.0))

    @property
    def tolerance(self) -> float:
        rounding = 8 * float(np.finfo(float).eps) * self.size
        return _RIGHT * self.numeric.error + rounding

    @property
    def accused(self) -> bool:
        """Far beyond the error bar, and by figures that are sure enough to accuse anybody."""
        error = self.numeric.error
        sure = error <= max(_SURE * abs(self.numeric.value), self.floor)
        return sure and self.difference > self.tolerance * (_WRONG / _RIGHT)


def _looks(numerics: Numerics, subject: _Subject, rng: np.random.Generator) -> list[_Look]:
    ours, k = subject.gradient, subject.position
    if ours.shape != subject.array.shape or not np.all(np.isfinite(ours)):
        return []
    floor = _FLOOR * abs(numerics.cost)
    directions = _directions(subject.array, rng)
    return [_Look(index, d, float(np.sum(ours * d)), numerics.slope(k, d), floor) for index, d in directions]


def _directions(array: np.ndarray, rng: np.random.Generator) -> list[tuple[tuple[int, ...], np.ndarray]]:
    if array.size <= _EVERY_ENTRY:
        return [(index, unit(array.shape, index)) for index in np.ndindex(array.shape)]
    chosen = rng.choice(array.size, _SAMPLES, replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(c, array.shape)) for c in chosen]
    signs = [((), rng.choice([-1.0, 1.0], array.shape) / np.sqrt(array.size)) for _ in range(_DIRECTIONS)]
    return [*signs, *((index, unit(array.shape, index)) for index in indices)]


def _judged(numerics: Numerics, subject: _Subject, looks: list[_Look], scale: float) -> Block:
    name, array = subject.name, subject.array
    if not looks:
        return _without_looks(subject)
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
        ours=shown.ours,
        numeric=shown.numeric.value,
        uncertainty=shown.numeric.error,
        relative=shown.difference / shown.size if shown.size else 0.0,
        norm_ratio=_norm_ratio(looks),
        looked_at=len(looks),
        note=_note(array, looks, kinks, wrong, blind),
    )


def _sizes(data: Mapping[str, Any] | None) -> dict[str, int]:
    """The numbers of rows and columns of the data: a factor may be one of them."""
    arrays = {name: np.shape(value) for name, value in (data or {}).items()}
    return {
        f"the number of {what} of {name}": shape[axis]
        for axis, what in enumerate(("rows", "columns"))
        for name, shape in arrays.items()
        if len(shape) > axis
    }


def _with_mistakes(
    numerics: Numerics, subjects: list[_Subject], looks: list[list[_Look]], blocks: list[Block], sizes: dict[str, int]
) -> tuple[Block, ...]:
    """The blocks, those that are wrong with what the mistake likely is."""
    entries = {
        subject.name: [look for look in found if look.index] for subject, found in zip(subjects, looks, strict=True)
    }
    whole = {
        s.name: np.array([look.numeric.value for look in entries[s.name]]).reshape(s.array.shape)
        for s in subjects
        if len(entries[s.name]) == s.array.size
    }
    named = []
    for subject, block in zip(subjects, blocks, strict=True):
        if block.verdict == Verdict.WRONG:
            evidence = _evidence(numerics, subject, entries[subject.name], sizes, whole)
            block = replace(block, mistake="" if evidence is None else diagnosis(evidence))  # noqa: PLW2901
        named.append(block)
    return tuple(named)


def _evidence(
    numerics: Numerics, subject: _Subject, looks: list[_Look], sizes: dict[str, int], whole: dict[str, np.ndarray]
) -> Evidence | None:
    """Our gradient and the numeric one, entry by entry; None where the latter would take too long."""
    array, ours = subject.array, subject.gradient
    if ours.shape != array.shape and array.size <= _EVERY_ENTRY:
        slopes = [numerics.slope(subject.position, unit(array.shape, index)) for index in np.ndindex(array.shape)]
        numeric, error = np.array([(s.value, s.error) for s in slopes]).T.reshape(2, *array.shape)
        return Evidence(subject.name, array, ours, numeric, error, sizes)
    if not looks:
        return None
    error = np.array([look.numeric.error for look in looks])
    if subject.name in whole:
        others = {name: numeric for name, numeric in whole.items() if name != subject.name}
        numeric = whole[subject.name]
        return Evidence(subject.name, array, ours, numeric, error.reshape(array.shape), sizes, others)
    at = tuple(np.array([look.index for look in looks]).T)
    numeric = np.array([look.numeric.value for look in looks])
    return Evidence(subject.name, array[at], ours[at], numeric, error, sizes, sampled=True)


def _without_looks(subject: _Subject) -> Block:
    """What can be said without a single slope: the shape is wrong, a number is not finite, or there is none."""
    ours, shape = subject.gradient, subject.array.shape
    if ours.shape != shape:
        note = f"the gradient has shape {shape_text(ours.shape)}, the parameter {shape_text(shape)}"
        return Block(subject.name, shape, Verdict.WRONG, note=note)
    if not ours.size:
        return Block(subject.name, shape, Verdict.RIGHT, note="it has no entries")
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(ours))[0])
    return Block(subject.name, shape, Verdict.WRONG, note=f"the gradient is {ours[index]} at {list(index)}")


def _norm_ratio(looks: list[_Look]) -> float:
    """‖ours − numeric‖ / ‖ours + numeric‖."""
    ours, numeric = (np.array(values) for values in zip(*((x.ours, x.numeric.value) for x in looks), strict=True))
    difference, total = float(np.linalg.norm(ours - numeric)), float(np.linalg.norm(ours + numeric))
    return difference / total if total else (float("inf") if difference else 0.0)


def _is_blind(look: _Look, size: float, scale: float) -> bool:
    """Whether the error bar is too large to tell right from wrong.

    It is compared with the size of this parameter's gradient; or, where that is 0 within the error bars, with
    the scale of all gradients.
    """
    if size > look.tolerance:
        return look.tolerance > _POWER * size
    return look.tolerance > _NOTHING * scale


def _note(array: np.ndarray, looks: list[_Look], kinks: list[_Look], wrong: list[_Look], blind: list[_Look]) -> str:
    notes = []
    if array.size > _EVERY_ENTRY:
        notes.append(f"looked at {_DIRECTIONS} directions through all {array.size} entries and at {_SAMPLES} entries")
    if wrong and len(looks) > 1:
        notes.append(f"{len(wrong)} of {len(looks)} slopes differ")
    if kinks:
        notes.append(f"the cost has a kink at {len(kinks)} entries; ours lies between the slopes on both sides")
    if blind and not wrong:
        notes.append("the differences are too uncertain here; try another point")
    return "; ".join(notes)


def _within_kink(numerics: Numerics, k: int, look: _Look) -> bool:
    """Whether the slope jumps here, by the same amount over two steps and beyond all noise, and ours lies within."""
    near, far = (numerics.one_sided(k, look.direction, t) for t in _KINK_STEPS)
    jump, noise = abs(near[1] - near[0]), numerics.rounding(k, _KINK_STEPS[0])
    drift = max(abs(a - b) for a, b in zip(near, far, strict=True))
    if not (jump > 20 * noise and drift < 0.1 * jump):
        return False
    slack = noise + drift
    return bool(min(near) - slack <= look.ours <= max(near) + slack)
