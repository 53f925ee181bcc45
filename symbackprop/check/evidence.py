"""What is known of a wrong gradient, for its diagnosis."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.check.diagnosis import Evidence, diagnosis
from symbackprop.check.looks import EVERY_ENTRY, Look, Subject
from symbackprop.check.numerical import Numerics, unit
from symbackprop.check.report import Block
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


def with_mistakes(
    numerics: Numerics, subjects: list[Subject], looks: list[list[Look]], blocks: list[Block], sizes: dict[str, int]
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
        is_wrong = block.verdict == Verdict.WRONG
        evidence = _evidence(numerics, subject, entries[subject.name], sizes, whole) if is_wrong else None
        named.append(block if evidence is None else replace(block, mistake=diagnosis(evidence)))
    return tuple(named)


def _evidence(
    numerics: Numerics, subject: Subject, looks: list[Look], sizes: dict[str, int], whole: dict[str, np.ndarray]
) -> Evidence | None:
    """Our gradient and the numeric one, entry by entry; None where the latter would take too long."""
    array, ours = subject.array, subject.gradient
    if ours.shape != array.shape and array.size <= EVERY_ENTRY:
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
