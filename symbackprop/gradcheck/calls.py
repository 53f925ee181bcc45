"""Calls of the user's functions, which get copies of the parameters; changes of arrays in place are detected."""

from zlib import crc32

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError, listed, shape_text
from symbackprop.gradcheck.parameters import Arrays, Data, Parameters, UserFunction


class CountedFunction:
    """A user's function, which counts its calls and records exceptions and arguments that it changed in place."""

    def __init__(self, what: str, function: UserFunction, params: Parameters):
        self.what = what
        self.count = 0
        self.raised: Exception | None = None  # the first one that was raised away from the point
        self.changed: list[str] = []
        self._function = function
        self._params = params

    def first(self) -> object:
        """Return the value at the point; the call gets copies of the data too.

        Raises:
            ArgumentError: the function raised an exception; the message contains it.
        """
        arrays, data = self._params.copies(), {name: _copy(value) for name, value in self._params.data.items()}
        before = [*map(_fingerprint, arrays)], {name: _fingerprint(value) for name, value in data.items()}
        try:
            value = self._call(arrays, data)
        except SymbackpropError:
            raise
        except Exception as error:
            shapes = [f"{n} {shape_text(a.shape)}" for n, a in zip(self._params.labels, arrays, strict=True)]
            raise ArgumentError(f"{self.what} raised {_described(error)}, called with {listed(shapes)}") from error
        self.changed = [
            n for n, a, b in zip(self._params.labels, arrays, before[0], strict=True) if _fingerprint(a) != b
        ]
        self.changed += [name for name, value in data.items() if _fingerprint(value) != before[1][name]]
        return value

    def at(self, arrays: Arrays) -> object:
        """Return the value near the point, or None if the function raises an exception."""
        try:
            return self.probe(arrays)
        except Exception as error:
            self.raised = self.raised or error
            return None

    def probe(self, arrays: Arrays) -> object:
        """Return the value near the point, without catching exceptions of the function."""
        return self._call(arrays, {n: _copy(v) if n in self.changed else v for n, v in self._params.data.items()})

    def _call(self, arrays: Arrays, data: Data) -> object:
        self.count += 1
        return self._params.call(self._function, arrays, data)

    @property
    def notes(self) -> list[str]:
        """Return notes for the user: which arguments were changed in place, and what was raised."""
        notes = []
        if self.changed:
            notes.append(f"{self.what} changes {listed(self.changed)} in place; it was given copies")
        if self.raised is not None:
            notes.append(f"{self.what} raised {_described(self.raised)} near this point")
        return notes


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _copy(value: object) -> object:
    return value.copy() if isinstance(value, np.ndarray) else value


def _fingerprint(value: object) -> int:
    """Return a fingerprint of an array; equal arrays have equal fingerprints."""
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        return 0
    return crc32(np.ascontiguousarray(value).view(np.uint8).data)
