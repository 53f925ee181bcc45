"""The names that a function's return statement gives to its results, and which functions of Python it calls."""

import ast
import dis
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType

from symbackprop.tracing.aliases import UserFunction


def returned_names(function: UserFunction, *, one: bool = False) -> tuple[str, ...]:
    """Return the names in the last `return a, b, c` of a function, "" for a result without a name; () if unknown.

    With `one`, also that of a single result, as in `return dx`.
    """
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        definition = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return ()
    if not isinstance(definition, ast.FunctionDef):
        return ()
    if one and (found := [n.value for n in _returns(definition) if isinstance(n.value, ast.Name)]):
        return (found[-1].id,)
    several = [node.value.elts for node in _returns(definition) if isinstance(node.value, ast.Tuple | ast.List)]
    return tuple(map(_label, several[-1])) if several and len(set(map(len, several))) == 1 else ()


def _returns(node: ast.AST) -> Iterator[ast.Return]:
    """Yield the return statements of a function, without those of functions inside of it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from _returns(child)


def _label(node: ast.expr) -> str:
    """Return the name of a result: that of a variable, an attribute or a key, also behind a method such as ravel()."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Attribute(value=inner)):
            return _label(inner)
    return ""


def calls_sum(function: UserFunction) -> bool:
    """Return True if a function calls Python's own sum, which adds up the rows of an array."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return any(step.opname == "LOAD_GLOBAL" and step.argval == "sum" for step in dis.get_instructions(code))
