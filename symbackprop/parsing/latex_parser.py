"""The parser of LaTeX, which turns tokens into a syntax tree by a grammar; nothing is executed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Protocol, TypeAlias, TypeVar

from symbackprop.errors import ArgumentError
from symbackprop.parsing import ellipsis as dots
from symbackprop.parsing.juxtaposition import applied
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.products import DERIVATIVES, SUMS, Piece, bounded, fraction, product, signed, widened
from symbackprop.parsing.scripts import scripted, subscripted
from symbackprop.parsing.syntax_tree import (
    Add,
    Call,
    Cases,
    Differential,
    Divide,
    Dots,
    Group,
    Matrix,
    Multiply,
    Name,
    Node,
    Norm,
    Number,
    Partial,
    PendingOperator,
    Prime,
    Relation,
    number,
    replaced,
    walk,
)
from symbackprop.parsing.tokens import CLOSING, OPENING, Token, with_depths

__all__ = ["PendingOperator", "applied", "parse"]

_DEEPEST = 25  # brackets in brackets
_DEEPEST_PARTS = 150  # of the tree
_T = TypeVar("_T")
_MOST_MARKS = 4  # primes and scripts, one after the other
_OPEN, _CLOSE = OPENING | {"LBAR", "LNORM"}, CLOSING | {"RBAR", "RNORM"}


def parse(tokens: Sequence[Token], text: str) -> tuple[bool, tuple[Node, ...], tuple[str, ...]]:
    """Return True if a row continues the previous one, the sides of the row, and the relation signs between them.

    Raises:
        UnsupportedNotationError: the row cannot be parsed; the message is the reason.
        ArgumentError: lark is not installed.
    """
    paired = list(_paired(tokens))
    _check_nesting(paired)
    lark = _lark()
    try:
        tree = _parser().parse(paired)
    except lark.UnexpectedToken as error:
        raise UnsupportedNotationError(_unexpected(error.token, text)) from None
    except lark.UnexpectedInput:
        raise UnsupportedNotationError("the formula ends where something is expected") from None
    _check_depth([tree], lambda item: getattr(item, "children", ()))
    continues, sides, signs = _TreeBuilder(text).chain(tree)
    _check_depth(sides, lambda node: node.children)
    return continues, sides, signs


def _check_depth(whole: Iterable[_T], parts: Callable[[_T], Iterable[_T]]) -> None:
    for _ in range(_DEEPEST_PARTS):
        whole = [part for item in whole for part in parts(item)]
        if not whole:
            return
    raise UnsupportedNotationError("it is nested too deeply")


def _lark() -> Any:
    try:
        import lark  # noqa: PLC0415
    except ImportError:
        raise ArgumentError('reading LaTeX needs lark; install it with: pip install "symbackprop[proofread]"') from None
    return lark


@cache
def _parser() -> Any:
    lark = _lark()

    class Given(lark.lexer.Lexer):  # type: ignore[name-defined]
        """A lexer for lark that passes on existing tokens."""

        def __init__(self, _: Any):
            pass

        def lex(self, tokens: Sequence[Token]) -> Iterator[Any]:
            for token in tokens:
                yield lark.Token(_TERMINALS.get(token.kind, token.kind), token.value, token.start, end_pos=token.end)

    grammar = files(__package__).joinpath("latex.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, start="chain", parser="lalr", lexer=Given, propagate_positions=True)


_TERMINALS = {"{": "_LBRACE_", "}": "_RBRACE_", "^": "_UP", "_": "_DOWN", ",": "_COMMA", "&": "_AMPERSAND"} | {
    kind: f"_{kind}"  # tokens that the tree leaves out
    for kind in [
        "FRACTION",
        "ROOT",
        "LBAR",
        "RBAR",
        "LNORM",
        "RNORM",
        "BEGIN_CASES",
        "END_CASES",
        "BEGIN_MATRIX",
        "END_MATRIX",
        "NEWLINE",
        "EVALUATED",
    ]
}


def _unexpected(token: Any, text: str) -> str:
    if token.type == "$END":
        return "the formula ends where something is expected"
    written = text[token.start_pos : token.end_pos] or token.value
    return f"{written!r} is not expected here"


def _paired(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens, with opening and closing bars distinguished."""
    stack: list[str] = []
    before = ""
    for token in tokens:
        kind = token.kind
        if kind in {"BAR", "NORM"}:
            closes = stack[-1:] == [kind] and before not in {"", "SIGN", "OPERATOR", "RELATION", ","}
            token = replace(token, kind=("R" if closes else "L") + kind)  # noqa: PLW2901
        elif kind == ":" and stack:
            token = replace(token, kind="NAME")  # noqa: PLW2901 — a whole row or column
        if token.kind in _OPEN:
            stack.append(kind)
        elif token.kind in _CLOSE and stack:
            stack.pop()
        before = token.kind
        yield token


def _check_nesting(tokens: Sequence[Token]) -> None:
    depth = marks = 0
    for token, depth in with_depths(tokens, _OPEN, _CLOSE):
        marks = marks + 1 if token.kind in {"PRIME", "^", "_"} else marks if token.kind == "}" else 0
        if depth > _DEEPEST:
            raise UnsupportedNotationError(f"brackets are nested more than {_DEEPEST} deep")
        if marks > _MOST_MARKS:
            raise UnsupportedNotationError("too many primes or scripts at one name")
    if depth:
        raise UnsupportedNotationError(
            "a bracket is not closed" if depth > 0 else "a bracket is closed that was not opened"
        )


class ParseTree(Protocol):
    """A parse tree of lark, whose children are trees and tokens."""

    data: str
    children: list[Any]


ParseItem: TypeAlias = Any  # a ParseTree or a token of lark


class _TreeBuilder:
    """A builder of the syntax tree from the parse tree of the grammar."""

    def __init__(self, text: str):
        self.text = text
        self.made: dict[int, Node] = {}  # scripts are read twice: without this memo, 2^depth times

    def chain(self, tree: ParseTree) -> tuple[bool, tuple[Node, ...], tuple[str, ...]]:
        signs = [child for child in tree.children if _is_token(child, "RELATION")]
        continues = bool(tree.children) and _is_token(tree.children[0], "RELATION")
        sides = tuple(self.node(child) for child in tree.children if not _is_token(child, "RELATION"))
        return continues, sides, tuple(str(sign) for sign in signs)

    def node(self, item: ParseItem) -> Node:
        """Return the node of a part of the parse tree."""
        if not hasattr(item, "data"):
            leaf = _LEAVES.get(item.type, _unknown)(str(item))
            return replace(leaf, source=self.text[item.start_pos : item.end_pos])
        if id(item) not in self.made:
            made = _BUILD[item.data](self, item)
            if not made.source and not item.meta.empty:
                made = replace(made, source=self.text[item.meta.start_pos : item.meta.end_pos])
            self.made[id(item)] = made
        return self.made[id(item)]

    def nodes(self, items: Sequence[ParseItem]) -> list[Node]:
        return [self.node(item) for item in items]

    def expression(self, tree: ParseTree) -> Node:
        signs: list[int] = []
        terms: list[Node] = []
        sign = 1
        rest = list(tree.children)
        while rest:
            child = rest.pop(0)
            if _is_token(child, "SIGN"):
                sign = -1 if child == "-" else 1
                continue
            of_signed = len(rest) > 1 and _ends_with_sum(child)  # a sum of -x
            terms.append(self._sum_of_signed(child, rest.pop(0), rest.pop(0)) if of_signed else self.node(child))
            signs.append(sign)
            sign = 1
        signs, terms = widened(*dots.summed(signs, terms))
        return terms[0] if signs == [1] else Add(signs=tuple(signs), terms=tuple(terms))

    def _sum_of_signed(self, tree: ParseTree, sign: str, summand: ParseItem) -> Node:
        inner = self.node(summand)
        signed_one = Add(signs=(-1,), terms=(inner,)) if sign == "-" else inner
        *before, last = self._pieces(tree)
        return product([*before, [*last, Group(items=(signed_one,), brackets="{}")]])

    def _pieces(self, tree: ParseTree) -> list[Piece]:
        pieces: list[Piece] = []  # factors, and the signs between products
        for child in tree.children:
            if _is_token(child, "OPERATOR"):
                pieces.append(str(child))
            elif child.data == "signed_operator":
                pieces += [str(child.children[0]), str(child.children[1])]
            else:
                pieces.append(self.nodes(child.children))
        return signed(pieces)

    def _script(self, tree: ParseTree) -> tuple[str, list[Node]]:
        """Return the leading sign of a script, such as the + of a^+, and the items of the script."""
        *primes, inner = tree.children
        found: list[Node] = [PendingOperator(what="'") for _ in primes]
        if _is_token(inner, "OPERATOR") or _is_token(inner, "SIGN"):
            return str(inner), found
        if getattr(inner, "data", "") != "script_body":
            return "", [*found, self.node(inner)]
        sign, items = "", list(inner.children)
        if items and getattr(items[0], "type", "") in {"OPERATOR", "SIGN"}:
            sign = str(items.pop(0))
        return sign, [*found, *(self._script_item(item) for item in items)]

    def _script_item(self, tree: ParseItem) -> Node:
        """Return a part of a script; in `(l+1)T`, the factors are separate, because T is an operator in scripts."""
        children = list(tree.children) if getattr(tree, "data", "") == "expression" else []
        signs = [str(child) for child in children[:-1]]
        if not children or signs not in ([], ["-"]) or len(children[-1].children) > 1:
            return self.node(tree)
        factors = self.nodes(children[-1].children[0].children)
        if not any(isinstance(part, PendingOperator) for factor in factors for part in walk(factor)):
            return self.node(tree)
        item = factors[0] if len(factors) == 1 else Multiply(sign="", factors=tuple(factors))
        return Add(signs=(-1,), terms=(item,)) if signs else item

    def above(self, tree: ParseTree) -> Node:
        base, script = tree.children
        inner = self.node(base)
        if script.data == "primes":
            return _primed(inner, len(script.children))
        sign, items = self._script(script)
        if isinstance(inner, PendingOperator) and inner.what in DERIVATIVES and items == [number(2)]:
            return replace(inner, order=2, source="")
        if isinstance(inner, PendingOperator) and inner.what in SUMS:
            return replace(inner, last=items[0] if items else None)
        return scripted(inner, sign, items)

    def below(self, tree: ParseTree) -> Node:
        base, script = tree.children
        inner = self.node(base)
        if script.data == "primes":
            raise UnsupportedNotationError("a prime stands below")
        _, items = self._script(script)
        if isinstance(inner, PendingOperator):
            return bounded(inner, items)
        return subscripted(inner, items)

    def evaluated(self, tree: ParseTree) -> Node:
        r"""Return a formula at `|_{x = a}`, with a in place of x."""
        base, script = tree.children
        inner = self.node(base)
        for place in self._script(script)[1]:
            if not (isinstance(place, Relation) and place.sign == "=" and isinstance(place.left, Name)):
                raise UnsupportedNotationError(f"a formula evaluated at {place.source} is not read")
            entries = [part for part in walk(inner) if isinstance(part, Name) and part.base == place.left.base]
            if place.left != place.right and any(part != place.left for part in entries):
                raise UnsupportedNotationError(f"a formula with entries of {place.left.source} at a point is not read")
            inner = replaced(inner, place.left, place.right)
        return inner

    def braced(self, tree: ParseTree) -> Node:
        inner = self.node(tree.children[0])
        simple = (Name, Number, Group, Divide, Call, Partial, PendingOperator, Differential)
        return inner if isinstance(inner, simple) else Group(items=(inner,), brackets="{}")

    def group(self, tree: ParseTree) -> Node:
        opened, inner, closed = tree.children
        brackets = f"{opened}{closed}"[:2].replace("\\", "{")
        items = self.nodes(inner.children)
        if brackets == "[]" and any(isinstance(item, Dots) for item in items):
            return Group(items=tuple(dots.listed([items])[0]), brackets="[]")
        return Group(items=tuple(items), brackets=brackets)

    def accented(self, tree: ParseTree) -> Node:
        accent, argument = tree.children
        inner = self.node(argument)
        if isinstance(inner, Group) and len(inner.items) == 1:
            inner = inner.items[0]
        if not isinstance(inner, Name):
            raise UnsupportedNotationError("an accent stands on something that is not a name")
        return replace(inner, base=inner.base + _ACCENTS[str(accent)], source="")

    def cases(self, tree: ParseTree) -> Node:
        rows = [child.children for child in tree.children if hasattr(child, "data")]
        conditions = [self.node(row[1].children[0]) if len(row) > 1 and row[1].children else None for row in rows]
        return Cases(values=tuple(self.node(row[0]) for row in rows), conditions=tuple(conditions))

    def matrix(self, tree: ParseTree) -> Node:
        rows = dots.listed([self.nodes(row.children) for row in tree.children])
        return rows[0][0] if [len(row) for row in rows] == [1] else Matrix(rows=tuple(map(tuple, rows)))


_BUILD: dict[str, Callable[[_TreeBuilder, ParseTree], Node]] = {  # of each rule of the grammar
    **{
        rule: getattr(_TreeBuilder, rule)
        for rule in ("expression", "above", "below", "evaluated", "braced", "group", "accented", "cases", "matrix")
    },
    "term": lambda at, tree: product(at._pieces(tree)),
    "primes": lambda at, tree: Group(items=tuple(PendingOperator(what="'") for _ in tree.children)),
    "primed": lambda at, tree: _primed(at.node(tree.children[0]), 1),
    "relation": lambda at, tree: Relation(
        left=at.node(tree.children[0]), sign=str(tree.children[1]), right=at.node(tree.children[2])
    ),
    "nothing": lambda at, tree: Name(base=""),
    "root": lambda at, tree: Call(function=Name(base="sqrt"), arguments=(at.node(tree.children[0]),)),
    "absolute": lambda at, tree: Norm(body=at.node(tree.children[0]), single=True),
    "norm": lambda at, tree: Norm(body=at.node(tree.children[0])),
    "fraction": lambda at, tree: fraction(at.node(tree.children[0]), at.node(tree.children[1])),
}
_ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde"} | {
    "dot": "dot",
    "check": "check",
    "breve": "breve",
}


def _unknown(value: str) -> Node:
    raise UnsupportedNotationError(f"{value!r} is not expected here")


_LEAVES: dict[str, Callable[[str], Node]] = {
    "NUMBER": lambda value: Number(value=Fraction(value)),
    "NAME": lambda value: Name(base=value),
    "TOP": lambda _: PendingOperator(what="T"),
    "PRIME": lambda _: PendingOperator(what="'"),
    "PARTIAL": lambda _: PendingOperator(what=r"\partial"),
    "NABLA": lambda _: PendingOperator(what=r"\nabla"),
    "SUM": lambda value: PendingOperator(what=value),
    "ONE": lambda _: Name(base="ones"),
    "DOTS": lambda _: Dots(),
}


def _ends_with_sum(term: ParseItem) -> bool:
    """Return True if a term ends with a summation sign, such as the Σ_i in Σ_i -x_i."""
    last = term
    while getattr(last, "children", None):
        is_script = getattr(last, "data", "") in {"above", "below"}
        last = last.children[0 if is_script else -1]
    return _is_token(last, "SUM")


def _is_token(item: object, kind: str) -> bool:
    return getattr(item, "type", None) == kind


def _primed(node: Node, count: int) -> Node:
    for _ in range(count):
        node = Prime(base=node)
    return node
