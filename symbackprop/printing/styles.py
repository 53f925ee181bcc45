"""The two styles of notation: formulas as textbooks print them, and code as NumPy reads it."""

from typing import ClassVar

from sympy import S

from symbackprop.errors import shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape
from symbackprop.expressions.matrices import Eye, HadamardPower, Inverse, Ones
from symbackprop.printing.entries import Plain
from symbackprop.printing.notation import ATOM, Notation, is_negative, power_of_ten


class Textbook(Notation):
    """A mixin for SymPy's printers that print powers as superscripts: A⁻¹, Aᵀ, √A."""

    forms: ClassVar[dict[type, str]]  # of nodes that only need their argument, or their shape, in a text
    transposed: str  # the superscript of a transpose …
    inverse_transposed: str  # … and of a transposed inverse
    each_entry: str  # stands before the exponent of a power entry by entry

    def base(self, expression: Expression) -> str:
        """Return the base of a power."""
        return self.bracket(expression, ATOM)

    def raised(self, base: str, exponent: str) -> str:
        """Return a text with a superscript."""
        raise NotImplementedError

    def exponent(self, scalar: Scalar) -> str:
        """Return a scalar as a superscript."""
        return self._print(scalar)

    def root(self, expression: Expression) -> str:
        """Return a square root."""
        raise NotImplementedError

    def shape(self, shape: Shape) -> str:
        """Return a shape, such as N×D."""
        return shape_text(shape)

    def _print_Scaled(self, expr: Expression) -> str:
        coefficient, matrix = expr.args
        if is_negative(coefficient) or not (isinstance(matrix, HadamardPower) and is_negative(matrix.args[1])):
            return super()._print_Scaled(expr)
        return self.over([Plain(coefficient)], [HadamardPower(matrix.args[0], -matrix.args[1])])  # ρ/q, not ρ 1/q

    def _print_HadamardPower(self, expr: Expression) -> str:
        base, exponent = expr.args
        if exponent.is_negative:
            return self.over([], [HadamardPower(base, -exponent)])
        if exponent == S.Half:
            return self.root(base)
        # a square matrix has a power of its own: say that this is the one of each entry
        is_square = len(base.shape) == 2 and base.shape[0] == base.shape[1] != 1
        sign = self.each_entry if is_square else ""
        return self.raised(self.base(base), sign + self.exponent(exponent))

    def _print_Transpose(self, expr: Expression) -> str:
        (inner,) = expr.args
        if isinstance(inner, Inverse):
            return self.raised(self.base(inner.args[0]), self.inverse_transposed)
        return self.raised(self.base(inner), self.transposed)

    def _print_Inverse(self, expr: Expression) -> str:
        return self.raised(self.base(expr.args[0]), self.exponent(S.NegativeOne))

    def _print_MatPow(self, expr: Expression) -> str:
        return self.raised(self.base(expr.args[0]), self.exponent(expr.args[1]))

    def _print_Integer(self, expr: Expression) -> str:
        power = power_of_ten(expr)
        return str(expr) if power is None else self.raised("10", self.exponent(power))

    def _print_Trace(self, expr: Expression) -> str:
        return self.forms[type(expr)] % self._print(expr.args[0])

    _print_Determinant = _print_Trace

    def _print_OneMatrix(self, expr: Expression) -> str:
        return self.forms[type(expr)] % self.shape(expr.shape)

    _print_ZeroMatrix = _print_OneMatrix

    def _print_LowerOnes(self, expr: Expression) -> str:
        return self.forms[type(expr)] % self._print(Ones(*expr.shape))

    def _print_Identity(self, _: Expression) -> str:
        return self.forms[Eye]


class Code(Notation):
    """A mixin for SymPy's printers that print formulas in NumPy's syntax."""

    times = " * "
    product = " @ "
    entrywise = " * "
    sums_are_calls = True

    def named(self, function: str) -> str:
        """Return the full name of a function."""
        return function

    def call(self, function: str, *arguments: Expression) -> str:
        """Return the call of a function."""
        return f"{self.named(function)}({', '.join(map(self._print, arguments))})"

    def shape_code(self, shape: Shape) -> str:
        """Return the code of a shape."""
        return f"({', '.join(map(self._print, shape))}{',' * (len(shape) == 1)})"

    def over(self, above: list[Expression], below: list[Expression]) -> str:
        """Return a product followed by one division for each factor of the denominator."""
        return " / ".join([self.factors(above), *(self.factors([factor]) for factor in below)])

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return the Frobenius norm, or a power of it."""
        return self.call("norm", matrix) + ("" if power == 1 else f"**{power}")

    def _print_MatrixSymbol(self, expr: Expression) -> str:
        return str(expr.name)

    def _print_Transpose(self, expr: Expression) -> str:
        return f"{self.bracket(expr.args[0], ATOM)}.T"

    def _print_HadamardPower(self, expr: Expression) -> str:
        base, exponent = expr.args
        if exponent == S.Half:
            return self.call("sqrt", base)
        return f"{self.bracket(base, ATOM)}**{self.bracket(exponent, ATOM)}"

    def _print_Inverse(self, expr: Expression) -> str:
        return self.call(expr.syntax, *expr.args)

    _print_MatPow = _print_Trace = _print_Determinant = _print_Inverse

    def _print_Broadcast(self, expr: Expression) -> str:
        return f"{self.named(expr.syntax)}({self._print(expr.argument)}, {self.shape_code(expr.shape)})"
