"""Rules that all notations share: the positions of signs, scalar factors and brackets."""

import re
from collections.abc import Iterable, Sequence

import sympy
from sympy import Expr, Integer, S

from symbackprop.errors import shape_text
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.derivative_symbols import PARTIALS, ByEntry, Entrywise, ScalarByEntry
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied, ElementwiseFunction, a
from symbackprop.expressions.gathers import Reshape
from symbackprop.expressions.operations import ROWS, Broadcast, Sums, Total, repeated
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.entries import EntryDerivative, Plain, Ratio, SumOver

SUM, ENTRYWISE, PRODUCT, POWER, ATOM = range(5)  # levels of precedence, the lowest first

_LEVELS: dict[type, int] = {
    nodes.MatAdd: SUM,
    nodes.HadamardProduct: ENTRYWISE,
    nodes.MatMul: PRODUCT,
    nodes.HadamardPower: POWER,
    nodes.MatPow: POWER,
    nodes.Inverse: POWER,
    nodes.Transpose: POWER,
    Broadcast: PRODUCT,
    Total: PRODUCT,
    Sums: PRODUCT,
    ByEntry: PRODUCT,
    ScalarByEntry: PRODUCT,
    Entrywise: PRODUCT,
    EntryDerivative: PRODUCT,
    SumOver: PRODUCT,
    Ratio: PRODUCT,
    sympy.Add: SUM,
    sympy.Mul: PRODUCT,
    sympy.Rational: PRODUCT,
    sympy.Integer: ATOM,
    sympy.Pow: POWER,
}

SPECIAL = (
    Total,
    ScalarByEntry,
    Applied,
    nodes.Trace,
    nodes.Determinant,
)  # classes that SymPy's own printers of scalars do not know


def level(expression: Expression) -> int:
    """Return the precedence of an expression, from `SUM` to `ATOM`, which decides if it needs brackets."""
    if isinstance(expression, Plain):
        return level(expression.value)
    if is_negative(expression):
        return SUM
    if isinstance(expression, sympy.Pow) and expression.exp.is_negative:
        return PRODUCT  # it is printed as a quotient
    if isinstance(expression, nodes.Scaled):
        return ENTRYWISE if level(expression.args[1]) == ENTRYWISE else PRODUCT
    if isinstance(expression, nodes.HadamardPower) and is_negative(expression.args[1]):
        return PRODUCT  # it is printed as a quotient
    return next((_LEVELS[kind] for kind in type(expression).__mro__ if kind in _LEVELS), ATOM)


def is_negative(expression: Expression) -> bool:
    """Return True if an expression is printed with a minus sign in front."""
    if isinstance(expression, nodes.Scaled):
        return is_negative(expression.args[0])
    if isinstance(expression, Plain):
        return is_negative(expression.value)
    coefficient = S.One if is_matrix(expression) or expression.is_Add else expression.as_coeff_Mul()[0]
    return bool(coefficient.is_negative)


def negated(expression: Expression) -> Expression:
    """Return an expression with the opposite sign."""
    if isinstance(expression, Plain):
        return Plain(-expression.value)
    return nodes.scaled(-1, expression) if is_matrix(expression) else -expression


def ordered_terms(expression: Expr) -> list[Expr]:
    """Return the terms of a scalar sum, with penalties (terms with a hyperparameter or a small coefficient) last."""

    def key(term: Expr) -> tuple[Expression, ...]:
        coefficient = term.as_coeff_Mul()[0]
        hyperparameters = [s for s in term.free_symbols if s.is_Symbol and not s.is_integer]
        return len(hyperparameters), -abs(coefficient), is_negative(term), natural(str(term))

    return sorted(expression.args, key=key)


def natural(text: str) -> list[tuple[int, str]]:
    """Return a sort key that puts W2 before W10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def implied(operands: Sequence[Expression]) -> list[Expression]:
    """Return the operands of an entrywise operation, without explicit broadcasting of rows, columns and numbers.

    As in NumPy, broadcasting is not written if another operand has the full shape.
    """
    split = [nodes.split(operand) if is_matrix(operand) else (S.One, operand) for operand in operands]
    if all(isinstance(core, Broadcast | nodes.Ones) for _, core in split):
        return list(operands)
    return [_once(operand, *parts) for operand, parts in zip(operands, split, strict=True)]


def _once(operand: Expression, coefficient: Scalar, core: Expression) -> Expression:
    """Return the row, the column or the number that NumPy would broadcast."""
    if isinstance(core, nodes.Ones):
        return Plain(coefficient)
    if isinstance(core, Broadcast):
        inner = core.argument.argument if isinstance(core.argument, Broadcast) else core.argument
        return nodes.scaled(coefficient, inner) if repeated(inner, core.shape) == core else operand
    return operand


def norm_of(scalar: Scalar) -> tuple[Expression, Expression] | None:
    """Return (A, n) for a scalar (√Σ A²)ⁿ with an odd n; None for any other scalar."""
    if not isinstance(scalar, sympy.Pow) or not isinstance(scalar.base, Total) or scalar.exp.is_negative:
        return None
    squares, n = scalar.base.argument, 2 * scalar.exp
    if n.is_odd and isinstance(squares, nodes.HadamardPower) and squares.args[1] == 2:
        return squares.args[0], n
    return None


def divisors(scalar: Scalar) -> list[Expression]:
    """Return the factors 1/x of a scalar product, which become the divisors of a quotient."""
    return [
        f for f in sympy.Mul.make_args(scalar) if isinstance(f, sympy.Pow) and f.exp.is_negative and f.has(*SPECIAL)
    ]


def power_of_ten(number: Scalar) -> Expression:
    """Return n for a number 10ⁿ that is at least 10⁵, such as 9 for 1000000000; else None."""
    power = len(str(number)) - 1
    return Integer(power) if power > 4 and number == 10**power else None


class Verbatim(sympy.Symbol):
    """A symbol whose name is printed unchanged."""

    def _text(self, _: object) -> str:
        return str(self.name)

    _latex = _text


def _is_inverse(factor: Expression) -> bool:
    return isinstance(factor, nodes.HadamardPower) and is_negative(factor.args[1])


def simple_power(factor: Expression) -> Expression:
    """Return the factor, with x¹ as x."""
    return factor.args[0] if isinstance(factor, nodes.HadamardPower) and factor.args[1] == 1 else factor


class Notation:
    """A mixin for SymPy's printers; a subclass defines `minus` and the signs between factors."""

    minus = "-"
    times = " "  # scalar · matrix
    product = " "  # matrix · matrix
    entrywise = " ⊙ "
    sums_are_calls = False  # sum(X) rather than Σ X
    quotients_are_fractions = False  # one above the other, with a line between

    def wrap(self, inner: str) -> str:
        """Return a formula in brackets."""
        return f"({inner})"

    def _print(self, expr: Expression, **kwargs: object) -> str:
        return super()._print(expr, **kwargs)  # type: ignore[misc]

    def definition(self, function: ElementwiseFunction) -> list[Expr]:
        """Return the expression that defines f(z), and for f′(z) also its form in terms of f(z), if one is known."""
        output = function.prime_of_output
        if output is None:
            known = function.written_out
            named = known is not None and isinstance(known[1], ElementwiseFunction) and known[1] != function
            other = [known[0] * Verbatim(self.of_z(known[1]))] if known is not None and named else []
            return [function.expression, *other]
        both = [function.expression, output.xreplace({a: Verbatim(self.of_z(function.undifferentiated))})]
        return both if output.xreplace({a: function.row.f}) != function.expression else both[:1]

    def of_z(self, function: ElementwiseFunction) -> str:
        """Return the text of f(z)."""
        return f"{self.function_name(function)}(z)"

    def function_name(self, function: ElementwiseFunction) -> str:
        """Return the name of a function, with its primes."""
        raise NotImplementedError

    def level(self, expression: Expression) -> int:
        """Return the precedence of an expression in this notation."""
        if self.sums_are_calls and isinstance(expression, Total | Sums):
            return ATOM
        if isinstance(expression, Einsum):
            is_product = expression.is_product if self.sums_are_calls else expression.is_of_matrices
            return PRODUCT if is_product else ATOM
        if isinstance(expression, Reshape) and expression.only_drops and not self.sums_are_calls:
            return self.level(expression.argument)
        if self.quotients_are_fractions and isinstance(expression, (*PARTIALS, EntryDerivative, Ratio)):
            return ATOM
        return level(expression)

    def bracket(self, expression: Expression, at_least: int) -> str:
        """Return an expression, in brackets if its precedence is lower than required."""
        inner = self._print(expression)
        return self.wrap(inner) if self.level(expression) < at_least else inner

    def summand(self, expression: Expression) -> str:
        """Return an expression in the form in which it can follow a Σ."""
        return self.bracket(expression, ENTRYWISE)

    def signed_sum(self, terms: Iterable[Expression]) -> str:
        """Return terms joined by + and −."""
        pieces: list[str] = []
        for rank, term in enumerate(terms):
            negative = is_negative(term)
            body = self.bracket(negated(term) if negative else term, ENTRYWISE)
            if rank:
                pieces.append(f" {self.minus if negative else '+'} {body}")
            else:
                pieces.append(self.minus + body if negative else body)
        return "".join(pieces)

    def _print_MatAdd(self, expr: Expression) -> str:
        return self.signed_sum(implied(expr.args))

    def _print_Scaled(self, expr: Expression) -> str:
        coefficient, matrix = expr.args
        if is_negative(coefficient):
            return self.minus + self.bracket(nodes.scaled(-coefficient, matrix), ENTRYWISE)
        return self.coefficient(coefficient) + self.times + self.bracket(matrix, ENTRYWISE)

    def coefficient(self, scalar: Expr) -> str:
        """Return a scalar factor, in brackets where it needs them."""
        return self.bracket(scalar, POWER)

    def _print_MatMul(self, expr: Expression) -> str:
        return self.product.join(self.bracket(factor, POWER) for factor in expr.args)

    def _print_HadamardProduct(self, expr: Expression) -> str:
        above, below = self.fraction(implied(expr.args))
        return self.over(above, [nodes.HadamardPower(f.args[0], -f.args[1]) for f in below])

    def fraction(self, factors: list[Expression]) -> tuple[list[Expression], list[Expression]]:
        """Return the factors of the numerator and of the denominator."""
        return [f for f in factors if not _is_inverse(f)], [f for f in factors if _is_inverse(f)]

    def over(self, above: list[Expression], below: list[Expression]) -> str:
        """Return the quotient of two entrywise products."""
        if not below:
            return self.factors(above)
        divisor = self.factors(below) if len(below) == 1 else self.wrap(self.factors(below))
        return f"{self.factors(above, divided=True) if above else 1}/{divisor}"

    def factors(self, factors: list[Expression], *, divided: bool = False) -> str:
        """Return an entrywise product; a ∂C/∂W in it has no brackets, except the last factor before a /."""
        least = POWER if len(factors) > 1 else PRODUCT + 1
        numbers = all(set(factor.shape) == {1} for factor in factors)
        plain = factors[:-1] if divided else factors if len(factors) > 1 else []
        return (self.times if numbers else self.entrywise).join(
            self._print(f) if isinstance(f, PARTIALS) and f in plain else self.bracket(simple_power(f), least)
            for f in factors
        )

    def _print_Broadcast(self, expr: Expression) -> str:
        if not expr.is_of_matrices:
            return self.repeated(expr)
        rows, columns = expr.shape
        if expr.axis == ROWS:
            return self._print(nodes.MatMul(nodes.Ones(rows, 1), expr.argument))
        return self._print(nodes.MatMul(expr.argument, nodes.Ones(1, columns)))

    def repeated(self, expr: Expression) -> str:
        """Return an array that is repeated to a shape."""
        return f"repeat({self._print(expr.argument)}, {shape_text(expr.shape)})"

    def _print_Add(self, expr: Expression, **kwargs: object) -> str:
        if not expr.has(*SPECIAL):
            return super()._print_Add(expr, **kwargs)  # type: ignore[misc]
        return self.signed_sum(ordered_terms(expr))

    def _print_Mul(self, expr: Expression) -> str:
        if not expr.is_Mul or not expr.has(*SPECIAL):
            return super()._print_Mul(expr)  # type: ignore[misc]
        if is_negative(expr):
            return self.minus + self.bracket(-expr, ENTRYWISE)
        below = divisors(expr)
        if below:
            return self.quotient(sympy.Mul(*[f for f in expr.args if f not in below]), 1 / sympy.Mul(*below))
        plain = sympy.Mul(*[factor for factor in expr.args if not factor.has(*SPECIAL)])
        sums = [factor for factor in expr.args if factor.has(*SPECIAL)]
        least = ENTRYWISE if len(sums) == 1 else POWER  # ½ Σ A, but (Σ A) (Σ B)
        factors = [self.bracket(factor, least) for factor in sums]
        return self.times.join(([] if plain == 1 else [self.coefficient(plain)]) + factors)

    def _print_Pow(self, expr: Expression, **options: bool) -> str:
        below = norm_of(1 / expr) if expr.exp.is_negative else None
        if below is not None:
            return f"1/{self.norm(*below)}"
        norm = norm_of(expr)
        return self.norm(*norm) if norm is not None else super()._print_Pow(expr, **options)  # type: ignore[misc]

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return ‖A‖, or a power of it."""
        raise NotImplementedError

    def bracket_name(self, matrix: Matrix) -> str:
        """Return a matrix in a form that indices in square brackets can follow."""
        return self.bracket(matrix, ATOM)

    def _print_Offset(self, expr: Expression) -> str:
        return "+".join(map(self._print, expr.args))

    def _print_Ratio(self, expr: Expression) -> str:
        return self.quotient(*expr.args)

    def _print_Plain(self, expr: Expression) -> str:
        return self._print(expr.value)

    def _print_ByEntry(self, expr: Expression) -> str:
        return "/".join(f"∂{self.name_or_wrapped(operand)}" for operand in expr.args)

    _print_ScalarByEntry = _print_Entrywise = _print_EntryDerivative = _print_Gradient = _print_ByEntry

    def name_or_wrapped(self, operand: Expression) -> str:
        """Return an operand of ∂, in brackets if it is not a name."""
        return self._print(operand) if operand.is_symbol else self.wrap(self._print(operand))

    def quotient(self, above: Expr, below: Expr) -> str:
        """Return a quotient."""
        return f"{self.bracket(above, PRODUCT + 1)}/{self.bracket(below, PRODUCT + 1)}"
