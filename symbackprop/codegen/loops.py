"""Loop nests → lines of Python that numba compiles.

Of each value there is a block in memory, a row for each quantity: the innermost loop goes over examples that lie
beside each other. What a sum over the examples needs is added up as the blocks go by.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from symbackprop.codegen.loop_nests import Blocks, Nest
from symbackprop.codegen.program import Constant, Names, Operation, Value
from symbackprop.codegen.templates import commented, indented

SIDE = 8  # of a matrix whose entries are all added up at the same time
TERMS = 8  # of a long sum that are added at a time
_MEMORY, _MOST_EXAMPLES, _LEAST_EXAMPLES = 8192, 192, 64  # floats that stay in a near cache

# fmt: off
FORMS: dict[str, str] = {  # {0}, {1}: entries of the arguments
    "negative": "-{0}", "positive": "{0}", "square": "{0} * {0}", "reciprocal": "{number}(1) / {0}",
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "absolute": "abs({0})", "sqrt": "np.sqrt({0})", "power": "{0} ** {1}",
    "sin": "np.sin({0})", "cos": "np.cos({0})", "sinh": "np.sinh({0})", "cosh": "np.cosh({0})",
    "maximum": "_maximum({0}, {1})", "minimum": "_minimum({0}, {1})",
    **{name: f"{{number}}(_{name}({{0}}))" for name in ("exp", "expm1", "tanh", "log", "log1p", "sign")},
    "sigmoid": "{number}(_logistic({0}))",
    "heaviside": "{number}(_heaviside({0}, {1}))",
}
# fmt: on


def indices(length: Any) -> list[str]:
    """Those of a short side; none of a long one."""
    return [str(k) for k in range(int(length))] if length.is_Integer and length <= SIDE else []


class Loops:
    """Lines for the operations of one block of examples; it notes which sizes and helpers they use."""

    def __init__(
        self,
        blocks: Blocks,
        constants: dict[Constant, str],
        names: Names,
        size: Callable[[Any], str],
        comment: Callable[[Operation], str],
    ):
        self.blocks, self.constants, self.names = blocks, constants, names
        self.size, self.comment = size, comment
        words = ("number", "memory", "many", "first", "rows")
        self.number, self.memory, self.examples, self.first, self.rows = map(names.unique, words)
        self.r, self.f, self.i, self.j, self.k = map(names.unique, "rfijk")
        self.stored: dict[Value, str] = {}  # the names of blocks
        self.here: set[Value] = set()  # what the loop has made
        self.outside: dict[str, str] = {}  # entries that are the same for all examples, read before the loop
        self.helpers: dict[str, None] = {}

    # the whole

    def block(self, data: list[Value], operations: list[Operation]) -> tuple[list[str], list[str]]:
        """Lines that set up the memory, and lines for each block."""
        layout = self.blocks.layout(operations, data)
        setup = [
            f"{self.examples} = {self._examples(layout.rows)}",
            f"{self.memory} = np.empty(({self.size(layout.rows)}, {self.examples}), {self.number})",
        ]
        for value, (first, length) in layout.places.items():
            self.stored[value] = self.names.unique(f"{value.name}_block")
            setup.append(f"{self.stored[value]} = {self.memory}[{self.size(first)}:{self.size(first + length)}]")
        lines = [line for value in data for line in self.copied(value)]
        for nest in layout.nests:
            lines += _ALONE[self.kind(nest)](self, nest.operations[0]) if nest.alone else self.nest(nest)
        return setup, lines

    def _examples(self, rows: Any) -> str:
        """How many examples a block has."""
        if getattr(rows, "is_Integer", True):
            return str(min(_MOST_EXAMPLES, max(_LEAST_EXAMPLES, _MEMORY // max(1, int(rows)) // 16 * 16)))
        return f"min({_MOST_EXAMPLES}, max({_LEAST_EXAMPLES}, {_MEMORY} // ({self.size(rows)})))"

    def kind(self, nest: Nest) -> str:
        operation = nest.operations[0]
        return "dot over examples" if self.blocks.sums_examples(operation) else operation.function

    # entries

    def at(self, value: Value, quantity: str) -> str:
        """The entry of a value for a quantity of an example."""
        axis = self.blocks.axis(value)
        return self.entry(value, *((self.r, quantity) if axis == 0 else (quantity, self.r)))

    def entry(self, value: Any, row: str, column: str) -> str:
        if isinstance(value, Constant):
            return self.constants[value]
        if value.shape:
            row, column = ("0" if n == 1 else k for n, k in zip(value.shape, (row, column), strict=True))
        if value in self.blocks.views:
            view = self.blocks.views[value]
            return self.entry(view.values[0], *_VIEWS[view.function](self, view, row, column))
        if value in self.here or not value.shape:
            return str(value.name)
        axis = self.blocks.axis(value)
        if axis is None:
            return self.before(f"{value.name}[{row}, {column}]")
        return f"{self.stored[value]}[{row if axis else column}, {self.r}]"

    def before(self, code: str) -> str:
        if code not in self.outside:
            self.outside[code] = self.names.fresh("w")
        return self.outside[code]

    def shifted(self, index: str, first: Any) -> str:
        return index if first == 0 else f"{self.size(first)} + {index}"

    def swapped(self, _: Operation, row: str, column: str) -> tuple[str, str]:
        return column, row

    def lower(self, view: Operation, row: str, column: str) -> tuple[str, str]:
        return self.shifted(row, view.arguments[1]), column

    def further(self, view: Operation, row: str, column: str) -> tuple[str, str]:
        return row, self.shifted(column, view.arguments[1])

    def same(self, _: Operation, row: str, column: str) -> tuple[str, str]:
        return row, column

    # loops

    def over_examples(self, lines: list[str]) -> list[str]:
        """The innermost loop, after what it reads of arrays that have no examples."""
        read = [f"{name} = {code}" for code, name in self.outside.items()]
        self.outside = {}
        return [*read, f"for {self.r} in range({self.rows}):", *indented(lines)]

    def loop(self, index: str, length: Any, lines: Callable[[str], list[str]]) -> list[str]:
        """A loop over an index; none where there is one."""
        if length == 1:
            return lines("0")
        return [f"for {index} in range({self.size(length)}):", *indented(lines(index))]

    def call(self, helper: str, *arguments: str) -> str:
        self.helpers[helper] = None
        return f"{helper}({', '.join(arguments)})"

    def accumulators(self, count: int) -> tuple[list[str], str]:
        """Names of sums that start at 0, and the line that says so."""
        names = [self.names.fresh("s") for _ in range(count)]
        return names, f"{' = '.join(names)} = {self.number}(0)"

    def copied(self, value: Value) -> list[str]:
        """The block of an argument, turned so that examples lie beside each other."""
        length, block, axis = self.blocks.length(value), self.stored[value], self.blocks.axis(value)

        def copy(quantity: str) -> str:
            place = f"{self.first} + {self.r}"
            source = f"{quantity}, {place}" if axis else f"{place}, {quantity}"
            return f"{block}[{quantity}, {self.r}] = {value.name}[{source}]"

        if length.is_Integer and length <= SIDE:
            return self.over_examples([copy(str(k)) for k in range(int(length))])
        return self.loop(self.f, length, lambda quantity: self.over_examples([copy(quantity)]))

    # a nest

    def nest(self, nest: Nest) -> list[str]:
        self.here = set()
        lines = self.loop(self.f, nest.length, lambda quantity: self.body(nest.operations, quantity))
        self.here = set()
        return lines

    def body(self, operations: list[Operation], quantity: str) -> list[str]:
        starts: list[str] = []
        lines: list[str] = []
        ends: list[str] = []
        for operation in operations:
            value = operation.result
            if self.blocks.sums_examples(operation):
                (so_far,), start = self.accumulators(1)
                starts.append(start)
                added = self.call("_plus", so_far, self.term(operation, quantity))
                lines += self.line(operation, f"{so_far} = {added}")
                ends.append(f"{self.total(value, quantity)} += {so_far}")
                continue
            expression = _ENTRIES.get(operation.function, Loops.mapped)(self, operation, quantity)
            lines += self.line(operation, f"{value.name} = {expression}")
            self.here.add(value)
            if value in self.stored:
                lines.append(f"{self.stored[value]}[{quantity}, {self.r}] = {value.name}")
        return [*starts, *self.over_examples(lines), *ends]

    def line(self, operation: Operation, code: str) -> list[str]:
        return commented(code, self.comment(operation)).splitlines()

    def term(self, operation: Operation, quantity: str) -> str:
        """What is added up over the examples."""
        return " * ".join(self.at(value, quantity) for value in operation.values)

    def total(self, value: Value, quantity: str) -> str:
        if not value.shape:
            return value.name
        row, column = ("0" if length == 1 else quantity for length in value.shape)
        return f"{value.name}[{row}, {column}]"

    def mapped(self, operation: Operation, quantity: str) -> str:
        axis = self.blocks.axis(operation.result)
        index = (self.r, quantity) if axis == 0 else (quantity, self.r)
        form = FORMS[operation.function]
        self.helpers |= dict.fromkeys(re.findall(r"\b_\w+(?=\()", form))
        return form.format(*(self.entry(argument, *index) for argument in operation.arguments), number=self.number)

    def product(self, operation: Operation, quantity: str) -> str:
        return " + ".join(self.factors(operation, quantity, str(k)) for k in range(self.blocks.inner(operation)))

    def factors(self, operation: Operation, quantity: str, k: str) -> str:
        left, right = operation.values
        row, column = (self.r, quantity) if self.blocks.axis(operation.result) == 0 else (quantity, self.r)
        return f"{self.entry(left, row, k)} * {self.entry(right, k, column)}"

    def sum(self, operation: Operation, _: str) -> str:
        return " + ".join(self.at(operation.values[0], str(k)) for k in range(self.blocks.inner(operation)))

    def largest(self, operation: Operation, _: str) -> str:
        first, *rest = (self.at(operation.values[0], str(k)) for k in range(self.blocks.inner(operation)))
        for other in rest:
            first = self.call("_maximum", first, other)
        return first

    # what has loops of its own

    def sum_of_products(self, operation: Operation) -> list[str]:
        """A product that adds up the examples: as many entries at a time as there are registers for."""
        rows, columns = operation.result.shape
        said = [f"# {self.comment(operation)}"]
        few_rows, few_columns = (indices(length) for length in (rows, columns))
        if (rows * columns).is_Integer and rows * columns <= SIDE:
            return said + self.tile(operation, few_rows, few_columns)
        if few_columns:
            return said + self.loop(self.i, rows, lambda row: self.tile(operation, [row], few_columns))
        if few_rows:
            return said + self.loop(self.j, columns, lambda column: self.tile(operation, few_rows, [column]))

        def in_row(row: str) -> list[str]:
            return self.in_strips(self.j, columns, SIDE // 2, lambda strip: self.tile(operation, [row], strip))

        return said + self.loop(self.i, rows, in_row)

    def tile(self, operation: Operation, rows: list[str], columns: list[str]) -> list[str]:
        """Entries that are added up at the same time."""
        left, right = operation.values
        entries = [(row, column) for row in rows for column in columns]
        names, start = self.accumulators(len(entries))
        lines, ends = [], []
        for name, (row, column) in zip(names, entries, strict=True):
            product = f"{self.entry(left, row, self.r)} * {self.entry(right, self.r, column)}"
            lines.append(f"{name} = {self.call('_plus', name, product)}")
            ends.append(f"{operation.result.name}[{row}, {column}] += {name}")
        return [start, *self.over_examples(lines), *ends]

    def in_strips(self, index: str, length: Any, width: int, lines: Callable[[list[str]], list[str]]) -> list[str]:
        """A loop over an index in steps of a width, and one over the rest."""
        size = self.size(length)
        strips = lines([index, *(f"{index} + {k}" for k in range(1, width))])
        end = str(int(length) // width * width) if length.is_Integer else f"({size}) // {width} * {width}"
        return [
            f"for {index} in range(0, {end}, {width}):",
            *indented(strips),
            f"for {index} in range({end}, {size}):",
            *indented(lines([index])),
        ]

    def long_product(self, operation: Operation) -> list[str]:
        def terms(quantity: str) -> Callable[[list[str]], str]:
            return lambda strip: " + ".join(self.factors(operation, quantity, k) for k in strip)

        return self.long(operation, terms, "{0} + {1}", "0")

    def long_sum(self, operation: Operation) -> list[str]:
        return self.long(operation, self.entries_of(operation), "{0} + {1}", "0")

    def long_maximum(self, operation: Operation) -> list[str]:
        self.helpers["_maximum"] = None
        return self.long(operation, self.entries_of(operation), "_maximum({0}, {1})", "-np.inf", 1)

    def entries_of(self, operation: Operation) -> Callable[[str], Callable[[list[str]], str]]:
        (value,) = operation.values
        return lambda _: lambda strip: " + ".join(self.at(value, k) for k in strip)

    def long(
        self,
        operation: Operation,
        terms: Callable[[str], Callable[[list[str]], str]],
        step: str,
        start: str,
        width: int = TERMS,
    ) -> list[str]:
        """Each entry as a sum or maximum that has too many terms to be written out."""

        def lines(quantity: str) -> list[str]:
            so_far = f"{self.stored[operation.result]}[{quantity}, {self.r}]"
            begin = self.over_examples([f"{so_far} = {self.number}({start})"])

            def add(strip: list[str]) -> list[str]:
                return self.over_examples([f"{so_far} = {step.format(so_far, terms(quantity)(strip))}"])

            return begin + self.in_strips(self.k, self.blocks.inner(operation), width, add)

        return [f"# {self.comment(operation)}", *self.loop(self.f, self.blocks.length(operation.result), lines)]

    def together(self, operation: Operation) -> list[str]:
        lines, first = [f"# {self.comment(operation)}"], 0
        for value in operation.values:
            length = self.blocks.length(value)
            lines += self.loop(self.f, length, partial(self.piece, self.stored[operation.result], first, value))
            first = first + length
        return lines

    def piece(self, block: str, first: Any, value: Value, quantity: str) -> list[str]:
        place = f"{block}[{self.shifted(quantity, first)}, {self.r}]"
        return self.over_examples([f"{place} = {self.at(value, quantity)}"])


_VIEWS = {"transpose": Loops.swapped, "rows": Loops.lower, "columns": Loops.further, "broadcast": Loops.same}
_ENTRIES: dict[str, Callable[[Loops, Operation, str], str]] = {
    "dot": Loops.product,
    "sum": Loops.sum,
    "max": Loops.largest,
}
_ALONE: dict[str, Callable[[Loops, Operation], list[str]]] = {
    "dot over examples": Loops.sum_of_products,
    "dot": Loops.long_product,
    "sum": Loops.long_sum,
    "max": Loops.long_maximum,
    "concatenate": Loops.together,
}
KNOWN = {*FORMS, *_ENTRIES, "concatenate", "vdot", "total", *_VIEWS}
