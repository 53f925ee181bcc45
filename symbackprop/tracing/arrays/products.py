"""Products of arrays without numbers, arrays that are made of several, and labels."""

from typing import Any

import numpy as np

from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import Array, Flattened, Run, reshaped
from symbackprop.tracing.untraceable import Untraceable


class Labels(Array):
    """A whole number for each example: the class that its row of a one-hot matrix says."""

    @property
    def dtype(self) -> Any:
        return np.dtype(int)

    @property
    def shape(self) -> tuple[int, ...]:
        return super().shape[:1]

    @property
    def ndim(self) -> int:
        return 1

    def astype(self, *_: Any, **__: Any) -> "Array":
        return self

    def reshape(self, *shape: Any, **_: Any) -> "Array":
        if tuple(np.ravel(shape)) in ((-1,), self.shape):
            return self
        raise Untraceable("labels are put into another shape")

    def made(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("labels stand in a formula")

    combined = made


class Vector:
    """Several arrays one after the other, as optimisers want all gradients; nothing can be computed with it."""

    def __init__(self, pieces: list[Array]):
        self.pieces = pieces
        self.shape = (sum(piece.size for piece in pieces),)
        self.size = self.shape[0]


def product(run: Run, a: Any, b: Any) -> Array:
    """np.dot, which `@` is too but for numbers."""
    left, right = (Array(run, run.node(value)) for value in (a, b))
    ranks = left.ndim, right.ndim
    if 0 in ranks:
        return left * right
    if isinstance(a, Flattened) and isinstance(b, Flattened) and a.matrix.shape == b.matrix.shape:
        return a.matrix.made(op.product_of_rows, b.matrix, rank=0)
    if isinstance(a, Flattened) or isinstance(b, Flattened):
        raise Untraceable("the entries of a matrix are put one after the other")
    if ranks == (1, 1):
        return left.made(op.product_of_rows, right, rank=0)
    if left.shape[-1] != right.shape[0]:
        raise ValueError(f"shapes {left.shape} and {right.shape} are not aligned for a product")
    if ranks == (2, 1):
        return right.made(op.multiplied, left.T, rank=1)
    return left.made(op.multiplied, right, rank=max(ranks) if 1 not in ranks else 1)


def outer(run: Run, a: Any, b: Any) -> Array:
    left, right = (Array(run, run.node(value)).ravel() for value in (a, b))
    return reshaped(left, (left.size, 1)).made(op.multiplied, reshaped(right, (1, right.size)), rank=2)


def stacked(run: Run, values: list[Any]) -> Array:
    """np.array of a list with arrays in it."""
    parts = [Array(run, run.node(value)) for value in values]
    if len({part.ndim for part in parts}) > 1 or parts[0].ndim > 1:
        raise Untraceable("an array is made of a list of arrays")
    if parts[0].ndim == 0:
        columns = [part.made(op.as_matrix, rank=2).node for part in parts]
        return Array(run, run.graph.node(op.joined_columns, columns, rank=1))
    return Array(run, run.graph.node(op.joined_rows, [part.node for part in parts], rank=2))
