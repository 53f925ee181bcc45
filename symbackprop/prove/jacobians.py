"""The derivatives of a network at a point, chained from the Jacobians of its single operations.

The Jacobian of an operation is found by differentiating its scalar equations with SymPy, or by finite differences.
Each is found once, and a chain passes each operation once, so the work is linear in the number of operations. A product
of many factors is a chain of products of two factors. All numbers are mpmath's, in the precision that is set.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import TypeAlias

import mpmath
import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Basic, Symbol

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import Determinant, Inverse, MatMul, MatPow, is_name, postorder, quantities
from symbackprop.network.evaluate import IN_DIGITS, IN_SYMBOLS, eliminated
from symbackprop.network.points import Point

Numbers: TypeAlias = NDArray[np.object_] | mpmath.mpf  # the entries of a matrix, or a scalar
Partial: TypeAlias = tuple[int, Expression, int, mpmath.mpf]  # entry of the whole, part, its entry, the derivative
Formulas: TypeAlias = tuple[list[tuple[int, int, int]], Callable[..., list[mpmath.mpf]]]  # entry, index of part, entry


class Jacobians:
    """The derivatives at one point of a network; a subclass differentiates the single operations."""

    def __init__(self, point: Point):
        self.point = point
        self.values = dict(point.values)
        self.parts: dict[Expression, list[Expression]] = {}  # each quantity after its parts
        self.equal: set[Expression] = set()  # the quantities that only have the value of their one part
        for symbol, expression in point.definitions.items():
            for node in postorder(expression):
                self._add(node)
            self.parts[symbol] = [expression]
            self.equal.add(symbol)
        self.order = list(self.parts)
        self.varying = set(point.network.parameters)
        self.users: dict[Expression, list[int]] = {}  # the positions of the quantities that use each one
        for position, node in enumerate(self.order):
            if not self.varying.isdisjoint(self.parts[node]):
                self.varying.add(node)
            for part in self.parts[node]:
                self.users.setdefault(part, []).append(position)
        self.partials: dict[Expression, list[Partial]] = {}

    def _add(self, node: Expression) -> None:
        if node in self.parts or is_name(node) or not quantities(node):
            return
        pairs = in_pairs(node)
        if pairs != node:
            self._add(pairs.args[0])
            self._add(pairs)
            self.equal.add(node)
        self.parts[node] = [pairs] if pairs != node else list(dict.fromkeys(quantities(node)))
        if node not in self.values:
            self.values[node] = self.point.combined(node, [self.values[part] for part in quantities(node)], IN_DIGITS)

    def in_twice_the_digits(self) -> "Jacobians":
        """Return the derivatives at the same point, in the precision that is set now."""
        finer = copy(self.point)
        finer.values = finer.evaluated()
        return type(self)(finer)

    # chains

    def tangents(
        self, perturbed: Expression, direction: Numbers, held_fixed: frozenset[Expression]
    ) -> dict[Expression, Numbers]:
        """Return the derivatives along a direction of one quantity, as far as they are passed on.

        A quantity that is held fixed has a derivative itself, but passes no change on to the quantities that use it.
        """
        found = {perturbed: _flat(direction)}
        pending = list(self.users.get(perturbed, ()))
        heapify(pending)
        while pending:
            node = self.order[heappop(pending)]
            if node in found:
                continue
            found[node] = [mpmath.mpf(0)] * np.size(self.values[node])
            for k, part, i, value in self.jacobian(node):
                if part in found and (part == perturbed or part not in held_fixed):
                    found[node][k] += value * found[part][i]
            if node not in held_fixed:
                for user in self.users.get(node, ()):
                    heappush(pending, user)
        return self._shaped(found)

    @cached_property
    def adjoints(self) -> dict[Expression, Numbers]:
        """The derivatives of the cost with respect to every quantity that it depends on, in one pass from the cost."""
        found: dict[Expression, list[mpmath.mpf]] = {self.point.network.cost.symbol: [mpmath.mpf(1)]}
        for node in reversed(self.order):
            if node in found:
                for k, part, i, value in self.jacobian(node):
                    if part not in found:
                        found[part] = [mpmath.mpf(0)] * np.size(self.values[part])
                    found[part][i] += value * found[node][k]
        return self._shaped(found)

    def _shaped(self, entries: Mapping[Expression, list[mpmath.mpf]]) -> dict[Expression, Numbers]:
        return {node: _reshaped(flat, np.shape(self.values[node])) for node, flat in entries.items()}

    def difference_of_the_network(self, direction: Mapping[Expression, Numbers]) -> mpmath.mpf:
        """Return the derivative of the cost along a direction of several arguments, by evaluating the whole network."""
        step, cost = _step(), self.point.network.cost.symbol
        there, back = (
            self.point.evaluated({s: self.values[s] + change * (sign * step) for s, change in direction.items()})[cost]
            for sign in (1, -1)
        )
        return (there - back) / (2 * step)

    # single operations

    def jacobian(self, node: Expression) -> list[Partial]:
        """Return the derivatives of one operation with respect to the entries of its parts that vary."""
        if node not in self.partials:
            parts = [part for part in self.parts[node] if part in self.varying]
            if node in self.equal:
                self.partials[node] = [(k, p, k, mpmath.mpf(1)) for p in parts for k in range(np.size(self.values[p]))]
            else:
                self.partials[node] = list(self.differentiated(node, parts))
        return self.partials[node]

    def differentiated(self, node: Expression, parts: list[Expression]) -> Iterable[Partial]:
        """Return the derivatives of one operation with respect to the entries of these parts."""
        raise NotImplementedError

    def combined(self, node: Expression, part: Expression, value: Numbers) -> list[mpmath.mpf]:
        """Return the entries of an operation, with another value of one of its parts."""
        values = [value if each == part else self.values[each] for each in quantities(node)]
        return _flat(self.point.combined(node, values, IN_DIGITS))


class ForwardMode(Jacobians):
    """Derivatives of the scalar equations of each operation, found by SymPy; equal operations share their formulas."""

    def __init__(self, point: Point):
        super().__init__(point)
        self.formulas: dict[Hashable, Formulas] = {}

    def differentiated(self, node: Expression, parts: list[Expression]) -> Iterable[Partial]:
        """Return the derivatives of one operation at this point."""
        if isinstance(node, Determinant | Inverse):
            return self._in_whole_steps(node, *parts)
        inputs = self.parts[node]
        key = self._key(node, inputs)
        if key not in self.formulas:
            self.formulas[key] = self._formulas(node, inputs)
        places, function = self.formulas[key]
        entries = [entry for part in inputs if not part.is_number for entry in _flat(self.values[part])]
        found = zip(places, function(*entries), strict=True)
        return ((k, inputs[p], i, mpmath.mpmathify(value)) for (k, p, i), value in found if inputs[p] in parts)

    def _key(self, node: Expression, inputs: list[Expression]) -> Hashable:
        """Return what determines the formulas: the operation, its axes and sizes, and the shapes of its parts."""

        def seen(argument: Basic) -> Hashable:
            if argument not in inputs:
                return argument.xreplace(self.point.sizes)
            return argument if argument.is_number else (inputs.index(argument), np.shape(self.values[argument]))

        return type(node), tuple(map(seen, node.args)), np.shape(self.values[node])

    def _formulas(self, node: Expression, inputs: list[Expression]) -> Formulas:
        symbols = {part: _symbols(k, self.values[part]) for k, part in enumerate(inputs) if not part.is_number}
        values = [symbols.get(part, part) for part in quantities(node)]
        entries = _flat(self.point.combined(node, values, IN_SYMBOLS))
        place = {s: (inputs.index(part), i) for part, array in symbols.items() for i, s in enumerate(_flat(array))}
        found = ((k, entry, entry.free_symbols) for k, entry in enumerate(entries))
        pairs = [(k, s, entry.diff(s)) for k, entry, symbols_in in found for s in place if s in symbols_in]
        function = sympy.lambdify(list(place), [derivative for _, _, derivative in pairs], "mpmath")
        return [(k, *place[s]) for k, s, _ in pairs], function

    def _in_whole_steps(self, node: Expression, matrix: Expression) -> Iterator[Partial]:
        """Yield the derivatives of a determinant or an inverse, without its formula, which has n! terms.

        det M and the numerators of M⁻¹ = adj M / det M are linear in each entry of M, so that a step of 1 in the entry
        gives their exact derivatives: for the inverse, (M₁⁻¹ − M⁻¹) det M₁ / det M, where M₁ is M after the step.
        """
        determinant, inverse = eliminated(self.values[matrix])
        before = _flat(inverse)
        for i in range(np.size(self.values[matrix])):
            moved_determinant, moved = eliminated(_shifted(self.values[matrix], i, mpmath.mpf(1)))
            if isinstance(node, Determinant):
                yield 0, matrix, i, moved_determinant - determinant
            else:
                ratio = moved_determinant / determinant
                yield from ((k, matrix, i, (after - before[k]) * ratio) for k, after in enumerate(_flat(moved)))


class FiniteDifferences(Jacobians):
    """Central differences of each operation, entry by entry; nothing is differentiated symbolically."""

    def differentiated(self, node: Expression, parts: list[Expression]) -> Iterable[Partial]:
        """Return the derivatives of one operation at this point."""
        step = _step()
        for part in parts:
            for i in range(np.size(self.values[part])):
                there, back = (
                    self.combined(node, part, _shifted(self.values[part], i, sign * step)) for sign in (1, -1)
                )
                for k, (above, below) in enumerate(zip(there, back, strict=True)):
                    if above != below:
                        yield k, part, i, (above - below) / (2 * step)


def in_pairs(node: Expression) -> Expression:
    """Return a product of many factors, or a power, as a product of two, the first of which is a product again."""
    factors = node.as_product().args if isinstance(node, MatPow) else node.args
    if not isinstance(node, MatPow | MatMul) or (len(factors) == 2 and isinstance(node, MatMul)):
        return node
    return MatMul(MatMul(*factors[:-1]) if len(factors) > 2 else factors[0], factors[-1])


def _symbols(index: int, value: Numbers) -> NDArray[np.object_] | Symbol:
    """Return a new symbol for each entry of the part with this index."""
    names = [Symbol(f"s{index}_{k}", real=True) for k in range(np.size(value))]
    return np.array(names, dtype=object).reshape(np.shape(value)) if np.ndim(value) else names[0]


def _flat(array: Numbers) -> list[mpmath.mpf]:
    return list(array.ravel()) if np.ndim(array) else [array]


def _reshaped(flat: list[mpmath.mpf], shape: tuple[int, ...]) -> Numbers:
    return np.array(flat, dtype=object).reshape(shape) if shape else flat[0]


def _step() -> mpmath.mpf:
    """Return the step of a central difference, whose error is about its square: 10⁻¹⁶ in 50 digits."""
    return mpmath.mpf(10) ** -(mpmath.mp.dps // 3)


def _shifted(value: Numbers, i: int, by: mpmath.mpf) -> Numbers:
    flat = _flat(value)
    flat[i] = flat[i] + by
    return _reshaped(flat, np.shape(value))
