"""Numerical comparison of two sides at random points."""

from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.derivation.factors import factor_words
from symbackprop.proofread.derivation.reading import POINTS, DocumentReading, Setting
from symbackprop.proofread.derivation.subjects import has_jacobian
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.class_index import unit_vectors
from symbackprop.proofread.interpreter.compare import MISMATCH, Judgment, difference, equal_notes
from symbackprop.proofread.interpreter.conventions import UnknownNameError
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.functions import GENERIC, ROWS
from symbackprop.proofread.interpreter.network_at_point import ALL, ONE_COLUMN, ONE_EXAMPLE, OTHER_SIZES
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError


def compare_at_points(reading: DocumentReading, setting: Setting, left: Node, right: Node) -> Judgment:
    """Return the judgment whether two sides are equal at each point, and once with other sizes."""
    first = _compare(reading, setting, 0, left, right)
    others = (_compare(reading, setting, point, left, right) for point in range(1, POINTS))
    failing = next((other for other in others if other.holds is not True), None) if first.holds else None
    if failing is not None:
        return failing
    is_decided = first.holds or first.ratio is not None
    if is_decided and setting.scope == ALL and _has_no_scales(reading) and not has_jacobian(reading, left, right):
        other = _compare(reading, setting, OTHER_SIZES, left, right)
        if first.holds and other.holds is False and not other.reason:
            return other
        if factor_words(reading, first.ratio) != factor_words(reading, other.ratio, OTHER_SIZES):
            return replace(first, ratio=None)
    return first


def multiple(reading: DocumentReading, left: Node, right: Node) -> float | None:
    """Return the ratio of the right side to the left side if it is the same at each point, else None."""
    setting = Setting(reading.interpretation.scope)
    return common_ratio([_compare(reading, setting, point, left, right).ratio for point in range(POINTS)])


def common_ratio(ratios: list[float | None]) -> float | None:
    """Return the ratio if it is the same at each point; None if it differs, or if one is missing."""
    first = ratios[0]
    same = all(first is not None and ratio is not None and np.isclose(ratio, first) for ratio in ratios)
    return first if same else None


def _has_no_scales(reading: DocumentReading) -> bool:
    """Return True if neither the cost nor an adjoint has a conventional factor, which may depend on the sizes."""
    interpretation, chosen = reading.interpretation, reading.symbols.chosen.values()
    scales = [interpretation.cost_scale, interpretation.adjoint_scale, *(adjoint.scale for adjoint in chosen)]
    return all(scale == 1 for scale in scales)


def _compare(reading: DocumentReading, setting: Setting, point: int, left: Node, right: Node) -> Judgment:
    letters = dict(setting.letters)
    try:
        one, other, _ = evaluate_both(reading, setting, point, left, right)
    except (ShapeMismatchError, UnsupportedNotationError) as error:
        reason = f"{MISMATCH}: {error}" if isinstance(error, ShapeMismatchError) else str(error)
        unknown = error.name if isinstance(error, UnknownNameError) else None
        is_hopeless = unknown is not None and not unit_vectors(left, right) and reading.is_without_meaning(unknown)
        return Judgment(
            None, reason=reason, letters=letters, is_unknown_name=unknown is not None, is_hopeless=is_hopeless
        )
    except RecursionError:
        return Judgment(None, reason="it is nested too deeply")
    if isinstance(right, tree.Number) and not one[0].is_derivative:  # f′(z) = 1 says it of each entry
        other = [replace(other[0], array=np.broadcast_to(other[0].array, one[0].array.shape[-2:]))]
    if setting.scope in {ONE_EXAMPLE, ONE_COLUMN}:
        one, other = ([values.of_one_example(value) for value in side] for side in (one, other))
    for a, b in product(one, other):
        notes = equal_notes(a, b)
        if notes is not None and (setting.scope != ALL or setting.held) and _is_trivially_zero(a, right):
            return Judgment(None, reason="both sides are 0 in this reading, which says nothing")
        if notes is not None:
            return Judgment(True, setting.scope, a.notes | b.notes | notes, letters=letters)
    return difference(one[0], other, letters)


def _is_trivially_zero(value: IndexedArray, right: Node) -> bool:
    """Return True if a side is 0 but not written as 0, as the deviation from the mean is for a single example."""
    return not np.any(np.abs(value.array) > 1e-12) and not isinstance(right, tree.Number)


# evaluation


class BothSides(NamedTuple):
    """The values of two sides, and the evaluator with the random values of function arguments in them."""

    left: list[IndexedArray]
    right: list[IndexedArray]
    evaluator: Evaluator


def evaluate_both(reading: DocumentReading, setting: Setting, point: int, left: Node, right: Node) -> BothSides:
    """Return the values of two sides; arguments of functions that are not quantities get random values.

    Raises:
        ShapeMismatchError: shapes are inconsistent.
        UnsupportedNotationError: a name is not known, or a formula has no value here.
    """
    evaluator = reading.evaluator(setting, point)
    if evaluator is None:
        raise UnsupportedNotationError("the network has no values for one example and one unit")
    dummies: dict[Key, IndexedArray] = {}
    for _ in range(4):
        try:
            inner = replace(evaluator, dummies=dict(dummies)) if dummies else evaluator
            return BothSides(inner.values(left), inner.values(right), inner)
        except UnknownNameError as error:
            name = argument_alone(left, right) or error.name
            key = next((found.key for found in reading.name_readings(name, setting.letters)), None)
            if key is None or key in dummies or not _is_function_argument(reading, name, left, right):
                raise
            rng = np.random.default_rng(point + len(dummies))
            dummies[key] = IndexedArray(rng.uniform(0.2, 1.5, (2, 3)) * rng.permuted([[1, -1, 1], [-1, 1, -1]]))
    raise UnsupportedNotationError("too many names are not known")


def argument_alone(left: Node, right: Node) -> Name | None:
    """Return the z of an equation of functions of z alone, as σ′(z) = σ(z)(1 - σ(z)), which holds for any z."""
    parts = [part for side in (left, right) for part in walk(side)]
    heads = {part.function.base for part in parts if isinstance(part, tree.Call) and isinstance(part.function, Name)}
    primed = {part.base.base for part in parts if isinstance(part, tree.Prime) and isinstance(part.base, Name)}
    functions = {*heads, *primed, *GENERIC, *ROWS, "e"}
    names = {part for part in parts if isinstance(part, Name) and part.base not in functions}
    return names.pop() if len(names) == 1 else None


def _is_function_argument(reading: DocumentReading, name: Name, left: Node, right: Node) -> bool:
    """Return True if an unknown name is the argument of a function, in these sides or in a definition."""
    if name.above or name.below:
        return False
    bodies = [definition.body for definition in reading.symbols.definitions.values()]
    functions = {*GENERIC, *ROWS, *reading.symbols.functions}
    parts = (part for side in (left, right, *bodies) for part in walk(side))
    return any(_applies_function(part, name, functions) for part in parts)


def _applies_function(part: Node, argument: Name, functions: set[str]) -> bool:
    """Return True if a formula applies a function f: as f(z), as f before brackets, or in ∂f/∂z."""
    if isinstance(part, tree.Call):
        return argument in part.arguments and _is_elementwise(part)
    if isinstance(part, tree.Multiply):
        return any(
            isinstance(f, Name) and f.base in functions and isinstance(group, Group) and group.items == (argument,)
            for f, group in zip(part.factors, part.factors[1:], strict=False)
        )
    if isinstance(part, tree.Partial):
        return part.by == argument and isinstance(part.of, Name) and part.of.base in functions
    return False


def _is_elementwise(call: tree.Call) -> bool:
    function = call.function
    while isinstance(function, tree.Prime):
        function = function.base
    return isinstance(function, Name) and function.base not in {"tr", "softmax", "diag", "sum", "mean", "det"}
