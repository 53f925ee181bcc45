"""Text of a Python module for any library that follows the array API standard.

Through array-api-compat its functions run on NumPy, PyTorch, JAX (also traced, under `jax.jit`) and dask.
"""

from collections.abc import Iterator, Mapping

import sympy
from sympy import Dummy, Function, Pow, S, Symbol, cosh, exp, log

from symbackprop.backprop.tape import Tape
from symbackprop.codegen import templates
from symbackprop.codegen.numpy_printer import NumPySource, names_in
from symbackprop.codegen.runtime import array_api_runtime as portable_runtime
from symbackprop.codegen.schedule import COST, FORWARD, GRADIENT, Schedule, ScheduledAssignment, schedule
from symbackprop.errors import ArgumentError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.matrices import NamedMatrix, Transpose, postorder
from symbackprop.expressions.operations import Broadcast
from symbackprop.expressions.shapes import shape_of
from symbackprop.expressions.slicing import Slice
from symbackprop.network.network import SCALAR
from symbackprop.printing.notation import POWER
from symbackprop.printing.text import Text, typed

_OTHER_NAMES = {
    **{number: f"np.{number}" for number in ("pi", "e", "euler_gamma", "nan", "inf")},  # Python floats
    **{f"arc{name}": f"xp.a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"concatenate": "xp.concat", "trace": "xp.linalg.trace", "matrix_power": "_matrix_power"},
    **{"Heaviside": "_step", "Sigmoid": "_sigmoid", "sech": "_sech"},
}


class Sigmoid(Function):
    """The function 1/(1 + exp(-u)), printed as a helper in which exp cannot overflow."""

    nargs = 1


class ArrayAPISource(NumPySource):
    """A printer for the array API standard; helpers compute the functions that it lacks."""

    library = "xp"
    names = names_in("xp") | _OTHER_NAMES

    def code_form(self, function: ElementwiseFunction) -> Scalar:
        """Return the expression in z that the code computes, without overflow of exp or cosh."""
        return _without_overflow(super().code_form(function))

    def _created(self, function: str, *arguments: str) -> str:
        self.needs_dtype = True
        return f"xp.{function}({', '.join(arguments)}, dtype=dtype, device=device)"

    # the standard's functions take arrays: Python numbers become arrays first

    def argument_code(self, argument: Expression) -> str:
        """Return the code of a function's argument, as an array."""
        code = super().argument_code(argument)
        return self._created("asarray", code) if self._is_weak(argument) else code

    def _weak(self, expr: Expression, code: str) -> str:
        if isinstance(expr, exp | log) and self._is_weak(expr):
            return f"xp.{expr.func.__name__}({self._created('asarray', self._print(expr.args[0]))})"
        return code

    # matrices

    def norm(self, matrix: Matrix, power: Scalar) -> str:
        """Return the code of a power of the Frobenius norm."""
        code = f"xp.sqrt(xp.sum({self.bracket(matrix, POWER + 1)}**2))"
        return code if power == 1 else f"{code}**{power}"

    def _print_Identity(self, expr: Expression) -> str:
        return self._created("eye", self._print(expr.shape[0]))

    def _print_LowerOnes(self, expr: Expression) -> str:
        return f"xp.tril({self._created('ones', self.shape_code(expr.shape))})"

    def _print_OneMatrix(self, expr: Expression) -> str:
        return self._created(expr.syntax, self.shape_code(expr.shape))

    _print_ZeroMatrix = _print_OneMatrix

    # entry by entry

    _print_Sigmoid = _print_sech = NumPySource._print_Abs

    def _print_Relational(self, expr: Expression) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    def _print_And(self, expr: Expression) -> str:
        return " & ".join(self.wrap(self._print(condition)) for condition in expr.args)

    def _print_Or(self, expr: Expression) -> str:
        return " | ".join(self.wrap(self._print(condition)) for condition in expr.args)

    def _print_Piecewise(self, expr: Expression) -> str:
        """Return nested calls of `where`; of two constants, one becomes an array, to keep the dtype of the data."""
        (argument,) = expr.free_symbols
        *pieces, (rest, last) = expr.args
        if last != True:  # noqa: E712 — SymPy's condition
            pieces, rest = [*expr.args], S.NaN
        code, is_number = self._piece(expr, len(pieces), argument), rest.is_number
        for index in reversed(range(len(pieces))):
            value, condition = pieces[index]
            if value.is_number and is_number:
                code = f"xp.full_like({argument.name}, {code})"
            code, is_number = f"xp.where({self._print(condition)}, {self._piece(expr, index, argument)}, {code})", False
        return code

    def _piece(self, expr: Expression, index: int, argument: Symbol) -> str:
        """Return the code of one case. It runs at every entry; a safe number replaces entries outside of its region."""
        if index == len(expr.args):
            return self.named("nan")
        value = expr.args[index][0]
        if value.is_number:
            return repr(float(value))
        if value.is_polynomial(argument):
            return self._print(value)
        *others, own = [condition for _, condition in expr.args[: index + 1]]
        harmless, inside = repr(_a_number_where(own, others)), argument.name
        for condition in others:
            inside = f"xp.where({self._print(condition)}, {harmless}, {inside})"
        if own != True:  # noqa: E712 — SymPy's condition
            inside = f"xp.where({self._print(own)}, {inside}, {harmless})"
        return self._print(value.xreplace({argument: Symbol(inside)}))


def _a_number_where(condition: Scalar, others: list[Scalar]) -> float:
    """Return a number inside the region where only this condition holds; at its ends, a log may be infinite."""
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


def _without_overflow(expression: Scalar) -> Scalar:
    """Return the expression with 1/(1 + exp u) and 1/cosh u as functions that are 0 where exp and cosh overflow."""

    def divisor(part: Scalar) -> bool:
        return isinstance(part, Pow) and part.exp.is_negative and _bounded(part.base) is not None

    return expression.replace(divisor, lambda part: _bounded(part.base) ** -part.exp)


def _bounded(base: Scalar) -> Scalar | None:
    """Return 1/base as one bounded function, or None if there is none."""
    if isinstance(base, cosh):
        return sympy.sech(*base.args)
    rest = base - 1
    return Sigmoid(-rest.args[0]) if isinstance(rest, exp) else None


_VIEWS = (NamedMatrix, Transpose, Broadcast, Slice)  # their code returns the memory of another array


class _ModuleWriter:
    """Writer of the text of one module for any library."""

    def __init__(self, tape: Tape, function_names: Mapping[str, str]):
        self.tape = tape
        self.plan: Schedule = schedule(tape)
        self.text = Text(function_names)
        self.arguments = tape.network.arguments
        self.names = [symbol.name for symbol in self.arguments]
        self.partials = tape.partials()

    def function(self, name: str, summary: str, results: tuple[str, ...]) -> str:
        """Return the text of a function with this name and docstring, which returns these results."""
        printer = ArrayAPISource(self.plan.outputs, self.tape.network.of_role(SCALAR))
        body = [self.line(assignment, printer) for assignment in self.plan.needed_for(results)]
        checks = templates.further_checks(
            self.tape.network, printer.shape_code, lambda s: f"{s.name} = _one_hot({s.name})"
        )
        end = f"return {results[0] if name == 'cost' else templates.tuple_of(results)}"
        start = [templates.docstring(summary, self.arguments), *self.checks(), *self.sizes(printer)]
        return templates.define(name, self.names, [*start, *checks, *body, end])

    def checks(self) -> list[str]:
        """Return the lines that convert the arguments and check their shapes."""
        rows = [f'    ("{s.name}", {s.name}, {templates.literal(shape_of(s))}),' for s in self.arguments]
        return [f"xp, {', '.join(self.names)} = _checked(", *rows, ")"]

    def sizes(self, printer: NumPySource) -> list[str]:
        """Return the lines that read sizes, dtype and device from the arguments."""
        lines, _ = templates.read_sizes(printer.sizes, templates.shapes(self.arguments))
        first = next(s.name for s in self.arguments if shape_of(s))
        return lines + [f"dtype, device = {first}.dtype, _device({first})"] * printer.needs_dtype

    def line(self, assignment: ScheduledAssignment, printer: ArrayAPISource) -> str:
        """Return an assignment as a line of code with its comment."""
        code = printer.doprint(assignment.expression)
        if assignment.part == GRADIENT and isinstance(assignment.expression, _VIEWS):
            code = f"xp.asarray({code}, copy=True)"
        return templates.commented(f"{assignment.name} = {code}", self.comment(assignment))

    def comment(self, assignment: ScheduledAssignment) -> str:
        """Return the assignment in the notation of the derivation."""
        expression = self.text.doprint(assignment.derived)
        if assignment.part in (FORWARD, COST):
            return f"{self.text.doprint(Symbol(assignment.name))} = {expression}"
        before = self.partials.get(assignment.name)
        return f"for f′: {expression}" if before is None else f"{self.text.doprint(before)} = {expression}"


def _parts(tape: Tape) -> Iterator[Expression]:
    expressions = (*(e.expression for e in (*tape.equations, *tape.adjoints)), *tape.gradients.values())
    return (part for expression in expressions for part in postorder(expression))


def portable_source(tape: Tape, function_names: Mapping[str, str]) -> str:
    """Return the text of a module with `cost` and `cost_and_gradients` for arrays of any library.

    Raises:
        ArgumentError: the network has arrays with one axis, or more than two.
    """
    other = next((part for part in _parts(tape) if len(shape_of(part)) not in (0, 2)), None)
    if other is not None or not all(map(shape_of, tape.network.parameters)):
        what = (
            "a parameter without axes" if other is None else f"{typed(other):.60}, which is {shape_text(other.shape)}"
        )
        raise ArgumentError(
            f"code for the array API is written for networks of matrices; this one has {what}; to_source('numpy') and "
            "to_numpy() can do it"
        )
    writer = _ModuleWriter(tape, function_names)
    functions = [*(writer.function(*each) for each in templates.functions(tape)), *templates.cost_and_gradients(tape)]
    carried = [*templates.helpers_in(functions, portable_runtime.HELPERS), *portable_runtime.ALWAYS]
    head = templates.header(tape, function_names, "for arrays of NumPy, PyTorch, JAX or dask")
    return "\n\n\n".join([f"{head}\n\n{portable_runtime.IMPORTS}", *functions, *templates.sources_of(carried)]) + "\n"
