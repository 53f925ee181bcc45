"""Nodes for single numbers: an entry of a matrix, a sum over indices, or a derivative of one entry.

Each is a 1×1 matrix for the printers, so that formulas about entries consist of the same nodes as all others.
"""

from sympy import Basic, Integer
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixExpr

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import Operators

Letter = str | None  # None is the index of a dimension of size 1, which is not written


class _OfEntries(Operators, MatrixExpr):
    """A node that represents one number, which is a 1×1 matrix for the printers."""

    shape = (Integer(1), Integer(1))


class _WithLetters(_OfEntries):
    def __new__(cls, inner: Expression, *letters: Letter) -> Expression:
        """Create the node of an expression and these index letters; a letter None is dropped."""
        return Basic.__new__(cls, inner, *(Str(letter) for letter in letters if letter))

    @property
    def letters(self) -> list[str]:
        """Return the index letters."""
        return [str(letter) for letter in self.args[1:]]


class NamedEntry(_WithLetters):
    """One entry of a named matrix: `W2[h,k]`."""

    is_symbol = True

    @property
    def name(self) -> str:
        """Return the name of the matrix."""
        return str(self.args[0].name)


class UnnamedEntry(_WithLetters):
    """An entry of a matrix that has no formula for its entries, such as an inverse."""


class Plain(_OfEntries):
    """A scalar without indices, which is printed unchanged."""

    @property
    def value(self) -> Expression:
        """Return the scalar."""
        return self.args[0]

    @property
    def is_symbol(self) -> bool:
        """Return True if the scalar is a symbol."""
        return bool(self.value.is_symbol)


class Ratio(_OfEntries):
    """A quotient of two numbers."""


class SumOver(_WithLetters):
    """The sum Σ of the first argument over the index letters in the other arguments."""


class EntryDerivative(_OfEntries):
    """The derivative ∂of/∂by of one entry with respect to another."""
