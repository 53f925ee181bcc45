"""Nodes for single numbers: an entry of a matrix, a sum over indices, or a derivative of one entry.

Each is a 1×1 matrix for the printers, so that formulas about entries consist of the same nodes as all others.
"""

from typing import TypeAlias

from sympy import Add, Basic, Expr, Integer, Symbol
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixExpr

from symbackprop.expressions.aliases import Expression, Scalar, Size
from symbackprop.expressions.matrices import Operators


class Offset(Basic):
    """An index into a matrix that begins at `start` in one of its parts: `2*H+h`, or `2*H` for a single row."""

    def __new__(cls, start: Size, *letter: Str) -> "Offset":
        """Create the node of a first index and the letter of the index in the part."""
        return Basic.__new__(cls, start, *letter)


# None is the index of a dimension of size 1, which is not written; an index may be computed, such as K*h + k
Letter: TypeAlias = str | Offset | Scalar | None


def place_of(letter: Letter) -> Expr:
    """Return an index as an expression in symbols that have the names of its letters."""
    if isinstance(letter, Offset):
        start, *rest = letter.args
        return start + Add(*(Symbol(str(one)) for one in rest))
    return Symbol(letter) if isinstance(letter, str) else letter


def shifted(start: Size, letter: Letter) -> Letter:
    """Return the index in a matrix for an index in a part that begins at `start`."""
    if isinstance(letter, Offset):
        inner, *rest = letter.args
        return Offset(start + inner, *rest)
    if isinstance(letter, Expr):
        return start + letter
    return letter if letter and start == 0 else Offset(start, *([Str(letter)] if letter else []))


class _OfEntries(Operators, MatrixExpr):
    """A node that represents one number, which is a 1×1 matrix for the printers."""

    shape = (Integer(1), Integer(1))


class _WithLetters(_OfEntries):
    def __new__(cls, inner: Expression, *letters: Letter) -> Expression:
        """Create the node of an expression and these index letters; a letter None is dropped."""
        kept = (letter for letter in letters if letter)
        return Basic.__new__(cls, inner, *(Str(letter) if isinstance(letter, str) else letter for letter in kept))

    @property
    def letters(self) -> tuple[Basic, ...]:
        """Return the indices: letters, or offsets."""
        return tuple(self.args[1:])


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
