"""Text of a Python module that imports only NumPy, and numba if it has compiled loops."""

from collections.abc import Iterable, Mapping

from symbackprop.backprop.tape import Tape
from symbackprop.codegen import templates
from symbackprop.codegen.batching import split_by_examples
from symbackprop.codegen.buffers import Buffers, CallerArray, allocated
from symbackprop.codegen.lowering import program
from symbackprop.codegen.numba_module import NumbaPart, carried_math
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.program import FreshNames, Value
from symbackprop.codegen.runtime import numpy_runtime as runtime
from symbackprop.codegen.statement_writer import StatementWriter, name_values
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.sampling import draws
from symbackprop.printing.text import Text

NUMPY, NUMBA = "numpy", "numba"


def module_source(tape: Tape, function_names: Mapping[str, str], backend: str = NUMPY) -> str:
    """Return the text of a module with `cost` and `cost_and_gradients` of the tape's network."""
    text = Text(function_names)
    made_with, imports, part = _BACKENDS[backend]
    functions = [_Function(tape, text, *described, part=part) for described in templates.functions(tape)]
    texts = [*(one for function in functions for one in function.texts()), *templates.cost_and_gradients(tape)]
    check = _further_checks(tape)
    carried = [*templates.helpers_in([*texts, check], runtime.HELPERS), *runtime.DRIVERS]
    parts = [
        f"{templates.header(tape, function_names, made_with)}\n\n{imports}",
        *texts,
        *carried_math(texts),
        *templates.sources_of(carried),
    ]
    return "\n\n\n".join([*parts, *([check] if check else []), _set_up(tape, bool(check)), _main(tape)]) + "\n"


def _set_up(tape: Tape, checked: bool) -> str:
    rows = [f'    "{s.name}": {templates.literal(shape_of(s))},' for s in tape.network.arguments]
    return "\n".join(["_arguments = _Arguments({", *rows, "}, _check)" if checked else "})", "_memory = _Memory()"])


def _main(tape: Tape) -> str:
    """Return the `if __name__ == "__main__"` part of the module, which checks the gradients."""
    rows = [f'        "{name}": {draw.code()},' for name, draw in draws(tape.network).items()]
    parameters = templates.tuple_of(f'"{name}"' for name in tape.gradients)
    lines = ["    rng = np.random.default_rng()", "    some = {", *rows, "    }", f"    _compare(some, {parameters})"]
    return "\n".join(['if __name__ == "__main__":', *lines])


def _further_checks(tape: Tape) -> str:
    """Return a function that checks compound sizes such as 4*H, and one-hot targets; "" if there are none."""
    arguments, printer = tape.network.arguments, NumPySource({})
    lines = templates.further_checks(tape.network, printer.shape_code, _one_hot)
    sizes, _ = templates.read_sizes(printer.sizes, templates.shapes(arguments))
    return templates.define("_check", [s.name for s in arguments], [*sizes, *lines]) if lines else ""


def _one_hot(symbol: Expression) -> str:
    rows = str(symbol.name) if len(symbol.shape) == 2 else f"{symbol.name}.reshape(-1, {symbol.name}.shape[-1])"
    return f'_one_hot("{symbol.name}", {rows})'


# What a public function checks with `sound`, for which a cost comes first, and what it returns of it
_CHECKED = {"cost": ("results", "[0]"), "backward": ("(0.0, *results)", "[1:]")}


class _Function:
    """Writer of one function: the public function, the phases for all of the data, and the phase for each batch."""

    def __init__(self, tape: Tape, text: Text, name: str, summary: str, results: Iterable[str], *, part: "type[_Part]"):
        network = tape.network
        self.name, self.summary, self.text, self.partials = name, summary, text, tape.partials()
        self.arguments = network.arguments
        self.hyperparameters = [symbol for symbol in network.arguments if not shape_of(symbol)]
        self.program = program(tape, list(results))
        self.phases = split_by_examples(self.program, network, early=part.adds_early)
        self.names = FreshNames({str(s) for s in (*network.symbols, *network.dimensions, *tape.result_names)})
        name_values(self.program, self.names)
        self.make_part = part
        self.results = [value for value in self.program.results if value.shape]
        self.sums = [value for value in self.phases.sums if value.shape]

    def texts(self) -> list[str]:
        part = self.make_part(self)
        return [self.public(), *self.whole(part), *part.texts()]

    def statements(self, buffers: Buffers) -> StatementWriter:
        return StatementWriter(
            self.program, buffers, self.printer(), self.names, text=self.text, partials=self.partials
        )

    def printer(self) -> NumPySource:
        return NumPySource({}, self.hyperparameters)

    # the function that a caller calls

    def public(self) -> str:
        names = [s.name for s in self.arguments]
        given = ", ".join(names)
        results, part = _CHECKED.get(self.name, ("results", ""))
        lines = [
            templates.docstring(self.summary, self.arguments),
            f"{templates.listing(names)} = _arguments({given})",
            f"results = _{self.name}({given}, _memory.in_parts)",
            f"return _arguments.sound({results}, {given}){part}",
        ]
        # 1/(1 + exp(1200)) = 1/inf = 0 is right, and no warning is due; `sound` finds results that are not finite
        return '@np.errstate(all="ignore")\n' + templates.define(self.name, names, lines)

    # the phases for all of the data

    def whole(self, part: "_Part") -> list[str]:
        phases, kept = self.phases, self.results if self.phases.is_split else []
        operations = [*phases.before, *phases.after]
        buffers = allocated(operations, kept, own=self.sums, alive=part.inputs)
        statements = self.statements(buffers)
        before, after = statements.lines(phases.before), statements.lines(phases.after)
        places = [self.place_of_sum(value, buffers) for value in self.sums]
        call = part.call(templates.tuple_of(places))
        workspace = [buffer.name for buffer in buffers.buffers]
        unpacked = [f"{templates.listing(workspace)} = workspace"] if workspace else []
        sizes, _ = templates.read_sizes(statements.printer.sizes | part.sizes, templates.shapes(self.arguments))
        dtype = [f"dtype = {self.dtype()}"] if statements.printer.needs_dtype else []
        returned = f"return {templates.tuple_of(value.name for value in self.program.results)}"
        doc = '"""The same for checked arrays; gradients are written into the given arrays, or else into new ones."""'
        extra = [f"workspace=(None,) * {len(workspace)}"] if workspace else []
        results = (f"{value.name}=None" for value in self.results)
        parameters = [*(s.name for s in self.arguments), "in_parts", *results, *extra]
        lines = [doc, *sizes, *dtype, *unpacked, *before, call, *after, returned]
        return [templates.define(f"_{self.name}", parameters, lines), *self.workspace(buffers)]

    def workspace(self, buffers: Buffers) -> list[str]:
        """Return the text of the function that allocates the arrays which are reused from one call to the next."""
        if not buffers.buffers:
            return []
        printer = self.printer()
        arrays = [f"    np.empty({printer.shape_code(buffer.shape)}, dtype)," for buffer in buffers.buffers]
        sizes, _ = templates.read_sizes(printer.sizes, templates.shapes(self.arguments))
        lines = ['"""The workspace of the function above."""', *sizes, f"dtype = {self.dtype()}"]
        names = [s.name for s in self.arguments]
        return [templates.define(f"_{self.name}_memory", names, [*lines, "return (", *arrays, ")"])]

    def place_of_sum(self, value: Value, buffers: Buffers) -> str:
        place = buffers.places.get(value)
        if isinstance(place, CallerArray):
            return place.result.name
        return value.name if value in self.results else "None"

    def dtype(self) -> str:
        return next(f"{s.name}.dtype" for s in self.arguments if shape_of(s))


class _Part:
    """Writer of the phase that runs once for each batch of examples."""

    adds_early = True  # adds sums over the examples to each other
    kind = "part"

    def __init__(self, whole: _Function):
        phases = whole.phases
        self.whole, self.phases = whole, phases
        self.name, self.called = f"_{whole.name}_part", f"_{whole.name}_{self.kind}"
        self.buffers = allocated(phases.each, phases.sums)
        self.statements = whole.statements(self.buffers)
        self.statements.constants = {}
        self.lines = self.statements.lines(phases.each)
        inputs = whole.program.inputs_of(phases.each)
        if self.statements.printer.needs_dtype and not any(value.shape for value in inputs):
            inputs.append(next(value for value in whole.program.arguments if value.shape))
        self.data = [value for value in inputs if value in phases.axes]
        self.rest = [value for value in inputs if value not in phases.axes]
        self.inputs = [*self.data, *self.rest]
        of_memory = {s for buffer in self.buffers.buffers for length in buffer.shape for s in length.free_symbols}
        self.outer_sizes = sorted(str(symbol) for symbol in of_memory if symbol != phases.size)
        arrays = {value.name: value.shape for value in self.inputs}
        self.size_lines, self.given = templates.read_sizes(self.statements.printer.sizes, arrays)

    def texts(self) -> list[str]:
        return [self.text(), self.memory()]

    @property
    def sizes(self) -> set[str]:
        """The names of sizes that the caller must pass."""
        return {*self.outer_sizes, *self.given}

    def call(self, results: str) -> str:
        data, rest = (templates.tuple_of(value.name for value in values) for values in (self.data, self.rest))
        given = f"{rest} + {templates.tuple_of(self.given)}" if self.given else rest
        axis = next(iter(self.phases.axes.values()), 0)
        sums = templates.listing([value.name for value in self.phases.sums])
        part = templates.tuple_of([self.called, f"{self.called}_memory", str(axis)])
        form = templates.tuple_of([*self.outer_sizes, self.whole.dtype()])
        return templates.call(f"{sums} = in_parts", [part, form, data, given, results])

    def text(self) -> str:
        results = [value.name for value in self.whole.sums]
        made = [*(self.statements.constants or {}).values(), *(buffer.name for buffer in self.buffers.buffers)]
        parameters = [*(v.name for v in self.inputs), *self.given, *results, *made]
        first = (value.name for value in self.inputs if value.shape)
        dtype = [f"dtype = {next(first)}.dtype"] if self.statements.printer.needs_dtype else []
        lines = [
            *self.size_lines,
            *dtype,
            *self.lines,
            f"return {templates.tuple_of(value.name for value in self.phases.sums)}",
        ]
        names = ", ".join(value.name for value in self.data)
        summary = f"Sums over a batch of examples: {names}" if names else "The computation for all examples"
        return templates.define(self.name, parameters, [f'"""{summary}."""', *lines])

    def memory(self) -> str:
        printer = self.whole.printer()
        size = [str(self.phases.size)] if self.phases.is_split else []
        constants = [f"np.array({float(c.number)!r}, dtype)," for c in self.statements.constants or {}]
        arrays = [f"np.empty({printer.shape_code(buffer.shape)}, dtype)," for buffer in self.buffers.buffers]
        inner = [f"    {line}" for line in (*constants, *arrays)]
        returned = ["return (", *inner, ")"] if inner else ["return ()"]
        lines = ['"""Constants and work arrays."""', *returned]
        return templates.define(f"{self.name}_memory", [*size, *self.outer_sizes, "dtype"], lines)


class _CompiledPart(_Part):
    """Writer of the phase for each batch, as loops that numba compiles and, for other float types, as NumPy code."""

    adds_early = False
    kind = "compiled"

    def __init__(self, whole: _Function):
        super().__init__(whole)
        self.plain = super().texts()
        self.numba = NumbaPart(whole.program, self.phases, whole.names, self.statements, data=self.data, rest=self.rest)
        self.calls = self.numba.calls(self.called, self.name, self.outer_sizes, self.given)
        self.outer_sizes, self.given = [], self.numba.given

    def texts(self) -> list[str]:
        return [*self.calls, *self.plain]


_BACKENDS = {
    NUMPY: ("in NumPy alone", "import numpy as np", _Part),
    NUMBA: ("compiled with numba", "import functools\n\nimport numba\nimport numpy as np", _CompiledPart),
}
