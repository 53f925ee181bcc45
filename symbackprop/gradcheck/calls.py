"""The user's functions as they are called: always with copies, counted, and with what they do to them seen."""

from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError, listed, shape_text
from symbackprop.gradcheck.parameters import Arrays, Parameters


class Calls:
    """A function of the parameters: how often it was called, what it raised, and what it changed in place."""

    def __init__(self, what: str, function: Callable[..., Any], params: Parameters):
        self.what = what
        self.count = 0
        self.raised: Exception | None = None  # the first one that was raised away from the point
        self.changed: list[str] = []
        self._function = function
        self._params = params

    def first(self) -> Any:
        """The value at the point, with copies of the data too.

        Raises:
            ArgumentError: what the function raised, if it cannot even be called here.
        """
        arrays, data = self._params.copies(), {name: _copy(value) for name, value in self._params.data.items()}
        before = [*map(_print_of, arrays)], {name: _print_of(value) for name, value in data.items()}
        try:
            value = self._call(arrays, data)
        except SymbackpropError:
            raise
        except Exception as error:
            shapes = [f"{n} {shape_text(a.shape)}" for n, a in zip(self._params.labels, arrays, strict=True)]
            raise ArgumentError(f"{self.what} raised {_said(error)}, called with {listed(shapes)}") from error
        self.changed = [n for n, a, b in zip(self._params.labels, arrays, before[0], strict=True) if _print_of(a) != b]
        self.changed += [name for name, value in data.items() if _print_of(value) != before[1][name]]
        return value

    def at(self, arrays: Arrays) -> Any:
        """The value near the point; None where the function raises."""
        try:
            return self.probe(arrays)
        except Exception as error:
            self.raised = self.raised or error
            return None

    def probe(self, arrays: Arrays) -> Any:
        """Likewise, with what the function raises."""
        return self._call(arrays, {n: _copy(v) if n in self.changed else v for n, v in self._params.data.items()})

    def _call(self, arrays: Arrays, data: Mapping[str, Any]) -> Any:
        self.count += 1
        return self._params.call(self._function, arrays, data)

    @property
    def notes(self) -> list[str]:
        """What a user may want to know."""
        notes = []
        if self.changed:
            notes.append(f"{self.what} changes {listed(self.changed)} in place; it was given copies")
        if self.raised is not None:
            notes.append(f"{self.what} raised {_said(self.raised)} near this point")
        return notes


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _print_of(value: Any) -> int:
    """A fingerprint of an array: equal for equal ones."""
    is_plain = isinstance(value, np.ndarray) and not value.dtype.hasobject
    return crc32(np.ascontiguousarray(value).view(np.uint8).data) if is_plain else 0
