"""Quantities that are held where something is derived: those whose own ∂J/∂v stand beside it."""

from collections.abc import Callable, Sequence
from typing import Any

from symbackprop.expressions.shapes import is_matrix
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.interpreter.derivatives import BY_PARAMETERS
from symbackprop.proofread.interpreter.evaluate import Evaluator
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import ShapeMismatchError


class Holding:
    """The part of a session that finds what is held."""

    worlds: Any
    document: Sequence[Statement]
    lexicon: SymbolTable
    meaning: Callable[..., Any]
    is_cost: Callable[[Node], bool]

    def _held_sets(self, extent: str, rank: int, left: Node, right: Node) -> list[frozenset[Any]]:
        """The quantities of the network by which J is derived: in a statement, and in the document up to it."""
        meaning = self.meaning(extent, 0)
        if meaning is None:
            return []
        before = [side for written in self.document[: rank + 1] for side in equalities(written)]
        found = [self._derived_by(meaning, sides) for sides in ((left, right), before)]
        found.append(self._like_what_is_derived(meaning, (left, right)))
        return [held for held in dict.fromkeys(found) if held]

    def _like_what_is_derived(self, meaning: Evaluator, sides: Sequence[Node]) -> frozenset[Any]:
        """Of ∂h_k/∂W beside ∂h_T/∂h_k every h, by W alone: the derivative through this step, as in the sum over k."""
        partials = [part for side in sides for part in walk(side) if isinstance(part, tree.Partial)]
        bases = {
            p.of.base for p in partials if isinstance(p.of, Name) and isinstance(p.by, Name) and p.of.base == p.by.base
        }
        if not bases:
            return frozenset()
        states = {node for key, node in self.lexicon.known.items() if key[0] in bases and is_matrix(node)}
        return frozenset({*states - set(self.worlds.network.arguments), *BY_PARAMETERS}) if states else frozenset()

    def _derived_by(self, meaning: Evaluator, sides: Sequence[Node]) -> frozenset[Any]:
        by: set[Any] = set()
        for part in (part for side in sides for part in walk(side)):
            if isinstance(part, tree.Partial) and self.is_cost(part.of):
                by |= self._nodes_of(meaning, part.by)
            elif isinstance(part, Name):
                by |= self._nodes_of_error(meaning, part)
        return frozenset(by - set(self.worlds.network.arguments))

    def _nodes_of(self, meaning: Evaluator, by: Node) -> set[Any]:
        """What a formula is in the network, for each layer that its letters can stand for."""
        if not isinstance(by, Name):
            try:
                found = meaning.node_worth(meaning.values(by))
            except (ShapeMismatchError, UnsupportedNotationError):
                return set()
            return set() if found is None else {found.node}
        letters = {mark.content.base for mark in (*by.above, *by.below) if isinstance(mark.content, Name)}
        choices: list[dict[str, int]] = [{}] + [{x: k} for x in letters for k in self.lexicon.layers]
        keys = [split.key for choice in choices for split in self.lexicon.splits(by, choice)]
        return {q.node for q in map(meaning.quantity, keys) if q is not None}

    def _nodes_of_error(self, meaning: Evaluator, name: Name) -> set[Any]:
        """Of which v a δ is ∂J/∂v."""
        for split in self.lexicon.splits(name, {}):
            definition = self.lexicon.definitions.get(split.key)
            adjoint = self.lexicon.adjoint(split.key)
            if (
                definition is not None
                and isinstance(definition.body, tree.Partial)
                and self.is_cost(definition.body.of)
            ):
                return self._nodes_of(meaning, definition.body.by)
            if adjoint is not None:
                found = adjoint.node or getattr(meaning.quantity(adjoint.of), "node", None)
                return set() if found is None else {found}
        return set()
