"""Copies of whatever holds the arrays of a user's functions: the object of methods, or the module of functions."""

import copy
import inspect
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np

from symbackprop.tracing.aliases import UserFunction


class ModuleTwin(SimpleNamespace):
    """The global names of a module, with functions that use these in place of the module's own."""


def twin_of(owner: object) -> object:
    """Return a copy of an object, so that the user's own object does not change."""
    if owner is None:
        return None
    try:
        return copy.deepcopy(owner)
    except Exception:
        return copy.copy(owner)


def module_twin(function: UserFunction) -> ModuleTwin:
    """Return a copy of the global names that a function uses, in which its module's functions use this copy."""
    space = _space(function)
    twin = ModuleTwin(**{n: value.copy() if isinstance(value, np.ndarray) else value for n, value in space.items()})
    own = vars(twin)
    own |= {n: _within(f, own) for n, f in space.items() if isinstance(f, FunctionType) and f.__globals__ is space}
    return twin


def is_global(name: str, function: UserFunction) -> bool:
    """Return True if the module of a function has a global variable of this name."""
    return name in _space(function)


def rebound(function: UserFunction, owner: object, twin: Any) -> UserFunction:
    """Return the function or method of `twin` that corresponds to one of `owner`; any other is unchanged."""
    if isinstance(twin, ModuleTwin):
        return _within(function, vars(twin)) if isinstance(function, FunctionType) else function
    if isinstance(function, MethodType) and function.__self__ is owner:
        return MethodType(function.__func__, twin)
    return twin if function is owner and owner is not None else function  # an object that is called


def mentioned(kind: type) -> set[str]:
    """Return the names of the attributes that the methods of a class use."""
    methods = [value for base in kind.__mro__ for value in vars(base).values() if inspect.isfunction(value)]
    return {name for method in methods for name in method.__code__.co_names}


def _space(function: UserFunction) -> dict[str, Any]:
    return function.__globals__ if isinstance(function, FunctionType) else {}


def _within(function: FunctionType, space: dict[str, Any]) -> FunctionType:
    """Return the same function with other global names."""
    made = FunctionType(function.__code__, space, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made
