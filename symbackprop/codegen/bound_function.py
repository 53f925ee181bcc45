"""A gradient function for arrays of known shapes, with all its memory made beforehand."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from symbackprop.codegen.runtime.threads import Threads
from symbackprop.errors import ArgumentError, listed, nearest


class BoundFunction:
    """`J, dJdW1, … = bound(X, y, W1, …)` for arrays of the shapes it was made for.

    The gradients are always the same arrays, which the next call overwrites: copy what is to be kept. A bound
    function is for one thread at a time.

    Raises:
        ArgumentError: an array of another shape or of a larger type, and all that an unbound function refuses.
    """

    def __init__(
        self,
        module: Mapping[str, Any],
        arguments: tuple[str, ...],
        parameters: tuple[str, ...],
        result: Any,
        *,
        shapes: Mapping[str, Any],
        dtype: Any,
    ):
        self.arguments, self.parameters = arguments, parameters
        self.dtype = _float_type(dtype)
        self._accepted = module["_arguments"]
        self.shapes = self._fitting(_shapes(shapes, self._accepted.shapes))
        self._result, self._in_parts = result, Threads().in_parts
        self._evaluate = np.errstate(all="ignore")(module["_cost_and_gradients"])
        self.size = sum(prod(self.shapes[name]) for name in parameters)
        self._gradient = np.zeros(self.size, self.dtype)
        self._into = [*self.unpack(self._gradient).values()]
        workspace = module.get("_cost_and_gradients_memory")
        if workspace is not None:
            self._into.append(workspace(*self._empty(self.shapes)))
        self._form = [(np.ndarray, shape, self.dtype) if shape else (float, (), None) for shape in self.shapes.values()]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        values = args if not kwargs else self._in_order(args, kwargs)
        if [(type(v), getattr(v, "shape", ()), getattr(v, "dtype", None)) for v in values] != self._form:
            values = self._taken(values)
        try:
            if self._accepted.check is not None:
                self._accepted.check(*values)
            results = self._evaluate(*values, self._in_parts, *self._into)
            return self._result._make(self._accepted.sound(results, *values))
        except (ValueError, ZeroDivisionError) as error:
            raise said(error) from None

    def flat(self, /, **data: Any) -> Callable[[Any], tuple[float, Any]]:
        """`theta -> (J, gradient)` for these data, both vectors of all parameters one after the other.

        That is what `scipy.optimize.minimize(…, jac=True)` wants. The gradient is a new vector, for optimisers keep
        several.

        Raises:
            ArgumentError: data that are missing or that do not fit, a vector of another length.
        """
        theta = np.zeros(self.size, self.dtype)
        weights = self.unpack(theta)
        missing = [name for name in self.arguments if name not in data and name not in weights]
        unknown = [name for name in data if name not in self.arguments or name in weights]
        if missing or unknown:
            wanted = listed([name for name in self.arguments if name not in weights])
            raise ArgumentError(
                f"flat takes {wanted}; {listed(missing or unknown)} {'is missing' if missing else 'is none of them'}"
            )
        values = self._taken([data[name] if name in data else weights[name] for name in self.arguments])

        def cost_and_gradient(vector: Any) -> tuple[float, Any]:
            if np.shape(vector) != theta.shape:
                raise ArgumentError(f"theta has shape {np.shape(vector)} but {theta.shape} is expected")
            theta[:] = vector
            return float(self(*values)[0]), self._gradient.copy()

        return cost_and_gradient

    def pack(self, parameters: Mapping[str, Any]) -> Any:
        """One vector of all parameters."""
        missing = [name for name in self.parameters if name not in parameters]
        if missing:
            raise ArgumentError(f"{listed(missing)} is missing; the parameters are {listed(self.parameters)}")
        return np.concatenate([np.ravel(parameters[name]) for name in self.parameters]).astype(self.dtype)

    def unpack(self, theta: Any) -> dict[str, Any]:
        """The parameters in one vector by name, as parts of it."""
        if np.shape(theta) != (self.size,):
            raise ArgumentError(f"theta has shape {np.shape(theta)} but ({self.size},) is expected")
        found, start = {}, 0
        for name in self.parameters:
            stop = start + prod(self.shapes[name])
            found[name] = theta[start:stop].reshape(self.shapes[name])
            start = stop
        return found

    def _in_order(self, args: Any, kwargs: Mapping[str, Any]) -> list[Any]:
        names = self.arguments[len(args) :]
        wrong = [name for name in kwargs if name not in names] + [name for name in names if name not in kwargs]
        if wrong:
            raise ArgumentError(
                f"{listed(wrong)} is missing, unknown or given twice; the arguments are {listed(self.arguments)}"
            )
        return [*args, *(kwargs[name] for name in names)]

    def _taken(self, values: Any) -> list[Any]:
        """Arguments that are not arrays as they were promised."""
        if len(values) != len(self.arguments):
            raise ArgumentError(f"{len(values)} arguments are given; they are {listed(self.arguments)}")
        try:
            arrays = type(self._accepted)(self.shapes)(*values)
        except ValueError as error:
            other = "; f.bind makes a function for other shapes" if "has shape" in str(error) else ""
            raise ArgumentError(f"{error}{other}") from None
        return [self._typed(*each) for each in zip(self.arguments, values, arrays, strict=True)]

    def _typed(self, name: str, value: Any, array: Any) -> Any:
        """An array of the type that was promised; of a larger one that would lose digits."""
        if not self.shapes[name]:
            return array
        given = getattr(value, "dtype", self.dtype)
        if given.kind == "f" and not np.can_cast(given, self.dtype):
            raise ArgumentError(f"{name} has dtype {given} but this function is bound to {self.dtype}")
        return array.astype(self.dtype, copy=False)

    def _empty(self, shapes: Mapping[str, tuple[int, ...]]) -> list[Any]:
        """Arguments of these shapes without memory."""
        return [np.broadcast_to(np.zeros((), self.dtype), shape) if shape else 1.0 for shape in shapes.values()]

    def _fitting(self, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """The shapes, found to fit together."""
        try:
            type(self._accepted)(self._accepted.shapes)(*self._empty(shapes))
        except ValueError as error:
            raise said(error) from None
        return shapes


def said(error: Exception) -> ArgumentError:
    """What generated code refuses, as one of our errors."""
    if isinstance(error, ZeroDivisionError):
        return ArgumentError("an array has no rows or columns, and the cost divides by their number")
    return ArgumentError(str(error))


def _float_type(dtype: Any) -> Any:
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise ArgumentError(f"dtype is float32, float64 or longdouble, not {dtype!r:.60}") from None
    if found.char not in "fdg":
        raise ArgumentError(f"dtype is float32, float64 or longdouble, not {found}")
    return found


def _shapes(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """A shape for every argument, in their order; those of numbers may be left out."""
    if not isinstance(given, Mapping):
        raise ArgumentError(f"shapes is a mapping of names to shapes, not {type(given).__name__}")
    unknown = [name for name in given if name not in wanted]
    if unknown:
        raise ArgumentError(f"{listed(unknown)} is no argument of this function: {nearest(str(unknown[0]), wanted)}")
    missing = [name for name, shape in wanted.items() if shape and name not in given]
    if missing:
        raise ArgumentError(f"shapes of {listed(missing)} are missing; the arguments are {listed(wanted)}")
    return {name: _shape(name, given.get(name, ())) for name in wanted}


def _shape(name: str, given: Any) -> tuple[int, ...]:
    shape = getattr(given, "shape", given)
    if isinstance(shape, tuple | list) and all(isinstance(n, int | np.integer) and n >= 0 for n in shape):
        return tuple(int(n) for n in shape)
    return np.shape(given) if isinstance(given, int | float) else _refused(name, given)


def _refused(name: str, given: Any) -> Any:
    raise ArgumentError(f"the shape of {name} is a tuple of whole numbers, or an array that has it, not {given!r:.60}")
