"""Subjects of statements: the cost, a gradient, a range of letters, one example."""

import re
from collections.abc import Iterator

from symbackprop.network.network import PARAMETER
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import Statement, equalities, is_about_slopes
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key, key_of
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.interpreter.adjoint_marks import COSTS
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.orientation import has_examples
from symbackprop.proofread.interpreter.quantities import call_parts, is_name_of_cost, without_arguments

_RANGE = re.compile(r"^[a-zA-Z]\s*=\s*[\w\s+−-]+,")


# names


def is_in_network(reading: DocumentReading, name: Name) -> bool:
    """Return True if the network has a quantity with this name, regardless of case."""
    return any(map(reading.symbols.is_named, reading.keys(name)))


def is_index(reading: DocumentReading, name: Name) -> bool:
    """Return True for a single small letter without scripts that the network has no name for."""
    is_letter = len(name.base) == 1 and name.base.islower() and not name.scripts
    return is_letter and not any(key in reading.symbols.known for key in reading.keys(name))


def is_argument(reading: DocumentReading, key: Key) -> bool:
    """Return True for an input, a target or a parameter of the network."""
    known = reading.symbols.known
    return key in known and str(getattr(known[key], "name", "")) in reading.network.roles


def is_parameter(reading: DocumentReading, key: Key) -> bool:
    """Return True for the key of a parameter of the network."""
    known = reading.symbols.known
    return key in known and reading.network.roles.get(str(known[key].name)) == PARAMETER


def is_given(reading: DocumentReading, left: Node) -> bool:
    """Return True for an argument or a size of the network, and for a name that is unknown in the network."""
    if not isinstance(left, Name):
        return False
    return reading.quantity(left) in {None, *reading.network.arguments, *reading.network.dimensions}


def is_given_name(reading: DocumentReading, left: Node) -> bool:
    """Return True for a name that is given and does not denote an adjoint; ε is a small number."""
    is_named = isinstance(left, Name) and is_given(reading, left)
    if not isinstance(left, Name) or not is_named:
        return False
    return left.base == "epsilon" or not any(reading.symbols.adjoint(key) for key in reading.keys(left))


# sides


def has_value(reading: DocumentReading, side: Node) -> bool:
    """Return True if a side can be evaluated."""
    evaluator = reading.own_evaluator
    return evaluator is not None and bool(evaluator.attempt(side))


def is_cost(reading: DocumentReading, side: Node) -> bool:
    """Return True for any name of the cost."""
    evaluator = reading.own_evaluator
    return evaluator is not None and is_name_of_cost(evaluator, without_arguments(evaluator, side))


def with_respect_to(side: Node) -> Node | None:
    """Return the W of ∂J/∂W or of dW, else None."""
    return side.by if isinstance(side, tree.Partial) else side.body if isinstance(side, tree.Differential) else None


def is_gradient(reading: DocumentReading, side: Node) -> bool:
    """Return True for ∂J/∂W, or a name that denotes it, where W is a parameter."""
    if isinstance(side, Name):
        adjoints = map(reading.symbols.adjoint, reading.keys(side))
        return any(adjoint is not None and is_parameter(reading, adjoint.of) for adjoint in adjoints)
    by = with_respect_to(side)
    keys = reading.keys(by) if isinstance(by, Name) else []
    parameters = reading.network.parameters
    return any(is_parameter(reading, key) or reading.symbols.aliases.get(key) in parameters for key in keys)


def has_lowercase_data(reading: DocumentReading, *sides: Node) -> bool:
    """Return True if all data are written as x, p, y without an index, and the network has them as X, P, Y."""
    names = [part for side in sides for part in walk(side) if isinstance(part, Name)]
    evaluator = reading.own_evaluator
    data = [name for name in names if evaluator is not None and _has_examples(reading, evaluator, name)]
    return bool(data) and all(
        name.base.islower()
        and not name.above
        and not name.below
        and (name.base.swapcase(), "", "") in reading.symbols.known
        for name in data
    )


def _has_examples(reading: DocumentReading, evaluator: Evaluator, name: Name) -> bool:
    quantity = reading.quantity(name)
    return quantity is not None and has_examples(evaluator, quantity)


def has_one_example(reading: DocumentReading, left: Node, right: Node) -> bool:
    """Return True if data have a single index, as p_k, in a statement that is not about the gradient of a parameter."""
    names = [part for side in (left, right) for part in walk(side) if isinstance(part, Name)]
    return not is_gradient(reading, left) and any(_has_single_index(reading, name) for name in names)


def _has_single_index(reading: DocumentReading, name: Name) -> bool:
    evaluator = reading.own_evaluator
    letters = [mark for mark in name.below if isinstance(mark.content, Name) and not mark.content.below]
    if evaluator is None or name.above or len(letters) != 1 or len(name.below) != 1:
        return False
    symbols = (reading.symbols.symbol(found.key) for found in reading.name_readings(name) if found.indices)
    return any(symbol is not None and has_examples(evaluator, symbol) for symbol in symbols)


def counts_examples(reading: DocumentReading, *sides: Node) -> bool:
    """Return True for a formula that sums over the examples or contains their number.

    It can be checked completely only with several examples.
    """
    parts = [part for side in sides for part in walk(side, into_scripts=False)]
    names = [part for part in parts if isinstance(part, Name)]
    marks = [mark for name in names for mark in name.above if mark.kind == "layer"]
    examples = {mark.content.base for mark in marks if isinstance(mark.content, Name)}
    summed = {index for part in parts if isinstance(part, tree.Summation) for index in part.indices}
    plain = (name for name in names if not name.above and not name.below)
    symbols = (reading.symbols.symbol((name.base, "", "")) for name in plain)
    return bool(examples & summed) or any(symbol in reading.points.sizes_of_examples for symbol in symbols)


def assigns_number(reading: DocumentReading, left: Node, right: Node) -> bool:
    """Return True for a statement such as z_1 = 0, which sets a quantity of the network in a worked example."""
    found = list(reading.name_readings(left)) if isinstance(left, Name) and isinstance(right, tree.Number) else []
    if any(reading.symbols.adjoint(name_reading.key) is not None for name_reading in found):
        return True  # epsilon = 1e-8
    return any(
        reading.symbols.symbol(name_reading.key) not in {None, reading.network.cost.symbol}
        and not any(isinstance(index, int) for index in name_reading.indices)
        for name_reading in found
    )


def sums_entries(reading: DocumentReading, *sides: Node) -> bool:
    """Return True if a sum over k contains an entry w_{jk} or y_k: with one unit, it would not be a sum."""
    sums = (part for side in sides for part in walk(side) if isinstance(part, tree.Summation))
    return any(
        isinstance(name, Name)
        and any(mark.content == Name(base=index) for mark in name.below for index in whole.indices)
        and (len(name.below) > 1 or not _numbers_layers(reading, name))
        for whole in sums
        for name in walk(whole.body)
    )


def _numbers_layers(reading: DocumentReading, name: Name) -> bool:
    """Return True for h_t and L_t if the network has an h or a term of its cost for some step t."""
    if name.base in COSTS:
        return True
    found = (reading.name_readings(name, {letter: k}) for letter in name.script_letters for k in reading.symbols.layers)
    return any(reading.symbols.symbol(one.key) is not None and one.key[2] for every in found for one in every)


def has_jacobian(reading: DocumentReading, left: Node, right: Node) -> bool:
    """Return True if the sides contain a ∂A/∂B whose A does not have a name of a cost, as in the chain rule."""
    partials = [part for side in (left, right) for part in walk(side) if isinstance(part, tree.Partial)]
    own = key_of(str(reading.network.cost.symbol))[0]
    return not all(_is_named_like_cost(call_parts(partial.of)[0] or partial.of, own) for partial in partials)


def _is_named_like_cost(name: Node, own: str) -> bool:
    """Return True for J, and for the J^{(i)} of an example; `own` is the network's own name of its cost."""
    if isinstance(name, tree.Partial):  # of a Hessian
        return _is_named_like_cost(call_parts(name.of)[0] or name.of, own)
    if not isinstance(name, Name):
        return False
    is_whole = all(mark.kind == "layer" and isinstance(mark.content, Name) for mark in name.above)
    return is_whole and name.base in {own, "J", "L", "E", "C", "ell", "Loss", "loss", "cost"}


# statements


def says_letters_equal(reading: DocumentReading, statement: Statement) -> bool:
    """Return True for i = j and i ≠ j, which are conditions, not claims."""
    sides = statement.sides
    return len(sides) == 2 and all(isinstance(side, Name) and is_index(reading, side) for side in sides)


def is_range(reading: DocumentReading, statement: Statement) -> bool:
    """Return True for statements such as l = 1, 2, … and l < L, which give the range of a letter."""
    parts = [part for side in statement.sides for part in walk(side)]
    plain = all(isinstance(part, tree.Number | Name | tree.Add | Group | tree.Relation) for part in parts)
    names = [part for part in parts if isinstance(part, Name)]
    if not statement.sides:
        return bool(_RANGE.match(statement.source))
    if len(statement.worked) > 1:
        return False
    if states_shape(reading, statement) or says_letters_equal(reading, statement):
        return True
    return (
        plain
        and bool(names)
        and not any(is_in_network(reading, name) for name in names)
        and all(len(name.base) == 1 or name.base == "ell" for name in names)
        and (
            len(statement.sides) == 1
            or any(isinstance(part, tree.Number) for part in parts)
            or "=" not in statement.signs
        )
    )


def states_shape(reading: DocumentReading, statement: Statement) -> bool:
    """Return True for a statement about shapes, such as (K × D) × (D × 1) = K × 1."""
    head, *others = statement.sides
    is_stated = isinstance(head, Name) or _is_shape(reading, head)
    return is_stated and bool(others) and all(_is_shape(reading, side) for side in others)


def _is_shape(reading: DocumentReading, side: Node) -> bool:
    """Return True for sizes with × between them, in brackets or not."""
    inner = side.items[0] if isinstance(side, Group) and len(side.items) == 1 else side
    if isinstance(inner, Group):  # (N, D)
        return len(inner.items) > 1 and all(_is_shape(reading, item) or _is_size(reading, item) for item in inner.items)
    if isinstance(inner, tree.Multiply) and any(isinstance(one, Group) and len(one.items) > 1 for one in inner.factors):
        return all(_is_shape(reading, factor) for factor in inner.factors)  # (N, D) @ (D, H)
    if not isinstance(inner, tree.Multiply) or inner.sign != r"\times":
        return False
    sizes = [factor for factor in inner.factors if not _is_shape(reading, factor)]
    names = [part for size in sizes for part in walk(size) if isinstance(part, Name)]
    plain = all(isinstance(part, tree.Number | Name | tree.Add | Group) for size in sizes for part in walk(size))
    known = [reading.quantity(name) for name in names]
    return plain and all(q is None or q in reading.network.dimensions for q in known) and (bool(names) or not sizes)


def _is_size(reading: DocumentReading, side: Node) -> bool:
    """Return True for a number, and for a name that is a size or has no meaning in the network."""
    if isinstance(side, tree.Number):
        return True
    quantity = reading.quantity(side) if isinstance(side, Name) else reading.network.cost.symbol
    return quantity is None or quantity in reading.network.dimensions


def claims(reading: DocumentReading) -> Iterator[int]:
    """Return the indices of the statements of equality that do not just state the range of a letter."""
    return (k for k, one in enumerate(reading.statements) if equalities(one) and not is_range(reading, one))


def redefines_network_quantity(reading: DocumentReading, statement: Statement) -> bool:
    """Return True for a definition of a quantity that the network also computes."""
    left = equalities(statement)[0]
    keys = reading.keys(left) if isinstance(left, Name) else []
    return any(reading.symbols.is_named(key) and not is_argument(reading, key) for key in keys)


def is_cost_line(reading: DocumentReading, index: int) -> bool:
    """Return True for a definition of the cost."""
    sides = reading.sides(index)
    return bool(sides) and isinstance(sides[0], Name) and is_cost(reading, sides[0])


def is_adjoint_name(reading: DocumentReading, node: Node) -> bool:
    """Return True for a name that denotes an adjoint, such as δ^{(2)}."""
    return isinstance(node, Name) and any(reading.symbols.adjoint(key) is not None for key in reading.keys(node))


def computes(reading: DocumentReading, node: Node) -> bool:
    """Return True for the name of a quantity that the network computes, in any layer, such as Z^{(l)}."""
    known = {name for key in reading.symbols.known for name in (key[0], key[0][:1].swapcase() + key[0][1:])}
    is_named = isinstance(node, Name) and node.base in known
    return is_named and not is_adjoint_name(reading, node)


def is_gradient_line(reading: DocumentReading, index: int) -> bool:
    """Return True for a statement about the gradient of a parameter."""
    sides = reading.sides(index)
    return bool(sides) and is_gradient(reading, sides[0])


def is_adjoint_line(reading: DocumentReading, index: int) -> bool:
    """Return True for a statement about ∂J/∂v of a v that is not a parameter."""
    sides = reading.sides(index)
    if not sides or not isinstance(sides[0], tree.Partial):
        return False
    return is_cost(reading, sides[0].of) and not is_gradient(reading, sides[0])


def defines_by_partial(reading: DocumentReading, index: int) -> bool:
    """Return True if a definition itself contains the ∂J/∂v that its name denotes."""
    evaluator = reading.own_evaluator
    partials = [side for side in reading.sides(index)[1:] if isinstance(side, tree.Partial)]
    return evaluator is not None and any(is_cost(reading, partial.of) for partial in partials)


def sets_gradient_to_zero(reading: DocumentReading, index: int) -> bool:
    """Return True if a gradient is set to 0, as a condition for a minimum."""
    return is_gradient_line(reading, index) and reading.sides(index)[-1] == tree.number(0)


def may_hold_at_minimum(reading: DocumentReading, index: int) -> bool:
    """Return True for a condition for a minimum, and for a line without derivatives after such a condition."""
    sides = reading.sides(index)
    if any(map(is_about_slopes, sides)):
        return len(sides) == 2 and sets_gradient_to_zero(reading, index)
    defines_another = isinstance(sides[0], Name) and not _is_weight(reading, sides[0])
    return not defines_another and any(sets_gradient_to_zero(reading, before) for before in range(index))


# the document


def has_gradients(reading: DocumentReading) -> bool:
    """Return True if a statement is about the gradient of a parameter."""
    return any(is_gradient_line(reading, index) for index in range(len(reading.statements)))


def transposes_gradients_alone(reading: DocumentReading) -> bool:
    """Return True if weights are interpreted as transposed, but occur only in formulas of their own gradients."""
    layout = reading.interpretation.layout
    if not layout.weights or layout.data:
        return False
    sides = [side for statement in reading.statements for side in equalities(statement)]
    others = [side for side in sides if not is_gradient(reading, side)]
    names = [part for side in others for part in walk(side) if isinstance(part, Name)]
    return not any(is_in_network(reading, name) and _is_weight(reading, name) for name in names)


def _is_weight(reading: DocumentReading, name: Name) -> bool:
    return any(is_parameter(reading, key) for key in reading.keys(name))
