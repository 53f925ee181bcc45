"""Pieces of text that all generated modules share."""

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from sympy import Symbol, fraction

import symbackprop
from symbackprop.backprop.tape import Tape
from symbackprop.codegen.runtime.numpy_runtime import Carried
from symbackprop.errors import listed, shape_text
from symbackprop.expressions.aliases import Expression, Shape
from symbackprop.expressions.functions import FUNCTION
from symbackprop.expressions.matrices import OneHot
from symbackprop.expressions.shapes import LENGTH, shape_of, told_sizes
from symbackprop.network.network import Network
from symbackprop.network.size_conditions import least_sizes
from symbackprop.printing.text import Text

_LINE = 110  # characters of a call on one line
_BESIDE = 95  # characters of a statement with a comment beside it


def header(tape: Tape, function_names: Mapping[str, str], meant_for: str) -> str:
    """Return the docstring of a module: the network's formulas."""
    text = Text(function_names)
    lines = [f"{e.name} = {text.doprint(e.expression)}" for e in tape.equations]
    for name, letter in function_names.items():
        lines.append(f"{letter}(z) = {text.doprint(FUNCTION[name].expression)} ({name})")
    formulas = textwrap.indent("\n".join(lines), "    ")
    made_by = f"Made by symbackprop {symbackprop.__version__} (symbackprop generate, or Derivation.to_source)."
    return f'"""Cost and gradients of this network, {meant_for}:\n\n{formulas}\n\n{made_by}\n"""'


def functions(tape: Tape) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the name, the summary and the results of each function that computes something itself.

    The gradients of a layer are computed without its cost, the sum that `cost_and_gradients` has beside them.
    """
    if tape.network.upstream:
        summary = f"{tape.cost.name}, the sum of {listed(_products(tape))}, the gradients of which `backward` returns"
        return [("cost", summary, tape.result_names[:1]), ("backward", _of_layer(tape), tape.gradient_names)]
    return [("cost", "The cost", tape.result_names[:1]), ("cost_and_gradients", both(tape), tape.result_names)]


def both(tape: Tape) -> str:
    """Return the summary of the function `cost_and_gradients`."""
    name = tape.cost.name if tape.network.upstream else "The cost"
    return f"{name} and its gradients, from one forward and one backward pass"


def _products(tape: Tape) -> list[str]:
    return [f"{G.name} * {output.name}" for output, G in tape.network.upstream.items()]


def _of_layer(tape: Tape) -> str:
    given = ", ".join(str(G.name) for G in tape.network.upstream.values())
    outputs = ", ".join(str(output.name) for output in tape.network.upstream)
    names = tuple_of(tape.gradient_names)
    return f"{names}, the gradients of a cost, from its gradients {given} with respect to {outputs}"


def cost_and_gradients(tape: Tape) -> list[str]:
    """Return the text of this function for a layer, in terms of `cost` and `backward`; [] for a network with a cost."""
    if not tape.network.upstream:
        return []
    names = [str(symbol.name) for symbol in tape.network.arguments]
    given = ", ".join(names)
    lines = [f'"""{tape.cost.name} and its gradients."""', f"return cost({given}), *backward({given})"]
    return [define("cost_and_gradients", names, lines)]


def backward(tape: Tape) -> list[str]:
    """Return the text of the function `backward` of a layer in terms of `cost_and_gradients`; [] if it has a cost."""
    if not tape.network.upstream:
        return []
    names = [str(symbol.name) for symbol in tape.network.arguments]
    lines = [f'"""{_of_layer(tape)}."""', f"return cost_and_gradients({', '.join(names)})[1:]"]
    return [define("backward", names, lines)]


def docstring(summary: str, arguments: Iterable[Expression]) -> str:
    """Return the docstring of a function, with the shapes of its arguments."""
    rows = [f"{s.name}: {shape_text(shape_of(s)) if shape_of(s) else 'a number'}" for s in arguments]
    return "\n".join([f'"""{summary}.', "", *rows, '"""'])


def literal(shape: Shape) -> str:
    """Return a shape as Python code: numbers, and the names of symbolic sizes as strings."""
    return repr(tuple(int(size) if size.is_Integer else str(size) for size in shape)).replace("'", '"')


def tuple_of(parts: Iterable[str]) -> str:
    """Return the code of a tuple: `(a, b)`, `(a,)`, `()`."""
    return f"({listing(list(parts))})"


def listing(parts: list[str]) -> str:
    """Return parts joined by commas, with a comma after a single part, for the left side of `a, b = …` or `a, = …`."""
    return ", ".join(parts) + "," * (len(parts) == 1)


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines indented by four more spaces."""
    return textwrap.indent("\n".join(lines), "    ").splitlines()


def define(name: str, parameters: Iterable[str], lines: Iterable[str]) -> str:
    """Return the text of a function."""
    return "\n".join([call(f"def {name}", parameters) + ":", *indented(lines)])


def call(function: str, arguments: Iterable[str]) -> str:
    """Return a call, with one argument on each line if it is long."""
    arguments = list(arguments)
    line = f"{function}({', '.join(arguments)})"
    return line if len(line) <= _LINE else f"{function}(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def commented(code: str, comment: str) -> str:
    """Return a statement with a comment beside it, or above it if the line would be long."""
    if not comment:
        return code
    beside = f"{code}  # {comment}"
    return beside if len(beside) <= _BESIDE else f"# {comment}\n{code}"


def read_sizes(names: Iterable[str], arrays: Mapping[str, Shape]) -> tuple[list[str], list[str]]:
    """Return lines such as `N = X.shape[0]` that read sizes from arrays, and the names of sizes that no array has."""
    code, wanted = list(arrays), sorted(names)
    told = {str(size): place for size, place in told_sizes(list(arrays.values())).items()}
    lines: dict[str, str] = {}

    def read(name: str) -> None:
        k, axis, size = told[name]
        for other in sorted(map(str, size.free_symbols - {LENGTH})):
            read(other)
        above, below = fraction(size.xreplace({LENGTH: Symbol(f"{code[k]}.shape[{axis}]")}))
        divided = " // ".join(str(part) if part.is_Atom else f"({part})" for part in (above, below))
        lines.setdefault(name, f"{name} = {above if below == 1 else divided}")

    for name in wanted:
        if name in told:
            read(name)
    return list(lines.values()), [name for name in wanted if name not in told]


def shapes(arguments: Iterable[Expression]) -> dict[str, Shape]:
    """Return the shapes of arguments by their names."""
    return {str(symbol.name): shape_of(symbol) for symbol in arguments}


def further_checks(
    network: Network, shape_code: Callable[[Shape], str], one_hot: Callable[[Expression], str]
) -> list[str]:
    """Return lines that check sizes, such as 4*H, and one-hot targets, by the code `one_hot` of each."""
    symbols = network.arguments
    compound = [s for s in symbols if any(size.args for size in shape_of(s))]
    lines = [f'_fits("{s.name}", {s.name}.shape, "{s.shape}", {shape_code(s.shape)})' for s in compound]
    for one in least_sizes(network):
        size = shape_code((one.size,)).removeprefix("(").removesuffix(",)")
        lines.append(f'_at_least("{one.size}", {size}, {one.least})')
    return lines + [one_hot(s) for s in symbols if isinstance(s, OneHot)]


def helpers_in(texts: Iterable[str], table: Mapping[str, Sequence[Carried]]) -> list[Carried]:
    """Return the helpers of a table that the texts call; a call of `_erf` needs the helper "erf"."""
    called = set(re.findall(r"\b_(\w+)(?=\()", "\n".join(texts)))
    return [function for name in sorted(called & table.keys()) for function in table[name]]


def sources_of(carried: Iterable[Carried]) -> list[str]:
    """Return the source texts of functions and classes, each once."""
    return [_sources(one.__module__)[one.__name__] for one in dict.fromkeys(carried)]


@cache
def _sources(module: str) -> dict[str, str]:
    """Return the source texts of a file's functions and classes by name; two empty lines separate them."""
    blocks = inspect.getsource(sys.modules[module]).split("\n\n\n")
    return {found[1]: block.strip() for block in blocks if (found := re.match(r"\s*(?:def|class) (\w+)", block))}
