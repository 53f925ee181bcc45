"""A schedule → the text of a Python module that imports NumPy alone."""

import inspect
import textwrap
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import sympy
from sympy import S, Symbol
from sympy.printing.numpy import NumPyPrinter

from symbackprop.blocks import Slice
from symbackprop.functions import FUNCTION, Applied, a, z
from symbackprop.generate import runtime
from symbackprop.generate.schedule import COST, FORWARD, GRADIENT, Schedule, Statement, schedule
from symbackprop.maps import Broadcast, Elementwise
from symbackprop.network import SCALAR
from symbackprop.nodes import Determinant, HadamardPower, Inverse, MatPow, NamedMatrix, OneHot, Transpose
from symbackprop.printing.entries import Plain
from symbackprop.printing.notation import ATOM, POWER, Notation
from symbackprop.printing.text import Text
from symbackprop.shapes import shape_of, shape_text
from symbackprop.tape import Tape


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

    def _module_format(self, fqn: str, register: bool = True) -> str:
        return fqn.replace("numpy.", "np.")

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
        inner = argument.name if argument.is_symbol else f"({self._print(argument)})"
        return _as_step(_with_floats(function.code_expression)).xreplace({z: Symbol(inner)})

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
        return f"np.linalg.inv({self._print(expr.args[0])})"

    def _print_MatPow(self, expr: Any) -> str:
        return f"np.linalg.matrix_power({self._print(expr.args[0])}, {expr.args[1]})"

    def _print_Trace(self, expr: Any) -> str:
        return f"np.trace({self._print(expr.args[0])})"

    def _print_Determinant(self, expr: Any) -> str:
        return f"np.linalg.det({self._print(expr.args[0])})"

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
            return f"np.sqrt({self._print(base)})"
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
        return f"np.abs({self._print(expr.args[0])})"

    def _print_Max(self, expr: Any) -> str:
        return self._in_pairs("np.maximum", expr)

    def _print_Min(self, expr: Any) -> str:
        return self._in_pairs("np.minimum", expr)

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


def _as_step(expression: Any) -> Any:
    """Two constant pieces that meet at 0 as one step, which keeps the type of its argument, and NaN."""
    if not isinstance(expression, sympy.Piecewise) or len(expression.args) != 2:
        return expression
    (low, condition), (high, _) = expression.args
    if not (low.is_number and high.is_number and condition.rhs == 0):
        return expression
    at_zero = 0 if isinstance(condition, sympy.Le) else 1
    return low + (high - low) * sympy.Heaviside(condition.lhs, at_zero)


_VIEWS = (NamedMatrix, Transpose, Broadcast, Slice)  # what prints as an array of somebody else's memory
_LINE = 95  # characters of a statement and the comment beside it


class _ModuleWriter:
    """The text of one module."""

    def __init__(self, tape: Tape, function_names: Mapping[str, str]):
        self.tape = tape
        self.plan: Schedule = schedule(tape)
        self.function_names = function_names
        self.text = Text(function_names)
        self.arguments = tape.network.arguments
        self.names = [symbol.name for symbol in self.arguments]
        self.results = list(tape.result_names)
        self.partials = tape.partials()
        self.helpers: set[str] = set()

    def module(self) -> str:
        functions = [self.function("cost", self.results[:1], "The cost")]
        both = "The cost and its gradients, by one forward and one backward pass"
        functions.append(self.function("cost_and_gradients", self.results, both))
        helpers = dict.fromkeys(f for name in sorted(self.helpers) for f in runtime.HELPERS[name])
        carried: list[Any] = [*helpers, *runtime.CHECKS]
        parts = [self.header(), "import numpy as np", *functions, *(inspect.getsource(f).rstrip() for f in carried)]
        return "\n\n\n".join(parts).replace("\n\n\nimport", "\n\nimport") + "\n"

    def header(self) -> str:
        lines = [f"{e.name} = {self.text.doprint(e.expression)}" for e in self.tape.equations]
        for name, letter in self.function_names.items():
            lines.append(f"{letter}(z) = {self.text.doprint(FUNCTION[name].expression)} ({name})")
        formulas = textwrap.indent("\n".join(lines), "    ")
        return f'"""Cost and gradients of this network, in NumPy alone:\n\n{formulas}\n"""'

    def function(self, name: str, results: list[str], summary: str) -> str:
        printer = NumPySource(self.plan.outputs, self.tape.network.of_role(SCALAR))
        body = [self.line(statement, printer) for statement in self.plan.needed_for(results)]
        returned = results[0] if len(results) == 1 else f"({', '.join(results)})"
        given = ", ".join(f"{n}={n}" for n in self.names)
        sound = f"_sound(({results[0]},), {given})[0]" if len(results) == 1 else f"_sound({returned}, {given})"
        checks = self.further_checks(printer)
        lines = [self.docstring(summary), *self.checks(), *self.sizes(printer), *checks, *body, f"return {sound}"]
        self.helpers |= printer.helpers
        # 1/(1 + exp(1200)) = 1/inf = 0 is right; what is not right, _sound finds in the results
        head = f'@np.errstate(all="ignore")\ndef {name}({", ".join(self.names)}):'
        return head + "\n" + textwrap.indent("\n".join(lines), "    ")

    def docstring(self, summary: str) -> str:
        rows = [f"{s.name}: {shape_text(shape_of(s)) if shape_of(s) else 'a number'}" for s in self.arguments]
        return "\n".join([f'"""{summary}.', "", *rows, '"""'])

    def checks(self) -> list[str]:
        rows = [f"    ({s.name!r}, {s.name}, {_literal(shape_of(s))}),".replace("'", '"') for s in self.arguments]
        comma = "," if len(self.names) == 1 else ""
        return [f"{', '.join(self.names)}{comma} = _checked(", *rows, ")"]

    def further_checks(self, printer: NumPySource) -> list[str]:
        """Of sizes that are made of others, and of what is said to be one-hot."""
        compound = [s for s in self.arguments if any(size.args for size in shape_of(s))]
        one_hot = [s.name for s in self.arguments if isinstance(s, OneHot)]
        printer.helpers.update(["fits"] * bool(compound), ["one_hot"] * bool(one_hot))
        lines = [f'_fits("{s.name}", {s.name}.shape, "{s.shape}", {printer.shape_code(s.shape)})' for s in compound]
        return lines + [f'_one_hot("{name}", {name})' for name in one_hot]

    def sizes(self, printer: NumPySource) -> list[str]:
        lines = [self.size(name) for name in sorted(printer.sizes)]
        if printer.needs_dtype:
            matrices = [s.name for s in self.arguments if shape_of(s)]
            lines.append(f"dtype = np.result_type({', '.join(matrices)})")
        return lines

    def size(self, name: str) -> str:
        places = ((s.name, k) for s in self.arguments for k, size in enumerate(shape_of(s)) if str(size) == name)
        array, axis = next(places)
        return f"{name} = {array}.shape[{axis}]"

    def line(self, statement: Statement, printer: NumPySource) -> str:
        own = ".copy()" if statement.part == GRADIENT and isinstance(statement.expression, _VIEWS) else ""
        code = f"{statement.name} = {printer.doprint(statement.expression)}{own}"
        comment = f"# {self.comment(statement)}"
        beside = f"{code}  {comment}"
        return beside if len(beside) <= _LINE else f"{comment}\n{code}"

    def comment(self, statement: Statement) -> str:
        expression = self.text.doprint(statement.derived)
        if statement.part in (FORWARD, COST):
            return f"{self.text.doprint(Symbol(statement.name))} = {expression}"
        before = self.partials.get(statement.name)
        return f"for f′: {expression}" if before is None else f"{self.text.doprint(before)} = {expression}"


def _literal(shape: tuple[Any, ...]) -> str:
    return repr(tuple(int(size) if size.is_Integer else str(size) for size in shape))


def module_source(tape: Tape, function_names: Mapping[str, str]) -> str:
    """The text of a module with `cost` and `cost_and_gradients` of the tape's network."""
    return _ModuleWriter(tape, function_names).module()
