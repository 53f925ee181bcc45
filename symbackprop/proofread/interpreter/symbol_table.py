"""The symbol table of a document: the network's quantities that names denote, and the document's definitions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import product

from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import INPUT, ONE_HOT, PARAMETER, SCALAR, TARGET, Network
from symbackprop.parsing.syntax_tree import Add, Name, Node, Number, Script, walk
from symbackprop.parsing.vocabulary import LETTERS
from symbackprop.printing.naming import Key, key_of
from symbackprop.proofread.interpreter.adjoint_marks import ADJOINTS, CLEAR, COSTS, marks_of, without_accent
from symbackprop.proofread.interpreter.cost_terms import compared, cost_terms, unnamed

_INPUTS = {"x", "X", "a0", "A0"}
_FIRST_LAYERS = {"a1", "A1", "o1", "h1", "y0", "Y0"}
_TARGETS = {"y", "Y", "t", "T", "d", "ystar", "D", "target", "label"}
_UNNAMED_OUTPUTS = {"yhat", "Yhat", "output", "pred", "prediction"}  # also where the network has no name for it
_OUTPUTS = {*_UNNAMED_OUTPUTS, "p", "phat", "P", "o", "O", "ytilde", "yout", "a", "A"}
_COUNTS = {"N", "m", "n", "M", "B"}
_WEIGHTS = {"W", "w", "theta", "Theta", "V", "v", "beta"}
_CAMEL = re.compile(r"(?<=[a-zA-Z])(?:Hat|Bar|Tilde|Star)$")
_MOST_LAYERS = 40
_LAST_LAYER = Name(base="n", below=(Script(kind="plain", content=Name(base="l")),))  # n_l
EACH = "each"  # of a cost of one example
LAST = "the last layer"  # a key among the letters that denote numbers: z_k without a layer number is in it
SHIFT = "layers further"  # likewise: the number of layers by which all units of a line are shifted
_EXAMPLE_LETTERS = set("ijkmnpqrs")  # above, as in q_i^k
_PREACTIVATIONS = ("z", "net", "s", "h", "u", "v", "a", "o", "in", "Z", "y")


@dataclass(frozen=True)
class NameReading:
    """One interpretation of the scripts of a name."""

    key: Key
    indices: tuple[str | int, ...] = ()
    example: str | int | None = None
    power: Node | None = None


@dataclass(frozen=True)
class Definition:
    """A definition of a name in the document."""

    key: Key
    indices: tuple[str, ...]
    body: Node
    statement: int
    letters: Mapping[str, int] = field(default_factory=dict)
    example: str | None = None  # an index over examples: the definition is for each of them


@dataclass(frozen=True)
class AdjointMultiple:
    """A multiple scale · ∂J/∂v that a name denotes."""

    of: Key
    scale: float = 1.0
    node: Expression | None = None  # v, where it has no name


@dataclass(eq=False)
class SymbolTable:
    """The meanings of the names in a document.

    Args:
        network: the network whose gradients the document derives.
        document_first: True if a definition in the document overrides the network's quantity with the same name.
        units: the layer whose units each letter numbers, such as 0, 1, 2 for i, j, k in w_{ij}, w_{jk}.
        marks: the marks that make the name of a quantity a name of its adjoint in this document, such as bar.
    """

    network: Network
    document_first: bool = False
    units: Mapping[str, int] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    definitions: dict[Key, Definition] = field(default_factory=dict)
    functions: dict[str, tuple[Name, Node]] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)  # names that are used as functions somewhere
    chosen: dict[Key, AdjointMultiple] = field(default_factory=dict)
    derived_by: dict[str, str] = field(default_factory=dict)  # for a δ that is defined as ∂J/∂v, the base of v
    cost_scale: float = 1.0  # the cost of the document over that of the network
    adjoint_scale: float = 1.0  # likewise of ∂J/∂v where v is not a parameter
    known: dict[Key, Expression] = field(init=False)
    aliases: dict[Key, Expression] = field(init=False)
    words: set[str] = field(init=False)  # subscripts of the network's names, such as out in W_out
    _readings: dict[object, tuple[NameReading, ...]] = field(default_factory=dict, init=False, repr=False)  # a cache

    def __post_init__(self) -> None:
        named = {**self.network.symbols, **{str(d): d for d in self.network.dimensions}}
        self.known = {key_of(name): symbol for name, symbol in named.items()}
        for key, symbol in list(self.known.items()):
            self.known.setdefault((_CAMEL.sub(lambda mark: mark[0].lower(), key[0]), *key[1:]), symbol)  # yHat
        self.words = {key[1] for key in self.known if key[1]}
        self.aliases = {**self._terms_of_cost(), **dict(self._aliases()), **dict(self._names_of_units())}

    def tell_entries(self, names: Iterable[Name]) -> None:
        """Interpret w_1 as an entry of w, not as the weights of layer 1, if the document also has w_2, w_3, …"""
        marks = ((name.base, mark.content) for name in names for mark in name.below)
        for base in {base for base, content in marks if isinstance(content, Number) and content.value > 1} & _WEIGHTS:
            self.aliases.pop((base, "", "1"), None)

    def tell_words(self, names: Iterable[Name]) -> None:
        """Ignore a word that is the only subscript of an input or a target in the document, such as ctx in v_ctx."""
        words: dict[str, set[str]] = {}
        for name in names:
            found = [mark.content.base if isinstance(mark.content, Name) else "" for mark in name.below]
            if len(found) == 1 and len(found[0]) > 2 and found[0] not in LETTERS.values():
                words.setdefault(name.base, set()).add(found[0])
        data = self.network.of_role(INPUT, TARGET, ONE_HOT)
        for base, (word, *others) in words.items():
            symbol = self.symbol(_plain(base))
            if symbol in data and not others and self.symbol((base, word, "")) is None:
                self.aliases[base, word, ""] = symbol

    def symbol(self, key: Key) -> Expression | None:
        """Return the network's quantity with this name, or with a name that is commonly used instead; else None."""
        return self.known.get(key, self.aliases.get(key))

    def label(self) -> Name | None:
        """Return the name of the only one-hot target, if it has a plain name, else None."""
        named = [key for key, symbol in self.known.items() if symbol in self.network.of_role(ONE_HOT)]
        return Name(base=named[0][0]) if len(named) == 1 and not any(named[0][1:]) else None

    @cached_property
    def needed(self) -> dict[Expression, set[Expression]]:
        """The quantities from which each quantity is computed, directly or indirectly."""
        needed: dict[Expression, set[Expression]] = {node: set(postorder(node)) for node in unnamed(self.network)}
        for equation in (*self.network.equations, self.network.cost):
            parts = set(postorder(equation.expression))
            needed[equation.symbol] = parts.union(*(needed[part] for part in parts if part in needed))
        return needed

    def is_named(self, key: Key) -> bool:
        """Return True if the network has this name, regardless of case."""
        other = self.known.get((_other_case(key[0]), *key[1:]))
        return key in self.known or not (other is None or other in self.network.dimensions)

    @cached_property
    def last_step(self) -> int:
        """The number T of time steps if the network has an input for each, else 0."""
        inputs = self.network.of_role(INPUT)
        steps = [int(key[2]) for key, symbol in self.known.items() if symbol in inputs and key[2].isdigit()]
        return max(steps) if len(steps) > 1 else 0

    @property
    def shifts(self) -> list[dict[str, int]]:
        """The possible shifts of a line's letters, in layers, relative to the rest of the document."""
        last = max(self.units.values(), default=0)
        return [{SHIFT: sign * shift} for shift in range(1, last + 1) for sign in (1, -1)]

    def of_other_layers(self, key: Key) -> list[Key]:
        """Return the keys for the other layers, if one line defines δ_j for the units j of every layer."""
        own = self.definitions.get(key)
        every = self.definitions.items() if own is not None else ()
        return [k for k, d in every if own is not None and d.statement == own.statement and SHIFT in d.letters]

    @property
    def layers(self) -> range:
        """The layers or time steps that letters can denote, from one below the first to one above the last."""
        every = [
            int(key[2]) for key in (*self.known, *self.definitions) if key[2].isdigit() and int(key[2]) < _MOST_LAYERS
        ]
        return range(max(min(every) - 1, 0), max(every) + 2) if every else range(0)

    def _aliases(self) -> Iterator[tuple[Key, Expression]]:
        numbered = {key[0] for key in self.known if key[2]} | {_other_case(key[0]) for key in self.known if key[2]}
        targets = self.network.of_role(TARGET, ONE_HOT)
        yield from ((key, symbol) for key, symbol in self._usual_names() if key[2] or key[0] not in numbered)
        for key, symbol in reversed(list(self.known.items())):
            if symbol in targets:
                yield (f"{key[0]}star", *key[1:]), symbol
                yield (f"{_other_case(key[0])}star", *key[1:]), symbol
            if symbol not in self.network.dimensions:
                yield (_other_case(key[0]), *key[1:]), symbol
            is_spelled = len(key[0]) > 1 and key[0] not in LETTERS.values()  # ξ does not mean x_i
            if is_spelled and not key[1] and not key[0].endswith(("hat", "bar", "tilde")):
                yield (key[0][0], key[0][1:], key[2]), symbol  # Wx is W_x
                yield (key[0][0].swapcase(), key[0][1:], key[2]), symbol

    def _usual_names(self) -> Iterator[tuple[Key, Expression]]:
        network = self.network
        yield from ((_plain(name), network.cost.symbol) for name in COSTS)
        yield from (((name, total, ""), network.cost.symbol) for name in COSTS for total in ("total", "tot"))
        dimension = self._count()
        if dimension is not None:
            yield from ((_plain(name), dimension) for name in _COUNTS)
        outputs = self._outputs()
        for names, words, symbols in (
            (_INPUTS, (), network.of_role(INPUT)),
            (_TARGETS, ("true", "target", "actual"), network.of_role(TARGET, ONE_HOT)),
            (
                _OUTPUTS if outputs else _UNNAMED_OUTPUTS,
                ("pred", "predicted", "out", "output"),
                outputs or compared(network),
            ),
        ):
            if len(symbols) == 1:
                yield from ((key_of(name), symbols[0]) for name in names if name not in _FIRST_LAYERS)
                yield from (((base, word, ""), symbols[0]) for base, word in product("yY", words))
        outputs = outputs or compared(network)
        if len(outputs) == 1:
            yield from ((("h", of, ""), outputs[0]) for of in ("Wb", "W", "w", "theta", "Theta"))
        weights = [p for p in network.of_role(PARAMETER) if 1 not in p.shape[:1]]
        if len(weights) == 1:
            yield from ((key_of(name + index), weights[0]) for name in _WEIGHTS for index in ("", "1"))
        scalars = network.of_role(SCALAR)
        if len(scalars) == 1:
            yield from ((_plain(name), scalars[0]) for name in ("lambda", "alpha", "gamma", "mu", "beta"))

    def _names_of_units(self) -> Iterator[tuple[Key, Expression]]:
        """Yield common names for the input as layer 0 and for the output as the last layer."""
        if not self.units:
            return
        inputs, outputs = self.network.of_role(INPUT), self._outputs()
        targets = {name for key in self.known for name in (key[0], _other_case(key[0])) if not any(key[1:])}
        names = [name for name in ("x", "o", "a", "y", "h", "z", "out") if name not in targets - {"x"}]
        for symbols, layer in ((inputs, 0), (outputs, max(self.units.values()))):
            if len(symbols) == 1:
                yield from (((name, "", str(layer)), symbols[0]) for name in names)

    def _terms_of_cost(self) -> dict[Key, Expression]:
        """Return L_t for a cost that is a sum over time steps or layers: the term that contains y_t."""
        targets = set(self.network.of_role(TARGET, ONE_HOT))
        scripts = {symbol: key[1:] for key, symbol in self.known.items() if symbol in targets}
        found: dict[tuple[str, str], list[Expression]] = {}
        for term in cost_terms(self.network):
            own = {scripts[symbol] for symbol in term.free_symbols & scripts.keys()}
            if len(own) == 1:
                found.setdefault(own.pop(), []).append(term)
        if len(found) < 2:
            return {}
        return {(cost, *script): terms[0] for script, terms in found.items() for cost in COSTS if len(terms) == 1}

    def _count(self) -> Size | None:
        """Return the number of examples if it has a name, else None."""
        named = [size for size in self.network.examples[1] if size.is_Symbol]
        return named[0] if len(named) == 1 else None

    def _outputs(self) -> tuple[Expression, ...]:
        """Return the quantities that the cost compares with the targets."""
        cost, targets = self.network.cost.expression, set(self.network.of_role(TARGET, ONE_HOT))
        matrices = [equation.symbol for equation in self.network.equations if is_matrix(equation.symbol)]
        own = [symbol for symbol in matrices if symbol in cost.free_symbols] if targets & cost.free_symbols else []
        return tuple((own or matrices)[-1:])

    def readings(self, name: Name, letters: Mapping[str, int]) -> Iterator[NameReading]:
        """Yield the possible readings of the scripts of a name, the most likely ones first."""
        key = name, tuple(letters.items()), len(self.definitions), len(self.aliases)
        if key not in self._readings:
            self._readings[key] = tuple(self._all_readings(name, letters))
        return iter(self._readings[key])

    def _all_readings(self, name: Name, letters: Mapping[str, int]) -> Iterator[NameReading]:  # noqa: PLR0912
        name = self._with_digits_apart(self._with_words_below(name))
        layer = self._layer_of_units(name, letters.get(SHIFT, 0))
        if layer is not None:
            letters_below = (getattr(mark.content, "base", "") for mark in name.below)
            power = name.above[0].content if name.above else None
            yield NameReading((name.base, "", str(layer)), tuple(letters_below), None, power)
        scripts = [self._script(content, letters, name.base) for content in name.scripts]
        texts = [text for text in scripts if text is not None]
        if len(texts) < len(scripts):
            return
        base, over, under = name.base, texts[: len(name.above)], texts[len(name.above) :]
        indices, joined = tuple(map(_index, under)), "".join(under)
        kind = name.above[0].kind if len(over) == 1 else ""
        power = name.above[0].content if kind == "plain" else None
        example = over[0] if kind == "layer" and not over[0].isdigit() else None
        if power is not None and self._is_free_letter(power, letters):  # q_i^k of an example k
            yield NameReading((base, "".join(under), ""), (), over[0])
            yield NameReading((base, "", ""), indices, over[0])
        if len(over) == 2:
            yield NameReading((base, "", over[0]), indices, _index(over[1]))
            yield NameReading((base, "", over[1]), indices, _index(over[0]))
            return
        if power is not None and under and under[0].isdigit() and over[0].isdigit():  # h_1^2
            yield NameReading((base, "", under[0]), indices[1:], None, power)
        if over and under:
            yield NameReading((base, joined, over[0]))
        if over:
            yield NameReading((base, "", over[0]), indices)
        elif under:
            if len(under) == 2 and self.symbol((base, under[1], "")) is not None:  # y_{id} of a y_d
                yield NameReading((base, under[1], ""), indices[:1])
            if under[-1].isdigit() and len(under) > 1:
                yield NameReading((base, "".join(under[:-1]), under[-1]))
            if under[0].isdigit():
                yield NameReading((base, "", under[0]), indices[1:])
            yield NameReading((base, joined, ""))
            if len(under) > 1:
                yield NameReading((base, under[0], ""), indices[1:])
        if under and (power is not None or example is not None):
            if under[0].isdigit():
                yield NameReading((base, "", under[0]), indices[1:], example, power)
            yield NameReading((base, joined, ""), (), example, power)
        if LAST in letters and len(under) == 1 and not over and (last := self._last_layer(base)) is not None:
            yield NameReading((base, "", str(last)), indices)
        yield NameReading((base, "", ""), indices, example, power)

    def _with_digits_apart(self, name: Name) -> Name:
        """Return A_{1,2} for A_{12} if A is a matrix of the network, which has both rows and columns."""
        number = name.below[-1].content if name.below else None
        digits = str(number.value) if isinstance(number, Number) else ""
        if len(digits) != 2 or not digits.isdigit() or "0" in digits:
            return name
        whole = replace(name, below=name.below[:-1], source="")
        found = (self.symbol(reading.key) for reading in self.readings(whole, {}) if not reading.indices)
        symbol = next((symbol for symbol in found if symbol is not None), None)
        if symbol is None or not is_matrix(symbol) or 1 in symbol.shape:
            return name
        marks = (Script(kind="plain", content=Number(value=Fraction(digit), source=digit)) for digit in digits)
        return replace(name, below=(*whole.below, *marks))

    def _with_words_below(self, name: Name) -> Name:
        """Return W_{out} for W^{(out)} if the network has a W_out, and likewise a δ; any other name unchanged."""
        if not name.above or not self.words:
            return name
        words = {mark: self._word(name.base, mark.content) for mark in name.above}
        if not any(words.values()):
            return name
        below = tuple(Script(kind="plain", content=Name(base=word)) for word in words.values() if word)
        return replace(name, above=tuple(mark for mark in name.above if not words[mark]), below=(*below, *name.below))

    def _word(self, base: str, content: Node) -> str:
        """Return the word that a superscript consists of, if the network has it as a subscript of this name, or ""."""
        word = "".join(part.base for part in walk(content) if isinstance(part, Name))
        keys = {(base, word, ""), (_other_case(base), word, "")}
        return word if word in self.words and (base in ADJOINTS or not keys.isdisjoint(self.known)) else ""

    def _is_free_letter(self, node: Node, letters: Mapping[str, int]) -> bool:
        """Return True for an index letter that denotes neither a number here nor a quantity."""
        letter = node.base if isinstance(node, Name) and not node.scripts else ""
        is_known = any(_plain(letter) in known for known in (self.known, self.definitions, self.aliases))
        return letter in _EXAMPLE_LETTERS and letter not in letters and not is_known

    def _layer_of_units(self, name: Name, shift: int) -> int | None:
        """Return the layer of o_j, or for w_{ij} the later layer of i and j; None for any other name."""
        letters = [getattr(mark.content, "base", "") for mark in name.below]
        layers = [self.units[letter] + shift for letter in letters if letter in self.units]
        is_power = all(mark.kind == "plain" and isinstance(mark.content, Number) for mark in name.above)
        return max(layers) if layers and len(letters) <= 2 and len(name.above) <= 1 and is_power else None

    def _script(self, content: Node, letters: Mapping[str, int], base: str) -> str | None:  # noqa: PLR0911
        """Return a script as text, with numbers in place of letters that denote them; None if it is not supported."""
        if isinstance(content, Number):
            return str(content.value)
        if isinstance(content, Name) and not content.above and not content.below:
            if content.base in ({"L", "T"} if self.last_step else {"L"}) - letters.keys():
                last = self._last_layer(base)
                return content.base if last is None else str(last)
            return str(letters.get(content.base, content.base))
        if isinstance(content, Add):
            parts = [self._script(term, letters, base) for term in content.terms]
            if any(part is None or not part.lstrip("-").isdigit() for part in parts):
                return None
            total = sum(sign * int(part or 0) for sign, part in zip(content.signs, parts, strict=True))
            return str(total) if total >= 0 else None
        if content == _LAST_LAYER and "n" not in letters:
            return str(self._last_layer(base) or "nl")
        if isinstance(content, Name):
            inner = [self._script(mark.content, letters, base) for mark in (*content.above, *content.below)]
            return content.base + "".join(part or "" for part in inner)
        return None

    def _last_layer(self, base: str) -> int | None:
        base = ADJOINTS.get(base, base)
        keys = [*self.known, *self.definitions]
        layers = [int(key[2]) for key in keys if key[0] in {base, _other_case(base)} and key[2].isdigit()]
        every = [int(key[2]) for key in keys if key[2].isdigit()]
        return max(layers or every, default=None)

    def of_last_layer(self, name: Name) -> Name | None:
        """Return the name of the last of the layers a1, a2, … for a name a without a number, or None."""
        last = (
            None if name.above or name.below or (name.base, "", "") in self.definitions else self._last_layer(name.base)
        )
        if last is None:
            return None
        return Name(base=name.base, above=(Script(kind="plain", content=Number(value=Fraction(last))),))

    def may_have_meaning(self, name: Name) -> bool:
        """Return True if a name is known in any of its readings, whatever its letters denote."""
        letters = {part.base for content in name.scripts for part in walk(content) if isinstance(part, Name)}
        choices = [{}, {LAST: 1}, *self.shifts, *({letter: k} for letter in sorted(letters) for k in self.layers)]
        return any(self._is_known(one.key) for choice in choices for one in self.readings(name, choice))

    def _is_known(self, key: Key) -> bool:
        defined = key in self.definitions or (key[0], EACH, "") in self.definitions
        return defined or self.symbol(key) is not None or self.adjoint(key) is not None

    @property
    def signature(self) -> frozenset[tuple[Key, AdjointMultiple]]:
        """The meanings that are chosen for adjoints, as a key of caches."""
        return frozenset(self.chosen.items())

    def marked(self, key: Key) -> Iterator[tuple[str, Key]]:
        """Yield the adjoint marks in a name that is unknown otherwise, with the quantities that it then is about."""
        if not marks_of(key) or key in self.known or key in self.aliases:
            return
        targets = self.network.of_role(TARGET, ONE_HOT)
        others = {*targets, *self.network.dimensions, self.network.cost.symbol}
        for mark, of in marks_of(key):
            is_cost = mark in COSTS  # E_x is also an expectation, and L_t a term of a cost
            symbol = self.known.get(of) if is_cost else self.symbol(of)
            if symbol is not None and symbol not in others and not (is_cost and symbol in self.network.of_role(INPUT)):
                yield mark, of

    def adjoint(self, key: Key) -> AdjointMultiple | None:
        """Return the conventional multiple of ∂J/∂v that a name such as δ^{(3)} denotes, or None."""
        if key in self.chosen:
            return self.chosen[key]
        marked = next((of for mark, of in self.marked(key) if mark in self.marks | CLEAR), None)
        if marked is not None:
            return AdjointMultiple(marked)
        key = (without_accent(key[0]), *key[1:])  # \hat\delta
        if key[0] not in ADJOINTS:
            return None
        said = self.derived_by.get(key[0])
        for base in (said, *_PREACTIVATIONS) if said else _PREACTIVATIONS:
            of = (base, *key[1:])
            if of in self.definitions or of in self.known:
                return AdjointMultiple(of)
        return None


def _plain(name: str) -> Key:
    return name, "", ""


def _other_case(base: str) -> str:
    return base[:1].swapcase() + base[1:]


def _index(text: str) -> str | int:
    return int(text) if text.isdigit() else text
