"""The intermediate representation of a generated function: operations in order, each of which computes one value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

from sympy import S, Symbol

from symbackprop.expressions.aliases import Expression, Scalar, Shape, Size
from symbackprop.expressions.matrices import NamedMatrix
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import Equation


@dataclass(eq=False)
class Value:
    """An argument or the result of an operation: an array, or a number if the shape is ()."""

    symbol: Expression  # its name in expressions: a NamedMatrix or a Symbol
    name: str = ""  # its name in the generated code

    @property
    def shape(self) -> Shape:
        """The symbolic shape; () for a number."""
        return shape_of(self.symbol)

    def __repr__(self) -> str:
        return self.name or str(self.symbol)


@dataclass(frozen=True)
class Constant:
    """A number that is the same in every call."""

    number: Scalar
    shape = ()

    def __repr__(self) -> str:
        return str(self.number)


@dataclass(frozen=True)
class NumPyFunction:
    """The NumPy code of a function that an operation applies, and its properties."""

    code: str  # {0}, {1}: the arguments; {out}: the array to write into, or None for a new one
    entrywise: bool = False  # the result may overwrite an argument
    is_view: bool = False  # the result shares the memory of the first argument
    joined: int | None = None  # the arguments from here on are one list with commas

    @property
    def takes_out(self) -> bool:
        """True if the code accepts an `out` array."""
        return "{out}" in self.code


def _ufunc(name: str, arguments: int = 1) -> NumPyFunction:
    return NumPyFunction(f"np.{name}({', '.join(f'{{{k}}}' for k in range(arguments))}, {{out}})", entrywise=True)


# fmt: off
NUMPY_FUNCTIONS: dict[str, NumPyFunction] = {
    **{name: _ufunc(name) for name in (
        "negative", "positive", "exp", "log", "log1p", "expm1", "tanh", "sqrt", "square", "reciprocal", "absolute",
        "sign", "sin", "cos", "tan", "cosh", "sinh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh")},
    **{name: _ufunc(name, 2) for name in (
        "add", "subtract", "multiply", "divide", "power", "heaviside")},
    **{name: NumPyFunction(f"np.{name}({{0}}, {{1}}, out={{out}})", entrywise=True) for name in ("maximum", "minimum")},
    "sigmoid":     NumPyFunction("_sigmoid({0}, {1}, {out})", entrywise=True),
    "dot":         NumPyFunction("{0}.dot({1}, {out})"),
    "sum":         NumPyFunction("np.add.reduce({0}, {1}, None, {out}, True)"),
    "max":         NumPyFunction("np.maximum.reduce({0}, {1}, None, {out}, True)"),
    "concatenate": NumPyFunction("np.concatenate(({1}), {0}, {out})", joined=1),
    "transpose":   NumPyFunction("{0}.T", is_view=True),
    "rows":        NumPyFunction("{0}[{1}:{2}]", is_view=True),
    "columns":     NumPyFunction("{0}[:, {1}:{2}]", is_view=True),
    "broadcast":   NumPyFunction("np.broadcast_to({0}, ({1}, {2}))", is_view=True),
    "vdot":        NumPyFunction("np.vdot({0}, {1})"),
    # of arrays with any number of axes
    "einsum":      NumPyFunction('np.einsum("{0}", {1}, optimize=True)', joined=1),
    "matmul":      NumPyFunction("np.matmul({0}, {1}, {out})"),
    "vector":      NumPyFunction("{0}.dot({1})"),
    "permute":     NumPyFunction("{0}.transpose({1})", is_view=True, joined=1),
    "reshape":     NumPyFunction("{0}.reshape({1})", is_view=True, joined=1),
    "repeat":      NumPyFunction("np.broadcast_to({0}, ({1},))", is_view=True, joined=1),
    "windows":     NumPyFunction("np.lib.stride_tricks.sliding_window_view({0}, {1}, {2})", is_view=True),
    "part":        NumPyFunction("{0}[{1}{2}:{3}]", is_view=True),
    "strided":     NumPyFunction("{0}[{1}{2}:{3}:{4}]", is_view=True),
    "overlap_add": NumPyFunction("_overlap_add({0}, {1}, ({2},))", joined=2),
    "put_apart":   NumPyFunction("_put_apart({0}, {1}, {2}, {3}, ({4},))", joined=4),
    "total":       NumPyFunction("{0}.sum()"),
    "number":      NumPyFunction("np.asarray({0})[()]"),  # a number of NumPy, also where it was one of Python
    "code":        NumPyFunction("{expression}"),
}
# fmt: on


@dataclass(eq=False)
class ArrayOperation:
    """`result = function(*arguments)`; `note` is the result as an expression, for the comment."""

    result: Value
    function: str  # a key of NUMPY_FUNCTIONS
    arguments: tuple["Argument", ...]
    note: Expression | None = None
    expression: Expression | None = None  # of the function "code": printed as it is, in the symbols of the values
    equation: Equation | None = None  # of the derivation, if it names the result …
    coefficient: Scalar = S.One  # … or the result times this factor

    @property
    def kind(self) -> NumPyFunction:
        """The NumPy code and the properties of the function."""
        return NUMPY_FUNCTIONS[self.function]

    @property
    def is_inline(self) -> bool:
        """True if the code, such as a transpose or a slice, has no line of its own but is written where it is used."""
        return self.function in ("transpose", "rows", "columns")

    @property
    def values(self) -> list[Value]:
        """The arguments that are values."""
        return [argument for argument in self.arguments if isinstance(argument, Value)]

    def __repr__(self) -> str:
        return f"{self.result} = {self.function}({', '.join(map(str, self.arguments))})"


Argument: TypeAlias = Value | Constant | Size | int | str  # of an operation: values, constants, sizes, axes, code


@dataclass
class Program:
    """The operations that compute `results` from `arguments`.

    >>> import symbackprop as sb
    >>> from symbackprop.codegen.lowering import program
    >>> home = program(sb.derive(sb.home_network()).tape, ["J", "dJdW1", "dJdW2"])
    >>> home.count("dot"), home.count("exp", "sigmoid")
    (5, 2)
    """

    arguments: tuple[Value, ...]
    operations: list[ArrayOperation]
    results: tuple[Value, ...]

    def count(self, *functions: str) -> int:
        """Return the number of operations that apply one of these functions."""
        return sum(operation.function in functions for operation in self.operations)

    def inputs_of(self, operations: list[ArrayOperation]) -> list[Value]:
        """Return the values that these operations use and that none of them computes."""
        makers = {operation.result: operation for operation in self.operations}

        def root(value: Value) -> Value:
            return root(makers[value].values[0]) if value in makers and makers[value].is_inline else value

        computed = {operation.result for operation in operations}
        roots = dict.fromkeys(root(value) for operation in operations for value in operation.values)
        return [value for value in roots if value not in computed]

    def without_unneeded(self) -> "Program":
        """Return the program without operations that no result needs."""
        needed = set(map(id, self.results))
        kept = []
        for operation in reversed(self.operations):
            if id(operation.result) in needed:
                needed |= set(map(id, operation.values))
                kept.append(operation)
        return Program(self.arguments, kept[::-1], self.results)


class Builder:
    """A program under construction; equal operations are shared."""

    def __init__(self, arguments: Iterable[Expression]):
        self.arguments = tuple(Value(symbol, str(symbol.name)) for symbol in arguments)
        self.operations: list[ArrayOperation] = []
        self.makers: dict[Value, ArrayOperation] = {}
        self._known: dict[tuple[object, ...], Value] = {}
        self._named: dict[str, Value] = {value.name: value for value in self.arguments}

    def make(
        self,
        function: str,
        *arguments: Argument,
        shape: Shape | None = None,
        note: Expression | None = None,
        new: bool = False,
        code: Expression | None = None,
    ) -> Value:
        """Return the value of a function of arguments; with `new`, it is a new operation with its own memory."""
        key = (function, arguments, code)
        if new or key not in self._known:
            shape = _common_shape(arguments) if shape is None else tuple(shape)
            name = f"value {len(self.operations)}"
            result = Value(NamedMatrix(name, *shape) if shape else Symbol(name, real=True))
            operation = ArrayOperation(result, function, arguments, note, code)
            self.operations.append(operation)
            self._named[name] = result
            self.makers[result] = operation
            if new:
                return result
            self._known[key] = result
        return self._known[key]

    def code(self, expression: Expression, shape: Shape, note: Expression | None = None) -> Value:
        """Return the value of an expression in the symbols of values; it is printed as one piece of code."""
        names = sorted({s.name for s in expression.free_symbols} & self._named.keys())
        return self.make("code", *(self._named[name] for name in names), shape=shape, note=note, code=expression)

    def number(self, scalar: Scalar) -> Value | Constant:
        """Return a scalar expression as one argument of an operation."""
        if scalar.is_number:
            return Constant(scalar)
        if scalar.is_Symbol and scalar.name in self._named:
            return self._named[scalar.name]
        return self.code(scalar, (), scalar)

    def quotient(self, products: Mapping[bool, Value], note: Expression) -> Value:
        """Return products[False] / products[True], numerator over denominator; one of them may be missing."""
        if True not in products:
            return products[False]
        if False not in products:
            return self.make("reciprocal", products[True], note=note)
        return self.make("divide", products[False], products[True], note=note)

    def times(self, coefficient: Scalar, value: Value, note: Expression | None = None) -> Value:
        """Return the product of a scalar coefficient and a value as one array."""
        if coefficient == 1:
            return value
        if coefficient == -1:
            return self.make("negative", value, note=note)
        return self.make("multiply", value, self.number(coefficient), note=note)


def _common_shape(arguments: Iterable[Any]) -> Shape:
    """Return the shape to which NumPy broadcasts the values and constants among the arguments."""
    shapes = [argument.shape for argument in arguments if argument.shape]
    from_the_right = zip_longest(*(reversed(shape) for shape in shapes), fillvalue=S.One)
    return tuple(next((size for size in sizes if size != 1), S.One) for sizes in from_the_right)[::-1]


class FreshNames:
    """A source of names for the generated code that are not taken yet."""

    def __init__(self, taken: Iterable[str]):
        self.taken = set(taken)
        self.last: dict[str, int] = {}

    def fresh(self, stem: str) -> str:
        """Return the next free name of t1, t2, … for the stem t."""
        while True:
            self.last[stem] = self.last.get(stem, 0) + 1
            name = f"{stem}{self.last[stem]}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def unique(self, name: str) -> str:
        """Return the name itself if it is free, else a fresh name with this stem."""
        if name in self.taken:
            return self.fresh(name)
        self.taken.add(name)
        return name
