"""The Hessian of a cost with respect to small parameters, as a function."""

import math
from typing import Any

import numpy as np

from symbackprop.codegen.function import GradientFunction
from symbackprop.errors import ArgumentError

_MOST_COLUMNS = 2000


class HessianFunction:
    """A function `H = f(X, y, W1, …)`: the second derivatives ∂²J/∂W∂V, of shape (shape of W) + (shape of V).

    Each entry of V is a direction, for which the product of the Hessian with it is computed once.
    """

    def __init__(self, product: GradientFunction, rows: str, columns: str):
        self.product, self.rows, self.columns = product, rows, columns

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments, in order."""
        return tuple(name for name in self.product.arguments if name != f"v_{self.columns}")

    def __call__(self, /, *args: Any, **kwargs: Any) -> np.ndarray:
        """Return the second derivatives."""
        if len(args) > len(self.arguments):
            raise ArgumentError(f"{len(args)} arguments are given; there are {len(self.arguments)}")
        values = dict(zip(self.arguments, args, strict=False)) | kwargs
        if self.rows not in values or self.columns not in values:
            raise ArgumentError(f"a value for {self.rows if self.rows not in values else self.columns} is missing")
        shapes = [np.shape(values[name]) for name in (self.rows, self.columns)]
        if math.prod(shapes[1]) > _MOST_COLUMNS:
            raise ArgumentError(
                f"{self.columns} has {math.prod(shapes[1])} entries; the Hessian is for at most {_MOST_COLUMNS}: use "
                "its products with directions, as by hvp()"
            )
        found = np.empty((*shapes[0], *shapes[1]))
        for index in np.ndindex(*shapes[1]):
            direction = np.zeros(shapes[1])
            direction[index] = 1.0
            found[(..., *index)] = np.reshape(self.product(**values, **{f"v_{self.columns}": direction})[0], shapes[0])
        return found

    def __repr__(self) -> str:
        return f"<∂²J/∂{self.rows}∂{self.columns} = f({', '.join(self.arguments)})>"
