"""Type names for annotations: SymPy has no type hints, so these names tell a reader what an argument is."""

from typing import TypeAlias

import sympy

Scalar: TypeAlias = sympy.Expr
Matrix: TypeAlias = sympy.MatrixExpr
Expression: TypeAlias = Scalar | Matrix  # anything that has a value
Size: TypeAlias = sympy.Expr  # a number of rows or columns: an integer, N, 4*H
Shape: TypeAlias = tuple[Size, ...]  # of a matrix (rows, columns); of a scalar ()
