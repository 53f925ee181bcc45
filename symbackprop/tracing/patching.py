"""A stand-in for NumPy in the modules that a person's code lives in, for as long as the code runs."""

import builtins
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

_LIBRARIES = ("numpy", "scipy", "symbackprop", "builtins")
_MOST_MODULES = 50


@contextmanager
def standing_in(
    functions: Iterable[Any], instead: Callable[[Any], Any], builtin: Mapping[str, Any]
) -> Iterator[list[dict[str, Any]]]:
    """Replace what `instead` has something for, and some builtins, in the globals of all functions that are called."""
    spaces = namespaces(functions)
    before: list[tuple[dict[str, Any], str, Any]] = []
    absent = object()
    try:
        for space in spaces:
            changes = {name: new for name, old in space.items() if (new := instead(old)) is not old}
            changes |= {name: new for name, new in builtin.items() if name not in space}
            for name, new in changes.items():
                before.append((space, name, space.get(name, absent)))
                space[name] = new
        yield spaces
    finally:
        for space, name, old in reversed(before):
            if old is absent:
                space.pop(name, None)
            else:
                space[name] = old


def namespaces(functions: Iterable[Any]) -> list[dict[str, Any]]:
    """The globals of functions, of the functions that they name, and of the classes of their objects."""
    found: list[dict[str, Any]] = []
    todo = list(functions)
    while todo and len(found) < _MOST_MODULES:
        for function in _functions_in(todo.pop()):
            space = function.__globals__
            if any(space is known for known in found) or _is_library(space):
                continue
            found.append(space)
            todo += [v for v in space.values() if isinstance(v, FunctionType | type | ModuleType)]
    return found


def _functions_in(value: Any) -> list[FunctionType]:
    """The functions that a function, a method, a class or a module brings along."""
    if isinstance(value, ModuleType):
        return [] if _is_library(vars(value)) else [v for v in vars(value).values() if isinstance(v, FunctionType)]
    if isinstance(value, type):
        return [v for kind in value.__mro__ for v in vars(kind).values() if isinstance(v, FunctionType)]
    function = inspect.unwrap(getattr(value, "__func__", value))
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


def _is_library(space: Mapping[str, Any]) -> bool:
    name = str(space.get("__name__", "")).split(".")[0]
    file = str(space.get("__file__", ""))
    return name in _LIBRARIES or "site-packages" in file or _is_of_python(name, file)


def _is_of_python(name: str, file: str) -> bool:
    return name in sys.stdlib_module_names and name != "__main__"


def builtin_sum(add: Callable[..., Any], holds: Callable[[Any], bool]) -> Callable[..., Any]:
    """Python's `sum`, which adds up the rows of an array."""

    def summed(values: Any, start: Any = 0) -> Any:
        return add(values, start) if holds(values) else builtins.sum(values, start)

    return summed
