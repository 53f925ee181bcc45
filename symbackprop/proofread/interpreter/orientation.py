"""Quantities of the network at a point, in the layout of the document."""

from dataclasses import replace

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import PARAMETER
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import Point
from symbackprop.proofread.interpreter.values import PERTURBATIONS, IndexedArray, ShapeMismatchError


def laid_out(evaluator: Evaluator, node: Expression) -> IndexedArray:
    """Return the value of a quantity or size of the network in the layout of the document."""
    point = evaluator.point
    if node in point.degenerate_quantities:
        raise UnsupportedNotationError("a softmax of one class says nothing")
    if not is_matrix(node):
        value = value_at(point, node, is_turned=False)
        scale = evaluator.symbols.cost_scale if node == point.network.cost.symbol else 1.0
        return replace(value, array=scale * value.array)
    return of_example(evaluator, node, value_at(point, node, is_transposed(evaluator, node)))


def value_at(point: Point, node: Expression, is_turned: bool) -> IndexedArray:
    """Return the value of a quantity or size of the network at a point, or its transpose."""
    perturbations = (PERTURBATIONS,) if point.is_perturbed(node) else ()
    array = np.asarray(point.sizes[node] if node in point.sizes else point.values[node], float)
    array = array if is_matrix(node) else array.reshape(*[-1 for _ in perturbations], 1, 1)
    if array.ndim != len(perturbations) + 2:
        raise ShapeMismatchError(
            f"{node} has {array.ndim - len(perturbations)} axes; what is read here has rows and columns"
        )
    return IndexedArray(np.swapaxes(array, -1, -2) if is_turned else array, perturbations)


def of_example(evaluator: Evaluator, node: Expression, value: IndexedArray) -> IndexedArray:
    """Return the row or column of the current example in a value, if a single example is considered."""
    if evaluator.example is None or not has_examples(evaluator, node):
        return value
    return values.line(value, evaluator.example, example_axis(evaluator))


def is_transposed(evaluator: Evaluator, node: Expression) -> bool:
    """Return True if the document has the transpose of a matrix of the network."""
    network = evaluator.point.network
    role = network.roles.get(str(getattr(node, "name", "")))
    is_weight = role == PARAMETER and node.shape[evaluator.point.examples[0]] != 1  # a bias is laid out as data
    return evaluator.layout.weights if is_weight else evaluator.layout.data


def has_examples(evaluator: Evaluator, node: Expression) -> bool:
    """Return True if a quantity of the network has a row or column for each example."""
    axis, sizes = evaluator.point.examples
    return bool(is_matrix(node)) and node.shape[axis] in sizes


def example_axis(evaluator: Evaluator) -> int:
    """Return the axis along which examples are stacked in the document."""
    axis = evaluator.point.examples[0]
    return 1 - axis if evaluator.layout.data else axis


def all_sizes(evaluator: Evaluator) -> list[int]:
    """Return the sizes at the point, beginning with the number of examples."""
    sizes = evaluator.point.sizes
    first = [sizes[size] for size in evaluator.point.examples[1] if size in sizes]
    return list(dict.fromkeys([*first, *sizes.values()]))
