"""The names that the user's code gives to quantities, and the lines that compute them, recorded as the code runs."""

import linecache
import math
import re
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from types import FrameType

from symbackprop.tracing.aliases import Namespace, TraceFunction
from symbackprop.tracing.arrays.array import TracedArray
from symbackprop.tracing.arrays.graph import TracedNode
from symbackprop.tracing.tensors.tensor import bare


@dataclass(frozen=True)
class CodeLine:
    """A line of the user's code: its file, its number, and the function."""

    file: str
    number: int
    function: str

    def __str__(self) -> str:
        source = linecache.getline(self.file, self.number).strip()
        return f"{_short(self.file)}:{self.number}, in {self.function}" + (f": {source:.100}" if source else "")


def _short(file: str) -> str:
    """Return the path of a file below the current folder, or else its name."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


@dataclass
class VariableNames:
    """The names of nodes; the outermost function has precedence: `z` in a helper is `z2` in its caller."""

    spaces: list[Namespace]
    found: dict[TracedNode, tuple[int, str]] = field(default_factory=dict)  # the depth of the call, and the name
    lines: dict[TracedNode, CodeLine] = field(default_factory=dict)  # where each was computed
    depth: int = 0
    _latest: dict[FrameType, int] = field(default_factory=dict)  # the line that each running function is in

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Record each name to which a value is assigned while the code runs."""
        before = sys.gettrace()
        sys.settrace(self._entered)
        try:
            yield
        finally:
            sys.settrace(before)
            self._latest.clear()

    def _entered(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if event != "call" or not any(frame.f_globals is space for space in self.spaces):
            return None
        self.depth += 1
        caller = frame.f_back
        if caller is not None and caller in self._latest:
            self._note_line(frame.f_locals, caller, self._latest[caller])
        self._latest[frame] = frame.f_lineno
        return self._line

    def _line(self, frame: FrameType, event: str, returned: object) -> TraceFunction:
        for name, value in frame.f_locals.items():
            for label, array in _arrays(name, value):
                known_depth, _ = self.found.get(array.node, (math.inf, ""))
                if array.node.operation is not None and known_depth > self.depth:
                    self.found[array.node] = (self.depth, label)
        self._note_line(frame.f_locals, frame, self._latest.get(frame, frame.f_lineno))
        self._latest[frame] = frame.f_lineno
        if event == "return":
            self._note_line({"returned": returned}, frame, frame.f_lineno)
            self._latest.pop(frame, None)
            self.depth -= 1
        return self._line

    def _note_line(self, values: Mapping[str, object], frame: FrameType, number: int) -> None:
        """Record the line of each array among the values that no line has made before."""
        for name, value in values.items():
            for _, array in _arrays(name, value):
                if array.node.operation is not None and array.node not in self.lines:
                    self.lines[array.node] = CodeLine(frame.f_code.co_filename, number, frame.f_code.co_name)

    def line_of(self, node: TracedNode) -> CodeLine | None:
        """Return the line that computed an array, or the array of which it is another form."""
        while node not in self.lines and len(node.parts) == 1:
            (node,) = node.parts
        return self.lines.get(node)

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


def _arrays(name: str, variable: object) -> Iterator[tuple[str, TracedArray]]:
    """Yield the arrays that a variable contains: itself, items of a list or dictionary, or attributes of an object."""
    value = bare(variable)
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
