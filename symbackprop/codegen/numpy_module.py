"""Programs → the text of a Python module that imports NumPy alone."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.batching import separated
from symbackprop.codegen.buffers import Buffers, Given, assigned
from symbackprop.codegen.lowering import program
from symbackprop.codegen.numba_module import NumbaPart, carried_math
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.program import Names, Value
from symbackprop.codegen.runtime import numpy_runtime as runtime
from symbackprop.codegen.statements import Statements, Words, name_values
from symbackprop.codegen.templates import (
    FUNCTIONS,
    call,
    define,
    docstring,
    header,
    literal,
    place_of,
    sources_of,
    tuple_of,
)
from symbackprop.expressions.matrices import OneHot
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import SCALAR
from symbackprop.network.sampling import draws
from symbackprop.printing.text import Text

NUMPY, NUMBA = "numpy", "numba"


def module_source(tape: Tape, function_names: Mapping[str, str], backend: str = NUMPY) -> str:
    """The text of a module with `cost` and `cost_and_gradients` of the tape's network."""
    text, results = Text(function_names), tape.result_names
    wanted = zip(FUNCTIONS.items(), (results[:1], results), strict=True)
    made_with, imports, part = _BACKENDS[backend]
    functions = [_Function(name, summary, tape, found, text, part=part) for (name, summary), found in wanted]
    texts = [one for function in functions for one in function.texts()]
    check = _further_checks(tape)
    helpers = functions[0].helpers | functions[1].helpers | {name for name in runtime.HELPERS if f"_{name}(" in check}
    carried: list[Any] = [f for name in sorted(helpers) for f in runtime.HELPERS[name]] + list(runtime.DRIVERS)
    parts = [
        f"{header(tape, function_names, made_with)}\n\n{imports}",
        *texts,
        *carried_math(texts),
        *sources_of(carried),
    ]
    return "\n\n\n".join([*parts, *([check] if check else []), _set_up(tape, bool(check)), _main(tape)]) + "\n"


def _set_up(tape: Tape, checked: bool) -> str:
    rows = [f'    "{s.name}": {literal(shape_of(s))},' for s in tape.network.arguments]
    return "\n".join(["_arguments = _Arguments({", *rows, "}, _check)" if checked else "})", "_memory = _Memory()"])


def _main(tape: Tape) -> str:
    """What the module does as a program: it checks its gradients."""
    rows = [f'        "{name}": {draw.code()},' for name, draw in draws(tape.network).items()]
    parameters = tuple_of(f'"{name}"' for name in tape.gradients)
    lines = ["    rng = np.random.default_rng()", "    some = {", *rows, "    }", f"    _compare(some, {parameters})"]
    return "\n".join(['if __name__ == "__main__":', *lines])


def _further_checks(tape: Tape) -> str:
    """A function that checks sizes that are made of others, and what is said to be one-hot; "" if nothing is."""
    arguments, printer = tape.network.arguments, NumPySource({})
    compound = [s for s in arguments if any(size.args for size in shape_of(s))]
    lines = [f'_fits("{s.name}", {s.name}.shape, "{s.shape}", {printer.shape_code(s.shape)})' for s in compound]
    lines += [f'_one_hot("{s.name}", {s.name})' for s in arguments if isinstance(s, OneHot)]
    sizes = [f"{name} = {place_of(name, arguments)}" for name in sorted(printer.sizes)]
    return define("_check", [s.name for s in arguments], [*sizes, *lines]) if lines else ""


class _Function:
    """The text of one function: what a caller calls, what is done once, and what with some examples at a time."""

    def __init__(self, name: str, summary: str, tape: Tape, results: Iterable[str], text: Text, *, part: "type[_Part]"):
        network = tape.network
        self.name, self.summary, self.words = name, summary, Words(text, tape.partials())
        self.arguments = network.arguments
        self.hyperparameters = network.of_role(SCALAR)
        self.program = program(tape, list(results))
        self.phases = separated(self.program, network, early=part.adds_early)
        self.names = Names({str(s) for s in (*network.symbols, *network.dimensions, *tape.result_names)})
        name_values(self.program, self.names)
        self.make_part = part
        self.helpers: set[str] = set()
        self.results = [value for value in self.program.results if value.shape]
        self.sums = [value for value in self.phases.sums if value.shape]

    def texts(self) -> list[str]:
        part = self.make_part(self)
        return [self.public(), *self.whole(part), *part.texts()]

    def statements(self, buffers: Buffers) -> Statements:
        return Statements(self.program, buffers, self.printer(), self.words, self.names)

    def printer(self) -> NumPySource:
        return NumPySource({}, self.hyperparameters)

    # what a caller calls

    def public(self) -> str:
        names = [s.name for s in self.arguments]
        given = ", ".join(names)
        first = "[0]" if len(self.program.results) == 1 else ""
        lines = [
            docstring(self.summary, self.arguments),
            f"{given}{',' if len(names) == 1 else ''} = _arguments({given})",
            f"results = _{self.name}({given}, _memory.in_parts)",
            f"return _arguments.sound(results, {given}){first}",
        ]
        # 1/(1 + exp(1200)) = 1/inf = 0 is right; what is not right, `sound` finds in the results
        return '@np.errstate(all="ignore")\n' + define(self.name, names, lines)

    def sizes(self, names: Collection[str]) -> list[str]:
        return [f"{name} = {place_of(name, self.arguments)}" for name in sorted(names)]

    # what is done once

    def whole(self, part: "_Part") -> list[str]:
        phases, kept = self.phases, self.results if self.phases.is_split else []
        operations = [*phases.before, *phases.after]
        buffers = assigned(operations, kept, own=self.sums, alive=part.taken)
        statements = self.statements(buffers)
        before, after = statements.lines(phases.before), statements.lines(phases.after)
        places = [self.place_of_sum(value, buffers) for value in self.sums]
        call = part.call(tuple_of(places))
        workspace = list(statements.buffer_names.values())
        taken = [f"{', '.join(workspace)}{',' * (len(workspace) == 1)} = workspace"] if workspace else []
        sizes = self.sizes(statements.printer.sizes | part.sizes)
        dtype = [f"dtype = {self.dtype()}"] if statements.printer.needs_dtype else []
        self.helpers |= statements.helpers | statements.printer.helpers
        returned = f"return {tuple_of(value.name for value in self.program.results)}"
        doc = '"""The same of arrays that fit; gradients go into the arrays that are given, or else into new ones."""'
        extra = [f"workspace=(None,) * {len(workspace)}"] if workspace else []
        parameters = [s.name for s in self.arguments] + [
            "in_parts",
            *(f"{value.name}=None" for value in self.results),
            *extra,
        ]
        lines = [doc, *sizes, *dtype, *taken, *before, call, *after, returned]
        return [define(f"_{self.name}", parameters, lines), *self.workspace(buffers)]

    def workspace(self, buffers: Buffers) -> list[str]:
        """The text of what makes the arrays that a caller may keep from one call to the next."""
        if not buffers.buffers:
            return []
        printer = self.printer()
        arrays = [f"    np.empty({printer.shape_code(buffer.shape)}, dtype)," for buffer in buffers.buffers]
        lines = ['"""The workspace of the function above."""', *self.sizes(printer.sizes), f"dtype = {self.dtype()}"]
        names = [s.name for s in self.arguments]
        return [define(f"_{self.name}_memory", names, [*lines, "return (", *arrays, ")"])]

    def place_of_sum(self, value: Value, buffers: Buffers) -> str:
        place = buffers.places.get(value)
        if isinstance(place, Given):
            return place.result.name
        return value.name if value in self.results else "None"

    def dtype(self) -> str:
        return next(f"{s.name}.dtype" for s in self.arguments if shape_of(s))


class _Part:
    """The text of what is done with some examples at a time."""

    adds_early = True  # what it sums over the examples to each other

    def __init__(self, whole: _Function):
        phases = whole.phases
        self.whole, self.phases = whole, phases
        self.buffers = assigned(phases.each, phases.sums)
        self.statements = whole.statements(self.buffers)
        self.statements.constants = {}
        self.lines = self.statements.lines(phases.each)
        whole.helpers |= self.statements.helpers | self.statements.printer.helpers
        taken = whole.program.given_to(phases.each)
        self.data = [value for value in taken if value in phases.axes]
        self.rest = [value for value in taken if value not in phases.axes]
        self.taken = [*self.data, *self.rest]
        self.outer_sizes = self._sizes_of_memory()
        used = self.statements.printer.sizes
        self.local = {size: place for size in sorted(used) if (place := place_of(size, [v.symbol for v in self.taken]))}
        self.given = sorted(used - self.local.keys())

    @property
    def name(self) -> str:
        return f"_{self.whole.name}_part"

    @property
    def called(self) -> str:
        return self.name

    def texts(self) -> list[str]:
        return [self.text(), self.memory()]

    @property
    def sizes(self) -> set[str]:
        """Those that the caller must know."""
        return {*self.outer_sizes, *self.given}

    def _sizes_of_memory(self) -> list[str]:
        symbols = {s for buffer in self.buffers.buffers for length in buffer.shape for s in length.free_symbols}
        return sorted(str(symbol) for symbol in symbols if symbol != self.phases.size)

    def call(self, results: str) -> str:
        data, rest = (tuple_of(value.name for value in values) for values in (self.data, self.rest))
        given = f"{rest} + {tuple_of(self.given)}" if self.given else rest
        axis = next(iter(self.phases.axes.values()), 0)
        sums = ", ".join(value.name for value in self.phases.sums) + "," * (len(self.phases.sums) == 1)
        part = tuple_of([self.called, f"{self.called}_memory", str(axis)])
        form = tuple_of([*self.outer_sizes, self.whole.dtype()])
        return call(f"{sums} = in_parts", [part, form, data, given, results])

    def text(self) -> str:
        results = [value.name for value in self.whole.sums]
        constants, buffers = self.statements.constants or {}, self.statements.buffer_names
        parameters = [*(v.name for v in self.taken), *self.given, *results, *constants.values(), *buffers.values()]
        sizes = [f"{size} = {place}" for size, place in self.local.items()]
        dtype = [f"dtype = {self.taken_dtype()}"] if self.statements.printer.needs_dtype else []
        lines = [*sizes, *dtype, *self.lines, f"return {tuple_of(value.name for value in self.phases.sums)}"]
        what = f"of some examples: {', '.join(v.name for v in self.data)}" if self.data else "of all"
        return define(self.name, parameters, [f'"""What is added up, {what}."""', *lines])

    def taken_dtype(self) -> str:
        return next(f"{value.name}.dtype" for value in self.taken if value.shape)

    def memory(self) -> str:
        printer = self.whole.printer()
        size = [str(self.phases.size)] if self.phases.is_split else []
        constants = [f"np.array({float(c.number)!r}, dtype)," for c in self.statements.constants or {}]
        arrays = [f"np.empty({printer.shape_code(buffer.shape)}, dtype)," for buffer in self.buffers.buffers]
        inner = [f"    {line}" for line in (*constants, *arrays)]
        returned = ["return (", *inner, ")"] if inner else ["return ()"]
        lines = ['"""Constants, and arrays to work in."""', *returned]
        return define(f"{self.name}_memory", [*size, *self.outer_sizes, "dtype"], lines)


class _CompiledPart(_Part):
    """The same as loops that numba compiles, with the NumPy text for types of floats that numba has not."""

    adds_early = False

    def __init__(self, whole: _Function):
        super().__init__(whole)
        self.plain = super().texts()
        self.numba = NumbaPart(whole.program, self.phases, whole.names, self.statements)
        self.calls = self.numba.calls(self.called, self.name, self.outer_sizes, self.given)
        self.outer_sizes, self.given = [], self.numba.given

    @property
    def called(self) -> str:
        return f"_{self.whole.name}_compiled"

    def texts(self) -> list[str]:
        return [*self.calls, *self.plain]


_BACKENDS = {
    NUMPY: ("in NumPy alone", "import numpy as np", _Part),
    NUMBA: ("compiled with numba", "import functools\n\nimport numba\nimport numpy as np", _CompiledPart),
}
