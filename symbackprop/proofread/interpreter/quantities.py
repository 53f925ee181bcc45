"""Names without scripts: the quantities, definitions and adjoints that they denote."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import is_name
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import ONE_HOT
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.budget import TooManyStepsError
from symbackprop.proofread.interpreter.conventions import Quantity, UnknownNameError
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import PerturbedPoint
from symbackprop.proofread.interpreter.orientation import example_axis, is_transposed, laid_out, of_example, value_at
from symbackprop.proofread.interpreter.symbol_table import AdjointMultiple
from symbackprop.proofread.interpreter.values import PERTURBATIONS, IndexedArray, ShapeMismatchError, scalar


def values_of_key(evaluator: Evaluator, key: Key) -> list[IndexedArray]:
    """Return the values of a name, or [] if it is not defined.

    A definition that has no value hides no other meaning of its name.
    """
    symbols = evaluator.symbols
    problem: UnsupportedNotationError | None = None
    if key in evaluator.dummies:
        return [evaluator.dummies[key]]
    if key in symbols.chosen:
        return values_of_adjoint(evaluator, symbols.chosen[key])
    sources: list[Callable[[Evaluator, Key], list[IndexedArray]]] = [values_of_known, values_of_definition]
    for source in reversed(sources) if symbols.document_first else sources:
        try:
            found = source(evaluator, key)
        except TooManyStepsError:
            raise
        except UnsupportedNotationError as error:
            found, problem = [], error
        if found:
            return found
    adjoint, symbol = symbols.adjoint(key), symbols.aliases.get(key)
    if adjoint is not None:
        return values_of_adjoint(evaluator, adjoint)
    if symbol is None and problem is not None:
        raise problem
    return [] if symbol is None else _in_document(evaluator, symbol)


def unknown_in_definition(evaluator: Evaluator, name: Name) -> Name | None:
    """Return the unknown name because of which the document's definition of a name has no value; None if it has one."""
    symbols = evaluator.symbols
    for reading in symbols.readings(name, evaluator.letters):
        if reading.key in symbols.definitions and reading.key not in symbols.chosen:
            try:
                values_of_definition(evaluator, reading.key)
            except UnknownNameError as error:
                return error.name
            except (ShapeMismatchError, UnsupportedNotationError):
                return None
    return None


def values_of_known(evaluator: Evaluator, key: Key) -> list[IndexedArray]:
    """Return the value of the network's quantity with this name, or []."""
    symbol = evaluator.symbols.known.get(key)
    return [] if symbol is None else _in_document(evaluator, symbol)


def _in_document(evaluator: Evaluator, symbol: Expression) -> list[IndexedArray]:
    """Return the value of a quantity; of a one-hot target that the network transposes, first the transpose."""
    value = laid_out(evaluator, symbol)
    axis, sizes = evaluator.point.examples
    if symbol not in evaluator.point.network.of_role(ONE_HOT) or symbol.shape[axis] in sizes or value.indices:
        return [value]
    return [values.transposed(value), value] if symbol.shape[1 - axis] in sizes else [value]


def values_of_definition(evaluator: Evaluator, key: Key) -> list[IndexedArray]:
    """Return the values of a name that the document defines, or []."""
    definition = evaluator.symbols.definitions.get(key)
    if definition is None or key in evaluator.opening:
        return []
    if isinstance(evaluator.point, PerturbedPoint):
        quantity = quantity_of_definition(evaluator, key)  # it may be the perturbed one
        if quantity is not None and quantity.node in evaluator.point.given:
            return [value_at(evaluator.point, quantity.node, quantity.is_transposed)]
    inner = replace(evaluator, letters=definition.letters, opening=(*evaluator.opening, key))
    if definition.example is not None:
        return [_of_all_examples(inner, value, definition.example) for value in inner.values(definition.body)]
    found = inner.cached(("definition", key, evaluator.example), lambda: inner.values(definition.body))
    if not definition.indices:
        alike = [value for value in found if _is_of_network(evaluator, value)] if len(found) > 1 else []
        return alike or found
    return [_assembled(value, definition.indices) for value in found]


def _is_of_network(evaluator: Evaluator, value: IndexedArray) -> bool:
    """Return True for the value of a named quantity of the network, in the layout of the document."""
    named = [equation.symbol for equation in evaluator.point.network.equations if is_matrix(equation.symbol)]
    return any(values.same(laid_out(evaluator, symbol), value) for symbol in named)


def _of_all_examples(evaluator: Evaluator, value: IndexedArray, index: str) -> IndexedArray:
    """Return the matrix of all examples, with the values of a definition for each example i as rows or columns."""
    others = tuple(k for k in value.indices if k == PERTURBATIONS)
    if set(value.indices) != {index, *others} or 1 not in value.shape or value.is_derivative:
        raise ShapeMismatchError("the index of a definition does not occur in it")
    array = value.with_indices((*others, index))
    rows = array.reshape(*array.shape[: len(others) + 1], -1)
    return IndexedArray(np.swapaxes(rows, -1, -2) if example_axis(evaluator) else rows, others, False, value.notes)


def _assembled(value: IndexedArray, formal: tuple[str, ...]) -> IndexedArray:
    """Return the matrix of the z_j for all j: free indices become rows and columns."""
    others = tuple(k for k in value.indices if k == PERTURBATIONS)
    if not value.is_number or set(value.indices) != {*formal, *others} or len(formal) > 2:
        raise ShapeMismatchError("the indices of a definition do not occur in it")
    array = value.with_indices((*others, *formal))[..., 0, 0]
    return IndexedArray(array[..., None] if len(formal) == 1 else array, others)


def values_of_adjoint(evaluator: Evaluator, adjoint: AdjointMultiple) -> list[IndexedArray]:
    """Return the value of a multiple of ∂J/∂v, or [] if J does not depend on v."""
    quantity = quantity_named(evaluator, adjoint.of)
    if adjoint.node is not None:
        quantity = Quantity(adjoint.node, bool(is_matrix(adjoint.node)) and evaluator.layout.data)
    found = None if quantity is None else adjoint_of(evaluator, quantity)
    return [] if found is None else [values.product(scalar(adjoint.scale), found)]


def adjoint_of(evaluator: Evaluator, quantity: Quantity) -> IndexedArray | None:
    """Return ∂J/∂v, or None if v is computed and J does not depend on it."""
    point, node = evaluator.point, quantity.node
    if isinstance(point, PerturbedPoint):
        return _adjoint_at_perturbed(evaluator, point, quantity)
    if point.network.cost.symbol in point.degenerate_quantities:
        raise UnsupportedNotationError("a softmax of one class says nothing")
    if node in point.at.right:
        is_error = node not in point.network.parameters
        scale = evaluator.symbols.cost_scale * (evaluator.symbols.adjoint_scale if is_error else 1.0)
        array = scale * np.asarray(point.at.right[node], float)
    elif node in point.given and is_matrix(node):
        array = np.zeros(np.shape(point.given[node]))
    else:
        return None
    value = IndexedArray(array.T if quantity.is_transposed else array) if array.ndim else scalar(array)
    return of_example(evaluator, node, value)


def _adjoint_at_perturbed(evaluator: Evaluator, point: PerturbedPoint, quantity: Quantity) -> IndexedArray | None:
    """Return ∂J/∂v for each perturbed value of an argument of the network, from which ∂²J/∂v∂w is computed."""
    node = quantity.node
    if not point.is_of_argument or node not in point.unperturbed.at.right:
        raise ShapeMismatchError("a derivative is differentiated again")
    is_error = node not in point.network.parameters
    scale = evaluator.symbols.cost_scale * (evaluator.symbols.adjoint_scale if is_error else 1.0)
    array = scale * point.adjoint(node)
    if not is_matrix(node):
        array = array.reshape(-1, 1, 1)
    value = IndexedArray(np.swapaxes(array, -1, -2) if quantity.is_transposed else array, (PERTURBATIONS,))
    return of_example(evaluator, node, value)


def quantity_named(evaluator: Evaluator, key: Key) -> Quantity | None:
    """Return the quantity of the network that a name denotes, by its name or by its value, or None."""
    symbols = evaluator.symbols
    is_defined = key in symbols.definitions
    symbol = None if is_defined and symbols.document_first else symbols.known.get(key)
    if symbol is None and is_defined:
        found = quantity_of_definition(evaluator, key)
        if found is not None or _has_own_value(evaluator, key):
            return found  # not that of the network's cost, for an MSE that the document defines beside it
    symbol = symbol if symbol is not None else symbols.aliases.get(key)
    if symbol is None or symbol not in evaluator.point.values:
        return None
    return Quantity(symbol, is_matrix(symbol) and is_transposed(evaluator, symbol))


def _has_own_value(evaluator: Evaluator, key: Key) -> bool:
    """Return True if the document's definition of a name has a value."""
    try:
        return bool(values_of_definition(evaluator, key))
    except (ShapeMismatchError, UnsupportedNotationError):
        return False


def quantity_of_definition(evaluator: Evaluator, key: Key) -> Quantity | None:
    """Return the quantity of the network that has the value of a definition in the document, or None."""
    plain = replace(evaluator, point=evaluator.point.unperturbed, letters={}, dummies={}, example=None)

    def search() -> Quantity | None:
        try:
            return quantity_with_value(plain, values_of_definition(plain, key))
        except (ShapeMismatchError, UnsupportedNotationError):
            return None

    return plain.cached(("node", key), search)


def quantity_with_value(evaluator: Evaluator, found: list[IndexedArray]) -> Quantity | None:
    """Return the first quantity of the network that has one of these values, or None."""
    return next(quantities_with_value(evaluator, found), None)


def quantities_with_value(evaluator: Evaluator, found: list[IndexedArray]) -> Iterator[Quantity]:
    """Yield the quantities of the network that have one of these values, named quantities first."""
    known = evaluator.point.values
    nodes = sorted(known, key=lambda node: not is_name(node))
    for value, node in product((value for value in found if not value.indices), nodes):
        array = np.asarray(known[node], float)
        if not is_matrix(node):
            array = array.reshape(1, 1) if array.size == 1 else array
        for transposed in (False, True):
            if values.close(array.T if transposed else array, value.array):
                yield Quantity(node, transposed)
                break


def is_name_of_cost(evaluator: Evaluator, node: Node) -> bool:
    """Return True for a name of the cost."""
    if not isinstance(node, Name):
        return False
    symbols, cost = evaluator.symbols, evaluator.point.network.cost.symbol
    for reading in symbols.readings(node, evaluator.letters):
        if reading.key in symbols.definitions and symbols.known.get(reading.key) != cost:
            return quantity_named(evaluator, reading.key) == Quantity(cost, False)
        if not reading.indices and reading.example is None and symbols.symbol(reading.key) == cost:
            return True
    return False


def without_arguments(evaluator: Evaluator, of: Node) -> Node:
    """Return J for J(W, b), and any other formula unchanged."""
    name, arguments = call_parts(of)
    is_call = isinstance(of, tree.Call) or all(isinstance(argument, Name) for argument in arguments)
    return name if name is not None and is_call and is_name_of_cost(evaluator, name) else of


def call_parts(node: Node) -> tuple[Node | None, tuple[Node, ...]]:
    """Return f and its arguments for f(x, y), a call or two factors side by side; (None, ()) for any other formula."""
    if isinstance(node, tree.Call):
        return node.function, node.arguments
    if isinstance(node, tree.Multiply) and len(node.factors) == 2 and not node.sign:
        function, group = node.factors
        return (function, group.items) if isinstance(group, Group) else (None, ())
    return None, ()
