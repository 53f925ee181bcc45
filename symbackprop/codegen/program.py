"""What a generated function computes, as data: operations in order, each making one value from others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, S, Symbol

from symbackprop.expressions.matrices import NamedMatrix
from symbackprop.expressions.shapes import shape_of


@dataclass(eq=False)
class Value:
    """An array, or a number where the shape is (), that a caller gives or an operation makes."""

    symbol: Any  # what expressions call it: a NamedMatrix or a Symbol
    name: str = ""  # what the code calls it

    @property
    def shape(self) -> tuple[Expr, ...]:
        return shape_of(self.symbol)

    def __repr__(self) -> str:
        return self.name or str(self.symbol)


@dataclass(frozen=True)
class Constant:
    """A number that is the same in every call."""

    number: Expr
    shape = ()

    def __repr__(self) -> str:
        return str(self.number)


@dataclass(frozen=True)
class Kind:
    """What an operation does, as NumPy says it."""

    code: str  # {0}, {1}: the arguments; {out}: the array to write into, which may be None for a new one
    entrywise: bool = False  # so that the result may take the place of an argument
    is_view: bool = False  # the result is the memory of the first argument

    @property
    def takes_out(self) -> bool:
        return "{out}" in self.code


def _ufunc(name: str, arguments: int = 1) -> Kind:
    return Kind(f"np.{name}({', '.join(f'{{{k}}}' for k in range(arguments))}, {{out}})", entrywise=True)


# fmt: off
KINDS: dict[str, Kind] = {
    **{name: _ufunc(name) for name in (
        "negative", "positive", "exp", "log", "log1p", "expm1", "tanh", "sqrt", "square", "reciprocal", "absolute",
        "sign", "sin", "cos", "cosh", "sinh")},
    **{name: _ufunc(name, 2) for name in (
        "add", "subtract", "multiply", "divide", "power", "heaviside")},
    **{name: Kind(f"np.{name}({{0}}, {{1}}, out={{out}})", entrywise=True) for name in ("maximum", "minimum")},
    "sigmoid":     Kind("_sigmoid({0}, {1}, {out})", entrywise=True),
    "dot":         Kind("{0}.dot({1}, {out})"),
    "sum":         Kind("np.add.reduce({0}, {1}, None, {out}, True)"),
    "max":         Kind("np.maximum.reduce({0}, {1}, None, {out}, True)"),
    "concatenate": Kind("np.concatenate(({1}), {0}, {out})"),
    "transpose":   Kind("{0}.T", is_view=True),
    "rows":        Kind("{0}[{1}:{2}]", is_view=True),
    "columns":     Kind("{0}[:, {1}:{2}]", is_view=True),
    "broadcast":   Kind("np.broadcast_to({0}, ({1}, {2}))", is_view=True),
    "vdot":        Kind("np.vdot({0}, {1})"),
    "total":       Kind("{0}.sum()"),
    "code":        Kind("{expression}"),
}
# fmt: on


@dataclass(eq=False)
class Operation:
    """`result = function(*arguments)`; `note` is the same in the words of the derivation."""

    result: Value
    function: str
    arguments: tuple[Any, ...]  # values, constants, axes and sizes
    note: Any = None
    expression: Any = None  # of code that stands as it is, in the symbols of the values
    equation: Any = None  # what the result is, where the derivation has a name for it
    coefficient: Any = S.One  # … but for this factor

    @property
    def kind(self) -> Kind:
        return KINDS[self.function]

    @property
    def is_inline(self) -> bool:
        """Whether it is said where it is used: a transpose, a part of an array."""
        return self.function in ("transpose", "rows", "columns")

    @property
    def values(self) -> list[Value]:
        return [argument for argument in self.arguments if isinstance(argument, Value)]

    def __repr__(self) -> str:
        return f"{self.result} = {self.function}({', '.join(map(str, self.arguments))})"


@dataclass
class Program:
    """The operations that make `results` from `arguments`.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> home = program(sb.derive(sb.home_network()).tape, ["J", "dJdW1", "dJdW2"])
    >>> home.count("dot"), home.count("exp", "sigmoid")
    (5, 2)
    """

    arguments: tuple[Value, ...]
    operations: list[Operation]
    results: tuple[Value, ...]

    def count(self, *functions: str) -> int:
        """How many operations of these kinds there are."""
        return sum(operation.function in functions for operation in self.operations)

    def given_to(self, operations: list[Operation]) -> list[Value]:
        """What these operations take that none of them makes."""
        makers = {operation.result: operation for operation in self.operations}

        def root(value: Value) -> Value:
            return root(makers[value].values[0]) if value in makers and makers[value].is_inline else value

        made = {operation.result for operation in operations}
        roots = dict.fromkeys(root(value) for operation in operations for value in operation.values)
        return [value for value in roots if value not in made]

    def without_unneeded(self) -> "Program":
        needed = set(map(id, self.results))
        kept = []
        for operation in reversed(self.operations):
            if id(operation.result) in needed:
                needed |= set(map(id, operation.values))
                kept.append(operation)
        return Program(self.arguments, kept[::-1], self.results)


class Builder:
    """Makes operations, each distinct one once."""

    def __init__(self, arguments: Iterable[Any]):
        self.arguments = tuple(Value(symbol, str(symbol.name)) for symbol in arguments)
        self.operations: list[Operation] = []
        self.makers: dict[Value, Operation] = {}
        self._known: dict[Any, Value] = {}
        self._named: dict[str, Value] = {value.name: value for value in self.arguments}

    def make(
        self, function: str, *arguments: Any, shape: Any = None, note: Any = None, new: bool = False, code: Any = None
    ) -> Value:
        """The value of a function of arguments; `new` is one in memory of its own."""
        key = (function, arguments, code)
        if new or key not in self._known:
            shape = _common_shape(arguments) if shape is None else tuple(shape)
            name = f"value {len(self.operations)}"
            result = Value(NamedMatrix(name, *shape) if shape else Symbol(name, real=True))
            operation = Operation(result, function, arguments, note, code)
            self.operations.append(operation)
            self._named[name] = result
            self.makers[result] = operation
            if new:
                return result
            self._known[key] = result
        return self._known[key]

    def code(self, expression: Any, shape: Any, note: Any = None) -> Value:
        """The value of an expression in symbols of values, which is printed as it stands."""
        names = sorted({s.name for s in expression.free_symbols} & self._named.keys())
        return self.make("code", *(self._named[name] for name in names), shape=shape, note=note, code=expression)

    def number(self, scalar: Any) -> Any:
        """A scalar expression as one argument: a constant, or a value."""
        if scalar.is_number:
            return Constant(scalar)
        if scalar.is_Symbol and scalar.name in self._named:
            return self._named[scalar.name]
        return self.code(scalar, (), scalar)

    def times(self, coefficient: Any, value: Value, note: Any = None) -> Value:
        """coefficient · value as an array."""
        if coefficient == 1:
            return value
        if coefficient == -1:
            return self.make("negative", value, note=note)
        return self.make("multiply", value, self.number(coefficient), note=note)


def _common_shape(arguments: Iterable[Any]) -> tuple[Any, ...]:
    """NumPy's shape of arrays of which some repeat along an axis."""
    shapes = [argument.shape for argument in arguments if argument.shape]
    rows, columns = zip(*shapes, strict=True)
    return tuple(next((size for size in sizes if size != 1), S.One) for sizes in (rows, columns))


class Names:
    """Names for what the derivation does not name, none of them twice."""

    def __init__(self, taken: Iterable[str]):
        self.taken = set(taken)
        self.last: dict[str, int] = {}

    def fresh(self, stem: str) -> str:
        """t1, t2, …"""
        while True:
            self.last[stem] = self.last.get(stem, 0) + 1
            name = f"{stem}{self.last[stem]}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def unique(self, name: str) -> str:
        """The name itself, if it is free."""
        if name in self.taken:
            return self.fresh(name)
        self.taken.add(name)
        return name
