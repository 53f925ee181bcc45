"""Sums, also over layers, and over an index that does not occur in the summand."""

from contextlib import suppress
from dataclasses import replace

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Node
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import UnknownNameError
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import ALL
from symbackprop.proofread.interpreter.readings import fitting
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError, scalar


def summation(evaluator: Evaluator, node: tree.Summation) -> list[IndexedArray]:
    """Return the values of Σ over indices, over examples, or over layers."""
    if node.sign == r"\prod":
        return _product(evaluator, node)
    if not node.indices:
        return _implicit_sum(evaluator, node.body, "sum over examples")
    try:
        found = evaluator.values(_summand(evaluator, node))
    except UnknownNameError:
        if len(node.indices) != 1:
            raise
        return _sum_over_layers(evaluator, node)
    visible = [index for index in node.indices if all(index in value.indices for value in found)]
    for index in visible:
        found = [values.summed(value, index) for value in found]
    hidden = [index for index in node.indices if index not in visible]
    if not hidden:
        return found
    if visible:
        raise ShapeMismatchError(f"the sum is over {hidden[0]}, which does not occur in it")
    count = _number_of_terms(evaluator, node)
    if all(value.is_number and not value.is_derivative for value in found) and count is not None:
        return [values.product(scalar(count), value) for value in found]
    _refuse_sum_over_entries(evaluator, node)
    return _implicit_sum(evaluator, node.body, f"sum over {node.indices[0]}")


def _summand(evaluator: Evaluator, node: tree.Summation) -> Node:
    """Return the summand; that of a sum over j = i, another index, is 0 for any other j."""
    first = node.first
    if node.last is not None or not isinstance(first, tree.Name) or len(first.base) > 1 or first.scripts:
        return node.body
    if first.base in evaluator.letters or evaluator.attempt(first):
        return node.body
    relation = tree.Relation(left=tree.Name(base=node.indices[0]), sign="=", right=first)
    factors = tree.Group(items=(node.body,)), tree.Indicator(condition=relation)
    return tree.Multiply(sign=r"\odot", factors=factors)


def _product(evaluator: Evaluator, node: tree.Summation) -> list[IndexedArray]:
    r"""Return the values of \prod over indices of entries."""
    found = evaluator.values(node.body)
    for index in node.indices:
        if not all(index in value.indices for value in found):
            raise UnsupportedNotationError(f"a product over {index}, which indexes no entries, is not read")
        found = fitting(lambda value, index=index: values.multiplied(value, index), [found])
    if not node.indices:
        raise UnsupportedNotationError("a product over nothing is not read")
    return found


def _number_of_terms(evaluator: Evaluator, node: tree.Summation) -> float | None:
    last = evaluator.attempt(node.last) if node.last is not None else []
    first = evaluator.attempt(node.first or tree.number(1))
    if not last or not first or not last[0].is_number or last[0].indices:
        return None
    return float(last[0].array.squeeze() - first[0].array.squeeze()) + 1


def _refuse_sum_over_entries(evaluator: Evaluator, node: tree.Summation) -> None:
    """Raise an error if a sum over an index that occurs nowhere runs to a size that counts no examples, or to N_{in}.

    It cannot be a sum over examples then.
    """
    network = evaluator.point.network
    for name in tree.walk(node.last) if node.last is not None else ():
        if not isinstance(name, tree.Name):
            continue
        found = (evaluator.symbols.symbol(one.key) for one in evaluator.symbols.readings(name, evaluator.letters))
        symbols = set(found)
        if not symbols.isdisjoint(set(network.dimensions) - network.examples[1]):
            index, size = node.indices[0], name.source or name.base
            raise ShapeMismatchError(f"the sum is over {index} up to {size}, and {index} does not occur in it")
        if symbols == {None} and name.below:
            raise UnknownNameError(name)


def _implicit_sum(evaluator: Evaluator, body: Node, index: str) -> list[IndexedArray]:
    """Return sums of a body without the index: over the examples, if it is about one example, and over all entries."""
    found = []
    if evaluator.point.scope == ALL and evaluator.example is None:
        of_examples = replace(evaluator, example=index).attempt(body)
        found = [values.summed(value, index) for value in of_examples if index in value.indices]
    try:
        inner = evaluator.values(body)
        # the chain rule has summed over the entries already
        whole = [*(value for value in inner if "chain" in value.notes), *map(values.total, inner)]
    except ShapeMismatchError:
        if not found:
            raise
        whole = []
    return [*found, *whole]


def _sum_over_layers(evaluator: Evaluator, node: tree.Summation) -> list[IndexedArray]:
    """Return sums over the layers or time steps l for which the body has a value."""
    (index,) = node.indices
    found = {}
    for number in _layers_of(evaluator, node):
        with suppress(UnknownNameError, ShapeMismatchError):
            found[number] = replace(evaluator, letters={**evaluator.letters, index: number}).values(node.body)
    if not found:
        return evaluator.values(node.body)  # raises the error
    without_start = {number: parts for number, parts in found.items() if number > 0}
    choices = [without_start, found] if without_start and len(without_start) < len(found) else [found]
    return [value for chosen in choices for value in fitting(_sum, list(chosen.values()))]


def _sum(*terms: IndexedArray) -> IndexedArray:
    return values.plus(list(terms), (1,) * len(terms))


def _layers_of(evaluator: Evaluator, node: tree.Summation) -> list[int]:
    """Return the layers or time steps in the range of a sum."""
    low, high = (side.value if isinstance(side, tree.Number) else None for side in (node.first, node.last))
    layers = evaluator.symbols.layers
    return [k for k in layers if (low is None or k >= low) and (high is None or k <= high)]
