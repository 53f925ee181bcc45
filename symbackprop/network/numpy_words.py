"""NumPy's words that stand for other operations: what each of them writes out, in texts and in functions that are read.

No network prints these words, so their names are free for quantities. A mask is a matrix or a scalar whose entries are
0 or 1; it comes from a comparison, and its derivative is 0.
"""

from collections.abc import Callable
from functools import partial, reduce
from itertools import pairwise

from sympy import Expr, Integer, S, log

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.functions import FUNCTION, Applied
from symbackprop.expressions.gathers import permuted, reshaped
from symbackprop.expressions.matrices import (
    Eye,
    HadamardPower,
    HadamardProduct,
    LowerOnes,
    MatAdd,
    Ones,
    Transpose,
    Zeros,
    operand,
    scaled,
    split,
)
from symbackprop.expressions.operations import COLUMNS, ROWS, Broadcast, Elementwise, axis_of, sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice, concatenate
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network.numpy_semantics import divided, minus, plus, times
from symbackprop.printing.text import typed

_ONE = Integer(1)

# comparisons, as masks


def above(a: Expression, b: Expression) -> Expression:
    """Return 1 where a > b, else 0."""
    return FUNCTION["relu"].prime(minus(a, b))


def unequal(a: Expression, b: Expression) -> Expression:
    """Return 1 where a ≠ b, else 0."""
    return arithmetic.to_the(FUNCTION["sign"](minus(a, b)), Integer(2))


def complement(mask: Expression) -> Expression:
    """Return 1 where the mask is 0, and 0 where it is 1."""
    match mask:
        case MatAdd(args=(Ones(), rest)) if is_mask(mask):
            return split(rest)[1]
    return minus(_ONE, mask)


RELATIONS: dict[str, Callable[[Expression, Expression], Expression]] = {
    ">": above,
    "<": lambda a, b: above(b, a),
    "<=": lambda a, b: complement(above(a, b)),
    ">=": lambda a, b: complement(above(b, a)),
    "!=": unequal,
    "==": lambda a, b: complement(unequal(a, b)),
}
_TURNED = {">": "<", "<": ">", "<=": ">=", ">=": "<="}


def compared(a: Expression, sign: str, b: Expression) -> Expression:
    """Return the mask of a comparison: 1 where it holds, else 0; one of a mask with a number is the mask or its rest.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> typed(compared(NamedMatrix("X", 5, 3), "<=", Integer(2)))
    '1 - relu.prime(X - 2)'
    """
    relation = RELATIONS[sign]
    if not is_matrix(a) and a.is_number and is_mask(b):
        a, b, sign = b, a, _TURNED.get(sign, sign)
        relation = RELATIONS[sign]
    if is_matrix(b) or not b.is_number or not is_mask(a):
        return relation(a, b)
    at_zero, at_one = (relation(Integer(value), b) for value in (0, 1))
    if at_zero == at_one:
        return scaled(at_zero, Ones(*a.shape)) if is_matrix(a) else at_zero
    return a if at_one == 1 else complement(a)


def is_mask(value: Expression) -> bool:
    """Return True if each entry of a value is certainly 0 or 1."""
    match value:
        case Ones() | Zeros() | LowerOnes() | Eye():
            found = True
        case Elementwise() | Applied():
            found = bool(value.function == FUNCTION["relu"].prime)
        case HadamardPower(args=(Elementwise(function=f), exponent)):
            found = bool(f == FUNCTION["sign"] and exponent == 2)
        case HadamardProduct() | Concatenate():
            found = all(map(is_mask, [arg for arg in value.args if is_matrix(arg)]))
        case Transpose() | Broadcast() | Slice():
            found = is_mask(value.args[0])
        case MatAdd(args=(Ones(), rest)):
            coefficient, mask = split(rest)
            found = bool(coefficient == -1) and is_mask(mask)
        case _:
            found = not is_matrix(value) and value in (0, 1)
    return found


def as_mask(value: Expression) -> Expression:
    """Return a mask unchanged, and for any other quantity the mask of its entries that are not 0."""
    return value if is_mask(value) else unequal(value, S.Zero)


def both(a: Expression, b: Expression) -> Expression:
    """Return 1 where both masks are 1."""
    return times(as_mask(a), as_mask(b))


def either(a: Expression, b: Expression) -> Expression:
    """Return 1 where at least one of two masks is 1."""
    return complement(times(complement(as_mask(a)), complement(as_mask(b))))


def where(condition: Expression, a: Expression, b: Expression) -> Expression:
    """Return a where the condition holds, and b elsewhere.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> X = NamedMatrix("X", 5, 3)
    >>> typed(where(above(X, Integer(0)), X, Integer(0)))
    'relu.prime(X) * X'
    """
    return chosen(as_mask(condition), a, b)


def chosen(mask: Expression, a: Expression, b: Expression) -> Expression:
    """Return a where the mask is 1, and b where it is 0: m a + (1 - m) b."""
    if b == 0 or isinstance(b, Zeros):
        return times(mask, a)
    if a == 0 or isinstance(a, Zeros):
        return times(complement(mask), b)
    return plus(times(mask, a), times(complement(mask), b))


# functions of each entry


def clip(a: Expression, low: Expression | None, high: Expression | None) -> Expression:
    """Return a, raised to `low` and cut off at `high`."""
    a = a if low is None else arithmetic.maximum(a, low)
    return a if high is None else arithmetic.minimum(a, high)


def logaddexp(a: Expression, b: Expression) -> Expression:
    """Return log(exp(a) + exp(b)) as b + softplus(a - b)."""
    if a == 0:
        a, b = b, a
    return plus(b, FUNCTION["softplus"](minus(a, b)))


def arctan2(y: Expression, x: Expression) -> Expression:
    """Return the angle of the point (x, y): arctan(y / x), and half a turn more or less where x is negative."""
    half_turn = times(times(operand(S.Pi), FUNCTION["sign"](y)), above(S.Zero, x))
    return plus(FUNCTION["arctan"](divided(y, x)), half_turn)


def hypot(a: Expression, b: Expression) -> Expression:
    """Return the root of a² + b²."""
    return FUNCTION["sqrt"](plus(_squared(a), _squared(b)))


def _squared(a: Expression) -> Expression:
    return arithmetic.to_the(a, Integer(2))


def heaviside(a: Expression, at_zero: Expression) -> Expression:
    """Return 0 for negative numbers, 1 for positive ones, and `at_zero` at 0."""
    return plus(above(a, S.Zero), times(complement(unequal(a, S.Zero)), at_zero))


def _log_to(base: int) -> Callable[[Expression], Expression]:
    return lambda a: divided(FUNCTION["log"](a), log(base))


# fmt: off
ENTRYWISE: dict[str, Callable[..., Expression]] = {  # functions of quantities that are broadcast together
    "add": plus, "subtract": minus, "divide": divided, "true_divide": divided, "multiply": times,
    "negative": lambda a: -a, "positive": lambda a: a, "reciprocal": lambda a: divided(_ONE, a),
    "log2": _log_to(2), "log10": _log_to(10), "exp2": lambda a: arithmetic.to_the(Integer(2), a),
    "logit": lambda a: minus(FUNCTION["log"](a), FUNCTION["log"](minus(_ONE, a))),
    "log_expit": lambda a: -FUNCTION["softplus"](-a),
    "erfc": lambda a: minus(_ONE, FUNCTION["erf"](a)),
    "ndtr": lambda a: times(S.Half, plus(_ONE, FUNCTION["erf"](divided(a, operand(S(2) ** S.Half))))),
    "xlogy": lambda a, b: times(a, FUNCTION["log"](b)),
    "xlog1py": lambda a, b: times(a, FUNCTION["log1p"](b)),
    "entr": lambda a: -times(a, FUNCTION["log"](a)),
    "rel_entr": lambda a, b: times(a, FUNCTION["log"](divided(a, b))),
    "logaddexp": logaddexp, "arctan2": arctan2, "hypot": hypot, "heaviside": heaviside,
    "maximum": arithmetic.maximum, "minimum": arithmetic.minimum,
    "fmax": arithmetic.maximum, "fmin": arithmetic.minimum,
    "greater": above, "less": RELATIONS["<"], "greater_equal": RELATIONS[">="], "less_equal": RELATIONS["<="],
    "equal": RELATIONS["=="], "not_equal": unequal,
    "logical_and": both, "logical_or": either, "logical_not": lambda a: complement(as_mask(a)),
    "where": where,
}
OTHER_NAMES = {  # of rows of the table of functions
    "expit": "sigmoid", "fabs": "abs", "absolute": "abs", "ln": "log", "arcsine": "arcsin",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "lgamma": "gammaln", "loggamma": "gammaln", "psi": "digamma", "atan2": "arctan2",
}
# fmt: on


# whole matrices


def norm(a: Expression, order: object = None, axis: int | None = None) -> Expression:
    """Return the norm of all entries (without an axis: Frobenius's) or of each row or column, as NumPy does."""
    if not is_matrix(a):
        return FUNCTION["abs"](a)
    if axis is None and order in (1, 2, S.Infinity) and 1 not in a.shape and len(a.shape) > 1:
        raise ShapeError(
            f"norm({typed(a)}, {order}) is a norm of a matrix as a whole map; norm({typed(a)}) is the root of the sum "
            f"of squares, and sum(abs({typed(a)})) adds up the absolute values"
        )
    if order in (None, 2, "fro"):
        return FUNCTION["sqrt"](arithmetic.total(_squared(a), axis))
    if order == 1:
        return arithmetic.total(FUNCTION["abs"](a), axis)
    if order == S.Infinity:
        return arithmetic.largest(FUNCTION["abs"](a), axis)
    is_matrix_norm = axis is None and len(a.shape) > 1 and 1 not in a.shape
    if not isinstance(order, Expr | int) or not S(order).is_positive or is_matrix_norm:
        raise ShapeError(f"norm({typed(a)}, {order}): the order is a positive number, or left out")
    return arithmetic.to_the(arithmetic.total(arithmetic.to_the(FUNCTION["abs"](a), order), axis), 1 / S(order))


def lower_ones(shape: tuple[Size, Size], k: int) -> Matrix:
    """Return the mask of the entries on and below the k-th diagonal, as `np.tri(*shape, k)`."""
    rows, columns = shape
    if k > 0:
        return Slice(LowerOnes(rows + k, columns), ROWS, Integer(k), rows + k)
    if k < 0:
        return Slice(LowerOnes(rows, columns - k), COLUMNS, Integer(-k), columns - k)
    return LowerOnes(rows, columns)


def _last_two(a: Matrix) -> tuple[Size, Size]:
    if len(a.shape) < 2:
        raise ShapeError(f"{typed(a)} is {shape_text(a.shape)}; a matrix is needed")
    return a.shape[-2], a.shape[-1]


def tril(a: Matrix, k: int = 0) -> Matrix:
    """Return the matrix with the entries above its k-th diagonal set to 0."""
    mask = lower_ones(_last_two(a), k)
    return mask if isinstance(a, Ones) and len(a.shape) == 2 else times(a, mask)


def triu(a: Matrix, k: int = 0) -> Matrix:
    """Return the matrix with the entries below its k-th diagonal set to 0."""
    mask = complement(lower_ones(_last_two(a), k - 1))
    return mask if isinstance(a, Ones) and len(a.shape) == 2 else times(a, mask)


def cumsum(a: Matrix, axis: int) -> Matrix:
    """Return the sums of the first 1, 2, 3, … entries along an axis, as a product with a triangle of ones."""
    size = a.shape[axis]
    triangle = LowerOnes(size, size)
    return arithmetic.product(triangle, a) if axis == ROWS else arithmetic.product(a, triangle.T)


def diff(a: Matrix, axis: int, n: int = 1) -> Matrix:
    """Return the differences between neighbours along an axis, n times."""
    for _ in range(n):
        size = a.shape[axis]
        a = minus(arithmetic.part(a, axis, _ONE, size), arithmetic.part(a, axis, S.Zero, size - 1))
    return a


def ordered(a: Matrix, axis: int) -> Matrix:
    """Return the entries along an axis in ascending order: a permutation, which is constant except where two are equal.

    The rank of an entry is the number of smaller ones, and of equal ones before it; the entry of rank k comes k-th.
    """
    last, size = len(a.shape) - 1, a.shape[axis]
    order = [*(k for k in range(last + 1) if k != axis), axis]
    lines = permuted(a, order)
    lead = lines.shape[:-1]
    apart = minus(reshaped(lines, (*lead, size, 1)), reshaped(lines, (*lead, 1, size)))
    equal_before = times(complement(unequal(apart, S.Zero)), lower_ones((size, size), -1))
    ranks = arithmetic.total(plus(above(apart, S.Zero), equal_before), last + 1)
    places = minus(reshaped(Ones(1, size) * LowerOnes(size, size).T, (size, 1)), _ONE)
    chosen_at = complement(unequal(minus(reshaped(ranks, (*lead, 1, size)), places), S.Zero))
    found = reshaped(arithmetic.product(chosen_at, reshaped(lines, (*lead, size, 1))), lines.shape)
    return permuted(found, [order.index(k) for k in range(last + 1)])


def roll(a: Matrix, shift: Size, axis: int) -> Matrix:
    """Return the matrix with its rows or columns moved around by `shift` places."""
    size = a.shape[axis]
    cut = -shift if shift.is_negative else size - shift
    if shift == 0:
        return a
    return concatenate((arithmetic.part(a, axis, cut, size), arithmetic.part(a, axis, S.Zero, cut)), axis)


def repeated(a: Matrix, rows: int, columns: int) -> Matrix:
    """Return the matrix repeated as often below and beside itself, as `np.tile` does."""
    wide = a if columns == 1 else concatenate([a] * columns, COLUMNS)
    return wide if rows == 1 else concatenate([wide] * rows, ROWS)


def padded(a: Matrix, widths: tuple[tuple[int, int], tuple[int, int]]) -> Matrix:
    """Return the matrix with as many rows and columns of zeros before and after it."""
    for axis, (before, after) in enumerate(widths):
        across = a.shape[1 - axis]
        shapes = [(Integer(n), across) if axis == ROWS else (across, Integer(n)) for n in (before, after)]
        zeros = [[Zeros(*shape)] if 0 not in shape else [] for shape in shapes]
        a = concatenate([*zeros[0], a, *zeros[1]], axis)
    return a


def block(rows: tuple[tuple[Matrix, ...], ...]) -> Matrix:
    """Return the matrix that is made of rows of blocks."""
    return concatenate([concatenate(row, COLUMNS) for row in rows], ROWS)


def split_parts(a: Matrix, at: Size | tuple[Size, ...], axis: int) -> list[Matrix]:
    """Return equal parts of a matrix, given their number, or the parts between positions."""
    size = a.shape[axis]
    if isinstance(at, tuple):
        bounds = [S.Zero, *at, size]
    else:
        if not (size / at).is_integer:
            raise ShapeError(
                f"split({typed(a)}, {at}, axis={axis}): {typed(a)} is {shape_text(a.shape)}, and {size} is not a "
                f"multiple of {at} whatever the sizes are"
            )
        bounds = [size * k / at for k in range(int(at) + 1)]
    return [arithmetic.part(a, axis, start, stop) for start, stop in pairwise(bounds)]


def kron(a: Matrix, b: Matrix) -> Matrix:
    """Return the Kronecker product as a matrix of blocks, each an entry of `a` times `b`; `a` has a few entries."""
    rows, columns = a.shape
    if not (rows.is_Integer and columns.is_Integer and rows * columns <= 64):
        raise ShapeError(
            f"kron({typed(a)}, {typed(b)}): {typed(a)} is {shape_text(a.shape)}; its sizes must be small numbers, "
            "since each of its entries makes a block"
        )
    return block(tuple(tuple(times(entry(a, Integer(i), Integer(j)), b) for j in range(columns)) for i in range(rows)))


def entry(a: Matrix, i: Size, j: Size) -> Scalar:
    """Return one entry of a matrix, a scalar."""
    return arithmetic.total(arithmetic.part(arithmetic.part(a, ROWS, i, i + 1), COLUMNS, j, j + 1))


def outer(a: Matrix, b: Matrix) -> Matrix:
    """Return a bᵀ of two rows or columns."""
    for line in (a, b):
        if 1 not in line.shape:
            raise ShapeError(f"outer: {typed(line)} is {shape_text(line.shape)}; a row or a column is needed")
    column, row = (a if a.shape[1] == 1 else a.T), (b if b.shape[0] == 1 else b.T)
    return arithmetic.product(column, row)


def solve(a: Matrix, b: Matrix) -> Matrix:
    """Return A⁻¹ b."""
    return arithmetic.product(arithmetic.inv(a), b)


def log_abs_det(a: Matrix) -> Scalar:
    """Return log|det A|, the second result of `slogdet`, as log(det(A)²) / 2."""
    return log(arithmetic.det(a) ** 2) / 2


def diagonal_of(a: Matrix) -> Matrix:
    """Return the diagonal of a square matrix as a row."""
    return sums(times(Eye(arithmetic.square(a, "diag").shape[0]), a), ROWS)


def multi_dot(factors: tuple[Matrix, ...]) -> Matrix:
    """Return the product of several matrices."""
    return reduce(arithmetic.product, factors)


stacked_rows, stacked_columns = partial(concatenate, axis=ROWS), partial(concatenate, axis=COLUMNS)
checked_axis = axis_of
