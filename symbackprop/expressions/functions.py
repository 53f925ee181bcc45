"""The table of all elementwise functions. To add an activation, add a row.

f is a SymPy expression in the real symbol `z`. f′ is never written by hand: SymPy differentiates f. A row may add

- `stable`: f written so that floating point neither overflows nor cancels, where `stable_forms.py` finds no form;
- `prime`: the row that f′ equals, perhaps with a minus sign in front;
- `prime_of_output`: f′ in terms of a = f(z), in the symbol `a`, so that code reuses a stored activation;
- `domain`: the numbers where f is defined, and `range`: the interval of its values;
- `kinks`: the points where f has no derivative, and the value of f′ there.

The tests prove each form of f and of f′ equal to f and to SymPy's derivative.
"""

from dataclasses import dataclass, field
from functools import cache
from math import inf, pi
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Interval, Piecewise, S, Symbol
from sympy.core.symbol import Str
from sympy.printing.precedence import PRECEDENCE

from symbackprop.errors import SymbackpropError, listed, misspelled
from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.constructors import power
from symbackprop.expressions.matrices import operand, scaled
from symbackprop.expressions.operations import Elementwise, FunctionOf
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.stable_forms import in_sigmoid, stable

z = Symbol("z", real=True)
a = Symbol("a", real=True)


@dataclass(frozen=True)
class FunctionRow:
    """One row of the table: an elementwise function."""

    name: str
    f: Expr
    latex: str
    stable: Expr | None = None
    prime: str = ""
    prime_of_output: Expr | None = None
    domain: sympy.Set = field(default=S.Reals)
    range: tuple[float, float] = (-inf, inf)
    kinks: dict[Expr, Expr] = field(default_factory=dict)

    def inside(self, number: Any) -> Any:
        """Return a number of the domain for any real number; on the real line it is the number itself.

        >>> FUNCTIONS["arcsin"].inside(-3.0), FUNCTIONS["log"].inside(-3.0)
        (-0.75, 4.0)
        """
        if self.domain == S.Reals:
            return number
        low, high = self.domain.inf, self.domain.sup
        if high == S.Infinity:
            return abs(number) + 1 + int(low)
        return int(low) + (int(high) - int(low)) * (1 + number / (1 + abs(number))) / 2

    @property
    def elementary(self) -> bool:
        """Return True if the name of the function needs no definition."""
        return self.name in _ELEMENTARY

    @property
    def activation(self) -> bool:
        """True for an activation of layers; False for a function that is only used in formulas, such as log."""
        return self.name not in _IN_FORMULAS


_ELEMENTARY = {
    *("exp", "log", "sqrt", "square", "abs", "sign", "sin", "cos", "tan", "sinh", "cosh", "log1p", "expm1"),
    *("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"),
}
_IN_FORMULAS = _ELEMENTARY | {"softplus", "huber", "erf", "gammaln", "digamma"}
POSITIVE = Interval.open(0, sympy.oo)
_WITHIN_1 = Interval.open(-1, 1)
_RIGHT_ANGLE = pi / 2
_gelu_inner = sympy.sqrt(2 / sympy.pi) * (z + sympy.Rational(44715, 1000000) * z**3)

# fmt: off
FUNCTIONS: dict[str, FunctionRow] = {row.name: row for row in [
    #           name          f                                             LaTeX
    FunctionRow("identity",   z,                                            r"\mathrm{id}"),
    FunctionRow("sigmoid",    1 / (1 + sympy.exp(-z)),                      r"\sigma",
        prime_of_output=a * (1 - a), range=(0, 1)),
    FunctionRow("tanh",       sympy.tanh(z),                                r"\tanh",
        prime_of_output=1 - a**2, range=(-1, 1)),
    FunctionRow("relu",       Piecewise((0, z <= 0), (z, True)),            r"\mathrm{relu}",
        stable=sympy.Max(z, 0), kinks={S.Zero: S.Zero}),
    FunctionRow("leaky_relu", Piecewise((z / 100, z <= 0), (z, True)),      r"\mathrm{lrelu}",
        stable=sympy.Max(z, z / 100), kinks={S.Zero: S.One / 100}),
    FunctionRow("elu",        Piecewise((sympy.exp(z) - 1, z <= 0), (z, True)), r"\mathrm{elu}"),
    FunctionRow("softplus",   sympy.log(1 + sympy.exp(z)),                  r"\mathrm{softplus}",
        prime="sigmoid", range=(0, inf)),
    FunctionRow("gelu",       z * (1 + sympy.erf(z / sympy.sqrt(2))) / 2,   r"\mathrm{gelu}"),
    FunctionRow("gelu_tanh",  z * (1 + sympy.tanh(_gelu_inner)) / 2,        r"\mathrm{gelu}_{\tanh}"),
    FunctionRow("silu",       z / (1 + sympy.exp(-z)),                      r"\mathrm{silu}"),
    FunctionRow("exp",        sympy.exp(z),                                 r"\exp",     prime="exp", range=(0, inf)),
    FunctionRow("log",        sympy.log(z),                                 r"\log",     domain=POSITIVE),
    FunctionRow("sqrt",       sympy.sqrt(z),                                r"\mathrm{sqrt}",
        domain=POSITIVE, range=(0, inf)),
    FunctionRow("square",     z**2,                                         r"\mathrm{square}", range=(0, inf)),
    FunctionRow("abs",        Piecewise((-z, z < 0), (0, sympy.Eq(z, 0)), (z, True)), r"\mathrm{abs}",
        stable=sympy.Abs(z), prime="sign", range=(0, inf), kinks={S.Zero: S.Zero}),
    FunctionRow("huber",      Piecewise((-z - S.Half, z < -1), (z**2 / 2, z <= 1), (z - S.Half, True)),
        r"\mathrm{huber}", range=(0, inf)),
    FunctionRow("sign",       Piecewise((-1, z < 0), (0, sympy.Eq(z, 0)), (1, True)), r"\operatorname{sign}",
        stable=sympy.sign(z), range=(-1, 1), kinks={S.Zero: S.Zero}),
    FunctionRow("sin",        sympy.sin(z),                                 r"\sin",     prime="cos", range=(-1, 1)),
    FunctionRow("cos",        sympy.cos(z),                                 r"\cos",     prime="-sin", range=(-1, 1)),
    FunctionRow("erf",        sympy.erf(z),                                 r"\operatorname{erf}", range=(-1, 1)),
    FunctionRow("gammaln",    sympy.loggamma(z),                            r"\operatorname{gammaln}",
        domain=POSITIVE, prime="digamma"),
    FunctionRow("digamma",    sympy.polygamma(0, z),                        r"\psi",     domain=POSITIVE),
    FunctionRow("log1p",      sympy.log(1 + z),                             r"\operatorname{log1p}",
        domain=Interval.open(-1, sympy.oo)),
    FunctionRow("expm1",      sympy.exp(z) - 1,                             r"\operatorname{expm1}",
        prime="exp", range=(-1, inf)),
    FunctionRow("sinh",       sympy.sinh(z),                                r"\sinh",    prime="cosh"),
    FunctionRow("cosh",       sympy.cosh(z),                                r"\cosh",    prime="sinh", range=(1, inf)),
    FunctionRow("tan",        sympy.tan(z),                                 r"\tan",     prime_of_output=1 + a**2),
    FunctionRow("arcsin",     sympy.asin(z),                                r"\arcsin",
        domain=_WITHIN_1, range=(-_RIGHT_ANGLE, _RIGHT_ANGLE)),
    FunctionRow("arccos",     sympy.acos(z),                                r"\arccos",
        domain=_WITHIN_1, range=(0, pi)),
    FunctionRow("arctan",     sympy.atan(z),                                r"\arctan",
        range=(-_RIGHT_ANGLE, _RIGHT_ANGLE)),
    FunctionRow("arcsinh",    sympy.asinh(z),                               r"\operatorname{arsinh}"),
    FunctionRow("arccosh",    sympy.acosh(z),                               r"\operatorname{arcosh}",
        domain=Interval.open(1, sympy.oo), range=(0, inf)),
    FunctionRow("arctanh",    sympy.atanh(z),                               r"\operatorname{artanh}", domain=_WITHIN_1),
]}
# fmt: on
ALIASES = {"absolute": "abs"}
_ALSO_CALLED = {"linear": "identity", "swish": "silu", "logistic": "sigmoid", "hard_tanh": "a function to sb.register"}


class ElementwiseFunction(Basic):
    """A row of the table, or one of its derivatives: call it on a matrix or on a scalar.

    >>> from symbackprop.expressions.functions import FUNCTION
    >>> FUNCTION["sigmoid"].prime.expression
    exp(-z)/(1 + exp(-z))**2
    """

    def __new__(cls, name: str, order: int | Integer = 0) -> "ElementwiseFunction":
        """Create the derivative of this order of the function with this name."""
        return Basic.__new__(cls, Str(str(name)), Integer(order))

    @property
    def name(self) -> str:
        """Return the name of the row."""
        return str(self.args[0])

    @property
    def order(self) -> int:
        """Return the order of the derivative: 0 for f, 1 for f′, …"""
        return int(self.args[1])

    @property
    def row(self) -> FunctionRow:
        """Return the row of the table."""
        return FUNCTIONS[self.name]

    @property
    def prime(self) -> "ElementwiseFunction":
        """Return the derivative f′."""
        return ElementwiseFunction(self.name, self.order + 1)

    @property
    def undifferentiated(self) -> "ElementwiseFunction":
        """Return f, for f or one of its derivatives."""
        return ElementwiseFunction(self.name)

    @property
    def prime_of_output(self) -> Expr | None:
        """Return f′ in terms of a = f(z), for an f′ with such a form; None for any other function."""
        return self.row.prime_of_output if self.order == 1 else None

    @property
    def syntax(self) -> str:
        """Return the name as users type it: `sigmoid`, `sigmoid.prime`."""
        return self.name + ".prime" * self.order

    @property
    def expression(self) -> Expr:
        """Return f(z), or its derivative computed by SymPy, in the symbol z."""
        return _derivative(self.name, self.order)

    @property
    def is_step(self) -> bool:
        """Return True if the derivative is 0 everywhere except at jumps, as for sign."""
        return bool(self.prime.expression == 0)

    @property
    def written_out(self) -> tuple[Scalar, Expression] | None:
        """Return (c, n) if f(z) = c zⁿ, (c, g) if f(z) = c g(z) for a g of the table, else None."""
        coefficient, rest = self.expression.as_coeff_Mul()
        base, exponent = rest.as_base_exp()
        if self.expression.is_number:
            return self.expression, S.Zero
        if base == z and exponent.is_Rational:
            return coefficient, exponent
        if self.order == 1 and self.row.prime:
            return (S.NegativeOne if self.row.prime[0] == "-" else S.One), FUNCTION[self.row.prime.lstrip("-")]
        return None

    @property
    def code_expression(self) -> Expr:
        """Return the form of the function that floating-point code should compute."""
        if self.order == 0 and self.row.stable is not None:
            return self.row.stable
        rational = in_sigmoid(self.expression) if self.order > 1 else None
        return _stable(self.expression) if rational is None else rational

    def at(self, argument: Expr) -> Expr:
        """Return f of a scalar, as the expression that defines f."""
        return self.expression.xreplace({z: argument})

    def __call__(self, argument: Expression) -> Expression:
        """Return f of each entry of a matrix, or of a scalar, as a power or another row of the table if f equals it."""
        given = operand(argument)
        if not is_matrix(given) and (given.is_number or self.name in ("exp", "log")):
            return self.at(given)
        known = self.written_out
        if known is None or self.expression == z:
            return Elementwise(self, given) if is_matrix(given) else Applied(self, given)
        coefficient, form = known
        value = form(given) if isinstance(form, ElementwiseFunction) else power(given, form)
        return scaled(coefficient, value) if is_matrix(value) else coefficient * value


class Applied(FunctionOf, Expr):
    """A function of a scalar: `Applied(f, x)`, where f is a row of the table of functions."""

    is_commutative = True
    is_real = True
    precedence = PRECEDENCE["Func"]

    @property
    def operands(self) -> tuple[Scalar, ...]:
        """Return the argument, the only quantity among the SymPy arguments."""
        return (self.args[1],)


@cache
def _derivative(name: str, order: int) -> Expr:
    return FUNCTIONS[name].f if order == 0 else _derivative(name, order - 1).diff(z)


_stable = cache(stable)
FUNCTION = {name: ElementwiseFunction(name) for name in FUNCTIONS}


def function_named(name: object) -> ElementwiseFunction:
    """Return the elementwise function of that name; raise an error that suggests the nearest name if there is none."""
    if isinstance(name, ElementwiseFunction):
        return name
    name = ALIASES.get(name, name) if isinstance(name, str) else name
    if not isinstance(name, str) or name not in FUNCTION:
        if name == "softmax":
            raise SymbackpropError(
                "softmax mixes the entries of a row: it can be output_activation='softmax' of sb.mlp alone; "
                "cost='softmax_cross_entropy' has it in it"
            )
        near = misspelled(str(name), [*FUNCTION, "softmax"])
        hint = f"did you mean {near}?" if near else f"there are {listed(FUNCTION)}"
        hint = f"here it is {_ALSO_CALLED[str(name)]}" if str(name) in _ALSO_CALLED else hint
        raise SymbackpropError(f"unknown activation {name!r:.60}: {hint}")
    return FUNCTION[str(name)]


def __getattr__(name: str) -> ElementwiseFunction:
    """Return a row of the table as an attribute of this module, such as `functions.sigmoid`."""
    known = ALIASES.get(name, name)
    if known not in FUNCTION:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return FUNCTION[known]
