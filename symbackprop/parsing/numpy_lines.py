"""Lines of NumPy code in derivations as syntax trees in which identifiers have their usual meaning: dW2 is ∂J/∂W2."""

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from symbackprop.errors import FormulaError
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.macros import UnsupportedNotationError
from symbackprop.parsing.numpy_parser import NumpyText
from symbackprop.parsing.syntax_tree import Name, Node, mapped, number
from symbackprop.printing.naming import read_name

_MODULES = {"np", "numpy", "jnp", "xp", "math", "scipy", "special", "F", "self", "torch"}
_DEEPEST = 60
_LONGEST = 5_000  # characters of a line
_LARGEST = 10**12  # number


def parse_numpy(text: str) -> tuple[Node, ...]:
    """Return the sides of an assignment, or of an equality.

    Raises:
        UnsupportedNotationError: the line is neither of these, or contains unsupported syntax.

    >>> [side.source for side in parse_numpy("dW2 = a2.T @ delta3")]
    ['dW2', 'a2.T @ delta3']
    """
    stripped = re.sub(r"^\s*return\b", "", text).strip()
    if len(stripped) > _LONGEST:
        raise UnsupportedNotationError(f"the line is too long: more than {_LONGEST} characters")
    try:
        return _of_line(stripped)
    except FormulaError as error:
        chain = _AS_EQUALITY.sub("==", stripped)  # z = 2*3 + 1 = 7
        if chain.count("==") < _CHAINED:
            raise UnsupportedNotationError(error.reason) from None
    try:
        return _of_line(chain)
    except FormulaError as error:
        raise UnsupportedNotationError(error.reason) from None


_AS_EQUALITY = re.compile(r"(?<![=<>!+*/@-])=(?!=)(?![^()\[\]]*[)\]])")  # outside of brackets
_CHAINED = 2


def _of_line(text: str) -> tuple[Node, ...]:
    line = NumpyText(text, _DEEPEST)
    statements = line.statements()
    if len(statements) != 1:
        raise UnsupportedNotationError("this is not a single assignment")
    return _sides(line, statements[0])


def _sides(line: NumpyText, statement: ast.stmt) -> tuple[Node, ...]:
    match statement:
        case ast.AugAssign(target=ast.Subscript() as target, op=op, value=value):
            return _with_class_changed(line.tree(target), op, line.tree(value))
        case ast.AugAssign(target=target, op=op, value=value):
            changed = ast.copy_location(ast.BinOp(target, op, value), statement)
            return tuple(map(interpreted, line.trees([target, changed])))
        case ast.Assign(targets=targets, value=value):
            sides = line.trees([*targets, value])
            return _blanked(sides[0], sides[-1]) or tuple(map(interpreted, sides))
        case ast.Expr(value=ast.Compare(left=first, ops=ops, comparators=others)):
            if not all(isinstance(op, ast.Eq) for op in ops):
                raise UnsupportedNotationError("this relation is not an equality")
            return tuple(map(interpreted, line.trees([first, *others])))
    raise UnsupportedNotationError("this is not an assignment")


def _with_class_changed(target: Node, operator: ast.operator, value: Node) -> tuple[Node, ...]:
    """Return the sides of p = p - 1 * y, where y is one-hot, for `p[range(N), y] -= 1`."""
    label = _label(target)
    if label is None or not isinstance(target, tree.Subscript) or not isinstance(operator, ast.Add | ast.Sub):
        raise UnsupportedNotationError(f"{target.source} is not read")
    whole, change = interpreted(target.base), interpreted(value)
    signs = (1, 1 if isinstance(operator, ast.Add) else -1)
    return whole, tree.Add(signs=signs, terms=(whole, tree.Multiply(sign="numpy *", factors=(change, label))))


def _blanked(target: Node, value: Node) -> tuple[Node, ...]:
    """Return the sides of dh = dh * (h > 0) for `dh[h <= 0] = 0`, and an empty tuple for any other assignment."""
    match target:
        case tree.Subscript(base=base, indices=(tree.Indicator(condition=condition),)) if value == number(0):
            whole, (left, right) = interpreted(base), map(interpreted, (condition.left, condition.right))
            kept = tree.Relation(left=left, sign=_OPPOSITE[condition.sign], right=right)
            return whole, tree.Multiply(sign="numpy *", factors=(whole, tree.Indicator(condition=kept)))
    return ()


_OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">"}


def _label(node: Node) -> Node | None:
    """Return the y of `[range(N), y]`, which selects the entry of the class from each row, or None."""
    match node:
        case tree.Subscript(indices=(tree.Call(source=source), label)) if re.fullmatch(
            r"(?:\w+\.)?a?range\(.*\)", source
        ):
            return interpreted(label)
    return None


def interpreted(node: Node) -> Node:
    """Return a tree in which identifiers, attributes and calls have the meaning that people usually give them."""
    interpret = _MEANING.get(type(node))
    made = mapped(node, interpreted) if interpret is None else interpret(node)
    return replace(made, source=node.source)


def _refuse(node: Node) -> Node:
    raise UnsupportedNotationError(f"{node.source} is not read")


def _number(node: tree.Number) -> Node:
    return node if node.value <= _LARGEST else _refuse(node)


_GRADIENT = re.compile(r"d(?P<of>[A-Z]|ell|loss)_?d(?P<by>[A-Za-z]\w*)")
_DIFFERENTIAL = re.compile(
    r"(?:d_?(?P<one>[A-Z]\w*|[a-z]\d*|[a-z]_\w+|[a-z]+hat))|g(?:rad_?)?(?P<of>[A-Z]\w*)|grad_(?P<other>\w+)"
)


def named(identifier: str) -> Node:
    """Return the formula that an identifier usually means: dW2 is ∂J/∂W2."""
    match = _GRADIENT.fullmatch(identifier)
    if match:
        return tree.Partial(of=_plain(match["of"]), by=_plain(match["by"]))
    match = _DIFFERENTIAL.fullmatch(identifier)
    if match:
        return tree.Differential(body=_plain(match["one"] or match["of"] or match["other"]))
    return _plain(identifier)


_CAMEL = re.compile(r"(?<=[a-zA-Z])(?:Hat|Bar|Tilde|Star)(?=\d*$)")


def _plain(identifier: str) -> Name:
    parts = read_name(_CAMEL.sub(lambda accent: accent[0].lower(), identifier))  # yHat is yhat
    above = (tree.Script(kind="layer", content=number(int(parts.index))),) if parts.index else ()
    below = (tree.Script(kind="plain", content=Name(base=parts.subscript.replace("_", ""))),) if parts.subscript else ()
    return Name(base=(parts.greek or parts.base) + parts.modifier, above=above, below=below, source=identifier)


def _is_module(node: Node) -> bool:
    return isinstance(node, Name) and node.base in _MODULES


def _attribute(node: tree.Attribute) -> Node:
    return named(node.name) if _is_module(node.base) else _refuse(node)


def _subscript(node: tree.Subscript) -> Node:
    label = _label(node)
    if label is not None:
        taken = tree.Multiply(sign="numpy *", factors=(interpreted(node.base), label))
        return tree.Call(function=Name(base="sum"), arguments=(taken,), axis=1)
    match node:
        case tree.Subscript(indices=(tree.Literal(value=str() as key),)) if key.isidentifier():
            return named(key)  # grads["W1"], and cache["A1"]
        case tree.Subscript(base=tree.Attribute(name="shape"), indices=(tree.Number(value=0 | 1),)):
            return Name(base="N")
    return _refuse(node)


_PRODUCTS = {"dot": "@", "matmul": "@", "multiply": "numpy *"}
_METHODS = {"dot", "sum", "mean", "transpose"}
_PRIME = re.compile(
    r"(?:d_?)?(?P<stem>[a-zA-Z]+?)_?(?:[Pp]rime|derivative|deriv|grad|gradient|backward)|d_?(?P<d>sigmoid|tanh|relu)"
)


def _call(node: tree.Call) -> Node:
    arguments, axis = tuple(map(interpreted, node.arguments)), _axis(node)
    match node.function:
        case Name(base="len"):
            return Name(base="N")
        case Name(base=name):
            pass
        case tree.Attribute(base=Name(base=function), name="prime"):
            return tree.Call(function=tree.Prime(base=Name(base=function)), arguments=arguments)
        case tree.Attribute(base=base, name=name) if _is_module(base):
            pass
        case tree.Attribute(base=base, name="copy") if not arguments:
            return interpreted(base)
        case tree.Attribute(base=base, name=name) if name in _METHODS:
            arguments = (interpreted(base), *arguments)
        case _:
            return _refuse(node.function)
    if name in _PRODUCTS and len(arguments) > 1:
        return tree.Multiply(sign=_PRODUCTS[name], factors=arguments)
    match = _PRIME.fullmatch(name)
    stem = (match["stem"] or match["d"]) if match else name
    head: Node = Name(base=stem, source=stem)
    return tree.Call(function=tree.Prime(base=head, source=name) if match else head, arguments=arguments, axis=axis)


_AXES = {"0": 0, "1": 1, "-1": 1, "-2": 0}


def _axis(node: tree.Call) -> int | None:
    axis = None
    for name, value in node.keywords:
        if name == "axis" and value.source in _AXES:
            axis = _AXES[value.source]
        elif name != "keepdims":
            raise UnsupportedNotationError(f"the argument {name} is not read")
    return axis


_MEANING: dict[type, Callable[[Any], Node]] = {
    Name: lambda node: named(node.base),
    tree.Number: _number,
    tree.Attribute: _attribute,
    tree.Subscript: _subscript,
    tree.Call: _call,
    tree.Literal: _refuse,
    tree.Group: _refuse,
    tree.SlicedAxis: _refuse,
}
