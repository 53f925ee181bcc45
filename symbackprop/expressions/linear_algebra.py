"""What a user writes of linear algebra: inverses, determinants, traces, norms."""

from typing import Any

from sympy import Expr, sqrt

from symbackprop.expressions.constructors import power
from symbackprop.expressions.matrices import Determinant, Eye, Inverse, MatPow, Trace, operand
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import dimension


def eye(size: Any) -> Any:
    """The identity matrix.

    >>> eye("n").shape
    (n, n)
    """
    return Eye(dimension(size))


def inv(matrix: Any) -> Any:
    """The inverse of a square matrix."""
    return Inverse(operand(matrix))


def trace(matrix: Any) -> Expr:
    """The sum of the entries on the diagonal of a square matrix."""
    return Trace(operand(matrix))


def det(matrix: Any) -> Expr:
    """The determinant of a square matrix."""
    return Determinant(operand(matrix))


def matrix_power(matrix: Any, exponent: Any) -> Any:
    """The product of a square matrix with itself; a negative exponent is one of its inverse.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> matrix_power(NamedMatrix("X", 3, 3), -1)
    X**(-1)
    """
    base, exponent = operand(matrix), operand(exponent)
    if exponent == 0:
        return Eye(base.shape[0])
    if exponent.is_negative:
        base, exponent = Inverse(base), -exponent
    return base if exponent == 1 else MatPow(base, exponent)


def norm(matrix: Any) -> Expr:
    """The Frobenius norm √Σ A², which for a column is its Euclidean length."""
    return sqrt(Total(power(operand(matrix), 2)))
