"""The evidence about a wrong gradient, for its diagnosis."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from symbackprop.gradcheck.comparisons import Subject, compare_entry
from symbackprop.gradcheck.directional import Numerics, unit
from symbackprop.gradcheck.parameters import Data
from symbackprop.gradcheck.report import ParameterCheck
from symbackprop.gradcheck.search import EVERY_ENTRY, SearchResult
from symbackprop.gradcheck.symptoms import Evidence, diagnosis
from symbackprop.verdicts import Verdict


def sizes_of(data: Data | None) -> dict[str, int]:
    """Return the numbers of rows and columns of the data by description, since a wrong factor may be one of them."""
    arrays = {name: np.shape(value) for name, value in (data or {}).items()}
    return {
        f"the number of {what} of {name}": shape[axis]
        for axis, what in enumerate(("rows", "columns"))
        for name, shape in arrays.items()
        if len(shape) > axis
    }


_SAMPLES = 40  # entries of a large gradient by which its mistake is recognized


def with_diagnoses(
    numerics: Numerics,
    subjects: Sequence[Subject],
    found: Sequence[SearchResult],
    blocks: Sequence[ParameterCheck],
    *,
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> tuple[ParameterCheck, ...]:
    """Return the blocks; each wrong one gets its likely mistake, if a mistake is recognized."""
    whole = {s.name: numeric for s, f in zip(subjects, found, strict=True) if (numeric := _whole(s, f)) is not None}
    named = []
    for subject, result, block in zip(subjects, found, blocks, strict=True):
        if block.verdict == Verdict.WRONG:
            evidence = _evidence(numerics, subject, result, whole, sizes=sizes, rng=rng)
            named.append(block if evidence is None else _diagnosed(block, evidence))
        else:
            named.append(block)
    return tuple(named)


def _diagnosed(block: ParameterCheck, evidence: Evidence) -> ParameterCheck:
    mistake = diagnosis(evidence)
    return block if mistake is None else replace(block, mistake=mistake.words, mistake_kinds=mistake.kinds)


def _whole(subject: Subject, found: SearchResult) -> np.ndarray | None:
    """Return the numeric gradient, completed by the gradient under test where it is known to agree; None if unknown."""
    entries = [comparison for comparison in found.comparisons if comparison.index is not None]
    if not entries or not found.is_complete:
        return None
    numeric: np.ndarray = subject.gradient.astype(float)
    for comparison in entries:
        numeric[comparison.index] = comparison.numeric.value
    return numeric


def _evidence(
    numerics: Numerics,
    subject: Subject,
    found: SearchResult,
    whole: dict[str, np.ndarray],
    *,
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> Evidence | None:
    """Return the gradient under test and the numeric one, entry by entry; None if that would take too long."""
    array, ours = subject.array, subject.gradient
    if ours.shape != array.shape and array.size <= EVERY_ENTRY:
        derivatives = [
            numerics.derivative({subject.position: unit(array.shape, index)}) for index in np.ndindex(array.shape)
        ]
        numeric, error = np.array([(s.value, s.error) for s in derivatives]).T.reshape(2, *array.shape)
        return Evidence(subject.name, array, ours, numeric, error, sizes)
    if not found.comparisons:
        return None
    if subject.name in whole:
        error = np.zeros(array.shape)
        for comparison in found.comparisons:
            if comparison.index is not None:
                error[comparison.index] = comparison.numeric.error
        others = {name: numeric for name, numeric in whole.items() if name != subject.name}
        return Evidence(subject.name, array, ours, whole[subject.name], error, sizes, others)
    chosen = rng.choice(array.size, min(_SAMPLES, array.size), replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(c, array.shape)) for c in chosen]
    comparisons = [compare_entry(numerics, subject, index) for index in indices]
    at = tuple(np.array(indices).T)
    numeric, error = (np.array(v) for v in zip(*((k.numeric.value, k.numeric.error) for k in comparisons), strict=True))
    return Evidence(subject.name, array[at], ours[at], numeric, error, sizes, sampled=True)
