"""Derivations as people write them, each right, with one planted mistake for its wrong twin."""

from tests.corpora.derivations import (
    classification,
    columns,
    habits,
    letters,
    numpy_lines,
    penalties,
    published,
    recurrent,
    rows,
    sums,
    units,
    vectors,
)
from tests.corpora.derivations.case import Case

MODULES = (
    rows, columns, sums, vectors, recurrent, classification, penalties, numpy_lines, published, units, habits, letters
)  # fmt: skip
CASES = [case for module in MODULES for case in module.CASES]

__all__ = ["CASES", "Case"]
