"""Printing of one expression as LaTeX."""

from collections.abc import Mapping
from functools import cache

from sympy import Basic, S
from sympy.printing.latex import LatexPrinter, modifier_dict, tex_greek_dictionary

from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.matrices import HadamardPower, Inverse, Ones
from symbackprop.expressions.operations import Total
from symbackprop.printing.naming import read_name
from symbackprop.printing.notation import SPECIAL, Notation, divisors, norm_of, power_of_ten


@cache
def latex_name(name: str) -> str:
    r"""Return a name in the network as LaTeX.

    >>> latex_name("W1"), latex_name("yhat"), latex_name("delta3")
    ('W^{(1)}', '\\hat{y}', '\\delta^{(3)}')
    """
    parts = read_name(name)
    base = parts.base
    if parts.greek:
        base = tex_greek_dictionary.get(parts.greek, "\\" + parts.greek)
    elif len(base) > 1:
        base = rf"\mathit{{{base}}}"
    if parts.modifier:
        base = modifier_dict[parts.modifier](base)
    if parts.subscript:
        below = read_name(parts.subscript)
        word = len(parts.subscript) > 2 and "_" not in parts.subscript and not (below.modifier or below.greek)
        base += rf"_{{\mathrm{{{parts.subscript}}}}}" if word else f"_{{{latex_name(parts.subscript)}}}"
    return f"{base}^{{({parts.index})}}" if parts.index else base


class Latex(Notation, LatexPrinter):
    """A printer of the notation of backpropagation: ⊙, ᵀ, f′, layer numbers as superscripts."""

    entrywise = r" \odot "
    quotients_are_fractions = True

    def __init__(self, function_names: Mapping[str, str] | None = None):
        super().__init__({"mat_symbol_style": "plain", "mul_symbol": None})
        self._function_names = dict(function_names or {})

    def function_name(self, function: ElementwiseFunction) -> str:
        """Return the name of a function, with its primes."""
        return self._function_names.get(function.name, function.row.latex) + "'" * function.order

    def of_z(self, function: ElementwiseFunction) -> str:
        """Return f(z)."""
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

    def _print_Pow(self, expr: Expression, rational: bool = False) -> str:
        if expr.has(*SPECIAL) and expr.exp.is_negative:
            return self.quotient(S.One, 1 / expr)
        norm = norm_of(expr)
        return self.norm(*norm) if norm is not None else LatexPrinter._print_Pow(self, expr)

    def _print_Symbol(self, expr: Expression, **_: object) -> str:
        return latex_name(expr.name)

    _print_MatrixSymbol = _print_Symbol

    def _print_HadamardPower(self, expr: Expression) -> str:
        base, exponent = expr.args
        if exponent.is_negative:
            return self.over([], [HadamardPower(base, -exponent)])
        if exponent == S.Half:
            return rf"\sqrt{{{self._print(base)}}}"
        # a square matrix has a power of its own: say that this is the one of each entry
        sign = r"\odot " if base.shape[0] == base.shape[1] != 1 else ""
        return f"{self._base(base)}^{{{sign}{self._print(exponent)}}}"

    def _print_Transpose(self, expr: Expression) -> str:
        (inner,) = expr.args
        if isinstance(inner, Inverse):
            return rf"{self._base(inner.args[0])}^{{-\top}}"
        return rf"{self._base(inner)}^{{\top}}"

    def _print_Inverse(self, expr: Expression) -> str:
        return f"{self._base(expr.args[0])}^{{-1}}"

    def _print_MatPow(self, expr: Expression) -> str:
        return f"{self._base(expr.args[0])}^{{{self._print(expr.args[1])}}}"

    def _print_Trace(self, expr: Expression) -> str:
        return rf"\operatorname{{tr}}\!{self.wrap(self._print(expr.args[0]))}"

    def _print_Determinant(self, expr: Expression) -> str:
        return rf"\det\!{self.wrap(self._print(expr.args[0]))}"

    def _print_Identity(self, expr: Expression) -> str:
        return r"\mathbf{I}"

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return ‖A‖, or a power of it."""
        length = rf"\left\lVert {self._print(matrix)} \right\rVert"
        return length if power == 1 else f"{length}^{{{power}}}"

    def over(self, above: list[Expression], below: list[Expression]) -> str:
        """Return a fraction whose numerator and denominator are entrywise products."""
        if not below:
            return self.factors(above)
        return rf"\frac{{{self.alone(above)}}}{{{self.alone(below)}}}"

    def alone(self, factors: list[Expression]) -> str:
        """Return a product to which no script or further factor is attached, so that it needs no brackets."""
        if len(factors) != 1:
            return self.factors(factors) if factors else "1"
        (factor,) = factors
        return self._print(factor.args[0] if isinstance(factor, HadamardPower) and factor.args[1] == 1 else factor)

    def _base(self, base: Expression) -> str:
        """Return the base of a power, in brackets if it has a superscript, such as a layer number."""
        inner = self._print(base)
        return inner if base.is_symbol and not read_name(base.name).index else self.wrap(inner)

    def _letters(self, expr: Expression) -> str:
        return " ".join(letter.replace("′", "'") for letter in expr.letters)

    def _print_NamedEntry(self, expr: Expression) -> str:
        name = latex_name(expr.name)
        if not expr.letters:
            return name
        return f"{name if not read_name(expr.name).subscript else self.wrap(name)}_{{{self._letters(expr)}}}"

    def _print_UnnamedEntry(self, expr: Expression) -> str:
        inner = self._print(expr.args[0])
        return rf"\left[{inner}\right]_{{{self._letters(expr)}}}" if expr.letters else inner

    def _print_SumOver(self, expr: Expression) -> str:
        return rf"\sum_{{{self._letters(expr)}}} {self.summand(expr.args[0])}"

    def _print_LowerOnes(self, expr: Expression) -> str:
        return rf"\operatorname{{tril}}\!{self.wrap(self._print(Ones(*expr.shape)))}"

    def _print_Rational(self, expr: Expression) -> str:
        power = power_of_ten(1 / expr)
        return LatexPrinter._print_Rational(self, expr) if power is None else f"10^{{{-power}}}"

    def _print_Integer(self, expr: Expression) -> str:
        power = power_of_ten(expr)
        return str(expr) if power is None else f"10^{{{power}}}"

    def _print_OneMatrix(self, expr: Expression) -> str:
        return rf"\mathbf{{1}}_{{{self.shape(expr.shape)}}}"

    def _print_ZeroMatrix(self, expr: Expression) -> str:
        return rf"\mathbf{{0}}_{{{self.shape(expr.shape)}}}"

    def shape(self, shape: Shape) -> str:
        """Return N × D."""
        return r" \times ".join(self._print(size) for size in shape)

    def partial(self, above: str, of: Expression, below: str, by: Expression) -> str:
        """Return ∂of/∂by."""
        below = below if by.is_symbol else self.wrap(below)
        if of.is_symbol:
            return rf"\frac{{\partial {above}}}{{\partial {below}}}"
        return rf"\frac{{\partial}}{{\partial {below}}}{self.wrap(above)}"


def latex(expression: Basic, function_names: Mapping[str, str] | None = None) -> str:
    r"""Return an expression as LaTeX.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> latex(NamedMatrix("a2", 5, 3).T * NamedMatrix("delta3", 5, 2))
    '\\left(a^{(2)}\\right)^{\\top} \\delta^{(3)}'
    """
    return Latex(function_names).doprint(expression)
