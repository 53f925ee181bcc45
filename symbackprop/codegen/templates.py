"""What the texts of all generated modules have in common."""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from symbackprop.backprop.tape import Tape
from symbackprop.errors import shape_text
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.shapes import shape_of
from symbackprop.printing.text import Text

FUNCTIONS = {
    "cost": "The cost",
    "cost_and_gradients": "The cost and its gradients, by one forward and one backward pass",
}
_LINE = 110  # characters of a call
_BESIDE = 95  # of a statement and the comment beside it


def header(tape: Tape, function_names: Mapping[str, str], meant_for: str) -> str:
    """The docstring of a module: the network's formulas."""
    text = Text(function_names)
    lines = [f"{e.name} = {text.doprint(e.expression)}" for e in tape.equations]
    for name, letter in function_names.items():
        lines.append(f"{letter}(z) = {text.doprint(FUNCTION[name].expression)} ({name})")
    formulas = textwrap.indent("\n".join(lines), "    ")
    return f'"""Cost and gradients of this network, {meant_for}:\n\n{formulas}\n"""'


def docstring(summary: str, arguments: Iterable[Any]) -> str:
    """The docstring of a function: the shapes of its arguments."""
    rows = [f"{s.name}: {shape_text(shape_of(s)) if shape_of(s) else 'a number'}" for s in arguments]
    return "\n".join([f'"""{summary}.', "", *rows, '"""'])


def literal(shape: tuple[Any, ...]) -> str:
    """A shape as Python writes it, sizes that are not known by their names."""
    return repr(tuple(int(size) if size.is_Integer else str(size) for size in shape)).replace("'", '"')


def tuple_of(parts: Iterable[str]) -> str:
    parts = list(parts)
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def indented(lines: Iterable[str]) -> list[str]:
    return textwrap.indent("\n".join(lines), "    ").splitlines()


def define(name: str, parameters: Iterable[str], lines: Iterable[str]) -> str:
    """The text of a function."""
    return "\n".join([call(f"def {name}", parameters) + ":", *indented(lines)])


def call(function: str, arguments: Iterable[str]) -> str:
    """A call, one argument a line where it is long."""
    arguments = list(arguments)
    line = f"{function}({', '.join(arguments)})"
    return line if len(line) <= _LINE else f"{function}(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def commented(code: str, comment: str) -> str:
    """A statement with a comment beside it, or above it where the line is long."""
    if not comment:
        return code
    beside = f"{code}  # {comment}"
    return beside if len(beside) <= _BESIDE else f"# {comment}\n{code}"


def place_of(size: str, symbols: Iterable[Any]) -> str:
    """Where a size can be read: `X.shape[0]`; "" if nowhere."""
    places = ((s.name, k) for s in symbols for k, length in enumerate(shape_of(s)) if str(length) == size)
    array, axis = next(places, ("", 0))
    return f"{array}.shape[{axis}]" if array else ""


def sources_of(carried: Iterable[Any]) -> list[str]:
    """The texts of functions and classes as they stand in their files, each once."""
    return [_sources(one.__module__)[one.__name__] for one in dict.fromkeys(carried)]


@cache
def _sources(module: str) -> dict[str, str]:
    """What a file of ours defines, by name; two empty lines stand between."""
    blocks = inspect.getsource(sys.modules[module]).split("\n\n\n")
    return {found[1]: block.strip() for block in blocks if (found := re.match(r"\s*(?:def|class) (\w+)", block))}
