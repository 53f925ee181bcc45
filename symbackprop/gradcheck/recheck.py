"""The check of each parameter, and rechecks of doubtful ones in a higher precision or at another point."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from symbackprop.errors import SymbackpropError
from symbackprop.gradcheck.calls import CountedFunction
from symbackprop.gradcheck.comparisons import Subject, is_rough, subjects_of
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.evidence import with_diagnoses
from symbackprop.gradcheck.parameters import Parameters, UserFunction
from symbackprop.gradcheck.report import ParameterCheck
from symbackprop.gradcheck.search import compare_all
from symbackprop.gradcheck.verdict import ALL_ZERO, is_wrong, judge
from symbackprop.kinds import MistakeKind
from symbackprop.verdicts import Verdict

_LEAST = 1e-5  # of the cost: the least size of all gradients together
_WEAK = 1e-6  # of the size of a gradient: an error bar above it, or a difference below it, is too little to decide
_LITTLE = 1e-2  # of an entry: a difference below it may have another cause than a mistake
_TINY = 1e-4  # of the whole gradient, likewise
# Cancellation inside the cost may explain a difference below: (error bars, relative to the entry, to the gradient).
_LOST = ((1e5, 1e-7, 0.0), (1e3, 0.0, 1e-5))
_UNSEEN = 1e-8  # of the cost, likewise
_RIGHT_NEARBY = "it is right at a generic point nearby"
NEARBY = "wrong at a generic point nearby, report.generic_point"
_FEW = 40  # entries: in so many, what holds at one point may not hold at others
_BY_CHANCE = {
    MistakeKind.NUMBER,
    MistakeKind.PENALTY,
    MistakeKind.OFFSET,
    MistakeKind.ORDER,
    MistakeKind.EXTRA_SUM,
    MistakeKind.LOST_SIGNS,
    MistakeKind.POWER,
}
_MANY = 1e6  # error bars: a difference of more has no other cause


def check_parameters(
    numerics: Numerics, subjects: list[Subject], sizes: dict[str, int], rng: np.random.Generator
) -> list[ParameterCheck]:
    """Return the check of every parameter: its verdict, and the likely mistake if it is wrong."""
    numerics.is_rough = not numerics.is_coarse and is_rough(numerics, [s for s in subjects if s.is_comparable])
    found = compare_all(numerics, subjects, rng, is_wrong)
    entries = [comparison.size for each in found for comparison in each.comparisons if comparison.index is not None]
    entries += [subject.largest for subject in subjects if subject.is_comparable]
    scale = max([_LEAST * abs(numerics.cost), *entries])
    blocks = [judge(numerics, s, each.comparisons, scale) for s, each in zip(subjects, found, strict=True)]
    return list(with_diagnoses(numerics, subjects, found, blocks, sizes=sizes, rng=rng))


class Recheck:
    """A recheck of some parameters, which counts its evaluations of the cost."""

    def __init__(
        self,
        cost: UserFunction,
        gradients: UserFunction,
        sizes: dict[str, int],
        rng: np.random.Generator,
    ):
        self._cost = cost
        self._gradients = gradients
        self._sizes = sizes
        self._rng = rng
        self.point: Parameters | None = None  # of the last recheck that decided something
        self.evaluations = 0
        self.gradient_calls = 0

    def apply(
        self,
        blocks: list[ParameterCheck],
        is_open: Callable[[ParameterCheck], bool],
        merged: Callable[[ParameterCheck, ParameterCheck], ParameterCheck],
        points: Callable[[], Iterable[Parameters]],
    ) -> list[ParameterCheck]:
        """Return the blocks; if `is_open` is true for one, it is merged with its recheck at the first usable point.

        A point is of no use if nothing can be decided there: all units of a layer may be off, for instance.
        """
        positions = [k for k, block in enumerate(blocks) if is_open(block)]
        found: dict[int, ParameterCheck] = {}
        for point in points() if positions else ():
            there = self._found(point, positions)
            if any(block.verdict != Verdict.UNDECIDED for block in there.values()):
                found, self.point = there, point
                break
            found = found or there
        return [merged(block, found[k]) if k in found else block for k, block in enumerate(blocks)]

    def _found(self, point: Parameters, positions: list[int]) -> dict[int, ParameterCheck]:
        """Return the rechecked blocks by position; an empty dictionary if the cost loses the precision of the point."""
        gradient = CountedFunction("the gradients function", self._gradients, point)
        try:
            numerics = Numerics(self._cost, point)
            if not np.isfinite(numerics.cost) or numerics.is_extended != point.is_wide:
                return {}
            subjects = subjects_of(gradient, point)
        except SymbackpropError:
            return {}
        blocks = check_parameters(numerics, [subjects[k] for k in positions], self._sizes, self._rng)
        self.evaluations += numerics.evaluations
        self.gradient_calls += gradient.count
        return dict(zip(positions, blocks, strict=True))


def is_close(block: ParameterCheck) -> bool:
    """Return True if a block is undecided, decided by a margin within rounding error, or wrong near kinks.

    With kinks at several distances, rounding may hide the nearest one.
    """
    by_little = {Verdict.RIGHT: block.resolution > _WEAK, Verdict.WRONG: block.relative < _WEAK or block.kinks > 0}
    return by_little.get(block.verdict, True)


def arbitrated(block: ParameterCheck, wide: ParameterCheck) -> ParameterCheck:
    """Return the check in extended precision if it decides; to overrule a wrong verdict, it must be precise enough."""
    decided = replace(wide, note=_joined(wide.note, "decided in extended precision"))
    if block.verdict == Verdict.WRONG:
        is_cleared = wide.verdict == Verdict.RIGHT and wide.resolution * wide.size < block.difference
        return decided if is_cleared or wide.verdict == Verdict.WRONG or block.kinks else block
    return block if wide.verdict == Verdict.UNDECIDED else decided


def is_doubtful(cost: float) -> Callable[[ParameterCheck], bool]:
    """Return a test for blocks that are undecided, right at a kink, or wrong by no more than rounding can explain."""

    def doubtful(block: ParameterCheck) -> bool:
        is_little = block.relative < _LITTLE or block.difference < max(_TINY * block.size, _UNSEEN * abs(cost))
        doubts = {Verdict.RIGHT: block.kinks > 0, Verdict.WRONG: is_little and _bars(block) < _MANY}
        return doubts.get(block.verdict, True)

    return doubtful


def _bars(block: ParameterCheck) -> float:
    return block.difference / block.uncertainty if block.uncertainty else float("inf")


def supported(block: ParameterCheck, nearby: ParameterCheck) -> ParameterCheck:
    """Merge with the check nearby: wrong at both points is wrong; right there may still be wrong here.

    The figures are those at the point itself.
    """
    is_wrong = block.verdict == Verdict.WRONG
    if nearby.verdict == Verdict.WRONG and not _may_be_rounding(block if is_wrong else nearby):
        if is_wrong:
            return replace(block, note=_joined(block.note, "wrong at a generic point nearby, too"))
        figures = f"at {list(nearby.index)}, ours is {nearby.ours:.9g} there, the numeric one {nearby.numeric:.9g}"
        note = f"{NEARBY}: {figures}"
        return replace(
            block,
            verdict=Verdict.WRONG,
            note=_joined(block.note, note),
            mistake=nearby.mistake,
            mistake_kinds=nearby.mistake_kinds,
        )
    if block.verdict == Verdict.RIGHT:
        return block
    said = _RIGHT_NEARBY if nearby.verdict == Verdict.RIGHT else ""
    return replace(block, verdict=Verdict.UNDECIDED, note=_joined(block.note, said), mistake="", mistake_kinds=())


def shows_nothing(block: ParameterCheck) -> bool:
    """Return True if a gradient is 0 throughout at the point, and at a point nearby, which decides nothing."""
    return block.verdict == Verdict.UNDECIDED and ALL_ZERO in block.note and _RIGHT_NEARBY not in block.note


def seen_farther(block: ParameterCheck, farther: ParameterCheck) -> ParameterCheck:
    """Return the block with a note on a point farther away, where a cost may be cut off or overflow."""
    if farther.verdict == Verdict.UNDECIDED:
        return block
    return replace(block, note=_joined(block.note, f"it is {farther.verdict} at report.generic_point, farther away"))


def confirmed_mistake(block: ParameterCheck, nearby: ParameterCheck) -> ParameterCheck:
    """Return the block, without its mistake if another one, or none, would be named at a point nearby."""
    return block if nearby.mistake == block.mistake else replace(block, mistake="", mistake_kinds=())


def may_be_chance(block: ParameterCheck) -> bool:
    """Return True if a wrong block's likely mistake is one that a few numbers can show by chance."""
    return bool(_BY_CHANCE & set(block.mistake_kinds)) and math.prod(block.shape) <= _FEW


def _may_be_rounding(block: ParameterCheck) -> bool:
    """Return True if cancellation within the cost can explain the difference, and the gradient is not float32."""
    with np.errstate(over="ignore"):
        is_single = float(np.float32(block.ours)) == block.ours
    bars = _bars(block)
    return not is_single and any(
        bars < most and (block.relative < of_entry or block.difference < of_whole * block.size)
        for most, of_entry, of_whole in _LOST
    )


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
