"""Parts of arrays at the places that index arrays give, such as E[tokens] and p[arange(N), y].

An index array is known by its one-hot rows: an array with one more axis, along which there is a 1 at its number.
"""

from dataclasses import dataclass
from string import ascii_letters
from typing import TypeAlias

from sympy import Integer

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Shape
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.einsum import einsum
from symbackprop.expressions.gathers import reshaped, summed, without_axes
from symbackprop.expressions.operations import axis_of
from symbackprop.printing.text import typed


@dataclass(frozen=True)
class Counted:
    """All places of an axis in order, as `arange(N)`: each entry of the result takes its own place there."""

    shape: Shape  # of the index array, in which all axes but one have one entry


Index: TypeAlias = Matrix | Counted  # the one-hot rows of an index array, or all places


def at_indices(array: Matrix, indices: dict[int, Index]) -> Expression:
    """Return the part of an array at index arrays for some of its axes, as NumPy does it.

    >>> from symbackprop.expressions.matrices import NamedMatrix, OneHot
    >>> typed(at_indices(NamedMatrix("E", 9, 3), {0: OneHot("y", 5, 9)}))
    'y @ E'
    >>> typed(at_indices(NamedMatrix("p", 5, 9), {0: Counted((5,)), 1: OneHot("y", 5, 9)}))
    'sum(p * y, axis=1)'
    """
    shapes = [index.shape if isinstance(index, Counted) else index.shape[:-1] for index in indices.values()]
    common = _common_shape(shapes)
    letters = iter(ascii_letters)
    places = [next(letters) for _ in common]
    word = [next(letters) for _ in array.shape]
    words, arrays = [], []
    for axis, index in indices.items():
        if isinstance(index, Counted):
            word[axis] = places[_counted_axis(index, len(common))]
            continue
        if index.shape[-1] != array.shape[axis]:
            raise ShapeError(
                f"{typed(index)} has places of {index.shape[-1]} entries, but axis {axis} of {typed(array)}, which is "
                f"{shape_text(array.shape)}, has {array.shape[axis]}"
            )
        own = places[len(common) - len(index.shape) + 1 :]
        kept = [k for k, size in enumerate(index.shape[:-1]) if size == common[len(common) - len(own) + k]]
        arrays.append(reshaped(index, [*(index.shape[k] for k in kept), index.shape[-1]]))
        words.append("".join(own[k] for k in kept) + word[axis])
    axes = sorted(indices)
    together = axes == list(range(axes[0], axes[-1] + 1))
    before = [x for axis, x in enumerate(word) if axis not in indices and (together and axis < axes[0])]
    after = [x for axis, x in enumerate(word) if axis not in indices and not (together and axis < axes[0])]
    output = [*before, *places, *after]
    gone = [axis for axis, x in enumerate(word) if x not in output]
    if all(x == "".join(word) for x in words) and output == [x for x in word if x in output]:
        return without_axes(summed(hadamard(array, *arrays), gone), gone)
    return einsum(f"{','.join([''.join(word), *words])}->{''.join(output)}", array, *arrays)


def _common_shape(shapes: list[Shape]) -> Shape:
    """Return the shape to which index arrays are repeated."""
    found: list[Expression] = [Integer(1)] * max(map(len, shapes))
    for shape in shapes:
        for k, size in enumerate(reversed(shape), 1):
            if found[-k] != 1 and size not in (1, found[-k]):
                raise ShapeError(
                    f"index arrays of the shapes {' and '.join(map(shape_text, shapes))} do not fit together"
                )
            found[-k] = found[-k] if size == 1 else size
    return tuple(found)


def _counted_axis(index: Counted, rank: int) -> int:
    axis = next((k for k, size in enumerate(index.shape) if size != 1), 0)
    return rank - len(index.shape) + axis


def along_axis(array: Matrix, index: Matrix, axis: object) -> Expression:
    """Return NumPy's take_along_axis: the entries at an index array along one axis, all others in order."""
    at = axis_of(axis, len(array.shape))
    if len(index.shape) != len(array.shape) + 1:
        raise ShapeError(
            f"take_along_axis: {typed(array)} has {len(array.shape)} axes, and the index {len(index.shape) - 1}; as in "
            "take_along_axis(z, y[:, None], axis=1)"
        )
    indices: dict[int, Index] = {at: index}
    for k, size in enumerate(array.shape):
        if k != at:
            indices[k] = Counted(tuple(size if j == k else Integer(1) for j in range(len(array.shape))))
    return at_indices(array, dict(sorted(indices.items())))
