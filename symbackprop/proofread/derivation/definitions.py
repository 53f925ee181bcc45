"""Definitions in a document: names, functions, and adjoints δ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Group, Name, Node, walk
from symbackprop.printing.naming import Key
from symbackprop.proofread.derivation.edit import unsigned
from symbackprop.proofread.derivation.guard import guarded
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.subjects import (
    assigns_number,
    defines_by_partial,
    has_value,
    is_argument,
    is_cost,
    is_in_network,
    is_index,
)
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.adjoint_marks import ADJOINTS, COSTS
from symbackprop.proofread.interpreter.functions import ROWS, activations_of
from symbackprop.proofread.interpreter.names import with_scripts
from symbackprop.proofread.interpreter.orientation import laid_out
from symbackprop.proofread.interpreter.quantities import call_parts
from symbackprop.proofread.interpreter.symbol_table import EACH, SHIFT, Definition, NameReading
from symbackprop.proofread.interpreter.values import ShapeMismatchError


def read_definitions(reading: DocumentReading) -> None:
    """Add the definitions in the document to its symbol table."""
    every = list(enumerate(reading.statements))
    for _, statement in every:
        _note_functions(reading, statement)
    for index, statement in every:
        guarded(partial(_define, reading, index, statement), _ignored)
    for index, _ in every:
        guarded(partial(_define_remainder, reading, index), _ignored)


def _ignored(_: str) -> None:
    """Define nothing: the line is judged without a definition."""


def _note_functions(reading: DocumentReading, statement: Statement) -> None:
    """Record the names that are used as functions: on the left of f(z) = …, or with a prime."""
    sides = equalities(statement)
    head = function_head(sides[0]) if sides else None
    if head is not None and not is_in_network(reading, head[0]):
        reading.symbols.called.add(head[0].base)
    primes = [part for side in sides for part in walk(side) if isinstance(part, tree.Prime)]
    reading.symbols.called |= {prime.base.base for prime in primes if isinstance(prime.base, Name)}


def _define(reading: DocumentReading, index: int, statement: Statement) -> None:
    sides = equalities(statement)
    if not sides or statement.continues or _says_letters(reading, sides):
        return
    left, body = sides[0], sides[1]
    for middle in sides[1:] if function_head(left) is None else ():
        if isinstance(middle, Name) and middle.above and not _is_resolved(reading, middle):
            whole = [found for found in reading.name_readings(middle) if not found.indices and found.example is None]
            if whole and whole[0].key[2].isdigit():
                reading.symbols.definitions[whole[0].key] = Definition(whole[0].key, (), left, index)
    for before, side in pairwise(sides[1:]):
        _define_last(reading, index, before, side)
    left = left.items[0] if isinstance(left, Group) and len(left.items) == 1 else left
    if isinstance(left, tree.Differential) and isinstance(left.body, Name):
        _define_name(reading, _Claim(index, left.body, body, "d"))
    elif isinstance(left, Name):
        _note_derived_by(reading, left, sides[1:])
        _define_name(reading, _Claim(index, left, body))
    elif (parts := function_head(left)) is not None:
        _define_function(reading, index, *parts, body)


def _says_letters(reading: DocumentReading, sides: Sequence[Node]) -> bool:
    """Return True for i = j, which defines nothing."""
    return len(sides) == 2 and all(isinstance(side, Name) and is_index(reading, side) for side in sides)


def _note_derived_by(reading: DocumentReading, left: Name, others: Sequence[Node]) -> None:
    """Record, for δ_j = ±∂J/∂x_j, that δ is the derivative with respect to x."""
    unsigned = (side.terms[0] if isinstance(side, tree.Add) and len(side.terms) == 1 else side for side in others)
    found = [side.by for side in unsigned if isinstance(side, tree.Partial) and is_cost(reading, side.of)]
    if left.base in ADJOINTS and found and found[0] == replace(left, base=getattr(found[0], "base", "")):
        reading.symbols.derived_by.setdefault(left.base, found[0].base)


def _define_last(reading: DocumentReading, index: int, before: Node, side: Node) -> None:
    """Define e, the last side of A = -(t - a) = -e, if it has no other definition."""
    name, signed = unsigned(side)
    if not isinstance(name, Name) or _is_resolved(reading, name) or name in reading.left_sides:
        return
    if has_value(reading, name) and name != Name(base="e"):  # e is an adjoint here rather than Euler's number
        return
    body = signed(before)
    chosen = _defined_reading(reading, _Claim(index, name, body), list(reading.name_readings(name)))
    if chosen is not None and chosen.power is None and all(isinstance(k, str) for k in chosen.indices):
        letters = tuple(map(str, chosen.indices))
        reading.symbols.definitions.setdefault(chosen.key, Definition(chosen.key, letters, body, index))
        reading.evaluators.clear()  # they cache that the name is unknown


@dataclass(frozen=True)
class _Claim:
    """A statement that may define its left side: a name, or dW with the prefix d."""

    index: int
    name: Name
    body: Node
    prefix: str = ""


def _define_name(reading: DocumentReading, claim: _Claim) -> None:
    found = list(reading.name_readings(claim.name))
    if not found or claim.name.base == "" or assigns_number(reading, claim.name, claim.body):
        return
    if _applies_to_any(reading, claim.body):
        return
    if not claim.prefix and _is_part_of_cost(reading, found) and _define_part_of_cost(reading, claim, found):
        return
    found = _own_readings(reading, claim, found)
    if found and (claim.prefix or not _define_layers(reading, claim)):
        _define_whole(reading, claim, found)


def _applies_to_any(reading: DocumentReading, body: Node) -> bool:
    """Return True for tanh(x) of an x that nothing defines: y = tanh(x) then speaks of a function, not of a y."""
    if not isinstance(body, tree.Call) or len(body.arguments) != 1 or not isinstance(body.arguments[0], Name):
        return False
    argument = body.arguments[0]
    return not argument.scripts and reading.is_without_meaning(argument) and argument not in reading.left_sides


def _own_readings(reading: DocumentReading, claim: _Claim, found: list[NameReading]) -> list[NameReading]:
    """Return the readings in which a name belongs to the document; [] if it is a name in the network."""
    symbols = reading.symbols
    if not claim.prefix:
        found = [one for one in found if not (one.indices and _is_part_of_cost(reading, [one]))]
    if found and claim.name.above and found[0].key not in symbols.known and defines_by_partial(reading, claim.index):
        found = found[:1]  # G^{(1)} = ∂J/∂v beside a G of the network
    if claim.prefix:
        is_gradient = any(symbols.symbol(one.key) in reading.network.parameters for one in found)
        return [] if is_gradient else found
    free = _free_letters(reading, claim.body)
    known = next((one for one in found if symbols.is_named(one.key) and _letters_of(one) <= free), None)
    is_own = known is None or (reading.interpretation.document_first and _may_be_hidden(reading, known.key))
    return found if is_own else []


def _define_whole(reading: DocumentReading, claim: _Claim, found: Sequence[NameReading]) -> None:
    """Define a name, with its indices, for all layers and examples that its letters can denote."""
    symbols, cost, body = reading.symbols, reading.network.cost.symbol, claim.body
    chosen = _defined_reading(reading, claim, found)
    if chosen is None or chosen.power is not None or any(not isinstance(k, str) for k in chosen.indices):
        return
    key = (claim.prefix + chosen.key[0], *chosen.key[1:])
    is_alias = not claim.prefix and symbols.aliases.get(key) == cost
    if _is_entry_of_defined(reading, key, claim.index):
        return
    if _is_defined(reading, key, claim.index) or (is_alias and not _is_cost_elsewhere(reading, claim.index)):
        return
    is_cost_left_open = chosen.key[0] in COSTS and is_left_open(reading, claim.index)
    if is_cost_left_open and not _is_cost_elsewhere(reading, claim.index):  # E_in = L(g(W x), y)
        body = Name(base=str(cost))
    example = chosen.example if isinstance(chosen.example, str) else None
    own = Definition(key, tuple(map(str, chosen.indices)), body, claim.index, example=example)
    symbols.definitions[key] = own
    reading.definitions[claim.index] = key
    if example is None:
        _define_in_other_layers(reading, claim, own)


def _is_entry_of_defined(reading: DocumentReading, key: Key, index: int) -> bool:
    """Return True for A_1 where an earlier line defines A_i: it is an entry, and no quantity of a layer 1."""
    own = reading.symbols.definitions.get((*key[:2], ""))
    return key[2].isdigit() and own is not None and len(own.indices) == 1 and own.statement < index


def _is_defined(reading: DocumentReading, key: Key, index: int) -> bool:
    """Return True if an earlier line defines this name, and not only a unit of another layer with the same letters.

    The definition of a δ as a ∂J/∂v is for all layers, unless the line at `index` defines δ as another ∂J/∂v.
    """
    own = reading.symbols.definitions.get(key)
    holds_for_all = key[0] in reading.symbols.derived_by and not defines_by_partial(reading, index)
    return own is not None and (SHIFT not in own.letters or holds_for_all)


def _define_in_other_layers(reading: DocumentReading, claim: _Claim, own: Definition) -> None:
    """Define δ_j also for the units j of the other layers."""
    for shift in reading.symbols.shifts:
        keys = (found.key for found in reading.name_readings(claim.name, shift) if found.indices == own.indices)
        base, subscript, layer = next(keys, own.key)
        key = claim.prefix + base, subscript, layer
        if key not in reading.symbols.known and key != own.key:
            reading.symbols.definitions.setdefault(key, replace(own, key=key, letters=shift))


def _is_part_of_cost(reading: DocumentReading, found: Sequence[NameReading]) -> bool:
    """Return True for a name of the cost with an index, such as L_t or E_n."""
    return any(
        any(isinstance(index, str) for index in (*one.indices, one.example))
        and reading.symbols.symbol(one.key) == reading.network.cost.symbol
        and one.power is None
        for one in found
    )


def _define_part_of_cost(reading: DocumentReading, claim: _Claim, found: Sequence[NameReading]) -> bool:
    """Define L_t of a time step, or E_n of an example; return True if the name is one of these."""
    if _define_layers(reading, claim, may_sum=True):
        return True
    indexed = [one for one in found if one.indices or one.example is not None]
    chosen = _defined_reading(reading, claim, indexed)
    if chosen is None or not _free_letters(reading, claim.body) & _letters_of(chosen):
        return False
    key = chosen.key[0], EACH, ""
    letters = tuple(str(k) for k in (*chosen.indices, chosen.example) if k is not None)
    if len(letters) == 1 and key not in reading.symbols.definitions:
        reading.symbols.definitions[key] = Definition(key, letters, claim.body, claim.index)
        reading.definitions[claim.index] = key
    return True


def _is_resolved(reading: DocumentReading, name: Name) -> bool:
    return any(_is_known(reading, key) for key in reading.keys(name))


def _is_known(reading: DocumentReading, key: Key) -> bool:
    return key in reading.symbols.known or key in reading.symbols.definitions


def _is_known_at(reading: DocumentReading, name: Name, letters: dict[str, int]) -> bool:
    """Return True if a name is known in its likeliest reading, with numbers for letters."""
    return any(_is_known(reading, found.key) for found in islice(reading.name_readings(name, letters), 1))


def _may_be_hidden(reading: DocumentReading, key: Key) -> bool:
    """Return True if a document may redefine a name: it is not an argument or the cost of the network."""
    return not is_argument(reading, key) and reading.symbols.known.get(key) != reading.network.cost.symbol


def hides_network_quantity(reading: DocumentReading, index: int) -> bool:
    """Return True if a line redefines a quantity of the network with another value."""
    sides, known = reading.sides(index), reading.symbols.known
    evaluator = reading.own_evaluator
    is_definition = index in reading.definitions or index in reading.layer_definitions
    document_first = reading.interpretation.document_first
    if not is_definition or not document_first or evaluator is None or not isinstance(sides[0], Name):
        return False
    written = evaluator.attempt(sides[1])
    for found in reading.name_readings(sides[0]) if written else ():
        keys = (found.key, (found.key[0].swapcase(), *found.key[1:]))
        quantity = next((known[key] for key in keys if key in known), None)
        if quantity is not None and _letters_of(found) <= _free_letters(reading, sides[1]):
            try:
                ours = with_scripts(evaluator, laid_out(evaluator, quantity), found)
            except (ShapeMismatchError, UnsupportedNotationError):
                return False
            return not any(values.same(one, other) for one in ours for other in written)
    return False


def _is_cost_elsewhere(reading: DocumentReading, index: int) -> bool:
    """Return True if another statement has the network's name of the cost as its left side."""
    known, cost = reading.symbols.known, reading.network.cost.symbol
    others = [equalities(statement) for k, statement in enumerate(reading.statements) if k != index]
    heads = (sides[0] for sides in others if sides)
    plain = (head for head in heads if isinstance(head, Name) and not head.above and not head.below)
    return any(known.get((head.base, "", "")) == cost for head in plain)


def _defined_reading(reading: DocumentReading, claim: _Claim, found: Sequence[NameReading]) -> NameReading | None:
    """Return the reading of a defined name whose indices are the letters that also occur in the body."""
    name, shared = claim.name, claim.name.script_letters & _free_letters(reading, claim.body)
    if any(isinstance(content, tree.Add) for content in name.scripts):
        return None
    if any(mark.kind == "layer" and getattr(mark.content, "base", "") in shared for mark in name.above):
        return next((one for one in found if one.example in shared and not one.indices), None)
    if shared:
        return next((one for one in found if set(map(str, one.indices)) == shared), None)
    return next((one for one in found if not one.indices), found[-1])


def _free_letters(reading: DocumentReading, body: Node) -> set[str]:
    """Return the letters in the scripts of a formula, except letters that are part of a name."""
    names = [part for part in walk(body) if isinstance(part, Name) and not _has_wordy_name(reading, part)]
    entries = [part for part in walk(body) if isinstance(part, tree.Entry)]
    contents = [content for part in names for content in part.scripts]
    contents += [index for entry in entries for index in entry.indices]
    return {part.base for content in contents for part in walk(content) if isinstance(part, Name)}


def _letters_of(found: NameReading) -> set[str]:
    return {index for index in (*found.indices, found.example) if isinstance(index, str)}


def _has_wordy_name(reading: DocumentReading, name: Name) -> bool:
    """Return True if the subscript is part of the name, as in target_{o1}."""
    definitions = reading.symbols.definitions.items()
    plain = {key for key, definition in definitions if not definition.indices and definition.example is None}
    keys = [key for key in reading.keys(name) if key[1]]
    return bool(name.below) and any(key in reading.symbols.known or key in plain for key in keys)


def _define_layers(reading: DocumentReading, claim: _Claim, may_sum: bool = False) -> bool:
    """Define S_j = A_j ⊙ (1 - A_j) for each layer j if the network has A1, A2, …; return True if it has."""
    name, parts = claim.name, list(walk(claim.body))
    is_sum = any(isinstance(part, tree.Summation) for part in parts)
    if (
        _is_adjoint(reading, name)
        or len(name.scripts) != 1
        or len(name.script_letters) != 1
        or (is_sum and not may_sum)
    ):
        return False
    (letter,) = name.script_letters
    used = [part for part in parts if isinstance(part, Name) and letter in part.script_letters]
    layers = [
        k for k in reading.symbols.layers if used and all(_is_known_at(reading, part, {letter: k}) for part in used)
    ]
    for number in layers:
        key = next(reading.name_readings(name, {letter: number})).key
        if key not in reading.symbols.known:
            reading.layer_definitions.add(claim.index)
            own = Definition(key, (), claim.body, claim.index, {letter: number})
            reading.symbols.definitions.setdefault(key, own)
    return bool(layers)


def _is_adjoint(reading: DocumentReading, name: Name) -> bool:
    """Return True for a δ, and for a name with a mark of adjoints, such as \\bar{z}_i."""
    symbols, (letter,) = reading.symbols, (*name.script_letters, "")[:1]
    found = [one.key for k in symbols.layers for one in reading.name_readings(name, {letter: k})]
    return name.base in ADJOINTS or any(symbols.adjoint(key) is not None for key in found)


def _define_function(reading: DocumentReading, index: int, function: Name, parameter: Name, body: Node) -> None:
    symbols = reading.symbols
    reading.function_definitions.add(index)
    is_new = function.base not in {*ROWS, "sigma"} and not activations_of(reading.network)
    is_quantity = any(key in symbols.known for key in reading.keys(function))
    if is_new and not is_quantity and function.base not in symbols.functions:
        symbols.functions[function.base] = (parameter, body)


def _define_remainder(reading: DocumentReading, index: int) -> None:
    """Define L as J - s if the document writes J = L + s, and L has no definition, or only L = l(o, y)."""
    sides = reading.sides(index)
    if len(sides) != 2 or not isinstance(sides[1], tree.Add) or not is_cost(reading, sides[0]):
        return
    signs, terms = sides[1].signs, sides[1].terms
    unknown = [k for k, term in enumerate(terms) if not has_value(reading, term)]
    name = terms[unknown[0]] if len(unknown) == 1 else None
    if not isinstance(name, Name) or signs[unknown[0]] != 1:
        return
    others = [k for k in range(len(terms)) if k not in unknown]
    body = tree.Add(signs=(1, *(-signs[k] for k in others)), terms=(sides[0], *(terms[k] for k in others)))
    key = next((found.key for found in reading.name_readings(name) if not found.indices), None)
    if key is not None and key not in reading.symbols.known:
        reading.symbols.definitions[key] = Definition(key, (), body, index)


def is_left_open(reading: DocumentReading, index: int) -> bool:
    """Return True for L = l(o, y), where l is a function that nothing defines."""
    body = reading.sides(index)[1]
    function = body.function if isinstance(body, tree.Call) else None
    if isinstance(body, tree.Multiply) and len(body.factors) == 2 and isinstance(body.factors[1], Group):
        function = body.factors[0]
    return isinstance(function, Name) and function.base not in ROWS and not has_value(reading, body)


def function_head(left: Node) -> tuple[Name, Name] | None:
    """Return f and z for a left side f(z), else None."""
    function, arguments = call_parts(left)
    if isinstance(function, Name) and len(arguments) == 1 and isinstance(arguments[0], Name):
        return function, arguments[0]
    return None
