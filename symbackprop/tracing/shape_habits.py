"""Gradients in another shape than their parameter's that are harmless: flat for a column, or without an axis of 1."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from symbackprop.errors import shape_text


def is_harmless(shape: tuple[int, ...], expected: tuple[int, ...], *, alone: bool) -> bool:
    """Return True if an update or an optimizer can use a gradient of this shape as one of the expected shape.

    `parameter - rate * gradient` must have the entries of the parameter; or the only gradient is flat, for an
    optimizer.

    >>> is_harmless((4,), (1, 4), alone=False), is_harmless((4,), (4, 1), alone=False)
    (True, False)
    """
    size = int(np.prod(expected))
    if shape == expected or int(np.prod(shape)) != size:
        return False
    if alone and len(shape) == 1:
        return True
    try:
        return int(np.prod(np.broadcast_shapes(shape, expected))) == size
    except ValueError:
        return False


def in_shape(gradients: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return the gradients as arrays, harmless ones in the shapes of their parameters."""
    alone = len(gradients) == 1
    arrays = {name: np.asarray(value) for name, value in gradients.items()}
    return {
        name: a.reshape(shapes[name]) if is_harmless(a.shape, shapes[name], alone=alone) else a
        for name, a in arrays.items()
    }


def shape_remarks(gradients: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return a remark about each gradient whose shape is not its parameter's, but harmless."""
    alone = len(gradients) == 1
    found = {name: np.shape(value) for name, value in gradients.items()}
    return [
        f"the gradient with respect to {name} has the shape {shape_text(shape)}, not {shape_text(shapes[name])}; its "
        "entries are in the same order"
        for name, shape in found.items()
        if is_harmless(shape, shapes[name], alone=alone)
    ]
