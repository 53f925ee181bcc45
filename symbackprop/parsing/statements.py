"""Statements of a document: their sides as syntax trees, or the reasons why they were not understood."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.bare_functions import with_argument
from symbackprop.parsing.documents import Document, Formula
from symbackprop.parsing.example_numbers import parted
from symbackprop.parsing.latex_parser import parse
from symbackprop.parsing.lexer import Lexer, Token, UnsupportedNotationError, macros_of
from symbackprop.parsing.notations import introduced
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.reassignment import tell_apart
from symbackprop.parsing.statement_splitter import statements
from symbackprop.parsing.step_numbers import steps_in, without_steps
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.parsing.time_arguments import quantities_of_steps, with_times
from symbackprop.parsing.tokens import with_depths
from symbackprop.parsing.updates import Update, read_update


@dataclass
class Statement:
    """A statement of a document: the sides that it equates, or the reason why it was not understood."""

    source: str
    start: int
    end: int
    kind: str  # display, inline or numpy
    line: int
    sides: tuple[Node, ...] = ()
    signs: tuple[str, ...] = ()
    continues: bool = False  # the first side is that of the statement before
    head: Node | None = None  # what a chain begins with, also where the rest of it is not understood
    problem: str = ""
    is_conditional: bool = False  # "if" follows it in the text
    update: Update | None = None
    worked: tuple[Node, ...] = ()  # sides that are numbers of an example
    names: frozenset[Name] = field(default_factory=frozenset)


_DEFINED_WORD = re.compile(r"\s*([A-Za-z]{2,}\d*)\s*=(?!=)")
_LONG_HEAD = re.compile(r"(?:^|[&,$\s])(?!d[A-Z])([A-Za-z]?[a-z]{3,}|[A-Z]{4,})\s*&?=(?!=)")
_WORDS = (
    "net",
    "out",
    "loss",
    "cost",
    "err",
    "MSE",
    "CE",
    "relu",
    "ReLU",
    "softmax",
    "target",
    "output",
    "label",
    "pred",
    "sigmoid",
    "tanh",
    "exp",
    "log",
    "new",
    "old",
)


def defined_words(document: Document) -> list[str]:
    r"""Return the names of several letters that lines of plain text define, as in yhat = f(z3), in order.

    >>> from symbackprop.parsing.documents import scan
    >>> defined_words(scan("yhat = f(z3)\nJ = ½ Σ (y − yhat)²"))
    ['yhat']
    """
    starts = (document.text[f.start : f.end] for f in document.formulas if f.is_plain)
    return list(dict.fromkeys(found[1] for start in starts if (found := _DEFINED_WORD.match(start))))


def _long_heads(document: Document) -> set[str]:
    r"""Return the words of four letters or more that stand before an equals sign: nobody multiplies S, c, o, r, e, s.

    >>> from symbackprop.parsing.documents import scan
    >>> _long_heads(scan("$$scores = s = XW, \\quad dWdx = 1$$"))
    {'scores'}
    """
    texts = (document.text[f.start : f.end] for f in document.formulas if f.kind != "numpy")
    return {match[1] for text in texts for match in _LONG_HEAD.finditer(text)}


def read_statements(
    document: Document, names: Collection[str] = (), parameters: Collection[str] = ()
) -> list[Statement]:
    """Return all statements in order; `names` are the names in the network."""
    stems = {re.sub(r"[\d_].*|hat$", "", name) for name in names}
    words = {*_WORDS, *(stem for stem in stems if len(stem) > 1), *_long_heads(document)}
    lexer = Lexer(document.text, macros_of(document.text)[0], words, names)
    found: list[Statement] = []
    anchor: Statement | None = None  # the last statement with sides
    mentions = _Mentions(document, lexer)
    of_steps = quantities_of_steps(names, parameters)
    for formula in document.formulas:
        for written in (*_of_formula(document, lexer, formula), *mentions.introduced_by(formula)):
            written.sides = tuple(with_times(side, of_steps) for side in written.sides)
            written.head = None if written.head is None else with_times(written.head, of_steps)
            if written.continues and found:
                is_first = found[-1].start < formula.start
                _continue(written, anchor if is_first else found[-1])
            written.sides, written.signs, written.worked = parted(written.sides, written.signs)
            if written.continues and written.worked and anchor is not None:
                written.worked = (*anchor.worked[-1:], *written.worked)
            found.append(written)
            anchor = written if written.sides else anchor
    letters = steps_in([written.sides[0] for written in found if written.sides])
    anchor = None
    for written in found:
        written.sides = with_argument(tuple(without_steps(side, letters) for side in written.sides), names)
        written.sides = _without_minimum(written.sides)
        before: Update | None = anchor.update if written.continues and anchor is not None else None
        # W ← W - η ∂J/∂W is an update and not an equality, even if it is written with an equals sign
        written.update = (
            read_update(written.sides, written.signs, parameters)
            if before is None
            else replace(before, changes=written.sides[1:])
        )
        anchor = written if written.sides else anchor
    tell_apart([written for written in found if written.kind == "numpy" and written.sides and not written.update])
    heads = [written.sides[0] for written in found if written.sides]
    if any(_is_error(head) for head in heads) and _DELTA not in heads:
        for written in found:
            written.sides = tuple(_with_errors(side) for side in written.sides)
    primed = {written.sides[0] for written in found if written.sides and written.update is None}
    primed = {head for head in primed if isinstance(head, tree.Prime) and isinstance(head.base, Name)}
    for written in found:
        written.sides = tuple(_with_primes(side, primed) for side in written.sides) if primed else written.sides
        written.names = names_of(written.sides)
    return found


def _continue(written: Statement, before: Statement | None) -> None:
    """Let a statement continue the chain of the statement before it, the head of which is its first side.

    Where that head is not understood, the further sides of the chain are compared with each other.
    """
    head = None if before is None or before.kind != "display" else before.head
    if head is not None:
        written.sides, written.head = (head, *written.sides), head
    elif len(written.sides) > 1:
        written.head = written.sides[0]
    else:
        written.problem = "nothing stands before the equals sign, or it is not understood"
        written.sides, written.signs, written.head = (), (), next(iter(written.sides), None)


def _without_minimum(sides: tuple[Node, ...]) -> tuple[Node, ...]:
    r"""Return the sides with J(w) for the `\min_w J(w)` that is a formula: what is minimized, not the least value."""
    head = sides[0] if len(sides) > 1 and not isinstance(sides[1], tree.Number) else None
    call = head.factors[0] if isinstance(head, tree.Multiply) and not head.sign else head
    if head is None or not isinstance(call, tree.Call) or not isinstance(call.function, Name):
        return sides
    is_least = call.function.base == "min" and call.function.below and len(call.arguments) == 1
    return (tree.replaced(head, call, call.arguments[0]), *sides[1:]) if is_least else sides


def _with_primes(node: Node, heads: Collection[Node]) -> Node:
    """Return a formula in which G′ is a separate name, not a derivative, if a statement defines G′ on its left side."""
    if isinstance(node, tree.Prime) and node in heads and isinstance(node.base, Name):
        return replace(node.base, base=node.base.base + "prime", source=node.source)
    return tree.mapped(node, lambda part: _with_primes(part, heads))


def names_of(sides: Iterable[Node]) -> frozenset[Name]:
    """Return the names that occur in some formulas."""
    return frozenset(part for side in sides for part in walk(side) if isinstance(part, Name))


_DELTA = Name(base="delta")


def _is_error(node: Node) -> bool:
    """Return True for a δ that precedes a name, as in δh, where it denotes a differential, not a factor."""
    return (
        isinstance(node, tree.Multiply)
        and not node.sign
        and len(node.factors) == 2
        and node.factors[0] == _DELTA
        and isinstance(node.factors[1], Name)
    )


def _with_errors(node: Node) -> Node:
    """Return a formula in which δh is read as the differential dh."""
    if not isinstance(node, tree.Multiply) or node.sign:
        return node if isinstance(node, Name) else replace(tree.mapped(node, _with_errors), source=node.source)
    factors: list[Node] = []
    for factor in node.factors:
        if factors and factors[-1] == _DELTA and isinstance(factor, Name):
            factors[-1] = tree.Differential(body=factor, source=rf"\delta {factor.source}")
        else:
            factors.append(_with_errors(factor))
    return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors))


def _of_formula(document: Document, lexer: Lexer, formula: Formula) -> Iterator[Statement]:
    source = document.text[formula.start : formula.end]
    line = document.line_at(formula.start + len(source) - len(source.lstrip()))
    if formula.kind == "numpy":
        written = Statement(source.strip(), formula.start, formula.end, "numpy", line)
        try:
            written.sides = parse_numpy(source)
            written.signs = ("=",) * (len(written.sides) - 1)
        except UnsupportedNotationError as error:
            written.problem = str(error)
        yield written
        return
    try:
        rows = list(statements(lexer.tokens(formula.start, formula.end, formula.is_plain)))
    except UnsupportedNotationError as error:
        if formula.kind == "display" or "=" in source:
            yield Statement(source.strip(), formula.start, formula.end, formula.kind, line, problem=str(error))
        return
    for row in rows:
        if not any(token.kind == "RELATION" for token in row) and (
            formula.kind == "inline" or _is_named_in_text(document.text, formula)
        ):
            continue
        written = _of_row(document, row, formula.kind)
        written.is_conditional = formula.kind == "inline" and bool(_CONDITION.match(document.text, formula.end))
        yield written


class _Mentions:
    """The formulas without a relation that a text mentions: what its words state about two that follow one another."""

    def __init__(self, document: Document, lexer: Lexer):
        self.document = document
        self.lexer = lexer
        self.last: tuple[Formula, tuple[Node, ...]] | None = None

    def introduced_by(self, formula: Formula) -> Iterator[Statement]:
        """Yield the equality that the text states of this formula and the one mentioned before it, if there is one."""
        last, self.last = self.last, None
        sides = self._mentioned(formula) if formula.kind == "inline" else ()
        if not sides:
            return
        self.last = formula, sides
        if last is None:
            return
        text, (first, others) = self.document.text, last
        before = text[max(0, first.start - _NEAR) : first.start].rstrip("$(\\")
        between = text[first.end : formula.start].strip("$()\\")
        for stated in introduced(before, others, between, sides):
            source = text[first.start : formula.end]
            line = self.document.line_at(first.start)
            yield Statement(source, first.start, formula.end, "inline", line, stated, ("=",))

    def _mentioned(self, formula: Formula) -> tuple[Node, ...]:
        try:
            rows = list(statements(self.lexer.tokens(formula.start, formula.end)))
        except UnsupportedNotationError:
            return ()
        if len(rows) != 1 or any(token.kind == "RELATION" for token in rows[0]):
            return ()
        return _of_row(self.document, rows[0], formula.kind).sides


_NEAR = 120  # characters before a formula that tell what it is
_CONDITION = re.compile(r"(?:\$|\\\))\s+(?:if|when|whenever|unless|only)\b")


def _is_named_in_text(text: str, formula: Formula) -> bool:
    """Return True if words precede a formula in its line; a formula without a relation is then only mentioned."""
    before = text[text.rfind("\n", 0, formula.start) + 1 : formula.start]
    return any(character.isalpha() for character in before)


def _of_row(document: Document, row: Sequence[Token], kind: str) -> Statement:
    if row[-1].kind == "RELATION" and sum(token.kind == "RELATION" for token in row) > 1:  # A = B = ___
        row = row[:-1]
    start, end = row[0].start, row[-1].end
    written = Statement(document.text[start:end], start, end, kind, document.line_at(start))
    try:
        written.continues, written.sides, written.signs = parse(row, document.text)
    except UnsupportedNotationError as error:
        written.problem = str(error)
        written.head = _head(row, document.text)
        return written
    except Exception as error:  # one formula must not end the report
        written.problem = f"it is not read: {type(error).__name__}: {error}"
        return written
    parts = (part for side in written.sides for part in walk(side))
    pending = next((part for part in parts if isinstance(part, tree.PendingOperator)), None)
    if not written.continues:
        written.head = _head(row, document.text) if pending is not None else written.sides[0]
    if pending is not None:
        written.problem, written.sides = f"{pending.source or 'a sign'} is not read here", ()
    return written


def _head(row: Sequence[Token], text: str) -> Node | None:
    """Return the part of a row before its first equals sign, or None if it is not understood."""
    end = next((k for k, (token, depth) in enumerate(with_depths(row)) if depth <= 0 and token.value == "="), 0)
    try:
        _, sides, _ = parse(row[:end], text) if end else (False, (), ())
    except UnsupportedNotationError:
        return None
    is_whole = len(sides) == 1 and not any(isinstance(part, tree.PendingOperator) for part in walk(sides[0]))
    return sides[0] if is_whole else None


def equalities(written: Statement) -> tuple[Node, ...]:
    """Return the sides that equals signs join; an empty tuple for another relation or a gradient descent step."""
    states = written.update is None and set(written.signs) == {"="} and len(written.sides) > 1
    return written.sides if states else ()


def is_about_slopes(node: Node) -> bool:
    """Return True if a formula contains a derivative."""
    return any(isinstance(part, tree.Partial | tree.Differential) for part in walk(node))
