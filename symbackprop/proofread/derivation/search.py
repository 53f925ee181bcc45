"""Which way to read a document: the one with the fewest lines that are wrong or not understood."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from symbackprop.network.network import Network
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.documents import Document
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, walk
from symbackprop.printing.naming import key_of
from symbackprop.proofread.derivation.session import DocumentReading, Interpretation
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.conventions import Layout
from symbackprop.proofread.interpreter.network_at_point import ALL, ONE_EXAMPLE, Worlds

_ONE_EXAMPLE = re.compile(
    r"(?:one|single|each|per|an?|given)[\s-]+(?:training[\s-]+)?(?:example|sample|instance|pattern|observation|input|pair)"
    r"|for one|per-example|a vector|column vector|one at a time|online|stochastic",
    re.IGNORECASE,
)


_MOST_STARTS = 2
_CLASS = re.compile(
    r"range\(|_\{?\s*y_|_(?:[ytc](?![\w{])|\{\s*[ytc]\s*\})"
)  # the probability of an example's own class


def best_session(network: Network, document: Document, written: Sequence[Statement], seed: int) -> DocumentReading:
    """The reading with the fewest lines that are wrong or not understood."""
    worlds = Worlds(network, seed, bool(_CLASS.search(document.text)))
    best: tuple[float, DocumentReading] = (float("inf"), DocumentReading(worlds, written, Interpretation()))
    one_example = may_be_of_one_example(document, written)
    for rank, way in enumerate(_ways(network, written, one_example)):
        if not _can_help(way, best[1]):
            continue
        for session in _with_scales(worlds, written, way):
            scales = (session.way.cost_scale, session.way.error_scale)
            cost = _cost(session, best[0]) + rank * 0.01 + 0.5 * sum(scale != 1 for scale in scales)
            if cost < best[0]:
                best = cost, session
        if best[0] < 1:
            break
    if best[0] >= 1:
        best[1].find_errors()
    return best[1]


def _can_help(way: Interpretation, best: DocumentReading) -> bool:
    """Whether a way is about anything in the lines that do not hold so far."""
    if not (way.document_first or way.layout.numerator or way.units):
        return True
    failing = [
        written
        for rank, written in enumerate(best.document)
        if equalities(written) and not best.is_range(written) and best.judge(rank).holds is not True
    ]
    return not (
        (way.document_first and not any(best.is_said_again(written) for written in failing))
        or (way.layout.numerator and not any(_has_slope(written) for written in failing))
        or (way.units and not best.way.units and not any(_has_units(written, way) for written in failing))
    )


def _has_slope(written: Statement) -> bool:
    return any(isinstance(part, tree.Partial | tree.Differential) for side in written.sides for part in walk(side))


def _has_units(written: Statement, way: Interpretation) -> bool:
    letters = dict(way.units)
    marks = [mark.content for name in written.names for mark in name.below]
    return any(isinstance(content, Name) and content.base in letters for content in marks)


def _with_scales(worlds: Worlds, written: Sequence[Statement], way: Interpretation) -> list[DocumentReading]:
    """With the network's own cost and errors; and with the document's, if those are multiples of them."""
    plain = DocumentReading(worlds, written, way)
    found = [plain]
    scaled: list[tuple[Callable[[DocumentReading, int], bool], Callable[[float], Interpretation]]] = [
        (_is_cost_line, lambda ratio: replace(way, cost_scale=ratio)),
        (DocumentReading.is_error_line, lambda ratio: replace(way, error_scale=ratio)),
    ]
    for is_meant, way_with in scaled:
        ratios = (plain.judge(rank).ratio for rank in range(len(written)) if is_meant(plain, rank))
        ratio = next((ratio for ratio in ratios if ratio is not None), None)
        if ratio is not None and abs(ratio - 1) > values.CLOSE and _is_usual(plain, ratio):
            found.append(DocumentReading(worlds, written, way_with(ratio)))
    return found


def _is_cost_line(session: DocumentReading, rank: int) -> bool:
    sides = equalities(session.document[rank])
    return bool(sides) and isinstance(sides[0], Name) and session.is_cost(sides[0])


def _is_usual(session: DocumentReading, ratio: float) -> bool:
    return any(abs(ratio - usual) < 1e-6 * usual for usual in session.usual_factors())


def _cost(session: DocumentReading, limit: float) -> float:
    """How badly a reading fits; no more is looked at where it fits worse than another one."""
    total = 0.0
    for rank, written in enumerate(session.document):
        if not equalities(written) or session.is_range(written):
            continue
        judgment = session.judge(rank)
        if judgment.holds and session.is_another(rank):
            total += 2.05  # it may as well be a mistake
        if judgment.holds is not True:
            if total > limit:
                break
            total += 2.0 if judgment.holds is False else 2.1
            total -= 0.05 * (judgment.ratio is not None or judgment.is_transposed)
    return total


def may_be_of_one_example(document: Document, written: Sequence[Statement]) -> bool:
    """Whether a document may mean one example alone: it says so, or speaks of vectors x and y and of no batch."""
    if _ONE_EXAMPLE.search(document.text):
        return True
    names = {name for w in written for name in w.names}
    parts = (part for w in written for side in w.sides for part in tree.walk(side))
    summed = {index for part in parts if isinstance(part, tree.Summation) for index in part.indices or ("",)}
    return not {name.base for name in names} & {"N", "m", "M", "ones", "X", "Y"} and summed <= _letters_of_units(names)


def _letters_of_units(names: Collection[Name]) -> set[str]:
    """The letters of w_{ij}, of which one is also that of a single unit, as in a_j."""
    below = [{mark.content.base for mark in name.below if isinstance(mark.content, Name)} for name in names]
    pairs = [letters for name, letters in zip(names, below, strict=True) if name.base in {"w", "W"}]
    return {letter for letters in pairs if len(letters) == 2 for letter in letters}


def _ways(network: Network, document: Sequence[Statement], one_example: bool) -> Iterator[Interpretation]:
    """The ways to read a document, likely ones first."""
    every = _unit_letters(network, document)
    first, *others = _layouts(one_example)
    yield from (replace(first, units=units) for units in every)
    yield from (replace(way, units=units) for units in every for way in others)


def _unit_letters(network: Network, document: Sequence[Statement]) -> list[tuple[tuple[str, int], ...]]:
    """Which layers' units i, j and k number in w_{ij} and w_{jk}, where the network numbers its weights."""
    layers = {key[2] for key in map(key_of, network.symbols) if key[0] in {"W", "w"} and key[2].isdigit()}
    last = max((int(layer) for layer in layers), default=0)
    pairs = _pairs_at_weights(document)
    if last < 2 or not pairs:
        return [()]
    if set(pairs) == {str(layer) for layer in range(1, last + 1)}:
        said = [{*"".join(pairs[str(layer)])} for layer in range(1, last + 1)]
        return [(), *_in_order(said)]
    if set(pairs) != {""} or not 2 <= len({*"".join(pairs[""])}) <= last + 1:
        return [()]
    by_name, chain = sorted({*"".join(pairs[""])}), _chained(pairs[""])
    starts = list(range(last + 1 - len(by_name), -1, -1))[:_MOST_STARTS]
    orders = [in_order for in_order in (by_name, by_name[::-1], chain, chain[::-1]) if in_order]
    every = (tuple(zip(in_order, range(start, last + 1), strict=False)) for in_order in orders for start in starts)
    return [*dict.fromkeys(every), ()]


def _pairs_at_weights(document: Sequence[Statement]) -> dict[str, list[str]]:
    """The two letters of each w_{ij}, by the layer that stands there as a number; "" where none does."""
    found: dict[str, list[str]] = {}
    for name in sorted({name for written in document for name in written.names if name.base in {"w", "W"}}, key=str):
        marks = [mark.content for mark in (*name.above, *name.below)]
        numbers = [str(content.value) for content in marks if isinstance(content, tree.Number)]
        letters = sorted({content.base for content in marks if isinstance(content, Name) and len(content.base) == 1})
        if len(letters) == 2 and len(numbers) <= 1:
            pairs = found.setdefault("".join(numbers), [])
            pairs += [] if "".join(letters) in pairs else ["".join(letters)]
    return found


def _chained(pairs: Sequence[str]) -> list[str]:
    """Letters from layer to layer, where w_{ij} and w_{ki} say j, i, k."""
    if len(pairs) != 2 or len({*pairs[0]} & {*pairs[1]}) != 1:
        return []
    (shared,) = {*pairs[0]} & {*pairs[1]}
    first, last = sorted({*pairs[0]} ^ {*pairs[1]})
    return [first, shared, last]


def _in_order(pairs: Sequence[set[str]]) -> list[tuple[tuple[str, int], ...]]:
    """The layers of letters of which two stand at the weights of each layer; none if they do not say it."""
    shared = [one & other for one, other in pairwise(pairs)]
    if any(len(pair) != 2 for pair in pairs) or any(len(both) != 1 for both in shared):
        return []
    ends = [pairs[0] - shared[0], *shared, pairs[-1] - shared[-1]]
    return [tuple((min(letters), layer) for layer, letters in enumerate(ends))]


def _layouts(one_example: bool) -> Iterator[Interpretation]:
    extents = [ALL, ONE_EXAMPLE] if one_example else [ALL]
    for numerator in (False, True):
        for document_first in (False, True):
            for extent in extents:
                for data, weights in ((False, False), (True, True), (True, False), (False, True)):
                    yield Interpretation(Layout(data, weights, numerator), extent, document_first)
