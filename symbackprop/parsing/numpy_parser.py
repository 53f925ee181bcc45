"""The parser of NumPy syntax, which converts the tree of Python's own parser; no text is run."""

import ast
import re
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import isfinite
from typing import Any

from symbackprop.errors import FormulaError
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node

PythonNode = ast.stmt | ast.expr

_MOST_BRACKETS = 60  # inside one another
_MOST_DIGITS = 1000  # of a decimal
_SIGNS = {"×": "*", "·": "*", "⊙": "*", "−": "-", "–": "-", "÷": "/", "ᵀ": ".T", "²": "**2", "Σ": "sum(…)"}

# fmt: off
_BINARY: dict[type, Callable[[Node, Node], Node]] = {
    ast.Add:     lambda a, b: tree.Add(signs=(1, 1), terms=(a, b)),
    ast.Sub:     lambda a, b: tree.Add(signs=(1, -1), terms=(a, b)),
    ast.Mult:    lambda a, b: tree.Multiply(sign="numpy *", factors=(a, b)),
    ast.MatMult: lambda a, b: tree.Multiply(sign="@", factors=(a, b)),
    ast.Div:     lambda a, b: tree.Divide(above=a, below=b, slash=True),
    ast.Pow:     lambda a, b: tree.Power(base=a, exponent=b, entrywise=True),
    ast.BitAnd:  lambda a, b: _of_numpy("logical_and", a, b),
    ast.BitOr:   lambda a, b: _of_numpy("logical_or", a, b),
}
_RELATIONS: dict[type, str] = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}
_EQUALITIES: dict[type, str] = {ast.Eq: "equal", ast.NotEq: "not_equal"}
_COMPARISON = "a comparison has two sides; several are combined by &, as in (0 < z) & (z < 1)"
_LOGIC = "and, or and not cannot be part of a formula; masks are combined by &, | and ~"
_LOOP = "a loop cannot be part of a formula; write out its terms"
_INSTEAD: dict[type, str] = {
    ast.BitXor:       "^ is not a power in Python; write **",
    ast.FloorDiv:     "// rounds down, which has no derivative; write /",
    ast.Mod:          "% has no derivative rule",
    ast.Compare:      _COMPARISON,
    ast.IfExp:        "a choice cannot be part of a formula; relu, abs and maximum make the usual ones",
    ast.BoolOp:       _LOGIC,
    ast.UnaryOp:      _LOGIC,
    ast.Lambda:       "a lambda cannot be part of a formula; write what it computes, and λ as lam",
    ast.ListComp:     _LOOP,
    ast.GeneratorExp: _LOOP,
    ast.NamedExpr:    "a formula names nothing; write an equation of its own",
    ast.BinOp:        "this is not known in a formula",
}
# fmt: on


class NumpyText:
    """A text in NumPy syntax: its statements, the syntax trees of its expressions, and their positions.

    Args:
        text: the text as a user typed it; all lines may be indented.
        deepest: the maximum depth of nested operations.
    """

    def __init__(self, text: str, deepest: int = 250):
        text = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff")).expandtabs(4)
        first = next((line for line in text.splitlines() if line.strip()), "")
        self.indent = len(first) - len(first.lstrip())
        self.text = textwrap.dedent(text)
        self.lines = self.text.split("\n")
        self.deepest = deepest

    # statements

    def statements(self) -> list[ast.stmt]:
        """Return the statements as Python parses them; raise `FormulaError` if the text is not valid Python."""
        self._require_shallow()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of invalid escapes
                return ast.parse(self.text).body
        except SyntaxError as error:
            line = min(error.lineno or 1, len(self.lines))
            raise self._at(line, error.offset or 1, self._syntax(error, line)) from None
        except (RecursionError, MemoryError):
            raise self._at(1, 1, "there are too many operations inside one another; give some a name first") from None
        except ValueError as error:
            raise self._at(1, 1, f"this cannot be read: {error}") from None

    def _require_shallow(self) -> None:
        """Raise an error for thousands of nested brackets, which Python's own parser cannot handle."""
        depth = 0
        for number, line in enumerate(self.lines, start=1):
            for column, character in enumerate(line.partition("#")[0], start=1):
                depth += (character in "([{") - (character in ")]}")
                if depth > _MOST_BRACKETS:
                    raise self._at(number, column, f"more than {_MOST_BRACKETS} brackets inside one another")

    def _syntax(self, error: SyntaxError, line: int) -> str:
        quoted = self.lines[line - 1].strip()
        column = (error.offset or 1) - 1
        sign = self.lines[line - 1][column : column + 1]
        if sign in _SIGNS:
            return f"{quoted:.60}: {sign} is written {_SIGNS[sign]} here"
        if re.search(r"\blambda\b", quoted):
            return f"{quoted:.60}: lambda is a word of Python itself; write lam, which is printed as λ"
        return f"{quoted:.60}: {error.msg}; a product needs its sign, as in X @ W or 2 * X"

    # places

    def place(self, node: PythonNode) -> tuple[int, int]:
        """Return the line and the column, counted from 1, of the beginning of a node in the user's text."""
        return node.lineno, self._index(node.lineno, node.col_offset) + 1 + self.indent

    def source(self, node: PythonNode) -> str:
        """Return the text of a node of Python's tree."""
        first, last = node.lineno, node.end_lineno or node.lineno
        start, end = self._index(first, node.col_offset), self._index(last, node.end_col_offset or 0)
        if first == last:
            return self.lines[first - 1][start:end]
        return "\n".join([self.lines[first - 1][start:], *self.lines[first : last - 1], self.lines[last - 1][:end]])

    def quote(self, node: PythonNode) -> str:
        """Return the text of a node of Python's tree for a message: on one line, and shortened if it is long."""
        return quote(self.source(node))

    def error(self, message: str, node: PythonNode) -> FormulaError:
        """Return an error with the line and the column of a node of Python's tree."""
        return FormulaError(message, *self.place(node))

    def _index(self, line: int, offset: int) -> int:
        """Return the index of a character, given Python's offset in its line, which counts bytes."""
        text = self.lines[line - 1]
        return offset if text.isascii() else len(text.encode()[:offset].decode())

    def _at(self, line: int, column: int, message: str) -> FormulaError:
        return FormulaError(message, line, column + self.indent)

    # expressions

    def tree(self, node: ast.expr, depth: int = 0) -> Node:
        """Return the syntax tree of an expression; raise `FormulaError` for unsupported syntax, such as a lambda."""
        read = _READ.get(type(node))
        if depth >= self.deepest:
            raise self.error(f"more than {self.deepest} operations inside one another; give some a name first", node)
        if read is None:
            raise self.refused(node, type(node))
        made = read(self, node, depth + 1)
        return replace(made, source=self.source(node), place=made.place or self.place(node))

    def trees(self, nodes: list[ast.expr], depth: int = 0) -> tuple[Node, ...]:
        """Return the syntax trees of several expressions."""
        return tuple([self.tree(node, depth) for node in nodes])

    def refused(self, node: ast.expr, kind: type) -> FormulaError:
        """Return the error for unsupported syntax, with the syntax to write instead."""
        return self.error(f"{self.quote(node)}: {_INSTEAD.get(kind, 'this is not a formula')}", node)


def quote(source: str) -> str:
    """Return a piece of a text for a message: on one line, and shortened if it is long."""
    return " ".join(source.split())[:80]


def _operation(text: NumpyText, node: ast.BinOp, depth: int) -> Node:
    kind = type(node.op)
    if kind not in _BINARY:
        raise text.refused(node, kind if kind in _INSTEAD else ast.BinOp)
    return _BINARY[kind](text.tree(node.left, depth), text.tree(node.right, depth))


def _signed(text: NumpyText, node: ast.UnaryOp, depth: int) -> Node:
    if not isinstance(node.op, ast.USub | ast.UAdd | ast.Invert):
        raise text.refused(node, ast.UnaryOp)
    inner = text.tree(node.operand, depth)
    if isinstance(node.op, ast.Invert):
        return _of_numpy("logical_not", inner)
    return tree.negated(inner) if isinstance(node.op, ast.USub) else inner


def _compared(text: NumpyText, node: ast.Compare, depth: int) -> Node:
    """Return a comparison such as h > 0 as an indicator: 1 where it holds, else 0."""
    kind = type(node.ops[0])
    if len(node.ops) != 1 or kind not in _RELATIONS | _EQUALITIES:
        raise text.refused(node, ast.Compare)
    left, right = text.tree(node.left, depth), text.tree(node.comparators[0], depth)
    if kind in _EQUALITIES:
        return _of_numpy(_EQUALITIES[kind], left, right)
    return tree.Indicator(condition=tree.Relation(left=left, sign=_RELATIONS[type(node.ops[0])], right=right))


def _of_numpy(function: str, *arguments: Node) -> Node:
    """Return an operator as the call of the NumPy function that computes it."""
    return tree.Call(function=tree.Attribute(base=tree.Name(base="np"), name=function), arguments=arguments)


def _constant(text: NumpyText, node: ast.Constant, _: int) -> Node:
    """Return the exact rational number that is written, since no float equals 0.1."""
    value, written = node.value, text.source(node).replace("_", "")
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and isfinite(value))):
        return tree.Literal(value=value)
    if isinstance(value, int):
        return tree.number(value)
    if len(written) > _MOST_DIGITS or (value == 0 and re.search(r"[1-9]", written.lower().partition("e")[0])):
        raise text.error("this is a number beyond all bounds", node)
    return tree.number(Fraction(written) if value else 0)


def _attribute(text: NumpyText, node: ast.Attribute, depth: int) -> Node:
    base = text.tree(node.value, depth)
    return tree.Transposed(base=base) if node.attr == "T" else tree.Attribute(base=base, name=node.attr)


def _subscript(text: NumpyText, node: ast.Subscript, depth: int) -> Node:
    indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return tree.Subscript(base=text.tree(node.value, depth), indices=text.trees(indices, depth))


def _slice(text: NumpyText, node: Any, depth: int) -> Node:
    first, last, step = (part and text.tree(part, depth) for part in (node.lower, node.upper, node.step))
    return tree.SlicedAxis(first=first, last=last, step=step)


def _call(text: NumpyText, node: ast.Call, depth: int) -> Node:
    if any(isinstance(argument, ast.Starred) for argument in node.args) or any(not k.arg for k in node.keywords):
        raise text.error(f"{text.quote(node)}: write out the arguments, without stars", node)
    keywords = [(keyword.arg or "", text.tree(keyword.value, depth)) for keyword in node.keywords]
    function, arguments = text.tree(node.func, depth), text.trees(node.args, depth)
    return tree.Call(function=function, arguments=arguments, keywords=tuple(keywords))


_READ: dict[type, Callable[[NumpyText, Any, int], Node]] = {
    ast.Name: lambda text, node, _: tree.Name(base=node.id),
    ast.Constant: _constant,
    ast.BinOp: _operation,
    ast.UnaryOp: _signed,
    ast.Compare: _compared,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Call: _call,
    ast.Tuple: lambda text, node, depth: tree.Group(items=text.trees(node.elts, depth)),
    ast.List: lambda text, node, depth: tree.Group(items=text.trees(node.elts, depth), brackets="[]"),
}
