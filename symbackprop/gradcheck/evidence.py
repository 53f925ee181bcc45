"""What is known of a wrong gradient, for its diagnosis."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.gradcheck.comparisons import Subject, look_at
from symbackprop.gradcheck.directional import Numerics, unit
from symbackprop.gradcheck.report import Block
from symbackprop.gradcheck.search import EVERY_ENTRY, Seen
from symbackprop.gradcheck.symptoms import Evidence, diagnosis
from symbackprop.verdicts import Verdict


def sizes_of(data: Mapping[str, Any] | None) -> dict[str, int]:
    """The numbers of rows and columns of the data: a factor may be one of them."""
    arrays = {name: np.shape(value) for name, value in (data or {}).items()}
    return {
        f"the number of {what} of {name}": shape[axis]
        for axis, what in enumerate(("rows", "columns"))
        for name, shape in arrays.items()
        if len(shape) > axis
    }


_SAMPLES = 40  # entries of a large gradient by which its mistake is recognized


def with_mistakes(
    numerics: Numerics,
    subjects: Sequence[Subject],
    found: Sequence[Seen],
    blocks: Sequence[Block],
    *,
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> tuple[Block, ...]:
    """The blocks, those that are wrong with what the mistake likely is."""
    whole = {s.name: numeric for s, f in zip(subjects, found, strict=True) if (numeric := _whole(s, f)) is not None}
    named = []
    for subject, looked, block in zip(subjects, found, blocks, strict=True):
        if block.verdict == Verdict.WRONG:
            evidence = _evidence(numerics, subject, looked, whole, sizes=sizes, rng=rng)
            named.append(block if evidence is None else _diagnosed(block, evidence))
        else:
            named.append(block)
    return tuple(named)


def _diagnosed(block: Block, evidence: Evidence) -> Block:
    mistake = diagnosis(evidence)
    return block if mistake is None else replace(block, mistake=mistake.words, mistake_kinds=mistake.kinds)


def _whole(subject: Subject, found: Seen) -> np.ndarray | None:
    """The numeric gradient; where no more than a few entries differ from ours, as it is elsewhere."""
    entries = [look for look in found.looks if look.index is not None]
    if not entries or not found.is_all:
        return None
    numeric: np.ndarray = subject.gradient.astype(float)
    for look in entries:
        numeric[look.index] = look.numeric.value
    return numeric


def _evidence(
    numerics: Numerics,
    subject: Subject,
    found: Seen,
    whole: dict[str, np.ndarray],
    *,
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> Evidence | None:
    """Our gradient and the numeric one, entry by entry; None where the latter would take too long."""
    array, ours = subject.array, subject.gradient
    if ours.shape != array.shape and array.size <= EVERY_ENTRY:
        slopes = [numerics.slope({subject.position: unit(array.shape, index)}) for index in np.ndindex(array.shape)]
        numeric, error = np.array([(s.value, s.error) for s in slopes]).T.reshape(2, *array.shape)
        return Evidence(subject.name, array, ours, numeric, error, sizes)
    if not found.looks:
        return None
    if subject.name in whole:
        error = np.zeros(array.shape)
        for look in found.looks:
            if look.index is not None:
                error[look.index] = look.numeric.error
        others = {name: numeric for name, numeric in whole.items() if name != subject.name}
        return Evidence(subject.name, array, ours, whole[subject.name], error, sizes, others)
    chosen = rng.choice(array.size, min(_SAMPLES, array.size), replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(c, array.shape)) for c in chosen]
    looks = [look_at(numerics, subject, index) for index in indices]
    at = tuple(np.array(indices).T)
    numeric, error = (np.array(v) for v in zip(*((k.numeric.value, k.numeric.error) for k in looks), strict=True))
    return Evidence(subject.name, array[at], ours[at], numeric, error, sizes, sampled=True)
