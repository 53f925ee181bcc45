"""Printing of expressions as NumPy source."""

from collections.abc import Iterable, Mapping
from functools import reduce

import sympy
from sympy import S, Symbol
from sympy.printing.numpy import NumPyPrinter

from symbackprop.codegen.entrywise import as_step
from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.functions import Applied, ElementwiseFunction, a, z
from symbackprop.expressions.matrices import Determinant, HadamardPower, Inverse, MatPow
from symbackprop.expressions.operations import Elementwise
from symbackprop.printing.entries import Plain
from symbackprop.printing.notation import ATOM, POWER
from symbackprop.printing.styles import Code


def names_in(library: str) -> dict[str, str]:
    """Return the full names of the functions whose names in a library differ from those of nodes and SymPy classes."""
    linear_algebra = {name: f"{library}.linalg.{name}" for name in ("inv", "det", "norm", "matrix_power")}
    entrywise = {"Abs": "abs", "Heaviside": "heaviside", "Max": "maximum", "Min": "minimum"}
    names = {name: f"{library}.{function}" for name, function in entrywise.items()}
    return linear_algebra | names | {name: f"_{name}" for name in ("erf", "erfc", "loggamma", "polygamma")}


class NumPySource(Code, NumPyPrinter):
    """A printer of expressions as NumPy source, which records the sizes that the text uses."""

    library = "np"
    names = names_in("np")

    def __init__(self, outputs: Mapping[Elementwise, str], hyperparameters: Iterable[Symbol] = ()):
        super().__init__()
        self._outputs = outputs
        self._hyperparameters = frozenset(hyperparameters)
        self.sizes: set[str] = set()
        self.needs_dtype = False

    def named(self, function: str) -> str:
        """Return the full name of a library function, given that of a node or SymPy class; a helper's is `_erf`."""
        return self.names.get(function, f"{self.library}.{function}")

    def _module_format(self, fqn: str, register: bool = True) -> str:
        return self.named(fqn.removeprefix("numpy."))

    def level(self, expression: Expression) -> int:
        """Return the precedence of the expression's code."""
        if isinstance(expression, HadamardPower):
            return POWER
        if isinstance(expression, Inverse | MatPow):
            return ATOM
        is_function = isinstance(expression, Elementwise | Applied)
        return super().level(self._scalar_form(expression) if is_function else expression)

    def _scalar_form(self, node: Elementwise | Applied) -> Scalar:
        """Return the function as a scalar expression in a symbol that is printed as the argument."""
        function, argument = node.function, node.operands[0]
        if isinstance(node, Elementwise) and function.prime_of_output is not None:
            return function.prime_of_output.xreplace({a: Symbol(self._outputs[node.output])})
        return self.code_form(function).xreplace({z: Symbol(self.argument_code(argument))})

    def argument_code(self, argument: Expression) -> str:
        """Return the code of a function's argument."""
        return str(argument.name) if argument.is_symbol else f"({self._print(argument)})"

    def code_form(self, function: ElementwiseFunction) -> Scalar:
        """Return the expression in z that the code computes."""
        return as_step(_with_floats(function.code_expression))

    def _print_Elementwise(self, expr: Expression) -> str:
        return self._print(self._scalar_form(expr))

    def _print_Applied(self, expr: Expression) -> str:
        return self._weak(expr, self._print_Elementwise(expr))

    def _weak(self, expr: Scalar, code: str) -> str:
        """Return a function of sizes and hyperparameters as a Python float, so that float32 stays float32."""
        return f"float({code})" if self._is_weak(expr) else code

    def _is_weak(self, expr: Expression) -> bool:
        return all(symbol.is_integer or symbol in self._hyperparameters for symbol in expr.free_symbols)

    def fraction(self, factors: list[Expression]) -> tuple[list[Expression], list[Expression]]:
        """Return the numerator, never empty, and the denominator."""
        above, below = super().fraction(factors)
        return above or [Plain(S.One)], below

    def _print_log(self, expr: Expression) -> str:
        (inner,) = expr.args
        if isinstance(inner, Determinant):  # it may be too large or too small for a float although its log is not
            return f"_logdet({self._print(inner.args[0])})"
        if isinstance(inner, sympy.Pow) and isinstance(inner.base, Determinant) and inner.exp == 2:
            return f"_log_of_squared_det({self._print(inner.base.args[0])})"
        return self._weak(expr, super()._print_log(expr))

    def _print_exp(self, expr: Expression) -> str:
        return self._weak(expr, super()._print_exp(expr))

    def _print_Identity(self, expr: Expression) -> str:
        self.needs_dtype = True
        return f"np.eye({self._print(expr.shape[0])}, dtype=dtype)"

    def _print_Symbol(self, expr: Expression) -> str:
        if expr.is_integer:
            self.sizes.add(expr.name)
        return str(expr.name)

    def _print_HadamardPower(self, expr: Expression) -> str:
        base, exponent = expr.args
        if exponent.is_negative:
            return self.over([Plain(S.One)], [HadamardPower(base, -exponent)])
        return super()._print_HadamardPower(expr)

    def _print_Pow(self, expr: Expression, **options: bool) -> str:
        if expr.exp == -1:
            return f"1/{self.bracket(expr.base, ATOM)}"
        if expr.exp in (S.Half, -S.Half) and self._is_weak(expr):
            return f"{self.bracket(expr.base, ATOM)}**{float(expr.exp)}"
        return super()._print_Pow(expr, **options)

    def _print_OneMatrix(self, expr: Expression) -> str:
        self.needs_dtype = True
        return f"np.{expr.syntax}({self.shape_code(expr.shape)}, dtype)"

    _print_ZeroMatrix = _print_OneMatrix

    def _print_LowerOnes(self, expr: Expression) -> str:
        self.needs_dtype = True
        return f"np.tri{self.shape_code(expr.shape)[:-1]}, dtype=dtype)"

    def _print_Float(self, expr: Expression) -> str:
        return repr(float(expr))

    def _print_Abs(self, expr: Expression) -> str:
        return self.call(type(expr).__name__, *expr.args)

    _print_Heaviside = _print_erf = _print_erfc = _print_loggamma = _print_polygamma = _print_Abs

    def _print_Max(self, expr: Expression) -> str:
        """Return a maximum or minimum by pairs, numbers last, because NumPy returns the second of equal operands."""
        function = self.named(type(expr).__name__)
        pieces = map(self._print, sorted(expr.args, key=lambda arg: arg.is_number))
        return reduce(lambda one, other: f"{function}({one}, {other})", pieces)

    _print_Min = _print_Max

    def _print_Piecewise(self, expr: Expression) -> str:
        """Return np.select, with constants as arrays of the argument's dtype, since plain numbers would be float64."""
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


def _with_floats(expression: Scalar) -> Scalar:
    """Return irrational factors as Python floats; a NumPy scalar such as np.sqrt(2) would turn float32 into float64."""
    expression = expression.replace(lambda part: isinstance(part, sympy.log) and part.is_number, lambda log: log.n(17))
    irrational = [part for part in expression.atoms(sympy.Pow, sympy.NumberSymbol) if part.is_number]

    def rounded(product: Scalar) -> Scalar:
        coefficient, rest = product.as_independent(z, as_Add=False)
        return sympy.N(coefficient, 17) * rest

    if not irrational:
        return expression
    return expression.replace(lambda part: part.is_Mul and part.has(z) and part.has(*irrational), rounded)
