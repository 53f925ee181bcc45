"""What a document defines: names, functions, and errors δ."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from symbackprop.network.network import PARAMETER
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.functions import ROWS, activations_of
from symbackprop.proofread.interpreter.symbol_table import (
    ADJOINTS,
    COSTS,
    EACH,
    SHIFT,
    Definition,
    NameReading,
    SymbolTable,
)
from symbackprop.proofread.interpreter.values import ShapeMismatchError


class Definitions:
    """The part of a session that finds what the document says names are."""

    worlds: Any
    document: Sequence[Statement]
    way: Any
    lexicon: SymbolTable
    definitions: dict[int, Key]
    functions: set[int]
    layered: set[int]
    odd_scales: dict[int, float]
    meanings: dict[Any, Any]
    meaning: Callable[..., Any]
    judge: Callable[..., Any]
    is_cost: Callable[[Node], bool]
    is_known: Callable[[Node], bool]
    gives_a_number: Callable[[Node, Node], bool]
    _is_said: Callable[[int], bool]

    def _note_functions(self, written: Statement) -> None:
        """Names that stand as functions somewhere: at the left of f(z) = …, and with a prime."""
        sides = equalities(written)
        head = function_head(sides[0]) if sides else None
        if head is not None and not self._is_in_network(head[0]):
            self.lexicon.called.add(head[0].base)
        for part in (part for side in sides for part in walk(side)):
            if isinstance(part, tree.Prime) and isinstance(part.base, Name):
                self.lexicon.called.add(part.base.base)

    def _define(self, rank: int, written: Statement) -> None:
        sides = equalities(written)
        if not sides or written.continues:
            return
        left, body = sides[0], sides[1]
        for middle in sides[1:]:
            if isinstance(middle, Name) and middle.above and not self._is_resolved(middle):
                splits = [s for s in self.lexicon.splits(middle, {}) if not s.indices and s.example is None]
                if splits and splits[0].key[2].isdigit():
                    self.lexicon.definitions[splits[0].key] = Definition(splits[0].key, (), left, rank)
        for before, side in pairwise(sides[1:]):
            self._define_last(rank, before, side)
        left = left.items[0] if isinstance(left, Group) and len(left.items) == 1 else left
        if isinstance(left, tree.Differential) and isinstance(left.body, Name):
            self._define_name(rank, left.body, body, "d")
        elif isinstance(left, Name):
            self._note_derived_by(left, sides[1:])
            self._define_name(rank, left, body, "")
        elif (parts := function_head(left)) is not None:
            self._define_function(rank, *parts, body)

    def _note_derived_by(self, left: Name, others: Sequence[Node]) -> None:
        """The x by which δ_j = ±∂J/∂x_j says that it is derived."""
        said = (side.terms[0] if isinstance(side, tree.Add) and len(side.terms) == 1 else side for side in others)
        slopes = [side.by for side in said if isinstance(side, tree.Partial) and self.is_cost(side.of)]
        if left.base in ADJOINTS and slopes and slopes[0] == replace(left, base=getattr(slopes[0], "base", "")):
            self.lexicon.derived_by.setdefault(left.base, slopes[0].base)

    def _define_last(self, rank: int, before: Node, side: Node) -> None:
        """A = -(t - a) = -e says what e is, if nothing else does."""
        is_negative = isinstance(side, tree.Add) and side.signs == (-1,)
        name = side.terms[0] if isinstance(side, tree.Add) and is_negative else side
        heads = {equalities(written)[0] for written in self.document if equalities(written)}
        if not isinstance(name, Name) or name in heads or self._is_resolved(name):
            return
        if self.is_known(name) and name != Name(base="e"):  # that is rather an error than Euler's number
            return
        body = tree.negated(before) if is_negative else before
        chosen = self._defined_split(name, body, list(self.lexicon.splits(name, {})))
        if chosen is not None and chosen.power is None and all(isinstance(index, str) for index in chosen.indices):
            letters = tuple(str(index) for index in chosen.indices)
            self.lexicon.definitions.setdefault(chosen.key, Definition(chosen.key, letters, body, rank))
            self.meanings.clear()  # they know the name as unknown

    def _define_name(self, rank: int, name: Name, body: Node, prefix: str) -> None:  # noqa: PLR0911
        splits = list(self.lexicon.splits(name, {}))
        if not splits or name.base == "" or self.gives_a_number(name, body):
            return
        if not prefix and self._is_part_of_cost(splits):
            if self._define_part_of_cost(rank, name, body, splits):
                return
            splits = [s for s in splits if not (s.indices and self._is_part_of_cost([s]))]
        if self._is_said(rank) and splits[0].key not in self.lexicon.known and name.above:
            splits = splits[:1]  # G^{(1)} = ∂J/∂v beside a G of the network
        free = self._free_letters(body)
        named = (s for s in splits if self.lexicon.is_named(s.key) and self._letters_of(s) <= free)
        known = next(named, None)
        if prefix and any(self.lexicon.symbol(s.key) in self.worlds.network.parameters for s in splits):
            return
        if not prefix and known is not None and not (self.way.document_first and self._may_be_another(known.key)):
            return
        if not prefix and self._define_layers(rank, name, body):
            return
        chosen = self._defined_split(name, body, splits)
        if chosen is None or chosen.power is not None:
            return
        key = (prefix + chosen.key[0], *chosen.key[1:])
        if self._is_defined(key, rank) or any(not isinstance(i, str) for i in chosen.indices):
            return
        if (
            not prefix
            and self.lexicon.aliases.get(key) == self.worlds.network.cost.symbol
            and not self._another_cost(rank)
        ):
            return
        if chosen.key[0] in COSTS and self._is_left_open(rank) and not self._another_cost(rank):  # E_in = L(g(W x), y)
            body = Name(base=str(self.worlds.network.cost.symbol))
        indices = tuple(str(index) for index in chosen.indices)
        example = chosen.example if isinstance(chosen.example, str) else None
        self.lexicon.definitions[key] = Definition(key, indices, body, rank, example=example)
        self.definitions[rank] = key
        if example is None:
            self._define_of_other_layers(name, prefix, self.lexicon.definitions[key])

    def _is_defined(self, key: Key, rank: int) -> bool:
        """Whether a line before says what it is, rather than of another layer; a δ that is said to be ∂J/∂v is so in
        all of them, unless this line says of which v it is here."""
        own = self.lexicon.definitions.get(key)
        is_of_all = key[0] in self.lexicon.derived_by and not self._is_said(rank)
        return own is not None and (SHIFT not in own.letters or is_of_all)

    def _define_of_other_layers(self, name: Name, prefix: str, own: Definition) -> None:
        """δ_j of units of any layer."""
        for shift in self.lexicon.shifts:
            keys = (s.key for s in self.lexicon.splits(name, shift) if s.indices == own.indices)
            base, subscript, layer = next(keys, own.key)
            key = prefix + base, subscript, layer
            if key not in self.lexicon.known and key != own.key:
                self.lexicon.definitions.setdefault(key, replace(own, key=key, letters=shift))

    def _is_part_of_cost(self, splits: Sequence[Any]) -> bool:
        """Whether a name is that of the cost, with an index: L_t, E_n."""
        cost = self.worlds.network.cost.symbol
        return any(
            any(isinstance(index, str) for index in (*s.indices, s.example))
            and self.lexicon.symbol(s.key) == cost
            and s.power is None
            for s in splits
        )

    def _define_part_of_cost(self, rank: int, name: Name, body: Node, splits: Sequence[Any]) -> bool:
        """L_t of a time step, or E_n of an example."""
        if self._define_layers(rank, name, body, may_sum=True):
            return True
        chosen = self._defined_split(name, body, [s for s in splits if s.indices or s.example is not None])
        if chosen is None or not self._free_letters(body) & self._letters_of(chosen):
            return False
        key = chosen.key[0], EACH, ""
        letters = tuple(str(index) for index in (*chosen.indices, chosen.example) if index is not None)
        if len(letters) == 1 and key not in self.lexicon.definitions:
            self.lexicon.definitions[key] = Definition(key, letters, body, rank)
            self.definitions[rank] = key
        return True

    def _is_resolved(self, name: Name) -> bool:
        keys = [split.key for split in self.lexicon.splits(name, {})]
        return any(key in self.lexicon.known or key in self.lexicon.definitions for key in keys)

    def _is_in_network(self, name: Name) -> bool:
        return any(self.lexicon.is_named(split.key) for split in self.lexicon.splits(name, {}))

    def _is_parameter(self, key: Key) -> bool:
        return self.worlds.network.roles.get(str(self.lexicon.known[key].name)) == PARAMETER

    def _is_argument(self, key: Key) -> bool:
        return (
            key in self.lexicon.known and str(getattr(self.lexicon.known[key], "name", "")) in self.worlds.network.roles
        )

    def _may_be_another(self, key: Key) -> bool:
        """Whether the document may mean something else by a name of the network: not by that of a matrix that is
        given, or of the cost."""
        return not self._is_argument(key) and self.lexicon.known.get(key) != self.worlds.network.cost.symbol

    def is_another(self, rank: int) -> bool:
        """Whether a line says that a quantity of the network is something else than it is there."""
        sides = equalities(self.document[rank])
        meaning = self.meaning(self.way.extent, 0)
        is_definition = rank in self.definitions or rank in self.layered
        if not is_definition or not self.way.document_first or meaning is None or not isinstance(sides[0], Name):
            return False
        try:
            said = meaning.values(sides[1])
        except (ShapeMismatchError, UnsupportedNotationError):
            return False
        for split in self.lexicon.splits(sides[0], {}):
            names = (split.key, (split.key[0].swapcase(), *split.key[1:]))
            known = next((self.lexicon.known[key] for key in names if key in self.lexicon.known), None)
            if known is not None and self._letters_of(split) <= self._free_letters(sides[1]):
                try:
                    ours = meaning.with_scripts(meaning.oriented(known), split)
                except (ShapeMismatchError, UnsupportedNotationError):
                    return False
                return not any(values.same(one, other) for one in ours for other in said)
        return False

    def _another_cost(self, rank: int) -> bool:
        """Whether another statement is about the cost by the network's own name."""
        cost = self.lexicon.known_name(self.worlds.network.cost.symbol)
        heads = (equalities(w)[0] for k, w in enumerate(self.document) if k != rank and equalities(w))
        plain = (head for head in heads if isinstance(head, Name) and not head.above and not head.below)
        return any((head.base, "", "") == cost for head in plain)

    def _defined_split(self, name: Name, body: Node, splits: list[Any]) -> Any:
        """A letter below that stands in the body too is an index."""
        letters = self._free_letters(body)
        own = {m.content.base for m in (*name.above, *name.below) if isinstance(m.content, Name)}
        plus = any(isinstance(m.content, tree.Add) for m in (*name.above, *name.below))
        shared = own & letters
        if plus:
            return None
        if any(m.kind == "layer" and getattr(m.content, "base", "") in shared for m in name.above):
            return next((s for s in splits if s.example in shared and not s.indices), None)
        if shared:
            return next((s for s in splits if set(map(str, s.indices)) == shared), None)
        return next((s for s in splits if not s.indices), splits[-1])

    def _free_letters(self, body: Node) -> set[str]:
        """The letters that stand as scripts in a formula, but for those that are a part of a name."""
        names = [part for part in walk(body) if isinstance(part, Name) and not self._is_named_whole(part)]
        entries = [part for part in walk(body) if isinstance(part, tree.Entry)]
        contents = [m.content for part in names for m in (*part.above, *part.below)]
        contents += [index for entry in entries for index in entry.indices]
        return {part.base for content in contents for part in walk(content) if isinstance(part, Name)}

    @staticmethod
    def _letters_of(split: NameReading) -> set[str]:
        return {index for index in (*split.indices, split.example) if isinstance(index, str)}

    def _is_named_whole(self, name: Name) -> bool:
        """Whether its subscript is a part of its name, as in target_{o1}."""
        plain = {k for k, known in self.lexicon.definitions.items() if not known.indices and known.example is None}
        keys = [s.key for s in self.lexicon.splits(name, {}) if s.key[1]]
        return bool(name.below) and any(key in self.lexicon.known or key in plain for key in keys)

    def _define_layers(self, rank: int, name: Name, body: Node, may_sum: bool = False) -> bool:
        """S_j = A_j ⊙ (1 - A_j) of layers j, where the network has A1, A2, …"""
        marks = [m.content for m in (*name.above, *name.below)]
        if (
            name.base in ADJOINTS
            or len(marks) != 1
            or not isinstance(marks[0], Name)
            or (not may_sum and any(isinstance(p, tree.Summation) for p in walk(body)))
        ):
            return False
        letter = marks[0].base
        used = [
            p
            for p in walk(body)
            if isinstance(p, Name) and any(getattr(m.content, "base", "") == letter for m in (*p.above, *p.below))
        ]
        layers: list[int] = []
        for number in self.lexicon.layers:
            splits = [next(iter(self.lexicon.splits(p, {letter: number})), None) for p in used]
            if used and all(
                s is not None and (s.key in self.lexicon.known or s.key in self.lexicon.definitions) for s in splits
            ):
                layers.append(number)
        for number in layers:
            key = next(s.key for s in self.lexicon.splits(name, {letter: number}))
            if key not in self.lexicon.known:
                self.layered.add(rank)
                self.lexicon.definitions.setdefault(key, Definition(key, (), body, rank, {letter: number}))
        return bool(layers)

    def _define_function(self, rank: int, function: Name, parameter: Name, body: Node) -> None:
        self.functions.add(rank)
        is_new = function.base not in ROWS and not activations_of(self.worlds.network)
        resolvable = {s.key for s in self.lexicon.splits(function, {})} & self.lexicon.known.keys()
        if is_new and not resolvable and function.base not in self.lexicon.functions:
            self.lexicon.functions[function.base] = (parameter, body)

    def _define_remainder(self, rank: int, written: Statement) -> None:
        """J = L + s of the network's J, where nothing says what L is, as in L = l(o, y): it is J - s."""
        sides = equalities(written)
        if len(sides) != 2 or not isinstance(sides[1], tree.Add) or not self.is_cost(sides[0]):
            return
        signs, terms = sides[1].signs, sides[1].terms
        unknown = [k for k, term in enumerate(terms) if not self.is_known(term)]
        name = terms[unknown[0]] if len(unknown) == 1 else None
        if not isinstance(name, Name) or signs[unknown[0]] != 1:
            return
        others = [k for k in range(len(terms)) if k not in unknown]
        body = tree.Add(signs=(1, *(-signs[k] for k in others)), terms=(sides[0], *(terms[k] for k in others)))
        key = next((s.key for s in self.lexicon.splits(name, {}) if not s.indices), None)
        if key is not None and key not in self.lexicon.known:
            self.lexicon.definitions[key] = Definition(key, (), body, rank)

    def _is_left_open(self, rank: int) -> bool:
        """L = l(o, y): a function of quantities that nothing says what it is."""
        body = equalities(self.document[rank])[1]
        called = body if isinstance(body, tree.Call) else None
        function = called.function if called is not None else None
        if isinstance(body, tree.Multiply) and len(body.factors) == 2 and isinstance(body.factors[1], Group):
            function = body.factors[0]
        return isinstance(function, Name) and function.base not in ROWS and not self.is_known(body)

    def _is_gradient(self, left: Node) -> bool:
        """Whether it is ∂J/∂W of a parameter."""
        by = left.by if isinstance(left, tree.Partial) else left.body if isinstance(left, tree.Differential) else None
        if not isinstance(by, Name):
            return False
        return any(
            s.key in self.lexicon.known and self._is_parameter(s.key) for s in self.lexicon.splits(by, {})
        ) or any(self.lexicon.aliases.get(s.key) in self.worlds.network.parameters for s in self.lexicon.splits(by, {}))


def function_head(left: Node) -> tuple[Name, Name] | None:
    """f(z) on the left of a definition."""
    if isinstance(left, tree.Multiply) and len(left.factors) == 2 and not left.sign:
        function, group = left.factors
        if isinstance(function, Name) and isinstance(group, Group) and len(group.items) == 1:
            argument = group.items[0]
            return (function, argument) if isinstance(argument, Name) else None
    if isinstance(left, tree.Call) and isinstance(left.function, Name) and len(left.arguments) == 1:
        argument = left.arguments[0]
        return (left.function, argument) if isinstance(argument, Name) else None
    return None
