"""Constructors that keep formulas in textbook form: signs and factors in front, no 1·, no (Mᵀ)ᵀ.

The shapes are consistent, or are checked when an equation is added to a network.
"""

from sympy import Expr, S

from symbackprop.errors import NetworkError
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape, Size
from symbackprop.expressions.matrices import (
    Eye,
    HadamardPower,
    HadamardProduct,
    MatAdd,
    MatMul,
    Ones,
    Zeros,
    gathered,
    operand,
    scaled,
    split,
    terms_of,
)
from symbackprop.expressions.operations import repeated
from symbackprop.expressions.shapes import dimension, is_matrix
from symbackprop.expressions.slicing import merged


def add(*terms: Matrix) -> Expression:
    """Return a sum, with equal terms collected in the order of their first appearance, and a common factor in front."""
    collected: dict[Expression, Expr] = {}
    for term in (t for whole in terms for t in terms_of(whole)):
        coefficient, matrix = split(term)
        collected[matrix] = collected.get(matrix, S.Zero) + coefficient
    kept = merged(scaled(c, m) for m, c in collected.items() if c != 0 and not isinstance(m, Zeros))
    if not kept:
        return Zeros(*terms[0].shape)
    return kept[0] if len(kept) == 1 else _factored(kept)


def _factored(terms: list[Expression]) -> Expression:
    """Return c A − c B as c (A − B), if all terms have the same coefficient up to the sign."""
    coefficients, matrices = zip(*map(split, terms), strict=True)
    common = next((c for c in coefficients if not c.could_extract_minus_sign()), coefficients[0])
    signs = [c / common for c in coefficients]
    if common in (1, -1) or any(sign not in (1, -1) for sign in signs):
        return MatAdd(*terms)
    ordered = sorted(zip(signs, matrices, strict=True), key=lambda pair: pair[0] == -1)
    return scaled(common, MatAdd(*(scaled(sign, matrix) for sign, matrix in ordered)))


def matmul(*factors: Expression) -> Expression:
    """Return the matrix product, with nested products merged and the scalar factors in front."""
    coefficient, flat = gathered(factors, MatMul)
    flat = [factor for factor in flat if factor != Ones(1, 1) and not isinstance(factor, Eye)] or flat[:1]
    if any(isinstance(factor, Zeros) for factor in flat):
        return Zeros(flat[0].shape[0], flat[-1].shape[1])
    return scaled(coefficient, flat[0] if len(flat) == 1 else MatMul(*flat))


def hadamard(*factors: Expression) -> Expression:
    """Return the entrywise product, with nested products merged, scalar factors in front, and no matrices of ones.

    Shapes are not checked here, but when an equation is added to a network.
    """
    if not factors:
        raise NetworkError("hadamard() needs at least one matrix")
    coefficient, flat = gathered([operand(factor) for factor in factors], HadamardProduct)
    zeros = [factor for factor in flat if isinstance(factor, Zeros)]
    if zeros:
        return zeros[0]
    kept = [f for f in flat if not (isinstance(f, Ones) and all(f.shape == g.shape for g in flat))] or flat[:1]
    return scaled(coefficient, kept[0] if len(kept) == 1 else HadamardProduct(*kept))


def spread(line: Matrix, shape: Shape) -> Expression:
    """Return a row or a column, or another array, repeated to a shape, with the scalar factor in front."""
    coefficient, line = split(line)
    return scaled(coefficient, Ones(*shape) if isinstance(line, Ones) else repeated(line, tuple(shape)))


def transposed(matrix: Matrix) -> Expression:
    """Return the transpose; that of a product is the product of the transposed factors in reverse order."""
    coefficient, matrix = split(matrix)
    if matrix.shape == (1, 1) or isinstance(matrix, Eye):
        return scaled(coefficient, matrix)
    if isinstance(matrix, MatMul):
        return scaled(coefficient, MatMul(*[transposed(factor) for factor in reversed(matrix.args)]))
    if isinstance(matrix, Ones | Zeros):
        return scaled(coefficient, matrix.func(*reversed(matrix.shape)))
    return scaled(coefficient, matrix.T)


def power(matrix: Matrix, exponent: Scalar) -> Expression:
    """Return each entry of a matrix, or a scalar, raised to a scalar exponent.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> power(NamedMatrix("A", 3, 2), 2).shape
    (3, 2)
    """
    base, exponent = operand(matrix), operand(exponent)
    if not is_matrix(base) and not is_matrix(exponent):
        return base**exponent
    if exponent == 1:
        return base
    if isinstance(base, HadamardPower) and _is_merged(base.args[1], exponent):
        return power(base.args[0], base.args[1] * exponent)
    return Ones(*base.shape) if exponent == 0 else HadamardPower(base, exponent)


def _is_merged(inner: Expression, outer: Scalar) -> bool:
    """Return True if (xᵐ)ⁿ = xᵐⁿ wherever the left side is defined, as for (√x)² = x, but not for √(x²)."""
    return bool(outer.is_integer or (inner.is_Rational and inner.q % 2 == 0))


def ones(rows: Size, columns: Size) -> Expression:
    """Return a matrix of ones.

    >>> ones("N", 2).shape
    (N, 2)
    """
    return Ones(dimension(rows), dimension(columns))
