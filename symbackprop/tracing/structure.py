"""Arguments and attributes that hold several arrays, such as a dictionary or a list of parameters, at any depth.

A nest is a dictionary, a list or a tuple of nests; its ends are arrays. Each array has a path, such as
("params", "layer1", "W"), and a name, which is the last key of its path if no other array has the same.
"""

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from symbackprop.errors import ArgumentError
from symbackprop.tracing.aliases import Arguments

Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]
Nest: TypeAlias = Any  # of shapes, of names, or of values

_PART = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+)\]|\[(?:'([^']+)'|\"([^\"]+)\")\]")


@dataclass(frozen=True)
class Structure:
    """The arrays that arguments and attributes hold: the name of each array, with its path."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    nests: Mapping[str, Nest] = field(default_factory=dict)  # the nest of names of each argument that is not an array

    def assembled(self, values: Arguments) -> dict[str, Any]:
        """Return the arguments, given the values of arrays by name."""
        inner = {name for name, path in self.paths.items() if path[0] in self.nests}
        outer = {name: value for name, value in values.items() if name not in inner}
        return outer | {name: _mapped(values.__getitem__, nest) for name, nest in self.nests.items()}

    def argument(self, name: str) -> str:
        """Return the argument or attribute that holds an array."""
        return str(self.paths.get(name, (name,))[0])

    def value(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Return the array of this name in the arguments."""
        found: Any = arguments
        for key in self.paths.get(name, (name,)):
            found = found[key]
        return found

    def chosen(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Return the names of arrays that are meant by names, paths, or names of containers."""
        known = {path: name for name, path in self.paths.items()}
        found: list[str] = []
        for text in wanted:
            path = path_of(text)
            below = [name for own, name in known.items() if own[: len(path)] == path]
            ending = [name for own, name in known.items() if own[-len(path) :] == path]
            below = below or (ending if len(ending) == 1 else [])
            found += [text] if text in self.paths or not below else below
        return tuple(found)


def structure_of(shapes: Mapping[str, Nest]) -> tuple[Structure, dict[str, object]]:
    """Return the structure of arguments, and the shape of each array by its name."""
    nested: dict[Key, Nest] = {}
    for name, shape in copy.deepcopy(dict(shapes)).items():
        _insert(nested, path_of(name), shape)
    ends = dict(_ends(nested, ()))
    names = _names(list(ends))
    nests = {str(key): nest for key, nest in nested.items() if is_nest(nest)}
    by_path = {path: name for name, path in names.items()}
    named = {key: _with_paths(nest, (key,), by_path) for key, nest in nests.items()}
    return Structure(names, named), {name: ends[path] for name, path in names.items()}


def path_of(text: str) -> Path:
    """Return the path that a text such as "params['W']", "params.W" or "layers[0].W" writes.

    >>> path_of("layers[0].W")
    ('layers', 0, 'W')
    """
    parts, end = [], 0
    while found := _PART.match(text, end):
        parts.append(int(found[2]) if found[2] else next(filter(None, (found[1], found[3], found[4]))))
        end = found.end()
    return tuple(parts) if parts and end == len(text) else (text,)


def is_nest(value: object) -> bool:
    """Return True for a dictionary, and for a list or tuple that holds anything but sizes."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and any(isinstance(each, Mapping | list | tuple) for each in value)


def place(owner: Any, key: Any, value: Nest) -> None:
    """Set an attribute of an object, or an item of a dictionary or a list; in a container, only the named items."""
    old = at(owner, key)
    if isinstance(value, Mapping | list | tuple) and (isinstance(old, dict | list) or hasattr(old, "__dict__")):
        for inner, part in _items(value):
            place(old, inner, part)
    elif isinstance(owner, list) and key == len(owner):
        owner.append(value)
    elif isinstance(owner, dict | list):
        owner[key] = value
    else:
        setattr(owner, str(key), value)


def at(owner: Any, key: Any) -> Any:
    """Return an attribute of an object, or an item of a dictionary or a list, or None."""
    if isinstance(owner, dict):
        return owner.get(key)
    if isinstance(owner, list):
        return owner[key] if key < len(owner) else None
    return getattr(owner, str(key), None)


def _items(nest: Nest) -> list[tuple[Key, Nest]]:
    if isinstance(nest, Mapping):
        return list(nest.items())
    return list(enumerate(nest)) if isinstance(nest, list | tuple) else []


def _ends(nest: Nest, path: Path) -> Iterable[tuple[Path, object]]:
    for key, inner in _items(nest):
        yield from _ends(inner, (*path, key)) if is_nest(inner) else [((*path, key), inner)]


def _mapped(value: Callable[[str], object], nest: Nest) -> Nest:
    if isinstance(nest, Mapping):
        return {key: _mapped(value, inner) for key, inner in nest.items()}
    if isinstance(nest, list | tuple):
        return type(nest)(_mapped(value, inner) for inner in nest)
    return value(nest)


def _with_paths(nest: Nest, path: Path, names: Mapping[Path, str]) -> Nest:
    """Return the nest with the name of each array in the place of its shape."""
    if not is_nest(nest):
        return names[path]
    inner = {key: _with_paths(part, (*path, key), names) for key, part in _items(nest)}
    if isinstance(nest, _Numbered):
        return list(inner.values()) if list(inner) == list(range(len(inner))) else inner
    return inner if isinstance(nest, Mapping) else type(nest)(inner.values())


class _Numbered(dict[Key, Nest]):
    """Items of a list that are given one by one, as in layers[0].W."""


def _insert(nested: Any, path: Path, shape: Nest) -> None:
    for key, inner in pairwise(path):
        nested = nested.setdefault(key, _Numbered() if isinstance(inner, int) else {})
        if not isinstance(nested, dict):
            raise ArgumentError(f"{key} has a shape, and so has {_joined(path)}, a part of it; give one of them")
    if path[-1] in nested:
        raise ArgumentError(f"{_joined(path)} has two shapes; give one of them")
    nested[path[-1]] = shape


def _names(paths: list[Path]) -> dict[str, Path]:
    """Return a name for each path: its last keys, as many as tell it from the others."""
    found: dict[str, Path] = {}
    for path in paths:
        short = (_joined(path[-k:]) for k in range(1, len(path) + 1))
        others = [other for other in paths if other != path]
        name = next(
            (n for n in short if n.isidentifier() and all(n not in _endings(other) for other in others)), _joined(path)
        )
        found[name] = path
    return found


def _endings(path: Path) -> list[str]:
    return [_joined(path[-k:]) for k in range(1, len(path) + 1)]


def _joined(path: Path) -> str:
    """Return keys as one name, as in layers0_W."""
    return "".join(str(key) if isinstance(key, int) or not k else f"_{key}" for k, key in enumerate(path))
