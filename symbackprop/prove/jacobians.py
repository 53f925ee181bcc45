"""How every quantity changes with one of them: by SymPy's derivatives carried forward, or by finite differences.

Both give, for each quantity, an array of its shape with one axis more, for the entries of what is moved.
"""

from functools import cache
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Symbol

from symbackprop.expressions.matrices import quantities
from symbackprop.network.evaluate import IN_DIGITS, IN_SYMBOLS, Point


class Slopes:
    """At one point of a network: `slopes(moved, held)`, in which what is held passes no change on."""

    def __init__(self, point: Point):
        self.point = point
        self.found: dict[tuple[Any, frozenset[Any]], dict[Any, Any]] = {}

    def __call__(self, moved: Any, held: frozenset[Any] = frozenset()) -> dict[Any, Any]:
        if (moved, held) not in self.found:
            self.found[moved, held] = self.compute(moved, held)
        return self.found[moved, held]

    def compute(self, moved: Any, held: frozenset[Any]) -> dict[Any, Any]:
        raise NotImplementedError


class CarriedForward(Slopes):
    """Derivatives accumulated forward: the scalar equations of each node, differentiated by SymPy."""

    def __init__(self, point: Point):
        super().__init__(point)
        self.partials = cache(self._partials)

    def compute(self, moved: Any, held: frozenset[Any]) -> dict[Any, Any]:
        shape = np.shape(self.point.values[moved])
        slopes = {moved: np.eye(int(np.prod(shape)), dtype=object).reshape(*shape, -1)}
        for symbol, expression in self.point.definitions.items():
            for node, parts in (*self.point.parts[symbol], (symbol, [expression])):
                moving = {part for part in parts if part in slopes and (part == moved or part not in held)}
                if moving and node not in slopes:
                    slopes[node] = slopes[expression] if node == symbol else self._chained(node, moving, slopes)
        return slopes

    def _chained(self, node: Any, moving: set[Any], slopes: dict[Any, Any]) -> Any:
        """The chain rule for one node: its own derivatives times the slopes of its parts."""
        shape = np.shape(self.point.values[node])
        rows = {part: slopes[part].reshape(-1, slopes[part].shape[-1]) for part in moving}
        result = np.full((int(np.prod(shape)), next(iter(rows.values())).shape[1]), mpmath.mpf(0), dtype=object)
        for k, part, i, value in self.partials(node):
            if part in moving:
                result[k] = result[k] + rows[part][i] * value  # a number of mpmath before an array is slow
        return result.reshape(*shape, -1)

    def _partials(self, node: Any) -> list[tuple[int, Any, int, Any]]:
        """(entry of the node, part, entry of the part, derivative) where the derivative is not 0."""
        parts = quantities(node)
        symbols = {part: _symbols(k, self.point.values[part]) for k, part in enumerate(parts) if not part.is_number}
        entries = self.point.combined(node, [symbols.get(part, part) for part in parts], IN_SYMBOLS)
        place = {s: (part, i) for part, array in symbols.items() for i, s in enumerate(_flat(array))}
        values = [_flat(self.point.values[part])[i] for part, i in place.values()]
        pairs = [(k, s, e.diff(s)) for k, e in enumerate(_flat(entries)) for s in place if s in e.free_symbols]
        numbers = sympy.lambdify(list(place), [slope for _, _, slope in pairs], "mpmath")(*values)
        return [(k, *place[s], number) for (k, s, _), number in zip(pairs, numbers, strict=True)]


def _symbols(rank: int, value: Any) -> Any:
    names = [Symbol(f"s{rank}_{k}", real=True) for k in range(np.size(value))]
    return np.array(names, dtype=object).reshape(np.shape(value)) if np.ndim(value) else names[0]


def _flat(array: Any) -> list[Any]:
    return list(array.ravel()) if np.ndim(array) else [array]


_STEP = mpmath.mpf(10) ** -16  # of 50 digits: the error of a central difference is about as its square


class Differences(Slopes):
    """Central differences of the network itself, entry by entry; nothing is differentiated."""

    def compute(self, moved: Any, held: frozenset[Any]) -> dict[Any, Any]:
        base = np.array(self.point.values[moved], dtype=object)
        columns = []
        for k in range(base.size):
            there, back = (_values_at(self.point, moved, _shifted(base, k, sign * _STEP), held) for sign in (1, -1))
            columns.append({node: (there[node] - back[node]) / (2 * _STEP) for node in there})
        stacked = ((node, [np.asarray(column[node], dtype=object) for column in columns]) for node in columns[0])
        return {node: np.stack(arrays, axis=-1) for node, arrays in stacked}


def _shifted(base: Any, k: int, by: Any) -> Any:
    moved = base.copy()
    moved.reshape(-1)[k] += by
    return moved if moved.ndim else moved[()]


def _values_at(point: Point, moved: Any, value: Any, held: frozenset[Any]) -> dict[Any, Any]:
    """The values with one quantity moved; what is held is passed on as it was."""
    values: dict[Any, Any] = {moved: value}

    def passed_on(part: Any) -> Any:
        return point.values[part] if part not in values or (part in held and part != moved) else values[part]

    for symbol, expression in point.definitions.items():
        for node, parts in point.parts[symbol]:
            if node != moved and any(part in values for part in parts):
                values[node] = point.combined(node, [passed_on(part) for part in parts], IN_DIGITS)
        if expression in values and symbol != moved:
            values[symbol] = passed_on(expression)
    return values
