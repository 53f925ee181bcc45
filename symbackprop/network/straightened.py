"""The statements of a network's text without loops, with a new name for each value: `h = tanh(h)`, `J += …`, `for`.

All of it is a change of Python's syntax tree; nothing is run.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.network.names import RESERVED
from symbackprop.printing.latex_names import latex_name

_MOST_STATEMENTS = 5000
COST_NAMES = ("J", "cost")  # that are kept for the last line


class Refused(Exception):  # noqa: N818 — the reader of the text makes the error of it
    """A statement that cannot be straightened, and why."""

    def __init__(self, message: str, node: ast.stmt):
        super().__init__(message)
        self.message, self.node = message, node


def straightened(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return declarations and equations in order: loops are unrolled, and a name that is used twice is two names.

    >>> text = "h = X\\nfor k in range(2):\\n    h = tanh(h)\\nJ = sum(h)\\nJ += 1"
    >>> print("; ".join(map(ast.unparse, straightened(ast.parse(text).body))))
    h_1 = X; h_2 = tanh(h_1); h = tanh(h_2); J_1 = sum(h); J = J_1 + 1
    """
    flat: list[ast.stmt] = []
    for statement in unrolled(statements):
        if len(flat) == _MOST_STATEMENTS:
            raise Refused(f"there are more than {_MOST_STATEMENTS} equations", statement)
        flat.append(_without_update(statement))
    return _Renaming(flat).statements()


# loops


def unrolled(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements, with the body of each loop once for each of its values."""
    for statement in statements:
        if not isinstance(statement, ast.For) or statement.orelse:
            yield statement
            continue
        for value in _values(statement):
            replaced = _Replaced(dict(_matched(statement, statement.target, value)))
            yield from unrolled([replaced.visit(copy.deepcopy(inner)) for inner in statement.body])


def _values(loop: ast.For) -> list[ast.expr]:
    """Return the values of the variable of a loop over `range` of numbers, or over a list."""
    match loop.iter:
        case ast.List(elts=values) | ast.Tuple(elts=values):
            return values
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]) if 1 <= len(args) <= 3:
            bounds = [_number(bound) for bound in args]
            if None not in bounds and 0 not in bounds[2:]:
                steps = range(*(bound for bound in bounds if bound is not None))
                return [_constant(k, loop) for k in steps[: _MOST_STATEMENTS + 1]]
    raise Refused("a loop runs over range(…) of numbers or over a list; other steps are equations of their own", loop)


def _number(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            a, b = _number(left), _number(right)
            return None if a is None or b is None else a + b if isinstance(op, ast.Add) else a - b
    return None


def _constant(number: int, place: ast.stmt) -> ast.expr:
    """Return a number as a node that has the place of a loop."""
    positive = ast.copy_location(ast.Constant(abs(number)), place)
    return positive if number >= 0 else ast.copy_location(ast.UnaryOp(ast.USub(), positive), place)


def _matched(loop: ast.For, target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names of a loop's target with their values."""
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(elts=names), ast.Tuple(elts=values) | ast.List(elts=values) if len(names) == len(values):
            for one, its in zip(names, values, strict=True):
                yield from _matched(loop, one, its)
        case _:
            raise Refused("the names of a loop do not match its values", loop)


class _Replaced(ast.NodeTransformer):
    """A copy of a tree in which names are replaced by expressions."""

    def __init__(self, values: Mapping[str, ast.expr]):
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.values.get(node.id, node)) if isinstance(node.ctx, ast.Load) else node


def _without_update(statement: ast.stmt) -> ast.stmt:
    """Return `x += a` as `x = x + a`."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name) as target, op=operator, value=value):
            before = ast.copy_location(ast.Name(name, ast.Load()), target)
            whole = ast.copy_location(ast.BinOp(before, operator, value), statement)
            return ast.copy_location(ast.Assign([target], whole), statement)
    return statement


# names


class _Renaming:
    """Statements in which each assignment has a name of its own; the last value of a name keeps it."""

    def __init__(self, statements: Sequence[ast.stmt]):
        self.given = statements
        self.taken = {node.id for s in statements for node in ast.walk(s) if isinstance(node, ast.Name)}
        self.in_latex = {latex_name(name) for name in self.taken}
        self.left = Counter(name for s in statements for name in assigned_names(s))
        declarations = (s.target for s in statements if isinstance(s, ast.AnnAssign))
        self.declared = {target.id for target in declarations if isinstance(target, ast.Name)}
        self.now: dict[str, str] = {}  # the current names of values that were renamed

    def statements(self) -> list[ast.stmt]:
        """Return the statements with their new names."""
        self._require_use_of_costs()
        return [part for statement in self.given for part in self._renamed(statement)]

    def _renamed(self, statement: ast.stmt) -> list[ast.stmt]:
        if not isinstance(statement, ast.Assign):
            return [statement]
        value = _Current(self.now).visit(copy.deepcopy(statement.value)) if self.now else statement.value
        target = statement.targets[0] if len(statement.targets) == 1 else None
        match target, value:
            case ast.Name(), _:
                return [self._assigned(target, value, statement)]
            case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
                return [self._assigned(*pair, statement) for pair in zip(names, values, strict=True)]
            case ast.Tuple(elts=names), _:
                new = ast.copy_location(ast.Tuple([self._target(name) for name in names], ast.Store()), target)
                return [ast.copy_location(ast.Assign([new], value), statement)]
        return [statement]

    def _assigned(self, target: ast.expr, value: ast.expr, statement: ast.stmt) -> ast.stmt:
        return ast.copy_location(ast.Assign([self._target(target)], value), statement)

    def _target(self, target: ast.expr) -> ast.expr:
        """Return the left side of an equation with its new name."""
        if not isinstance(target, ast.Name):
            return target
        name = target.id
        self.left[name] -= 1
        is_last = self.left[name] == 0
        free = name not in self.declared and (name in COST_NAMES or not (name in RESERVED or name in FUNCTIONS))
        new = name if is_last and free else self._fresh(name)
        self.now.pop(name, None)
        if new != name:
            self.now[name] = new
        return ast.copy_location(ast.Name(new, ast.Store()), target)

    def _fresh(self, name: str) -> str:
        """Return a name that is not in the text, and that LaTeX does not print like one that is."""
        stem, k = name.rstrip("_"), 1
        while f"{stem}_{k}" in self.taken or latex_name(f"{stem}_{k}") in self.in_latex:
            k += 1
        self.taken.add(f"{stem}_{k}")
        self.in_latex.add(latex_name(f"{stem}_{k}"))
        return f"{stem}_{k}"

    def _require_use_of_costs(self) -> None:
        """Raise Refused for a cost that is given another value before it is used."""
        waiting: dict[str, ast.stmt] = {}
        for statement in self.given:
            if isinstance(statement, ast.Assign):
                for node in ast.walk(statement.value):
                    if isinstance(node, ast.Name):
                        waiting.pop(node.id, None)
            for name in assigned_names(statement):
                if name in waiting:
                    raise Refused(f"{name} is kept for the cost, which is the last line", waiting[name])
                if name in COST_NAMES:
                    waiting[name] = statement
        lost = [node for node in waiting.values() if node is not self.given[-1]]
        if lost:
            name = next(name for name, node in waiting.items() if node is lost[0])
            raise Refused(f"{name} is kept for the cost, which is the last line", lost[0])


class _Current(ast.NodeTransformer):
    """A copy of an expression with the current names of values; functions that are called keep theirs."""

    def __init__(self, names: Mapping[str, str]):
        self.names = names

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.func = node.func if isinstance(node.func, ast.Name) else self.visit(node.func)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        node.id = self.names.get(node.id, node.id)
        return node


def assigned_names(statement: ast.stmt) -> list[str]:
    """Return the names on the left side of an equation."""
    if not isinstance(statement, ast.Assign):
        return []
    return [node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)]
