"""THE elementwise functions, one table. Adding an activation is adding a row.

f is a SymPy expression in the real symbol `z`. f′ is never typed in: SymPy differentiates f. A row may
say besides

- `stable`: f written so that floating point neither overflows nor cancels, where f itself would;
- `prime_of_output`: f′ in terms of a = f(z), in the symbol `a`, so that code reuses a stored activation;
- `kinks`: where f has no derivative, and the value that f′ is given there.

The tests prove each of these equal to what SymPy derives.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Interval, Piecewise, S, Symbol
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.symbol import Str

from symbackprop.errors import NetworkError, SymbackpropError, nearest
from symbackprop.maps import Elementwise
from symbackprop.nodes import operand
from symbackprop.shapes import is_matrix

z = Symbol("z", real=True)
a = Symbol("a", real=True)


@dataclass(frozen=True)
class Row:
    """One elementwise function."""

    name: str
    f: Expr
    latex: str
    stable: Expr | None = None
    prime_of_output: Expr | None = None
    domain: sympy.Set = field(default=S.Reals)
    kinks: dict[Expr, Expr] = field(default_factory=dict)


# fmt: off
FUNCTIONS: dict[str, Row] = {row.name: row for row in [
    #   name          f                                        LaTeX
    Row("identity",   z,                                       r"\mathrm{id}"),
    Row("sigmoid",    1 / (1 + sympy.exp(-z)),                 r"\sigma",
        prime_of_output=a * (1 - a)),
    Row("tanh",       sympy.tanh(z),                           r"\tanh",
        prime_of_output=1 - a**2),
    Row("relu",       Piecewise((0, z <= 0), (z, True)),       r"\mathrm{relu}",
        stable=sympy.Max(z, 0), kinks={S.Zero: S.Zero}),
    Row("leaky_relu", Piecewise((z / 100, z <= 0), (z, True)), r"\mathrm{lrelu}",
        stable=sympy.Max(z, z / 100), kinks={S.Zero: S.One / 100}),
    Row("softplus",   sympy.log(1 + sympy.exp(z)),             r"\mathrm{softplus}",
        stable=sympy.Max(z, 0) + log1p(sympy.exp(-sympy.Abs(z))), prime_of_output=-expm1(-a)),
    Row("exp",        sympy.exp(z),                            r"\exp",
        prime_of_output=a),
    Row("log",        sympy.log(z),                            r"\log",
        domain=Interval.open(0, sympy.oo)),
    Row("absolute",   Piecewise((-z, z < 0), (z, True)),       r"\mathrm{abs}",
        stable=sympy.Abs(z), kinks={S.Zero: S.One}),
]}
# fmt: on


class ElementwiseFunction(Basic):
    """A row of the table, or one of its derivatives: call it on a matrix or on a scalar.

    >>> from symbackprop.functions import FUNCTION
    >>> FUNCTION["sigmoid"].prime.expression
    exp(-z)/(1 + exp(-z))**2
    """

    def __new__(cls, name: str, order: Any = 0) -> "ElementwiseFunction":
        return Basic.__new__(cls, Str(str(name)), Integer(order))

    @property
    def name(self) -> str:
        return str(self.args[0])

    @property
    def order(self) -> int:
        """0 for f, 1 for f′, …"""
        return int(self.args[1])

    @property
    def row(self) -> Row:
        return FUNCTIONS[self.name]

    @property
    def prime(self) -> "ElementwiseFunction":
        """The derivative f′."""
        return ElementwiseFunction(self.name, self.order + 1)

    @property
    def undifferentiated(self) -> "ElementwiseFunction":
        """f of f′."""
        return ElementwiseFunction(self.name)

    @property
    def syntax(self) -> str:
        """As people type it: `sigmoid`, `sigmoid.prime`."""
        return self.name + ".prime" * self.order

    @property
    def expression(self) -> Expr:
        """f(z), or its derivative by SymPy, in the symbol z."""
        return _derivative(self.name, self.order)

    @property
    def code_expression(self) -> Expr:
        """The form that floating point code should compute."""
        return self.row.stable if self.order == 0 and self.row.stable is not None else self.expression

    def at(self, argument: Expr) -> Expr:
        """f of a scalar, written out."""
        return self.expression.xreplace({z: argument})

    def __call__(self, argument: Any) -> Any:
        given = operand(argument)
        if is_matrix(given):
            return Elementwise(self, given)
        if given.is_number or self.syntax in ("exp", "log"):
            return self.at(given)
        raise NetworkError(f"sb.{self.syntax} works on each entry of a matrix, but {given} is a scalar")


@cache
def _derivative(name: str, order: int) -> Expr:
    return FUNCTIONS[name].f if order == 0 else _derivative(name, order - 1).diff(z)


FUNCTION = {name: ElementwiseFunction(name) for name in FUNCTIONS}


def function_named(name: object) -> ElementwiseFunction:
    """The elementwise function of that name; an unknown one is refused with the nearest known."""
    if isinstance(name, ElementwiseFunction):
        return name
    if not isinstance(name, str) or name not in FUNCTION:
        if name == "softmax":
            raise SymbackpropError(
                "softmax mixes the entries of a row; use cost='softmax_cross_entropy', or sb.softmax"
            )
        raise SymbackpropError(f"unknown activation {name!r}: {nearest(name, FUNCTION)}")
    return FUNCTION[str(name)]


def __getattr__(name: str) -> ElementwiseFunction:
    """Each row of the table is a name of this module: `functions.sigmoid`."""
    if name not in FUNCTION:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return FUNCTION[name]
