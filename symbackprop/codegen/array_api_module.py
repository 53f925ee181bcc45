"""A schedule → the text of a Python module for any library that follows the array API standard.

Its functions run on NumPy, PyTorch, JAX (also traced, under `jax.jit`) and dask, by way of array-api-compat.
"""

from collections.abc import Mapping
from typing import Any

import sympy
from sympy import Dummy, Function, Pow, S, Symbol, cosh, exp

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.runtime import array_api_runtime as portable_runtime
from symbackprop.codegen.schedule import COST, FORWARD, GRADIENT, Schedule, Statement, schedule
from symbackprop.codegen.templates import (
    FUNCTIONS,
    commented,
    define,
    docstring,
    header,
    literal,
    place_of,
    sources_of,
    tuple_of,
)
from symbackprop.expressions.matrices import NamedMatrix, OneHot, Transpose
from symbackprop.expressions.operations import Broadcast
from symbackprop.expressions.shapes import shape_of
from symbackprop.expressions.slicing import Slice
from symbackprop.network.network import SCALAR
from symbackprop.printing.notation import POWER
from symbackprop.printing.text import Text

_NUMBERS = {"pi", "e", "euler_gamma", "nan", "inf"}  # of Python's own type
_OTHER_NAMES = {"concatenate": "concat"} | {
    f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")
}


class Sigmoid(Function):
    """1/(1 + exp(-u)), of which no exp overflows."""

    nargs = 1


class ArrayAPISource(NumPySource):
    """Expressions in the words of the standard; what it lacks is a helper."""

    def named(self, function: str) -> str:
        return f"np.{function}" if function in _NUMBERS else f"xp.{_OTHER_NAMES.get(function, function)}"

    def code_form(self, function: Any) -> Any:
        return _without_overflow(super().code_form(function))

    def _call(self, helper: str, *arguments: Any) -> str:
        self.helpers.add(helper)
        return f"_{helper}({', '.join(map(self._print, arguments))})"

    def _created(self, function: str, *arguments: str) -> str:
        self.needs_dtype = True
        return f"xp.{function}({', '.join(arguments)}, dtype=dtype, device=device)"

    # functions of Python's numbers: they become arrays first, which the standard's functions are for

    def argument_code(self, node: Any) -> str:
        code = super().argument_code(node)
        return self._created("asarray", code) if self._is_weak(node) else code

    def _weak(self, expr: Any, code: str) -> str:
        return code

    def _print_exp(self, expr: Any) -> str:
        return self._function(expr) if self._is_weak(expr) else super()._print_exp(expr)

    def _print_log(self, expr: Any) -> str:
        return self._function(expr) if self._is_weak(expr) else super()._print_log(expr)

    def _function(self, expr: Any) -> str:
        return f"xp.{expr.func.__name__}({self._created('asarray', self._print(expr.args[0]))})"

    # matrices

    def norm(self, matrix: Any, power: Any) -> str:
        code = f"xp.sqrt(xp.sum({self.bracket(matrix, POWER + 1)}**2))"
        return code if power == 1 else f"{code}**{power}"

    def _print_Trace(self, expr: Any) -> str:
        return f"xp.linalg.trace({self._print(expr.args[0])})"

    def _print_MatPow(self, expr: Any) -> str:
        return self._call("matrix_power", *expr.args)

    def _print_Identity(self, expr: Any) -> str:
        return self._created("eye", self._print(expr.shape[0]))

    def _print_LowerOnes(self, expr: Any) -> str:
        return f"xp.tril({self._filled('ones', expr)})"

    def _filled(self, function: str, expr: Any) -> str:
        return self._created(function, self.shape_code(expr.shape))

    # entry by entry

    def _print_Sigmoid(self, expr: Any) -> str:
        return self._call("sigmoid", *expr.args)

    def _print_sech(self, expr: Any) -> str:
        return self._call("sech", *expr.args)

    def _print_Heaviside(self, expr: Any) -> str:
        return self._call("step", *expr.args)

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " & ".join(self.wrap(self._print(condition)) for condition in expr.args)

    def _print_Or(self, expr: Any) -> str:
        return " | ".join(self.wrap(self._print(condition)) for condition in expr.args)

    def _print_Piecewise(self, expr: Any) -> str:
        """`where` in `where`; of two numbers one is made an array, or the library would choose the type."""
        (argument,) = expr.free_symbols
        *pieces, (rest, last) = expr.args
        if last != True:  # noqa: E712 — SymPy's condition
            pieces, rest = [*expr.args], S.NaN
        code, is_number = self._piece(expr, len(pieces), argument), rest.is_number
        for rank in reversed(range(len(pieces))):
            value, condition = pieces[rank]
            if value.is_number and is_number:
                code = f"xp.full_like({argument.name}, {code})"
            code, is_number = f"xp.where({self._print(condition)}, {self._piece(expr, rank, argument)}, {code})", False
        return code

    def _piece(self, expr: Any, rank: int, argument: Symbol) -> str:
        """A piece, which is computed everywhere: where another one counts, at a number that does no harm."""
        if rank == len(expr.args):
            return self.named("nan")
        value = expr.args[rank][0]
        if value.is_number:
            return repr(float(value))
        if value.is_polynomial(argument):
            return self._print(value)
        *others, own = [condition for _, condition in expr.args[: rank + 1]]
        harmless, inside = repr(_a_number_where(own, others)), argument.name
        for condition in others:
            inside = f"xp.where({self._print(condition)}, {harmless}, {inside})"
        if own != True:  # noqa: E712
            inside = f"xp.where({self._print(own)}, {inside}, {harmless})"
        return self._print(value.xreplace({argument: Symbol(inside)}))


def _a_number_where(condition: Any, others: list[Any]) -> float:
    """A number for which the condition holds, and the others do not; not at an end, where a log may be infinite."""
    real = Dummy(real=True)
    holds, *fail = [c.xreplace(dict.fromkeys(c.free_symbols, real)).as_set() for c in (condition, *others)]
    region = sympy.Intersection(S.Reals, holds) - sympy.Union(*fail)
    interval = region.args[0] if isinstance(region, sympy.Union) else region
    if not isinstance(interval, sympy.Interval):
        return 0.0
    start, end = interval.start, interval.end
    if start.is_infinite or end.is_infinite:
        return float(start + 1 if start.is_finite else end - 1 if end.is_finite else 0)
    return float((start + end) / 2)


def _without_overflow(expression: Any) -> Any:
    """1/(1 + exp u) and 1/cosh u as functions of their own, which are 0 where those exponentials are infinite."""

    def divisor(part: Any) -> bool:
        return isinstance(part, Pow) and part.exp.is_negative and _bounded(part.base) is not None

    return expression.replace(divisor, lambda part: _bounded(part.base) ** -part.exp)


def _bounded(base: Any) -> Any:
    """1 over the base, where a function of its own is that."""
    if isinstance(base, cosh):
        return sympy.sech(*base.args)
    grown = base - 1
    return Sigmoid(-grown.args[0]) if isinstance(grown, exp) else None


_VIEWS = (NamedMatrix, Transpose, Broadcast, Slice)  # what prints as an array of somebody else's memory


class _Writer:
    """The text of one module for any library."""

    def __init__(self, tape: Tape, function_names: Mapping[str, str]):
        self.tape = tape
        self.plan: Schedule = schedule(tape)
        self.text = Text(function_names)
        self.arguments = tape.network.arguments
        self.names = [symbol.name for symbol in self.arguments]
        self.partials = tape.partials()
        self.helpers: set[str] = set()

    def function(self, name: str, summary: str, results: tuple[str, ...]) -> str:
        printer = ArrayAPISource(self.plan.outputs, self.tape.network.of_role(SCALAR))
        body = [self.line(statement, printer) for statement in self.plan.needed_for(results)]
        checks = self.further_checks(printer)
        end = f"return {results[0] if len(results) == 1 else tuple_of(results)}"
        start = [docstring(summary, self.arguments), *self.checks(), *self.sizes(printer)]
        self.helpers |= printer.helpers
        return define(name, self.names, [*start, *checks, *body, end])

    def checks(self) -> list[str]:
        rows = [f'    ("{s.name}", {s.name}, {literal(shape_of(s))}),' for s in self.arguments]
        return [f"xp, {', '.join(self.names)} = _checked(", *rows, ")"]

    def further_checks(self, printer: NumPySource) -> list[str]:
        """Of sizes that are made of others, and of what is said to be one-hot."""
        compound = [s for s in self.arguments if any(size.args for size in shape_of(s))]
        one_hot = [s.name for s in self.arguments if isinstance(s, OneHot)]
        printer.helpers.update(["fits"] * bool(compound), ["one_hot"] * bool(one_hot))
        lines = [f'_fits("{s.name}", {s.name}.shape, "{s.shape}", {printer.shape_code(s.shape)})' for s in compound]
        return lines + [f"{name} = _one_hot({name})" for name in one_hot]

    def sizes(self, printer: NumPySource) -> list[str]:
        lines = [f"{name} = {place_of(name, self.arguments)}" for name in sorted(printer.sizes)]
        first = next(s.name for s in self.arguments if shape_of(s))
        return lines + [f"dtype, device = {first}.dtype, _device({first})"] * printer.needs_dtype

    def line(self, statement: Statement, printer: ArrayAPISource) -> str:
        code = printer.doprint(statement.expression)
        if statement.part == GRADIENT and isinstance(statement.expression, _VIEWS):
            code = f"xp.asarray({code}, copy=True)"
        return commented(f"{statement.name} = {code}", self.comment(statement))

    def comment(self, statement: Statement) -> str:
        expression = self.text.doprint(statement.derived)
        if statement.part in (FORWARD, COST):
            return f"{self.text.doprint(Symbol(statement.name))} = {expression}"
        before = self.partials.get(statement.name)
        return f"for f′: {expression}" if before is None else f"{self.text.doprint(before)} = {expression}"


def portable_source(tape: Tape, function_names: Mapping[str, str]) -> str:
    """The text of a module with `cost` and `cost_and_gradients` for arrays of any library."""
    writer, results = _Writer(tape, function_names), tape.result_names
    wanted = zip(FUNCTIONS.items(), (results[:1], results), strict=True)
    functions = [writer.function(name, summary, found) for (name, summary), found in wanted]
    carried: list[Any] = [f for name in sorted(writer.helpers) for f in portable_runtime.HELPERS[name]]
    carried += portable_runtime.ALWAYS
    top = f"{header(tape, function_names, 'for arrays of NumPy, PyTorch, JAX or dask')}\n\n{portable_runtime.IMPORTS}"
    return "\n\n\n".join([top, *functions, *sources_of(carried)]) + "\n"
