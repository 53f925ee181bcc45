"""Nodes that stand for single numbers: an entry of a matrix, a sum over indices, the slope of one entry by another.

For the printers each is a 1×1 matrix, so that formulas over entries are made of the same nodes as all others.
"""

from typing import Any

from sympy import Basic, Integer
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixExpr

from symbackprop.expressions.matrices import Operators

Letter = str | None  # None is the index of a dimension of size 1: it goes without saying


class _OfEntries(Operators, MatrixExpr):
    """A node of a rewritten expression: it is one number, a 1×1 matrix for the printers."""

    shape = (Integer(1), Integer(1))

    @property
    def letters(self) -> list[str]:
        return [str(letter) for letter in self.args[1:]]


class Entry(_OfEntries):
    """One entry of a named matrix: `W2[h,k]`."""

    is_symbol = True

    def __new__(cls, matrix: Any, *letters: Letter) -> Any:
        return Basic.__new__(cls, matrix, *(Str(letter) for letter in letters if letter))

    @property
    def name(self) -> str:
        return str(self.args[0].name)


class Part(_OfEntries):
    """One entry of a matrix that has no form entry by entry, such as an inverse."""

    def __new__(cls, matrix: Any, *letters: Letter) -> Any:
        return Basic.__new__(cls, matrix, *(Str(letter) for letter in letters if letter))


class Plain(_OfEntries):
    """A scalar without indices, as it is."""

    @property
    def value(self) -> Any:
        return self.args[0]

    @property
    def is_symbol(self) -> bool:
        return bool(self.value.is_symbol)


class Ratio(_OfEntries):
    """One number over another."""


class SumOver(_OfEntries):
    """Σ of the first argument over the values of the indices that follow."""

    def __new__(cls, summand: Any, *letters: str) -> Any:
        return Basic.__new__(cls, summand, *map(Str, letters))


class EntrySlope(_OfEntries):
    """∂of/∂by, of entries."""

    @property
    def of(self) -> Any:
        return self.args[0]

    @property
    def by(self) -> Any:
        return self.args[1]
