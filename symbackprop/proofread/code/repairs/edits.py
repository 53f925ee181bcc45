"""Edits of a function's syntax tree, and what the rows of the tables need to know of the function."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any, TypeAlias

import numpy as np

from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.proofread.code.repairs.source import Source, named, terms

_LONGEST = 80  # characters of code in a sentence

New: TypeAlias = ast.AST | Sequence[ast.stmt]
Changes: TypeAlias = tuple[tuple[ast.AST, New], ...]


@dataclass(frozen=True)
class Edit:
    """A change of the code, and the mistake in words if the code is right with it.

    Edits of one group are also made all together.
    """

    words: str
    kinds: Kinds
    changes: Changes
    line: int
    old: str
    new: str
    group: str = ""


Row: TypeAlias = Callable[[ast.AST, "Scope"], Iterator[Edit]]


@dataclass(frozen=True)
class Scope:
    """A function of the user, with the arrays and numbers that it can name, by their text."""

    source: Source
    parameters: frozenset[str] = frozenset()  # the names of arguments
    arguments: Mapping[str, tuple[object, ...]] = field(default_factory=dict)  # their shapes
    strides: tuple[str, ...] = ()  # what multiplies indices, in any of the functions
    parents: dict[int, ast.AST] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for node in ast.walk(self.source.definition):
            self.parents.update((id(child), node) for child in ast.iter_child_nodes(node))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes in the order of the source, without those of `while` loops, which an edit might not let end."""
        return list(_nodes(self.source.definition))

    @cached_property
    def terms(self) -> dict[str, Any]:
        """The arrays and numbers by their text."""
        return terms(self.source.values)

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by their text."""
        return {name: value for name, value in self.terms.items() if isinstance(value, np.ndarray) and value.ndim}

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """The numbers by their text."""
        return {name: value for name, value in self.terms.items() if np.ndim(value) == 0}

    @cached_property
    def steps(self) -> dict[str, tuple[int, ...]]:
        """The shape of the entries of each list, or dictionary by number, of arrays of one shape."""
        found: dict[str, tuple[int, ...]] = {}
        for text, held in named(self.source.values).items():
            each = list(held.values()) if isinstance(held, dict) else held if isinstance(held, list) else []
            shapes = {value.shape for value in each if isinstance(value, np.ndarray)}
            is_numbered = not isinstance(held, dict) or not any(isinstance(key, str) for key in held)
            if is_numbered and len(shapes) == 1 and all(isinstance(value, np.ndarray) for value in each):
                found[text] = shapes.pop()
        return found

    @cached_property
    def loops(self) -> set[str]:
        """The variables of loops."""
        kinds = (ast.For, ast.comprehension)
        targets = [node.target for node in self.nodes if isinstance(node, kinds)]
        return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}

    @cached_property
    def numpy(self) -> str:
        """The name of NumPy in the function's module, "" if it has none."""
        space = self.source.function.__globals__
        return next((name for name, value in space.items() if value is np), "")

    @cached_property
    def sizes(self) -> dict[str, str]:
        """Each declared size as the number of rows or columns of an argument: `X.shape[0]`, which is N."""
        found: dict[str, str] = {}
        for text in self.arrays:
            for k, size in enumerate(self.arguments.get(re.split(r"\.", text)[-1], ())):
                if isinstance(size, str) and not any(said.startswith(f"{size} =") for said in found.values()):
                    found[f"{text}.shape[{k}]"] = f"{size} = {text}.shape[{k}]"
        return found

    def is_parameter(self, text: str) -> bool:
        """Return True for the text of a parameter, such as W, self.W or params["W"]."""
        last = re.split(r"[.\[]", text)[-1].strip("]'\"")
        return last in self.parameters or text in self.parameters

    def shape_of(self, node: ast.AST) -> tuple[int, ...] | None:
        """Return the shape of an expression, if it is a variable or the value of one; None if it is not known."""
        known = self.arrays.get(ast.unparse(node))
        parent = self.parent(node)
        if known is None and isinstance(parent, ast.Assign):
            known = self.arrays.get(ast.unparse(parent.targets[0]))
        return None if known is None else known.shape

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that contains a node."""
        return self.parents.get(id(node))

    def contains(self, outer: ast.AST, node: ast.AST) -> bool:
        """Return True if a node is another one, or inside of it."""
        current: ast.AST | None = node
        while current is not None and current is not outer:
            current = self.parent(current)
        return current is not None

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the statement that contains a node."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parent(current)
        return current

    def edited(self, changes: Changes) -> CodeType | None:
        """Return the code of the function with these changes, or None if there is none."""
        new = {id(old): node for old, node in changes}
        path: set[int] = set()
        for old, _ in changes:
            current: ast.AST | None = old
            while current is not None:
                path.add(id(current))
                current = self.parent(current)
        definition = _changed(self.source.definition, new, path)
        return self.source.compiled(definition) if isinstance(definition, ast.FunctionDef) else None


def edit(node: ast.AST, new: New | str, what: str, *kinds: MistakeKind, group: str = "") -> Iterator[Edit]:
    """Yield the edit that puts a formula or statements in the place of a node, if it is a formula."""
    try:
        made = ast.parse(new, mode="eval").body if isinstance(new, str) else new
    except SyntaxError:
        return
    for statement in made if isinstance(made, Sequence) else ():
        if not hasattr(statement, "lineno"):
            ast.fix_missing_locations(ast.copy_location(statement, node))
    old_text, new_text = shown(node), shown(made)
    if old_text != new_text:
        words = f"with {old_text} in place of {new_text}" + (f": {what}" if what else "")
        yield Edit(
            words, kinds, ((node, made),), line_of(node), old_text, new_text, group or f"{old_text} → {new_text}"
        )


def times(node: ast.expr, factor: str, *, divided: bool = False) -> ast.expr:
    """Return a product with, or a quotient by a factor, in which other edits may change the node itself."""
    op: ast.operator = ast.Div() if divided else ast.Mult()
    return ast.BinOp(node, op, ast.parse(factor, mode="eval").body)


def worded(found: Iterable[Edit], words: str) -> Iterator[Edit]:
    """Yield the edits with other words."""
    for each in found:
        yield Edit(words, each.kinds, each.changes, each.line, each.old, each.new, words)


def together(edits: Sequence[Edit]) -> Edit:
    """Return the edit that makes several."""
    first = edits[0]
    lines = sorted({e.line for e in edits})
    many = len({(e.old, e.new) for e in edits}) > 1
    words = f"{first.words}, and likewise at {len(edits) - 1} other place{'s' * (len(edits) > 2)}"
    words = words if many else f"{first.words}, at {len(edits)} places"
    return Edit(words, first.kinds, tuple(c for e in edits for c in e.changes), lines[0], first.old, first.new)


def line_of(node: ast.AST) -> int:
    """Return the line of a node."""
    return int(getattr(node, "lineno", 0))


def shown(node: New) -> str:
    """Return a node as text, shortened."""
    text = "; ".join(map(ast.unparse, node)) if isinstance(node, Sequence) else ast.unparse(node)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def full(node: ast.AST) -> str:
    """Return an expression as text that may stand in a product."""
    text = ast.unparse(node)
    return text if isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Subscript | ast.Call) else f"({text})"


def is_loaded(node: ast.AST) -> bool:
    """Return True for an expression whose value is used, which is not the target of an assignment."""
    return isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.While | ast.arguments | ast.JoinedStr):
            yield child
            yield from _nodes(child)


def _changed(node: ast.AST, new: dict[int, New], path: set[int]) -> New:
    """Return a copy of the nodes on the path to changed ones, with the other nodes shared."""
    if id(node) in new:
        made = new[id(node)]
        rest = {key: value for key, value in new.items() if key != id(node)}
        inner = _changed(node, rest, path)
        if inner is node or isinstance(inner, Sequence):
            return made
        if isinstance(made, Sequence):
            return [inner if each is node and isinstance(inner, ast.stmt) else each for each in made]
        inside = {id(each) for each in ast.walk(made)}
        return _changed(made, {id(node): inner}, inside) if id(node) in inside else made
    if id(node) not in path:
        return node
    fields: dict[str, object] = {}
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            fields[name] = _changed(value, new, path)
        elif isinstance(value, list):
            fields[name] = [each for item in value for each in _listed(item, new, path)] or _nothing(name)
        else:
            fields[name] = value
    return ast.copy_location(type(node)(**fields), node)


def _listed(item: object, new: dict[int, New], path: set[int]) -> list[object]:
    found = _changed(item, new, path) if isinstance(item, ast.AST) else item
    return [*found] if isinstance(found, Sequence) else [found]


def _nothing(name: str) -> list[ast.stmt]:
    return [ast.Pass()] if name == "body" else []
