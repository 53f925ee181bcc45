"""What the letters of a line stand for: layers, units of layers, indices."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.symbol_table import LAST, SymbolTable

_LAYER_LETTERS = ("l", "k", "L", "t", "i", "j", "n", "m", "s", "h", "r", "tau", "T", "p", "q")


class Lettering:
    """The part of a session that tries what letters may stand for."""

    lexicon: SymbolTable
    _at: Callable[..., Judgment]

    def _with_letters(self, extent: str, left: Node, right: Node) -> Judgment:
        """At all points, for every layer that a letter can stand for."""
        plain = self._at(extent, left, right, {})
        if plain.holds:
            return plain
        letters = _letters_at(left, right)
        is_clear = plain.holds is False and not plain.reason
        if is_clear and len(letters & self.lexicon.units.keys()) != 1:  # one letter may number other units elsewhere
            return plain
        found = self._of_other_units(extent, left, right)
        if found is not None:
            return found
        if plain.is_unknown_name:
            found = self._for_layers(extent, left, right, plain)
            last = found if found.holds else self._at(extent, left, right, {LAST: 1})
            return last if last.holds else found
        if plain.reason.startswith("shapes") and self._for_layers(extent, left, right, plain).holds:
            return self._for_layers(extent, left, right, plain)
        return plain

    def _of_other_units(self, extent: str, left: Node, right: Node) -> Judgment | None:
        """Of units of other layers than those that the letters number elsewhere."""
        wrong = None
        for shift in self.lexicon.shifts:
            found = self._at(extent, left, right, shift)
            if found.holds:
                return found
            wrong = found if wrong is None and found.holds is False and not found.reason else wrong
        renamed = _with_other_dummies(left, right, self.lexicon.units)
        tried = (self._at(extent, *sides, {}) for sides in renamed)
        return next((found for found in tried if found.holds), wrong)

    def _for_layers(self, extent: str, left: Node, right: Node, plain: Judgment) -> Judgment:
        letters = _letters_at(left, right)
        for letter in (x for x in _LAYER_LETTERS if x in letters):
            found = [self._at(extent, left, right, {letter: number}) for number in self.lexicon.layers]
            numbered = zip(self.lexicon.layers, found, strict=True)
            known = [(k, j) for k, j in numbered if j.holds is not None or j.reason.startswith("shapes")]
            if known:
                holding = [(k, judgment) for k, judgment in known if judgment.holds]
                wrong = [(k, judgment) for k, judgment in known if not judgment.holds]
                # the last layer may have another function
                clear = [(k, judgment) for k, judgment in wrong if not judgment.reason]
                number, judgment = holding[0] if holding and len(wrong) <= 1 else (clear or wrong)[0]
                return replace(judgment, letters={letter: number})
        return plain


def _letters_at(*sides: Node) -> set[str]:
    """The letters in the scripts of names."""
    names = (part for side in sides for part in walk(side) if isinstance(part, Name))
    contents = {mark.content for name in names for mark in (*name.above, *name.below)}
    return {part.base for content in contents for part in walk(content) if isinstance(part, Name)}


def _with_other_dummies(left: Node, right: Node, letters: Iterable[str]) -> Iterator[tuple[Node, Node]]:
    """With another letter, which no other units of the line have, for what a sum runs over."""
    parts = [part for side in (left, right) for part in walk(side)]
    used = {part.base for part in parts if isinstance(part, Name)} | _letters_at(left, right)
    bound = {index for part in parts if isinstance(part, tree.Summation) for index in part.indices}
    for old, new in product(sorted(bound & set(letters)), sorted(set(letters) - used)):
        yield tree.relettered(left, old, new), tree.relettered(right, old, new)
