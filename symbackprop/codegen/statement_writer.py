"""Operations as lines of Python with comments."""

from collections.abc import Mapping

from sympy import S, Symbol

from symbackprop.codegen.buffers import Buffers
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.program import Argument, ArrayOperation, Constant, FreshNames, Program, Value
from symbackprop.codegen.templates import commented
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import NamedMatrix
from symbackprop.printing.text import Text

_WORDS = {S.One: "one", S(2): "two", S.Half: "half"}


def name_values(program: Program, names: FreshNames) -> None:
    """Name each value that has its own line by its equation, or else t1, t2, …"""
    for operation in program.operations:
        if not operation.is_inline:
            operation.result.name = _name(operation, names)


def _name(operation: ArrayOperation, names: FreshNames) -> str:
    if operation.equation is None:
        return names.fresh("t")
    name = str(operation.equation.name)
    return name if operation.coefficient == 1 else names.unique(f"{name}_unscaled")


class StatementWriter:
    """A writer of the lines of a program, which records the sizes and constants that they use."""

    def __init__(
        self,
        program: Program,
        buffers: Buffers,
        printer: NumPySource,
        names: FreshNames,
        *,
        text: Text,
        partials: Mapping[str, Expression],
    ):
        self.makers = {operation.result: operation for operation in program.operations}
        self.values = {value.symbol.name: value for value in self.makers}
        self.printer = printer
        self.names = names
        self.text = text  # of comments, in the notation of the derivation
        self.partials = partials  # ∂J/∂v by the name of each adjoint or gradient
        self.constants: dict[Constant, str] | None = None  # names of arguments; if None, numbers are literals
        self.buffers = buffers
        for buffer in buffers.buffers:
            buffer.name = names.fresh("buffer")

    def lines(self, operations: list[ArrayOperation]) -> list[str]:
        """Return a line for each operation that is not written inside another one."""
        return [
            commented(f"{operation.result.name} = {self.code(operation)}", self.comment(operation))
            for operation in operations
            if not operation.is_inline
        ]

    def code(self, operation: ArrayOperation) -> str:
        """Return the code of an operation."""
        if operation.function == "code":
            return self.printer.doprint(self.renamed(operation.expression))
        arguments = [self.argument(argument) for argument in operation.arguments]
        first = operation.kind.joined
        if first is not None:
            arguments = [*arguments[:first], ", ".join(arguments[first:])]
        return operation.kind.code.format(*arguments, out=self.out(operation.result))

    def argument(self, argument: Argument) -> str:
        """Return the code of an argument."""
        if isinstance(argument, Value):
            return argument.name or self.code(self.makers[argument])
        if isinstance(argument, Constant):
            return self.constant(argument)
        return str(argument) if isinstance(argument, int | str) else self.printer.doprint(argument)

    def constant(self, constant: Constant) -> str:
        """Return a number as a literal, or the name of a 0-d array that holds it, which NumPy reads faster."""
        if self.constants is None:
            return repr(float(constant.number))
        if constant not in self.constants:
            word = _WORDS.get(constant.number)
            self.constants[constant] = self.names.fresh("c") if word is None else self.names.unique(word)
        return self.constants[constant]

    def out(self, result: Value) -> str:
        """Return the code of the array that a result is written into, or `None` for a new one."""
        place = self.buffers.places.get(result)
        return "None" if place is None else place.name

    def renamed(self, expression: Expression) -> Expression:
        """Return an expression with the names of values in place of their symbols."""
        found = {}
        for symbol in expression.free_symbols:
            value = self.values.get(symbol.name)
            if value is not None:
                name = self.argument(value)
                found[symbol] = NamedMatrix(name, *symbol.shape) if symbol.is_Matrix else Symbol(name, real=True)
        return expression.xreplace(found)

    def comment(self, operation: ArrayOperation) -> str:
        """Return the result of an operation in the notation of the derivation, or "" if there is none."""
        if operation.equation is None:
            return "" if operation.note is None else self.text.doprint(self.renamed(operation.note))
        without = ""
        if operation.coefficient != 1:
            without = f", without the factor {self.text.doprint(self.renamed(operation.coefficient))}"
        heading = self.partials.get(operation.equation.name, operation.equation.symbol)
        return f"{self.text.doprint(heading)} = {self.text.doprint(operation.equation.expression)}{without}"
