"""NumPy's functions on arrays with any number of axes: their axes, shapes, products, windows.

Arguments are quantities of a network and settings as a text has them: numbers of SymPy, tuples, names in quotes. All
functions raise `ShapeError` for what does not fit.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sympy import Add, Integer, Mul, expand

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.einsum import einsum
from symbackprop.expressions.gathers import Strided, Window, permuted, reshaped, summed, without_axes
from symbackprop.expressions.matrices import Eye, LowerOnes, Ones, scaled, split
from symbackprop.expressions.operations import Largest, axis_of, repeated, replaced
from symbackprop.expressions.shapes import dimension, is_matrix, is_size, shape_of
from symbackprop.expressions.slicing import Concatenate, padded
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.printing.text import typed


def array(a: Expression, name: str) -> Matrix:
    """Return the argument of the function `name`; raise ShapeError for a scalar, which has no axes."""
    if not is_matrix(a):
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is a scalar; an array is needed")
    return a


def numbers(settings: Sequence[Any], name: str) -> list[Any]:
    """Return settings that are given one by one, or together in brackets, as a list."""
    return list(settings[0] if len(settings) == 1 and isinstance(settings[0], tuple) else settings)


# Axes and shapes


def reshape(a: Expression, *shape: Any) -> Expression:
    """Return the same entries in another shape, one size of which may be -1: what is left over."""
    a = array(a, "reshape")
    sizes = numbers(shape, "reshape")
    given = Mul(*(size for size in sizes if size != -1))
    count = Mul(*a.shape)
    if sizes.count(-1) == 1:
        left = _quotient(count, given)
        if left is None:
            raise ShapeError(f"{typed(a)} is {shape_text(a.shape)}: its entries are not divided by {given}")
        sizes = [left if size == -1 else size for size in sizes]
    if not sizes or any(not (size.is_integer and is_size(size)) for size in sizes):
        raise ShapeError(f"reshape: {shape_text(sizes)} is not a shape of positive sizes")
    if expand(Mul(*sizes) - count) != 0:
        raise ShapeError(
            f"{typed(a)} is {shape_text(a.shape)} and has {count} entries, which do not fit into {shape_text(sizes)}"
        )
    return reshaped(a, sizes)


def _quotient(count: Size, given: Size) -> Size | None:
    left = (count / given).factor()
    return left if left.is_integer and is_size(left) else None


def transpose(a: Expression, *axes: Any) -> Expression:
    """Return the axes in another order; without axes, turned round as NumPy does it."""
    a = array(a, "transpose")
    order = numbers(axes, "transpose")
    if not order or order == [None]:
        order = list(reversed(range(len(a.shape))))
    found = [axis_of(axis, len(a.shape)) for axis in order]
    if sorted(found) != list(range(len(a.shape))):
        raise ShapeError(f"transpose: {typed(a)} has {len(a.shape)} axes, and each is named once, not {order}")
    return permuted(a, found)


def swapaxes(a: Expression, axis1: Any, axis2: Any) -> Expression:
    """Return an array with two axes exchanged."""
    ndim = len(array(a, "swapaxes").shape)
    one, other = axis_of(axis1, ndim), axis_of(axis2, ndim)
    order = list(range(ndim))
    order[one], order[other] = other, one
    return permuted(a, order)


def moveaxis(a: Expression, source: Any, destination: Any) -> Expression:
    """Return an array with one axis moved to another position."""
    ndim = len(array(a, "moveaxis").shape)
    order = [axis for axis in range(ndim) if axis != axis_of(source, ndim)]
    order.insert(axis_of(destination, ndim), axis_of(source, ndim))
    return permuted(a, order)


def squeeze(a: Expression, axis: Any = None) -> Expression:
    """Return an array without axes of one entry."""
    ones = [k for k, size in enumerate(array(a, "squeeze").shape) if size == 1]
    axes = ones if axis is None else list(arithmetic.axes_of(axis, a))
    if not set(axes) <= set(ones):
        raise ShapeError(f"squeeze: {typed(a)} is {shape_text(a.shape)}, and only axes of one entry can go")
    return only_entry(a) if len(axes) == len(a.shape) else without_axes(a, axes)


def reduced_away(a: Expression, axis: Any) -> Expression:
    """Return the result of a reduction without the axes over which it ran, which have one entry each."""
    axes = arithmetic.axes_of(axis, a)
    return only_entry(a) if len(axes) == len(a.shape) else without_axes(a, axes)


def only_entry(a: Matrix) -> Scalar:
    """Return the entry of an array that has one."""
    return arithmetic.total(a)


def expand_dims(a: Expression, axis: Any) -> Expression:
    """Return an array with a new axis of one entry."""
    shape = list(array(a, "expand_dims").shape)
    shape.insert(axis_of(axis, len(shape) + 1), Integer(1))
    return reshaped(a, shape)


def ravel(a: Expression) -> Expression:
    """Return the entries as a vector."""
    return reshaped(array(a, "ravel"), [Mul(*a.shape)])


def stack(arrays: Any, axis: Any = 0) -> Expression:
    """Return arrays of one shape, one after the other along a new axis; scalars as a vector."""
    parts = [a if is_matrix(a) else scaled(a, Ones(1)) for a in _several(arrays, "stack")]
    if all(not is_matrix(a) for a in arrays):
        return concatenate(parts)
    return concatenate([expand_dims(a, axis) for a in parts], axis_of(axis, len(parts[0].shape) + 1))


def _several(arrays: Any, name: str) -> tuple[Expression, ...]:
    if not isinstance(arrays, tuple) or not arrays:
        raise ShapeError(f"{name} takes its arrays together, as in {name}((a, b), axis=0)")
    return arrays


def concatenate(arrays: Sequence[Matrix], axis: int = 0) -> Expression:
    """Return arrays joined along an axis."""
    first = arrays[0]
    for other in arrays[1:]:
        shapes = [replaced(a.shape, axis, Integer(1)) for a in (first, other) if len(a.shape) > axis]
        if len(other.shape) != len(first.shape) or len(set(shapes)) > 1:
            raise ShapeError(
                f"concatenate(…, axis={axis}): {arithmetic.sizes_in_words(first, other)}; they differ in another axis"
            )
    return first if len(arrays) == 1 else Concatenate(axis, *arrays)


def flip(a: Expression, axis: Any = None) -> Expression:
    """Return an array with some axes turned round."""
    for k in arithmetic.axes_of(axis, array(a, "flip")):
        a = strided(a, k, a.shape[k] - 1, Integer(-1), a.shape[k])
    return a


def strided(a: Matrix, axis: int, start: Size, step: Size, count: Size) -> Expression:
    """Return the entries start, start + step, … along an axis, `count` of them."""
    if count == 1:
        return arithmetic.part(a, axis, start, start + 1)
    if step == 1:
        return arithmetic.part(a, axis, start, start + count)
    coefficient, a = split(a)
    return scaled(coefficient, Strided(a, axis, start, step, count))


def indexed(a: Expression, *keys: Any) -> Expression:
    """Return the part of an array that a key for each axis picks.

    A key is (place,) of one entry, (start, stop, step) of several, or None for a new axis of one entry.
    """
    a = array(a, "[…]")
    sizes: list[Size] = []
    axis = 0
    for key in keys:
        if key is None:
            sizes.append(Integer(1))
            continue
        if len(key) == 1:
            a = arithmetic.part(a, axis, key[0], key[0] + 1)
        else:
            start, stop, step = key
            a = strided(a, axis, start, step, steps_within(stop - start if step > 0 else start - stop, abs(step)))
            sizes.append(a.shape[axis])
        axis += 1
    return reshaped(a, sizes) if sizes else only_entry(a)


def repeat(a: Expression, repeats: Any, axis: Any = None) -> Expression:
    """Return an array with each entry, or each part along an axis, as often one after the other."""
    a = array(a, "repeat")
    if axis is None:
        return repeat(ravel(a), repeats, 0)
    k, n = axis_of(axis, len(a.shape)), dimension(repeats)
    wide = replaced(a.shape, k, a.shape[k] * n)
    apart = (*a.shape[: k + 1], n, *a.shape[k + 1 :])
    return reshaped(repeated(expand_dims(a, k + 1), apart), wide)


def roll(a: Expression, shift: Any, axis: Any = None) -> Expression:
    """Return an array whose entries move along an axis, and come in again at the other end."""
    shape = array(a, "roll").shape
    if axis is None:
        return reshaped(roll(ravel(a), shift, 0), shape) if len(shape) > 1 else roll(a, shift, 0)
    k = axis_of(axis, len(shape))
    shift, size = Integer(shift), shape[k]
    shift = shift % size if size.is_Integer else shift
    if shift == 0:
        return a
    cut = size - shift if shift > 0 else -shift
    return Concatenate(k, arithmetic.part(a, k, cut, size), arithmetic.part(a, k, Integer(0), cut))


def pad(a: Expression, pad_width: Any, mode: Any = "constant") -> Expression:
    """Return an array with zeros around it: a number of them, (before, after), or a pair for each axis."""
    if mode != "constant":
        raise ShapeError(f"pad({typed(a)}, …, mode={mode!r}): zeros can be put around an array, no other mode")
    shape = array(a, "pad").shape
    pairs = pad_width if isinstance(pad_width, tuple) else (pad_width, pad_width)
    if not any(isinstance(pair, tuple) for pair in pairs):
        pairs = (pairs,) * len(shape)
    if len(pairs) != len(shape) or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in pairs):
        raise ShapeError(f"pad: {typed(a)} has {len(shape)} axes; a pair (before, after) for each is expected")
    for axis, (before, after) in enumerate(pairs):
        if (before, after) != (0, 0):
            a = padded(a, axis, before, before + a.shape[axis] + after)
    return a


def cumsum(a: Matrix, axis: int) -> Expression:
    """Return the sums of the first 1, 2, 3, … entries along an axis, as a product with a triangle of ones."""
    last, size = len(a.shape) - 1, a.shape[axis]
    order = [k for k in range(last + 1) if k != axis] + [axis]
    sums = arithmetic.product(permuted(a, order), LowerOnes(size, size).T)
    return permuted(sums, [order.index(k) for k in range(last + 1)])


# Products


def products_of_letters(subscripts: Any, *operands: Expression) -> Expression:
    """Return NumPy's einsum."""
    if not isinstance(subscripts, str):
        raise ShapeError("einsum begins with the letters of the axes in quotes, as in einsum('ij,jk->ik', A, B)")
    return einsum(subscripts, *operands)


def outer(a: Expression, b: Expression) -> Expression:
    """Return the products of each entry of a vector with each of another."""
    one, other = (ravel(array(x, "outer")) for x in (a, b))
    return einsum("i,j->ij", one, other)


def inner(a: Expression, b: Expression) -> Expression:
    """Return the sum of the products of entries along the last axes."""
    if not (is_matrix(a) and is_matrix(b)):
        return arithmetic.times(a, b)
    letters = "abcdefgh"
    one, other = letters[: len(a.shape) - 1], letters[len(a.shape) - 1 :][: len(b.shape) - 1]
    return einsum(f"{one}z,{other}z->{one}{other}", a, b)


def vdot(a: Expression, b: Expression) -> Expression:
    """Return the sum of the products of all entries."""
    return einsum("i,i->", ravel(array(a, "vdot")), ravel(array(b, "vdot")))


def tensordot(a: Expression, b: Expression, axes: Any = 2) -> Expression:
    """Return the sum of products over pairs of axes: the last of a with the first of b, or the named ones."""
    one, other = array(a, "tensordot"), array(b, "tensordot")
    if not isinstance(axes, tuple):
        count = int(axes)
        axes = (tuple(range(len(one.shape) - count, len(one.shape))), tuple(range(count)))
    left, right = (
        [axis_of(axis, len(x.shape)) for axis in (some if isinstance(some, tuple) else (some,))]
        for some, x in zip(axes, (one, other), strict=True)
    )
    if len(left) != len(right):
        raise ShapeError(
            f"tensordot: {len(left)} axes of {typed(one)} and {len(right)} of {typed(other)} do not make pairs"
        )
    words = [list("abcdefghij"[: len(one.shape)]), list("klmnopqrst"[: len(other.shape)])]
    for x, y in zip(left, right, strict=True):
        words[1][y] = words[0][x]
    output = [x for k, x in enumerate(words[0]) if k not in left] + [
        x for k, x in enumerate(words[1]) if k not in right
    ]
    return einsum(f"{''.join(words[0])},{''.join(words[1])}->{''.join(output)}", one, other)


def kron(a: Expression, b: Expression) -> Expression:
    """Return the Kronecker product of two matrices."""
    for x in (a, b):
        if len(shape_of(x)) != 2:
            raise ShapeError(f"kron: {typed(x)} is {shape_text(shape_of(x))}; two matrices are needed")
    (n, m), (p, q) = a.shape, b.shape
    return reshaped(einsum("ij,kl->ikjl", a, b), (n * p, m * q))


def diag(v: Expression) -> Expression:
    """Return the diagonal matrix of a vector, or the diagonal of a matrix as a vector."""
    v = array(v, "diag")
    if len(v.shape) == 1:
        return hadamard(repeated(reshaped(v, (1, *v.shape)), (*v.shape, *v.shape)), Eye(v.shape[0]))
    return diagonal(v)


def diagonal(a: Expression) -> Expression:
    """Return the diagonal of a square matrix as a vector."""
    matrix = arithmetic.square(a, "diagonal")
    return einsum("ii->i", matrix)


# Windows


def sliding_window_view(x: Expression, window_shape: Any, axis: Any = None) -> Expression:
    """Return all windows of neighbouring entries, whose places are new last axes."""
    x = array(x, "sliding_window_view")
    sizes = window_shape if isinstance(window_shape, tuple) else (window_shape,)
    wanted = tuple(range(len(x.shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(wanted) != len(sizes):
        raise ShapeError(f"sliding_window_view: there are {len(sizes)} sizes of a window for {len(wanted)} axes")
    ndim = len(x.shape)
    for size, one in zip(sizes, wanted, strict=True):
        x = window(x, axis_of(one, ndim), size)
    return x


def window(x: Matrix, axis: int, size: Size) -> Expression:
    """Return the windows along one axis."""
    if not is_size(expand(x.shape[axis] - size + 1)):
        raise ShapeError(
            f"sliding_window_view: {typed(x)} has {x.shape[axis]} entries along axis {axis}, in which a window of "
            f"{size} does not fit whatever the sizes are; declare that axis as a sum such as T + {size} - 1"
        )
    coefficient, x = split(x)
    return scaled(coefficient, Window(x, axis, size))


def convolve(a: Expression, v: Expression, mode: Any = "full") -> Expression:
    """Return the convolution of two vectors, with the second turned round, as NumPy defines it."""
    a, v = array(a, "convolve"), array(v, "convolve")
    if len(a.shape) != 1 or len(v.shape) != 1:
        raise ShapeError(f"convolve: {arithmetic.sizes_in_words(a, v)}; two vectors are needed")
    if (v.shape[0] - a.shape[0]).is_positive:
        a, v = v, a
    return correlate(a, flip(v), mode, "convolve")


def correlate(a: Expression, v: Expression, mode: Any = "valid", name: str = "correlate") -> Expression:
    """Return the sums of products of a vector with another one that is moved along it."""
    a, v = array(a, name), array(v, name)
    size = v.shape[0]
    before, after = {"valid": (0, 0), "full": (size - 1, size - 1), "same": (size // 2, (size - 1) // 2)}.get(
        mode, (None, None)
    )
    if before is None:
        raise ShapeError(f"{name}: the mode is 'full', 'same' or 'valid', not {mode!r}")
    if mode == "same" and not size.is_Integer:
        raise ShapeError(f"{name}: mode='same' needs a filter whose size is a number, not {size}")
    return arithmetic.product(window(pad(a, (Integer(before), Integer(after))) if mode != "valid" else a, 0, size), v)


def _placed(x: Matrix, rank: int, size: Sequence[Size], stride: Any, padding: Any, *, dilation: Any = 1) -> Expression:
    """Return the windows along the last `rank` axes, at each `stride` places, after padding with zeros.

    Neighbours in a window are `dilation` places apart.
    """
    strides, paddings, apart = (
        value if isinstance(value, tuple) else (value,) * rank for value in (stride, padding, dilation)
    )
    first = len(x.shape) - rank
    for k in range(rank):
        if paddings[k] != 0:
            x = padded(x, first + k, paddings[k], x.shape[first + k] + 2 * paddings[k])
    for k in range(rank):
        x = window(x, first + k, apart[k] * (size[k] - 1) + 1)
        if apart[k] != 1:
            x = strided(x, len(x.shape) - 1, Integer(0), apart[k], size[k])
        count = x.shape[first + k]
        if strides[k] != 1:
            x = strided(x, first + k, Integer(0), strides[k], steps_within(count, strides[k]))
    return x


def steps_within(count: Size, step: Size) -> Size:
    """Return how many of so many places are taken in steps."""
    from_left = (count - 1) / step
    if from_left.is_Integer or from_left.is_integer:
        return from_left + 1
    if count.is_Integer and step.is_Integer:
        return Integer((int(count) - 1) // int(step) + 1)
    whole = [term for term in Add.make_args(expand(count)) if (term / step).is_integer]
    rest = expand(count - Add(*whole))
    if rest.is_Integer and step.is_Integer:  # N pairs and a rest
        return expand(Add(*whole) / step) + Integer((int(rest) - 1) // int(step) + 1)
    raise ShapeError(f"{count} places in steps of {step}: it is not known how many there are; name the size {step}*N")


def _convolution(rank: int) -> Callable[..., Expression]:
    name = f"conv{rank}d"

    def convolution(
        x: Expression, w: Expression, stride: Any = 1, padding: Any = 0, dilation: Any = 1, *, groups: Any = 1
    ) -> Expression:
        x, w, parts = array(x, name), array(w, name), dimension(groups)
        if len(x.shape) != rank + 2 or len(w.shape) != rank + 2 or x.shape[1] != parts * w.shape[1]:
            raise ShapeError(
                f"{name}: {arithmetic.sizes_in_words(x, w)}; (examples, channels, places) and (filters, channels"
                f"{' of a group' if parts != 1 else ''}, size of the window) are needed"
            )
        places, taps = "ij"[:rank], "pq"[:rank]
        windows = _placed(x, rank, w.shape[2:], _setting(stride), _setting(padding), dilation=_setting(dilation))
        if parts == 1:
            return einsum(f"nc{places}{taps},fc{taps}->nf{places}", windows, w)
        filters = _quotient(w.shape[0], parts)
        if filters is None:
            raise ShapeError(f"{name}: {typed(w)} has {w.shape[0]} filters, which are not {parts} groups of as many")
        windows = reshaped(windows, (x.shape[0], parts, *w.shape[1:2], *windows.shape[2:]))
        apart = reshaped(w, (parts, filters, *w.shape[1:]))
        found = einsum(f"ngc{places}{taps},gfc{taps}->ngf{places}", windows, apart)
        return reshaped(found, (x.shape[0], w.shape[0], *found.shape[3:]))

    return convolution


def _setting(value: Any) -> Any:
    return value if isinstance(value, tuple) else Integer(value)


def _pooling(rank: int, *, is_max: bool) -> Callable[..., Expression]:
    name = f"{'max' if is_max else 'avg'}_pool{rank}d"

    def pooling(x: Expression, size: Any, stride: Any = None, padding: Any = 0) -> Expression:
        x = array(x, name)
        if len(x.shape) < rank:
            raise ShapeError(f"{name}: {typed(x)} is {shape_text(x.shape)}; at least {rank} axes are needed")
        sizes = size if isinstance(size, tuple) else (Integer(size),) * rank
        around = _setting(padding)
        if is_max and padding != 0:
            raise ShapeError(
                f"{name}: a maximum is padded with -inf, for which there is no node; pad(x, …) with zeros means the "
                "same where the entries are not negative, as after relu"
            )
        windows = _placed(x, rank, sizes, sizes if stride is None else _setting(stride), around)
        axes = tuple(range(len(windows.shape) - rank, len(windows.shape)))
        if not is_max:
            return scaled(1 / Mul(*sizes), without_axes(summed(windows, axes), axes))
        for axis in axes:
            windows = Largest(windows, axis)
        return without_axes(windows, axes)

    return pooling


# fmt: off
ARRAY_CALLS: dict[str, Callable[..., Expression]] = {
    "reshape":      reshape,
    "swapaxes":     swapaxes,
    "moveaxis":     moveaxis,
    "squeeze":      squeeze,
    "expand_dims":  expand_dims,
    "ravel":        ravel,
    "flatten":      ravel,
    "stack":        stack,
    "flip":         flip,
    "repeat":       repeat,
    "einsum":       products_of_letters,
    "tensordot":    tensordot,
    "diagonal":     diagonal,
    "sliding_window_view": sliding_window_view,
    "convolve":     convolve,
    "correlate":    correlate,
    **{f"conv{rank}d": _convolution(rank) for rank in (1, 2)},
    **{f"max_pool{rank}d": _pooling(rank, is_max=True) for rank in (1, 2)},
    **{f"avg_pool{rank}d": _pooling(rank, is_max=False) for rank in (1, 2)},
}
# fmt: on
