"""Quantities held fixed in differentiation: the quantities v whose own ∂J/∂v occur in the same statement."""

from collections.abc import Sequence

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.shapes import is_matrix
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation.reading import DocumentReading, Setting
from symbackprop.proofread.derivation.subjects import is_cost
from symbackprop.proofread.interpreter.derivatives import BY_PARAMETERS
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.quantities import quantity_named, quantity_with_value


def held_fixed(
    reading: DocumentReading, scope: str, index: int, left: Node, right: Node
) -> list[frozenset[Expression]]:
    """Return sets of quantities, each of which may have to be held fixed in a statement.

    They contain the quantities v whose ∂J/∂v occur in the statement, or in the document up to it.
    """
    evaluator = reading.evaluator(Setting(scope))
    if evaluator is None:
        return []
    before = _up_to(reading, evaluator, scope, index)
    found = [_differentiated_by(reading, evaluator, scope, (left, right)), before]
    found.append(_other_states(reading, (left, right)))
    return [held for held in dict.fromkeys(found) if held]


def _up_to(reading: DocumentReading, evaluator: Evaluator, scope: str, index: int) -> frozenset[Expression]:
    """Return the computed quantities with respect to which the statements up to this one differentiate."""
    key = scope, reading.symbols.signature, len(reading.symbols.definitions)
    known = reading.held_before.setdefault(key, [])
    for k in range(len(known), index + 1):
        known.append(known[-1] if k else frozenset())
        known[k] |= _differentiated_by(reading, evaluator, scope, reading.sides(k))
    return known[index]


def _other_states(reading: DocumentReading, sides: Sequence[Node]) -> frozenset[Expression]:
    """Return all states h if ∂h_T/∂h_k occurs: a factor ∂h_k/∂W then holds the earlier states fixed."""
    partials = [part for side in sides for part in walk(side) if isinstance(part, tree.Partial)]
    pairs = [(partial.of, partial.by) for partial in partials]
    bases = {of.base for of, by in pairs if isinstance(of, Name) and isinstance(by, Name) and of.base == by.base}
    states = {node for key, node in reading.symbols.known.items() if key[0] in bases and is_matrix(node)}
    return frozenset({*states - set(reading.network.arguments), *BY_PARAMETERS}) if states else frozenset()


def _differentiated_by(
    reading: DocumentReading, evaluator: Evaluator, scope: str, sides: Sequence[Node]
) -> frozenset[Expression]:
    """Return the computed quantities v with respect to which the sides differentiate."""
    by: set[Expression] = set()
    for part in dict.fromkeys(part for side in sides for part in walk(side) if isinstance(part, tree.Partial | Name)):
        key = scope, part, reading.symbols.signature, len(reading.symbols.definitions)
        if key not in reading.held:
            reading.held[key] = frozenset(_nodes_by(reading, evaluator, part))
        by |= reading.held[key]
    return frozenset(by - set(reading.network.arguments))


def _nodes_by(reading: DocumentReading, evaluator: Evaluator, part: Node) -> set[Expression]:
    """Return the v of a ∂J/∂v, or of a name that denotes one."""
    if isinstance(part, tree.Partial):
        return _nodes_of(reading, evaluator, part.by) if is_cost(reading, part.of) else set()
    return _nodes_of_adjoint(reading, evaluator, part) if isinstance(part, Name) else set()


def _nodes_of(reading: DocumentReading, evaluator: Evaluator, by: Node) -> set[Expression]:
    """Return the network's quantities that a formula denotes; if it has a letter for a layer, one for each layer."""
    if not isinstance(by, Name):
        found = quantity_with_value(evaluator, evaluator.attempt(by))
        return set() if found is None else {found.node}
    choices: list[dict[str, int]] = [{}] + [{letter: k} for letter in by.script_letters for k in reading.symbols.layers]
    keys = [found.key for choice in choices for found in reading.name_readings(by, choice)]
    return {quantity.node for quantity in (quantity_named(evaluator, key) for key in keys) if quantity is not None}


def _nodes_of_adjoint(reading: DocumentReading, evaluator: Evaluator, name: Name) -> set[Expression]:
    """Return the v of the ∂J/∂v that a δ of the document denotes, or an empty set."""
    for key in reading.keys(name):
        definition = reading.symbols.definitions.get(key)
        adjoint = reading.symbols.adjoint(key)
        body = None if definition is None else definition.body
        if isinstance(body, tree.Partial) and is_cost(reading, body.of):
            return _nodes_of(reading, evaluator, body.by)
        if adjoint is not None:
            found = adjoint.node or getattr(quantity_named(evaluator, adjoint.of), "node", None)
            return set() if found is None else {found}
    return set()
