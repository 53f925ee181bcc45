"""Parameters as users pass them: an array, a tuple or list of arrays, or a mapping of names to arrays."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symbackprop.errors import ArgumentError, listed

Arrays = list[np.ndarray]
Number = Any  # a float, or np.longdouble where the cost is computed in extended precision
Structure = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]  # parameters as the user has them
Data = Mapping[str, Any]  # fixed keyword arguments of the user's functions
UserFunction = Callable[..., object]


@dataclass(frozen=True)
class Parameters:
    """The labels and arrays of parameters, and the structure in which a call gets them."""

    labels: tuple[str, ...]
    arrays: Arrays
    rebuild: Callable[[Arrays], Any]  # the structure that was given
    call: Callable[[UserFunction, Arrays, Data], object]  # f, at arrays, with data
    data: Data
    names: tuple[str, ...] = ()  # of the arguments that get the arrays of a sequence

    @classmethod
    def of(cls, params: object, data: Data | None = None) -> "Parameters":
        """Return the parameters of a user's array, sequence or mapping; `data` are keyword arguments of every call."""
        if data is not None and not isinstance(data, Mapping):
            raise ArgumentError(f"data is a mapping of argument names to values, not {type(data).__name__}")
        fixed = dict(data or {})
        if isinstance(params, Mapping | tuple | list) and not len(params):
            raise ArgumentError("there are no parameters to check")
        if isinstance(params, Mapping):
            names = tuple(str(name) for name in params)
            if len(set(names)) < len(names):
                raise ArgumentError(f"two parameters have the same name: {listed(names)}")
            twice = [name for name in names if name in fixed]
            if twice:
                raise ArgumentError(f"{listed(twice)} cannot be both a parameter and data")
            arrays = [_floats(name, value) for name, value in params.items()]
            given = [_as_given(value) for value in params.values()]
            return cls(
                names,
                arrays,
                lambda a: dict(zip(names, a, strict=True)),
                lambda f, a, data: f(**dict(zip(names, _restored(given, a), strict=True)), **data),
                fixed,
            )
        if isinstance(params, tuple | list):
            kind = list if isinstance(params, list) else tuple
            names = tuple(f"[{i}]" for i in range(len(params)))
            arrays = [_floats(f"params{name}", value) for name, value in zip(names, params, strict=True)]
            given = [_as_given(value) for value in params]
            return cls(names, arrays, kind, lambda f, a, data: f(*_restored(given, a), **data), fixed)
        only = _as_given(params)
        return cls(("x",), [_floats("params", params)], _only, lambda f, a, data: f(only(a[0]), **data), fixed)

    def named_as(self, cost: UserFunction) -> "Parameters":
        """Return the same parameters; those of a sequence also have the names of the first arguments of the cost."""
        try:
            arguments = inspect.signature(cost).parameters.values()
        except (TypeError, ValueError):
            return self
        names = tuple(p.name for p in arguments if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
        is_sequence = all(label.startswith("[") for label in self.labels) and len(names) >= len(self.labels)
        return replace(self, names=names[: len(self.labels)]) if is_sequence else self

    def copies(self) -> Arrays:
        """Return copies of the arrays."""
        return [array.copy() for array in self.arrays]

    def widened(self) -> "Parameters":
        """Return the same parameters in extended precision (80 bits, if the machine has it)."""
        return replace(self, arrays=[array.astype(np.longdouble) for array in self.arrays])

    def perturbed(self, direction: Mapping[int, np.ndarray], t: complex) -> Arrays:
        """Return copies of the arrays, perturbed by t along a direction."""
        return [_perturbed(a, direction[k], t) if k in direction else a.copy() for k, a in enumerate(self.arrays)]

    def rounded(self, seed: int) -> Arrays:
        """Return the arrays, each entry perturbed by its rounding error, up or down."""
        rng = np.random.default_rng(seed)
        return [_perturbed(a, a * signs(rng, a.shape), np.finfo(a.dtype).eps) for a in self.arrays]

    @property
    def is_wide(self) -> bool:
        """True if any array has extended precision."""
        return any(array.dtype.char == "g" for array in self.arrays)

    def generic_nearby(self, reach: float = 1.0) -> "Parameters":
        """Return a generic point, the same one each time: no entry is 0, none equals another.

        Each entry is perturbed by 5 to 30 % of its magnitude, times `reach`.
        """
        rng = np.random.default_rng(int(reach))
        steps = [reach * rng.uniform(0.05, 0.3, a.shape) * signs(rng, a.shape) * _sizes(a) for a in self.arrays]
        return replace(self, arrays=[a + step for a, step in zip(self.arrays, steps, strict=True)])

    def aligned(self, gradients: object) -> Arrays:
        """Return gradients, given in the structure of the parameters, as a list of arrays."""
        values: list[object]
        if isinstance(gradients, Mapping):
            values = self._looked_up(gradients)
        elif isinstance(gradients, Sequence) and not isinstance(gradients, str) and self.rebuild is not _only:
            values = list(gradients)
        else:
            values = [gradients]
        if len(values) != len(self.arrays):
            raise ArgumentError(
                f"{len(values)} gradients were returned for {len(self.arrays)} parameters ({listed(self.labels)})"
            )
        return [
            _floats(f"the gradient with respect to {label}", value)
            for label, value in zip(self.labels, values, strict=True)
        ]

    def _looked_up(self, gradients: Mapping[Any, object]) -> list[object]:
        """Return the gradients of a mapping, whose keys are W, dW, dJdW, grad_W or W_grad, all in the same style."""
        numbers = tuple(range(len(self.labels)))
        for names in (self.labels, self.names, numbers if self.rebuild in (list, tuple) else ()):
            for style in _STYLES:
                keys = [name if style == "{}" else style.format(name) for name in names]
                if keys and all(key in gradients for key in keys):
                    return [gradients[key] for key in keys]
        known = self.names or self.labels
        missing = [name for name in known if name not in gradients]
        raise ArgumentError(f"the gradients lack {listed(missing)}; they have {listed(gradients)}")


_STYLES = ("{}", "d{}", "dJd{}", "dLd{}", "grad_{}", "{}_grad")  # of keys of gradients


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a random −1 or 1 for each entry, one byte each."""
    return rng.integers(0, 2, shape, dtype=np.int8) * np.int8(2) - np.int8(1)


def _sizes(array: np.ndarray) -> np.ndarray:
    """Return the magnitude of each entry; that of an entry of 0 is the median of the others."""
    sizes: np.ndarray = np.abs(array)
    others = sizes[sizes > 0]
    return np.where(sizes > 0, sizes, np.median(others) if others.size else 1.0)


def _perturbed(array: np.ndarray, direction: np.ndarray, t: complex | np.number) -> np.ndarray:
    perturbed: np.ndarray = np.multiply(direction, t, dtype=np.result_type(direction, array, t))
    return np.add(perturbed, array, out=perturbed if perturbed.shape else None)  # in place: parameters can be large


def _restored(given: Sequence[Callable[[np.ndarray], Any]], arrays: Arrays) -> list[Any]:
    return [as_given(array) for as_given, array in zip(given, arrays, strict=True)]


def _only(arrays: Arrays) -> np.ndarray:
    return arrays[0]


def _is_tensor(value: object) -> bool:
    """Return True for a tensor of PyTorch, which is not imported for this."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def detached(value: Any) -> Any:
    """Return the values of a tensor of PyTorch as an array; anything else as it is."""
    return value.detach().cpu().numpy() if _is_tensor(value) else value


def _as_given(value: Any) -> Callable[[np.ndarray], Any]:
    """Return the function that turns an array into what the user gave: a tensor of the same type, or an array."""
    return partial(_tensor_like, value) if _is_tensor(value) else lambda array: array


def _tensor_like(value: Any, array: np.ndarray) -> Any:
    if array.dtype.char != "d":
        raise TypeError(f"a tensor of PyTorch is not made of {array.dtype}")
    return value.detach().new_tensor(array.tolist()).requires_grad_(value.requires_grad)


def _floats(name: object, value: object) -> np.ndarray:
    """Return an array of floats of at least double precision, since a check tests the formula, not its rounding."""
    value = detached(value)
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentError(f"{name} is a masked array; fill or drop what is masked first")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"{name} is not an array of numbers: {error}") from None
    array = _standard(array)
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"{name} has dtype {array.dtype}; real numbers are expected")
    return array if array.dtype.char in "dg" else array.astype(float)


def _standard(array: np.ndarray) -> np.ndarray:
    """Return floats of a type that NumPy does not have itself, such as bfloat16, in double precision."""
    is_foreign = array.dtype.kind == "V" and array.dtype.names is None and array.dtype.name.startswith(("bf", "fl"))
    return array.astype(float) if is_foreign else array


def scalar_value(value: object) -> Number:
    """Return a cost as one float, in double or extended precision; arrays of shape (1,) and (1, 1) are accepted."""
    value = detached(value)
    if isinstance(value, tuple | list | dict):
        kind = type(value).__name__
        raise ArgumentError(
            f"the cost must be one real number, not a {kind} of {len(value)}; is it f where f.cost was meant?"
        )
    array = _standard(np.asarray(value))
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise ArgumentError(f"the cost must be one real number; it is of shape {array.shape} and dtype {array.dtype}")
    number = array.reshape(())[()]
    return number if array.dtype.char == "g" else float(number)


def require_callable(what: str, value: object) -> None:
    """Raise ArgumentError if a value is not callable."""
    if not callable(value):
        hint = "; its function is d.to_numpy()" if hasattr(value, "to_numpy") else ""
        raise ArgumentError(f"{what} must be a function, not {type(value).__name__}{hint}")
