"""Products of placeholder arrays, concatenated arrays, and class labels."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Flattened, Operand, TracedArray, reshaped
from symbackprop.tracing.arrays.run import TraceRun
from symbackprop.tracing.untraceable import Untraceable


class Labels(TracedArray):
    """The class of each example, as whole numbers; `node` is the matrix of one-hot rows."""

    @property
    def dtype(self) -> np.dtype:
        """The integer dtype."""
        return np.dtype(int)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of examples, as a tuple."""
        return super().shape[:1]

    @property
    def ndim(self) -> int:
        """The number of axes, 1."""
        return 1

    def astype(self, *_: object, **__: object) -> "Labels":
        """Return the labels themselves, which are whole numbers already."""
        return self

    def reshape(self, *shape: Any, **_: object) -> "Labels":
        """Return the labels themselves if the shape does not change."""
        if tuple(np.ravel(shape)) in ((-1,), self.shape):
            return self
        raise Untraceable(
            f"class labels of shape {self.shape} are put into the shape {shape}: index by them as they are"
        )

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


def product(run: TraceRun, a: Operand, b: Operand) -> TracedArray:
    """Return np.dot(a, b), which equals a @ b unless one of them is a number."""
    left, right = (TracedArray(run, run.node(value)) for value in (a, b))
    ranks = left.ndim, right.ndim
    if 0 in ranks:
        return left * right
    if isinstance(a, Flattened) and isinstance(b, Flattened) and a.matrix.shape == b.matrix.shape:
        return a.matrix.made(op.inner_product, b.matrix, rank=0)
    if isinstance(a, Flattened) or isinstance(b, Flattened):
        raise Untraceable("a flattened matrix is multiplied by an array that is not a flattened one of the same shape")
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


def outer(run: TraceRun, a: Operand, b: Operand) -> TracedArray:
    """Return np.outer(a, b)."""
    left, right = (TracedArray(run, run.node(value)).ravel() for value in (a, b))
    return reshaped(left, (left.size, 1)).made(op.matrix_product, reshaped(right, (1, right.size)), rank=2)


def stacked(run: TraceRun, values: Sequence[Operand]) -> TracedArray:
    """Return np.array of a list that contains placeholders: numbers and vectors."""
    parts = [TracedArray(run, run.node(value)) for value in values]
    if len({part.ndim for part in parts}) > 1 or parts[0].ndim > 1:
        raise Untraceable(
            "np.array or np.stack of matrices; of numbers or of vectors of one length, they can be traced"
        )
    if parts[0].ndim == 0:
        columns = [part.made(op.as_matrix, rank=2).node for part in parts]
        return TracedArray(run, run.graph.node(op.joined_columns, columns, rank=1))
    return TracedArray(run, run.graph.node(op.joined_rows, [part.node for part in parts], rank=2))
