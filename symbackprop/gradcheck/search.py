"""Which slopes are looked at: of every entry, or along directions through all of them, down to those that differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.gradcheck.comparisons import POWER, POWER_ALONG, Look, Subject, confirmed, look_at, quick_look, rest_of
from symbackprop.gradcheck.directional import Direction, Numerics
from symbackprop.gradcheck.parameters import signs
from symbackprop.gradcheck.progress import tracked

EVERY_ENTRY = 2000  # entries in all, up to which each is looked at
_FEW = 40  # entries of one parameter that are looked at one by one, where a direction through all does not agree
_SHARES = (1e-3, 1.0)  # of the largest gradient, at which all smaller ones count as equal: one direction for each
_GENTLER = ((1e-3, 3e-2, 0.3), (1.0,))  # likewise, each where the one before it sees too little
_BALANCED = 1e4  # how much more a parameter of small gradient may move, as a whole, than the one of the largest
_MOST_WRONG = 4  # entries that are looked for
_MOST_BOXES = 300  # that are looked at for them

IsWrong = Callable[[Numerics, Look], bool]


@dataclass(frozen=True, eq=False)
class Seen:
    """The looks at one parameter, and whether no entry but these can differ."""

    looks: list[Look]
    is_all: bool = True


def seen(numerics: Numerics, subjects: Sequence[Subject], rng: np.random.Generator, is_wrong: IsWrong) -> list[Seen]:
    """What was looked at of each parameter; `is_wrong` tells of an entry whether it has to be wrong."""
    shown = [subject for subject in subjects if subject.can_be_looked_at]
    if sum(subject.array.size for subject in shown) <= EVERY_ENTRY:
        return [Seen(_entries(numerics, subject) if subject.can_be_looked_at else []) for subject in subjects]
    together = [_together(numerics, shown, share, rng) for share in _SHARES]
    results = []
    for subject in subjects:
        if not subject.can_be_looked_at:
            results.append(Seen([]))
        elif all(_speaks_for(look, subject) for look in together):
            results.append(Seen(together))
        elif subject.array.size <= _FEW:
            results.append(Seen(_entries(numerics, subject)))
        else:
            results.append(_along_directions(numerics, subject, rng, is_wrong))
    return results


def _entries(numerics: Numerics, subject: Subject) -> list[Look]:
    indices = list(np.ndindex(subject.array.shape))
    return [look_at(numerics, subject, index) for index in tracked(indices, f"checking {subject.name}")]


def _speaks_for(look: Look, subject: Subject) -> bool:
    """Whether an entry of this parameter that is off would have been seen among all the others."""
    of_an_entry = look.shares[subject.position] / np.sqrt(subject.array.size)
    return look.agrees and bool(look.tolerance <= POWER * of_an_entry)


def _together(numerics: Numerics, subjects: Sequence[Subject], share: float, rng: np.random.Generator) -> Look:
    """A look along one direction through all entries, which it does not keep: parameters can be large."""
    return replace(quick_look(numerics, subjects, _directions(subjects, share, rng)), direction={})


def _directions(subjects: Sequence[Subject], share: float, rng: np.random.Generator) -> Direction:
    """A direction through all entries, with signs and lengths drawn at random, lest mistakes cancel.

    Entries of smaller gradient move more, so that each counts as much, down to `share` of the largest one.
    """
    tops = [float(np.max(np.abs(subject.gradient))) for subject in subjects]
    least = max(tops, default=0.0) / _BALANCED or 1.0
    return {
        subject.position: _direction(subject.gradient, share, max(top, least), rng)
        for subject, top in zip(subjects, tops, strict=True)
    }


def _direction(gradient: np.ndarray, share: float, top: float, rng: np.random.Generator) -> np.ndarray:
    lengths: np.ndarray = np.asarray(np.abs(gradient), dtype=float)
    np.maximum(lengths, share * top, out=lengths)
    np.divide(rng.uniform(0.5, 1.5, gradient.shape), lengths, out=lengths)
    lengths *= signs(rng, gradient.shape)
    return lengths


def _along_directions(numerics: Numerics, subject: Subject, rng: np.random.Generator, is_wrong: IsWrong) -> Seen:
    looks: list[Look] = []
    for shares in _GENTLER:
        look = _sharpest(numerics, subject, shares, rng)
        if _is_settled(look):
            looks.append(look)
            continue
        found, wrong, is_all = _differing(numerics, subject, look, is_wrong)
        if wrong:
            return Seen([*looks, *found], is_all)
        looks += found if found and is_all else [confirmed(numerics, look)]
    return Seen(looks)


def _is_settled(look: Look) -> bool:
    """Whether nothing can be found within: it agrees, and not for a rounding error of ours, as there is at a kink."""
    is_ours = 4 * look.noise > POWER * look.size and 8 * look.noise > look.tolerance
    return look.agrees and not is_ours


def _sharpest(numerics: Numerics, subject: Subject, shares: Sequence[float], rng: np.random.Generator) -> Look:
    """The first look that sees enough: where entries move very unevenly, noise hides more."""
    for share in shares:
        look = quick_look(numerics, [subject], _directions([subject], share, rng))
        if look.tolerance <= POWER_ALONG * look.of_an_entry:
            break
    return look


Box = tuple[slice, ...]


def _differing(numerics: Numerics, subject: Subject, look: Look, is_wrong: IsWrong) -> tuple[list[Look], int, bool]:
    """The entries that make up a difference along a direction, how many of them are wrong, and whether these are all.

    What differs in a box differs in one of its halves: one of them is looked at, the rest is the other's.
    """
    direction = look.direction[subject.position]
    boxes = [(tuple(slice(0, n) for n in direction.shape), look)]
    leaves: list[Look] = []
    wrong = 0
    for _ in range(_MOST_BOXES):
        if not boxes or wrong >= _MOST_WRONG:
            break
        box, whole = boxes.pop()
        if all(side.stop - side.start == 1 for side in box):
            leaves.append(look_at(numerics, subject, tuple(side.start for side in box)))
            wrong += is_wrong(numerics, leaves[-1])
            continue
        first, second = _halves(box)
        part = quick_look(numerics, [subject], {subject.position: _within(direction, first)})
        rest = rest_of(numerics, subject, whole, part, _within(direction, second))
        boxes += [(half, found) for half, found in ((second, rest), (first, part)) if not _is_settled(found)]
    return leaves, wrong, not boxes


def _halves(box: Box) -> tuple[Box, Box]:
    """The two halves across its longest side."""
    axis = max(range(len(box)), key=lambda k: box[k].stop - box[k].start)
    start, stop = box[axis].start, box[axis].stop
    middle = (start + stop) // 2
    first, second = slice(start, middle), slice(middle, stop)
    return (*box[:axis], first, *box[axis + 1 :]), (*box[:axis], second, *box[axis + 1 :])


def _within(direction: np.ndarray, box: Box) -> np.ndarray:
    part = np.zeros_like(direction)
    part[box] = direction[box]
    return part
