"""Printing of one expression as LaTeX."""

from collections.abc import Mapping
from typing import ClassVar

from sympy import Basic, S
from sympy.core.symbol import Str
from sympy.printing.latex import LatexPrinter

from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.gathers import Strided
from symbackprop.expressions.matrices import Determinant, Eye, LowerOnes, Ones, Trace, Zeros
from symbackprop.expressions.operations import Total
from symbackprop.expressions.slicing import Slice
from symbackprop.printing.latex_names import PLAIN, NameStyle
from symbackprop.printing.naming import read_name
from symbackprop.printing.notation import (
    ATOM,
    ENTRYWISE,
    POWER,
    PRODUCT,
    SPECIAL,
    divisors,
    is_negative,
    power_of_ten,
    simple_power,
)
from symbackprop.printing.styles import Textbook


class Latex(Textbook, LatexPrinter):
    """A printer of the notation of backpropagation: ⊙, ᵀ, f′, layer numbers as superscripts."""

    entrywise = r" \odot "
    quotients_are_fractions = True
    each_entry = r"\odot "
    forms: ClassVar[dict[type, str]] = {
        Trace: r"\operatorname{tr}\!\left(%s\right)",
        Determinant: r"\det\!\left(%s\right)",
        Ones: r"\mathbf{1}_{%s}",
        Zeros: r"\mathbf{0}_{%s}",
        LowerOnes: r"\operatorname{tril}\!\left(%s\right)",
        Eye: r"\mathbf{I}",
    }

    def __init__(self, function_names: Mapping[str, str] | None = None, style: NameStyle = PLAIN):
        super().__init__({"mat_symbol_style": "plain", "mul_symbol": None})
        self._function_names = dict(function_names or {})
        self.style = style
        self.transposed, self.inverse_transposed = style.transposed, f"-{style.transposed}"
        self.names: dict[str, str] = {}  # what was printed for each name

    def function_name(self, function: ElementwiseFunction) -> str:
        """Return the name of a function, with its primes."""
        return self._function_names.get(function.name, function.row.latex) + "'" * function.order

    def of_z(self, function: ElementwiseFunction) -> str:
        """Return the LaTeX of f(z)."""
        return rf"{self.function_name(function)}\!\left(z\right)"

    def wrap(self, inner: str) -> str:
        """Return a formula in brackets."""
        return rf"\left({inner}\right)"

    def coefficient(self, scalar: Scalar) -> str:
        """Return a scalar factor, in brackets where it needs them."""
        inner = self._print(scalar)
        return self.wrap(inner) if scalar.is_Add or (scalar.has(Total) and not divisors(scalar)) else inner

    def quotient(self, above: Expression, below: Expression) -> str:
        """Return a fraction."""
        return rf"\frac{{{self._print(above)}}}{{{self._print(below)}}}"

    def _print_Pow(self, expr: Expression, **_: bool) -> str:
        is_quotient = expr.has(*SPECIAL) and expr.exp.is_negative
        return self.quotient(S.One, 1 / expr) if is_quotient else super()._print_Pow(expr)

    def _print_Symbol(self, expr: Expression, **_: object) -> str:
        return self.names.setdefault(expr.name, self.style.name(expr.name))

    def _print_MatrixSymbol(self, expr: Expression, **_: object) -> str:
        return self.names.setdefault(expr.name, self.style.name(expr.name, bold=True))

    def raised(self, base: str, exponent: str) -> str:
        """Return a formula with a superscript."""
        return f"{base}^{{{exponent}}}"

    def root(self, expression: Expression) -> str:
        """Return a square root."""
        return rf"\sqrt{{{self._print(expression)}}}"

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return ‖A‖, or a power of it."""
        length = rf"\left\lVert {self._print(matrix)} \right\rVert"
        return length if power == 1 else self.raised(length, str(power))

    def over(self, above: list[Expression], below: list[Expression]) -> str:
        """Return a fraction whose numerator and denominator are entrywise products."""
        if not below:
            return self.factors(above)
        return rf"\frac{{{self.alone(above)}}}{{{self.alone(below)}}}"

    def alone(self, factors: list[Expression]) -> str:
        """Return a product to which no script or further factor is attached, so that it needs no brackets."""
        if len(factors) == 1:
            return self._print(simple_power(factors[0]))
        return self.factors(factors) if factors else "1"

    def base(self, expression: Expression) -> str:
        """Return the base of a power, in brackets if it has a superscript, such as a layer number."""
        inner = self._print(expression)
        is_plain = expression.is_symbol and (self.style.below or not read_name(expression.name).index)
        return inner if is_plain else self.wrap(inner)

    def level(self, expression: Expression) -> int:
        """Return the precedence of an expression; a name or a constant with a subscript can take no second one."""
        is_subscripted = isinstance(expression, Slice | Strided | Ones | Zeros)
        parts = read_name(str(getattr(expression, "name", "")))
        is_subscripted = is_subscripted or bool(parts.subscript or (self.style.below and parts.index))
        return POWER if is_subscripted else super().level(expression)

    def at(self, expr: Expression) -> str:
        """Return the indices of an entry or of a sum, with commas unless each is a single letter."""
        separator = " " if all(isinstance(letter, Str) for letter in expr.letters) else ","
        return separator.join(map(self._print, expr.letters))

    def _print_Str(self, expr: Expression) -> str:
        return str(expr.name).replace("′", "'")

    def _print_NamedEntry(self, expr: Expression) -> str:
        matrix = expr.args[0]
        return f"{self.bracket(matrix, ATOM)}_{{{self.at(expr)}}}" if expr.letters else self._print(matrix)

    def _print_UnnamedEntry(self, expr: Expression) -> str:
        inner = self._print(expr.args[0])
        return rf"\left[{inner}\right]_{{{self.at(expr)}}}" if expr.letters else inner

    def _print_SumOver(self, expr: Expression) -> str:
        return rf"\sum_{{{self.at(expr)}}} {self.summand(expr.args[0])}"

    def _print_OuterPlace(self, expr: Expression) -> str:
        place, size = map(self._print, expr.args)
        return rf"\left\lfloor {place} / {size} \right\rfloor"

    def _print_InnerPlace(self, expr: Expression) -> str:
        place, size = expr.args
        return rf"{self.bracket(place, PRODUCT)} \bmod {self._print(size)}"

    def _print_Rational(self, expr: Expression) -> str:
        power = power_of_ten(1 / expr)
        return LatexPrinter._print_Rational(self, expr) if power is None else f"10^{{{-power}}}"

    def repeated(self, expr: Expression) -> str:
        """Return an array that is repeated to a shape."""
        return rf"\operatorname{{repeat}}_{{{self.shape(expr.shape)}}}\!\left({self._print(expr.argument)}\right)"

    def shape(self, shape: Shape) -> str:
        """Return a shape, such as N × D."""
        return r" \times ".join(self.bracket(size, PRODUCT) for size in shape)

    def _print_ByEntry(self, expr: Expression) -> str:
        of, by = expr.args
        below = rf"\partial {self.name_or_wrapped(by)}"
        if of.is_symbol:
            return rf"\frac{{\partial {self._print(of)}}}{{{below}}}"
        return rf"\frac{{\partial}}{{{below}}}{self.wrap(self._print(of))}"

    _print_ScalarByEntry = _print_Entrywise = _print_EntryDerivative = _print_Gradient = _print_ByEntry


class InlineLatex(Latex):
    """A printer of formulas in sentences, in which a quotient has a slash: ∂J/∂W."""

    quotients_are_fractions = False

    def __init__(self, function_names: Mapping[str, str] | None = None, style: NameStyle = PLAIN):
        super().__init__(function_names, style)
        self._settings |= {"fold_short_frac": True, "fold_frac_powers": True}

    def quotient(self, above: Expression, below: Expression) -> str:
        """Return a quotient."""
        return f"{self.bracket(above, PRODUCT + 1)} / {self.bracket(below, PRODUCT + 1)}"

    def over(self, above: list[Expression], below: list[Expression]) -> str:
        """Return the quotient of two entrywise products."""
        return Textbook.over(self, above, below)

    def coefficient(self, scalar: Scalar) -> str:
        """Return a scalar factor, in brackets where it needs them."""
        return self.bracket(scalar, POWER)

    def bracket(self, expression: Expression, at_least: int) -> str:
        """Return an expression, in brackets if it needs them; a quotient does in a product."""
        inner = super().bracket(expression, at_least)
        is_open = at_least > ENTRYWISE and "/" in inner and not inner.startswith(r"\left") and r"\left" not in inner
        return self.wrap(inner) if is_open else inner

    def _print_Rational(self, expr: Expression) -> str:
        return rf"\tfrac{{{expr.p}}}{{{expr.q}}}" if power_of_ten(1 / expr) is None else super()._print_Rational(expr)

    def _print_Pow(self, expr: Expression, **_: bool) -> str:
        if expr.exp.is_negative and expr.exp.is_number:
            return self.quotient(S.One, 1 / expr)
        return super()._print_Pow(expr)

    def _print_Mul(self, expr: Expression) -> str:
        above, below = expr.as_numer_denom()
        if below == 1 or is_negative(expr) or expr.has(*SPECIAL):
            return str(super()._print_Mul(expr))
        return self.quotient(above, below)

    def _print_ByEntry(self, expr: Expression) -> str:
        return " / ".join(rf"\partial {self.name_or_wrapped(operand)}" for operand in expr.args)

    _print_ScalarByEntry = _print_Entrywise = _print_EntryDerivative = _print_Gradient = _print_ByEntry


def latex(expression: Basic, function_names: Mapping[str, str] | None = None) -> str:
    r"""Return an expression as LaTeX.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> latex(NamedMatrix("a2", 5, 3).T * NamedMatrix("delta3", 5, 2))
    '\\left(a^{(2)}\\right)^{\\top} \\delta^{(3)}'
    """
    return Latex(function_names).doprint(expression)
