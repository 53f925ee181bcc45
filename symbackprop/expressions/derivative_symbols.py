"""Symbols for partial derivatives that are not evaluated yet.

In every step of the derivation of ∂J/∂W, one entry w of W varies. ∂C/∂W denotes the derivative of each entry of
C with respect to that w, so it has the shape of C; ∂J/∂W on its own has an entry for each w, and the shape of W.
"""

from sympy import Basic, Expr
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.printing.precedence import PRECEDENCE

from symbackprop.expressions.aliases import Expression, Shape
from symbackprop.expressions.matrices import Operators
from symbackprop.expressions.shapes import is_matrix


class Gradient(Basic):
    """∂J/∂v: the derivative of the cost with respect to every entry of v, in the shape of v."""

    @property
    def cost(self) -> Expression:
        """Return the cost J."""
        return self.args[0]

    @property
    def of(self) -> Expression:
        """Return the quantity v."""
        return self.args[1]


class _Partial:
    """The derivative ∂C/∂W of a matrix or of a scalar C."""

    args: tuple[Expression, ...]
    precedence = PRECEDENCE["Mul"]

    @property
    def of(self) -> Expression:
        return self.args[0]

    @property
    def by(self) -> Expression:
        return self.args[1]


class _OfMatrix(_Partial, Operators, MatrixExpr):
    @property
    def shape(self) -> Shape:
        """Return the shape of the differentiated matrix."""
        return self.of.shape


class ByEntry(_OfMatrix):
    """The derivative of each entry of a matrix with respect to one entry of `by`, in the shape of the matrix."""


class ScalarByEntry(_Partial, Expr):
    """The derivative of a scalar with respect to one entry of `by`."""

    is_commutative = True
    is_real = True


class Entrywise(_OfMatrix):
    """The derivative of each entry of f(Z) with respect to the same entry of Z."""


PARTIALS = (ByEntry, ScalarByEntry, Entrywise)


def by_entry(of: Expression, by: Expression) -> Expression:
    """Return ∂of/∂w for one entry w of `by`.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> by_entry(NamedMatrix("z2", 5, 3), NamedMatrix("W1", 2, 3)).shape
    (5, 3)
    """
    return ByEntry(of, by) if is_matrix(of) else ScalarByEntry(of, by)
