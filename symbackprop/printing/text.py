"""Printing of one expression as Unicode text, or in the NumPy syntax of users."""

from collections.abc import Mapping

from sympy import Basic, S
from sympy.printing.pretty.pretty_symbology import greek_unicode
from sympy.printing.str import StrPrinter

from symbackprop.errors import shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.matrices import HadamardPower, Inverse, MatPow, Ones
from symbackprop.expressions.operations import Broadcast, Total
from symbackprop.printing.naming import read_name
from symbackprop.printing.notation import ATOM, POWER, Notation, is_negative, norm_of, power_of_ten

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


class Text(Notation, StrPrinter):
    """A printer of Unicode text: `δ2 = (δ3 W2ᵀ) ⊙ f′(z2)`."""

    printmethod = "_text"
    minus = "−"

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
        return _FRACTIONS.get(str(expr), str(expr)) if power is None else f"10{self._superscript(-power)}"

    def coefficient(self, scalar: Scalar) -> str:
        """Return a scalar factor, in brackets where it needs them."""
        inner = self._print(scalar)
        return self.wrap(inner) if "/" in inner or scalar.is_Add or scalar.has(Total) else inner

    def _print_Mul(self, expr: Expression) -> str:
        plain = super()._print_Mul(expr)
        return plain if "**" in plain else plain.replace("*", " ")

    def _print_HadamardPower(self, expr: Expression) -> str:
        base, exponent = expr.args
        if exponent.is_negative:
            return self.over([], [HadamardPower(base, -exponent)])
        if exponent == S.Half:
            return f"√{self.bracket(base, ATOM)}"
        # a square matrix has a power of its own: say that this is the one of each entry
        sign = "⊙" if base.shape[0] == base.shape[1] != 1 else ""
        return self.bracket(base, ATOM) + sign + self._superscript(exponent)

    def _superscript(self, exponent: Scalar) -> str:
        return str(exponent).translate(_SUPERSCRIPTS) if exponent.is_Integer else f"^{self.bracket(exponent, ATOM)}"

    def _print_Transpose(self, expr: Expression) -> str:
        (inner,) = expr.args
        if isinstance(inner, Inverse):
            return f"{self.bracket(inner.args[0], ATOM)}⁻ᵀ"
        return f"{self.bracket(inner, ATOM)}ᵀ"

    def _print_NamedEntry(self, expr: Expression) -> str:
        return f"{text_name(expr.name)}[{','.join(expr.letters)}]" if expr.letters else text_name(expr.name)

    def _print_UnnamedEntry(self, expr: Expression) -> str:
        inner = self.bracket(expr.args[0], ATOM)
        return f"{inner}[{','.join(expr.letters)}]" if expr.letters else inner

    def _print_SumOver(self, expr: Expression) -> str:
        return f"Σ_{','.join(expr.letters)} {self.summand(expr.args[0])}"

    def _print_Inverse(self, expr: Expression) -> str:
        return f"{self.bracket(expr.args[0], ATOM)}⁻¹"

    def _print_MatPow(self, expr: Expression) -> str:
        return self.bracket(expr.args[0], ATOM) + self._superscript(expr.args[1])

    def _print_Trace(self, expr: Expression) -> str:
        return f"tr({self._print(expr.args[0])})"

    def _print_Determinant(self, expr: Expression) -> str:
        return f"det({self._print(expr.args[0])})"

    def _print_Identity(self, expr: Expression) -> str:
        return "I"

    def _print_OneMatrix(self, expr: Expression) -> str:
        return f"ones({shape_text(expr.shape)})"

    def _print_LowerOnes(self, expr: Expression) -> str:
        return f"tril({self._print(Ones(*expr.shape))})"

    def _print_Integer(self, expr: Expression) -> str:
        power = power_of_ten(expr)
        return str(expr) if power is None else f"10{self._superscript(power)}"

    def _print_ZeroMatrix(self, expr: Expression) -> str:
        return f"zeros({shape_text(expr.shape)})"

    def _print_Pow(self, expr: Expression, rational: bool = False) -> str:
        if expr.exp == -S.Half:
            return f"1/{self._print(1 / expr)}"
        if expr.exp == S.Half and norm_of(expr) is None:
            return f"√{self.bracket(expr.base, ATOM)}"
        if expr.exp.is_Integer and expr.exp < -1:
            return f"1/{self._print(1 / expr)}"
        if expr.exp.is_Integer and expr.exp > 1:
            return self.bracket(expr.base, ATOM) + self._superscript(expr.exp)
        return super()._print_Pow(expr, rational)

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return ‖A‖, or a power of it."""
        return f"‖{self._print(matrix)}‖" + ("" if power == 1 else self._superscript(power))

    def _print_Piecewise(self, expr: Expression) -> str:
        return ", ".join(
            f"{self._print(value)} " + ("otherwise" if condition is S.true else f"for {self._print(condition)}")
            for value, condition in expr.args
        )

    def _print_Relational(self, expr: Expression) -> str:
        return f"{self._print(expr.lhs)} {_RELATIONS.get(expr.rel_op, expr.rel_op)} {self._print(expr.rhs)}"


class Typed(Notation, StrPrinter):
    """A printer of NumPy syntax, `z3 = a2 @ W1`, in which users type networks and errors quote them."""

    printmethod = "_typed"
    times = " * "
    product = " @ "
    entrywise = " * "
    sums_are_calls = True

    def _print_MatrixSymbol(self, expr: Expression) -> str:
        return expr.name

    def _call(self, name: str, *arguments: Expression) -> str:
        return f"{name}({', '.join(map(self._print, arguments))})"

    def _print_HadamardPower(self, expr: Expression) -> str:
        base, exponent = expr.args
        if exponent == S.Half:
            return self._call("sqrt", base)
        return f"{self.bracket(base, ATOM)}**{self.bracket(exponent, ATOM)}"

    def level(self, expression: Expression) -> int:
        """Return the precedence of an expression, by which it gets brackets; a function call has the highest."""
        if isinstance(expression, HadamardPower):
            return ATOM if expression.args[1] == S.Half else POWER
        return ATOM if isinstance(expression, Inverse | MatPow | Broadcast) else super().level(expression)

    def fraction(self, factors: list[Expression]) -> tuple[list[Expression], list[Expression]]:
        """Return numerator and denominator; only the last factors are divisors, so that parsing restores them."""
        last = len(factors)
        while last > 1 and isinstance(factors[last - 1], HadamardPower) and is_negative(factors[last - 1].args[1]):
            last -= 1
        return factors[:last], factors[last:]

    def over(self, above: list[Expression], below: list[Expression]) -> str:
        """Return a product followed by its divisions."""
        return " / ".join([self.factors(above), *(self.factors([factor]) for factor in below)])

    def _print_Transpose(self, expr: Expression) -> str:
        return f"{self.bracket(expr.args[0], ATOM)}.T"

    def _print_Inverse(self, expr: Expression) -> str:
        return self._call(expr.syntax, *expr.args)

    _print_MatPow = _print_Trace = _print_Determinant = _print_Inverse

    def _print_Identity(self, expr: Expression) -> str:
        return self._call(expr.syntax, expr.shape[0])

    def _print_Quotient(self, expr: Expression) -> str:
        return f"{self.bracket(expr.args[0], ATOM)}**(-1)"

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return norm(A), or a power of it."""
        return self._call("norm", matrix) + ("" if power == 1 else f"**{power}")

    def _print_Broadcast(self, expr: Expression) -> str:
        return f"{expr.syntax}({self._print(expr.argument)}, ({expr.shape[0]}, {expr.shape[1]}))"

    def _print_LowerOnes(self, expr: Expression) -> str:
        return self._call(expr.syntax, Ones(*expr.shape))

    def _print_OneMatrix(self, expr: Expression) -> str:
        return f"{expr.syntax}(({expr.shape[0]}, {expr.shape[1]}))"

    _print_ZeroMatrix = _print_OneMatrix


def text(expression: Basic, function_names: Mapping[str, str] | None = None) -> str:
    """Return an expression as Unicode text.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> text(NamedMatrix("a2", 5, 3).T * NamedMatrix("delta3", 5, 2))
    'a2ᵀ δ3'
    """
    return Text(function_names).doprint(expression)


def typed_factor(expression: Basic) -> str:
    """Return an expression in typed syntax, in brackets if it cannot precede `.T` or be a factor without them."""
    return Typed().bracket(expression, ATOM)


def typed(expression: Basic) -> str:
    """Return an expression in the NumPy syntax that users type.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> typed(NamedMatrix("a2", 5, 3).T * NamedMatrix("delta3", 5, 2))
    'a2.T @ delta3'
    """
    return Typed().doprint(expression)
