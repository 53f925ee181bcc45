"""Which ∂J/∂v a δ of the document stands for, and with which factor."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.symbol_table import Adjoint, SymbolTable
from symbackprop.proofread.interpreter.values import ShapeMismatchError

POINTS = 2


class Adjoints:
    """The part of a session that chooses what its δ are."""

    document: Sequence[Statement]
    way: Any
    lexicon: SymbolTable
    definitions: dict[int, Key]
    odd_scales: dict[int, float]
    meaning: Callable[..., Any]
    judge: Callable[..., Any]
    is_cost: Callable[[tree.Node], bool]
    _is_gradient: Callable[[tree.Node], bool]

    def _choose_adjoints(self) -> None:
        """For each δ that the document defines: is it ∂J/∂z, or what the document says?"""
        scales: dict[float, None] = {}  # of those before
        self.odd_scales.clear()
        meant: dict[int, float] = {}
        for rank, key in list(self.definitions.items()):
            standard = self._standard(key)
            if standard is None:
                continue
            candidates: list[Adjoint | None] = [standard, None]
            ratio = self._ratio_to(key, standard)
            if ratio is not None and not np.isclose(ratio, 1.0):
                scales.setdefault(ratio)
            candidates += [replace(standard, scale=scale) for scale in scales if ratio is None or scale == ratio]
            users = self._users(key, rank)
            costs = []
            for order, candidate in enumerate(candidates):
                self._set(key, candidate)
                wrong = sum(self.judge(k).holds is not True for k in users)
                own = self.judge(rank).holds is False if candidate is not None else self._is_odd(rank, ratio)
                costs.append((wrong + bool(own), order, candidate))
            chosen = min(costs, key=lambda item: item[:2])[2]
            self._set(key, chosen)
            if chosen is None and ratio is not None and not np.isclose(ratio, 1.0):
                (meant if users or self._is_said_with_slope(rank) else self.odd_scales)[rank] = ratio
        for rank, ratio in list(self.odd_scales.items()):
            if any(np.isclose(ratio, other) for other in meant.values()):
                del self.odd_scales[rank]

    def _is_said_with_slope(self, rank: int) -> bool:
        """Whether a definition says which multiple of a ∂J/∂v it is."""
        parts = [part for side in equalities(self.document[rank])[1:] for part in walk(side)]
        return any(isinstance(part, tree.Partial) and self.is_cost(part.of) for part in parts)

    def find_errors(self) -> None:
        """Names that the document defines wrongly, and means as a ∂J/∂v: what else is said shows of which v."""
        for rank, key in self.definitions.items():
            if key[0] != "J" and key not in self.lexicon.known and not self._is_said(rank):
                chosen = self.lexicon.chosen.get(key)
                if chosen is None or not self.judge(rank).holds:  # else dH is ∂J/∂H, as it should be
                    self._set(key, self._error_that_helps(key, rank) or chosen)

    def _error_that_helps(self, key: Key, rank: int) -> Adjoint | None:
        """For e1 = …: the ∂J/∂v with which the gradients hold in which it stands, if what is written is none."""
        users = self._users(key, rank)
        meaning = self.meaning(self.way.extent, 0)
        if not users or meaning is None or any(self.judge(k).holds for k in users):
            return None
        if meaning.node_like(key) is not None:
            return None
        for node in meaning.world.at.right:
            candidate = Adjoint(key, node=node)
            self._set(key, candidate)
            if all(self.judge(k).holds for k in users):
                self._set(key, None)
                return candidate
        self._set(key, None)
        return None

    def _set(self, key: Key, candidate: Adjoint | None) -> None:
        """For all layers, where one line says what δ_j is of units of any layer."""
        for other in (key, *self.lexicon.of_other_layers(key)):
            self.lexicon.chosen.pop(other, None)
            if candidate is not None:
                of = candidate.of if other == key else (*candidate.of[:2], other[2])
                self.lexicon.chosen[other] = replace(candidate, of=of)

    def _standard(self, key: Key) -> Adjoint | None:
        if key[0].startswith("d") and key[0] != "delta":
            of = (key[0][1:], *key[1:])
            return Adjoint(of) if self._has_error(of) else None
        found = self.lexicon.adjoint(key)
        return found if found is not None and self._has_error(found.of) else None

    def _has_error(self, of: Key) -> bool:
        meaning = self.meaning(self.way.extent, 0)
        if meaning is None:
            return False
        quantity = meaning.quantity(of)
        return quantity is not None and meaning.error(quantity) is not None

    def _ratio_to(self, key: Key, standard: Adjoint) -> float | None:
        """c where the document's δ is c ∂J/∂z at each point."""
        found = []
        for point in range(POINTS):
            meaning = self.meaning(self.way.extent, point)
            if meaning is None:
                return None
            try:
                ours = meaning.adjoint(standard)
                ratios = [values.ratio(value, ours[0]) for value in meaning.of_document(key)]
            except (ShapeMismatchError, UnsupportedNotationError):
                return None
            found.append(next((r for r in ratios if r is not None), None))
        first = found[0]
        return first if first is not None and all(r is not None and np.isclose(r, first) for r in found) else None

    def _is_odd(self, rank: int, ratio: float | None) -> bool:
        """Whether what a document calls δ is neither its usual ∂J/∂z nor said to be another ∂J/∂v."""
        return ratio is None and not self._is_said(rank)

    def _is_said(self, rank: int) -> bool:
        """Whether a definition itself says which ∂J/∂v is meant."""
        meaning = self.meaning(self.way.extent, 0)
        slopes = [side for side in equalities(self.document[rank])[1:] if isinstance(side, tree.Partial)]
        return meaning is not None and any(meaning.is_cost(meaning.derived(slope.of)) for slope in slopes)

    def _users(self, key: Key, rank: int) -> list[int]:
        """Statements about gradients by parameters in which a name stands."""
        found = []
        for k, written in enumerate(self.document):
            sides = equalities(written)
            if k == rank or not sides or not self._is_gradient(sides[0]):
                continue
            prefix = key[0].startswith("d") and key[0] != "delta"
            for part in walk(tree.Group(items=sides[1:])):
                name = part.body if prefix and isinstance(part, tree.Differential) else part
                if isinstance(name, Name) and any(
                    (("d" if prefix else "") + s.key[0], *s.key[1:]) == key for s in self.lexicon.splits(name, {})
                ):
                    found.append(k)
                    break
        return found
