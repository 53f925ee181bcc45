"""What a person calls the quantities of their code: the names of variables and attributes, as they get their values."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import FrameType
from typing import Any

from symbackprop.tracing.arrays.array import Array
from symbackprop.tracing.arrays.graph import Node


@dataclass
class Names:
    """The names that nodes get, those of outer functions first: a helper's `z` is the caller's `z2`."""

    spaces: list[dict[str, Any]] = field(default_factory=list)
    found: dict[Node, tuple[int, int, str]] = field(default_factory=dict)
    depth: int = 0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note each name that is given while the code runs."""
        before = sys.gettrace()
        sys.settrace(self._entered)
        try:
            yield
        finally:
            sys.settrace(before)

    def _entered(self, frame: FrameType, event: str, _: Any) -> Any:
        if event != "call" or not any(frame.f_globals is space for space in self.spaces):
            return None
        self.depth += 1
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        for name, value in frame.f_locals.items():
            self._note(name, value)
        if event == "return":
            self.depth -= 1
        return self._line

    def _note(self, name: str, value: Any) -> None:
        for label, array in _arrays(name, value):
            if array.node.operation is None:
                continue
            rank = (self.depth, len(self.found), label)
            if array.node not in self.found or self.found[array.node][0] > self.depth:
                self.found[array.node] = rank

    def of(self, nodes: Iterable[Node]) -> dict[Node, str]:
        """A name for each node that has one, no two the same."""
        chosen: dict[Node, str] = {}
        taken: set[str] = set()
        for node in nodes:
            if node not in self.found:
                continue
            name = self.found[node][2]
            free = name if name not in taken else next(n for k in count(2) if (n := f"{name}_{k}") not in taken)
            taken.add(free)
            chosen[node] = free
        return chosen


def _arrays(name: str, value: Any) -> Iterator[tuple[str, Array]]:
    """The arrays under a name: itself, those of a list or a dictionary, the attributes of an object."""
    if isinstance(value, Array):
        yield name, value
    elif isinstance(value, dict):
        yield from ((_plain(str(key)), v) for key, v in value.items() if isinstance(v, Array))
    elif isinstance(value, list | tuple):
        yield from ((f"{name}{k}", v) for k, v in enumerate(value) if isinstance(v, Array))
    elif name == "self" and hasattr(value, "__dict__"):
        for key, inner in list(vars(value).items()):
            if isinstance(inner, Array | list | dict):
                yield from _arrays(key, inner)


def _plain(name: str) -> str:
    """A name that an equation may have."""
    return re.sub(r"\W", "", name) or "q"
