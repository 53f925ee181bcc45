"""Writing of the phase that runs once for each batch of examples, as loops that numba compiles.

The module also contains this phase in NumPy, for float types that numba does not support.
"""

import inspect
import re
from collections.abc import Iterable
from types import FunctionType

from sympy.core.sympify import _sympify

from symbackprop.codegen.batching import Phases
from symbackprop.codegen.loop_nests import Blocks
from symbackprop.codegen.loops import KNOWN, Loops
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.program import FreshNames, Program, Value
from symbackprop.codegen.runtime import vector_math
from symbackprop.codegen.statement_writer import StatementWriter
from symbackprop.codegen.templates import define, indented, listing, read_sizes, tuple_of
from symbackprop.expressions.aliases import Size

_COMPILED = '@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})\n'
_IN_ANY_ORDER = '@numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})\n'


def obstacle(program: Program, phases: Phases) -> str:
    """Return the reason why a program cannot be compiled, or "" if it can.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> from symbackprop.codegen.batching import split_by_examples
    >>> net = sb.mlp([2, 3, 1], "gelu")
    >>> found = program(sb.derive(net).tape, ["J"])
    >>> obstacle(found, split_by_examples(found, net))
    'there are no loops for erfc'
    """
    if any(len(value.shape) not in (0, 2) for value in _values(phases)):
        return "there are no loops for arrays with one axis, or more than two"
    unknown = (operation for operation in phases.each if operation.function not in KNOWN)
    arrays = [operation for operation in unknown if operation.result.shape and operation.values]
    if arrays:
        expression = arrays[0].expression
        return f"there are no loops for {arrays[0].function if expression is None else type(expression).__name__}"
    return "" if phases.is_split else "the cost is not a sum over examples that are computed independently"


def _values(phases: Phases) -> list[Value]:
    """Return the arguments and the results of the operations for each batch."""
    return [value for operation in phases.each for value in (*operation.values, operation.result)]


class NumbaPart:
    """The text of loops over blocks of examples, and of the functions around them."""

    def __init__(
        self,
        program: Program,
        phases: Phases,
        names: FreshNames,
        statements: StatementWriter,
        *,
        data: list[Value],
        rest: list[Value],
    ):
        self.phases, self.data, self.inputs = phases, data, [*data, *rest]
        self.results = [value for value in phases.sums if value.shape]
        self.numbers = [value for value in phases.sums if not value.shape]
        self.printer = NumPySource({})
        self.loops = Loops(Blocks(program, phases), statements.constants or {}, names, self.size, statements.comment)
        self.sums, self.dtype, self.function = map(names.unique, ("sums", "dtype", "loops"))
        self.setup, self.block = self.loops.block(self.data, phases.each)
        self.shapes = [self.printer.shape_code(value.shape) for value in self.results]
        self.given: list[str] = []  # sizes that cannot be read from an array

    def size(self, length: Size) -> str:
        """Return the code of a size."""
        return str(self.printer.doprint(_sympify(length)))

    def calls(self, name: str, plain: str, sizes_of_memory: list[str], given: list[str]) -> list[str]:
        """Return the compiled loops and the functions that `in_parts` calls; `plain` is the function in NumPy."""
        inputs, results = [value.name for value in self.inputs], [value.name for value in self.results]
        arrays = [value.name for value in self.inputs if value.shape]
        used = {*self.printer.sizes, *sizes_of_memory, *given}
        sizes, self.given = read_sizes(used, {value.name: value.shape for value in self.inputs})
        arguments = ", ".join([*inputs, *self.given])
        memory = ", ".join([self.count, *sizes_of_memory, self.dtype])
        found = f"{self.sums} = " if self.numbers else ""
        lines = [
            f'"""Sums over a batch of examples: {", ".join(value.name for value in self.data)}."""',
            *sizes,
            f"{self.dtype} = {self.data[0].name}.dtype",
            f"{self.function} = {name}_loops({self.dtype}.type)",
            f"if {self.function} is None:",
            f"    return {plain}({', '.join([*inputs, *given, *results])}, *{plain}_memory({memory}))",
            *(
                f"{result} = np.empty({shape}, {self.dtype}) if {result} is None else {result}"
                for result, shape in zip(results, self.shapes, strict=True)
            ),
            f"{listing(arrays)} = map(np.ascontiguousarray, {tuple_of(arrays)})",
            "try:",
            f"    {found}{self.function}({', '.join([arguments, *results])})",
            "except TypeError:  # an array whose floats are not aligned",
            f"    {found}{self.function}({', '.join([f'*_copied([{arguments}])', *results])})",
            f"return {tuple_of(self.sum(value) for value in self.phases.sums)}",
        ]
        return [
            define(name, [*inputs, *self.given, *results], lines),
            define(f"{name}_memory", ["*_"], ['"""No arrays to work in: the loops have their own."""', "return ()"]),
            self.compiled(f"{name}_loops", [*inputs, *self.given, *results], sizes),
        ]

    def sum(self, value: Value) -> str:
        """Return the code of a sum in the form in which the function returns it."""
        return value.name if value.shape else f"{self.dtype}.type({self.sums}[{self.numbers.index(value)}])"

    @property
    def count(self) -> str:
        """The code of the number of examples."""
        return f"{self.data[0].name}.shape[{self.phases.axes[self.data[0]]}]"

    def compiled(self, name: str, parameters: list[str], sizes: list[str]) -> str:
        """Return the function that compiles the loops for one float type."""
        letters = ["a" if value.shape else "x" for value in self.inputs]
        signature = "".join([*letters, *"n" * len(self.given), *"r" * len(self.results)])
        lines = [
            '"""Loops over blocks of examples that stay in a near cache, compiled for one float type."""',
            "",
            *define(self.function, parameters, [*sizes, *self.body()]).splitlines(),
            "",
            f'return _compiled({self.function}, {self.loops.number}, "{signature}")',
        ]
        return "@functools.cache\n" + define(name, [self.loops.number], lines)

    def body(self) -> list[str]:
        """Return the lines of the loops."""
        loops = self.loops
        constants = [f"{name} = {loops.number}({float(c.number)!r})" for c, name in loops.constants.items()]
        scalars = [f"{value.name} = {loops.number}({value.name})" for value in self.inputs if not value.shape]
        zeros = [f"{value.name} = 0.0" for value in self.numbers]
        zeros += [f"{value.name}[:, :] = 0" for value in self.results]
        block = [f"{loops.rows} = min({loops.examples}, {self.count} - {loops.first})", *self.block]
        loop = f"for {loops.first} in range(0, {self.count}, {loops.examples}):"
        ends = [f"return {tuple_of(value.name for value in self.numbers)}"] if self.numbers else []
        return [*constants, *scalars, *zeros, *self.setup, loop, *indented(block), *ends]


def carried_math(texts: Iterable[str]) -> list[str]:
    """Return the texts of the scalar functions that these texts call, directly or indirectly."""
    found: dict[str, FunctionType] = {}
    waiting = [word for text in texts for word in re.findall(r"\b_\w+(?=\()", text)]
    while waiting:
        name = waiting.pop()
        function = getattr(vector_math, name, None)
        if isinstance(function, FunctionType) and name not in found:
            found[name] = function
            waiting += function.__code__.co_names
    return [
        ("" if f in vector_math.DRIVERS else _IN_ANY_ORDER if f is vector_math._plus else _COMPILED)
        + inspect.getsource(f).rstrip()
        for f in found.values()
    ]
