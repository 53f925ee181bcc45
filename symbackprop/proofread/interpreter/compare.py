"""Comparison of the values of two sides, and a description of the difference if they are not equal."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.values import IndexedArray, shape_text

MISMATCH = "shapes do not fit"  # the beginning of a reason


@dataclass
class Judgment:
    """A judgment of one side of a statement, compared with its first side."""

    holds: bool | None  # None: not understood
    reading: str = ""
    notes: frozenset[str] = frozenset()
    reason: str = ""
    ratio: float | None = None  # of the side to its correct value
    is_transposed: bool = False
    is_definition: bool = False
    is_unknown_name: bool = False
    is_hopeless: bool = False  # a name of it is unknown whatever its letters denote
    letters: Mapping[str, int] = field(default_factory=dict)
    counterexample: str = ""
    lone_index: str = ""  # an index that only one side has

    @property
    def is_mismatch(self) -> bool:
        """True if the two sides have inconsistent shapes."""
        return self.reason.startswith(MISMATCH)


def equal_notes(one: IndexedArray, other: IndexedArray) -> frozenset[str] | None:
    """Return notes on the interpretation with which two sides are equal, often an empty set; None if they differ."""
    if values.same(one, other) or values.same_for_each(one, other):
        return frozenset()
    if one.is_derivative != other.is_derivative:
        derivative, plain = (one, other) if one.is_derivative else (other, one)
        return _derivative_like(derivative, plain)
    return None


def _derivative_like(derivative: IndexedArray, plain: IndexedArray) -> frozenset[str] | None:
    """Return notes if ∂a/∂z equals a matrix, as a Jacobian or as entrywise derivatives; else None."""
    if derivative.indices or plain.indices:
        return None
    entries = _entry_by_entry(derivative)
    if entries is not None and values.close(entries.array, plain.array):
        return frozenset({"entry by entry"})
    if 1 in derivative.shape[:2] and 1 in derivative.shape[2:]:
        matrix = values.as_matrix(derivative).array
        for layout, array in (("numerator layout", matrix), ("denominator layout", matrix.T)):
            if values.close(array, plain.array):
                return frozenset({layout})
    return None


def difference(one: IndexedArray, others: list[IndexedArray], letters: Mapping[str, int]) -> Judgment:
    """Return the judgment of two sides that differ, with their ratio and the numbers that differ."""
    other, judgment = others[0], Judgment(False, letters=dict(letters))
    one = _comparable(one, other)
    for candidate in others:
        judgment.ratio = values.ratio(candidate, one)
        plain = not (one.is_derivative or candidate.is_derivative or one.indices or candidate.indices or one.is_number)
        turned = np.swapaxes(candidate.array, -1, -2)
        judgment.is_transposed = judgment.ratio is None and plain and values.close(turned, one.array)
        if judgment.ratio is not None or judgment.is_transposed:
            break
    if one.is_derivative != other.is_derivative and _has_layout(one, other):
        return judgment
    lengths = {k: one.array.shape[one.indices.index(k)] for k in one.indices}
    if any(lengths.get(k) not in {None, other.array.shape[other.indices.index(k)]} for k in other.indices):
        judgment.reason = f"{MISMATCH}: an index runs over axes of different lengths on the two sides"
        return judgment
    if one.shape != other.shape or set(one.indices) != set(other.indices):
        free = sorted(set(one.indices) ^ set(other.indices))
        judgment.lone_index = free[0] if free else ""
        judgment.reason = (
            f"the index {free[0]} stands on one side only"
            if free
            else f"{MISMATCH}: the left side is {shape_text(one)}, the right side {shape_text(other)}"
        )
        return judgment
    a, b = np.ravel(one.with_indices(one.indices)), np.ravel(other.with_indices(one.indices))
    worst = int(np.argmax(np.abs(a - b)))
    judgment.counterexample = (
        f"at a random point, an entry of the left side is {a[worst]:.6g} and of the right side {b[worst]:.6g}"
    )
    return judgment


def _comparable(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return `one` in the form of `other`: a diagonal Jacobian as its diagonal, and only indices that change values."""
    if one.is_derivative and not other.is_derivative and (entries := _entry_by_entry(one)) is not None:
        one = entries
    extra = [k for k in one.indices if k not in other.indices]
    if extra and not set(other.indices) - set(one.indices) and one.shape == other.shape:
        kept = tuple(k for k in one.indices if k in other.indices)
        array = one.with_indices((*extra, *kept))
        first = array[(0,) * len(extra)]
        if values.close(array, np.broadcast_to(first, array.shape)):
            one = IndexedArray(first, kept, one.is_derivative, one.notes)
    return one


def _entry_by_entry(derivative: IndexedArray) -> IndexedArray | None:
    a, b = derivative.shape[:2], derivative.shape[2:]
    if derivative.indices or a != b:
        return None
    flat = derivative.array.reshape(int(np.prod(a)), int(np.prod(b)))
    is_diagonal = values.close(np.diag(np.diag(flat)), flat)
    return IndexedArray(np.diag(flat).reshape(a), (), False, derivative.notes) if is_diagonal else None


def _has_layout(one: IndexedArray, other: IndexedArray) -> bool:
    """Return True if ∂a/∂b of vectors is compared with a matrix of its shape."""
    derivative, plain = (one, other) if one.is_derivative else (other, one)
    a, b = derivative.shape[:2], derivative.shape[2:]
    return 1 in a and 1 in b and set(plain.shape) == {max(a), max(b)} and max(a) > 1 and max(b) > 1
