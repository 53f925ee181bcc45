"""Printing of one expression as Unicode text, or in the NumPy syntax that users type."""

from collections.abc import Mapping
from typing import ClassVar

from sympy import Basic, S
from sympy.printing.pretty.pretty_symbology import greek_unicode
from sympy.printing.str import StrPrinter

from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.matrices import (
    Determinant,
    Eye,
    HadamardPower,
    Inverse,
    LowerOnes,
    MatPow,
    Ones,
    Trace,
    Zeros,
)
from symbackprop.expressions.operations import Broadcast, Total
from symbackprop.printing.naming import read_name
from symbackprop.printing.notation import ATOM, POWER, is_negative, norm_of, power_of_ten
from symbackprop.printing.styles import Code, Textbook

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_FRACTIONS = {"1/2": "½", "1/4": "¼", "3/4": "¾"}
_RELATIONS = {"<=": "≤", ">=": "≥", "!=": "≠"}


def text_name(name: str) -> str:
    """Return a name as Unicode text: Greek letters as characters, hats as users type them.

    >>> text_name("delta3"), text_name("yhat"), text_name("lam")
    ('δ3', 'yhat', 'λ')
    """
    parts = read_name(name)
    if not parts.greek or parts.modifier or parts.greek == "Sigma":  # Σ is the sum
        return name
    subscript = f"_{text_name(parts.subscript)}" if parts.subscript else ""
    return f"{greek_unicode[parts.greek]}{subscript}{parts.index}"


class Text(Textbook, StrPrinter):
    """A printer of Unicode text: `δ2 = (δ3 W2ᵀ) ⊙ f′(z2)`."""

    printmethod = "_text"
    minus = "−"
    transposed, inverse_transposed, each_entry = "ᵀ", "⁻ᵀ", "⊙"
    forms: ClassVar[dict[type, str]] = {
        Trace: "tr(%s)",
        Determinant: "det(%s)",
        Ones: "ones(%s)",
        Zeros: "zeros(%s)",
        LowerOnes: "tril(%s)",
        Eye: "I",
    }

    def __init__(self, function_names: Mapping[str, str] | None = None):
        super().__init__()
        self._function_names = dict(function_names or {})

    def function_name(self, function: ElementwiseFunction) -> str:
        """Return the name of a function, with its primes."""
        return self._function_names.get(function.name, function.name) + "′" * function.order

    def doprint(self, expr: Expression) -> str:
        """Return an expression as Unicode text."""
        return super().doprint(expr).replace("-", self.minus)

    def _print_Symbol(self, expr: Expression) -> str:
        return text_name(expr.name)

    _print_MatrixSymbol = _print_Symbol

    def _print_Rational(self, expr: Expression) -> str:
        power = power_of_ten(1 / expr)
        return _FRACTIONS.get(str(expr), str(expr)) if power is None else self.raised("10", self.exponent(-power))

    def raised(self, base: str, exponent: str) -> str:
        """Return a text with a superscript."""
        return base + exponent

    def exponent(self, scalar: Scalar) -> str:
        """Return a scalar as a superscript."""
        return str(scalar).translate(_SUPERSCRIPTS) if scalar.is_Integer else f"^{self.bracket(scalar, ATOM)}"

    def root(self, expression: Expression) -> str:
        """Return a square root."""
        return f"√{self.bracket(expression, ATOM)}"

    def coefficient(self, scalar: Scalar) -> str:
        """Return a scalar factor, in brackets where it needs them."""
        inner = self._print(scalar)
        return self.wrap(inner) if "/" in inner or scalar.is_Add or scalar.has(Total) else inner

    def _print_Mul(self, expr: Expression) -> str:
        plain = super()._print_Mul(expr)
        return plain if "**" in plain else plain.replace("*", " ")

    def at(self, expr: Expression) -> str:
        """Return the indices of an entry or of a sum."""
        return ",".join(map(self._print, expr.letters))

    def _print_NamedEntry(self, expr: Expression) -> str:
        return f"{text_name(expr.name)}[{self.at(expr)}]" if expr.letters else text_name(expr.name)

    def _print_UnnamedEntry(self, expr: Expression) -> str:
        inner = self.bracket(expr.args[0], ATOM)
        return f"{inner}[{self.at(expr)}]" if expr.letters else inner

    def _print_OuterPlace(self, expr: Expression) -> str:
        return " // ".join(self.bracket(part, ATOM) for part in expr.args)

    def _print_InnerPlace(self, expr: Expression) -> str:
        return " % ".join(self.bracket(part, ATOM) for part in expr.args)

    def _print_SumOver(self, expr: Expression) -> str:
        return f"Σ_{self.at(expr)} {self.summand(expr.args[0])}"

    def _print_Pow(self, expr: Expression, **options: bool) -> str:
        if expr.exp == -S.Half or (expr.exp.is_Integer and expr.exp < -1):
            return f"1/{self._print(1 / expr)}"
        if expr.exp == S.Half and norm_of(expr) is None:
            return self.root(expr.base)
        if expr.exp.is_Integer and expr.exp > 1:
            return self.raised(self.base(expr.base), self.exponent(expr.exp))
        return super()._print_Pow(expr, **options)

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return ‖A‖, or a power of it."""
        return f"‖{self._print(matrix)}‖" + ("" if power == 1 else self.exponent(power))

    def _print_Piecewise(self, expr: Expression) -> str:
        return ", ".join(
            f"{self._print(value)} " + ("otherwise" if condition is S.true else f"for {self._print(condition)}")
            for value, condition in expr.args
        )

    def _print_Relational(self, expr: Expression) -> str:
        return f"{self._print(expr.lhs)} {_RELATIONS.get(expr.rel_op, expr.rel_op)} {self._print(expr.rhs)}"


class Typed(Code, StrPrinter):
    """A printer of NumPy syntax, `z3 = a2 @ W1`, in which users type networks and errors quote them."""

    printmethod = "_typed"

    def level(self, expression: Expression) -> int:
        """Return the precedence of an expression, by which it gets brackets; a function call has the highest."""
        if isinstance(expression, HadamardPower):
            return ATOM if expression.args[1] == S.Half else POWER
        return ATOM if isinstance(expression, Inverse | MatPow | Broadcast) else super().level(expression)

    def fraction(self, factors: list[Expression]) -> tuple[list[Expression], list[Expression]]:
        """Return numerator and denominator; only the last factors are divisors, so that the text can be parsed."""
        last = len(factors)
        while last > 1 and isinstance(factors[last - 1], HadamardPower) and is_negative(factors[last - 1].args[1]):
            last -= 1
        return factors[:last], factors[last:]

    def _print_Identity(self, expr: Expression) -> str:
        return self.call(expr.syntax, expr.shape[0])

    def _print_Exp1(self, expr: Expression) -> str:
        return "exp(1)"

    def _print_Quotient(self, expr: Expression) -> str:
        return f"{self.bracket(expr.args[0], ATOM)}**(-1)"

    def _print_LowerOnes(self, expr: Expression) -> str:
        return self.call(expr.syntax, Ones(*expr.shape))

    def _print_OneMatrix(self, expr: Expression) -> str:
        return f"{expr.syntax}({self.shape_code(expr.shape)})"

    _print_ZeroMatrix = _print_OneMatrix


def text(expression: Basic, function_names: Mapping[str, str] | None = None) -> str:
    """Return an expression as Unicode text.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> text(NamedMatrix("a2", 5, 3).T * NamedMatrix("delta3", 5, 2))
    'a2ᵀ δ3'
    """
    return Text(function_names).doprint(expression)


def typed_factor(expression: Basic) -> str:
    """Return an expression in typed syntax, in brackets if it needs them before `.T` or in a product."""
    return Typed().bracket(expression, ATOM)


def typed(expression: Basic) -> str:
    """Return an expression in the NumPy syntax that users type.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> typed(NamedMatrix("a2", 5, 3).T * NamedMatrix("delta3", 5, 2))
    'a2.T @ delta3'
    """
    return Typed().doprint(expression)
