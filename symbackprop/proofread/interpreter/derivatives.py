"""Derivatives at a point: ∂J/∂v by backpropagation, any other ∂A/∂B by finite differences."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.shapes import is_matrix
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import Quantity, UnknownNameError
from symbackprop.proofread.interpreter.differences import derivative, entrywise_derivative
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.functions import GENERIC, ROWS
from symbackprop.proofread.interpreter.names import matrix_of_rows, values_of_reading, with_scripts
from symbackprop.proofread.interpreter.network_at_point import PerturbedPoint
from symbackprop.proofread.interpreter.orientation import of_example
from symbackprop.proofread.interpreter.quantities import (
    adjoint_of,
    is_name_of_cost,
    quantities_with_value,
    quantity_named,
    quantity_with_value,
    without_arguments,
)
from symbackprop.proofread.interpreter.symbol_table import NameReading
from symbackprop.proofread.interpreter.values import PERTURBATIONS, IndexedArray, ShapeMismatchError

BY_PARAMETERS = frozenset({"by parameters alone"})  # where all other quantities are held fixed
_MOST_READINGS = 3  # of a differentiated formula


def differential(evaluator: Evaluator, node: tree.Differential) -> list[IndexedArray]:
    """Return the values of dW alone, which is short for ∂J/∂W."""
    if node.order != 1 or not isinstance(node.body, Name) or is_name_of_cost(evaluator, node.body):
        raise UnsupportedNotationError(f"{node.source or 'a differential'} stands alone")
    symbols = evaluator.symbols
    for reading in symbols.readings(node.body, evaluator.letters):
        key = (f"d{reading.key[0]}", *reading.key[1:])
        if key in symbols.chosen or key in symbols.definitions:
            found = values_of_reading(evaluator, replace(reading, key=key))
        elif (quantity := quantity_named(evaluator, reading.key)) is not None:
            adjoint = adjoint_of(evaluator, quantity)
            found = [] if adjoint is None else with_scripts(evaluator, adjoint, reading)
        else:
            continue
        if found:
            return found
    raise UnknownNameError(node.body)


def partial(evaluator: Evaluator, node: tree.Partial) -> list[IndexedArray]:
    """Return the values of ∂A/∂B."""
    by = node.by.items[0] if isinstance(node.by, Group) and len(node.by.items) == 1 else node.by
    if isinstance(by, tree.Transposed):
        return [values.transposed(value) for value in partial(evaluator, replace(node, by=by.base))]
    of = without_arguments(evaluator, node.of)
    if not isinstance(by, Name):
        quantities = list(quantities_with_value(evaluator, evaluator.values(by)))
        if not quantities:
            raise UnsupportedNotationError(
                f"a derivative with respect to {by.source}, which is not a quantity of the network"
            )
        return [value for quantity in quantities for value in _derivative(evaluator, of, quantity, by)]
    found: list[IndexedArray] = []
    problem: Exception = UnknownNameError(by)
    for reading in evaluator.symbols.readings(by, evaluator.letters):
        if reading.key in evaluator.dummies:
            return [_by_dummy(evaluator, of, reading.key)]
        quantity = quantity_named(evaluator, reading.key)
        if quantity is None:
            continue
        try:
            found += [
                entry
                for one in (quantity, *matrix_of_rows(evaluator, reading))
                for value in _derivative(evaluator, of, one)
                for entry in _at_entries(evaluator, value, reading)
            ]
        except ShapeMismatchError as error:
            problem = error
            continue
        if reading.key in evaluator.symbols.known or reading.key in evaluator.symbols.definitions:
            break  # w_1 of another name may be an entry of w too
    if found:
        return found
    if is_bare_function(evaluator, of):
        return evaluator.values(tree.Call(function=tree.Prime(base=of), arguments=(by,)))
    last = evaluator.symbols.of_last_layer(by) if is_name_of_cost(evaluator, of) else None  # ∇_a C: the output
    if last is not None:
        return evaluator.values(tree.Partial(of=of, by=last))
    raise problem


def _derivative(evaluator: Evaluator, of: Node, quantity: Quantity, by: Node | None = None) -> list[IndexedArray]:
    """Return ∂of/∂v; if v has no name, `by` is the formula that denotes it in the document."""
    if is_name_of_cost(evaluator, of):
        adjoint = adjoint_of(evaluator, quantity)
        if adjoint is not None:
            turned = evaluator.layout.numerator and 1 in adjoint.shape
            return [values.transposed(adjoint) if turned else adjoint]
    letters = tuple(evaluator.letters.items())
    key = "derivative", of, quantity, by, letters, evaluator.example, evaluator.held
    return evaluator.cached(key, lambda: _by_differences(evaluator, of, quantity, by))


def _by_differences(evaluator: Evaluator, of: Node, quantity: Quantity, by: Node | None) -> list[IndexedArray]:
    """Return the derivatives, by finite differences, of each likely reading of a formula."""
    if isinstance(evaluator.point, PerturbedPoint):
        raise ShapeMismatchError("a derivative is differentiated again")
    every = evaluator.values(of)
    numbers = [index for index, value in enumerate(every) if value.is_number]  # a cost is one
    chosen = dict.fromkeys((*range(min(len(every), _MOST_READINGS)), *numbers[:1]))
    return [_of_reading(evaluator, of, index, quantity, by) for index in chosen]


def _of_reading(evaluator: Evaluator, of: Node, index: int, quantity: Quantity, by: Node | None) -> IndexedArray:
    """Return the derivative, by finite differences, of one reading of a formula."""
    point, node = evaluator.point.unperturbed, quantity.node
    every = evaluator.values(of)
    here = every[index]
    held = _held_for(evaluator, of, node)

    def there(arrays: NDArray[np.float64]) -> NDArray[np.float64]:
        perturbed = point.perturbed(node, arrays, held)
        matrices = arrays if is_matrix(node) else arrays.reshape(-1, 1, 1)
        value = IndexedArray(np.swapaxes(matrices, -1, -2) if quantity.is_transposed else matrices, (PERTURBATIONS,))
        fixed = _held_parts(evaluator, of, held) if by is None else {by: of_example(evaluator, node, value)}
        readings = replace(evaluator, point=perturbed, fixed=fixed).values(of)
        alike = (v for v in readings if (v.shape, set(v.indices) - {PERTURBATIONS}) == (here.shape, set(here.indices)))
        chosen = readings[index] if len(readings) == len(every) else next(alike, readings[0])
        if set(chosen.indices) - {PERTURBATIONS} != set(here.indices) or chosen.shape != here.shape:
            raise ShapeMismatchError("the differentiated formula has another shape where a quantity is perturbed")
        array = chosen.with_indices((PERTURBATIONS, *here.indices))
        return np.broadcast_to(array, (len(arrays), *array.shape[1:]))

    found = derivative(there, np.asarray(point.values[node], float))
    if not is_matrix(node):
        return replace(here, array=found.reshape(here.array.shape))
    found = np.swapaxes(found, -1, -2) if quantity.is_transposed else found
    if here.is_number and not here.is_derivative:
        return replace(here, array=found.reshape(*here.array.shape[:-2], *found.shape[-2:]))
    if here.is_derivative:
        raise ShapeMismatchError("a derivative is differentiated again")
    return replace(here, array=found, is_derivative=True)


def _held_parts(evaluator: Evaluator, of: Node, held: frozenset[Expression | str]) -> dict[Node, IndexedArray]:
    """Return the values of the parts of a formula that are held fixed."""
    fixed: dict[Node, IndexedArray] = {}
    for part in walk(of) if held else ():
        if part is not of and not isinstance(part, Name):
            own = quantity_with_value(evaluator, evaluator.attempt(part))
            if own is not None and own.node in held:
                fixed[part] = evaluator.first(part)
    return fixed


def _held_for(evaluator: Evaluator, of: Node, node: Expression) -> frozenset[Expression | str]:
    """Return the quantities to hold fixed when a formula is differentiated, except v and the formula itself."""
    held = evaluator.held
    found = quantity_with_value(evaluator, evaluator.values(of)) if held else None
    own = None if found is None else found.node
    if held >= BY_PARAMETERS and not (node in evaluator.point.network.parameters and own in held):
        return frozenset()
    return held - BY_PARAMETERS - {node, own}


def _at_entries(evaluator: Evaluator, value: IndexedArray, reading: NameReading) -> list[IndexedArray]:
    """Return the derivatives with respect to the entries, rows or columns of v that the scripts of v denote."""
    reading = replace(reading, power=None)
    if not value.is_derivative or (not reading.indices and reading.example is None):
        return with_scripts(evaluator, value, reading)
    lead = ("axis 0", "axis 1")
    inner = IndexedArray(
        np.moveaxis(value.array, (-4, -3), (0, 1)), (*lead, *value.indices), is_derivative=False, notes=value.notes
    )
    picked = with_scripts(evaluator, inner, reading)[0]
    kept = tuple(k for k in picked.indices if k not in lead)
    return [IndexedArray(picked.with_indices((*kept, *lead))[..., 0, 0], kept, False, value.notes)]


def _by_dummy(evaluator: Evaluator, of: Node, key: Key) -> IndexedArray:
    """Return the derivative of a formula with respect to the argument of a function."""
    dummy = evaluator.dummies[key]
    if is_bare_function(evaluator, of):
        return evaluator.first(tree.Call(function=tree.Prime(base=of), arguments=(Name(base=key[0]),)))

    def there(array: NDArray[np.float64]) -> NDArray[np.float64]:
        return replace(evaluator, dummies={**evaluator.dummies, key: replace(dummy, array=array)}).first(of).array

    return replace(dummy, array=entrywise_derivative(there, dummy.array))


def is_bare_function(evaluator: Evaluator, node: Node) -> bool:
    """Return True for the name of a function without arguments, as in dσ/dz."""
    names = {*evaluator.symbols.functions, *ROWS, *GENERIC}
    return isinstance(node, Name) and node.base in names and not evaluator.attempt(node)
