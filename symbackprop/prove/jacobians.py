"""Jacobians of every quantity with respect to one quantity, by forward-mode differentiation or finite differences.

A Jacobian has the axes of the differentiated quantity, then one axis for the entries of the perturbed quantity.
All numbers are mpmath numbers of arbitrary precision.
"""

from functools import cache
from typing import TypeAlias

import mpmath
import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Symbol

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import quantities
from symbackprop.network.evaluate import IN_DIGITS, IN_SYMBOLS, Point

Numbers: TypeAlias = NDArray[np.object_] | mpmath.mpf  # the entries of a matrix, or a scalar
HeldFixed: TypeAlias = frozenset[Expression]
ByQuantity: TypeAlias = dict[Expression, NDArray[np.object_]]


class Jacobians:
    """Jacobians at one point of a network: `jacobians(perturbed, held_fixed)`.

    A quantity that is held fixed has a Jacobian, but is constant for the quantities that use it.
    """

    def __init__(self, point: Point):
        self.point = point
        self.found: dict[tuple[Expression, HeldFixed], ByQuantity] = {}

    def __call__(self, perturbed: Expression, held_fixed: HeldFixed = frozenset()) -> ByQuantity:
        """Return the result of `compute` for these arguments, which is cached."""
        if (perturbed, held_fixed) not in self.found:
            self.found[perturbed, held_fixed] = self.compute(perturbed, held_fixed)
        return self.found[perturbed, held_fixed]

    def compute(self, perturbed: Expression, held_fixed: HeldFixed) -> ByQuantity:
        """Return the Jacobian of each quantity that depends on the perturbed one."""
        raise NotImplementedError


class ForwardMode(Jacobians):
    """Jacobians by forward-mode differentiation: SymPy differentiates the scalar equations of each node."""

    def __init__(self, point: Point):
        super().__init__(point)
        self.partials = cache(self._partials)

    def compute(self, perturbed: Expression, held_fixed: HeldFixed) -> ByQuantity:
        """Return the Jacobians by the chain rule, node by node from the perturbed quantity to the cost."""
        shape = np.shape(self.point.values[perturbed])
        found = {perturbed: np.eye(int(np.prod(shape)), dtype=object).reshape(*shape, -1)}
        for symbol, expression in self.point.definitions.items():
            for node, parts in (*self.point.parts[symbol], (symbol, [expression])):
                varying = {part for part in parts if part in found and (part == perturbed or part not in held_fixed)}
                if varying and node not in found:
                    found[node] = found[expression] if node == symbol else self._chained(node, varying, found)
        return found

    def _chained(self, node: Expression, varying: set[Expression], found: ByQuantity) -> NDArray[np.object_]:
        """Return the Jacobian of one node by the chain rule: its partial derivatives times its parts' Jacobians."""
        shape = np.shape(self.point.values[node])
        rows = {part: found[part].reshape(-1, found[part].shape[-1]) for part in varying}
        result = np.full((int(np.prod(shape)), next(iter(rows.values())).shape[1]), mpmath.mpf(0), dtype=object)
        for k, part, i, value in self.partials(node):
            if part in varying:
                result[k] = result[k] + rows[part][i] * value  # a number of mpmath before an array is slow
        return result.reshape(*shape, -1)

    def _partials(self, node: Expression) -> list[tuple[int, Expression, int, mpmath.mpf]]:
        """Return (entry of the node, part, entry of the part, derivative) for each derivative that is not 0."""
        parts = quantities(node)
        symbols = {part: _symbols(k, self.point.values[part]) for k, part in enumerate(parts) if not part.is_number}
        entries = self.point.combined(node, [symbols.get(part, part) for part in parts], IN_SYMBOLS)
        place = {s: (part, i) for part, array in symbols.items() for i, s in enumerate(_flat(array))}
        values = [_flat(self.point.values[part])[i] for part, i in place.values()]
        pairs = [(k, s, e.diff(s)) for k, e in enumerate(_flat(entries)) for s in place if s in e.free_symbols]
        numbers = sympy.lambdify(list(place), [derivative for _, _, derivative in pairs], "mpmath")(*values)
        return [(k, *place[s], number) for (k, s, _), number in zip(pairs, numbers, strict=True)]


def _symbols(index: int, value: Numbers) -> NDArray[np.object_] | Symbol:
    """Return a new symbol for each entry of the part with this index."""
    names = [Symbol(f"s{index}_{k}", real=True) for k in range(np.size(value))]
    return np.array(names, dtype=object).reshape(np.shape(value)) if np.ndim(value) else names[0]


def _flat(array: Numbers) -> list[mpmath.mpf]:
    return list(array.ravel()) if np.ndim(array) else [array]


_STEP = mpmath.mpf(10) ** -16  # in 50 digits: the error of a central difference is about its square


class FiniteDifferences(Jacobians):
    """Jacobians by central differences of the network's values, without symbolic differentiation."""

    def compute(self, perturbed: Expression, held_fixed: HeldFixed) -> ByQuantity:
        """Return the Jacobians; each column is the difference of values with one entry perturbed in both directions."""
        base = np.array(self.point.values[perturbed], dtype=object)
        columns = []
        for k in range(base.size):
            there, back = (
                _values_at(self.point, perturbed, _shifted(base, k, sign * _STEP), held_fixed) for sign in (1, -1)
            )
            columns.append({node: (there[node] - back[node]) / (2 * _STEP) for node in there})
        stacked = ((node, [np.asarray(column[node], dtype=object) for column in columns]) for node in columns[0])
        return {node: np.stack(arrays, axis=-1) for node, arrays in stacked}


def _shifted(base: NDArray[np.object_], k: int, by: mpmath.mpf) -> Numbers:
    shifted = base.copy()
    shifted.reshape(-1)[k] += by
    return shifted if shifted.ndim else shifted[()]


def _values_at(point: Point, perturbed: Expression, value: Numbers, held_fixed: HeldFixed) -> dict[Expression, Numbers]:
    """Return all values that change with one quantity; users of a quantity that is held fixed use its old value."""
    values: dict[Expression, Numbers] = {perturbed: value}

    def passed_on(part: Expression) -> Numbers:
        fixed = part not in values or (part in held_fixed and part != perturbed)
        return point.values[part] if fixed else values[part]

    for symbol, expression in point.definitions.items():
        for node, parts in point.parts[symbol]:
            if node != perturbed and any(part in values for part in parts):
                values[node] = point.combined(node, [passed_on(part) for part in parts], IN_DIGITS)
        if expression in values and symbol != perturbed:
            values[symbol] = passed_on(expression)
    return values
