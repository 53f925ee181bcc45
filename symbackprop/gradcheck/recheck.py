"""Opinions on gradients, the first and a second one: in a higher precision, or at another point."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.errors import SymbackpropError
from symbackprop.gradcheck.calls import Calls
from symbackprop.gradcheck.comparisons import Subject, subjects_of
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.evidence import with_mistakes
from symbackprop.gradcheck.parameters import Parameters
from symbackprop.gradcheck.report import Block
from symbackprop.gradcheck.search import seen
from symbackprop.gradcheck.verdict import NOTHING, is_wrong, judged
from symbackprop.verdicts import Verdict

_WEAK = 1e-6  # of the size of a gradient: an error bar above it, or a difference below it, is too little to decide
_LITTLE = 1e-2  # of an entry: a difference below it may have another cause than a mistake
_TINY = 1e-4  # of the whole gradient, likewise
# What digits that are lost within a cost may explain: so many error bars, of so small a part of the entry, or of all.
_LOST = ((1e5, 1e-7, 0.0), (1e3, 0.0, 1e-5))
_UNSEEN = 1e-8  # of the cost, likewise
_MANY = 1e6  # error bars: a difference of more has no other cause


def looked_at(
    numerics: Numerics, subjects: list[Subject], sizes: dict[str, int], rng: np.random.Generator
) -> list[Block]:
    """Every parameter looked at and judged; of what is wrong, what it likely is."""
    found = seen(numerics, subjects, rng, is_wrong)
    entries = [look.size for each in found for look in each.looks if look.index is not None]
    entries += [float(np.max(np.abs(s.gradient))) for s in subjects if s.can_be_looked_at]
    scale = max([NOTHING * abs(numerics.cost), *entries])
    blocks = [judged(numerics, s, each.looks, scale) for s, each in zip(subjects, found, strict=True)]
    return list(with_mistakes(numerics, subjects, found, blocks, sizes=sizes, rng=rng))


class SecondOpinion:
    """Looks at some parameters once more, and counts what that takes."""

    def __init__(
        self,
        cost: Callable[..., Any],
        gradients: Callable[..., Any],
        sizes: dict[str, int],
        rng: np.random.Generator,
    ):
        self._cost = cost
        self._gradients = gradients
        self._sizes = sizes
        self._rng = rng
        self.evaluations = 0
        self.gradient_calls = 0

    def on(
        self,
        blocks: list[Block],
        is_open: Callable[[Block], bool],
        merged: Callable[[Block, Block], Block],
        points: Callable[[], Sequence[Parameters]],
    ) -> list[Block]:
        """The blocks, those that are open merged with what is found at the first of the points that will do."""
        positions = [k for k, block in enumerate(blocks) if is_open(block)]
        if not positions:
            return blocks
        found = next(filter(None, (self._found(point, positions) for point in points())), {})
        return [merged(block, found[k]) if k in found else block for k, block in enumerate(blocks)]

    def _found(self, point: Parameters, positions: list[int]) -> dict[int, Block]:
        """The blocks by position; none where the cost cannot be computed, or not in the point's precision."""
        gradient = Calls("the gradients function", self._gradients, point)
        try:
            numerics = Numerics(self._cost, point)
            if not np.isfinite(numerics.cost) or numerics.is_extended != point.is_wide:
                return {}
            subjects = subjects_of(gradient, point, self._rng)
        except SymbackpropError:
            return {}
        blocks = looked_at(numerics, [subjects[k] for k in positions], self._sizes, self._rng)
        self.evaluations += numerics.evaluations
        self.gradient_calls += gradient.count
        return dict(zip(positions, blocks, strict=True))


def is_close(block: Block) -> bool:
    """Whether it is undecided, or decided by so little that rounding may have decided, or beside kinks.

    Of kinks at several distances the nearest may be lost in rounding.
    """
    by_little = {Verdict.RIGHT: block.resolution > _WEAK, Verdict.WRONG: block.relative < _WEAK or block.kinks > 0}
    return by_little.get(block.verdict, True)


def arbitrated(block: Block, wide: Block) -> Block:
    """What extended precision decides; it clears of no difference that it could not have seen."""
    decided = replace(wide, note=_joined(wide.note, "decided in extended precision"))
    if block.verdict == Verdict.WRONG:
        is_cleared = wide.verdict == Verdict.RIGHT and wide.resolution * wide.size < block.difference
        return decided if is_cleared or wide.verdict == Verdict.WRONG or block.kinks else block
    return block if wide.verdict == Verdict.UNDECIDED else decided


def is_doubtful(cost: float) -> Callable[[Block], bool]:
    """Whether a block is undecided, right at a kink, where much is right, or wrong by so little that it may be lost."""

    def doubtful(block: Block) -> bool:
        is_little = block.relative < _LITTLE or block.difference < max(_TINY * block.size, _UNSEEN * abs(cost))
        doubts = {Verdict.RIGHT: block.kinks > 0, Verdict.WRONG: is_little and _bars(block) < _MANY}
        return doubts.get(block.verdict, True)

    return doubtful


def _bars(block: Block) -> float:
    return block.difference / block.uncertainty if block.uncertainty else float("inf")


def supported(block: Block, nearby: Block) -> Block:
    """What is wrong at a point nearby too is wrong; what is right there may still be wrong here."""
    shown = block if block.verdict == Verdict.WRONG else nearby
    if nearby.verdict == Verdict.WRONG and not _may_be_rounding(shown):
        return replace(shown, note=_joined(shown.note, "wrong at a generic point nearby, too"))
    if block.verdict == Verdict.RIGHT:
        return block
    said = "it is right at a generic point nearby" if nearby.verdict == Verdict.RIGHT else ""
    return replace(block, verdict=Verdict.UNDECIDED, note=_joined(block.note, said), mistake="", mistake_kinds=())


def _may_be_rounding(block: Block) -> bool:
    """Whether so many digits agree that digits lost within the cost explain the rest, unless ours are of float32."""
    with np.errstate(over="ignore"):
        is_single = float(np.float32(block.ours)) == block.ours
    bars = _bars(block)
    return not is_single and any(
        bars < most and (block.relative < of_entry or block.difference < of_whole * block.size)
        for most, of_entry, of_whole in _LOST
    )


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
