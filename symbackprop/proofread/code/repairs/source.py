"""The source of the user's functions as syntax trees, and runs of the same functions with other bodies."""

import ast
import gc
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy as np

from symbackprop.tracing.untraceable import is_library

_MOST_FUNCTIONS = 40
_MOST_ENTRIES = 40  # of a dictionary or an object


@dataclass(frozen=True)
class Source:
    """A function, its definition as a syntax tree, and the values of its variables at the end of a run."""

    function: FunctionType
    definition: ast.FunctionDef
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The file of the function."""
        return self.function.__code__.co_filename

    def compiled(self, definition: ast.FunctionDef) -> CodeType | None:
        """Return the code of the function with another body, or None if it uses other variables from outside."""
        return _compiled(definition, self.function)

    @contextmanager
    def running(self, code: CodeType) -> Iterator[None]:
        """Let the function run other code inside a `with` block."""
        before = self.function.__code__
        self.function.__code__ = code
        try:
            yield
        finally:
            self.function.__code__ = before


def sources(run: Callable[[], object]) -> list[Source]:
    """Return the functions of the user that a run calls, those whose source is known, the first called first."""
    seen = _called(run)
    functions: dict[CodeType, FunctionType] = {
        f.__code__: f for f in gc.get_referrers(*seen) if isinstance(f, FunctionType) and f.__code__ in seen
    }
    found: list[Source] = []
    for code, function in ((c, functions[c]) for c in seen if c in functions):
        definition = _definition(function)
        if definition is not None and len(found) < _MOST_FUNCTIONS:
            inner = [values for other, values in seen.items() if other in set(_nested(code))]
            values = {name: value for each in (*inner, seen[code]) for name, value in each.items()}
            found.append(Source(function, definition, values))
    return found


def _called(run: Callable[[], object]) -> dict[CodeType, dict[str, object]]:
    """Return the code of each function of the user that a run calls, with the values of its variables."""
    seen: dict[CodeType, dict[str, object]] = {}

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and not is_library(frame.f_globals):
            seen.setdefault(frame.f_code, {})
        if event == "return" and frame.f_code in seen:
            seen[frame.f_code] = dict(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(before)
    return seen


def _nested(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of the functions inside of a function."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _nested(inner)


def _definition(function: FunctionType) -> ast.FunctionDef | None:
    """Return the definition of a function, if its source is known and was not changed since."""
    code = function.__code__
    for node in ast.walk(
        _module(code.co_filename, "".join(linecache.getlines(code.co_filename, function.__globals__)))
    ):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and _first_line(node) == code.co_firstlineno:
            definition = _as_function(node)
            again = _compiled(definition, function)
            if again is not None and _summary(again) == _summary(code):
                return definition
    return None


def _summary(code: CodeType) -> tuple[object, ...]:
    """Return the names and constants of code, which are the same if it is compiled from its own source again."""
    constants = [_summary(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_names, code.co_varnames, code.co_freevars, tuple(constants)


@lru_cache(maxsize=8)
def _module(_: str, source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _first_line(node: ast.FunctionDef | ast.Lambda) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


def _as_function(node: ast.FunctionDef | ast.Lambda) -> ast.FunctionDef:
    """Return the definition without decorators and defaults, which a function has already."""
    if isinstance(node, ast.Lambda):
        body: list[ast.stmt] = [ast.copy_location(ast.Return(node.body), node.body)]
    else:
        body = node.body
    name = node.name if isinstance(node, ast.FunctionDef) else "function"
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    plain = {id(a): ast.copy_location(ast.arg(a.arg), a) for a in every}
    arguments = ast.arguments(
        [plain[id(a)] for a in given.posonlyargs],
        [plain[id(a)] for a in given.args],
        plain[id(given.vararg)] if given.vararg else None,
        [plain[id(a)] for a in given.kwonlyargs],
        [None] * len(given.kwonlyargs),
        plain[id(given.kwarg)] if given.kwarg else None,
        [],
    )
    return ast.copy_location(ast.FunctionDef(name, arguments, body, []), node)


def _compiled(definition: ast.FunctionDef, function: FunctionType) -> CodeType | None:
    free = function.__code__.co_freevars
    statement: ast.stmt = definition
    if free:
        cells = ast.arguments([], [ast.arg(name) for name in free], None, [], [], None, [])
        statement = ast.copy_location(ast.FunctionDef("outer", cells, [definition], []), definition)
    module = ast.fix_missing_locations(ast.Module([statement], []))
    try:
        code = compile(module, function.__code__.co_filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, TypeError, RecursionError):
        return None
    return next((c for c in _nested(code) if c.co_name == definition.name and c.co_freevars == free), None)


def terms(values: Mapping[str, object]) -> dict[str, Any]:
    """Return arrays and numbers by the text that stands for them: `W`, `self.W`, `cache["W"]`."""
    kinds = np.ndarray | np.number | int | float
    return {t: v for t, v in named(values).items() if isinstance(v, kinds) and not isinstance(v, bool)}


def named(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values of variables, and what dictionaries and objects hold, by their text."""
    found: dict[str, object] = {}
    for name, value in values.items():
        held: Mapping[str, object] = {}
        if isinstance(value, dict):
            held = {f"{name}[{key!r}]": v for key, v in list(value.items())[:_MOST_ENTRIES] if isinstance(key, str)}
        elif hasattr(value, "__dict__") and not callable(value):
            held = {f"{name}.{key}": v for key, v in list(vars(value).items())[:_MOST_ENTRIES]}
            for key, inner in list(vars(value).items())[:_MOST_ENTRIES]:
                if isinstance(inner, dict):
                    held = {**held, **{f"{name}.{key}[{k!r}]": v for k, v in inner.items() if isinstance(k, str)}}
        found |= {name: value, **held}
    return found
