"""Products of placeholder arrays, concatenated arrays, and class labels."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from symbackprop.network import array_functions as arrays
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Flattened, Mask, Operand, TracedArray, reshaped
from symbackprop.tracing.arrays.run import TraceRun, plain
from symbackprop.tracing.arrays.word_calls import word_node
from symbackprop.tracing.untraceable import Untraceable


class Labels(TracedArray):
    """The class of each example, as whole numbers; `node` is the matrix, or array, of one-hot rows."""

    @property
    def dtype(self) -> np.dtype:
        """The integer dtype."""
        return np.dtype(int)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of examples, as a tuple, or the sizes of several axes of them."""
        return super().shape[:-1]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def astype(self, *_: object, **__: object) -> "Labels":
        """Return the labels themselves, which are whole numbers already."""
        return self

    def reshape(self, *shape: Any, **_: object) -> "Labels":
        """Return the labels in another shape."""
        sizes = tuple(int(n) for n in np.ravel(shape))
        count = int(np.prod(self.shape))
        sizes = tuple(count // max(-int(np.prod(sizes)), 1) if n == -1 else n for n in sizes)
        return self if sizes == self.shape else self._of(self.one_hot.reshape(*sizes, self.classes))

    def ravel(self, *_: object, **__: object) -> "Labels":
        """Return the labels as a vector."""
        return self.reshape(-1)

    flatten = ravel

    def part(self, key: object) -> "Labels":
        """Return the labels at a key."""
        whole = (*(key if isinstance(key, tuple) else (key,)), slice(None))
        return self._of(self.one_hot[whole])

    def _of(self, one_hot: TracedArray) -> "Labels":
        return Labels(self.run, as_matrix(one_hot).node)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, int | np.integer):
            return self._mask(self.one_hot[..., int(other)])
        if isinstance(other, Labels):
            return self._mask((self.one_hot * other.one_hot).sum(axis=-1))
        if self.shape[-1:] == (1,) and np.array_equal(np.asarray(plain(other)), np.arange(self.classes)):
            return self._mask(self.one_hot[..., 0, :])
        raise Untraceable("class labels are compared with other numbers; with one class, as in y == 2, they can be")

    __hash__ = None

    def _mask(self, array: TracedArray) -> Mask:
        return Mask(self.run, array.node)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.run.sizes.of(self.node.size)[-1]

    @property
    def one_hot(self) -> TracedArray:
        """The array of one-hot rows."""
        return TracedArray(self.run, self.node)

    def made(self, *_: object, **__: object) -> NoReturn:
        """Raise Untraceable."""
        raise Untraceable(
            "class labels stand in a formula as numbers; as an index they can be traced, as in p[range(N), y]"
        )

    combined = made


class ConcatenatedArrays:
    """Several arrays joined into one vector, as optimizers expect gradients; it supports no operations."""

    def __init__(self, pieces: list[TracedArray]):
        self.pieces = pieces
        self.shape = (sum(piece.size for piece in pieces),)
        self.size = self.shape[0]


def as_array(run: TraceRun, value: Operand) -> TracedArray:
    """Return a placeholder unchanged, or numbers as a placeholder."""
    return value if isinstance(value, TracedArray) else TracedArray(run, run.node(value))


def as_matrix(array: TracedArray) -> TracedArray:
    """Return a vector as a row, and any other array unchanged."""
    return reshaped(array, (1, *array.shape)) if array.ndim == 1 else array


def dot(run: TraceRun, a: Operand, b: Operand) -> TracedArray:
    """Return np.dot(a, b), which equals a @ b up to two axes; beyond, each row of a with each column of b."""
    left, right = as_array(run, a), as_array(run, b)
    if right.ndim > 2 and left.ndim:
        return TracedArray(run, word_node(run, arrays.tensordot, left, right, axes=((-1,), (-2,))))
    return product(run, a, b)


def product(run: TraceRun, a: Operand, b: Operand) -> TracedArray:
    """Return a @ b; with a number, the product with it."""
    left, right = (TracedArray(run, run.node(value)) for value in (a, b))
    ranks = left.ndim, right.ndim
    if 0 in ranks:
        return left * right
    if isinstance(a, Flattened) or isinstance(b, Flattened):
        return _product_with_flattened(run, a, b)
    if max(ranks) > 2:
        return TracedArray(run, word_node(run, arithmetic.product, left, right))
    if ranks == (1, 1):
        return left.made(op.inner_product, right, rank=0)
    if left.shape[-1] != right.shape[0]:
        shown = run.sizes.shown
        raise Untraceable(
            f"arrays of shapes {shown(left.shape)} and {shown(right.shape)} are multiplied by np.dot or @, whose inner "
            "sizes differ"
        )
    if ranks == (2, 1):
        return right.made(op.matrix_product, left.T, rank=1)
    return left.made(op.matrix_product, right, rank=max(ranks) if 1 not in ranks else 1)


def _product_with_flattened(run: TraceRun, a: Operand, b: Operand) -> TracedArray:
    if isinstance(a, Flattened) and isinstance(b, Flattened) and a.matrix.shape == b.matrix.shape:
        return a.matrix.made(op.inner_product, b.matrix, rank=0)
    return product(run, *(x.as_called if isinstance(x, Flattened) else x for x in (a, b)))


def outer(run: TraceRun, a: Operand, b: Operand) -> TracedArray:
    """Return np.outer(a, b)."""
    left, right = (as_array(run, value).as_called.ravel() for value in (a, b))
    return reshaped(left, (left.size, 1)).made(op.matrix_product, reshaped(right, (1, right.size)), rank=2)


def stacked(run: TraceRun, values: Sequence[Operand]) -> TracedArray:
    """Return np.array of a list that contains placeholders."""
    parts = [TracedArray(run, run.node(value)) for value in values]
    if len({part.ndim for part in parts}) > 1:
        raise Untraceable("np.array or np.stack of arrays of different numbers of axes")
    if parts[0].ndim > 1:
        return TracedArray(run, word_node(run, arrays.stack, parts))
    if parts[0].ndim == 0:
        columns = [part.made(op.as_matrix, rank=2).node for part in parts]
        return TracedArray(run, run.graph.node(op.joined_columns, columns, rank=1))
    return TracedArray(run, run.graph.node(op.joined_rows, [part.node for part in parts], rank=2))
