"""The state of a document that is read under one interpretation."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from symbackprop.expressions.aliases import Expression
from symbackprop.network.network import Network
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, Node
from symbackprop.printing.naming import Key
from symbackprop.proofread.derivation.implied_sums import leaves_sums_out
from symbackprop.proofread.interpreter.compare import Judgment
from symbackprop.proofread.interpreter.conventions import DocumentLayout
from symbackprop.proofread.interpreter.evaluate import evaluator_at
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.network_at_point import ALL, ONE_COLUMN, NetworkAtPoints
from symbackprop.proofread.interpreter.symbol_table import NameReading, SymbolTable

Units = tuple[tuple[str, int], ...]  # index letters, and the layers whose units they number
_LETTER = r"\$\s*(?:[a-zA-Z]\s*=\s*)?([a-z])\s*\$"
_CLASS_LETTER = re.compile(  # the correct class is $c$; class $c$ is correct; $y_c = 1$
    rf"\b(?:correct|true|target|actual|ground[ -]truth) (?:class|label|word)(?: index)?(?: is| be|,)? *{_LETTER}"
    rf"|\bclass {_LETTER} (?:is|be) the (?:correct|true|target)"
    r"|\b[a-zA-Z]_\{?([a-z])\}?\s*=\s*1(?![\d.])"
)
POINTS = 2  # random points at which the sides of a statement are compared


@dataclass(frozen=True)
class Interpretation:
    """An interpretation of a document: the conventions under which it is read."""

    layout: DocumentLayout = field(default_factory=DocumentLayout)
    scope: str = ALL  # the sample scope: all examples, or one example
    document_first: bool = False  # the document's own definition of a name hides the network's quantity
    cost_scale: float = 1.0  # the document's cost over the network's
    adjoint_scale: float = 1.0  # the document's ∂J/∂v over the network's, where v is not a parameter
    units: Units = ()


@dataclass(frozen=True)
class Setting:
    """Conditions of a comparison of two sides: sample scope, values of letters, quantities held fixed."""

    scope: str
    letters: Mapping[str, int] = field(default_factory=dict)
    held: frozenset[Expression] = frozenset()


@dataclass
class DocumentReading:
    """The state of reading one document under one interpretation.

    The argument `index` of its methods is the index of a statement in `statements`.
    """

    points: NetworkAtPoints
    statements: Sequence[Statement]
    interpretation: Interpretation = field(default_factory=Interpretation)
    text: str = ""  # of the document
    marks: frozenset[str] = frozenset()  # of the names of adjoints, such as bar
    symbols: SymbolTable = field(init=False)
    definitions: dict[int, Key] = field(default_factory=dict)  # the name that a statement defines
    function_definitions: set[int] = field(default_factory=set)  # statements such as f(z) = …
    own_functions: set[int] = field(default_factory=set)  # of these, the ones of functions of the document's own
    layer_definitions: set[int] = field(default_factory=set)  # statements that define a name for every layer
    odd_scales: dict[int, float] = field(default_factory=dict)  # of each unused δ that is a multiple of ∂J/∂z
    evaluators: dict[object, Evaluator] = field(default_factory=dict)  # a cache
    judgments: dict[object, list[Judgment]] = field(default_factory=dict)  # a cache
    meaningless: dict[object, bool] = field(default_factory=dict)  # a cache
    held: dict[object, frozenset[Expression]] = field(default_factory=dict)  # a cache
    held_before: dict[object, list[frozenset[Expression]]] = field(default_factory=dict)  # a cache
    completed: dict[object, "DocumentReading"] = field(default_factory=dict)  # a cache, of all readings of a document
    in_other_layouts: "list[DocumentReading] | None" = None  # a cache
    at_other_points: dict[object, "DocumentReading"] = field(default_factory=dict)  # a cache

    def __post_init__(self) -> None:
        interpretation = self.interpretation
        names = [name for statement in self.statements for name in statement.names]
        self.symbols = SymbolTable(
            self.network,
            interpretation.document_first,
            dict(interpretation.units),
            self.marks,
            cost_scale=interpretation.cost_scale,
            adjoint_scale=interpretation.adjoint_scale,
        )
        self.symbols.tell_entries(names)
        self.symbols.tell_words(names)

    @property
    def network(self) -> Network:
        """The network that the document is about."""
        return self.points.network

    @cached_property
    def class_letters(self) -> tuple[str, ...]:
        """The letters that denote the class of an example, as the text says, if the targets are one-hot."""
        found = (letter for match in _CLASS_LETTER.finditer(self.text) for letter in match.groups() if letter)
        return tuple(dict.fromkeys(found)) if self.symbols.label() is not None else ()

    @cached_property
    def leaves_sums_out(self) -> bool:
        """True if a product that repeats an index may be a sum over it."""
        return leaves_sums_out(self.text, self._sides)

    @property
    def own_evaluator(self) -> Evaluator | None:
        """The evaluator at the first point, in the document's sample scope."""
        return self.evaluator(Setting(self.interpretation.scope))

    def evaluator(self, setting: Setting, point: int = 0) -> Evaluator | None:
        """Return the evaluator at a point, or None if the network has no values in this sample scope."""
        network_at_point = self.points.at(setting.scope, point)
        if network_at_point is None:
            return None
        key = setting.scope, point, tuple(setting.letters.items()), self.symbols.signature, setting.held
        if key not in self.evaluators:
            layout = self.interpretation.layout
            layout = replace(layout, data=not layout.data) if setting.scope == ONE_COLUMN else layout
            self.evaluators[key] = evaluator_at(
                network_at_point, self.symbols, layout, setting.letters, held=setting.held, budget=self.points.budget
            )
        return self.evaluators[key]

    def like(self, **changes: Any) -> "DocumentReading":
        """Return the same document without definitions, with another interpretation, other points or other marks."""
        same = {name: getattr(self, name) for name in ("points", "statements", "interpretation", "text", "marks")}
        shared = {} if "points" in changes else {"completed": self.completed}
        return DocumentReading(**(same | shared | changes))

    def forget(self) -> None:
        """Forget all values and judgments, because the meaning of a name has changed."""
        self.evaluators.clear()
        self.judgments.clear()
        self.meaningless.clear()
        self.held.clear()
        self.held_before.clear()
        self.points.forget(self.symbols)

    def sides(self, index: int) -> tuple[Node, ...]:
        """Return the sides that a statement equates; an empty tuple if it is not an equality."""
        return self._sides[index]

    @cached_property
    def left_sides(self) -> frozenset[Node]:
        """The first sides of all equalities."""
        return frozenset(sides[0] for sides in self._sides if sides)

    @cached_property
    def _sides(self) -> list[tuple[Node, ...]]:
        return [equalities(statement) for statement in self.statements]

    def name_readings(self, name: Name, letters: Mapping[str, int] | None = None) -> Iterator[NameReading]:
        """Yield the possible readings of the scripts of a name, the most likely ones first."""
        return self.symbols.readings(name, letters or {})

    def keys(self, name: Name) -> list[Key]:
        """Return the possible keys of a name in the symbol table, the most likely ones first."""
        return [name_reading.key for name_reading in self.name_readings(name)]

    def is_without_meaning(self, name: Name) -> bool:
        """Return True if neither the network nor the document knows a name, whatever its letters denote."""
        key = name, len(self.symbols.definitions), self.symbols.signature
        if key not in self.meaningless:
            self.meaningless[key] = not self.symbols.may_have_meaning(name)
        return self.meaningless[key]

    def quantity(self, name: Name) -> Expression | None:
        """Return the network's quantity or size that a name denotes, or None."""
        symbols = map(self.symbols.symbol, self.keys(name))
        return next((symbol for symbol in symbols if symbol is not None), None)
