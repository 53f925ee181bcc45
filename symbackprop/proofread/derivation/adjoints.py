"""Meanings of δ: the ∂J/∂v that a name of the document denotes, and its factor."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.derivation.at_points import common_ratio
from symbackprop.proofread.derivation.judge import judge
from symbackprop.proofread.derivation.reading import POINTS, DocumentReading, Setting
from symbackprop.proofread.derivation.subjects import defines_by_partial, is_cost, is_gradient_line
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.adjoint_marks import marks_of, plain_key
from symbackprop.proofread.interpreter.quantities import (
    adjoint_of,
    quantity_named,
    quantity_of_definition,
    values_of_adjoint,
    values_of_definition,
)
from symbackprop.proofread.interpreter.symbol_table import AdjointMultiple
from symbackprop.proofread.interpreter.values import ShapeMismatchError


def choose_adjoints(reading: DocumentReading) -> None:
    """Decide for each δ of the document if it denotes ∂J/∂z, a multiple of it, or the value of its definition."""
    scales: dict[float, None] = {}  # of the δ before
    intended: dict[int, float] = {}
    reading.odd_scales.clear()
    for index, key in list(reading.definitions.items()):
        standard, is_supported = _standard(reading, key), True
        if standard is None:
            standard, is_supported = _marked(reading, key), False
        if standard is None:
            continue
        ratio = _ratio_to(reading, key, standard)
        is_multiple = ratio is not None and not np.isclose(ratio, 1.0)
        if ratio is not None and is_multiple and is_supported:
            scales.setdefault(ratio)
        scaled = [replace(standard, scale=scale) for scale in scales if ratio is None or scale == ratio]
        users = _users(reading, key, index)
        is_first = is_supported or (ratio is not None and not is_multiple)
        candidates = [standard, None] if is_first else [None, standard]
        chosen = _best(reading, index, [*candidates, *(scaled if is_supported else ())], users, ratio)
        _set(reading, key, chosen)
        if chosen is None and ratio is not None and is_multiple and is_supported:
            (intended if users or _mentions_partial(reading, index) else reading.odd_scales)[index] = ratio
    for index, ratio in list(reading.odd_scales.items()):
        if any(np.isclose(ratio, other) for other in intended.values()):
            del reading.odd_scales[index]


def _best(
    reading: DocumentReading,
    index: int,
    candidates: Sequence[AdjointMultiple | None],
    users: Sequence[int],
    ratio: float | None,
) -> AdjointMultiple | None:
    """Return the meaning of a δ with which the fewest lines are wrong, the first of several that are equally good."""
    key = reading.definitions[index]

    def failures(candidate: AdjointMultiple | None) -> int:
        failing = sum(_failing(reading, key, candidate, users))
        if candidate is not None:
            return failing + (judge(reading, index).holds is False)
        return failing + (ratio is None and not defines_by_partial(reading, index))

    return min(candidates, key=failures)


def _failing(
    reading: DocumentReading, key: Key, candidate: AdjointMultiple | None, users: Sequence[int]
) -> Iterator[bool]:
    """Set the meaning of a δ, and yield, for each statement that uses it, True unless the statement is then right."""
    _set(reading, key, candidate)
    yield from (judge(reading, user).holds is not True for user in users)


def _mentions_partial(reading: DocumentReading, index: int) -> bool:
    """Return True if a definition contains a ∂J/∂v, which determines the multiple that it denotes."""
    parts = [part for side in reading.sides(index)[1:] for part in walk(side)]
    return any(isinstance(part, tree.Partial) and is_cost(reading, part.of) for part in parts)


def find_misdefined_adjoints(reading: DocumentReading) -> None:
    """Choose, for each name with a wrong definition, the ∂J/∂v with which the gradients that contain it are right."""
    for index, key in reading.definitions.items():
        if key[0] != "J" and key not in reading.symbols.known and not defines_by_partial(reading, index):
            chosen = reading.symbols.chosen.get(key)
            if chosen is None or not judge(reading, index).holds:  # else dH is ∂J/∂H, as it should be
                _set(reading, key, _misdefined(reading, key, index) or chosen)


def _misdefined(reading: DocumentReading, key: Key, index: int) -> AdjointMultiple | None:
    """Return a meaning ∂J/∂v of a name with which all gradients that contain it are right, or None.

    The result is also None if one of these gradients is right already.
    """
    users = _users(reading, key, index)
    evaluator = reading.own_evaluator
    if not users or evaluator is None or any(judge(reading, user).holds for user in users):
        return None
    if quantity_of_definition(evaluator, key) is not None:
        return None
    candidates = (AdjointMultiple(key, node=node) for node in evaluator.point.unperturbed.at.right)
    found = next((one for one in candidates if not any(_failing(reading, key, one, users))), None)
    _set(reading, key, None)
    return found


def _set(reading: DocumentReading, key: Key, candidate: AdjointMultiple | None) -> None:
    """Set the meaning of a δ, in all layers if one line defines δ_j for the units of every layer."""
    for other in (key, *reading.symbols.of_other_layers(key)):
        reading.symbols.chosen.pop(other, None)
        if candidate is not None:
            of = candidate.of if other == key else (*candidate.of[:2], other[2])
            reading.symbols.chosen[other] = replace(candidate, of=of)


def _standard(reading: DocumentReading, key: Key) -> AdjointMultiple | None:
    """Return the conventional meaning of a name: dW for ∂J/∂W, δ for ∂J/∂z; None for any other name."""
    if _is_differential(key):
        of = (key[0][1:], *key[1:])
        return AdjointMultiple(of) if _has_adjoint(reading, of) else None
    found = reading.symbols.adjoint(key)
    return found if found is not None and _has_adjoint(reading, found.of) else None


def _marked(reading: DocumentReading, key: Key) -> AdjointMultiple | None:
    r"""Return the ∂J/∂v that a name such as \bar v may denote in a document that does not say so; else None."""
    return next((AdjointMultiple(of) for _, of in reading.symbols.marked(key) if _has_adjoint(reading, of)), None)


_WORDS = {"bar": re.compile(r"\badjoints?\b|\bcotangents?\b|\bsensitivit(?:y|ies)\b", re.IGNORECASE)}
_ENOUGH = 2  # lines that agree


def marks_said(text: str, statements: Sequence[Statement]) -> frozenset[str]:
    r"""Return the marks of adjoints that a text names: by \bar x = ∂C/∂x of any x, or by a word such as adjoint."""
    found = {mark for mark, word in _WORDS.items() if word.search(text)}
    for statement in statements:
        sides = equalities(statement)
        name = sides[0] if sides else None
        partials = [side for side in sides[1:] if isinstance(side, tree.Partial | tree.Differential)]
        by = next((p.by if isinstance(p, tree.Partial) else p.body for p in partials), None)
        if isinstance(name, Name) and isinstance(by, Name):
            found |= {mark for mark, quantity in marks_of(plain_key(name)) if quantity == plain_key(by)}
    return frozenset(found)


def marks_agreed(reading: DocumentReading) -> frozenset[str]:
    """Return the marks of at least two names that the document defines as the ∂J/∂v which the marks suggest."""
    counts: Counter[str] = Counter()
    for key in reading.definitions.values():
        for mark, of in reading.symbols.marked(key):
            ratio = _ratio_to(reading, key, AdjointMultiple(of)) if _has_adjoint(reading, of) else None
            counts[mark] += ratio is not None and bool(np.isclose(ratio, 1.0))
    return frozenset(mark for mark, count in counts.items() if count >= _ENOUGH)


def _is_differential(key: Key) -> bool:
    """Return True for a differential such as dW."""
    return key[0].startswith("d") and not key[0].startswith("delta")


def _has_adjoint(reading: DocumentReading, of: Key) -> bool:
    evaluator = reading.own_evaluator
    quantity = None if evaluator is None else quantity_named(evaluator, of)
    return evaluator is not None and quantity is not None and adjoint_of(evaluator, quantity) is not None


def _ratio_to(reading: DocumentReading, key: Key, standard: AdjointMultiple) -> float | None:
    """Return c if the document's δ is c ∂J/∂z at each point, else None."""
    found = []
    for point in range(POINTS):
        evaluator = reading.evaluator(Setting(reading.interpretation.scope), point)
        if evaluator is None:
            return None
        try:
            ours = values_of_adjoint(evaluator, standard)
            ratios = [values.ratio(value, ours[0]) for value in values_of_definition(evaluator, key)]
        except (ShapeMismatchError, UnsupportedNotationError):
            return None
        found.append(next((ratio for ratio in ratios if ratio is not None), None))
    return common_ratio(found)


def _users(reading: DocumentReading, key: Key, index: int) -> list[int]:
    """Return the indices of the statements about gradients of parameters in which a name occurs."""
    others = (k for k in range(len(reading.statements)) if k != index)
    return [k for k in others if is_gradient_line(reading, k) and _uses(reading, k, key)]


def _uses(reading: DocumentReading, index: int, key: Key) -> bool:
    """Return True if a name occurs in a statement, on any side except the first."""
    prefix = "d" if _is_differential(key) else ""
    parts = [part for side in reading.sides(index)[1:] for part in walk(side)]
    bodies = [part.body if prefix and isinstance(part, tree.Differential) else part for part in parts]
    names = (name for name in bodies if isinstance(name, Name))
    return any((prefix + base, *scripts) == key for name in names for base, *scripts in reading.keys(name))
