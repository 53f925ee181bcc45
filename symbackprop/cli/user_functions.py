"""Functions in a user's files, given as `PATH.py:NAME`, and their gradient check with named arrays."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import GradientCheck


def function_at(place: str) -> Callable[..., Any]:
    """Import the file of PATH.py:NAME and return its function NAME.

    Raises:
        ArgumentError: there is no such file or function, or importing the file fails.
    """
    path, _, name = place.rpartition(":")
    if not path.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise ArgumentError(f"{place}: a function is given as PATH.py:NAME, such as grads.py:cost")
    if not Path(path).is_file():
        raise ArgumentError(f"{place}: there is no file {path}")
    module = _module(Path(path))
    owner, _, method = name.rpartition(".")
    holder = _instance(path, getattr(module, owner, None), owner) if owner else module
    found = getattr(holder, method, None)
    if not callable(found):
        functions = [
            n for n, value in inspect.getmembers(holder) if inspect.isfunction(value) or inspect.ismethod(value)
        ]
        near = get_close_matches(method, functions, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {listed(functions) if functions else 'none'}"
        raise ArgumentError(f"{path} has no function {name}: {hint}")
    return found


_instances: dict[type, object] = {}  # so that the methods of one call belong to the same object


def _instance(path: str, kind: object, name: str) -> object:
    """Return an object of the class with this name in the user's file, created without arguments."""
    if not isinstance(kind, type):
        raise ArgumentError(f"{path} has no class {name}")
    if kind not in _instances:
        try:
            _instances[kind] = kind()
        except Exception as error:
            raise ArgumentError(
                f"{name}() fails: {type(error).__name__}: {error}; write functions that create the object, or call "
                "sb.check_code with methods of one"
            ) from error
    return _instances[kind]


def _module(path: Path) -> ModuleType:
    known = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(path.resolve())), None)
    if known is not None:
        return known
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # the file may import its neighbours
    name = path.stem if path.stem not in sys.modules else f"_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does; dataclasses need it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ArgumentError(f"{path} fails as it is imported: {type(error).__name__}: {error}") from error
    return module


def check_functions(
    cost: Callable[..., Any],
    gradient: Callable[..., Any],
    arrays: Mapping[str, np.ndarray],
    wrt: Sequence[str] | None = None,
    seed: int | None = None,
) -> GradientCheck:
    """Check a gradient function with named arrays; each function gets the arrays whose names are its arguments.

    Args:
        wrt: the names of the parameters; by default, the names under which the gradients are returned.

    Raises:
        ArgumentError: arrays are missing, or neither function takes an array, or the gradients have no names.
    """
    if not arrays:
        raise ArgumentError("the data have no arrays")
    of_cost, of_gradient = _arguments("the cost", cost, arrays), _arguments("the gradient", gradient, arrays)
    unused = [name for name in arrays if name not in of_cost and name not in of_gradient]
    if unused:
        raise ArgumentError(f"neither function takes {listed(unused)}; the cost takes {listed(of_cost)}")
    cost_, gradient_ = _with(cost, of_cost), _with(gradient, of_gradient)
    names = [name.strip() for name in wrt] if wrt is not None else _names_of(gradient_, arrays)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ArgumentError(f"the data have no {listed(missing)}; they have {listed(arrays)}")
    params = {name: arrays[name] for name in names}
    data = {name: value for name, value in arrays.items() if name not in params}
    return check_gradients(cost_, _by_name(gradient_, names), params, data=data, seed=seed)


def _with(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Return a function that takes all of these names, and passes only its own arguments on."""
    return lambda **given: function(**{name: value for name, value in given.items() if name in names})


def _arguments(what: str, function: Callable[..., Any], arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays that a function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        raise ArgumentError(f"{what} does not list its arguments: wrap it in a function of your own") from None
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return list(arrays)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [p.name for p in named if p.default is p.empty and p.name not in arrays]
    if missing:
        raise ArgumentError(f"{what} takes {listed(missing)}, which the data lack; they have {listed(arrays)}")
    return [p.name for p in named if p.name in arrays]


def _names_of(gradient: Callable[..., Any], arrays: Mapping[str, np.ndarray]) -> list[str]:
    try:
        found = gradient(**{name: value.copy() for name, value in arrays.items()})
    except Exception as error:
        raise ArgumentError(f"the gradient raised {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise ArgumentError("the gradient returns no names of parameters: say which they are with --wrt W1,W2")
    return [str(name) for name in found]


def _by_name(gradient: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Return a function that returns the gradients by name; the gradients in a tuple are in the order of the names."""

    def named(**given: np.ndarray) -> Mapping[str, np.ndarray]:
        found = gradient(**given)
        if isinstance(found, Mapping):
            return found
        every = found if isinstance(found, tuple | list) else [found]
        if len(every) != len(names):
            raise ArgumentError(f"{len(every)} gradients are returned for {len(names)} parameters, {listed(names)}")
        return dict(zip(names, every, strict=True))

    return named
