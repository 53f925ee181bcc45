"""Whether the statements of a document hold, under one way to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.derivation.adjoints import POINTS, Adjoints
from symbackprop.proofread.derivation.definitions import Definitions
from symbackprop.proofread.derivation.held import Holding
from symbackprop.proofread.derivation.letters import Lettering
from symbackprop.proofread.derivation.subjects import Subjects
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.class_index import says_index, unit_vectors, with_class
from symbackprop.proofread.interpreter.compare import Judgment, difference, equal_notes
from symbackprop.proofread.interpreter.conventions import Layout, UnknownNameError
from symbackprop.proofread.interpreter.evaluate import Evaluator
from symbackprop.proofread.interpreter.functions import GENERIC, ROWS
from symbackprop.proofread.interpreter.network_at_point import ALL, ONE_COLUMN, ONE_EXAMPLE, OTHER_SIZES, UNITS, Worlds
from symbackprop.proofread.interpreter.symbol_table import SHIFT, SymbolTable
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

HELD = "held"  # a note


@dataclass(frozen=True)
class Interpretation:
    """How a document is read."""

    layout: Layout = field(default_factory=Layout)
    extent: str = ALL
    document_first: bool = False
    cost_scale: float = 1.0
    error_scale: float = 1.0
    units: tuple[tuple[str, int], ...] = ()  # letters, and the layers whose units they number


class DocumentReading(Definitions, Adjoints, Holding, Lettering, Subjects):
    """A document read in one way.

    Args:
        worlds: the network at points.
        document: its statements.
        way: how it is read.
    """

    def __init__(self, worlds: Worlds, document: Sequence[Statement], way: Interpretation):
        self.worlds = worlds
        self.document = document
        self.way = way
        self.lexicon = SymbolTable(worlds.network, way.document_first, dict(way.units))
        names = [name for written in document for name in written.names]
        self.lexicon.tell_entries(names)
        self.lexicon.tell_words(names)
        self.lexicon.cost_scale, self.lexicon.error_scale = way.cost_scale, way.error_scale
        self.definitions: dict[int, Key] = {}
        self.functions: set[int] = set()
        self.layered: set[int] = set()  # definitions for every layer
        self.odd_scales: dict[int, float] = {}  # of each δ that is a multiple of ∂J/∂z, and is not used
        self.meanings: dict[Any, Evaluator] = {}
        self.judged: dict[Any, list[Judgment]] = {}
        self.held: frozenset[Any] = frozenset()  # quantities that do not change where something is derived
        self.dummies: dict[Key, IndexedArray] = {}  # of the statement that was looked at last
        for written in document:
            self._note_functions(written)
        for rank, written in enumerate(document):
            self._define(rank, written)
        for rank, written in enumerate(document):
            self._define_remainder(rank, written)
        self._choose_adjoints()

    def meaning(self, extent: str, point: int, letters: Mapping[str, int] | None = None) -> Evaluator | None:
        world = self.worlds.at(extent, point)
        if world is None:
            return None
        key = extent, point, tuple((letters or {}).items()), tuple(self.lexicon.chosen.items()), self.held
        if key not in self.meanings:
            layout = self.way.layout
            layout = replace(layout, data=not layout.data) if extent == ONE_COLUMN else layout
            self.meanings[key] = Evaluator(world, self.lexicon, layout, letters=letters, held=self.held)
        return self.meanings[key]

    def is_known(self, left: Node) -> bool:
        """Whether a side has a value."""
        try:
            meaning = self.meaning(self.way.extent, 0)
            return meaning is not None and bool(meaning.values(left))
        except (ShapeMismatchError, UnsupportedNotationError):
            return False

    def targets(self, rank: int, left: Node, right: Node) -> list[tuple[Evaluator, list[IndexedArray]]]:
        """What a left side is worth at one point, in each extent in which the statement may be read."""
        letters = self.against(rank, left, right).letters
        extents = [self.way.extent, *reversed(self._narrow_extents(rank, left, right))]
        if self._has_small_names(left, right):
            extents += [ONE_EXAMPLE, ONE_COLUMN]
        if self._is_of_all(rank, left, right):
            extents = [ALL]
        found = []
        every = [{letter: k} for letter in letters if letter != SHIFT for k in self.lexicon.layers] or [dict(letters)]
        for extent, chosen in product(dict.fromkeys(extents), every):
            try:
                wanted, _ = self.both(extent, 0, left, left, chosen)
            except (ShapeMismatchError, UnsupportedNotationError):
                continue
            meaning = self.meaning(extent, 0, chosen)
            if meaning is not None:
                found.append((meaning.beside(dummies=self.dummies), wanted))
        return found

    def _narrow_extents(self, rank: int, left: Node, right: Node) -> tuple[str, ...]:
        """Whether a statement may hold for one unit or one example alone."""
        may_be = (
            rank in self.functions
            or is_of_one_unit(left, right)
            or self.is_cost(left)
            or self._is_of_one_example(left, right)
            or self._ends_chain_rule(rank, right)
        )
        if not may_be or self.counts_examples(left, right):
            return ()
        return (ONE_EXAMPLE,) if sums_entries(left, right) else (UNITS, ONE_EXAMPLE)  # one unit hides exchanged indices

    def _ends_chain_rule(self, rank: int, right: Node) -> bool:
        """Whether a side says with × what a chain of ∂A/∂B before it comes to: that is of numbers, not matrices."""
        sides = equalities(self.document[rank])
        return any(isinstance(part, tree.Multiply) and part.sign == r"\times" for part in walk(right)) and any(
            is_of_one_unit(side, side) for side in sides
        )

    def _is_of_one_example(self, left: Node, right: Node) -> bool:
        """Whether one index alone stands at data of the network, as in p_k, in what is no gradient by a parameter."""
        names = [part for side in (left, right) for part in walk(side) if isinstance(part, Name)]
        return not self._is_gradient(left) and any(self._has_lone_index(name) for name in names)

    def _has_lone_index(self, name: Name) -> bool:
        meaning = self.meaning(self.way.extent, 0)
        letters = [mark for mark in name.below if isinstance(mark.content, Name) and not mark.content.below]
        if meaning is None or name.above or len(letters) != 1 or len(name.below) != 1:
            return False
        symbols = (self.lexicon.symbol(s.key) for s in self.lexicon.splits(name, {}) if s.indices)
        return any(symbol is not None and meaning.has_examples(symbol) for symbol in symbols)

    def same(self, rank: int, one: Node, other: Node) -> bool:
        """Whether two sides have the same value, in any extent in which both have one."""
        return any(self._in(extent, rank, one, other).holds for extent in (self.way.extent, UNITS))

    # judging

    def judge(self, rank: int, sides: Sequence[Node] | None = None) -> Judgment:
        """The worst of a statement's sides."""
        found = self.judge_sides(rank, sides)
        order = {False: 0, None: 1, True: 2}
        return min(found, key=lambda judgment: order[judgment.holds])

    def judge_sides(self, rank: int, sides: Sequence[Node] | None = None) -> list[Judgment]:
        """Each side against the first one."""
        if sides is not None:
            return [self.against(rank, sides[0], other) for other in sides[1:]]
        left, *others = equalities(self.document[rank])
        if len(others) > 1 and self.is_condition(rank):
            others.pop()
        key = rank, tuple(self.lexicon.chosen.items())
        if key not in self.judged:
            self.judged[key] = [self.against(rank, left, other) for other in others]
        return self.judged[key]

    def against(self, rank: int, left: Node, right: Node) -> Judgment:  # noqa: PLR0911
        if rank in self.layered and right is equalities(self.document[rank])[1]:
            return Judgment(True, self.way.extent, is_definition=True)
        key = self.definitions.get(rank)
        is_replaced = key is not None and self.lexicon.definitions[key].statement != rank
        if key is not None and (is_replaced or self.is_cost(left)) and self._is_left_open(rank):
            return Judgment(True, self.way.extent, is_definition=True)
        if key is not None and key not in self.lexicon.chosen and self.lexicon.definitions[key].body is right:
            found = self._definition(right)
            if found.holds is not None:
                return found
        if self._is_of_all(rank, left, right):
            return self._in(ALL, rank, left, right)
        first = self._in(self.way.extent, rank, left, right)
        if first.holds:
            return first
        is_unfit = first.holds is None or first.reason.startswith("shapes") or self._is_of_one_example(left, right)
        extents = self._narrow_extents(rank, left, right) if is_unfit else ()
        if self._has_small_names(left, right):
            extents = (*extents, ONE_EXAMPLE, ONE_COLUMN)
        for extent in dict.fromkeys(extents):
            other = first if extent == self.way.extent else self._in(extent, rank, left, right)
            if other.holds:
                return other
            if extent == ONE_EXAMPLE and other.holds is False and not other.reason and first.reason:
                first = other  # it fits for one example alone, and is wrong there
        if first.holds is None and not first.reason.startswith("shapes"):
            return first
        if first.holds is None:
            return replace(first, holds=False)
        return first

    def _is_of_all(self, rank: int, left: Node, right: Node) -> bool:
        """Whether what counts examples is to be read for all of them, in a document that is about one elsewhere."""
        if self.way.extent != ONE_EXAMPLE or not self.counts_examples(left, right):
            return False
        found = self._in(ALL, rank, left, right)
        return found.holds is not None or found.reason.startswith("shapes")

    def _definition(self, body: Node) -> Judgment:
        try:
            found = self.values_in(self.way.extent, body)
        except ShapeMismatchError as error:
            reason = f"shapes do not fit: {error}"
            try:
                self.values_in(UNITS, body)
            except (ShapeMismatchError, UnsupportedNotationError):
                return Judgment(None, reason=reason)
            return Judgment(False, reason=reason)
        except UnsupportedNotationError as error:
            return Judgment(None, reason=str(error))
        return Judgment(True, self.way.extent, found[0].notes, is_definition=True)

    def values_in(self, extent: str, side: Node) -> list[IndexedArray]:
        meaning = self.meaning(extent, 0)
        if meaning is None:
            raise UnsupportedNotationError("the network cannot be looked at in this way")
        return meaning.values(side)

    def _in(self, extent: str, rank: int, left: Node, right: Node) -> Judgment:
        """With derivatives as they are; or with those quantities held whose own ∂J/∂v stand there."""
        found = self._with_letters(extent, left, right)
        found = found if found.holds else self._of_the_class(extent, left, right, found)
        if found.holds or not is_of_one_unit(left, right):
            return found
        for held in self._held_sets(extent, rank, left, right):
            self.held = held
            try:
                other = self._with_letters(extent, left, right)
            finally:
                self.held = frozenset()
            if other.holds:
                return replace(other, notes=other.notes | {HELD})
        return found

    def _of_the_class(self, extent: str, left: Node, right: Node, plain: Judgment) -> Judgment:
        """With an index that stands on one side alone, or the c of e_c, as that of the class of the example."""
        label = self.lexicon.label()
        for letter in (plain.lone_index, *unit_vectors(left, right)):
            if label is None or not letter:
                continue
            found = self._with_letters(extent, *(with_class(side, letter, label) for side in (left, right)))
            is_told = found.holds is not None and not found.reason
            if is_told and not (found.holds and says_index(label, letter, left, right)):
                return found
        return plain

    def _at(self, extent: str, left: Node, right: Node, letters: Mapping[str, int]) -> Judgment:
        first = self._once(extent, 0, left, right, letters)
        for point in range(1, POINTS):
            if first.holds is not True:
                break
            other = self._once(extent, point, left, right, letters)
            if other.holds is not True:
                return other
        is_decided = first.holds or first.ratio is not None
        if is_decided and extent == ALL and self._has_no_scales and not is_of_one_unit(left, right):
            other = self._once(extent, OTHER_SIZES, left, right, letters)
            if first.holds and other.holds is False and not other.reason:
                return other  # a number is that of a size
            if self.factor_words(first.ratio) != self.factor_words(other.ratio, OTHER_SIZES):
                return replace(first, ratio=None)
        return first

    def multiple(self, left: Node, right: Node) -> float | None:
        """How many times what it should be a side is, if that is the same at each point."""
        found = [self._once(self.way.extent, point, left, right, {}).ratio for point in range(POINTS)]
        first, *rest = found
        same = all(first is not None and ratio is not None and np.isclose(ratio, first) for ratio in rest)
        return first if same else None

    @property
    def _has_no_scales(self) -> bool:
        """Whether no multiple is in play that depends on sizes."""
        scales = [self.way.cost_scale, self.way.error_scale, *(a.scale for a in self.lexicon.chosen.values())]
        return all(scale == 1 for scale in scales)

    def _once(  # noqa: PLR0911 — one for each reason
        self, extent: str, point: int, left: Node, right: Node, letters: Mapping[str, int]
    ) -> Judgment:
        try:
            one, other = self.both(extent, point, left, right, letters)
        except UnknownNameError as error:
            return Judgment(None, reason=str(error), letters=dict(letters), is_unknown_name=True)
        except ShapeMismatchError as error:
            return Judgment(None, reason=f"shapes do not fit: {error}", letters=dict(letters))
        except UnsupportedNotationError as error:
            return Judgment(None, reason=str(error), letters=dict(letters))
        except RecursionError:
            return Judgment(None, reason="it is nested too deeply")
        if extent in {ONE_EXAMPLE, ONE_COLUMN}:
            one, other = ([values.of_one_example(value) for value in side] for side in (one, other))
        for a in one:
            for b in other:
                notes = equal_notes(a, b)
                if notes is not None and (extent != ALL or self.held) and _is_empty(a, right):
                    return Judgment(None, reason="both sides are 0 in this reading, which says nothing")
                if notes is not None:
                    return Judgment(True, extent, a.notes | b.notes | notes, letters=dict(letters))
        return difference(one[0], other, letters)

    def both(
        self, extent: str, point: int, left: Node, right: Node, letters: Mapping[str, int]
    ) -> tuple[list[IndexedArray], list[IndexedArray]]:
        """The values of two sides; arguments of functions that are no quantities are any numbers."""
        meaning = self.meaning(extent, point, letters)
        if meaning is None:
            raise UnsupportedNotationError("the network cannot be looked at for one example and one unit")
        dummies: dict[Key, IndexedArray] = {}
        self.dummies = dummies
        for _ in range(4):
            try:
                inner = meaning.beside(dummies=dummies) if dummies else meaning
                return inner.values(left), inner.values(right)
            except UnknownNameError as error:
                key = next((split.key for split in self.lexicon.splits(error.name, letters)), None)
                if key is None or key in dummies or not self._is_dummy(error.name, left, right):
                    raise
                rng = np.random.default_rng(point + len(dummies))
                dummies[key] = IndexedArray(rng.uniform(0.2, 1.5, (2, 3)) * rng.permuted([[1, -1, 1], [-1, 1, -1]]))
        raise UnsupportedNotationError("too many names are not known")

    def _is_dummy(self, name: Name, left: Node, right: Node) -> bool:
        """Whether an unknown name is the argument of a function, here or in what it stands for."""
        if name.above or name.below:
            return False
        bodies = [definition.body for definition in self.lexicon.definitions.values()]
        for part in (part for side in (left, right, *bodies) for part in walk(side)):
            if isinstance(part, tree.Call) and name in part.arguments and _is_elementwise(part):
                return True
            if isinstance(part, tree.Multiply):
                for f, group in zip(part.factors, part.factors[1:], strict=False):
                    if (
                        isinstance(f, Name)
                        and isinstance(group, Group)
                        and group.items == (name,)
                        and f.base in {*GENERIC, *ROWS, *self.lexicon.functions}
                    ):
                        return True
            if (
                isinstance(part, tree.Partial)
                and part.by == name
                and isinstance(part.of, Name)
                and part.of.base in {*GENERIC, *ROWS, *self.lexicon.functions}
            ):
                return True
        return False


def _is_empty(value: IndexedArray, right: Node) -> bool:
    """Whether both sides are 0 where one does not say so: with one example, its distance to the mean is 0."""
    return not np.any(np.abs(value.array) > 1e-12) and not isinstance(right, tree.Number)


def _is_elementwise(call: tree.Call) -> bool:
    function = call.function
    while isinstance(function, tree.Prime):
        function = function.base
    return isinstance(function, Name) and function.base not in {"tr", "softmax", "diag", "sum", "mean", "det"}


def sums_entries(*sides: Node) -> bool:
    """Whether a sum over k is of w_{jk}, the entries of a matrix."""
    sums = (part for side in sides for part in walk(side) if isinstance(part, tree.Summation))
    return any(
        isinstance(name, Name)
        and len(name.below) == 2
        and any(mark.content == Name(base=index) for mark in name.below for index in whole.indices)
        for whole in sums
        for name in walk(whole.body)
    )


def is_of_one_unit(left: Node, right: Node) -> bool:
    """Whether it is of the kind of the chain rule: with a ∂A/∂B whose A is not the cost, or is not said to be."""
    partials = [p for side in (left, right) for p in walk(side) if isinstance(p, tree.Partial)]
    return not all(isinstance(p.of, Name) and _is_like_a_cost(p.of) for p in partials)


def _is_like_a_cost(name: Name) -> bool:
    """J, or J^{(i)} of an example."""
    is_one = all(mark.kind == "layer" and isinstance(mark.content, Name) for mark in name.above)
    return is_one and name.base in {"J", "L", "E", "C", "ell", "Loss", "loss", "cost"}
