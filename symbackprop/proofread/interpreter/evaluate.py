"""Evaluation of each kind of formula at a point, with a value for each possible reading."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import eq, ge, gt, le, lt, ne

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.budget import Budget
from symbackprop.proofread.interpreter.class_index import class_is
from symbackprop.proofread.interpreter.conventions import DocumentLayout
from symbackprop.proofread.interpreter.derivatives import differential, partial
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.functions import call, fused
from symbackprop.proofread.interpreter.names import evaluate_name, kronecker, one_example, raised
from symbackprop.proofread.interpreter.network_at_point import NetworkAtPoint
from symbackprop.proofread.interpreter.products import readings
from symbackprop.proofread.interpreter.readings import fitting
from symbackprop.proofread.interpreter.sums import summation
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError, scalar


def evaluator_at(
    point: NetworkAtPoint,
    symbols: SymbolTable,
    layout: DocumentLayout,
    letters: Mapping[str, int],
    *,
    held: frozenset[Expression | str],
    budget: Budget,
) -> Evaluator:
    """Return an evaluator of formulas at a point."""
    return Evaluator(point, symbols, layout, evaluate, letters=letters, held=held, budget=budget)


def evaluate(evaluator: Evaluator, node: Node) -> list[IndexedArray]:
    """Return the values of a formula in all of its readings, the most likely ones first.

    Raises:
        ShapeMismatchError: no reading has consistent shapes.
        UnsupportedNotationError: the formula contains notation that has no value here.
    """
    kind = _KINDS.get(type(node))
    if kind is None:
        raise UnsupportedNotationError(f"{node.source or type(node).__name__} is not read here")
    return kind(evaluator, node)


def _add(evaluator: Evaluator, node: tree.Add) -> list[IndexedArray]:
    kept = [(sign, term) for sign, term in zip(node.signs, node.terms, strict=True) if term != tree.number(0)]
    if not kept:
        return [scalar(0)]
    terms = [evaluator.values(term) for _, term in kept]  # a 0 has the shape of the other terms
    return fitting(lambda *chosen: values.plus(list(chosen), tuple(sign for sign, _ in kept)), terms)


def _group(evaluator: Evaluator, node: tree.Group) -> list[IndexedArray]:
    if len(node.items) != 1:
        return _stacked(evaluator, node)
    if isinstance(node.items[0], tree.Relation) and node.brackets == "[]":  # [z > 0]
        return _condition(evaluator, node.items[0])
    return evaluator.values(node.items[0])


def _stacked(evaluator: Evaluator, node: tree.Group) -> list[IndexedArray]:
    """Return [h, x], one below the other or side by side, as their shapes allow."""
    if node.brackets != "[]":
        raise UnsupportedNotationError(f"{node.source}: a list is not a quantity")
    parts = [evaluator.values(item) for item in node.items]
    found: list[IndexedArray] = []
    for arrange in (lambda *chosen: [[one] for one in chosen], lambda *chosen: [list(chosen)]):
        with suppress(ShapeMismatchError):
            found += fitting(lambda *chosen, arrange=arrange: values.blocks(arrange(*chosen)), parts)
    if not found:
        raise ShapeMismatchError(f"the parts of {node.source or 'a list'} fit neither below nor beside each other")
    return found


def _divide(evaluator: Evaluator, node: tree.Divide) -> list[IndexedArray]:
    above = node.above.items[0] if isinstance(node.above, Group) and len(node.above.items) == 1 else node.above
    sign, factors = (above.sign, above.factors) if isinstance(above, tree.Multiply) else ("", ())
    factors = factors if sign else tuple(fused(evaluator, factors))
    if any(value.is_derivative for factor in factors for value in evaluator.values(factor)):
        inverse = tree.Divide(above=tree.number(1), below=node.below)  # before the chain rule sums
        return evaluator.values(tree.Multiply(sign=sign, factors=(inverse, *factors)))
    return fitting(_quotient, [evaluator.values(node.above), evaluator.values(node.below)])


def _quotient(above: IndexedArray, below: IndexedArray) -> IndexedArray:
    if below.is_derivative:
        raise ShapeMismatchError("a ∂A/∂B stands in a denominator")
    inverse = values.mapped(below, lambda array: 1 / array)
    return values.product(inverse, above) if below.is_number else values.entrywise(above, inverse)


def _power(evaluator: Evaluator, node: tree.Power) -> list[IndexedArray]:
    if _is_exponential(evaluator, node):
        return [values.mapped(value, np.exp) for value in evaluator.values(node.exponent)]
    exponents = evaluator.values(node.exponent)
    return [raised(base, exponents[0], node.entrywise) for base in evaluator.values(node.base)]


def _is_exponential(evaluator: Evaluator, node: tree.Power) -> bool:
    """Return True for e^x, unless e is a quantity of the network."""
    base = node.base
    is_e = isinstance(base, Name) and base.base == "e" and not base.above and not base.below
    return is_e and not (("e", "", "") in evaluator.symbols.known and isinstance(node.exponent, tree.Number))


def _multiply(evaluator: Evaluator, node: tree.Multiply) -> list[IndexedArray]:
    factors = node.factors if node.sign else fused(evaluator, node.factors)
    return readings(node.sign, [evaluator.values(factor) for factor in factors])


def _norm(evaluator: Evaluator, node: tree.Norm) -> list[IndexedArray]:
    found = evaluator.values(node.body)
    if node.single:
        return [values.mapped(value, np.abs) for value in found]
    if node.order == 1:
        return [values.total(values.mapped(value, np.abs)) for value in found]
    squares = [values.total(values.mapped(value, np.square)) for value in found]
    return [values.mapped(value, np.sqrt) for value in squares]


def _entry(evaluator: Evaluator, node: tree.Entry) -> list[IndexedArray]:
    indices = tuple(evaluator.index(part) for part in node.indices)
    found = evaluator.values(node.base)
    if len(indices) == 1 and all(1 not in value.shape and not value.is_derivative for value in found):
        return [line for value in found for line in one_example(evaluator, value, indices[0])]
    return fitting(lambda value: values.entry(value, indices), [found])


def _part(evaluator: Evaluator, node: tree.Part) -> list[IndexedArray]:
    def whole(end: Node | None) -> int | None:
        return None if end is None else values.whole(evaluator.first(end))

    ranges = tuple((whole(first), whole(last)) for first, last in node.ranges)
    return fitting(lambda value: values.part(value, ranges), [evaluator.values(node.base)])


def _matrix(evaluator: Evaluator, node: tree.Matrix) -> list[IndexedArray]:
    lengths = [len(row) for row in node.rows]

    def assembled(*chosen: IndexedArray) -> IndexedArray:
        rest = iter(chosen)
        return values.blocks([[next(rest) for _ in range(length)] for length in lengths])

    return fitting(assembled, [evaluator.values(entry) for row in node.rows for entry in row])


def _indexed_list(evaluator: Evaluator, node: tree.IndexedList) -> list[IndexedArray]:
    return fitting(lambda value: values.listed(value, node.rows, node.columns), [evaluator.values(node.body)])


def _condition(evaluator: Evaluator, node: Node) -> list[IndexedArray]:
    """Return 1 where a condition is true, else 0."""
    if not isinstance(node, tree.Relation) or node.sign not in _COMPARISONS:
        raise UnsupportedNotationError(f"the condition {node.source} is not read")
    label = class_is(evaluator, node)
    if label:
        return label
    if node.sign in {"=", "!="} and all(isinstance(side, Name) for side in (node.left, node.right)):
        equal = kronecker(evaluator, evaluator.index(node.left), evaluator.index(node.right))
        return equal if node.sign == "=" else [_complement(value) for value in equal]
    difference = values.plus([evaluator.first(node.left), evaluator.first(node.right)], (1, -1))
    return [values.mapped(difference, lambda array: _COMPARISONS[node.sign](array, 0).astype(float))]


def _cases(evaluator: Evaluator, node: tree.Cases) -> list[IndexedArray]:
    *pairs, (last, _) = list(zip(node.values, node.conditions, strict=True))
    results = evaluator.values(last)
    for body, condition in reversed(pairs):
        if condition is None:
            raise UnsupportedNotationError("a case has no condition")
        results = fitting(_chosen, [_condition(evaluator, condition), evaluator.values(body), results])
    return results


def _complement(value: IndexedArray) -> IndexedArray:
    return values.plus([scalar(1), value], (1, -1))


def _chosen(where: IndexedArray, value: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return `value` where a condition is true, and `other` elsewhere."""
    return values.plus([values.entrywise(where, value), values.entrywise(_complement(where), other)], (1, 1))


_COMPARISONS = {">": gt, "<": lt, ">=": ge, "<=": le, "=": eq, "!=": ne}
_KINDS: dict[type[Node], Callable[..., list[IndexedArray]]] = {
    tree.Number: lambda _, node: [scalar(node.value)],
    tree.Name: evaluate_name,
    tree.Group: _group,
    tree.Add: _add,
    tree.Multiply: _multiply,
    tree.Divide: _divide,
    tree.Power: _power,
    tree.Transposed: lambda evaluator, node: fitting(values.transposed, [evaluator.values(node.base)]),
    tree.Norm: _norm,
    tree.Call: call,
    tree.Entry: _entry,
    tree.Part: _part,
    tree.Matrix: _matrix,
    tree.IndexedList: _indexed_list,
    tree.Summation: summation,
    tree.Partial: partial,
    tree.Differential: differential,
    tree.Indicator: lambda evaluator, node: _condition(evaluator, node.condition),
    tree.Cases: _cases,
}
