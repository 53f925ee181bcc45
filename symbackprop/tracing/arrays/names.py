"""The names that the user's code gives to quantities: variables and attributes, recorded when they are assigned."""

import math
import re
import sys
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from types import FrameType

from symbackprop.tracing.aliases import Namespace, TraceFunction
from symbackprop.tracing.arrays.array import TracedArray
from symbackprop.tracing.arrays.graph import TracedNode


@dataclass
class VariableNames:
    """The names of nodes; the outermost function has precedence: `z` in a helper is `z2` in its caller."""

    spaces: list[Namespace]
    found: dict[TracedNode, tuple[int, str]] = field(default_factory=dict)  # the depth of the call, and the name
    depth: int = 0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Record each name to which a value is assigned while the code runs."""
        before = sys.gettrace()
        sys.settrace(self._entered)
        try:
            yield
        finally:
            sys.settrace(before)

    def _entered(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if event != "call" or not any(frame.f_globals is space for space in self.spaces):
            return None
        self.depth += 1
        return self._line

    def _line(self, frame: FrameType, event: str, _: object) -> TraceFunction:
        for name, value in frame.f_locals.items():
            for label, array in _arrays(name, value):
                known_depth, _ = self.found.get(array.node, (math.inf, ""))
                if array.node.operation is not None and known_depth > self.depth:
                    self.found[array.node] = (self.depth, label)
        if event == "return":
            self.depth -= 1
        return self._line

    def of(self, nodes: Iterable[TracedNode]) -> dict[TracedNode, str]:
        """Return a unique name for each node that has a name."""
        chosen: dict[str, TracedNode] = {}
        for node in nodes:
            if node in self.found:
                chosen[free_name(self.found[node][1], chosen, 2)] = node
        return {node: name for name, node in chosen.items()}


def free_name(name: str, taken: Container[str], first: int) -> str:
    """Return the name or, if it is taken, the name followed by the first number that makes it free."""
    return next(n for n in chain((name,), (f"{name}_{k}" for k in count(first))) if n not in taken)


def _arrays(name: str, value: object) -> Iterator[tuple[str, TracedArray]]:
    """Yield the arrays that a variable contains: itself, items of a list or dictionary, or attributes of an object."""
    if isinstance(value, TracedArray):
        yield name, value
    elif isinstance(value, dict):
        yield from ((_plain(str(key)), v) for key, v in value.items() if isinstance(v, TracedArray))
    elif isinstance(value, list | tuple):
        yield from ((f"{name}{k}", v) for k, v in enumerate(value) if isinstance(v, TracedArray))
    elif name == "self" and hasattr(value, "__dict__"):
        for key, inner in list(vars(value).items()):
            if isinstance(inner, TracedArray | list | dict):
                yield from _arrays(key, inner)


def _plain(name: str) -> str:
    """Return a name without characters that names of equations may not contain."""
    return re.sub(r"\W", "", name) or "q"
