"""Operations → lines of Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import S, Symbol

from symbackprop.codegen.buffers import Buffer, Buffers, Given
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.program import Constant, Names, Operation, Program, Value
from symbackprop.codegen.templates import commented
from symbackprop.expressions.matrices import NamedMatrix
from symbackprop.network.network import Equation
from symbackprop.printing.text import Text

_WORDS = {S.One: "one", S(2): "two", S.Half: "half"}


def name_values(program: Program, names: Names) -> None:
    """Names for all values that have a line of their own: that of their equation, or t1, t2, …"""
    for operation in program.operations:
        if not operation.is_inline:
            operation.result.name = _name(operation, names)


def _name(operation: Operation, names: Names) -> str:
    if operation.equation is None:
        return names.fresh("t")
    name = str(operation.equation.name)
    return name if operation.coefficient == 1 else names.unique(f"{name}_unscaled")


@dataclass(frozen=True)
class Words:
    """How comments say things: as text, and what the derivation calls an adjoint or a gradient."""

    text: Text
    partials: Mapping[str, Any]

    def of_equation(self, equation: Equation) -> str:
        heading = self.text.doprint(self.partials.get(equation.name, equation.symbol))
        return f"{heading} = {self.text.doprint(equation.expression)}"


class Statements:
    """Lines for operations of a program; it notes which sizes, constants and helpers they use."""

    def __init__(
        self,
        program: Program,
        buffers: Buffers,
        printer: NumPySource,
        words: "Words",
        names: Names,
    ):
        self.makers = {operation.result: operation for operation in program.operations}
        self.values = {value.symbol.name: value for value in self.makers}
        self.printer = printer
        self.words = words
        self.names = names
        self.constants: dict[Constant, str] | None = None  # those that have become arguments
        self.buffers = buffers
        self.buffer_names = {buffer: names.fresh("buffer") for buffer in buffers.buffers}
        self.helpers: set[str] = set()

    def lines(self, operations: list[Operation]) -> list[str]:
        return [self.line(operation) for operation in operations if not operation.is_inline]

    def line(self, operation: Operation) -> str:
        code = f"{operation.result.name} = {self.code(operation)}"
        return commented(code, self.comment(operation))

    def code(self, operation: Operation) -> str:
        if operation.function == "code":
            return self.printer.doprint(self.renamed(operation.expression))
        if operation.function == "sigmoid":
            self.helpers.add("sigmoid")
        arguments = [self.argument(argument) for argument in operation.arguments]
        if operation.function == "concatenate":
            arguments = [arguments[0], ", ".join(arguments[1:])]
        return operation.kind.code.format(*arguments, out=self.out(operation.result))

    def argument(self, argument: Any) -> str:
        if isinstance(argument, Value):
            return argument.name or self.code(self.makers[argument])
        if isinstance(argument, Constant):
            return self.constant(argument)
        return str(argument) if isinstance(argument, int) else self.printer.doprint(argument)

    def constant(self, constant: Constant) -> str:
        """A number as Python writes it, or as an array of no axes, which NumPy takes in half the time."""
        if self.constants is None:
            return repr(float(constant.number))
        if constant not in self.constants:
            word = _WORDS.get(constant.number)
            self.constants[constant] = self.names.fresh("c") if word is None else self.names.unique(word)
        return self.constants[constant]

    def out(self, result: Value) -> str:
        place = self.buffers.places.get(result)
        if isinstance(place, Given):
            return place.result.name
        if isinstance(place, Buffer):
            return self.buffer_names[place]
        return "None" if place is None else place.name

    def renamed(self, expression: Any) -> Any:
        """An expression in symbols of values, in their names."""
        found = {}
        for symbol in expression.free_symbols:
            value = self.values.get(symbol.name)
            if value is not None:
                name = self.argument(value)
                found[symbol] = NamedMatrix(name, *symbol.shape) if symbol.is_Matrix else Symbol(name, real=True)
        return expression.xreplace(found)

    def comment(self, operation: Operation) -> str:
        """What a line computes, in the words of the derivation."""
        if operation.equation is None:
            return "" if operation.note is None else self.words.text.doprint(self.renamed(operation.note))
        without = ""
        if operation.coefficient != 1:
            without = f", without the factor {self.words.text.doprint(self.renamed(operation.coefficient))}"
        return self.words.of_equation(operation.equation) + without
