"""Operations on arrays that compute a function of one number z at every entry."""

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias

import sympy
from sympy import S, Symbol
from sympy.codegen.cfunctions import expm1, log1p

from symbackprop.codegen.program import Argument, Builder, Constant, Value
from symbackprop.expressions.aliases import Scalar
from symbackprop.expressions.functions import a, z

Factored: TypeAlias = tuple[Scalar, Any]  # a number times a Value, or a number alone and None

_UFUNCS: dict[type[Scalar], str] = {
    sympy.exp: "exp", sympy.log: "log", log1p: "log1p", expm1: "expm1", sympy.tanh: "tanh", sympy.cosh: "cosh",
    sympy.sinh: "sinh", sympy.sin: "sin", sympy.cos: "cos", sympy.sign: "sign", sympy.Abs: "absolute",
    sympy.tan: "tan", sympy.asin: "arcsin", sympy.acos: "arccos", sympy.atan: "arctan", sympy.asinh: "arcsinh",
    sympy.acosh: "arccosh", sympy.atanh: "arctanh",
}  # fmt: skip
MOST_PRODUCTS = 8  # xⁿ is a product up to here, and a power beyond


def entrywise(build: Builder, expression: Scalar, argument: Value) -> Factored:
    """Add the operations that compute an expression in z (or in a) at every entry of an array; return factor and array.

    >>> import sympy
    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> build = Builder([NamedMatrix("Z", 5, 3)])
    >>> entrywise(build, 2 * sympy.tanh(z) ** 2, build.arguments[0])[0]
    2
    >>> build.operations
    [value 0 = tanh(Z), value 1 = square(value 0)]
    """
    return _Entrywise(build, argument).factored(expression)


class _Entrywise:
    def __init__(self, build: Builder, argument: Value):
        self.build = build
        self.argument = argument
        self.symbol = Symbol(argument.symbol.name, real=True)

    def factored(self, expression: Scalar) -> Factored:
        if expression.is_number:
            return expression, None
        if expression in (z, a):
            return S.One, self.argument
        if type(expression) in _UFUNCS:
            return S.One, self.make(_UFUNCS[type(expression)], expression, self.array(expression.args[0]))
        return _LOWERINGS.get(type(expression), _Entrywise.as_code)(self, expression)

    def make(self, function: str, expression: Scalar, *arguments: Argument) -> Value:
        return self.build.make(function, *arguments, note=self.named(expression))

    def named(self, expression: Scalar) -> Scalar:
        return expression.xreplace({z: self.symbol, a: self.symbol})

    def array(self, expression: Scalar) -> Value:
        coefficient, value = self.factored(expression)
        return self.build.times(coefficient, value, self.named(expression))

    def operand(self, expression: Scalar) -> Value | Constant:
        return Constant(expression) if expression.is_number else self.array(expression)

    def as_code(self, expression: Scalar) -> Factored:
        """Return one piece of code, with an array as argument, for an expression that no NumPy function computes."""
        inner = expression.args[0] if len(expression.args) == 1 else z
        value = self.array(inner)
        code = expression.xreplace({inner: Symbol(value.symbol.name, real=True)})
        return S.One, self.build.code(code, value.shape, self.named(expression))

    def sum(self, expression: sympy.Add) -> Factored:
        constant, rest = expression.as_independent(z, a, as_Add=True)
        terms = [(self.factored(term), term) for term in sympy.Add.make_args(rest)]
        terms.sort(key=lambda term: term[0][0] != 1)  # to start without a factor
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

    def product(self, expression: sympy.Mul) -> Factored:
        coefficient, rest = expression.as_independent(z, a, as_Add=False)
        products: dict[bool, Value] = {}  # the denominator (True) and the numerator (False)
        for factor in sympy.Mul.make_args(rest):
            value, below = self.factor(factor)
            products[below] = self.make("multiply", rest, products[below], value) if below in products else value
        return coefficient, self.build.quotient(products, self.named(rest))

    def factor(self, factor: Scalar) -> tuple[Value, bool]:
        """Return a factor as an array, and True if the array is a divisor, as for 1/(1 + exp(u)) = σ(-u)."""
        if not isinstance(factor, sympy.Pow):
            return self.array(factor), False
        base, exponent = factor.args
        rest = base - 1
        if isinstance(base, sympy.Add) and isinstance(rest, sympy.exp) and exponent.is_Integer and exponent.is_negative:
            sigmoid = self.make("sigmoid", 1 / base, self.array(-rest.args[0]), Constant(S.One))
            return self.power(sigmoid, -exponent, factor), False
        below = bool(exponent.is_negative)
        return self.power(self.array(base), abs(exponent), base ** abs(exponent)), below

    def power(self, value: Value, exponent: Scalar, expression: Scalar) -> Value:
        if exponent == 1:
            return value
        if exponent == S.Half:
            return self.make("sqrt", expression, value)
        if not exponent.is_Integer or exponent > MOST_PRODUCTS:
            return self.make("power", expression, value, Constant(exponent))
        square = self.make("square", expression, value)
        half = self.power(square, exponent // 2, expression)
        return self.make("multiply", expression, half, value) if exponent % 2 else half

    def in_pairs(self, function: str, expression: sympy.Max | sympy.Min) -> Factored:
        """Return a maximum or minimum by pairs, numbers last, because NumPy returns the second of equal operands."""
        operands: list[Any] = [self.operand(part) for part in sorted(expression.args, key=lambda part: part.is_number)]
        return S.One, reduce(lambda one, other: self.make(function, expression, one, other), operands)

    def step(self, expression: sympy.Heaviside) -> Factored:
        argument, at_zero = expression.args
        return S.One, self.make("heaviside", expression, self.array(argument), Constant(at_zero))

    def pieces(self, expression: sympy.Piecewise) -> Factored:
        step = as_step(expression)
        return self.as_code(expression) if step is expression else self.factored(step)


def as_step(expression: Scalar) -> Scalar:
    """Return two constant pieces that meet at 0 as one Heaviside step function, which keeps the dtype, and NaN."""
    if not isinstance(expression, sympy.Piecewise) or len(expression.args) != 2:
        return expression
    (low, condition), (high, _) = expression.args
    if not (low.is_number and high.is_number and condition.rhs == 0):
        return expression
    at_zero = 0 if isinstance(condition, sympy.Le) else 1
    return low + (high - low) * sympy.Heaviside(condition.lhs, at_zero)


_LOWERINGS: dict[type[Scalar], Callable[[_Entrywise, Scalar], Factored]] = {
    sympy.Add: _Entrywise.sum,
    sympy.Mul: _Entrywise.product,
    sympy.Pow: _Entrywise.product,
    sympy.Max: lambda lowering, expression: lowering.in_pairs("maximum", expression),
    sympy.Min: lambda lowering, expression: lowering.in_pairs("minimum", expression),
    sympy.Heaviside: _Entrywise.step,
    sympy.Piecewise: _Entrywise.pieces,
}
