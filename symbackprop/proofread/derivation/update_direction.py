"""Gradient descent steps in a document, and the check that they decrease the cost."""

import math
from dataclasses import replace

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Add, Name, Node, negated, walk
from symbackprop.parsing.unparse import to_source
from symbackprop.parsing.updates import Update
from symbackprop.printing.naming import key_of
from symbackprop.proofread.derivation.judge import worst
from symbackprop.proofread.derivation.reading import POINTS, DocumentReading, Setting
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.conventions import UnknownNameError
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import ONE_EXAMPLE, UNITS
from symbackprop.proofread.interpreter.values import ShapeMismatchError, scalar

_RATE = 0.3
_RATES = {"eta", "alpha", "epsilon", "gamma", "mu", "rho", "lr"}
_UPHILL = "the step goes uphill: what is added must have the other sign"


def judge_update(reading: DocumentReading, update: Update) -> Judgment:
    """Return the judgment of an update of a parameter: right if each change is a negative multiple of the gradient.

    W ← W + ΔW only defines ΔW.
    """
    if not update.changes or _subtracts_step(update):
        return Judgment(True, reading.interpretation.scope, is_definition=True)
    is_subtracted = update.own is None and any(
        other.update is not None and _subtracts_step(other.update) for other in reading.statements
    )
    changes = [negated(change) if is_subtracted else change for change in update.changes]
    return worst([_judge_change(reading, update.name, change) for change in changes])


def _subtracts_step(update: Update) -> bool:
    """Return True for w ← w - Δw, after which Δw is a step that is subtracted."""
    return len(update.changes) == 1 and _is_negative_step(update.changes[0])


def _is_negative_step(change: Node) -> bool:
    term = change.terms[0] if isinstance(change, Add) and change.signs == (-1,) else None
    return isinstance(term, tree.Multiply) and term.factors[0] == Name(base="Delta")


def _judge_change(reading: DocumentReading, name: Name, change: Node) -> Judgment:
    cost = key_of(str(reading.network.cost.symbol))[0]
    gradient = tree.Partial(of=Name(base=cost), by=name)
    choices = [{}, *({letter: k} for letter in sorted(name.script_letters) for k in reading.symbols.layers)]
    found = [
        judgment
        for scope in dict.fromkeys((reading.interpretation.scope, UNITS, ONE_EXAMPLE))
        for choice in choices
        if (judgment := _at_points(reading, Setting(scope, choice), change, gradient)) is not None
    ]
    decided = [judgment for judgment in found if judgment.holds is not None]
    known = decided or found
    reason = f"∂{cost}/∂{name.source or name.base}, or the change that is added, has no value here"
    return known[0] if known else Judgment(None, reason=reason)


def _at_points(reading: DocumentReading, setting: Setting, change: Node, gradient: Node) -> Judgment | None:
    """Return the judgment of a change: right if it is the same negative multiple of the gradient at each point.

    The result is None if the change or the gradient has no known value.
    """
    ratios = [_ratio(reading.evaluator(setting, point), change, gradient) for point in range(POINTS)]
    if any(math.isnan(ratio) for ratio in ratios):
        return None
    if ratios[0] == 0 or not math.isclose(ratios[0], ratios[1], rel_tol=1e-6):
        return Judgment(None, reason="the change is not a multiple of the gradient of the network's cost")
    return Judgment(ratios[0] < 0, setting.scope, reason="" if ratios[0] < 0 else _UPHILL)


def _ratio(evaluator: Evaluator | None, change: Node, gradient: Node) -> float:
    """Return the ratio of the change to the gradient for some learning rate; 0 if there is none, NaN if not known."""
    if evaluator is None:
        return math.nan
    symbols = evaluator.symbols
    names = {(part.base, "", "") for part in walk(change) if isinstance(part, Name) and part.base in _RATES}
    rates = {key: scalar(_RATE) for key in names if key not in symbols.known and key not in symbols.definitions}
    for _ in range(4):
        try:
            wanted = evaluator.values(gradient)
            found = (replace(evaluator, dummies=dict(rates)) if rates else evaluator).values(change)
        except UnknownNameError as error:
            if error.name.above or error.name.below or error.name in walk(gradient):
                return math.nan
            rates[error.name.base, "", ""] = scalar(_RATE)
            continue
        except (ShapeMismatchError, UnsupportedNotationError):
            return math.nan
        ratios = [values.ratio(one, other) for one in found for other in wanted]
        return next((ratio for ratio in ratios if ratio is not None), 0.0)
    return math.nan


def corrected(update: Update, style: str) -> str:
    """Return the update with the opposite sign."""
    change = update.changes[-1]
    signs, terms = (change.signs, change.terms) if isinstance(change, Add) else ((1,), (change,))
    turned = Add(signs=tuple(-sign for sign in signs), terms=terms)
    whole = turned if update.own is None else Add(signs=(1, *turned.signs), terms=(update.own, *turned.terms))
    sign = "=" if style == "numpy" or update.own is None else r"\leftarrow"
    return f"{to_source(update.left, style)} {sign} {to_source(whole, style)}"
