"""Search for entries that differ: entry by entry, or by bisection along directions through all entries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.gradcheck.comparisons import (
    POWER,
    POWER_ALONG,
    Comparison,
    Subject,
    compare_entry,
    compare_quickly,
    confirmed,
    remainder,
)
from symbackprop.gradcheck.directional import Direction, Numerics
from symbackprop.gradcheck.parameters import signs
from symbackprop.gradcheck.progress import tracked

EVERY_ENTRY = 2000  # up to this number of entries in total, each is compared
_FEW = 40  # entries of a parameter that are compared one by one, where a direction through all does not agree
_FRACTIONS = (1e-3, 1.0)  # of the largest gradient, at which all smaller ones count as equal: one direction for each
_GENTLER = ((1e-3, 3e-2, 0.3), (1.0,))  # likewise; the next one is tried if the previous one is too noisy
_BALANCED = 1e4  # how much more a parameter of small gradient may be perturbed than the one of the largest
_MOST_WRONG = 4  # wrong entries after which the search ends
_MOST_BOXES = 300  # comparisons that the search for them may take

IsWrong = Callable[[Numerics, Comparison], bool]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The comparisons of one parameter; `is_complete` is True if no other entries can differ."""

    comparisons: list[Comparison]
    is_complete: bool = True


def compare_all(
    numerics: Numerics, subjects: Sequence[Subject], rng: np.random.Generator, is_wrong: IsWrong
) -> list[SearchResult]:
    """Return the comparisons of each parameter; `is_wrong` decides whether that of an entry proves it wrong."""
    shown = [subject for subject in subjects if subject.is_comparable]
    if sum(subject.array.size for subject in shown) <= EVERY_ENTRY:
        return [SearchResult(_entries(numerics, subject) if subject.is_comparable else []) for subject in subjects]
    together = [_together(numerics, shown, fraction, rng) for fraction in _FRACTIONS]
    results = []
    for subject in subjects:
        if not subject.is_comparable:
            results.append(SearchResult([]))
        elif all(_speaks_for(comparison, subject) for comparison in together):
            results.append(SearchResult(together))
        elif subject.array.size <= _FEW:
            results.append(SearchResult(_entries(numerics, subject)))
        else:
            results.append(_along_directions(numerics, subject, rng, is_wrong))
    return results


def _entries(numerics: Numerics, subject: Subject) -> list[Comparison]:
    indices = list(np.ndindex(subject.array.shape))
    return [compare_entry(numerics, subject, index) for index in tracked(indices, f"checking {subject.name}")]


def _speaks_for(comparison: Comparison, subject: Subject) -> bool:
    """Return True if the comparison agrees and is precise enough to show a mistake in a typical entry."""
    typical_entry = comparison.contributions[subject.position] / np.sqrt(subject.array.size)
    return comparison.agrees and bool(comparison.tolerance <= POWER * typical_entry)


def _together(numerics: Numerics, subjects: Sequence[Subject], fraction: float, rng: np.random.Generator) -> Comparison:
    """Return the comparison along one direction that perturbs all entries; it does not keep the direction."""
    return replace(compare_quickly(numerics, subjects, _directions(subjects, fraction, rng)), direction={})


def _directions(subjects: Sequence[Subject], fraction: float, rng: np.random.Generator) -> Direction:
    """Draw a direction that perturbs all entries, with random signs and lengths, so that mistakes do not cancel.

    Entries with smaller gradients are perturbed more, so that all contribute equally; a gradient below `fraction` of
    the largest one counts as that fraction.
    """
    tops = [float(np.max(np.abs(subject.gradient))) for subject in subjects]
    least = max(tops, default=0.0) / _BALANCED or 1.0
    return {
        subject.position: _direction(subject.gradient, fraction, max(top, least), rng)
        for subject, top in zip(subjects, tops, strict=True)
    }


def _direction(gradient: np.ndarray, fraction: float, top: float, rng: np.random.Generator) -> np.ndarray:
    lengths: np.ndarray = np.asarray(np.abs(gradient), dtype=float)
    np.maximum(lengths, fraction * top, out=lengths)
    np.divide(rng.uniform(0.5, 1.5, gradient.shape), lengths, out=lengths)
    lengths *= signs(rng, gradient.shape)
    return lengths


def _along_directions(
    numerics: Numerics, subject: Subject, rng: np.random.Generator, is_wrong: IsWrong
) -> SearchResult:
    comparisons: list[Comparison] = []
    for fractions in _GENTLER:
        comparison = _sharpest(numerics, subject, fractions, rng)
        if _is_settled(comparison):
            comparisons.append(comparison)
            continue
        found, wrong, is_complete = _differing(numerics, subject, comparison, is_wrong)
        if wrong:
            return SearchResult([*comparisons, *found], is_complete)
        comparisons += found if found and is_complete else [confirmed(numerics, comparison)]
    return SearchResult(comparisons)


def _is_settled(comparison: Comparison) -> bool:
    """Return True if a block of entries needs no bisection: the derivatives agree to enough digits."""
    is_ours = 4 * comparison.noise > POWER * comparison.size and 8 * comparison.noise > comparison.tolerance
    return comparison.agrees and not is_ours


def _sharpest(numerics: Numerics, subject: Subject, fractions: Sequence[float], rng: np.random.Generator) -> Comparison:
    """Return the first comparison with enough precision: very uneven perturbations increase the effect of noise."""
    for fraction in fractions:
        comparison = compare_quickly(numerics, [subject], _directions([subject], fraction, rng))
        if comparison.tolerance <= POWER_ALONG * comparison.typical_entry:
            break
    return comparison


Box = tuple[slice, ...]


def _differing(
    numerics: Numerics, subject: Subject, comparison: Comparison, is_wrong: IsWrong
) -> tuple[list[Comparison], int, bool]:
    """Return the entries that differ, found by bisection, the number of wrong ones, and True if these are all.

    Of the two halves of a block, one is compared; the result for the other is the remainder.
    """
    direction = comparison.direction[subject.position]
    boxes = [(tuple(slice(0, n) for n in direction.shape), comparison)]
    leaves: list[Comparison] = []
    wrong = 0
    for _ in range(_MOST_BOXES):
        if not boxes or wrong >= _MOST_WRONG:
            break
        box, whole = boxes.pop()
        if all(side.stop - side.start == 1 for side in box):
            leaves.append(compare_entry(numerics, subject, tuple(side.start for side in box)))
            wrong += is_wrong(numerics, leaves[-1])
            continue
        first, second = _halves(box)
        part = compare_quickly(numerics, [subject], {subject.position: _within(direction, first)})
        rest = remainder(numerics, subject, whole, part, _within(direction, second))
        boxes += [(half, found) for half, found in ((second, rest), (first, part)) if not _is_settled(found)]
    return leaves, wrong, not boxes


def _halves(box: Box) -> tuple[Box, Box]:
    """Return the two halves of a box, split across its longest side."""
    axis = max(range(len(box)), key=lambda k: box[k].stop - box[k].start)
    start, stop = box[axis].start, box[axis].stop
    middle = (start + stop) // 2
    first, second = slice(start, middle), slice(middle, stop)
    return (*box[:axis], first, *box[axis + 1 :]), (*box[:axis], second, *box[axis + 1 :])


def _within(direction: np.ndarray, box: Box) -> np.ndarray:
    part = np.zeros_like(direction)
    part[box] = direction[box]
    return part
