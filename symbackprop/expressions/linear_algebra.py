"""Linear algebra for users: inverses, determinants, traces and norms."""

from sympy import Expr, sqrt

from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.constructors import power
from symbackprop.expressions.matrices import Determinant, Eye, Inverse, MatPow, Trace, operand
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import dimension


def eye(size: Size) -> Expression:
    """Return the identity matrix.

    >>> eye("n").shape
    (n, n)
    """
    return Eye(dimension(size))


def inv(matrix: Matrix) -> Expression:
    """Return the inverse of a square matrix."""
    return Inverse(operand(matrix))


def trace(matrix: Matrix) -> Expr:
    """Return the sum of the diagonal entries of a square matrix."""
    return Trace(operand(matrix))


def det(matrix: Matrix) -> Expr:
    """Return the determinant of a square matrix."""
    return Determinant(operand(matrix))


def matrix_power(matrix: Matrix, exponent: Scalar) -> Expression:
    """Return a power of a square matrix; a negative exponent is a power of its inverse.

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


def norm(matrix: Matrix) -> Expr:
    """Return the Frobenius norm √Σ A², which is the Euclidean length if A is a column."""
    return sqrt(Total(power(operand(matrix), 2)))
