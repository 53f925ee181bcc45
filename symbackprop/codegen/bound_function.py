"""A gradient function for arrays of fixed shapes, with all memory allocated in advance."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from symbackprop.codegen.runtime.threads import Threads
from symbackprop.errors import ArgumentError, listed, nearest


class BoundFunction:
    """A function `J, dJdW1, … = bound(X, y, W1, …)` for arrays of fixed shapes.

    The gradients are always the same arrays, which the next call overwrites: copy the arrays that you keep. Only one
    thread at a time may call a bound function.

    Raises:
        ArgumentError: an array has another shape or a wider dtype, or an unbound function would refuse it.
    """

    def __init__(
        self,
        module: Mapping[str, Any],
        arguments: tuple[str, ...],
        parameters: tuple[str, ...],
        result: Any,
        *,
        shapes: Mapping[str, Any],
        dtype: DTypeLike,
    ):
        self.arguments, self.parameters = arguments, parameters
        self.dtype = _float_type(dtype)
        self._accepted = module["_arguments"]
        self.shapes = _shapes(shapes, self._accepted.shapes)
        try:
            type(self._accepted)(self._accepted.shapes)(*self._empty())  # raises an error if they are inconsistent
        except ValueError as error:
            raise as_argument_error(error) from None
        self._result, self._in_parts = result, Threads().in_parts
        self._of_layer = len(result._fields) == len(parameters)
        function = "_backward" if self._of_layer else "_cost_and_gradients"
        self._evaluate = np.errstate(all="ignore")(module[function])
        self.size = sum(prod(self.shapes[name]) for name in parameters)
        self._gradient = np.zeros(self.size, self.dtype)
        self._into = [*self.unpack(self._gradient).values()]
        workspace = module.get(f"{function}_memory")
        if workspace is not None:
            self._into.append(workspace(*self._empty()))
        self._form = [(np.ndarray, shape, self.dtype) if shape else (float, (), None) for shape in self.shapes.values()]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the cost and its gradients as a NamedTuple."""
        values: Sequence[Any] = args if not kwargs else self._in_order(args, kwargs)
        if [(type(v), getattr(v, "shape", ()), getattr(v, "dtype", None)) for v in values] != self._form:
            values = self._converted(values)
        try:
            if self._accepted.check is not None:
                self._accepted.check(*values)
            results = self._evaluate(*values, self._in_parts, *self._into)
            self._accepted.sound((0.0, *results) if self._of_layer else results, *values)
            return self._result._make(results)
        except (ValueError, ZeroDivisionError) as error:
            raise as_argument_error(error) from None

    def flat(self, /, **data: Any) -> Callable[[ArrayLike], tuple[float, np.ndarray]]:
        """Return the function `theta -> (J, gradient)` for these data; both vectors hold all parameters.

        `scipy.optimize.minimize(…, jac=True)` takes such a function. The gradient is a new vector for each call, as
        optimisers keep several.

        Raises:
            ArgumentError: data are missing or have a wrong shape or dtype, or a vector has another length.
        """
        if self._of_layer:
            raise ArgumentError("flat is for a cost, and these are the gradients of a layer, which ends in an output")
        theta = np.zeros(self.size, self.dtype)
        weights = self.unpack(theta)
        missing = [name for name in self.arguments if name not in data and name not in weights]
        unknown = [name for name in data if name not in self.arguments or name in weights]
        if missing or unknown:
            wanted = listed([name for name in self.arguments if name not in weights])
            raise ArgumentError(
                f"flat takes {wanted}; {listed(missing or unknown)} {'is missing' if missing else 'is none of them'}"
            )
        values = self._converted([data[name] if name in data else weights[name] for name in self.arguments])

        def cost_and_gradient(vector: ArrayLike) -> tuple[float, np.ndarray]:
            if np.shape(vector) != theta.shape:
                raise ArgumentError(f"theta has shape {np.shape(vector)} but {theta.shape} is expected")
            theta[:] = vector
            return float(self(*values)[0]), self._gradient.copy()

        return cost_and_gradient

    def pack(self, parameters: Mapping[str, ArrayLike]) -> np.ndarray:
        """Return all parameters as one vector."""
        missing = [name for name in self.parameters if name not in parameters]
        if missing:
            raise ArgumentError(f"{listed(missing)} is missing; the parameters are {listed(self.parameters)}")
        return np.concatenate([np.ravel(parameters[name]) for name in self.parameters]).astype(self.dtype)

    def unpack(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters in the vector `theta` as arrays by name, which are views of it."""
        if np.shape(theta) != (self.size,):
            raise ArgumentError(f"theta has shape {np.shape(theta)} but ({self.size},) is expected")
        shapes = {name: self.shapes[name] for name in self.parameters}
        parts = np.split(theta, np.cumsum([*map(prod, shapes.values())])[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}

    def _in_order(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        names = self.arguments[len(args) :]
        wrong = [name for name in kwargs if name not in names] + [name for name in names if name not in kwargs]
        if wrong:
            raise ArgumentError(
                f"{listed(wrong)} is missing, unknown or given twice; the arguments are {listed(self.arguments)}"
            )
        return [*args, *(kwargs[name] for name in names)]

    def _converted(self, values: Sequence[Any]) -> list[Any]:
        """Return arguments as arrays of the bound shapes and dtype."""
        if len(values) != len(self.arguments):
            raise ArgumentError(f"{len(values)} arguments are given; they are {listed(self.arguments)}")
        try:
            arrays = type(self._accepted)(self.shapes)(*values)
        except ValueError as error:
            other = "; f.bind makes a function for other shapes" if "has shape" in str(error) else ""
            raise ArgumentError(f"{error}{other}") from None
        return [self._typed(*each) for each in zip(self.arguments, values, arrays, strict=True)]

    def _typed(self, name: str, value: object, array: Any) -> Any:
        """Return an array with the bound dtype; raise ArgumentError for a wider one, which would lose digits."""
        if not self.shapes[name]:
            return array
        given = getattr(value, "dtype", self.dtype)
        if given.kind == "f" and not np.can_cast(given, self.dtype):
            raise ArgumentError(f"{name} has dtype {given} but this function is bound to {self.dtype}")
        return array.astype(self.dtype, copy=False)

    def _empty(self) -> list[Any]:
        """Return placeholder arrays of the bound shapes that take no memory."""
        return [np.broadcast_to(np.zeros((), self.dtype), shape) if shape else 1.0 for shape in self.shapes.values()]


def as_argument_error(error: Exception) -> ArgumentError:
    """Return an error of generated code as an ArgumentError."""
    if isinstance(error, ZeroDivisionError):
        return ArgumentError("an array has no rows or columns, and the cost divides by their number")
    return ArgumentError(str(error))


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise ArgumentError(f"dtype is float32, float64 or longdouble, not {dtype!r:.60}") from None
    if found.char not in "fdg":
        raise ArgumentError(f"dtype is float32, float64 or longdouble, not {found}")
    return found


def _shapes(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each argument, in the order of the arguments; scalars need not be given."""
    if not isinstance(given, Mapping):
        raise ArgumentError(f"shapes is a {type(given).__name__}; a mapping of names to shapes is expected")
    unknown = [name for name in given if name not in wanted]
    if unknown:
        raise ArgumentError(
            f"{listed(unknown)} is not an argument of this function: {nearest(str(unknown[0]), wanted)}"
        )
    missing = [name for name, shape in wanted.items() if shape and name not in given]
    if missing:
        raise ArgumentError(f"shapes of {listed(missing)} are missing; the arguments are {listed(wanted)}")
    return {name: _shape(name, given.get(name, ())) for name in wanted}


def _shape(name: str, given: object) -> tuple[int, ...]:
    shape = getattr(given, "shape", given)
    if isinstance(shape, tuple | list) and all(isinstance(n, int | np.integer) and n >= 0 for n in shape):
        return tuple(int(n) for n in shape)
    if isinstance(given, int | float):
        return ()
    raise ArgumentError(
        f"the shape of {name} is {given!r:.60}; a tuple of whole numbers, or an array of that shape, is expected"
    )
