"""Judgment of a statement: comparison of each side with the first one, in every sample scope that is possible."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation.at_points import argument_alone, evaluate_both
from symbackprop.proofread.derivation.definitions import is_left_open
from symbackprop.proofread.derivation.guard import guarded
from symbackprop.proofread.derivation.held import held_fixed
from symbackprop.proofread.derivation.implied_sums import (
    IMPLIED_SUM,
    indices_of,
    names_convention,
    repeated_letters,
    with_implied_sum,
)
from symbackprop.proofread.derivation.letters import compare_with_letters
from symbackprop.proofread.derivation.reading import DocumentReading, Setting
from symbackprop.proofread.derivation.subjects import (
    counts_examples,
    has_jacobian,
    has_lowercase_data,
    has_one_example,
    is_cost,
    sets_gradient_to_zero,
    sums_entries,
)
from symbackprop.proofread.interpreter.class_index import says_index, unit_vectors, with_class
from symbackprop.proofread.interpreter.compare import MISMATCH, Judgment
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.functions import may_be_function
from symbackprop.proofread.interpreter.network_at_point import ALL, ONE_COLUMN, ONE_EXAMPLE, UNITS
from symbackprop.proofread.interpreter.quantities import unknown_in_definition
from symbackprop.proofread.interpreter.symbol_table import SHIFT
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

HELD = "held"  # a note
STEPS_OF_LINE = 60_000  # of evaluation, to judge one line under one interpretation: seconds at most


def worst(judgments: Sequence[Judgment]) -> Judgment:
    """Return the first wrong judgment; if there is none, the first that is not understood; else the first one."""
    order = {False: 0, None: 1, True: 2}
    return min(judgments, key=lambda judgment: order[judgment.holds])


def judge(reading: DocumentReading, index: int) -> Judgment:
    """Return the judgment of a statement: the worst of its sides."""
    return worst(judge_sides(reading, index))


def judge_sides(reading: DocumentReading, index: int) -> list[Judgment]:
    """Return the judgments of the other sides of a statement, each compared with the first side."""
    left, *others = reading.sides(index)
    if len(others) > 1 and sets_gradient_to_zero(reading, index):
        others.pop()
    key = index, reading.symbols.signature
    if key in reading.judgments:
        return reading.judgments[key]
    budget = reading.points.budget
    with budget.at_most(STEPS_OF_LINE):
        found = [_certain(reading, _judge_guarded(reading, index, left, other), left, other) for other in others]
    if not budget.is_spent:
        reading.judgments[key] = found
    return found


def _certain(reading: DocumentReading, judgment: Judgment, left: Node, right: Node) -> Judgment:
    """Return the judgment; a line does not fail if it has a name whose definition in the document is not understood."""
    evaluator = reading.own_evaluator
    if judgment.holds is not False or evaluator is None:
        return judgment
    parts = (part for side in (left, right) for part in walk(side, into_scripts=False))
    names = (part for part in parts if isinstance(part, Name))
    found = ((name, unknown_in_definition(evaluator, name)) for name in names if name != argument_alone(left, right))
    unsure = next((name for name, unknown in found if unknown and _is_unknown(reading, evaluator, unknown)), None)
    if unsure is None:
        return judgment
    reason = f"{unsure.source or unsure.base} is defined in this document in a way that is not understood"
    return Judgment(None, reason=reason)


def _is_unknown(reading: DocumentReading, evaluator: Evaluator, name: Name) -> bool:
    """Return True for a name without a meaning; one that names a function, as in g = tanh, has one."""
    return not may_be_function(evaluator, name) and reading.is_without_meaning(name)


def _judge_guarded(reading: DocumentReading, index: int, left: Node, right: Node) -> Judgment:
    return guarded(
        lambda: judge_side(reading, index, left, right),
        lambda reason: Judgment(None, reason=reason),
    )


def judge_side(reading: DocumentReading, index: int, left: Node, right: Node) -> Judgment:
    """Return the judgment of a side of a statement, or of a formula in its place, compared with the first side."""
    definition = _judge_definition(reading, index, left, right)
    if definition is not None:
        return definition
    if _needs_all_examples(reading, index, left, right):
        return judge_within(reading, ALL, index, left, right)
    own = reading.interpretation.scope
    first = judge_within(reading, own, index, left, right)
    if first.holds or first.is_hopeless:
        return first
    is_doubtful = first.holds is None or first.is_mismatch or has_one_example(reading, left, right)
    scopes = _narrow_scopes(reading, index, left, right) if is_doubtful else ()
    if reading.statements[index].kind != "numpy" and has_lowercase_data(reading, left, right):
        scopes = (*scopes, ONE_EXAMPLE, ONE_COLUMN)
    for scope in dict.fromkeys(scopes):
        other = first if scope == own else judge_within(reading, scope, index, left, right)
        if other.holds:
            return other
        if scope == ONE_EXAMPLE and other.holds is False and not other.reason and first.reason:
            first = other  # the shapes fit for a single example alone, and it is wrong there
    return replace(first, holds=False) if first.holds is None and first.is_mismatch else first


def has_same_value(reading: DocumentReading, index: int, one: Node, other: Node) -> bool:
    """Return True if two formulas have the same value; with ∂A/∂B, for one unit suffices, whatever the layout."""
    scopes = (reading.interpretation.scope, *((UNITS,) if has_jacobian(reading, one, other) else ()))
    return any(judge_within(reading, scope, index, one, other).holds for scope in scopes)


def values_of_left_side(
    reading: DocumentReading, index: int, left: Node, right: Node
) -> list[tuple[Evaluator, list[IndexedArray]]]:
    """Return the values of a left side at one point, with the evaluator, in each scope that is possible."""
    letters = judge_side(reading, index, left, right).letters
    scopes = [reading.interpretation.scope, *reversed(_narrow_scopes(reading, index, left, right))]
    if has_lowercase_data(reading, left, right):
        scopes += [ONE_EXAMPLE, ONE_COLUMN]
    if _needs_all_examples(reading, index, left, right):
        scopes = [ALL]
    layers = reading.symbols.layers
    choices = [{letter: k} for letter in letters if letter != SHIFT for k in layers] or [dict(letters)]
    found = []
    for scope, chosen in product(dict.fromkeys(scopes), choices):
        with suppress(ShapeMismatchError, UnsupportedNotationError):
            sides = evaluate_both(reading, Setting(scope, chosen), 0, left, left)
            found.append((replace(sides.evaluator), sides.left))  # a copy, whose cache ends with the search
    return found


# definitions


def _judge_definition(reading: DocumentReading, index: int, left: Node, right: Node) -> Judgment | None:
    """Return the judgment of a side that defines the left side, or None if it does not, or has no known value."""
    definition = Judgment(True, reading.interpretation.scope, is_definition=True)
    if index in reading.own_functions and right is reading.sides(index)[1]:
        return definition
    if index in reading.layer_definitions and right is reading.sides(index)[1]:
        return definition
    key = reading.definitions.get(index)
    if key is None:
        return None
    own = reading.symbols.definitions[key]
    if (own.statement != index or is_cost(reading, left)) and is_left_open(reading, index):
        return definition
    return _judge_body(reading, right) if key not in reading.symbols.chosen and own.body is right else None


def _judge_body(reading: DocumentReading, body: Node) -> Judgment | None:
    """Judge the body of a definition: right if it has a value, wrong if its shapes match only when all sizes are 1."""
    evaluator, of_units = reading.own_evaluator, reading.evaluator(Setting(UNITS))
    try:
        found = [] if evaluator is None else evaluator.values(body)
    except ShapeMismatchError as error:
        if has_lowercase_data(reading, body, body):  # θᵀx of one example beside a batch X
            for scope in (ONE_EXAMPLE, ONE_COLUMN):
                of_one = reading.evaluator(Setting(scope))
                if of_one is not None and of_one.attempt(body):
                    return Judgment(True, scope, is_definition=True)
        fits = of_units is not None and of_units.attempt(body)
        return Judgment(False, reason=f"{MISMATCH}: {error}") if fits else None
    except UnsupportedNotationError:
        return None
    return Judgment(True, reading.interpretation.scope, found[0].notes, is_definition=True) if found else None


# sample scopes


def _narrow_scopes(reading: DocumentReading, index: int, left: Node, right: Node) -> tuple[str, ...]:
    """Return the narrow scopes that a statement may have: one example, or one unit."""
    if reading.statements[index].kind == "numpy":  # arrays hold all examples
        return ()
    may_be_narrow = (
        index in reading.function_definitions
        or has_jacobian(reading, left, right)
        or is_cost(reading, left)
        or has_one_example(reading, left, right)
        or _ends_chain_rule(reading, index, right)
    )
    if not may_be_narrow or counts_examples(reading, left, right):
        return ()
    # one unit hides exchanged indices
    return (ONE_EXAMPLE,) if sums_entries(reading, left, right) else (UNITS, ONE_EXAMPLE)


def _ends_chain_rule(reading: DocumentReading, index: int, right: Node) -> bool:
    """Return True for a result that is written with × after a chain of ∂A/∂B: its factors are numbers, not matrices."""
    has_cross = any(isinstance(part, tree.Multiply) and part.sign == r"\times" for part in walk(right))
    return has_cross and any(has_jacobian(reading, side, side) for side in reading.sides(index))


def _needs_all_examples(reading: DocumentReading, index: int, left: Node, right: Node) -> bool:
    """Return True for a statement that counts the examples, in a document that is otherwise about one example."""
    if reading.interpretation.scope != ONE_EXAMPLE or not counts_examples(reading, left, right):
        return False
    found = judge_within(reading, ALL, index, left, right)
    return found.holds is not None or found.is_mismatch


def judge_within(reading: DocumentReading, scope: str, index: int, left: Node, right: Node) -> Judgment:
    """Return the judgment of two sides with total derivatives, or else with sets of quantities held fixed."""
    found = compare_with_letters(reading, Setting(scope), left, right)
    if found.is_hopeless:
        return found
    found = found if found.holds else _compare_for_class(reading, scope, left, right, found)
    found = found if found.holds else _compare_with_implied_sums(reading, scope, left, right, found)
    if found.holds or not has_jacobian(reading, left, right):
        return found
    for held in held_fixed(reading, scope, index, left, right):
        other = compare_with_letters(reading, Setting(scope, held=held), left, right)
        if other.holds:
            return replace(other, notes=other.notes | {HELD})
    return found


def _compare_with_implied_sums(
    reading: DocumentReading, scope: str, left: Node, right: Node, plain: Judgment
) -> Judgment:
    """Return a judgment with sums over the indices that a product repeats, if it holds or the text says so."""
    letters = [letter for letter in repeated_letters(right) if letter not in set(indices_of(left))]
    if not letters or not plain.reason or not reading.leaves_sums_out:
        return plain
    for letter in letters:
        right = with_implied_sum(right, letter)
    found = compare_with_letters(reading, Setting(scope), left, right)
    if found.holds:
        return replace(found, notes=found.notes | {IMPLIED_SUM})
    is_decided = found.holds is False and not found.reason
    return found if is_decided and names_convention(reading.text) else plain


def _compare_for_class(reading: DocumentReading, scope: str, left: Node, right: Node, plain: Judgment) -> Judgment:
    """Return a judgment with the example's class in place of an index on one side only or the c of e_c, or `plain`."""
    label = reading.symbols.label()
    for letter in (plain.lone_index, *unit_vectors(left, right)):
        if label is None or not letter:
            continue
        sides = [with_class(side, letter, label) for side in (left, right)]
        found = compare_with_letters(reading, Setting(scope), *sides)
        is_decided = found.holds is not None and not found.reason
        if is_decided and not (found.holds and says_index(label, letter, left, right)):
            return found
    return plain
