"""What the statements of a document are about: the cost, gradients, ranges of letters."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import Statement, equalities, is_about_slopes
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter.evaluate import Evaluator
from symbackprop.proofread.interpreter.symbol_table import SymbolTable

_RANGE = re.compile(r"^[a-zA-Z]\s*=\s*[\w\s+-]+,")


class Subjects:
    """The part of a session that says what statements are about."""

    worlds: Any
    document: Sequence[Statement]
    way: Any
    lexicon: SymbolTable
    meaning: Callable[..., Evaluator | None]
    _is_gradient: Callable[[Node], bool]
    _is_in_network: Callable[[Name], bool]
    _is_argument: Callable[[Key], bool]
    _is_parameter: Callable[[Key], bool]

    def is_range(self, written: Statement) -> bool:
        """l = 1, 2, …; l < L: it says which numbers letters stand for."""
        parts = [part for side in written.sides for part in walk(side)]
        plain = all(isinstance(part, tree.Number | Name | tree.Add | Group | tree.Relation) for part in parts)
        names = [part for part in parts if isinstance(part, Name)]
        if not written.sides:
            return bool(_RANGE.match(written.source))
        return (
            plain
            and bool(names)
            and not any(self._is_in_network(name) for name in names)
            and all(len(name.base) == 1 or name.base == "ell" for name in names)
            and (
                len(written.sides) == 1
                or any(isinstance(part, tree.Number) for part in parts)
                or "=" not in written.signs
            )
        )

    def is_given(self, left: Node) -> bool:
        """Whether a side is a quantity that is given, or one that the network does not have."""
        if not isinstance(left, Name):
            return False
        keys = [split.key for split in self.lexicon.splits(left, {})]
        symbols = [symbol for key in keys if (symbol := self.lexicon.symbol(key)) is not None]
        network = self.worlds.network
        return not symbols or symbols[0] in {*network.arguments, *network.dimensions}

    def _has_small_names(self, left: Node, right: Node) -> bool:
        """Whether data stand there as x, p, y without an index, where the network has X, P, Y of all examples."""
        names = [part for side in (left, right) for part in walk(side) if isinstance(part, Name)]
        meaning = self.meaning(self.way.extent, 0)
        data = [name for name in names if meaning is not None and self._is_data(meaning, name)]
        keys = ((name.base.swapcase(), "", "") for name in data)
        return bool(data) and all(
            name.base.islower() and not name.above and not name.below and key in self.lexicon.known
            for name, key in zip(data, keys, strict=True)
        )

    def _is_data(self, meaning: Evaluator, name: Name) -> bool:
        symbols = (self.lexicon.symbol(split.key) for split in self.lexicon.splits(name, {}))
        found = next((symbol for symbol in symbols if symbol is not None), None)
        return found is not None and meaning.has_examples(found)

    def counts_examples(self, *sides: Node) -> bool:
        """Whether a formula adds up over examples, or has their number: of one example alone it would say less."""
        parts = [part for side in sides for part in walk(side, into_scripts=False)]
        names = [part for part in parts if isinstance(part, Name)]
        examples = {
            mark.content.base
            for n in names
            for mark in n.above
            if mark.kind == "layer" and isinstance(mark.content, Name)
        }
        summed = {index for part in parts if isinstance(part, tree.Summation) for index in part.indices}
        counts = (self.lexicon.symbol((name.base, "", "")) for name in names if not name.above and not name.below)
        return bool(examples & summed) or any(symbol in self.worlds.sizes_of_examples for symbol in counts)

    def gives_a_number(self, left: Node, right: Node) -> bool:
        """Whether z_1 = 0 says what a quantity of the network is in an example."""
        splits = self.lexicon.splits(left, {}) if isinstance(left, Name) and isinstance(right, tree.Number) else ()
        cost = self.worlds.network.cost.symbol
        return any(
            self.lexicon.symbol(split.key) not in {None, cost} and not any(isinstance(i, int) for i in split.indices)
            for split in splits
        )

    def is_said_again(self, written: Statement) -> bool:
        """Whether it says what a quantity is that the network has too."""
        left = equalities(written)[0]
        keys = [split.key for split in self.lexicon.splits(left, {})] if isinstance(left, Name) else []
        return any(self.lexicon.is_named(key) and not self._is_argument(key) for key in keys)

    def is_cost(self, left: Node) -> bool:
        meaning = self.meaning(self.way.extent, 0)
        return meaning is not None and meaning.is_cost(meaning.derived(left))

    def is_gradient_line(self, rank: int) -> bool:
        sides = equalities(self.document[rank])
        return bool(sides) and self._is_gradient(sides[0])

    def is_condition(self, rank: int) -> bool:
        """Whether a gradient is set to 0, which says where a minimum is."""
        return self.is_gradient_line(rank) and equalities(self.document[rank])[-1] == tree.number(0)

    def may_hold_at_minimum(self, rank: int) -> bool:
        """Whether a line without slopes stands behind such a condition, or is one."""
        sides = equalities(self.document[rank])
        if any(map(is_about_slopes, sides)):
            return len(sides) == 2 and self.is_condition(rank)
        says_another = isinstance(sides[0], Name) and not self._is_weight(sides[0])
        return not says_another and any(map(self.is_condition, range(rank)))

    def is_error_line(self, rank: int) -> bool:
        """Whether it says what ∂J/∂v is, of what is no parameter."""
        sides = equalities(self.document[rank])
        return (
            bool(sides)
            and isinstance(sides[0], tree.Partial)
            and self.is_cost(sides[0].of)
            and not self._is_gradient(sides[0])
        )

    @property
    def has_gradients(self) -> bool:
        return any(self.is_gradient_line(rank) for rank in range(len(self.document)))

    @property
    def is_turned_for_gradients_alone(self) -> bool:
        """Whether weights are read as transposed, and no formula uses them but the gradients by them."""
        if not self.way.layout.weights or self.way.layout.data:
            return False
        sides = [side for written in self.document for side in equalities(written) if not self._is_gradient(side)]
        names = [part for side in sides for part in walk(side) if isinstance(part, Name)]
        return not any(self._is_in_network(name) and self._is_weight(name) for name in names)

    def _is_weight(self, name: Name) -> bool:
        keys = [split.key for split in self.lexicon.splits(name, {})]
        return any(key in self.lexicon.known and self._is_parameter(key) for key in keys)

    @property
    def example_axis(self) -> int:
        meaning = self.meaning(self.way.extent, 0)
        return 0 if meaning is None else meaning.example_axis()

    @property
    def is_of_columns(self) -> bool:
        return self.worlds.network.examples[0] == 1

    def usual_factors(self, point: int = 0) -> dict[float, str]:
        """Factors in which conventions differ, with words; those of sizes as they are at a point."""
        world = self.worlds.at(self.way.extent, point)
        found = {2.0: "up to the factor 2", 0.5: "up to the factor 1/2"}
        for size in self.worlds.sizes_of_examples if world is not None else ():
            n = world.sizes[size]
            for scale, words in ((1.0, ""), (2.0, "2"), (0.5, "")):
                found.setdefault(n * scale, f"up to the factor {words}{size}" + ("/2" if scale < 1 else ""))
                found.setdefault(
                    scale / n, f"up to the factor {words or '1'}/" + (f"(2{size})" if scale < 1 else str(size))
                )
        return found

    def size_words(self, ratio: float) -> str:
        """Likewise, where the factor is the number of examples, or 1 over it."""
        world = self.worlds.at(self.way.extent, 0)
        counts = [] if world is None else [float(world.sizes[size]) for size in self.worlds.sizes_of_examples]
        is_one = any(np.isclose(ratio, factor) for n in counts for factor in (n, 1 / n))
        return self.factor_words(ratio) if is_one else ""

    def factor_words(self, ratio: float | None, point: int = 0) -> str:
        if ratio is None:
            return ""
        return next((w for factor, w in self.usual_factors(point).items() if abs(ratio - factor) < 1e-5 * factor), "")
