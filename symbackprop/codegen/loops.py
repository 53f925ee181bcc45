"""Loop nests as lines of Python that numba compiles.

The examples are computed in blocks that fit into a near cache. A block of a value has a row for each entry of an
example, so that the innermost loop runs over adjacent memory. Sums over examples accumulate block by block.
"""

from collections.abc import Callable, Iterable
from functools import partial, reduce

from sympy import S

from symbackprop.codegen.loop_nests import REDUCTIONS, VIEWS, Blocks, Nest
from symbackprop.codegen.program import ArrayOperation, Constant, FreshNames, Value
from symbackprop.codegen.templates import commented, indented
from symbackprop.expressions.aliases import Size
from symbackprop.expressions.matrices import Zeros

SIDE = 8  # of a matrix whose entries are all accumulated at the same time
TERMS = 8  # of a long sum that are added in one step
_MEMORY = 8192  # floats that stay in a near cache
_MOST_EXAMPLES, _LEAST_EXAMPLES = 192, 64  # in a block

# fmt: off
FORMS: dict[str, str] = {  # {0}, {1}: entries of the arguments
    "negative": "-{0}", "positive": "{0}", "square": "{0} * {0}", "reciprocal": "{number}(1) / {0}",
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "absolute": "abs({0})", "sqrt": "np.sqrt({0})", "power": "{0} ** {1}",
    **{name: f"np.{name}({{0}})" for name in ("sin", "cos", "tan", "sinh", "cosh")},
    **{f"arc{name}": f"np.arc{name}({{0}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "maximum": "_maximum({0}, {1})", "minimum": "_minimum({0}, {1})",
    **{name: f"{{number}}(_{name}({{0}}))" for name in ("exp", "expm1", "tanh", "log", "log1p", "sign")},
    "sigmoid": "{number}(_logistic({0}))",
    "heaviside": "{number}(_heaviside({0}, {1}))",
}
# fmt: on


def indices(length: Size) -> list[str]:
    """Return all indices along a short side of a matrix, for code without a loop; [] for a long side."""
    return [str(k) for k in range(int(length))] if length.is_Integer and length <= SIDE else []


class Loops:
    """A writer of the loops over one block of examples."""

    def __init__(
        self,
        blocks: Blocks,
        constants: dict[Constant, str],
        names: FreshNames,
        size: Callable[[Size], str],
        comment: Callable[[ArrayOperation], str],
    ):
        self.blocks, self.constants, self.names = blocks, constants, names
        self.size, self.comment = size, comment
        words = ("number", "memory", "many", "first", "rows")
        self.number, self.memory, self.examples, self.first, self.rows = map(names.unique, words)
        self.r, self.f, self.i, self.j, self.k = map(names.unique, "rfijk")
        self.stored: dict[Value, str] = {}  # the names of the blocks of values
        self.here: set[Value] = set()  # values that the current loop has computed
        self.outside: dict[str, str] = {}  # entries that are the same for all examples, and their names before the loop

    def block(self, data: list[Value], operations: list[ArrayOperation]) -> tuple[list[str], list[str]]:
        """Return the lines that set up the memory, and the lines that compute each block."""
        plan = self.blocks.plan(operations, data)
        setup = [
            f"{self.examples} = {self._examples(plan.rows)}",
            f"{self.memory} = np.empty(({self.size(plan.rows)}, {self.examples}), {self.number})",
        ]
        for value, (first, length) in plan.places.items():
            self.stored[value] = self.names.unique(f"{value.name}_block")
            setup.append(f"{self.stored[value]} = {self.memory}[{self.size(first)}:{self.size(first + length)}]")
        lines = [line for value in data for line in self.copied(value)]
        for nest in plan.nests:
            lines += _ALONE[self.kind(nest)](self, nest.operations[0]) if nest.alone else self.nest(nest)
        return setup, lines

    def _examples(self, rows: Size) -> str:
        """Return the code of the number of examples in a block."""
        if rows.is_Integer:
            return str(min(_MOST_EXAMPLES, max(_LEAST_EXAMPLES, _MEMORY // max(1, int(rows)) // 16 * 16)))
        return f"min({_MOST_EXAMPLES}, max({_LEAST_EXAMPLES}, {_MEMORY} // ({self.size(rows)})))"

    def kind(self, nest: Nest) -> str:
        """Return the key of the table _ALONE for a nest."""
        operation = nest.operations[0]
        return "dot over examples" if self.blocks.sums_examples(operation) else operation.function

    # entries

    def at(self, value: Value, k: str) -> str:
        """Return the code of the k-th entry of a value for the current example."""
        return self.entry(value, *self.position(value, k))

    def position(self, value: Value, k: str) -> tuple[str, str]:
        """Return the row and the column of the k-th entry of a value for the current example."""
        return (self.r, k) if self.blocks.axis(value) == 0 else (k, self.r)

    def entry(self, value: Value | Constant, row: str, column: str) -> str:
        """Return the code of an entry."""
        if isinstance(value, Constant):
            return self.constants[value]
        if value.shape:
            row, column = ("0" if n == 1 else k for n, k in zip(value.shape, (row, column), strict=True))
        if value in self.blocks.views:
            view = self.blocks.views[value]
            return self.entry(view.values[0], *self.viewed(view, row, column))
        if value in self.here or not value.shape:
            return value.name
        axis = self.blocks.axis(value)
        if axis is None:
            return self.before(f"{value.name}[{row}, {column}]")
        return f"{self.stored[value]}[{row if axis else column}, {self.r}]"

    def before(self, code: str) -> str:
        """Return a name for code that is evaluated once, before the loop over the examples."""
        if code not in self.outside:
            self.outside[code] = self.names.fresh("w")
        return self.outside[code]

    def viewed(self, view: ArrayOperation, row: str, column: str) -> tuple[str, str]:
        """Return the row and the column, in the viewed array, of an entry of a view."""
        match view.function:
            case "transpose":
                return column, row
            case "rows":
                return self.shifted(row, view.arguments[1]), column
            case "columns":
                return row, self.shifted(column, view.arguments[1])
        return row, column  # of a broadcast

    def shifted(self, index: str, first: Size) -> str:
        """Return the code of first + index."""
        return index if first == 0 else f"{self.size(first)} + {index}"

    # loops

    def over_examples(self, lines: list[str]) -> list[str]:
        """Return the innermost loop, preceded by lines that read the entries that are the same for all examples."""
        read = [f"{name} = {code}" for code, name in self.outside.items()]
        self.outside = {}
        return [*read, f"for {self.r} in range({self.rows}):", *indented(lines)]

    def loop(self, index: str, length: Size, lines: Callable[[str], list[str]]) -> list[str]:
        """Return a loop over an index; if the only index is 0, the lines without a loop."""
        if length == 1:
            return lines("0")
        return [f"for {index} in range({self.size(length)}):", *indented(lines(index))]

    def accumulators(self, count: int) -> tuple[list[str], str]:
        """Return the names of accumulators, and the line that sets them to 0."""
        names = [self.names.fresh("s") for _ in range(count)]
        return names, f"{' = '.join(names)} = {self.number}(0)"

    def copied(self, value: Value) -> list[str]:
        """Return lines that copy an argument to its block, in which the examples are adjacent."""
        length, block, axis = self.blocks.length(value), self.stored[value], self.blocks.axis(value)

        def copy(k: str) -> str:
            example = f"{self.first} + {self.r}"
            source = f"{k}, {example}" if axis else f"{example}, {k}"
            return f"{block}[{k}, {self.r}] = {value.name}[{source}]"

        if few := indices(length):
            return self.over_examples([copy(k) for k in few])
        return self.loop(self.f, length, lambda k: self.over_examples([copy(k)]))

    # a nest

    def nest(self, nest: Nest) -> list[str]:
        """Return the lines of a nest of operations that share a loop."""
        self.here = set()
        lines = self.loop(self.f, nest.length, lambda k: self.body(nest.operations, k))
        self.here = set()
        return lines

    def body(self, operations: list[ArrayOperation], k: str) -> list[str]:
        """Return the lines that compute the k-th entry of each result, for all examples of the block."""
        starts: list[str] = []
        lines: list[str] = []
        ends: list[str] = []
        for operation in operations:
            value = operation.result
            if self.blocks.sums_examples(operation):
                (so_far,), start = self.accumulators(1)
                starts.append(start)
                lines += self.line(operation, f"{so_far} = _plus({so_far}, {self.term(operation, k)})")
                ends.append(f"{self.total(value, k)} += {so_far}")
                continue
            expression = (self.short if operation.function in REDUCTIONS else self.entrywise)(operation, k)
            lines += self.line(operation, f"{value.name} = {expression}")
            self.here.add(value)
            if value in self.stored:
                lines.append(f"{self.stored[value]}[{k}, {self.r}] = {value.name}")
        return [*starts, *self.over_examples(lines), *ends]

    def line(self, operation: ArrayOperation, code: str) -> list[str]:
        """Return a statement with the comment of its operation."""
        return commented(code, self.comment(operation)).splitlines()

    def term(self, operation: ArrayOperation, k: str) -> str:
        """Return the code of the term that is summed over the examples."""
        return " * ".join(self.at(value, k) for value in operation.values)

    def total(self, value: Value, k: str) -> str:
        """Return the code of the k-th entry of a value that is summed over the examples."""
        if not value.shape:
            return value.name
        row, column = ("0" if length == 1 else k for length in value.shape)
        return f"{value.name}[{row}, {column}]"

    def entrywise(self, operation: ArrayOperation, k: str) -> str:
        """Return the code of the k-th entry of an entry-by-entry operation."""
        if isinstance(operation.expression, Zeros):  # a part that is filled with zeros
            return f"{self.number}(0)"
        position = self.position(operation.result, k)
        form = FORMS[operation.function]
        entries = (self.entry(x, *position) for x in operation.arguments if isinstance(x, Value | Constant))
        return form.format(*entries, number=self.number)

    def short(self, operation: ArrayOperation, k: str) -> str:
        """Return the code of the k-th entry of a product, of a sum or of a maximum, without a loop."""
        return self.combined(operation, self.terms(operation, k, map(str, range(self.blocks.inner(operation)))))

    def terms(self, operation: ArrayOperation, k: str, inner: Iterable[str]) -> list[str]:
        """Return the code of each term at some inner indices: a product of two entries, or a single entry."""
        if operation.function != "dot":
            return [self.at(operation.values[0], m) for m in inner]
        (left, right), (row, column) = operation.values, self.position(operation.result, k)
        return [f"{self.entry(left, row, m)} * {self.entry(right, m, column)}" for m in inner]

    def combined(self, operation: ArrayOperation, terms: Iterable[str]) -> str:
        """Return the code of the sum of terms, or of the largest of them."""
        return reduce("_maximum({}, {})".format, terms) if operation.function == "max" else " + ".join(terms)

    # operations with their own loops

    def sum_of_products(self, operation: ArrayOperation) -> list[str]:
        """Return loops for a product that sums over the examples, for as many entries at a time as registers hold."""
        rows, columns = operation.result.shape
        heading = [f"# {self.comment(operation)}"]
        few_rows, few_columns = (indices(length) for length in (rows, columns))
        if (rows * columns).is_Integer and rows * columns <= SIDE:
            return heading + self.tile(operation, few_rows, few_columns)
        if few_columns:
            return heading + self.loop(self.i, rows, lambda row: self.tile(operation, [row], few_columns))
        if few_rows:
            return heading + self.loop(self.j, columns, lambda column: self.tile(operation, few_rows, [column]))

        def in_row(row: str) -> list[str]:
            return self.in_strips(self.j, columns, SIDE // 2, lambda strip: self.tile(operation, [row], strip))

        return heading + self.loop(self.i, rows, in_row)

    def tile(self, operation: ArrayOperation, rows: list[str], columns: list[str]) -> list[str]:
        """Return a loop over the examples that accumulates several entries of the product at the same time."""
        left, right = operation.values
        entries = [(row, column) for row in rows for column in columns]
        names, start = self.accumulators(len(entries))
        lines, ends = [], []
        for name, (row, column) in zip(names, entries, strict=True):
            product = f"{self.entry(left, row, self.r)} * {self.entry(right, self.r, column)}"
            lines.append(f"{name} = _plus({name}, {product})")
            ends.append(f"{operation.result.name}[{row}, {column}] += {name}")
        return [start, *self.over_examples(lines), *ends]

    def in_strips(self, index: str, length: Size, width: int, lines: Callable[[list[str]], list[str]]) -> list[str]:
        """Return a loop over an index in steps of `width`, and one over the remaining indices."""
        size = self.size(length)
        strips = lines([index, *(f"{index} + {k}" for k in range(1, width))])
        end = str(int(length) // width * width) if length.is_Integer else f"({size}) // {width} * {width}"
        return [
            f"for {index} in range(0, {end}, {width}):",
            *indented(strips),
            f"for {index} in range({end}, {size}):",
            *indented(lines([index])),
        ]

    def long(self, operation: ArrayOperation) -> list[str]:
        """Return loops that accumulate many terms in each entry, several of them in each statement."""
        start, width = ("-np.inf", 1) if operation.function == "max" else ("0", TERMS)

        def lines(k: str) -> list[str]:
            so_far = f"{self.stored[operation.result]}[{k}, {self.r}]"
            begin = self.over_examples([f"{so_far} = {self.number}({start})"])

            def add(strip: list[str]) -> list[str]:
                terms = self.terms(operation, k, strip)
                return self.over_examples([f"{so_far} = {self.combined(operation, [so_far, *terms])}"])

            return begin + self.in_strips(self.k, self.blocks.inner(operation), width, add)

        return [f"# {self.comment(operation)}", *self.loop(self.f, self.blocks.length(operation.result), lines)]

    def concatenation(self, operation: ArrayOperation) -> list[str]:
        """Return loops that copy the concatenated arrays."""
        lines, first = [f"# {self.comment(operation)}"], S.Zero
        for value in operation.values:
            length = self.blocks.length(value)
            lines += self.loop(self.f, length, partial(self.piece, self.stored[operation.result], first, value))
            first = first + length
        return lines

    def piece(self, block: str, first: Size, value: Value, k: str) -> list[str]:
        """Return a loop that copies the k-th entry of a concatenated array."""
        return self.over_examples([f"{block}[{self.shifted(k, first)}, {self.r}] = {self.at(value, k)}"])


_ALONE: dict[str, Callable[[Loops, ArrayOperation], list[str]]] = {
    "dot over examples": Loops.sum_of_products,
    **dict.fromkeys(REDUCTIONS, Loops.long),
    "concatenate": Loops.concatenation,
}
KNOWN = {*FORMS, *REDUCTIONS, "concatenate", "vdot", "total", *VIEWS}
