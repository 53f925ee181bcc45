"""Doubts about a line that fails: another cost, another factor, numbers in place of arrays."""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import pairwise, product

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import is_about_slopes
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.parsing.unparse import to_source
from symbackprop.printing.naming import key_of
from symbackprop.proofread.derivation.implied_sums import names_convention, repeated_letters
from symbackprop.proofread.derivation.judge import judge, judge_sides, worst
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.subjects import (
    claims,
    counts_examples,
    has_value,
    is_adjoint_name,
    is_cost,
    is_gradient_line,
    with_respect_to,
)
from symbackprop.proofread.derivation.surroundings import lines_of_section
from symbackprop.proofread.interpreter.adjoint_marks import COSTS
from symbackprop.proofread.interpreter.network_at_point import ALL
from symbackprop.proofread.interpreter.quantities import call_parts, values_of_definition
from symbackprop.proofread.interpreter.symbol_table import EACH
from symbackprop.proofread.interpreter.values import CLOSE, ShapeMismatchError

_FEW = 4  # lines of a section that are judged
_MANY = 2  # lines that fail
_TIMES = 2  # more than as many lines must hold as fail, where several fail
_LIKELIHOOD = re.compile(r"(?<!negative )(?<!negative-)(?<!minus the )\blog[- ]?likelihood|\bmaxim[iu]", re.IGNORECASE)


def minus_costs(reading: DocumentReading) -> frozenset[str]:
    """Return the letters of costs, other than the network's, that stand for minus its cost: ℓ for a log-likelihood."""
    if not _LIKELIHOOD.search(reading.text):
        return frozenset()
    signs: dict[str, list[bool]] = {}
    own = key_of(str(reading.network.cost.symbol))[0]
    for index in claims(reading):
        letter = cost_letter(reading, index)
        found = [one for one in judge_sides(reading, index) if letter and not one.is_definition]
        holds = all(one.holds for one in found)
        is_minus = any(one.holds is False and one.ratio is not None and one.ratio < 0 for one in found)
        if found and letter != own and (holds or is_minus):
            signs.setdefault(letter, []).append(is_minus)
    return frozenset(letter for letter, found in signs.items() if found[0] and 2 * sum(found) >= len(found))


def cost_letter(reading: DocumentReading, index: int) -> str:
    """Return the letter of the cost of which a line is, or of whose derivative it is, or ""."""
    left = reading.sides(index)[0]
    head = left.of if isinstance(left, tree.Partial) else left
    name = call_parts(head)[0] or head
    return name.base if isinstance(name, Name) and is_cost(reading, head) else ""


def shares_factor(reading: DocumentReading, ratio: float) -> bool:
    """Return True if several gradients differ by a factor, and neither the cost nor a gradient settles another."""
    lines = [k for k in claims(reading) if is_gradient_line(reading, k) or is_cost(reading, reading.sides(k)[0])]
    counting = [k for k in lines if counts_examples(reading, *reading.sides(k))]
    found = [judge(reading, k) for k in counting]
    alike = [
        one for one in found if one.holds is False and one.ratio is not None and abs(one.ratio / ratio - 1) < CLOSE
    ]
    return len(alike) > 1 and not any(one.holds and one.reading == ALL for one in found)


def is_of_numbers(reading: DocumentReading, index: int) -> bool:
    """Return True if all names of a line are small letters without indices, and its section transposes nothing."""
    names = [part for side in reading.sides(index) for part in walk(side) if isinstance(part, Name)]
    parts = (part for k in lines_of_section(reading, index) for side in reading.sides(k) for part in walk(side))
    is_small = all(name.base[:1].islower() and not name.scripts for name in names)
    return is_small and not any(isinstance(part, tree.Transposed) for part in parts)


def factors_that_do_not_fit(reading: DocumentReading, index: int, side: Node) -> str:
    """Return two factors side by side that fit only if one is transposed, in a section that has transposes; or ""."""
    parts = (part for k in lines_of_section(reading, index) for other in reading.sides(k) for part in walk(other))
    evaluator = reading.own_evaluator
    if evaluator is None or not any(isinstance(part, tree.Transposed) for part in parts):
        return ""
    products = [part for part in walk(side) if isinstance(part, tree.Multiply) and not part.sign]
    for one, other in (pair for whole in products for pair in pairwise(whole.factors)):
        found = () if any(map(is_about_slopes, (one, other))) else product(*map(evaluator.attempt, (one, other)))
        shapes = [(a.shape, b.shape) for a, b in found if not (a.is_number or b.is_number or {*a.indices, *b.indices})]
        fits = any(a[1] == b[0] or a == b for a, b in shapes)
        if shapes and not fits and any(a[0] == b[0] or a[1] == b[1] for a, b in shapes):
            return f"{one.source or to_source(one)} and {other.source or to_source(other)}"
    return ""


def is_chain_rule(left: Node, right: Node) -> bool:
    """Return True for dy/dx = dy/dg dg/dx, in which each factor begins with what the one before ends with."""
    factors = right.factors if isinstance(right, tree.Multiply) else ()
    if len(factors) < 2 or not isinstance(left, tree.Partial):
        return False
    chain = [factor for factor in factors if isinstance(factor, tree.Partial)]
    ends = [(one.by, other.of) for one, other in pairwise(chain)]
    ends += [(left.by, chain[-1].by)] if chain else []
    return len(chain) == len(factors) and all(one == other for one, other in ends)


def doubtful_name(reading: DocumentReading, sides: Sequence[Node]) -> str:
    """Return "A is P" for a name A that can only be another name of P, if the document speaks of P, too; or "".

    That A is P is certain where an equation of the document says so.
    """
    symbols = reading.symbols
    own = {symbol: key for key, symbol in symbols.known.items()}
    used = {key for statement in reading.statements for name in statement.names for key in reading.keys(name)}
    stated = {frozenset(reading.sides(k)) for k in claims(reading)}
    parts = (part for side in sides for part in walk(side, into_scripts=False))
    for name in dict.fromkeys(part for part in parts if isinstance(part, Name)):
        key = next(iter(reading.keys(name)), ("", "", ""))
        own_body = symbols.definitions.get(key)
        has_meaning = key in symbols.known or (own_body is not None and has_value(reading, own_body.body))
        meant = None if has_meaning else symbols.aliases.get(key)
        other = own.get(meant)
        if other is None or meant == reading.network.cost.symbol or meant in reading.network.dimensions:
            continue
        is_said = any(name in pair and meant in map(reading.quantity, _names_of(pair - {name})) for pair in stated)
        if other in used and other[0].casefold() != key[0].casefold() and not is_said:
            return f"{name.source or name.base} is {meant}"
    return ""


def _names_of(sides: Collection[Node]) -> list[Name]:
    return [side for side in sides if isinstance(side, Name)]


def implied_sum(reading: DocumentReading, sides: Sequence[Node]) -> str:
    """Return an index that is repeated in a product without a sum, if the text names Einstein's convention; or ""."""
    repeated = (letter for side in sides for letter in repeated_letters(side))
    return next(repeated, "") if names_convention(reading.text) else ""


def numbers_examples(reading: DocumentReading, side: Node) -> str:
    """Return a name of which a formula lists the first entries by number, as an example with so many inputs does."""
    numbers: dict[str, set[int]] = {}
    for name in (part for part in walk(side) if isinstance(part, Name)):
        of_layers = any(reading.symbols.symbol(key) is not None for key in reading.keys(name) if key[2])
        contents = [mark.content for mark in name.below]
        if len(contents) == 1 and isinstance(contents[0], tree.Number) and not of_layers:
            numbers.setdefault(name.base, set()).add(int(contents[0].value))
    return next((base for base, found in numbers.items() if len(found) > 1), "")


def contest(reading: DocumentReading, index: int, minus: Collection[str]) -> str:
    """Return that too many lines of the section of a line fail, and how many hold, or ""; one alone may fail.

    In a section of few lines, the lines of the whole document are counted; lines about minus the cost are not.
    """
    holding, failing = _counts(reading, lines_of_section(reading, index), minus)
    if holding + failing < _FEW:
        holding, failing = _counts(reading, list(claims(reading)), minus)
    if holding + failing < _FEW or failing < _MANY or holding > _TIMES * failing:
        return ""
    return f"{failing} lines here fail and {holding} hold: another network, or another notation, may be meant"


def _counts(reading: DocumentReading, lines: Sequence[int], minus: Collection[str]) -> tuple[int, int]:
    """Return how many of some lines hold, without definitions, and how many about derivatives or costs fail.

    Several lines that fail about the same left side, or about the derivative by the same quantity, count once; lines
    whose shapes do not fit are not counted.
    """
    holding, failing = 0, set()
    for k in (k for k in lines if not minus or cost_letter(reading, k) not in minus):
        found = judge_sides(reading, k)
        holds = worst(found).holds
        holding += bool(holds) and not all(one.is_definition for one in found)
        is_other_value = holds is False and not worst(found).reason
        if is_other_value and _is_derived(reading, k):
            failing.add(_quantity(reading, reading.sides(k)[0]))
    return holding, len(failing)


def _quantity(reading: DocumentReading, left: Node) -> object:
    """Return the v of ∂J/∂v and of dv, as a quantity of the network if it is one; else the left side itself."""
    by = with_respect_to(left)
    quantity = reading.quantity(by) if isinstance(by, Name) else None
    return left if quantity is None else quantity


def _is_derived(reading: DocumentReading, index: int) -> bool:
    """Return True for a line about a derivative, an adjoint or a cost."""
    sides = reading.sides(index)
    return any(map(is_about_slopes, sides)) or is_adjoint_name(reading, sides[0]) or is_cost(reading, sides[0])


def other_cost_with_ratio(reading: DocumentReading, ratio: float) -> str:
    """Return a cost that the document states and that is this multiple of the network's cost, or ""."""
    lines = (k for k in claims(reading) if is_cost(reading, reading.sides(k)[0]))
    found = ((k, one.ratio) for k in lines for one in judge_sides(reading, k) if one.holds is False)
    return next((reading.statements[k].source for k, of in found if of is not None and abs(of / ratio - 1) < CLOSE), "")


def numbers_layers(reading: DocumentReading, sides: Sequence[Node]) -> str:
    """Return a name with the number of a layer, such as W^{(2)} or a^{(l)}, if the network has at most one; or ""."""
    if len({key[2] for key in reading.symbols.known if key[2].isdigit()}) > 1:
        return ""
    names = (part for side in sides for part in walk(side) if isinstance(part, Name))
    marked = ((name, mark.content) for name in names for mark in name.above if mark.kind == "layer")
    return next((name.source or name.base for name, layer in marked if _is_of_several(layer)), "")


def _is_of_several(layer: Node) -> bool:
    """Return True for the number of a layer that is not the only one: 2, l, L - 1."""
    if isinstance(layer, tree.Number):
        return layer.value > 1
    letters = {part.base for part in walk(layer) if isinstance(part, Name)}
    return bool(letters & {"l", "ell"}) or (isinstance(layer, tree.Add) and "L" in letters)


def cost_with_index(reading: DocumentReading, sides: Sequence[Node]) -> str:
    """Return a cost with an index, such as L_t, which the network does not have, or ""."""
    names = (part for side in sides for part in walk(side) if isinstance(part, Name))
    costs = (name for name in names if name.base in COSTS and name.scripts)
    return next((name.source for name in costs if not _is_in_network(reading, name)), "")


def cost_that_is_an_array(reading: DocumentReading, sides: Sequence[Node]) -> str:
    """Return a cost that the document defines as an array, as L_t = -y_t log p_t without a sum; or ""."""
    evaluator = reading.own_evaluator
    names = dict.fromkeys(part for side in sides for part in walk(side) if isinstance(part, Name))
    known = [key for key in reading.symbols.definitions if key[0] in COSTS and key[1] != EACH]
    for name, key in ((name, key) for name in names for key in known if key[0] == name.base):
        with suppress(ShapeMismatchError, UnsupportedNotationError):
            found = [] if evaluator is None else values_of_definition(evaluator, key)
            if any(not value.is_number for value in found):
                return name.source or name.base
    return ""


def _is_in_network(reading: DocumentReading, name: Name) -> bool:
    layers = [{letter: k} for letter in name.script_letters for k in reading.symbols.layers]  # C_t of a cell
    every = (found for letters in ({}, *layers) for found in reading.name_readings(name, letters) if not found.indices)
    return any(reading.symbols.symbol(found.key) not in {None, reading.network.cost.symbol} for found in every)
