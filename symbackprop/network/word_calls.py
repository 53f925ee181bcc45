"""The calls of NumPy's words in a text: their parameters, and what they write out; the words are in `numpy_words`."""

from collections.abc import Callable
from functools import reduce, wraps
from typing import Any, TypeAlias, cast

from sympy import Integer, S

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.linear_algebra import eye
from symbackprop.expressions.matrices import LowerOnes, Ones, Zeros, scaled
from symbackprop.expressions.operations import COLUMNS, ROWS, axis_of
from symbackprop.expressions.shapes import dimension, is_matrix, shape_of
from symbackprop.network import array_functions as arrays
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network import numpy_words as words
from symbackprop.printing.text import typed

Argument: TypeAlias = Expression | tuple["Argument", ...] | str | bool | None  # of a call

_MOST_COPIES = 64


def require_matrix(a: Argument, name: str) -> Matrix:
    """Return the argument of a function; raise ShapeError unless it is a matrix."""
    if isinstance(a, tuple | str | bool | None):
        raise ShapeError(f"{name}: a matrix is needed, not {a}")
    if not is_matrix(a):
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is a scalar; a matrix is needed")
    return a


def require_shape(shape: Argument, name: str) -> tuple[Size, ...]:
    """Return a shape, or a single size as that of a vector; raise ShapeError if it is not one."""
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if not sizes or any(isinstance(size, tuple | str | bool | None) for size in sizes):
        raise ShapeError(f"{name} takes a shape, as in {name}((N, D))")
    return tuple(map(dimension, sizes))


def require_two_axes(a: Argument, name: str) -> Matrix:
    """Return the argument of a function; raise ShapeError unless it has rows and columns."""
    matrix = require_matrix(a, name)
    if len(matrix.shape) != 2:
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is {shape_text(matrix.shape)}; a matrix is needed")
    return matrix


def reduction(reduce: Callable[..., Expression], name: str, *, corrected: bool = False) -> Callable[..., Expression]:
    """Return a function that reduces along an axis; the result is a row, a column or a scalar."""

    def reduced(a: Expression, axis: Argument = None, keepdims: Argument = False) -> Expression:
        if not is_matrix(a) and axis is not None:
            pair = {"max": "larger of two is maximum", "min": "smaller of two is minimum"}.get(name, "")
            hint = f"; the {pair}({typed(a)}, {axis})" if pair else ""
            raise ShapeError(f"{name}({typed(a)}, {axis}): {typed(a)} is a scalar, which has no axes{hint}")
        if not isinstance(keepdims, bool):
            raise ShapeError(f"{name}: keepdims is True or False")
        found = reduce(a, axis)
        if axis is None:
            return scaled(found, Ones(*[1] * len(a.shape))) if keepdims and is_matrix(a) else found
        return found if keepdims else arrays.reduced_away(found, axis)

    def with_correction(
        a: Expression, axis: Argument = None, ddof: Expression = S.Zero, keepdims: Argument = False
    ) -> Expression:
        count = arithmetic.count(a, cast("arithmetic.Axes", axis))
        factor = count / (count - ddof)
        return arithmetic.times(factor if name == "var" else factor**S.Half, reduced(a, axis, keepdims))

    return with_correction if corrected else reduced


def _average(a: Expression, axis: Argument = None, weights: Argument = None, keepdims: Argument = False) -> Expression:
    """Return the mean, or the sum with weights divided by the sum of the weights."""
    if weights is None:
        return REDUCTIONS["mean"](a, axis, keepdims)
    along = cast("Expression", weights)
    if is_matrix(a) and len(shape_of(along)) == 1 < len(a.shape) and axis is not None:
        at = axis_of(axis, len(a.shape))
        along = arrays.reshape(along, *(size if k == at else Integer(1) for k, size in enumerate(a.shape)))
    along = arithmetic.together(require_matrix(a, "average"), require_matrix(along, "average"), "*")[1]
    total = REDUCTIONS["sum"]
    return arithmetic.divided(total(arithmetic.times(a, along), axis, keepdims), total(along, axis, keepdims))


def _prod(a: Expression, axis: Argument = None, keepdims: Argument = False) -> Expression:
    """Return the product of the entries, of which there is a number, not a name."""
    if axis is None:
        return _prod(arrays.ravel(a), S.Zero)
    matrix = require_matrix(a, "prod")
    at = axis_of(axis, len(matrix.shape))
    size = matrix.shape[at]
    if not (size.is_Integer and size <= _MOST_COPIES):
        raise ShapeError(
            f"prod({typed(a)}, axis={at}): a product of {size} entries has no rule; write exp(sum(log({typed(a)}), "
            f"axis={at})) for positive entries"
        )
    parts = [arithmetic.part(matrix, at, Integer(k), Integer(k + 1)) for k in range(int(size))]
    found = reduce(arithmetic.times, parts)
    return found if keepdims else arrays.reduced_away(found, at)


def _cross(a: Expression, b: Expression) -> Matrix:
    """Return the vector product of the vectors of three entries along the last axis."""
    one, other = require_matrix(a, "cross"), require_matrix(b, "cross")
    if one.shape[-1] != 3 or other.shape[-1] != 3:
        raise ShapeError(f"cross: {arithmetic.sizes_in_words(one, other)}; the last axes have 3 entries")
    turned = [arrays.roll(x, -1, len(x.shape) - 1) for x in (one, other)]
    found = arithmetic.minus(arithmetic.times(one, turned[1]), arithmetic.times(turned[0], other))
    return arrays.roll(found, -1, len(found.shape) - 1)


def _polyval(p: Expression, x: Expression) -> Expression:
    """Return the value of a polynomial, whose first coefficient is that of the highest power."""
    vector = require_matrix(p, "polyval")
    count = vector.shape[0]
    if len(vector.shape) != 1 or not (count.is_Integer and count <= _MOST_COPIES):
        raise ShapeError(f"polyval({typed(p)}, …): {typed(p)} is {shape_text(vector.shape)}; a vector of a few entries")
    entries = [arithmetic.total(arithmetic.part(vector, 0, Integer(k), Integer(k + 1))) for k in range(int(count))]
    return reduce(lambda so_far, entry: arithmetic.plus(arithmetic.times(so_far, x), entry), entries)


def _sort(a: Expression, axis: Argument = S.NegativeOne) -> Matrix:
    """Return the entries along an axis in ascending order."""
    matrix = require_matrix(a, "sort")
    if axis is None:
        return _sort(arrays.ravel(matrix))
    return words.ordered(matrix, axis_of(axis, len(matrix.shape)))


def _median(a: Expression, axis: Argument = None, keepdims: Argument = False) -> Expression:
    """Return the entry in the middle, or the mean of the two in the middle; the number of entries is a number."""
    matrix = require_matrix(a, "median") if axis is not None else arrays.ravel(a)
    at = axis_of(S.Zero if axis is None else axis, len(matrix.shape))
    size = matrix.shape[at]
    if not size.is_Integer:
        raise ShapeError(f"median({typed(a)}): which entry it is follows from a number of entries, not from {size}")
    middle = arithmetic.part(_sort(matrix, at), at, (size - 1) // 2, size // 2 + 1)
    return REDUCTIONS["mean"](middle, at, keepdims)


def _arange(start: Expression, stop: Argument = None) -> Matrix:
    """Return 0, 1, …, n - 1, or the whole numbers from `start` up to before `stop`."""
    first = S.Zero if stop is None else dimensionless(start)
    count = dimension(start if stop is None else cast("Size", stop) - start)
    ones = Ones(1, count)
    return arithmetic.plus(arrays.ravel(ones * LowerOnes(count, count).T), first - 1)


def dimensionless(value: Expression) -> Scalar:
    """Return a number in terms of sizes."""
    if is_matrix(value) or not value.is_integer:
        raise ShapeError(f"arange: {typed(value)} is not a whole number whatever the sizes are")
    return value


def _linspace(start: Expression, stop: Expression, num: Argument = None) -> Matrix:
    """Return `num` numbers from `start` to `stop` at equal distances, 50 by default."""
    count = Integer(50) if num is None else dimension(cast("Size", num))
    return arithmetic.plus(start, arithmetic.times((stop - start) / (count - 1), _arange(count)))


def _std(a: Expression, axis: int | None = None) -> Expression:
    return FUNCTION["sqrt"](arithmetic.var(a, axis))


def _smallest(a: Expression, axis: int | None = None) -> Expression:
    return -arithmetic.largest(-a, axis)


def norm(x: Expression, ord: Argument = None, axis: Argument = None, keepdims: Argument = False) -> Expression:
    """Return a norm of all entries, or of each row or column."""
    return reduction(lambda a, along: words.norm(a, ord, along), "norm")(x, axis, keepdims)


def _clip(
    a: Expression, a_min: Argument = None, a_max: Argument = None, min: Argument = None, max: Argument = None
) -> Expression:
    return words.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _whole(n: Argument, name: str, parameter: str) -> int:
    if not isinstance(n, Integer | int):
        raise ShapeError(f"{name}: {parameter} is a whole number, not {n}")
    return int(n)


def triangle(cut: Callable[[Matrix, int], Matrix], name: str) -> Callable[..., Matrix]:
    """Return a call of a function that keeps one side of the k-th diagonal."""
    return lambda m, k=S.Zero: cut(require_matrix(m, name), _whole(k, name, "k"))


def _cumsum(a: Expression, axis: Argument = None) -> Matrix:
    matrix = require_matrix(a, "cumsum")
    if len(matrix.shape) != 2:
        if axis is None and len(matrix.shape) > 1:
            raise ShapeError(f"cumsum({typed(a)}) runs through all entries; cumsum({typed(a)}, axis=0)")
        return arrays.cumsum(matrix, 0 if axis is None else axis_of(axis, len(matrix.shape)))
    if axis is None and 1 not in matrix.shape:
        raise ShapeError(f"cumsum({typed(a)}) runs through all entries of a matrix; cumsum({typed(a)}, axis=0)")
    return words.cumsum(
        matrix, ROWS if axis is None and matrix.shape[1] == 1 else axis_of(COLUMNS if axis is None else axis)
    )


def _diff(a: Expression, n: Argument = S.One, axis: Argument = S.NegativeOne) -> Matrix:
    matrix = require_matrix(a, "diff")
    return words.diff(matrix, axis_of(axis, len(matrix.shape)), _whole(n, "diff", "n"))


def _roll(a: Expression, shift: Expression, axis: Argument = None) -> Matrix:
    matrix = require_two_axes(a, "roll")
    if axis is None:
        raise ShapeError(f"roll({typed(a)}, {shift}) moves entries from row to row; roll({typed(a)}, {shift}, axis=0)")
    return words.roll(matrix, shift, axis_of(axis))


def _joined(name: str, join: Callable[[list[Matrix]], Matrix], across: int) -> Callable[..., Matrix]:
    """Return a function that puts matrices below or beside each other; `across` is the other axis."""

    def joined(arrays: Argument) -> Matrix:
        if not isinstance(arrays, tuple) or not arrays:
            raise ShapeError(f"{name} takes its matrices together, as in {name}((a, b))")
        parts = [require_matrix(a, name) for a in arrays]
        if any(len(part.shape) != 2 for part in parts):
            return _joined_arrays(name, parts)
        return join(require_same(parts, across, name))

    return joined


def _joined_arrays(name: str, parts: list[Matrix]) -> Matrix:
    """Return vectors, or arrays of more axes, below or beside each other, as NumPy joins them."""
    if name == "hstack":
        return arrays.concatenate(parts, min(1, len(parts[0].shape) - 1))
    is_columns = name == "column_stack"
    lines = [arrays.expand_dims(part, int(is_columns)) if len(part.shape) == 1 else part for part in parts]
    return arrays.concatenate(lines, int(is_columns))


def require_same(parts: list[Matrix], across: int, name: str) -> list[Matrix]:
    """Return the parts that are joined; raise ShapeError if their sizes along the other axis differ."""
    for other in parts[1:]:
        if other.shape[across] != parts[0].shape[across]:
            shapes = arithmetic.sizes_in_words(parts[0], other)
            raise ShapeError(f"{name}: {shapes}; they differ in the other axis too")
    return parts


def _block(arrays: Argument) -> Matrix:
    rows = arrays if isinstance(arrays, tuple) else (arrays,)
    if not any(isinstance(row, tuple) for row in rows):
        rows = (rows,)
    blocks = [[require_two_axes(b, "block") for b in (row if isinstance(row, tuple) else (row,))] for row in rows]
    for row in blocks:
        require_same(row, ROWS, "block")
    wide = [words.stacked_columns(row) for row in blocks]
    return words.stacked_rows(require_same(wide, COLUMNS, "block"))


def _tile(A: Expression, reps: Argument) -> Matrix:
    times = reps if isinstance(reps, tuple) else (S.One, reps)
    if len(times) != 2 or not all(isinstance(n, Integer) and 0 < n <= _MOST_COPIES for n in times):
        raise ShapeError(f"tile({typed(A)}, {reps}): as in tile({typed(A)}, (2, 3)), with numbers up to {_MOST_COPIES}")
    return words.repeated(require_two_axes(A, "tile"), *map(int, times))


def _pad(array: Expression, pad_width: Argument, mode: Argument = "constant") -> Matrix:
    if mode != "constant":
        raise ShapeError(f"pad({typed(array)}, …, mode={mode!r}): zeros can be put around a matrix, no other mode")
    each = pad_width if isinstance(pad_width, tuple) else (pad_width, pad_width)
    pairs = [pair if isinstance(pair, tuple) else each for pair in each]
    if len(pairs) != 2 or not all(len(pair) == 2 for pair in pairs):
        raise ShapeError(f"pad({typed(array)}, …): as in pad({typed(array)}, ((1, 1), (2, 2))), rows first")
    numbers = [(_whole(a, "pad", "a width"), _whole(b, "pad", "a width")) for a, b in pairs]
    return words.padded(require_two_axes(array, "pad"), (numbers[0], numbers[1]))


def split_into(
    ary: Expression, indices_or_sections: Argument, axis: Argument = S.Zero, *, name: str = "split"
) -> tuple[Matrix, ...]:
    """Return the parts of a matrix, for an equation with as many names on its left side."""
    at = indices_or_sections
    if isinstance(at, str | bool | None) or (not isinstance(at, tuple) and not (isinstance(at, Integer) and at > 0)):
        raise ShapeError(f"{name}({typed(ary)}, …) takes the number of equal parts, or the positions of the cuts")
    matrix = require_matrix(ary, name)
    return tuple(words.split_parts(matrix, at, axis_of(axis, len(matrix.shape))))


def _of_matrices(function: Callable[..., Expression], name: str, count: int) -> Callable[..., Expression]:
    """Return a function of one or two matrices that refuses scalars."""
    if count == 1:
        return lambda a: function(require_matrix(a, name))
    return lambda a, b: function(require_matrix(a, name), require_matrix(b, name))


def _solve(a: Expression, b: Expression) -> Matrix:
    return words.solve(require_two_axes(a, "solve"), require_matrix(b, "solve"))


def slogdet(a: Expression) -> tuple[Expression, Expression]:
    """Return the sign of the determinant and the log of its absolute value, for slogdet(a)[0] and slogdet(a)[1]."""
    return FUNCTION["sign"](arithmetic.det(a)), words.log_abs_det(a)


def _diag(v: Expression) -> Matrix:
    matrix = require_matrix(v, "diag")
    if len(matrix.shape) == 2 and 1 in matrix.shape:
        size = matrix.shape[0] if matrix.shape[1] == 1 else matrix.shape[1]
        raise ShapeError(
            f"diag({typed(v)}): {typed(v)} is {shape_text(matrix.shape)}, a matrix for NumPy; the diagonal matrix "
            f"of its entries is eye({size}) * {typed(v)}"
        )
    return arrays.diag(matrix)


def _filled(shape: Argument, fill_value: Expression) -> Matrix:
    return scaled(fill_value, Ones(*require_shape(shape, "full")))


def _like(make: Callable[..., Matrix], name: str) -> Callable[..., Matrix]:
    return lambda a: make(*require_matrix(a, name).shape)


def _full_like(a: Expression, fill_value: Expression) -> Matrix:
    return scaled(fill_value, Ones(*require_matrix(a, "full_like").shape))


def _tri(N: Size, M: Argument = None, k: Argument = S.Zero) -> Matrix:
    return words.lower_ones((dimension(N), dimension(N if M is None else M)), _whole(k, "tri", "k"))


def _length(a: Expression) -> Size:
    return require_matrix(a, "len").shape[0]


def _vdot(a: Expression, b: Expression) -> Expression:
    one, other = require_matrix(a, "vdot"), require_matrix(b, "vdot")
    if one.shape != other.shape:
        raise ShapeError(f"vdot: {arithmetic.sizes_in_words(one, other)}; they must have as many entries in each axis")
    return arithmetic.total(arithmetic.times(one, other))


def _either(of_matrices: Callable[..., Expression], of_arrays: Callable[..., Expression]) -> Callable[..., Expression]:
    """Return a function that is the first one for matrices, and the second one for arrays of other axes."""

    @wraps(of_arrays)
    def function(*given: Any) -> Expression:
        found = [a for a in given if not isinstance(a, tuple | str | bool | None) and is_matrix(a)]
        return (of_matrices if found and all(len(a.shape) == 2 for a in found) else of_arrays)(*given)

    return function


def _kron(a: Expression, b: Expression) -> Matrix:
    """Return a matrix of blocks if `a` has a few entries, else a product of arrays in another shape."""
    one, other = require_two_axes(a, "kron"), require_two_axes(b, "kron")
    few = all(size.is_Integer for size in one.shape) and one.shape[0] * one.shape[1] <= _MOST_COPIES
    return words.kron(one, other) if few else arrays.kron(one, other)


# fmt: off
REDUCTIONS: dict[str, Callable[..., Expression]] = {  # words of texts and methods of arrays
    "sum":  reduction(arithmetic.total, "sum"),
    "mean": reduction(arithmetic.mean, "mean"),
    "var":  reduction(arithmetic.var, "var", corrected=True),
    "max":  reduction(arithmetic.largest, "max"),
}
OTHER_REDUCTIONS: dict[str, Callable[..., Expression]] = {
    "std":  reduction(_std, "std", corrected=True),
    "min":  reduction(_smallest, "min"),
    "amax": reduction(arithmetic.largest, "max"),
    "amin": reduction(_smallest, "min"),
    "ptp":  reduction(lambda a, axis=None: arithmetic.minus(arithmetic.largest(a, axis), _smallest(a, axis)), "ptp"),
}
WORDS: dict[str, Callable[..., Expression]] = {
    **words.ENTRYWISE,
    **OTHER_REDUCTIONS,
    "clip":         _clip,
    "average":      _average,
    "prod":         _prod,
    "cross":        _cross,
    "polyval":      _polyval,
    "sort":         _sort,
    "median":       _median,
    "arange":       _arange,
    "linspace":     _linspace,
    "triu":         triangle(words.triu, "triu"),
    "tri":          _tri,
    "cumsum":       _cumsum,
    "diff":         _diff,
    "roll":         _either(_roll, arrays.roll),
    "hstack":       _joined("hstack", words.stacked_columns, ROWS),
    "vstack":       _joined("vstack", words.stacked_rows, COLUMNS),
    "row_stack":    _joined("row_stack", words.stacked_rows, COLUMNS),
    "column_stack": _joined("column_stack", words.stacked_columns, ROWS),
    "block":        _block,
    "tile":         _tile,
    "pad":          _either(_pad, arrays.pad),
    "outer":        _either(_of_matrices(words.outer, "outer", 2), arrays.outer),
    "inner":        _either(_of_matrices(lambda a, b: arithmetic.product(a, b.T), "inner", 2), arrays.inner),
    "vdot":         _either(_vdot, arrays.vdot),
    "kron":         _kron,
    "diag":         _diag,
    **arrays.ARRAY_CALLS,
    "solve":        _solve,
    "multi_dot":    lambda arrays: words.multi_dot(tuple(require_matrix(a, "multi_dot") for a in arrays)),
    "full":         _filled,
    "identity":     eye,
    "ones_like":    _like(Ones, "ones_like"),
    "zeros_like":   _like(Zeros, "zeros_like"),
    "full_like":    _full_like,
    "len":          _length,
}
SEVERAL: dict[str, Callable[..., tuple[Expression, ...]]] = {  # words with several results
    "split":       split_into,
    "array_split": split_into,
    "hsplit":      lambda ary, indices_or_sections: split_into(ary, indices_or_sections, S.One, name="hsplit"),
    "vsplit":      lambda ary, indices_or_sections: split_into(ary, indices_or_sections, S.Zero, name="vsplit"),
    "slogdet":     slogdet,
}
METHODS: dict[str, Callable[..., Expression]] = {  # of arrays
    **{name: (REDUCTIONS | OTHER_REDUCTIONS)[name] for name in ("sum", "mean", "var", "max", "std", "min")},
    "dot":       arithmetic.product,
    "clip":      _clip,
    "cumsum":    _cumsum,
    "trace":     arithmetic.trace,
    "transpose": arrays.transpose,
    **{name: arrays.ARRAY_CALLS[name] for name in ("reshape", "swapaxes", "squeeze", "ravel", "flatten", "diagonal")},
    "copy":      lambda a: a,
    "item":      arithmetic.total,
    "astype":    lambda a, dtype: a,
    "conj":      lambda a: a,
}
INSTEAD = {  # of a word that is refused: a formula of the same meaning, and where or how it holds
    "cross_entropy":        ("-sum(Y * log_softmax(z)) / N", ""),
    "binary_cross_entropy": ("sum(softplus(z) - y * z) / N", ""),
    "mse":                  ("mean((y - yhat)**2)", ""),
    "dropout":              ("z * M", "with a mask M that is an input"),
    "cumprod":              ("exp(cumsum(log(z), axis=1))", "for positive entries"),
    "cbrt":                 ("sign(z) * abs(z)**(1/3)", ""),
    "relu6":                ("clip(z, 0, 6)", ""),
    "hardtanh":             ("clip(z, -1, 1)", ""),
    "hard_tanh":            ("clip(z, -1, 1)", ""),
    "softsign":             ("z / (1 + abs(z))", ""),
    "mish":                 ("z * tanh(softplus(z))", ""),
    "selu":                 ("1.0507009873554805 * where(z > 0, z, 1.6732632423543772 * expm1(z))", ""),
    "logsigmoid":           ("-softplus(-z)", ""),
    "log_sigmoid":          ("-softplus(-z)", ""),
    "sec":                  ("1 / cos(z)", ""),
    "sech":                 ("1 / cosh(z)", ""),
    "cot":                  ("1 / tan(z)", ""),
    "csc":                  ("1 / sin(z)", ""),
    "arccot":               ("arctan(1 / z)", "for positive z"),
    "acoth":                ("arctanh(1 / z)", ""),
    "exp10":                ("10**z", ""),
    "sinpi":                ("sin(pi * z)", ""),
    "cospi":                ("cos(pi * z)", ""),
    "sind":                 ("sin(pi / 180 * z)", ""),
    "cosd":                 ("cos(pi / 180 * z)", ""),
    "softmin":              ("softmax(-z)", ""),
    "logcosh":              ("z + softplus(-2 * z) - log(2)", ""),
    "log_cosh":             ("z + softplus(-2 * z) - log(2)", ""),
    "log1pexp":             ("softplus(z)", ""),
    "log1mexp":             ("log(-expm1(z))", ""),
    "logdet":               ("log(det(A))", ""),
    "relu2":                ("relu(z)**2", ""),
    "sinc":                 ("sin(pi * z) / (pi * z)", "where z is not 0"),
    "cov":                  ("Z.T @ Z / (N - 1)", "with Z = X - mean(X, axis=0, keepdims=True)"),
    "pinv":                 ("inv(A.T @ A) @ A.T", "for independent columns"),
    "lstsq":                ("inv(A.T @ A) @ A.T @ y", "for independent columns"),
    "cholesky":             ("log(det(A)) / 2", "for sum(log(diag(L))), and y.T @ inv(A) @ y for sum(solve(L, y)**2)"),
    "eigvalsh":             ("trace(A)", "for the sum of the eigenvalues, trace(A @ A) for that of their squares, and "
                                         "det(A) for their product"),
    "eigh":                 ("trace(A)", "for the sum of the eigenvalues, and det(A) for their product"),
    "svd":                  ("sum(A**2)", "for the sum of the squared singular values"),
}
_GIVEN, _STEP = "declare these numbers as an input", "its derivative is 0 or undefined"
NO_RULE = {  # why a word is refused that nothing else stands for
    **dict.fromkeys(("array", "random", "randn", "normal", "uniform"), _GIVEN),
    **dict.fromkeys(("round", "rint", "floor", "ceil", "trunc", "fix", "argmax", "argmin", "argsort"), _STEP),
    **dict.fromkeys(("percentile", "quantile", "searchsorted", "unique"),
                    "it depends on the order of the entries, for which there is no rule"),
    **dict.fromkeys(("gamma", "beta", "erfinv", "gammainc", "zeta", "j0", "j1",
                     "i0", "i1", "erfi", "erfcx", "expi", "exp1", "expn", "dawsn"),
                    "a function of elementary functions can be added by sb.register"),
    **dict.fromkeys(("qr", "eig", "eigvals", "schur", "expm", "logm", "sqrtm", "cond"), "there is no rule for it"),
    **dict.fromkeys(("stop_gradient", "detach"), "what is held fixed is an input of its own"),
    **dict.fromkeys(("isnan", "isfinite", "isinf", "nan_to_num", "nansum", "nanmean"),
                    "a formula has no nan where it is defined"),
    **dict.fromkeys(("fft", "ifft", "rfft"), "it computes complex numbers"),
    **dict.fromkeys(("print", "open", "eval", "exec", "input"), "it is not a function of numbers"),
}
# fmt: on
