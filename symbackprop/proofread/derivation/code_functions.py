"""Functions that code defines by one formula: def dtanh(a): return 1 - a**2; their calls are read as this formula."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.statements import Statement, names_of
from symbackprop.parsing.syntax_tree import Call, Group, Name, Node, mapped
from symbackprop.proofread.interpreter.functions import ROWS

_DEFINITION = re.compile(
    r"^[ \t]*def (?P<name>\w+)\((?:self, *)?(?P<parameter>\w+)(?:: *[\w.]+)?\)(?: *-> *[\w.]+)?:\s*"
    r"(?:[rR]?\"{3}(?:(?!\"{3}).)*\"{3}\s*|#[^\n]*\n\s*)*return\b(?P<body>[^\n#]+)",
    re.MULTILINE | re.DOTALL,
)
_Functions = dict[Node, tuple[Name, Node]]


def with_functions_of_code(text: str, statements: Sequence[Statement]) -> list[Statement]:
    """Return statements in which calls of functions that the code of a text defines are read as their formulas.

    What a function does is what its formula says: dtanh(a) may take the activation or the pre-activation. A function
    with a usual name, such as sigmoid, keeps it.
    """
    functions = dict(_defined(text))
    return [_read(statement, functions) if statement.kind == "numpy" else statement for statement in statements]


def _defined(text: str) -> Iterator[tuple[Node, tuple[Name, Node]]]:
    for match in _DEFINITION.finditer(text):
        with suppress(UnsupportedNotationError):
            _, call = parse_numpy(f"y = {match['name']}({match['parameter']})")
            _, body = parse_numpy(f"y = {match['body'].strip()}")
            is_usual = isinstance(call, Call) and isinstance(call.function, Name) and call.function.base in ROWS
            if isinstance(call, Call) and isinstance(call.arguments[0], Name) and not is_usual:
                yield call.function, (call.arguments[0], body)


def _read(statement: Statement, functions: _Functions) -> Statement:
    sides = tuple(_with_formulas(side, functions) for side in statement.sides) if functions else statement.sides
    return statement if sides == statement.sides else replace(statement, sides=sides, names=names_of(sides))


def _with_formulas(node: Node, functions: _Functions) -> Node:
    if isinstance(node, Call) and node.function in functions and len(node.arguments) == 1:
        parameter, body = functions[node.function]
        argument = _with_formulas(node.arguments[0], functions)
        return Group(items=(_with(body, parameter, argument),), source=node.source)
    return mapped(node, lambda part: _with_formulas(part, functions))


def _with(body: Node, parameter: Name, argument: Node) -> Node:
    return argument if body == parameter else mapped(body, lambda part: _with(part, parameter, argument))
