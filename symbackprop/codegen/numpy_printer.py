"""One expression → NumPy source."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import sympy
from sympy import S, Symbol
from sympy.printing.numpy import NumPyPrinter

from symbackprop.codegen.entrywise import as_step
from symbackprop.expressions.functions import Applied, a, z
from symbackprop.expressions.matrices import Determinant, HadamardPower, Inverse, MatPow
from symbackprop.expressions.operations import Elementwise
from symbackprop.printing.entries import Plain
from symbackprop.printing.notation import ATOM, POWER, Notation


class NumPySource(Notation, NumPyPrinter):
    """Expressions as NumPy source; it notes which sizes and helpers the text uses."""

    times = " * "
    product = " @ "
    entrywise = " * "
    sums_are_calls = True

    def __init__(self, outputs: Mapping[Elementwise, str], hyperparameters: Iterable[Symbol] = ()):
        super().__init__()
        self._outputs = outputs
        self._hyperparameters = frozenset(hyperparameters)
        self.sizes: set[str] = set()
        self.helpers: set[str] = set()
        self.needs_dtype = False

    def named(self, function: str) -> str:
        """A function of NumPy's by its whole name."""
        return f"np.{function}"

    def _module_format(self, fqn: str, register: bool = True) -> str:
        return self.named(fqn.removeprefix("numpy."))

    def level(self, expression: Any) -> int:
        if isinstance(expression, HadamardPower):
            return POWER
        if isinstance(expression, Inverse | MatPow):
            return ATOM
        mapped = isinstance(expression, Elementwise | Applied)
        return super().level(self._scalar_form(expression) if mapped else expression)

    def _scalar_form(self, node: Any) -> Any:
        """The map as a scalar expression in a symbol that is printed as the argument."""
        function, argument = node.function, node.operands[0]
        if isinstance(node, Elementwise) and function.order == 1 and function.row.prime_of_output is not None:
            stored = self._outputs[Elementwise(function.undifferentiated, argument)]
            return function.row.prime_of_output.xreplace({a: Symbol(stored)})
        return self.code_form(function).xreplace({z: Symbol(self.argument_code(argument))})

    def argument_code(self, argument: Any) -> str:
        return str(argument.name) if argument.is_symbol else f"({self._print(argument)})"

    def code_form(self, function: Any) -> Any:
        """The expression in z that the code computes."""
        return as_step(_with_floats(function.code_expression))

    def _print_Elementwise(self, expr: Any) -> str:
        return self._print(self._scalar_form(expr))

    def _print_Applied(self, expr: Any) -> str:
        return self._weak(expr, self._print_Elementwise(expr))

    def _weak(self, expr: Any, code: str) -> str:
        """A function of sizes and hyperparameters as Python's float: NumPy's would make float64 of float32."""
        return f"float({code})" if self._is_weak(expr) else code

    def _is_weak(self, expr: Any) -> bool:
        return all(symbol.is_integer or symbol in self._hyperparameters for symbol in expr.free_symbols)

    def fraction(self, factors: list[Any]) -> tuple[list[Any], list[Any]]:
        above, below = super().fraction(factors)
        return above or [Plain(S.One)], below

    def over(self, above: list[Any], below: list[Any]) -> str:
        return " / ".join([self.factors(above), *(self.factors([factor]) for factor in below)])

    def norm(self, matrix: Any, power: Any) -> str:
        return f"np.linalg.norm({self._print(matrix)})" + ("" if power == 1 else f"**{power}")

    def _print_Inverse(self, expr: Any) -> str:
        return f"{self.named('linalg.inv')}({self._print(expr.args[0])})"

    def _print_MatPow(self, expr: Any) -> str:
        return f"np.linalg.matrix_power({self._print(expr.args[0])}, {expr.args[1]})"

    def _print_Trace(self, expr: Any) -> str:
        return f"np.trace({self._print(expr.args[0])})"

    def _print_Determinant(self, expr: Any) -> str:
        return f"{self.named('linalg.det')}({self._print(expr.args[0])})"

    def _print_log(self, expr: Any) -> str:
        (inner,) = expr.args
        if isinstance(inner, Determinant):  # which may be too large or too small for a float, where its log is not
            self.helpers.add("logdet")
            return f"_logdet({self._print(inner.args[0])})"
        return self._weak(expr, super()._print_log(expr))

    def _print_exp(self, expr: Any) -> str:
        return self._weak(expr, super()._print_exp(expr))

    def _print_Identity(self, expr: Any) -> str:
        self.needs_dtype = True
        return f"np.eye({self._print(expr.shape[0])}, dtype=dtype)"

    def helper_call(self, name: str, argument: Any, axis: int) -> str:
        self.helpers.add(name)
        return f"_{name}({self._print(argument)}, {axis})"

    def shape_code(self, shape: Any) -> str:
        return f"({', '.join(self._print(size) for size in shape)})"

    def _print_Symbol(self, expr: Any) -> str:
        if expr.is_integer:
            self.sizes.add(expr.name)
        return str(expr.name)

    def _print_MatrixSymbol(self, expr: Any) -> str:
        return str(expr.name)

    def _print_Transpose(self, expr: Any) -> str:
        return f"{self.bracket(expr.args[0], POWER + 1)}.T"

    def _print_HadamardPower(self, expr: Any) -> str:
        base, exponent = expr.args
        if exponent == S.Half:
            return f"{self.named('sqrt')}({self._print(base)})"
        if exponent.is_negative:
            return self.over([Plain(S.One)], [HadamardPower(base, -exponent)])
        return "**".join(self.bracket(part, POWER + 1) for part in expr.args)

    def _print_erf(self, expr: Any) -> str:
        self.helpers.add("erf")
        return f"_erf({self._print(expr.args[0])})"

    def _print_erfc(self, expr: Any) -> str:
        self.helpers.add("erfc")
        return f"_erfc({self._print(expr.args[0])})"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        if expr.exp == -1:
            return f"1/{self.bracket(expr.base, POWER + 1)}"
        if expr.exp in (S.Half, -S.Half) and self._is_weak(expr):
            return f"{self.bracket(expr.base, POWER + 1)}**{float(expr.exp)}"
        return str(super()._print_Pow(expr, rational=rational))

    def _print_OneMatrix(self, expr: Any) -> str:
        return self._filled("ones", expr)

    def _print_LowerOnes(self, expr: Any) -> str:
        self.needs_dtype = True
        return f"np.tri{self.shape_code(expr.shape)[:-1]}, dtype=dtype)"

    def _print_ZeroMatrix(self, expr: Any) -> str:
        return self._filled("zeros", expr)

    def _filled(self, function: str, expr: Any) -> str:
        self.needs_dtype = True
        return f"np.{function}({self.shape_code(expr.shape)}, dtype)"

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Heaviside(self, expr: Any) -> str:
        return f"np.heaviside({self._print(expr.args[0])}, {self._print(expr.args[1])})"

    def _print_Abs(self, expr: Any) -> str:
        return f"{self.named('abs')}({self._print(expr.args[0])})"

    def _print_Max(self, expr: Any) -> str:
        return self._in_pairs(self.named("maximum"), expr)

    def _print_Min(self, expr: Any) -> str:
        return self._in_pairs(self.named("minimum"), expr)

    def _print_Piecewise(self, expr: Any) -> str:
        """Constant cases are arrays of the argument's own type: np.select would make float64 of plain numbers."""
        (argument,) = expr.free_symbols
        cases = [(value, condition) for value, condition in expr.args]
        conditions = ", ".join(self._print(condition) for _, condition in cases)
        values = ", ".join(
            f"np.full_like({argument.name}, {self._print(sympy.N(value, 17))})"
            if value.is_number
            else self._print(value)
            for value, _ in cases
        )
        return f"np.select([{conditions}], [{values}], default=np.nan)"

    def _in_pairs(self, function: str, expr: Any) -> str:
        """Of two at a time; of equal ones NumPy takes the second."""
        pieces = map(self._print, sorted(expr.args, key=lambda arg: arg.is_number))
        return reduce(lambda one, other: f"{function}({one}, {other})", pieces)


def _with_floats(expression: Any) -> Any:
    """Irrational factors as Python's floats: a NumPy scalar such as np.sqrt(2) would make float64 of float32."""
    expression = expression.replace(lambda part: isinstance(part, sympy.log) and part.is_number, lambda log: log.n(17))
    irrational = [part for part in expression.atoms(sympy.Pow, sympy.NumberSymbol) if part.is_number]

    def rounded(product: Any) -> Any:
        coefficient, rest = product.as_independent(z, as_Add=False)
        return sympy.N(coefficient, 17) * rest

    if not irrational:
        return expression
    return expression.replace(lambda part: part.is_Mul and part.has(z) and part.has(*irrational), rounded)
