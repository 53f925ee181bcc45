"""Partial derivatives as they stand before they are worked out.

In every line of the route to ∂J/∂W, one entry w of W is moved. ∂C/∂W stands for the derivative of each entry of
C by that w, so it has the shape of C; ∂J/∂W on its own has an entry for each w, and the shape of W.
"""

from typing import Any

from sympy import Basic, Expr
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.printing.precedence import PRECEDENCE

from symbackprop.expressions.matrices import Operators
from symbackprop.expressions.shapes import Shape, is_matrix


class Gradient(Basic):
    """∂J/∂v: the derivative of the cost by every entry of v, in the shape of v."""

    def __new__(cls, cost: Basic, of: Basic) -> "Gradient":
        return Basic.__new__(cls, cost, of)

    @property
    def cost(self) -> Any:
        return self.args[0]

    @property
    def of(self) -> Any:
        return self.args[1]


class _Partial:
    """∂C/∂W, of a matrix or of a scalar C."""

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, of: Basic, by: Basic) -> Any:
        return Basic.__new__(cls, of, by)

    @property
    def of(self) -> Any:
        return self.args[0]  # type: ignore[attr-defined]

    @property
    def by(self) -> Any:
        return self.args[1]  # type: ignore[attr-defined]


class ByEntry(_Partial, Operators, MatrixExpr):
    """The derivative of each entry of a matrix by one entry of `by`: it has the shape of the matrix."""

    @property
    def shape(self) -> Shape:
        return self.of.shape


class ScalarByEntry(_Partial, Expr):
    """The derivative of a scalar by one entry of `by`."""

    is_commutative = True
    is_real = True


class Entrywise(_Partial, Operators, MatrixExpr):
    """The derivative of each entry of f(Z) by the same entry of Z."""

    @property
    def shape(self) -> Shape:
        return self.of.shape


PARTIALS = (ByEntry, ScalarByEntry, Entrywise)


def by_entry(of: Any, by: Any) -> Any:
    """∂of/∂w for one entry w of `by`.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> by_entry(NamedMatrix("z2", 5, 3), NamedMatrix("W1", 2, 3)).shape
    (5, 3)
    """
    return ByEntry(of, by) if is_matrix(of) else ScalarByEntry(of, by)
