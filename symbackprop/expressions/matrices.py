"""SymPy's matrix nodes, made strict.

The classes are SymPy's own (a `MatMul` here is a `sympy.MatMul`), with two differences. Nothing is rewritten
automatically (SymPy's operators turn -(y - yhat) into yhat - y). And shapes are checked only when the whole equation is
known: `check` reports inconsistent shapes, so that the message can show the equation that contains them.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import sympy
from sympy import Basic, Expr, Mul, S, Symbol, SympifyError
from sympy.core.symbol import Str
from sympy.core.sympify import _sympify
from sympy.matrices import expressions as matrices
from sympy.matrices.expressions.matexpr import MatrixExpr

from symbackprop.errors import NetworkError, NotNumericError
from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.shapes import (
    Mismatch,
    is_matrix,
    require_inner,
    require_matrices,
    require_same_shape,
    require_square,
)


def operand(value: Expression) -> Expression:
    """Return an operand that a user gives, converted to the node classes of this module."""
    try:
        return adopt(_sympify(value))
    except SympifyError:
        kind = type(value).__name__
        hint = "; declare arrays with net.input and give them to the function" if kind == "ndarray" else ""
        raise NetworkError(
            f"a {kind} cannot be part of a formula ({value!r:.60} is not a SymPy expression){hint}"
        ) from None


_OF_SCALARS = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv}
INSTEAD_OF_NUMPY = {
    **{"sum": "sb.total(…), or sb.sums(…, axis)", "mean": "sb.total(…) divided by the number of entries"},
    **{"dot": "X * W", "matmul": "X * W", "transpose": "X.T", "multiply": "sb.hadamard(…, …)"},
    **{"square": "sb.power(…, 2)", "power": "sb.power(…, exponent)", "sqrt": "sb.power(…, sympy.Rational(1, 2))"},
    **{"maximum": "sb.relu(…)", **{name: f"sb.{name}(…)" for name in ("absolute", "exp", "log", "tanh")}},
}


def _operator(build: Callable[[Expression, Expression], Expression]) -> Callable[..., Expression]:
    """Return a method for a binary operator, whose other operand can be anything that a user writes."""
    return lambda self, other: build(self, operand(other))


def _product(left: Expression, right: Expression) -> Expression:
    """Return the product, with all scalars in front as one factor."""
    scalars = [part for part in (left, right) if not is_matrix(part)]
    coefficient, factors = gathered([part for part in (left, right) if is_matrix(part)], MatMul)
    return scaled(Mul(coefficient, *scalars), factors[0] if len(factors) == 1 else MatMul(*factors))


class Operators:
    """Operators `+ - * @ / .T` with SymPy's meaning (`*` is the matrix product), unevaluated."""

    _op_priority = 20.0  # above SymPy's own expressions: a mixed operation comes here

    def __iter__(self) -> NoReturn:
        raise NotNumericError(
            f"{self} is symbolic and cannot be looped over; the sum of its entries is sb.total({self})"
        )

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise NotNumericError(f"{self} is symbolic: it has no numbers to make an array of")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: object) -> Expression:
        """Return an operation on a NumPy scalar and this matrix; raise an error for any other NumPy function."""
        numbers = all(isinstance(value, Operators) or getattr(value, "ndim", 1) == 0 for value in inputs)
        if method == "__call__" and numbers and ufunc.__name__ in _OF_SCALARS:
            left, right = (value if isinstance(value, Operators) else value.item() for value in inputs)
            return _OF_SCALARS[ufunc.__name__](left, right)
        return self.__array_function__(ufunc, (), inputs, {})

    def __array_function__(self, function: Callable[..., object], _: object, __: object, ___: object) -> NoReturn:
        name = function.__name__
        instead = INSTEAD_OF_NUMPY.get(name)
        hint = f"; write {instead}" if instead else "; declare arrays with net.input and give them to the function"
        raise NotNumericError(f"np.{name} works on numbers, but {self} is symbolic{hint}")

    __add__ = _operator(lambda A, B: MatAdd(*terms_of(A), *terms_of(B)))
    __radd__ = _operator(lambda A, B: MatAdd(*terms_of(B), *terms_of(A)))
    __sub__ = _operator(lambda A, B: MatAdd(*terms_of(A), *terms_of(-B)))
    __rsub__ = _operator(lambda A, B: MatAdd(*terms_of(B), *terms_of(-A)))
    __mul__ = __matmul__ = _operator(_product)
    __rmul__ = __rmatmul__ = _operator(lambda A, B: _product(B, A))
    __truediv__ = _operator(lambda A, B: _product(A, Quotient(B) if is_matrix(B) else 1 / B))
    __rtruediv__ = _operator(lambda A, B: _product(B, Quotient(A)))
    __pow__ = _operator(lambda A, n: Inverse(A) if n == -1 else MatPow(A, n))

    def __neg__(self) -> Matrix:
        return scaled(S.NegativeOne, self)

    def inverse(self) -> Expression:
        """Return the inverse of a square matrix; SymPy's `.inv()` and `.I` call this too."""
        return Inverse(self)

    def __abs__(self) -> NoReturn:
        raise NetworkError(f"abs({self}): for the absolute value of each entry, write sb.absolute({self})")

    @property
    def T(self) -> Expression:  # noqa: N802 — SymPy's and NumPy's name
        """Return the transpose."""
        return self.args[0] if isinstance(self, Transpose) else Transpose(self)

    def transpose(self) -> Expression:
        """Return the transpose."""
        return self.T

    def doit(self, **hints: object) -> Expression:
        """Return what SymPy makes of a matrix; it knows nothing of arrays with other numbers of axes."""
        parent: Any = super()
        return parent.doit(**hints) if len(getattr(self, "shape", ())) == 2 else self


class _Unevaluated(Operators):
    def __new__(cls, *args: object, **_: object) -> Matrix:
        return Basic.__new__(cls, *map(_sympify, args))


class NamedMatrix(Operators, sympy.MatrixSymbol):
    """A named matrix, or a named array with any other number of axes: `NamedMatrix("b", "K")`."""

    def __new__(cls, name: object, *sizes: object) -> Matrix:
        """Return the symbol of a name and the size of each axis."""
        if len(sizes) == 2:
            return super().__new__(cls, name, *sizes)
        return Basic.__new__(cls, name if isinstance(name, Str) else Str(name), *map(_sympify, sizes))

    @property
    def shape(self) -> Expression:
        """Return the size of each axis."""
        return self.args[1:]


class OneHot(NamedMatrix):
    """A named array that adds up to 1 along its last axis: a matrix whose rows each add up to 1."""


class _OfOneShape(_Unevaluated):
    args: tuple[Expression, ...]

    def check(self) -> None:
        """Require equal shapes."""
        require_same_shape(self, self.args)


class MatAdd(_OfOneShape, sympy.MatAdd):
    """A sum of matrices of one shape."""


class MatMul(_Unevaluated, sympy.MatMul):
    """A product of two or more matrices."""

    def check(self) -> None:
        """Require equal inner dimensions."""
        require_inner(self, self.args)


class Scaled(_Unevaluated, sympy.MatMul):
    """A scalar times a matrix."""

    @property
    def shape(self) -> Expression:
        """Return the shape of the matrix."""
        return self.args[1].shape

    def as_coeff_mmul(self) -> tuple[Scalar, Matrix]:
        """Return the two factors; SymPy makes a product of the second one, which must be a matrix."""
        return super().as_coeff_mmul() if len(self.shape) == 2 else self.args

    def check(self) -> None:
        """Require a matrix after the scalar."""
        require_matrices(self, self.args[1:])


class Transpose(_Unevaluated, sympy.Transpose):
    """A transpose."""


class HadamardProduct(_OfOneShape, sympy.HadamardProduct):
    """An entrywise product of matrices of one shape."""


class HadamardPower(_Unevaluated, sympy.HadamardPower):
    """Each entry of a matrix raised to the same scalar exponent."""

    def check(self) -> None:
        """Require a matrix and a scalar exponent."""
        require_matrices(self, self.args[:1])
        if is_matrix(self.args[1]):
            raise Mismatch(self, lambda show: f"the exponent {show(self.args[1])} is a matrix; a scalar is needed")


class MatPow(_Unevaluated, sympy.MatPow):
    """A whole-number power of a square matrix."""

    syntax = "matrix_power"

    def check(self) -> None:
        """Require a square matrix and a whole exponent of at least 2."""
        base, exponent = self.args
        require_square(
            self, base, lambda show: f"; for the power of each entry, write sb.power({show(base)}, {exponent})"
        )
        if not (exponent.is_Integer and 2 <= exponent <= MOST_FACTORS):
            raise Mismatch(
                self,
                lambda show: (
                    f"{show(base)} to the power of {show(exponent)}: the power of a whole matrix is a number from 2 to "
                    f"{MOST_FACTORS}; for the power of each entry, write sb.power({show(base)}, {show(exponent)})"
                ),
            )

    def _entry(self, i: Scalar, j: Scalar, **kwargs: object) -> Expr:
        return self.as_product()._entry(i, j, **kwargs)

    def as_product(self) -> Expression:
        """Return the power as a product of equal factors."""
        return MatMul(*[self.args[0]] * int(self.args[1]))


class Quotient(_Unevaluated, sympy.MatPow):
    """A division A / B by a matrix, which is refused: most authors mean an entrywise division, not A B⁻¹."""

    def check(self) -> None:
        """Raise an error that shows the two forms which the division may mean."""
        raise Mismatch(
            self,
            lambda show: (
                f"a division by the matrix {show(self.args[0])} can be meant in two ways: by each entry, "
                f"sb.hadamard(…, sb.power({show(self.args[0])}, -1)), or a product with the inverse, sb.inv(…)"
            ),
        )

    @property
    def shape(self) -> Expression:
        """Return the shape of the divisor."""
        return self.args[0].shape


class Inverse(_Unevaluated, sympy.Inverse):
    """The inverse of a square matrix."""

    syntax = "inv"

    def check(self) -> None:
        """Require a square matrix."""
        require_square(self, self.args[0])

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        matrix = self.args[0]
        return sympy.Matrix(*map(int, matrix.shape), matrix._entry).inv()[i, j]


class _OfSquare:
    """A scalar computed from a square matrix."""

    args: tuple[Expression, ...]
    is_commutative = True
    is_real = True

    def __new__(cls, matrix: object) -> Scalar:
        return Expr.__new__(cls, _sympify(matrix))

    def check(self) -> None:
        """Require a square matrix."""
        require_square(self, self.args[0])


class Trace(_OfSquare, sympy.Trace):
    """The sum of the entries on the diagonal."""

    syntax = "trace"


class Determinant(_OfSquare, sympy.Determinant):
    """The determinant."""

    syntax = "det"


class Eye(Operators, sympy.Identity):
    """The identity matrix."""

    syntax = "eye"


class Ones(_Unevaluated, sympy.OneMatrix):
    """A matrix of ones."""

    syntax = "ones"


class Zeros(_Unevaluated, sympy.ZeroMatrix):
    """A matrix of zeros."""

    syntax = "zeros"

    @property
    def shape(self) -> Expression:
        """Return the size of each axis."""
        return self.args


class LowerOnes(_Unevaluated, MatrixExpr):
    """A matrix with ones on and below the diagonal and zeros above, the mask of causal attention."""

    syntax = "tril"

    @property
    def shape(self) -> Expression:
        """Return (rows, columns)."""
        return self.args

    def _entry(self, i: Scalar, j: Scalar, **_: object) -> Expr:
        return sympy.Piecewise((S.One, sympy.Ge(i, j)), (S.Zero, True))


def terms_of(expression: Expression) -> Expression:
    """Return the terms of a sum, or any other expression as a single term."""
    return expression.args if isinstance(expression, MatAdd) else (expression,)


def split(expression: Expression) -> tuple[Scalar, Expression]:
    """Return the scalar coefficient of a matrix expression, and the matrix without it."""
    return expression.args if isinstance(expression, Scaled) else (S.One, expression)


def gathered(factors: Iterable[Expression], kind: type[Matrix]) -> tuple[Scalar, list[Matrix]]:
    """Return the product of the factors' coefficients, and their matrices, with nested products of that kind merged."""
    coefficient: Expr = S.One
    flat: list[Expression] = []
    for factor in factors:
        scalar, matrix = split(factor)
        coefficient *= scalar
        flat += matrix.args if isinstance(matrix, kind) else (matrix,)
    return coefficient, flat


def scaled(coefficient: Scalar, matrix: Matrix) -> Expression:
    """Return coefficient · matrix; a coefficient that the matrix already has is merged with it."""
    inner, matrix = split(matrix)
    coefficient = _sympify(coefficient) * inner
    if coefficient == 1 or isinstance(matrix, Zeros):
        return matrix
    return Zeros(*matrix.shape) if coefficient == 0 else Scaled(coefficient, matrix)


def zero_of(quantity: Expression) -> Expression:
    """Return zeros in the shape of a quantity; 0 for a scalar."""
    return Zeros(*quantity.shape) if is_matrix(quantity) else S.Zero


LEAVES = (Ones, Zeros, Eye, LowerOnes)  # constants that their shape determines
MOST_FACTORS = 64  # in a power of a matrix

# Expressions that SymPy's own constructors make are rebuilt from the classes above.
_OURS: dict[type, Callable[..., Expression]] = {
    matrices.MatAdd: MatAdd,
    matrices.HadamardProduct: HadamardProduct,
    matrices.HadamardPower: HadamardPower,
    matrices.Transpose: Transpose,
    matrices.MatPow: lambda base, exponent: Inverse(base) if exponent == -1 else MatPow(base, exponent),
    matrices.Inverse: lambda base, *_: Inverse(base),
    matrices.Trace: Trace,
    matrices.Determinant: Determinant,
    matrices.Identity: Eye,
    matrices.OneMatrix: Ones,
    matrices.ZeroMatrix: Zeros,
}


def adopt(expression: Expression) -> Expression:
    """Return the same expression, built from the node classes of this module."""
    if not getattr(expression, "args", None) or isinstance(
        expression, Operators | _OfSquare | Symbol | matrices.MatrixSymbol
    ):
        return expression
    args = [adopt(arg) for arg in expression.args]
    if type(expression) is matrices.MatMul:
        scalars = [arg for arg in args if not is_matrix(arg)]
        factors = [arg for arg in args if is_matrix(arg)]
        return scaled(Mul(*scalars), factors[0] if len(factors) == 1 else MatMul(*factors))
    build = _OURS.get(type(expression))
    if build is not None:
        return build(*args)
    return expression if tuple(args) == expression.args else expression.func(*args)


# The parts of expressions


def quantities(node: Expression) -> list[Expression]:
    """Return the arguments of a node that are matrices or scalars, in order."""
    if isinstance(node, LEAVES):
        return []
    own = getattr(node, "operands", None)
    return [argument for argument in node.args if isinstance(argument, Expr)] if own is None else list(own)


def changing(node: Expression) -> list[Expression]:
    """Return the operands with respect to which a node has a derivative that is not 0; a step function has none."""
    return [] if getattr(node, "is_step", False) else quantities(node)


def postorder(expression: Expression, parts: Callable[[Expression], list[Expression]] = quantities) -> list[Expression]:
    """Return the distinct quantities in an expression in postorder (parts first), without axes, sizes and functions."""
    seen: dict[Basic, None] = {}
    stack = [(expression, False)]
    while stack:
        node, expanded = stack.pop()
        if node in seen:
            continue
        if expanded or not node.args or isinstance(node, matrices.MatrixSymbol):
            seen[node] = None
        else:
            stack.append((node, True))
            stack += [(part, False) for part in reversed(parts(node))]
    return list(seen)


def is_name(expression: Expression) -> bool:
    """Return True if an expression is a named quantity: a matrix symbol or a scalar symbol."""
    return bool(expression.is_symbol)
