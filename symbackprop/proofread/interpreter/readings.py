"""Combination of the readings of parts into readings of the whole."""

from collections.abc import Callable, Iterable
from itertools import islice
from itertools import product as combinations

from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

_MOST = 6  # readings of one part
_MOST_COMBINED = 64


def distinct(found: Iterable[IndexedArray]) -> list[IndexedArray]:
    """Return the first few values that differ from each other."""
    kept: list[IndexedArray] = []
    for value in found:
        if not any(values.same(value, other) for other in kept):
            kept.append(value)
    return kept[:_MOST]


def fitting(combine: Callable[..., IndexedArray], parts: list[list[IndexedArray]]) -> list[IndexedArray]:
    """Return the results of all combinations of readings whose shapes match."""
    found: list[IndexedArray] = []
    problem = ShapeMismatchError("nothing fits")
    for chosen in islice(combinations(*parts), _MOST_COMBINED):
        try:
            found.append(combine(*chosen))
        except ShapeMismatchError as error:
            problem = error
    if not found:
        raise problem
    return found
