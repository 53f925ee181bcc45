"""Lines that hold at a minimum alone: normal equations and closed forms, after a gradient was set to 0."""

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import is_about_slopes
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation.at_points import multiple
from symbackprop.proofread.derivation.judge import judge
from symbackprop.proofread.derivation.reading import POINTS, DocumentReading, Setting
from symbackprop.proofread.derivation.subjects import sets_gradient_to_zero, with_respect_to
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import NetworkAtPoint
from symbackprop.proofread.interpreter.orientation import is_transposed

_SMALL = 1e-8  # of the gradient elsewhere


def states_condition(reading: DocumentReading, index: int) -> bool:
    """Return True if the difference of the sides of a line is a multiple of the gradient that was set to 0."""
    gradient, sides = _gradient_before(reading, index), reading.sides(index)
    if gradient is None or len(sides) != 2 or any(map(is_about_slopes, sides)):
        return False
    difference = sides[0] if sides[1] == tree.number(0) else tree.Add(signs=(1, -1), terms=sides)
    return bool(multiple(reading, gradient, difference))


def is_at_minimum(reading: DocumentReading, index: int) -> bool | None:
    """Return whether the gradient is 0 at the w of w = …; None for a line that does not say where the minimum is."""
    gradient, sides = _gradient_before(reading, index), reading.sides(index)
    by = None if gradient is None else with_respect_to(gradient)
    parameter = reading.quantity(by) if isinstance(by, Name) else None
    names = {by.base, f"{by.base}star", f"{by.base}hat"} if isinstance(by, Name) else set()
    is_value = len(sides) == 2 and isinstance(sides[0], Name) and sides[0].base in names
    if parameter is None or not is_value or any(_denotes(reading, part, parameter) for part in walk(sides[1])):
        return None
    evaluators = (reading.evaluator(Setting(reading.interpretation.scope), point) for point in range(POINTS))
    found = [None if one is None else _vanishes(one, parameter, sides[1]) for one in evaluators]
    return None if None in found else all(found)


def _denotes(reading: DocumentReading, part: Node, parameter: Expression) -> bool:
    return isinstance(part, Name) and reading.quantity(part) == parameter


def _gradient_before(reading: DocumentReading, index: int) -> Node | None:
    """Return the last gradient before a line that was set to 0, if that line is right."""
    zero = tree.number(0)
    ending = (k for k in range(index - 1, -1, -1) if reading.sides(k)[-1:] == (zero,))
    before = next((k for k in ending if sets_gradient_to_zero(reading, k)), None)
    return None if before is None or not judge(reading, before).holds else reading.sides(before)[0]


def _vanishes(evaluator: Evaluator, parameter: Expression, formula: Node) -> bool | None:
    """Return whether the gradient is 0 where a parameter has the value of a formula; None if it has no value there."""
    point, found = evaluator.point, evaluator.attempt(formula)
    if not isinstance(point, NetworkAtPoint) or not found or found[0].indices or found[0].is_derivative:
        return None
    array = found[0].array.T if is_transposed(evaluator, parameter) else found[0].array
    if array.shape != np.shape(point.given[parameter]) or parameter not in point.at.right:
        return None
    there = point.perturbed(parameter, array[None]).adjoint(parameter)
    return bool(np.abs(there).max() <= _SMALL * np.abs(np.asarray(point.at.right[parameter], float)).max())
