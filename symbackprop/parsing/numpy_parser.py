"""A line of NumPy code read as a tree: Python's own parser and a list of what is allowed; nothing is run."""

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import (
    Add,
    Call,
    Differential,
    Divide,
    Indicator,
    Multiply,
    Name,
    Node,
    Number,
    Partial,
    Power,
    Prime,
    Relation,
    Script,
    Transposed,
    number,
)
from symbackprop.printing.naming import read_name

_MODULES = {"np", "numpy", "jnp", "xp", "math", "scipy", "special", "F", "self", "torch"}
_DEEPEST = 60
_LONGEST = 5_000  # characters of a line


def parse_numpy(text: str) -> tuple[Node, ...]:
    """The sides of an assignment.

    Raises UnsupportedNotationError.

    >>> [side.source for side in parse_numpy("dW2 = a2.T @ delta3")]
    ['dW2', 'a2.T @ delta3']
    """
    stripped = re.sub(r"^\s*return\b", "", text).strip()
    if len(stripped) > _LONGEST:
        raise UnsupportedNotationError(f"the line is too long: more than {_LONGEST} characters")
    module = _parsed(stripped)
    if len(module.body) != 1:
        raise UnsupportedNotationError("it is no single assignment")
    statement = module.body[0]
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Subscript):
        return _with_class_changed(statement, stripped)
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
        blanked = _blanked(statement, stripped)
        if blanked:
            return blanked
    if isinstance(statement, ast.Assign):
        parts = [*statement.targets, statement.value]
    elif isinstance(statement, ast.AugAssign):
        value = ast.copy_location(ast.BinOp(statement.target, statement.op, statement.value), statement)
        parts = [statement.target, value]
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Compare):
        compared = statement.value
        if not all(isinstance(op, ast.Eq) for op in compared.ops):
            raise UnsupportedNotationError("it states no equality")
        parts = [compared.left, *compared.comparators]
    else:
        raise UnsupportedNotationError("it is no assignment")
    return tuple(_node(part, stripped, 0) for part in parts)


def _with_class_changed(statement: ast.AugAssign, text: str) -> tuple[Node, ...]:
    """`p[range(N), y] -= 1` as p = p - 1 * y, y being one-hot."""
    target = statement.target
    label = _label(target, text)
    signs = {ast.Add: (1, 1), ast.Sub: (1, -1)}.get(type(statement.op))
    if label is None or signs is None or not isinstance(target, ast.Subscript):
        raise UnsupportedNotationError(f"{_source(statement.target, text)} is not read")
    whole, change = _node(target.value, text, 0), _node(statement.value, text, 0)
    return whole, Add(signs=signs, terms=(whole, Multiply(sign="numpy *", factors=(change, label))))


def _blanked(statement: ast.Assign, text: str) -> tuple[Node, ...]:
    """`dh[h <= 0] = 0` as dh = dh * (h > 0)."""
    target = statement.targets[0]
    is_zero = isinstance(statement.value, ast.Constant) and statement.value.value == 0
    if not (is_zero and isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Compare)):
        return ()
    whole, where = _node(target.value, text, 0), _node(target.slice, text, 0)
    relation = replace(where.condition, sign=_OPPOSITE[where.condition.sign])  # type: ignore[attr-defined]
    return whole, Multiply(sign="numpy *", factors=(whole, Indicator(condition=relation)))


def _label(part: Any, text: str) -> Node | None:
    """The y of `[range(N), y]`, which takes the entry of its class from each row."""
    indices = part.slice.elts if isinstance(part.slice, ast.Tuple) else []
    is_each_row = len(indices) == 2 and re.fullmatch(r"(?:\w+\.)?a?range\(.*\)", _source(indices[0], text))
    return _node(indices[1], text, 0) if is_each_row else None


def _parsed(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnsupportedNotationError("it is no line of Python") from None


def _node(part: ast.expr, text: str, depth: int) -> Node:
    if depth > _DEEPEST:
        raise UnsupportedNotationError("it is nested too deeply")
    read = _READ.get(type(part))
    if read is None:
        raise UnsupportedNotationError(f"{_source(part, text)} is not read")
    made = read(part, text, depth + 1)
    return replace(made, source=_source(part, text))


def _source(part: ast.expr, text: str) -> str:
    if part.lineno == part.end_lineno == 1:
        return text.encode()[part.col_offset : part.end_col_offset].decode()  # the same, sooner
    return ast.get_source_segment(text, part) or ""


def _binary(part: Any, text: str, depth: int) -> Node:
    left, right = _node(part.left, text, depth), _node(part.right, text, depth)
    make = _OPERATORS.get(type(part.op))
    if make is None:
        raise UnsupportedNotationError(f"the operator of {_source(part, text)} is not read")
    return make(left, right)


def _compared(part: Any, text: str, depth: int) -> Node:
    """h > 0: 1 where it is so, else 0."""
    if len(part.ops) != 1 or type(part.ops[0]) not in _RELATIONS:
        raise UnsupportedNotationError(f"{_source(part, text)} is not read")
    left, right = _node(part.left, text, depth), _node(part.comparators[0], text, depth)
    return Indicator(condition=Relation(left=left, sign=_RELATIONS[type(part.ops[0])], right=right))


_RELATIONS: dict[type, str] = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}
_OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">"}


_OPERATORS: dict[type, Callable[[Node, Node], Node]] = {
    ast.Add: lambda a, b: Add(signs=(1, 1), terms=(a, b)),
    ast.Sub: lambda a, b: Add(signs=(1, -1), terms=(a, b)),
    ast.Mult: lambda a, b: Multiply(sign="numpy *", factors=(a, b)),
    ast.MatMult: lambda a, b: Multiply(sign="@", factors=(a, b)),
    ast.Div: lambda a, b: Divide(above=a, below=b, slash=True),
    ast.Pow: lambda a, b: Power(base=a, exponent=b, entrywise=True),
}


def _unary(part: Any, text: str, depth: int) -> Node:
    inner = _node(part.operand, text, depth)
    if isinstance(part.op, ast.USub):
        return Add(signs=(-1,), terms=(inner,))
    if isinstance(part.op, ast.UAdd):
        return inner
    raise UnsupportedNotationError("this operator is not read")


def _constant(part: Any, text: str, _: int) -> Node:
    value = part.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e12:
        raise UnsupportedNotationError(f"{_source(part, text)} is not read")
    return Number(value=Fraction(str(value)))


def _name(part: Any, _: str, __: int) -> Node:
    return named(part.id)


_GRADIENT = re.compile(r"d(?P<of>[A-Z]|ell|loss)_?d(?P<by>[A-Za-z]\w*)")
_DIFFERENTIAL = re.compile(
    r"(?:d_?(?P<one>[A-Z]\w*|[a-z]\d*|[a-z]_\w+|[a-z]+hat))|g(?:rad_?)?(?P<of>[A-Z]\w*)|grad_(?P<other>\w+)"
)


def named(identifier: str) -> Node:
    """An identifier as people mean it: dW2 is ∂J/∂W2."""
    match = _GRADIENT.fullmatch(identifier)
    if match:
        return Partial(of=_plain(match["of"]), by=_plain(match["by"]))
    match = _DIFFERENTIAL.fullmatch(identifier)
    if match:
        return Differential(body=_plain(match["one"] or match["of"] or match["other"]))
    return _plain(identifier)


def _plain(identifier: str) -> Name:
    parts = read_name(identifier)
    above = (Script(kind="layer", content=number(int(parts.index))),) if parts.index else ()
    below = (Script(kind="plain", content=Name(base=parts.subscript.replace("_", ""))),) if parts.subscript else ()
    return Name(base=(parts.greek or parts.base) + parts.modifier, above=above, below=below, source=identifier)


def _attribute(part: Any, text: str, depth: int) -> Node:
    if part.attr == "T":
        return Transposed(base=_node(part.value, text, depth))
    if isinstance(part.value, ast.Name) and part.value.id in _MODULES:
        return named(part.attr)
    raise UnsupportedNotationError(f"{_source(part, text)} is not read")


def _subscript(part: Any, text: str, depth: int) -> Node:
    if isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str) and part.slice.value.isidentifier():
        return named(part.slice.value)  # grads["W1"], and cache["A1"]
    label = _label(part, text)
    if label is not None:
        taken = Multiply(sign="numpy *", factors=(_node(part.value, text, depth), label))
        return Call(function=Name(base="sum"), arguments=(taken,), axis=1)
    is_count = isinstance(part.value, ast.Attribute) and part.value.attr == "shape"
    if is_count and isinstance(part.slice, ast.Constant) and part.slice.value in (0, 1):
        return Name(base="N")
    raise UnsupportedNotationError(f"{_source(part, text)} is not read")


_PRODUCTS = {"dot": "@", "matmul": "@", "multiply": "numpy *"}
_METHODS = {"dot", "sum", "mean", "transpose"}
_PRIME = re.compile(
    r"(?:d_?)?(?P<stem>[a-zA-Z]+?)_?(?:[Pp]rime|derivative|deriv|grad|gradient|backward)|d_?(?P<d>sigmoid|tanh|relu)"
)


def _call(part: Any, text: str, depth: int) -> Node:
    arguments = [_node(argument, text, depth) for argument in part.args]
    axis = _axis(part, text)
    function = part.func
    if isinstance(function, ast.Name) and function.id == "len":
        return Name(base="N")
    if isinstance(function, ast.Attribute):
        is_module = isinstance(function.value, ast.Name) and function.value.id in _MODULES
        if function.attr == "prime" and isinstance(function.value, ast.Name):
            return Call(function=Prime(base=Name(base=function.value.id)), arguments=tuple(arguments))
        if function.attr == "copy" and not arguments and not is_module:
            return _node(function.value, text, depth)
        if function.attr in _METHODS and not is_module:
            arguments.insert(0, _node(function.value, text, depth))
        elif not is_module:
            raise UnsupportedNotationError(f"{_source(function, text)} is not read")
        name = function.attr
    elif isinstance(function, ast.Name):
        name = function.id
    else:
        raise UnsupportedNotationError(f"{_source(part, text)} is not read")
    match = _PRIME.fullmatch(name)
    stem = (match["stem"] or match["d"]) if match else name
    head: Node = Name(base=stem, source=stem)
    if match:
        head = Prime(base=head, source=name)
    if name in _PRODUCTS and len(arguments) > 1:
        return Multiply(sign=_PRODUCTS[name], factors=tuple(arguments))
    return Call(function=head, arguments=tuple(arguments), axis=axis)


_AXES = {"0": 0, "1": 1, "-1": 1, "-2": 0}


def _axis(part: Any, text: str) -> int | None:
    axis = None
    for keyword in part.keywords:
        if keyword.arg == "axis" and _source(keyword.value, text) in _AXES:
            axis = _AXES[_source(keyword.value, text)]
        elif keyword.arg != "keepdims":
            raise UnsupportedNotationError(f"the argument {keyword.arg} is not read")
    return axis


_READ: dict[type, Callable[[Any, str, int], Node]] = {
    ast.BinOp: _binary,
    ast.Compare: _compared,
    ast.UnaryOp: _unary,
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
}
