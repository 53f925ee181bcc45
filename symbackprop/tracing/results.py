"""The arrays that a result of the user's code holds, each with its place: keys, attributes, and numbers of items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.tracing.structure import Path

_DEEPEST = 5
_LONGEST = 200  # items of a list that is looked into


@dataclass(frozen=True)
class Item:
    """An array or a number in a result: its place, its value, and the name that the return statement has for it."""

    path: Path
    value: Any
    label: str = ""

    @property
    def is_named(self) -> bool:
        """True if it has a key or is an attribute."""
        return any(isinstance(key, str) for key in self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return shape_of(self.value)

    def __str__(self) -> str:
        named = ".".join(str(key) for key in self.path if isinstance(key, str))
        return self.label or named or (f"result {int(self.path[0]) + 1}" if self.path else "the result")


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, a placeholder, a number, or a list of numbers."""
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def is_array(value: object) -> bool:
    """Return True for arrays, placeholders and numbers."""
    if isinstance(value, bool | str | bytes | type):
        return False
    if isinstance(value, int | float | complex | np.generic):
        return True
    return hasattr(value, "size") and not callable(
        getattr(value, "shape", callable)
    )  # NumPy has functions of these names


def items_in(result: object, labels: Sequence[str] = (), *, numbers_apart: bool = True) -> list[Item]:
    """Return the arrays in a result.

    Args:
        result: an array, or arrays in tuples, lists, dictionaries and objects.
        labels: the names of its items in the return statement.
        numbers_apart: False if a list of numbers is one array, not several numbers.
    """
    fits = isinstance(result, tuple | list) and len(labels) == len(result)
    found = _items(result, (), numbers_apart, ())
    return [Item(path, value, labels[int(path[0])] if fits and path else "") for path, value in found]


def _items(value: Any, path: Path, numbers_apart: bool, outer: tuple[int, ...]) -> Iterator[tuple[Path, Any]]:
    if id(value) in outer or len(path) > _DEEPEST or (isinstance(value, list | tuple) and len(value) > _LONGEST):
        return
    if isinstance(value, list) and not numbers_apart and _is_of_numbers(value):
        yield path, value
        return
    if is_array(value) and not _is_of_arrays(value):
        yield path, value
        return
    for key, inner in parts_of(value):
        yield from _items(inner, (*path, key), numbers_apart, (*outer, id(value)))


def parts_of(value: Any) -> list[tuple[str | int, Any]]:
    """Return the items of a dictionary, a list or a tuple, and the attributes of an object, with their keys."""
    if isinstance(value, Mapping):
        return [(key if isinstance(key, str | int) else str(key), inner) for key, inner in value.items()]
    if hasattr(value, "_asdict"):
        return list(value._asdict().items())
    if isinstance(value, list | tuple) or _is_of_arrays(value):
        return list(enumerate(value))
    own = not isinstance(value, type) and type(value).__module__ != "builtins" and not is_array(value)
    return list(vars(value).items()) if own and hasattr(value, "__dict__") else []


def _is_of_arrays(value: object) -> bool:
    """Return True for an array of objects that are arrays."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == object
        and value.ndim == 1
        and any(np.ndim(each) > 0 for each in value)
    )


def _is_of_numbers(value: list[Any]) -> bool:
    """Return True for a list of numbers, and for a list of rows of numbers."""
    return bool(value) and all(
        _is_of_numbers(each) if isinstance(each, list) else is_array(each) and shape_of(each) == () for each in value
    )


def is_same(one: object, other: object) -> bool:
    """Return True for one array, and for arrays of the same numbers or placeholders."""
    if one is other:
        return True
    nodes = getattr(one, "node", None), getattr(other, "node", None)
    if nodes != (None, None):
        return nodes[0] is nodes[1]
    left, right = np.asarray(one), np.asarray(other)
    if object in (left.dtype, right.dtype):
        return left.shape == right.shape and all(a is b for a, b in zip(left.flat, right.flat, strict=True))
    return np.array_equal(left, right, equal_nan=left.dtype.kind == "f" and right.dtype.kind == "f")
