"""All handwritten cases."""

from tests.corpora.code import (
    classes,
    dense,
    factors,
    gates,
    labels,
    layers,
    loops,
    margins,
    modular,
    normalization,
    recurrent,
    regressions,
    squares,
    tricky,
    words,
)
from tests.corpora.code.case import Case

MODULES = (
    regressions,
    dense,
    classes,
    layers,
    labels,
    margins,
    modular,
    loops,
    recurrent,
    factors,
    gates,
    normalization,
    words,
    tricky,
    squares,
)
CASES: list[Case] = [case for module in MODULES for case in module.CASES]

__all__ = ["CASES", "MODULES", "Case"]
