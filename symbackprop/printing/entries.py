"""Nodes for single numbers: an entry of a matrix, a sum over indices, a derivative of one entry.

For the printers each is a 1×1 matrix, so that formulas over entries are made of the same nodes as all others.
"""

from sympy import Basic, Integer
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixExpr

from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.matrices import Operators

Letter = str | None  # None is the index of a dimension of size 1, which is not written


class _OfEntries(Operators, MatrixExpr):
    """A node of a rewritten expression: one number, a 1×1 matrix for the printers."""

    shape = (Integer(1), Integer(1))

    @property
    def letters(self) -> list[str]:
        """Return the index letters."""
        return [str(letter) for letter in self.args[1:]]


class NamedEntry(_OfEntries):
    """One entry of a named matrix: `W2[h,k]`."""

    is_symbol = True

    def __new__(cls, matrix: Matrix, *letters: Letter) -> Expression:
        """Make the entry of a matrix at these index letters; None is left out."""
        return Basic.__new__(cls, matrix, *(Str(letter) for letter in letters if letter))

    @property
    def name(self) -> str:
        """Return the name of the matrix."""
        return str(self.args[0].name)


class UnnamedEntry(_OfEntries):
    """One entry of a matrix that has no form entry by entry, such as an inverse."""

    def __new__(cls, matrix: Matrix, *letters: Letter) -> Expression:
        """Make the entry of a matrix at these index letters; None is left out."""
        return Basic.__new__(cls, matrix, *(Str(letter) for letter in letters if letter))


class Plain(_OfEntries):
    """A scalar without indices, as it is."""

    @property
    def value(self) -> Expression:
        """Return the scalar."""
        return self.args[0]

    @property
    def is_symbol(self) -> bool:
        """Return whether the scalar is a symbol."""
        return bool(self.value.is_symbol)


class Ratio(_OfEntries):
    """One number over another."""


class SumOver(_OfEntries):
    """Σ of the first argument over the values of the indices that follow."""

    def __new__(cls, summand: Expression, *letters: str) -> Expression:
        """Make the sum of a summand over these letters."""
        return Basic.__new__(cls, summand, *map(Str, letters))


class EntryDerivative(_OfEntries):
    """∂of/∂by, for two entries."""

    @property
    def of(self) -> Expression:
        """Return the differentiated entry."""
        return self.args[0]

    @property
    def by(self) -> Expression:
        """Return the entry with respect to which it is differentiated."""
        return self.args[1]
