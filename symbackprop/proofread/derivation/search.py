"""Search for the interpretation of a document with the fewest lines that are wrong or not understood."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, product

from symbackprop.network.network import Network
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.documents import Document
from symbackprop.parsing.statements import Statement
from symbackprop.parsing.syntax_tree import Name, walk
from symbackprop.printing.naming import key_of
from symbackprop.proofread.derivation.adjoints import (
    choose_adjoints,
    find_misdefined_adjoints,
    marks_agreed,
    marks_said,
)
from symbackprop.proofread.derivation.definitions import hides_network_quantity, read_definitions
from symbackprop.proofread.derivation.factors import usual_factors
from symbackprop.proofread.derivation.guard import guarded
from symbackprop.proofread.derivation.judge import judge
from symbackprop.proofread.derivation.own_functions import choose_functions, functions_in_words
from symbackprop.proofread.derivation.reading import DocumentReading, Interpretation, Units
from symbackprop.proofread.derivation.subjects import (
    claims,
    is_adjoint_line,
    is_cost_line,
    redefines_network_quantity,
)
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import DocumentLayout
from symbackprop.proofread.interpreter.network_at_point import ALL, ONE_EXAMPLE, NetworkAtPoints

ONE_EXAMPLE_IN_WORDS = re.compile(
    r"(?:one|single|each|per|an?|given)[\s-]+(?:training[\s-]+)?(?:example|sample|instance|pattern|observation|input|pair)"
    r"|for one|per-example|a vector|column vector|one at a time|online|stochastic",
    re.IGNORECASE,
)
CLASSES_IN_WORDS = re.compile(  # of the classes that a text tells apart: the own one of an example, and the others
    r"\b(?:correct|incorrect|true|target|actual|right|wrong|(?:an)?other|own|ground[ -]truth) (?:class|label|word)"
    r"|\bclass(?:es)? other than|\bnot the (?:correct|true|target)",
    re.IGNORECASE,
)
_CLASS = re.compile(  # the probability of an example's own class
    r"range\(|_\{?\s*y_|_(?:[ytc](?![\w{])|\{\s*[ytc]\s*\})"
)
_MOST_STARTS = 2
STEPS_OF_SEARCH = 300_000  # of evaluation, to try interpretations of one document
SECONDS_OF_SEARCH = 4.0  # of processor time, to try interpretations of one document


def best_reading(network: Network, document: Document, statements: Sequence[Statement], seed: int) -> DocumentReading:
    """Return the reading with the fewest lines that are wrong or not understood."""
    has_classes = bool(_CLASS.search(document.text) or CLASSES_IN_WORDS.search(document.text))
    points = NetworkAtPoints(network, seed, has_classes)
    first = complete(
        DocumentReading(points, statements, text=document.text, marks=marks_said(document.text, statements))
    )
    with points.budget.at_most(STEPS_OF_SEARCH), points.budget.within(SECONDS_OF_SEARCH):
        best, least = _least_costly(first, may_be_of_one_example(document, statements))
    if least >= 1:
        with points.budget.at_most(STEPS_OF_SEARCH), points.budget.within(SECONDS_OF_SEARCH / 4):
            guarded(partial(find_misdefined_adjoints, best), _unchanged)
    return best


def _least_costly(first: DocumentReading, one_example: bool) -> tuple[DocumentReading, float]:
    """Return the reading with the lowest penalty, and its penalty; only as many are tried as the budget allows."""
    points, statements = first.points, first.statements
    best, least = first, float("inf")
    for index, interpretation in enumerate(_interpretations(first.network, statements, one_example)):
        if points.budget.is_spent:
            break
        if not _can_help(interpretation, best):
            continue
        for reading in _with_scales(best.like(interpretation=interpretation)):
            scales = (reading.interpretation.cost_scale, reading.interpretation.adjoint_scale)
            cost = _cost(reading, least) + index * 0.01 + 0.5 * sum(scale != 1 for scale in scales)
            if cost < least and not points.budget.is_spent:
                best, least = reading, cost
        if least < 1:
            break
    return best, least


def complete(reading: DocumentReading) -> DocumentReading:
    """Return a document as read under its interpretation, with its definitions and the meaning of each δ.

    A document is read once under each interpretation, unless the budget has ended it.
    """
    key = reading.interpretation, reading.marks
    if key not in reading.completed:
        found = _completed(reading)
        if reading.points.budget.is_spent:
            return found
        reading.completed[key] = found
    return reading.completed[key]


def _completed(reading: DocumentReading) -> DocumentReading:
    read_definitions(reading)
    for step in (functions_in_words, choose_functions, choose_adjoints):
        guarded(partial(step, reading), _unchanged)
    found = marks_agreed(reading) - reading.marks
    return complete(reading.like(marks=reading.marks | found)) if found else reading


def _unchanged(_: str) -> None:
    """Leave the names as they are."""


def other_readings(reading: DocumentReading) -> list[DocumentReading]:
    """Return the document read in the other layouts, as many as the budget of the first call allowed."""
    if reading.in_other_layouts is None:
        reading.in_other_layouts = list(_in_other_layouts(reading))
    return reading.in_other_layouts


def _in_other_layouts(reading: DocumentReading) -> Iterator[DocumentReading]:
    own, budget = reading.interpretation, reading.points.budget
    for data, weights in ((False, False), (True, True), (True, False), (False, True)):
        other = replace(own, layout=DocumentLayout(data, weights, own.layout.numerator))
        found = None if other == own or budget.is_spent else complete(reading.like(interpretation=other))
        if found is not None and not budget.is_spent:
            yield found


def _can_help(interpretation: Interpretation, best: DocumentReading) -> bool:
    """Return True if an interpretation may change the reading of a line that is not right so far."""
    if not (interpretation.document_first or interpretation.layout.numerator or interpretation.units):
        return True
    failing = [best.statements[index] for index in claims(best) if judge(best, index).holds is not True]
    if interpretation.document_first and not any(redefines_network_quantity(best, one) for one in failing):
        return False
    if interpretation.layout.numerator and not any(map(_has_derivative, failing)):
        return False
    is_about_units = interpretation.units and not best.interpretation.units
    return not is_about_units or any(_has_units(statement, interpretation) for statement in failing)


def _has_derivative(statement: Statement) -> bool:
    parts = (part for side in statement.sides for part in walk(side))
    return any(isinstance(part, tree.Partial | tree.Differential) for part in parts)


def _has_units(statement: Statement, interpretation: Interpretation) -> bool:
    letters = dict(interpretation.units)
    marks = [mark.content for name in statement.names for mark in name.below]
    return any(isinstance(content, Name) and content.base in letters for content in marks)


def _with_scales(bare: DocumentReading) -> list[DocumentReading]:
    """Return the readings with the network's own cost and adjoints, and with usual multiples that the lines suggest."""
    interpretation, statements = bare.interpretation, bare.statements
    plain = complete(bare)
    found = [plain]
    scaled: list[tuple[Callable[[DocumentReading, int], bool], Callable[[float], Interpretation]]] = [
        (is_cost_line, lambda ratio: replace(interpretation, cost_scale=ratio)),
        (is_adjoint_line, lambda ratio: replace(interpretation, adjoint_scale=ratio)),
    ]
    for is_meant, with_scale in scaled:
        ratios = (judge(plain, index).ratio for index in range(len(statements)) if is_meant(plain, index))
        ratio = next((ratio for ratio in ratios if ratio is not None), None)
        if ratio is not None and abs(ratio - 1) > values.CLOSE and _is_usual(plain, ratio):
            found.append(complete(bare.like(interpretation=with_scale(ratio))))
    return found


def _is_usual(reading: DocumentReading, ratio: float) -> bool:
    return any(abs(ratio - usual) < 1e-6 * usual for usual in usual_factors(reading))


def _cost(reading: DocumentReading, limit: float) -> float:
    """Return the penalty of a reading for lines that are not right; if it exceeds `limit`, only a part of it."""
    total = 0.0
    for index in claims(reading):
        judgment = judge(reading, index)
        if judgment.holds and hides_network_quantity(reading, index):
            total += 2.05  # it may also be a mistake
        if judgment.holds is not True:
            if total > limit:
                break
            total += 2.0 if judgment.holds is False else 2.1
            total -= 0.05 * (judgment.ratio is not None or judgment.is_transposed)
    return total


def may_be_of_one_example(document: Document, statements: Sequence[Statement]) -> bool:
    """Return True if a document may be about one example: by its words, or by vectors x and y without a batch."""
    if ONE_EXAMPLE_IN_WORDS.search(document.text):
        return True
    if all(statement.kind == "numpy" for statement in statements):  # arrays hold all examples
        return False
    names = {name for statement in statements for name in statement.names}
    parts = (part for statement in statements for side in statement.sides for part in tree.walk(side))
    summed = {index for part in parts if isinstance(part, tree.Summation) for index in part.indices or ("",)}
    return not {name.base for name in names} & {"N", "m", "M", "ones", "X", "Y"} and summed <= _letters_of_units(names)


def _letters_of_units(names: Collection[Name]) -> set[str]:
    """Return the index letters of all weights with two indices, such as i and j of w_{ij}; they index units."""
    below = [{mark.content.base for mark in name.below if isinstance(mark.content, Name)} for name in names]
    pairs = [letters for name, letters in zip(names, below, strict=True) if name.base in {"w", "W"}]
    return {letter for letters in pairs if len(letters) == 2 for letter in letters}


def _interpretations(network: Network, statements: Sequence[Statement], one_example: bool) -> Iterator[Interpretation]:
    """Yield the possible interpretations of a document, the most likely ones first."""
    every = _unit_letters(network, statements)
    first, *others = _layouts(one_example)
    yield from (replace(first, units=units) for units in every)
    yield from (replace(other, units=units) for units in every for other in others)


def _unit_letters(network: Network, statements: Sequence[Statement]) -> list[Units]:
    """Return possible layers for the letters in w_{ij}, w_{jk}, …; each letter numbers the units of one layer."""
    layers = {key[2] for key in map(key_of, network.symbols) if key[0] in {"W", "w"} and key[2].isdigit()}
    last = max((int(layer) for layer in layers), default=0)
    pairs = _pairs_at_weights(statements)
    if last < 2 or not pairs:
        return [()]
    if set(pairs) == {str(layer) for layer in range(1, last + 1)}:
        sets = [{*"".join(pairs[str(layer)])} for layer in range(1, last + 1)]
        return [(), *_in_order(sets)]
    if set(pairs) != {""} or not 2 <= len({*"".join(pairs[""])}) <= last + 1:
        return [()]
    by_name, chain = sorted({*"".join(pairs[""])}), _chained(pairs[""])
    starts = list(range(last + 1 - len(by_name), -1, -1))[:_MOST_STARTS]
    orders = [in_order for in_order in (by_name, by_name[::-1], chain, chain[::-1]) if in_order]
    every = (tuple(zip(in_order, range(start, last + 1), strict=False)) for in_order in orders for start in starts)
    return [*dict.fromkeys(every), ()]


def _pairs_at_weights(statements: Sequence[Statement]) -> dict[str, list[str]]:
    """Return the index pairs of the weights w_{ij} by their layer number, which is "" for weights without one."""
    found: dict[str, list[str]] = {}
    weights = {name for statement in statements for name in statement.names if name.base in {"w", "W"}}
    for name in sorted(weights, key=str):
        numbers = [str(content.value) for content in name.scripts if isinstance(content, tree.Number)]
        letters = sorted(letter for letter in name.script_letters if len(letter) == 1)
        if len(letters) == 2 and len(numbers) <= 1:
            pairs = found.setdefault("".join(numbers), [])
            pairs += [] if "".join(letters) in pairs else ["".join(letters)]
    return found


def _chained(pairs: Sequence[str]) -> list[str]:
    """Return the index letters in the order of the layers: w_{ij} and w_{ki} give j, i, k; [] if there is none."""
    if len(pairs) != 2 or len({*pairs[0]} & {*pairs[1]}) != 1:
        return []
    (shared,) = {*pairs[0]} & {*pairs[1]}
    first, last = sorted({*pairs[0]} ^ {*pairs[1]})
    return [first, shared, last]


def _in_order(pairs: Sequence[set[str]]) -> list[Units]:
    """Return the layer of each letter, given the two letters of the weights of each layer; [] if it is ambiguous."""
    shared = [one & other for one, other in pairwise(pairs)]
    if any(len(pair) != 2 for pair in pairs) or any(len(both) != 1 for both in shared):
        return []
    ends = [pairs[0] - shared[0], *shared, pairs[-1] - shared[-1]]
    return [tuple((min(letters), layer) for layer, letters in enumerate(ends))]


def _layouts(one_example: bool) -> Iterator[Interpretation]:
    scopes = [ALL, ONE_EXAMPLE] if one_example else [ALL]
    orientations = ((False, False), (True, True), (True, False), (False, True))  # of data and of weights
    choices = product((False, True), (False, True), scopes, orientations)
    for numerator, document_first, scope, (data, weights) in choices:
        yield Interpretation(DocumentLayout(data, weights, numerator), scope, document_first)
