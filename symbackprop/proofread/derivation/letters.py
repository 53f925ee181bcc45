"""Letters in a statement: numbers of layers, units of layers, indices of sums."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation.at_points import compare_at_points
from symbackprop.proofread.derivation.reading import DocumentReading, Setting
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.symbol_table import LAST

_LAYER_LETTERS = ("l", "ell", "k", "L", "t", "i", "j", "n", "m", "s", "h", "r", "tau", "T", "p", "q")

_STEPS = {"t", "tau"}


def compare_with_letters(reading: DocumentReading, setting: Setting, left: Node, right: Node) -> Judgment:
    """Return the judgment of two sides at all points, for every layer that a letter can denote."""
    plain = compare_at_points(reading, setting, left, right)
    if plain.holds or plain.is_hopeless:
        return plain
    letters = letters_in_scripts(left, right)
    is_clear = plain.holds is False and not plain.reason
    if is_clear and len(letters & reading.symbols.units.keys()) != 1:  # one letter may number other units elsewhere
        return plain
    found = _with_other_units(reading, setting, left, right)
    if found is not None:
        return found
    if not plain.is_unknown_name and not plain.is_mismatch:
        return plain
    return _for_layers(reading, setting, left, right, plain)


def _for_layers(reading: DocumentReading, setting: Setting, left: Node, right: Node, plain: Judgment) -> Judgment:
    """Return the judgment for every layer that a letter can denote, or else for the last one."""
    found = _for_each_layer(reading, setting, left, right, plain)
    if not found.holds and plain.is_mismatch:
        return plain
    is_of_each = found.holds is False and not found.reason and not found.letters.keys().isdisjoint(_STEPS)
    if found.holds or is_of_each:  # t is any step, not the last one
        return found
    last = compare_at_points(reading, replace(setting, letters={LAST: 1}), left, right)
    return last if last.holds else found


def _with_other_units(reading: DocumentReading, setting: Setting, left: Node, right: Node) -> Judgment | None:
    """Return a judgment in which i, j, k index the units of other layers than elsewhere in the document; else None."""
    wrong = None
    for shift in reading.symbols.shifts:
        found = compare_at_points(reading, replace(setting, letters=shift), left, right)
        if found.holds:
            return found
        wrong = found if wrong is None and found.holds is False and not found.reason else wrong
    renamed = _with_other_summation_index(left, right, reading.symbols.units)
    tried = (compare_at_points(reading, setting, *sides) for sides in renamed)
    return next((found for found in tried if found.holds), wrong)


def _for_each_layer(reading: DocumentReading, setting: Setting, left: Node, right: Node, plain: Judgment) -> Judgment:
    """Return the judgment for all layers that a letter can denote, of the first letter for which sides have a value."""
    letters = letters_in_scripts(left, right)
    for letter in (x for x in _LAYER_LETTERS if x in letters):
        settings = {k: replace(setting, letters={letter: k}) for k in reading.symbols.layers}
        found = [(k, compare_at_points(reading, one, left, right)) for k, one in settings.items()]
        known = [(k, judgment) for k, judgment in found if judgment.holds is not None or judgment.is_mismatch]
        if known:
            holding = [(k, judgment) for k, judgment in known if judgment.holds]
            wrong = [(k, judgment) for k, judgment in known if not judgment.holds]
            # the last layer may have another function
            clear = [(k, judgment) for k, judgment in wrong if not judgment.reason]
            number, judgment = holding[0] if holding and len(wrong) <= 1 else (clear or wrong)[0]
            return replace(judgment, letters={letter: number})
    return plain


def letters_in_scripts(*sides: Node) -> set[str]:
    """Return the letters in the scripts of names: numbers of layers, or indices."""
    names = (part for side in sides for part in walk(side) if isinstance(part, Name))
    contents = {content for name in names for content in name.scripts}
    return {part.base for content in contents for part in walk(content) if isinstance(part, Name)}


def _with_other_summation_index(left: Node, right: Node, letters: Iterable[str]) -> Iterator[tuple[Node, Node]]:
    """Yield the sides with the index of a sum renamed to an unused letter, which numbers the units of another layer."""
    parts = [part for side in (left, right) for part in walk(side)]
    used = {part.base for part in parts if isinstance(part, Name)} | letters_in_scripts(left, right)
    bound = {index for part in parts if isinstance(part, tree.Summation) for index in part.indices}
    for old, new in product(sorted(bound & set(letters)), sorted(set(letters) - used)):
        yield tree.relettered(left, old, new), tree.relettered(right, old, new)
