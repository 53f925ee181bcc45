"""Placeholders that replace functions of NumPy and Python in the modules of the user's code while it runs."""

import builtins
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from symbackprop.tracing.aliases import Namespace, Replacement
from symbackprop.tracing.tensors.modules import extended
from symbackprop.tracing.untraceable import is_library

_MOST_MODULES = 50


@contextmanager
def placeholders_in_place(
    functions: Iterable[object], replacement: Replacement, builtin: Mapping[str, object]
) -> Iterator[list[Namespace]]:
    """Put placeholders, also for some built-in names, into the globals of all functions that may be called."""
    every = list(functions)
    spaces = _namespaces(every)
    before: list[tuple[Namespace, str, object]] = []
    cells: list[tuple[CellType, object]] = []
    absent = object()
    try:
        with extended(replacement) as replaced:
            for cell, content in _cells(every):
                if (new := replaced(content)) is not content:
                    cells.append((cell, content))
                    cell.cell_contents = new
            for space in spaces:
                changes = {name: new for name, old in space.items() if (new := replaced(old)) is not old}
                changes |= {name: new for name, new in builtin.items() if name not in space}
                for name, new in changes.items():
                    before.append((space, name, space.get(name, absent)))
                    space[name] = new
            yield spaces
    finally:
        for cell, content in cells:
            cell.cell_contents = content
        for space, name, old in reversed(before):
            if old is absent:
                space.pop(name, None)
            else:
                space[name] = old


def _cells(functions: Iterable[object]) -> Iterator[tuple[CellType, object]]:
    """Yield the variables of an enclosing function that the user's functions refer to, with their contents."""
    seen: set[int] = set()
    todo = [function for value in functions for function in _functions_in(value)]
    while todo:
        function = todo.pop()
        if id(function) in seen or is_library(function.__globals__):
            continue
        seen.add(id(function))
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            yield cell, content
            todo += [content] if isinstance(content, FunctionType) else []


def _namespaces(functions: Iterable[object]) -> list[Namespace]:
    """Return the globals of functions, of the functions that they refer to, and of the classes of their objects."""
    found: list[Namespace] = []
    todo = list(functions)
    while todo and len(found) < _MOST_MODULES:
        for function in _functions_in(todo.pop()):
            space = function.__globals__
            if any(space is known for known in found) or is_library(space):
                continue
            found.append(space)
            todo += [v for v in space.values() if isinstance(v, FunctionType | type | ModuleType)]
    return found


def _functions_in(value: object) -> list[FunctionType]:
    """Return the functions that a function, a method, a class or a module contains or refers to."""
    if isinstance(value, ModuleType):
        own = [] if is_library(vars(value)) else list(vars(value).values())
        kinds = [v for v in own if isinstance(v, type) and v.__module__ == value.__name__]
        return [v for v in own if isinstance(v, FunctionType)] + [f for kind in kinds for f in _functions_in(kind)]
    if isinstance(value, type):
        return [v for kind in value.__mro__ for v in vars(kind).values() if isinstance(v, FunctionType)]
    bound: Any = getattr(value, "__func__", value)
    function = inspect.unwrap(bound)
    owner = getattr(value, "__self__", None)
    found = [function] if isinstance(function, FunctionType) else []
    for cell in getattr(function, "__closure__", None) or ():
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        found += [content] if isinstance(content, FunctionType) else []
    if owner is not None and not isinstance(owner, type):
        found += _functions_in(type(owner))
    if not found and callable(value) and not isinstance(value, type):
        found = _functions_in(type(value))
    return found


def sum_with(add: Callable[[Any, object], object], is_placeholder: Callable[[object], bool]) -> Callable[..., object]:
    """Return a replacement of Python's `sum` that adds the rows of a placeholder with `add`."""

    def summed(values: Iterable[Any], start: Any = 0) -> object:
        return add(values, start) if is_placeholder(values) else builtins.sum(values, start)

    return summed


def float_keeping(placeholder: type, *instances: type) -> type:
    """Return a replacement of Python's `float` that keeps placeholders; `isinstance` accepts these classes."""

    class Float(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, instances)

        def __call__(cls, value: Any = 0.0) -> object:
            inner = (
                value.item() if isinstance(value, np.ndarray) and value.dtype == object and value.size == 1 else value
            )
            return inner if isinstance(inner, placeholder) else float(value)

    return Float("float", (float,), {"dtype": np.dtype(float)})
