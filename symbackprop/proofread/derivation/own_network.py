"""The network that a document itself says, in its equations."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.network.network import Network
from symbackprop.network.parser import parse_network
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Call, Group, Name, Node, walk
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.network_text import (
    COUNTS,
    INPUTS,
    PARAMETERS,
    Equations,
    Size,
    Term,
    function_like,
    unify,
)

_COSTS = ("J", "L", "E", "C", "ell", "Loss", "loss", "cost")
_DIMENSIONS = ("D", "H", "K", "M", "P", "Q", "R", "S", "A", "B", "F", "G")
_WORDS = {r"sigmoid|logistic": "sigmoid", r"tanh|hyperbolic tangent": "tanh", r"ReLU|rectified": "relu"}
_GENERIC = ("f", "g", "h", "phi", "varphi", "a", "act", "psi")


def own_network(text: str, document: Sequence[Statement], one_example: bool) -> Network:
    """The network that the equations of a document define.

    Raises:
        ArgumentError: they do not, with what is missing.
    """
    said = _shared(dict(_definitions(document)))
    cost = next((name for name in reversed(list(said)) if name.base in _COSTS), None)
    if cost is None:
        raise ArgumentError(
            "no network is given, and no equation of the document says what the cost is (J = …); give the network, "
            "as of parse_network"
        )
    equations = Equations(
        _functions(text, document),
        _in_columns(document),
        Size("1" if one_example and not _counts(document) else "N"),
        _derived_by(document),
    )
    problems: dict[str, str] = {}  # of names
    lines = list(_computed(equations, said, cost, problems))
    try:
        final = equations.term(said[cost])
        for size in final.shape or ():
            unify(size, Size("1"))
    except UnsupportedNotationError as error:
        reasons = "; ".join(dict.fromkeys([str(error), *problems.values()]))
        raise ArgumentError(
            f"no network is given, and the equations of the document do not say one: {reasons}; give the network, as "
            "of parse_network"
        ) from None
    written = "\n".join([*_declarations(equations), *lines, f"{cost.base} = {final.text}"])
    try:
        return parse_network(written)
    except SymbackpropError as error:
        raise ArgumentError(
            f"no network is given, and the one that the document says cannot be used: {error}\n{written}"
        ) from None


def _definitions(document: Sequence[Statement]) -> Iterator[tuple[Name, Node]]:
    """The equations that say how something is computed, the first one of each name."""
    found: set[Name] = set()
    for written in document:
        sides = equalities(written)
        if not sides or written.continues:
            continue
        name = _name_of(sides[0])
        parts = [part for side in sides[1:2] for part in walk(side)]
        is_slope = any(isinstance(p, tree.Partial | tree.Differential | tree.Prime | tree.Indicator) for p in parts)
        if name is not None and name not in found and not is_slope and name.base not in {"delta", "Delta"}:
            found.add(name)
            yield name, sides[1]


def _counts(document: Sequence[Statement]) -> bool:
    """Whether the document speaks of how many examples there are."""
    return any(name.base in COUNTS and not name.below for written in document for name in written.names)


def _shared(said: dict[Name, Node]) -> dict[Name, Node]:
    """With z where its formula stands: of p = σ(Wx + b) and z = Wx + b it is p = σ(z)."""
    named: dict[Node, Name] = {body: name for name, body in said.items() if isinstance(body, tree.Add | tree.Multiply)}

    def of(node: Node, own: Name) -> Node:
        name = named.get(node)
        inner = node.items[0] if isinstance(node, Group) and len(node.items) == 1 else node
        if name is None and isinstance(node, Group):
            name = named.get(inner)
            if name is not None and name != own:
                return Group(items=(name,))
        return name if name is not None and name != own else tree.mapped(node, lambda part: of(part, own))

    return {name: of(body, name) for name, body in said.items()}


def _name_of(left: Node) -> Name | None:
    """J of J(W, b)."""
    if isinstance(left, Call) and isinstance(left.function, Name):
        return left.function if left.function.base in _COSTS else None
    if isinstance(left, tree.Multiply) and len(left.factors) == 2 and isinstance(left.factors[1], Group):
        head = left.factors[0]
        return head if isinstance(head, Name) and head.base in _COSTS else None
    return left if isinstance(left, Name) else None


def _computed(equations: Equations, said: dict[Name, Node], cost: Name, problems: dict[str, str]) -> Iterator[str]:
    """The lines of what the cost needs, in an order in which each is known when it is used."""
    pending = {name: body for name, body in said.items() if name != cost}
    names = set(pending)
    progress = True
    while pending and progress:
        progress = False
        for name, body in list(pending.items()):
            needed = {part for part in walk(body) if isinstance(part, Name)} & names
            if needed & set(pending) - {name}:
                continue
            del pending[name]
            progress = True
            equations.free = equations.letters(name)
            try:
                identifier = equations.identifier(name)
                term: Term = equations.term(body)
            except UnsupportedNotationError as error:
                problems[name.source] = f"{name.source} = …: {error}"
                continue
            if (term.shape is None and name.base in _COSTS) or identifier in equations.known:
                continue
            equations.known[identifier] = term.shape
            yield f"{identifier} = {term.text}"


def _declarations(equations: Equations) -> Iterator[str]:
    names = [name for name in _DIMENSIONS if name not in {*equations.leaves, *equations.known}]
    taken: dict[Size, str] = {}

    def named(size: Size) -> str:
        root = size.root
        if not root.name and root not in taken:
            if len(taken) == len(names):
                raise ArgumentError("the document has more sizes than can be named; give the network")
            taken[root] = names[len(taken)]
        return root.name or taken[root]

    order = {"input": 0, "target": 1, "parameter": 2, "scalar": 3}
    for name, (role, shape) in sorted(equations.leaves.items(), key=lambda item: order[item[1][0]]):
        yield f"{name}: {role}" + ("" if shape is None else f"({', '.join(map(named, shape))})")


def _derived_by(document: Sequence[Statement]) -> frozenset[str]:
    plain = Equations({}, False, Size("N"))
    found = set()
    for part in (part for written in document for side in written.sides for part in walk(side)):
        if isinstance(part, tree.Partial) and isinstance(part.by, Name) and part.by.base in PARAMETERS:
            try:
                found.add(plain.identifier(part.by))
            except UnsupportedNotationError:
                continue
    return frozenset(found)


def _in_columns(document: Sequence[Statement]) -> bool:
    """Whether weights stand before the data: W x, not X W."""
    for part in (part for written in document for side in equalities(written)[1:] for part in walk(side)):
        if isinstance(part, tree.Multiply):
            bases = [_base(factor) for factor in part.factors]
            for one, other in pairwise(bases):
                if one in PARAMETERS and (other in INPUTS or other in {"a", "A", "h"}):
                    return True
                if one in INPUTS and other in PARAMETERS:
                    return False
    return False


def _base(node: Node) -> str:
    inner = node.base if isinstance(node, tree.Transposed) else node
    return inner.base if isinstance(inner, Name) else ""


def _functions(text: str, document: Sequence[Statement]) -> dict[str, str]:
    """Which activation f is, by an equation or a word of the text; σ is the sigmoid where nothing says another."""
    found: dict[str, str] = {}
    for written in document:
        sides = equalities(written)
        head = function_head(sides[0]) if sides else None
        if head is not None:
            name = function_like(_values(head[1], sides[1]))
            if name is not None:
                found[head[0].base] = name
    words = [name for pattern, name in _WORDS.items() if re.search(pattern, text)]
    said = {part.function.base for w in document for side in w.sides for part in walk(side)
            if isinstance(part, Call) and isinstance(part.function, Name)}  # fmt: skip
    heads = {name.base for w in document for name in w.names} | said
    if len(words) == 1:
        found = {**dict.fromkeys(heads & set(_GENERIC[:5]), words[0]), **found}
    quantities = {name.base for name, _ in _definitions(document)}
    return {name: kind for name, kind in {"sigma": "sigmoid", **found}.items() if name not in quantities}


def _values(parameter: Name, body: Node) -> Callable[[Any], Any]:
    """A function that a document defines, in numbers: exponentials, quotients, tanh and max alone."""

    def at(x: Any) -> Any:
        def value(node: Node) -> Any:
            read = _NUMBERS.get(type(node))
            if node == parameter:
                return x
            return np.full(np.shape(x), np.nan) if read is None else read(node, value)

        return value(body)

    return at


def _called(node: Any, value: Callable[[Node], Any]) -> Any:
    named = {"tanh": np.tanh, "exp": np.exp, "log": np.log, "max": np.maximum}
    function = named.get(getattr(node.function, "base", ""))
    wanted = 2 if function is np.maximum else 1
    return np.nan if function is None or len(node.arguments) != wanted else function(*map(value, node.arguments))


_NUMBERS: dict[type, Callable[[Any, Callable[[Node], Any]], Any]] = {
    tree.Number: lambda node, _: np.float64(node.value),
    tree.Add: lambda node, value: sum(s * value(t) for s, t in zip(node.signs, node.terms, strict=True)),
    tree.Divide: lambda node, value: value(node.above) / value(node.below),
    tree.Group: lambda node, value: value(node.items[0]) if len(node.items) == 1 else np.nan,
    tree.Power: lambda node, value: (
        np.exp(value(node.exponent)) if node.base == Name(base="e") else value(node.base) ** value(node.exponent)
    ),
    tree.Call: _called,
}
