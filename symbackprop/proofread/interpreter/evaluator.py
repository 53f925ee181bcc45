"""The context in which a formula is evaluated: the network at a point, the names of the document and its layout."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from symbackprop.expressions.aliases import Expression
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Name, Node
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter.budget import Budget, TooManyStepsError
from symbackprop.proofread.interpreter.conventions import DocumentLayout
from symbackprop.proofread.interpreter.network_at_point import Point
from symbackprop.proofread.interpreter.readings import distinct
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

_Result = TypeVar("_Result")
_STEPS: dict[type, int] = {tree.Multiply: 8, tree.Partial: 8, tree.Summation: 4, tree.Call: 2}  # about 30 µs each


@dataclass
class Evaluator:
    """The context in which a formula is evaluated.

    Args:
        point: the network at a point.
        symbols: the names of the document.
        layout: the layout of the document.
        evaluate: the function `evaluate.evaluate`, which returns the values of a formula and is used for its parts too.
        letters: the numbers that letters denote, such as the numbers of layers.
        dummies: values of the arguments of functions that the document defines.
        example: an index over examples that each quantity with examples has, although it is not written.
        fixed: formulas with a given value, such as (1 - a) if another formula is differentiated with respect to it.
        held: quantities of the network that stay constant under differentiation.
        opening: the names whose definitions are being evaluated, to detect circular definitions.
        budget: the steps that evaluations may still take.
    """

    point: Point
    symbols: SymbolTable
    layout: DocumentLayout
    evaluate: "Callable[[Evaluator, Node], list[IndexedArray]]"
    letters: Mapping[str, int] = field(default_factory=dict)
    dummies: Mapping[Key, IndexedArray] = field(default_factory=dict)
    example: str | None = None
    fixed: Mapping[Node, IndexedArray] = field(default_factory=dict)
    held: frozenset[Expression | str] = frozenset()
    opening: tuple[Key, ...] = ()
    budget: Budget = field(default_factory=Budget, repr=False)
    # by the identity of formulas, whose parts repaired formulas share
    memo: dict[int, tuple[Node, list[IndexedArray] | Exception]] = field(default_factory=dict, init=False, repr=False)

    def values(self, node: Node) -> list[IndexedArray]:
        """Return the values of a formula, one for each possible reading, the most likely ones first.

        Raises:
            ShapeMismatchError: no reading has consistent shapes.
            UnsupportedNotationError: the formula contains notation that has no value here.
        """
        _, found = self.memo.get(id(node)) or (node, self._values(node))
        if not self.budget.is_spent:
            self.memo[id(node)] = node, found
        if isinstance(found, Exception):
            raise found
        return found

    def attempt(self, node: Node) -> list[IndexedArray]:
        """Return the values of a formula; [] if it has none."""
        with suppress(ShapeMismatchError, UnsupportedNotationError):
            return self.values(node)
        return []

    def _values(self, node: Node) -> list[IndexedArray] | Exception:
        self.budget.taken += _STEPS.get(type(node), 1)
        if self.budget.is_spent:
            return TooManyStepsError()
        try:
            if self.fixed and node in self.fixed:
                return [self.fixed[node]]
            with np.errstate(all="ignore"):
                return distinct(self.evaluate(self, node))
        except (ShapeMismatchError, UnsupportedNotationError) as error:
            return error
        except (ArithmeticError, ValueError, LookupError, TypeError) as error:  # one formula must not end the report
            return UnsupportedNotationError(f"{node.source or 'a part'} has no value here: {error}")

    def first(self, node: Node) -> IndexedArray:
        """Return the value of a formula in its most likely reading."""
        return self.values(node)[0]

    def index(self, part: Node) -> str | int:
        """Return a script as an index: a number, the number that a letter denotes, or a free letter."""
        if isinstance(part, tree.Number):
            return int(part.value)
        if isinstance(part, Name):
            return self.letters.get(part.base, part.base)
        raise UnsupportedNotationError(f"the index {part.source} is not read")

    def cached(self, key: object, compute: Callable[[], _Result]) -> _Result:
        """Return the result of `compute` for this key, cached for this point, these names and this layout."""
        if self.dummies:
            return compute()
        cache = self.point.cache.setdefault((self.symbols, self.layout), {})
        signature = key, self.symbols.signature
        if signature in cache:
            return cache[signature]
        found = compute()
        if not self.budget.is_spent:
            cache[signature] = found
        return found
