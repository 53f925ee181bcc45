"""Text of a NumPy module as a textbook prints it: one line for each formula of the derivation, with its names."""

from collections.abc import Iterator, Mapping

from sympy import Symbol

from symbackprop.backprop.tape import Tape
from symbackprop.codegen import templates
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.codegen.runtime import numpy_runtime as runtime
from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.functions import ElementwiseFunction, a, z
from symbackprop.expressions.operations import FunctionOf, Largest, LogSoftmax, LogSumExp, Softmax
from symbackprop.expressions.shapes import shape_of
from symbackprop.printing.folding import fold
from symbackprop.printing.notation import ATOM

_HELPERS = {
    "softmax": """def softmax(z, axis):
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))  # no overflow, and the same quotients
    return e / np.sum(e, axis=axis, keepdims=True)""",
    "logsumexp": """def logsumexp(z, axis):
    m = np.max(z, axis=axis, keepdims=True)
    return m + np.log(np.sum(np.exp(z - m), axis=axis, keepdims=True))""",
    "log_softmax": """def log_softmax(z, axis):
    return z - logsumexp(z, axis=axis)""",
}
_NEEDS = {"log_softmax": ("logsumexp", "log_softmax")}
_LINE = 92  # characters of a line
_MADE_WITH = "written for people, in NumPy alone; the arguments are not checked"


def textbook_source(tape: Tape, function_names: Mapping[str, str]) -> str:
    """Return the text of a module with `cost` and `cost_and_gradients`, without anything that makes it fast."""
    printer = _Printer(tape, function_names)
    names = [str(symbol.name) for symbol in tape.network.arguments]
    lines = [*_statements(tape, printer), f"return {templates.listing(list(tape.result_names))}"]
    sizes, _ = templates.read_sizes(printer.sizes, templates.shapes(tape.network.arguments))
    first = next(symbol for symbol in tape.network.arguments if shape_of(symbol))
    dtype = [f"dtype = {first.name}.dtype"] if printer.needs_dtype else []
    described = templates.docstring(templates.both(tape), tape.network.arguments)
    both = templates.define("cost_and_gradients", names, [described, *sizes, *dtype, *lines])
    cost = templates.define("cost", names, [f"return cost_and_gradients({', '.join(names)})[0]"])
    definitions = [*printer.definitions()]
    texts = [*definitions, both]
    carried = templates.helpers_in(texts, runtime.HELPERS)
    parts = [
        f"{templates.header(tape, function_names, _MADE_WITH)}\n\nimport numpy as np",
        *printer.helpers(),
        *definitions,
        both,
        cost,
        *templates.backward(tape),
        *templates.sources_of(carried),
    ]
    return "\n\n\n".join(parts) + "\n"


def _statements(tape: Tape, printer: "_Printer") -> Iterator[str]:
    """Yield the forward pass, then each adjoint and gradient in the order of the derivation."""
    for equation in tape.equations:
        yield _assignment(equation.name, printer.doprint(equation.expression))
    yield ""
    for name, expression in _backward(tape):
        yield _assignment(name, printer.doprint(expression))


def _assignment(name: str, code: str) -> str:
    """Return an assignment, in several lines if it is long."""
    line = f"{name} = {code}"
    return line if len(line) <= _LINE else "\n".join([f"{name} = (", *fold(f"    {code}", _LINE), ")"])


def _backward(tape: Tape) -> Iterator[tuple[str, Expression]]:
    """Yield the adjoints that are used, and each gradient as soon as its adjoints are known."""
    adjoints = {adjoint.symbol: adjoint for adjoint in tape.used_adjoints}
    waiting = {tape.gradient_name(name): expression for name, expression in tape.gradients.items()}
    missing = set(adjoints)
    for adjoint in (None, *adjoints.values()):
        if adjoint is not None:
            yield adjoint.name, adjoint.expression
            missing.discard(adjoint.symbol)
        for name in [name for name, expression in waiting.items() if not missing & expression.free_symbols]:
            yield name, waiting.pop(name)


class _Printer(NumPySource):
    """A printer of formulas that calls f and f_prime, and keeps what the module must define."""

    def __init__(self, tape: Tape, function_names: Mapping[str, str]):
        super().__init__({}, [symbol for symbol in tape.network.arguments if not shape_of(symbol)])
        self._function_names = function_names
        self._taken = {str(s) for s in (*tape.network.symbols, *tape.network.dimensions, *tape.result_names)}
        self._taken |= {adjoint.name for adjoint in tape.adjoints}
        self._functions: dict[ElementwiseFunction, str] = {}
        self._called: set[str] = set()

    def function_name(self, function: ElementwiseFunction) -> str:
        """Return the name of a function in the module, and keep the function."""
        if function not in self._functions:
            name = self._function_names.get(function.name, function.name) + ("", "_prime")[function.order > 0]
            name += str(function.order) if function.order > 1 else ""
            while name in self._taken:
                name += "_"
            self._taken.add(name)
            self._functions[function] = name
        return self._functions[function]

    def definitions(self) -> Iterator[str]:
        """Yield the text of each function that was printed, and of each that these call."""
        printed: dict[ElementwiseFunction, str] = {}
        while left := [function for function in self._functions if function not in printed]:
            printed |= {function: self._definition(function) for function in left}
        yield from (printed[function] for function in sorted(printed, key=lambda f: (f.name, f.order)))

    def helpers(self) -> list[str]:
        """Return the texts of the functions of rows and columns that were printed."""
        names = dict.fromkeys(helper for name in sorted(self._called) for helper in _NEEDS.get(name, (name,)))
        return [_HELPERS[name] for name in names]

    def _definition(self, function: ElementwiseFunction) -> str:
        form, output = self.code_form(function), function.prime_of_output
        if output is not None:
            lines = [f"{a} = {self._call(function.undifferentiated, 'z')}", f"return {self._print(output)}"]
        else:
            lines = [f"return {self._print(form)}"]
        return templates.define(self.function_name(function), ["z"], lines)

    def level(self, expression: Expression) -> int:
        """Return the precedence of the expression's code."""
        return ATOM if isinstance(expression, FunctionOf) else super().level(expression)

    def _print(self, expr: Expression, **kwargs: object) -> str:
        if isinstance(expr, Largest):
            return expr._typed(self)
        if isinstance(expr, LogSumExp | Softmax | LogSoftmax):
            self._called.add(expr.syntax)
            return f"{expr.syntax}({self._print(expr.argument)}, axis={expr.axis})"
        if isinstance(expr, FunctionOf):
            return self._call(expr.function, self._print(expr.args[1]))
        return str(super()._print(expr, **kwargs))

    def _call(self, function: ElementwiseFunction, argument: str) -> str:
        """Return the call of a function of NumPy or of the module."""
        form = self.code_form(function)
        if function.name in self._function_names or not _is_library_function(form):
            return f"{self.function_name(function)}({argument})"
        return str(self._print(form.xreplace({z: Symbol(argument)})))


def _is_library_function(form: Scalar) -> bool:
    """Return True for a form such as exp(z), which NumPy has."""
    return bool(form.is_Function and form.args == (z,))
