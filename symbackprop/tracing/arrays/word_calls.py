"""NumPy's words on placeholders with any number of axes, by the table of texts (`network/word_calls.py`).

There, an array has the axes that NumPy gives it; a vector, which is a row elsewhere in this folder, has one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import Integer

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.gathers import reshaped
from symbackprop.expressions.shapes import is_matrix
from symbackprop.tracing.arrays.graph import TracedNode
from symbackprop.tracing.arrays.run import Placeholder, TraceRun, holds_placeholder

Word = Callable[..., Expression]


@dataclass(frozen=True)
class _Array:
    """The place of an array among the arguments of a call, and the number of its axes."""

    number: int
    rank: int

    def among(self, values: tuple[Expression, ...]) -> Expression:
        """Return the array with the axes that NumPy gives it."""
        value = values[self.number]
        return reshaped(value, value.shape[1:]) if self.rank == 1 and is_matrix(value) else value


@dataclass(frozen=True)
class WordCall:
    """An operation of the graph: a word with its arguments, in which arrays are replaced by their places."""

    word: Word
    arguments: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *values: Expression) -> Expression:
        """Return the word applied to these arrays."""
        named = {name: _filled_in(argument, values) for name, argument in self.named}
        return self.word(*(_filled_in(argument, values) for argument in self.arguments), **named)


def _filled_in(argument: Any, values: tuple[Expression, ...]) -> Any:
    if isinstance(argument, tuple):
        return tuple(_filled_in(each, values) for each in argument)
    return argument.among(values) if isinstance(argument, _Array) else argument


@dataclass
class _Arguments:
    """The arrays among the arguments of a call, in order."""

    run: TraceRun
    nodes: list[TracedNode] = field(default_factory=list)

    def taken(self, argument: Any) -> Any:
        """Return an argument without its arrays: numbers in terms of sizes, and lists as tuples."""
        if isinstance(argument, Placeholder) or (isinstance(argument, np.ndarray) and argument.ndim):
            array = argument.as_called if isinstance(argument, Placeholder) else argument
            self.nodes.append(self.run.node(array))
            return _Array(len(self.nodes) - 1, self.nodes[-1].rank)
        if isinstance(argument, list | tuple):
            return tuple(map(self.taken, argument))
        if isinstance(argument, bool | str | None):
            return argument
        if isinstance(argument, int | np.integer):
            n = int(argument)
            return self.run.sizes.length(n) if n > 0 else Integer(n)
        return self.run.sizes.number(float(argument)) if isinstance(argument, float | np.floating) else argument


def word_node(run: TraceRun, word: Word, *arguments: Any, **named: Any) -> TracedNode:
    """Return the node of a word that is called on placeholders."""
    found = _Arguments(run)
    by_position = tuple(map(found.taken, arguments))
    by_name = tuple((name, found.taken(argument)) for name, argument in named.items())
    return run.graph.node(WordCall(word, by_position, by_name), found.nodes, rank=None)


def most_axes(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> int:
    """Return the largest number of axes of the placeholders among the arguments of a call."""
    ranks = [0]
    for argument in (*arguments, *named.values()):
        if isinstance(argument, Placeholder):
            ranks.append(len(argument.shape))
        elif isinstance(argument, list | tuple) and holds_placeholder(argument):
            ranks.append(most_axes(tuple(argument), {}))
        elif isinstance(argument, np.ndarray):
            ranks.append(argument.ndim)
    return max(ranks)
