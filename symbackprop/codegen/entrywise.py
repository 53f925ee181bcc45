"""A function of one number z → operations on arrays, z an array."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import sympy
from sympy import (
    Abs,
    Add,
    Expr,
    Heaviside,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    S,
    Symbol,
    cos,
    cosh,
    exp,
    log,
    sign,
    sin,
    sinh,
    tanh,
)
from sympy.codegen.cfunctions import expm1, log1p

from symbackprop.codegen.program import Builder, Constant, Value
from symbackprop.expressions.functions import a, z

Scaled = tuple[Expr, Any]  # a number times an array; the number alone, and None

_UFUNCS: dict[Any, str] = {
    exp: "exp", log: "log", log1p: "log1p", expm1: "expm1", tanh: "tanh", cosh: "cosh", sinh: "sinh",
    sin: "sin", cos: "cos", sign: "sign", Abs: "absolute",
}  # fmt: skip
MOST_PRODUCTS = 8  # xⁿ is a product up to here, and a power beyond


def entrywise(build: Builder, expression: Expr, argument: Value) -> Scaled:
    """The expression in z (or in a) at every entry of an array.

    >>> import sympy
    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> build = Builder([NamedMatrix("Z", 5, 3)])
    >>> entrywise(build, 2 * sympy.tanh(z) ** 2, build.arguments[0])[0]
    2
    >>> build.operations
    [value 0 = tanh(Z), value 1 = square(value 0)]
    """
    return _Entrywise(build, argument).scaled(expression)


class _Entrywise:
    def __init__(self, build: Builder, argument: Value):
        self.build = build
        self.argument = argument
        self.symbol = Symbol(argument.symbol.name, real=True)

    def scaled(self, expression: Any) -> Scaled:
        if expression.is_number:
            return expression, None
        if expression in (z, a):
            return S.One, self.argument
        if type(expression) in _UFUNCS:
            return S.One, self.make(_UFUNCS[type(expression)], expression, self.array(expression.args[0]))
        lower: Callable[[_Entrywise, Any], Scaled] = _LOWERINGS.get(type(expression), _Entrywise.as_it_stands)
        return lower(self, expression)

    def make(self, function: str, expression: Any, *arguments: Any) -> Value:
        return self.build.make(function, *arguments, note=self.named(expression))

    def named(self, expression: Any) -> Any:
        return expression.xreplace({z: self.symbol, a: self.symbol})

    def array(self, expression: Any) -> Value:
        coefficient, value = self.scaled(expression)
        return self.build.times(coefficient, value, self.named(expression))

    def operand(self, expression: Any) -> Value | Constant:
        return Constant(expression) if expression.is_number else self.array(expression)

    def as_it_stands(self, expression: Any) -> Scaled:
        """What NumPy has no function of its own for: code of the array of the argument."""
        inner = expression.args[0] if len(expression.args) == 1 else z
        value = self.array(inner)
        code = expression.xreplace({inner: Symbol(value.symbol.name, real=True)})
        return S.One, self.build.code(code, value.shape, self.named(expression))

    def sum(self, expression: Any) -> Scaled:
        constant, rest = expression.as_independent(z, a, as_Add=True)
        terms = [(self.scaled(term), term) for term in Add.make_args(rest)]
        terms.sort(key=lambda term: term[0][0] != 1)  # one to start from that needs no factor
        (coefficient, value), first = terms.pop(0)
        so_far = first
        if coefficient == -1 and constant != 0 and not terms:
            return S.One, self.make("subtract", expression, Constant(constant), value)
        value = self.build.times(coefficient, value, self.named(first))
        for (factor, other), term in terms:
            so_far += term
            function = "subtract" if factor.could_extract_minus_sign() else "add"
            value = self.make(
                function, so_far, value, self.build.times(abs(factor), other, self.named(abs(factor) * term))
            )
        if constant != 0:
            function = "subtract" if constant.could_extract_minus_sign() else "add"
            value = self.make(function, expression, value, Constant(abs(constant)))
        return S.One, value

    def product(self, expression: Any) -> Scaled:
        coefficient, rest = expression.as_independent(z, a, as_Add=False)
        products: dict[bool, Value] = {}  # what stands below the line, and above it
        for factor in Mul.make_args(rest):
            value, below = self.factor(factor)
            products[below] = self.make("multiply", rest, products[below], value) if below in products else value
        if True not in products:
            return coefficient, products[False]
        if False not in products:
            return coefficient, self.make("reciprocal", rest, products[True])
        return coefficient, self.make("divide", rest, products[False], products[True])

    def factor(self, factor: Any) -> tuple[Value, bool]:
        """A factor as an array, and whether it divides; 1/(1 + exp(u)) is σ(-u)."""
        if not isinstance(factor, Pow):
            return self.array(factor), False
        base, exponent = factor.args
        growing = _one_plus_exp(base)
        if growing is not None and exponent.is_Integer and exponent.is_negative:
            sigmoid = self.make("sigmoid", 1 / base, self.array(-growing), Constant(S.One))
            return self.to_the(sigmoid, -exponent, factor), False
        below = bool(exponent.is_negative)
        return self.to_the(self.array(base), abs(exponent), base ** abs(exponent)), below

    def to_the(self, value: Value, exponent: Any, expression: Any) -> Value:
        if exponent == 1:
            return value
        if exponent == S.Half:
            return self.make("sqrt", expression, value)
        if not exponent.is_Integer or exponent > MOST_PRODUCTS:
            return self.make("power", expression, value, Constant(exponent))
        square = self.make("square", expression, value)
        half = self.to_the(square, exponent // 2, expression)
        return self.make("multiply", expression, half, value) if exponent % 2 else half

    def largest(self, expression: Any) -> Scaled:
        return S.One, self.in_pairs("maximum", expression)

    def smallest(self, expression: Any) -> Scaled:
        return S.One, self.in_pairs("minimum", expression)

    def in_pairs(self, function: str, expression: Any) -> Any:
        """Of two at a time, the numbers last; of equal ones NumPy takes the second."""
        operands = [self.operand(part) for part in sorted(expression.args, key=lambda part: part.is_number)]
        return reduce(lambda one, other: self.make(function, expression, one, other), operands)

    def step(self, expression: Any) -> Scaled:
        argument, at_zero = expression.args
        return S.One, self.make("heaviside", expression, self.array(argument), Constant(at_zero))

    def pieces(self, expression: Any) -> Scaled:
        step = as_step(expression)
        return self.as_it_stands(expression) if step is expression else self.scaled(step)


def as_step(expression: Any) -> Any:
    """Two constant pieces that meet at 0 as one step, which keeps the type of its argument, and NaN."""
    if not isinstance(expression, Piecewise) or len(expression.args) != 2:
        return expression
    (low, condition), (high, _) = expression.args
    if not (low.is_number and high.is_number and condition.rhs == 0):
        return expression
    at_zero = 0 if isinstance(condition, sympy.Le) else 1
    return low + (high - low) * Heaviside(condition.lhs, at_zero)


def _one_plus_exp(base: Any) -> Any:
    """u of 1 + exp(u); None of anything else."""
    rest = base - 1
    return rest.args[0] if isinstance(base, Add) and isinstance(rest, exp) else None


_LOWERINGS: dict[Any, Callable[[_Entrywise, Any], Scaled]] = {
    Add: _Entrywise.sum,
    Mul: _Entrywise.product,
    Pow: _Entrywise.product,
    Max: _Entrywise.largest,
    Min: _Entrywise.smallest,
    Heaviside: _Entrywise.step,
    Piecewise: _Entrywise.pieces,
}
