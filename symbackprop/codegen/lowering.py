"""Translation of a tape into a program: expressions become operations on arrays, and equal operations are shared.

A scalar factor stays outside of products, sums and transposes until an array needs it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, NamedTuple

from sympy import Mul, S, expand

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.entrywise import Factored, entrywise
from symbackprop.codegen.products import Products
from symbackprop.codegen.program import Builder, Constant, Program, Value
from symbackprop.codegen.schedule import BACKWARD, GRADIENT, in_order
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.constructors import hadamard, power
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import FUNCTION, ElementwiseFunction, z
from symbackprop.expressions.gathers import Permute, Reshape, Scattered, Strided, Window
from symbackprop.expressions.linear_algebra import matrix_power
from symbackprop.expressions.matrices import HadamardPower, HadamardProduct, Ones, postorder, quantities, scaled, split
from symbackprop.expressions.operations import Broadcast, Elementwise, Largest, Sums, Total, repeated
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice
from symbackprop.network.network import Equation
from symbackprop.printing.entries import Plain
from symbackprop.printing.notation import implied

EXP = FUNCTION["exp"]


class ScaledArray(NamedTuple):
    """A scalar factor, and the array that it multiplies."""

    coefficient: Scalar
    value: Value


def program(tape: Tape, results: Collection[str]) -> Program:
    """Return the program that computes these results of a tape, such as J and dJdW1."""
    equations = _needed(in_order(tape), results)
    lowering = _Lowering(tape, [node for *_, whole in equations for node in postorder(whole)])
    for part, equation, expression in equations:
        lowering.equation(part, equation, expression)
    return lowering.program(results)


def _needed(
    equations: list[tuple[str, Equation, Expression]], results: Collection[str]
) -> list[tuple[str, Equation, Expression]]:
    """Return the equations that the results need, in order."""
    needed, kept = set(results), []
    for part, equation, expression in reversed(equations):
        if equation.name in needed:
            needed |= {str(symbol) for symbol in expression.free_symbols}
            kept.append((part, equation, expression))
    return kept[::-1]


class _Lowering:
    def __init__(self, tape: Tape, parts: list[Expression]):
        self.build = Builder(tape.network.arguments)
        self.products = Products(self.build)
        self.adjoints = {*(adjoint.symbol for adjoint in tape.adjoints), *tape.network.upstream.values()}
        self.uses = Counter(part for part in parts if _in_output(part))  # of each f′ that is computed from f
        self.powers = {part for part in parts if isinstance(part, nodes.MatPow)}
        self.terms: dict[Expression, ScaledArray] = {
            value.symbol: ScaledArray(S.One, value) for value in self.build.arguments
        }
        self.results: dict[str, Value] = {}

    def program(self, results: Collection[str]) -> Program:
        values = tuple(self.results[name] for name in results)
        return Program(self.build.arguments, self.build.operations, values).without_unneeded()

    # equations

    def equation(self, part: str, equation: Equation, expression: Expression) -> None:
        """Add the operations of an equation, whose right-hand side may have been rewritten to `expression`."""
        done = len(self.build.operations)
        if is_matrix(expression):
            term = self.term(expression) if part == BACKWARD else ScaledArray(S.One, self.array(expression))
            if part == GRADIENT:
                term = ScaledArray(S.One, self.owned(term.value))
        else:
            value = self.scalar_value(expression)
            term = ScaledArray(S.One, self.build.make("number", value, shape=()) if part == GRADIENT else value)
        self.terms[equation.symbol] = term
        self.results[equation.name] = term.value
        maker = self.build.makers.get(term.value)
        if maker is not None and maker.equation is None and maker in self.build.operations[done:]:
            maker.equation, maker.note, maker.coefficient = equation, equation.expression, term.coefficient

    def owned(self, value: Value) -> Value:
        """Return the value, or a copy of it if an argument or another result shares its memory."""
        maker = self.build.makers.get(value)
        if maker is None or not maker.kind.takes_out or value in self.results.values():
            return self.build.make("positive", value, note=value.symbol, new=True)
        return value

    # scalars

    def scalar(self, expression: Scalar) -> Scalar:
        """Return a scalar expression in terms of numbers, sizes and symbols of values."""
        if expression in self.terms:
            coefficient, value = self.terms[expression]
            return coefficient * value.symbol
        if isinstance(expression, Total):
            return self.total(expression)
        if isinstance(expression, nodes.Trace | nodes.Determinant):
            return expression.func(self.array(expression.args[0]).symbol)
        if not expression.args or isinstance(expression, ElementwiseFunction):
            return expression
        return expression.func(*map(self.scalar, expression.args))

    def scalar_value(self, expression: Scalar) -> Value:
        scalar = self.scalar(expression)
        found = self.build.number(scalar)
        return found if isinstance(found, Value) else self.build.code(scalar, ())

    def total(self, expression: Total) -> Scalar:
        """Return Σ A as a scalar; an entrywise product is summed as a dot product, without an array for A."""
        coefficient, matrix = split(expression.argument)
        if isinstance(matrix, HadamardPower) and matrix.args[1] == 2:
            number, value = self.term(matrix.args[0])
            number, value = number**2, self.build.make("vdot", value, value, shape=(), note=expression)
        elif isinstance(matrix, HadamardProduct) and all(_is_whole(factor) for factor in matrix.args):
            *first, last = matrix.args
            (number, value), (other, right) = self.term(hadamard(*first)), self.term(last)
            number, value = number * other, self.build.make("vdot", value, right, shape=(), note=expression)
        else:
            number, value = self.term(matrix)
            value = self.build.make("total", value, shape=(), note=Total(matrix))
        return self.scalar(coefficient) * number * value.symbol

    # matrices

    def term(self, expression: Matrix) -> ScaledArray:
        """Return a matrix expression as a scalar factor and an array."""
        if expression not in self.terms:
            lower = next((_TERMS[kind] for kind in type(expression).__mro__ if kind in _TERMS), _Lowering.as_code)
            self.terms[expression] = lower(self, expression)
        return self.terms[expression]

    def array(self, expression: Matrix) -> Value:
        return self.build.times(*self.term(expression), note=expression)

    def as_code(self, node: Matrix) -> ScaledArray:
        """Return a node that has no operation of its own as one piece of code that contains arrays."""
        parts = {part: self.array(part).symbol for part in quantities(node) if is_matrix(part)}
        return ScaledArray(S.One, self.build.code(node.xreplace(parts), node.shape, node))

    def scaled(self, node: Matrix) -> ScaledArray:
        coefficient, value = self.term(node.args[1])
        return ScaledArray(self.scalar(node.args[0]) * coefficient, value)

    def product(self, node: Matrix) -> ScaledArray:
        terms = [self.term(factor) for factor in node.args]
        adjoint = next((k for k, factor in enumerate(node.args) if factor.free_symbols & self.adjoints), None)
        value = self.products.make([term.value for term in terms], node.args, adjoint)
        return ScaledArray(Mul(*(term.coefficient for term in terms)), value)

    def matrix_power(self, node: Matrix) -> ScaledArray:
        """Return a power of a matrix: a lower power that is needed too, times another, or by repeated squaring."""
        base, exponent = node.args
        lower = max((p.args[1] for p in self.powers if p.args[0] == base and p.args[1] < exponent), default=1)
        rest = matrix_power(base, exponent - lower)
        if rest not in (base, *self.powers) or exponent == 2:
            return self.as_code(node)
        return self.product(nodes.MatMul(matrix_power(base, lower), rest))

    def linear(self, function: str, node: Matrix, *arguments: Size | int) -> ScaledArray:
        """Return a linear operation on a matrix, with the scalar factor of the matrix outside."""
        coefficient, value = self.term(quantities(node)[0])
        return ScaledArray(coefficient, self.build.make(function, value, *arguments, shape=node.shape, note=node))

    def sum(self, node: Matrix) -> ScaledArray:
        """Return a sum of matrices; a factor that all terms share, up to their signs, stays outside of the sum."""
        terms = [_Summand(*self.operand(part), part) for part in implied(node.args)]
        common = _common(terms)
        terms = [term._replace(coefficient=term.coefficient / common) for term in terms]
        from_argument = [term.value in self.build.arguments for term in terms] == [True, False]
        if from_argument and [term.coefficient for term in terms] == [1, -1]:
            common, terms = -common, [term._replace(coefficient=-term.coefficient) for term in terms[::-1]]
        terms.sort(key=lambda term: (term.coefficient != 1, term.value is None))  # to start without a factor
        return ScaledArray(common, self.added(terms))

    def operand(self, part: Matrix | Plain) -> Factored:
        """Return an operand of an entrywise operation as a factor and an array; a number has no array."""
        return (self.scalar(part.value), None) if isinstance(part, Plain) else self.term(part)

    def added(self, terms: list["_Summand"]) -> Value:
        first, *rest = terms
        so_far: Any = self.summand(first)  # a constant at most before the first addition
        done = scaled(first.coefficient, first.core)
        for term in rest:
            done = nodes.MatAdd(done, scaled(term.coefficient, term.core))
            negative = term.coefficient.could_extract_minus_sign()
            other = self.summand(term._replace(coefficient=-term.coefficient if negative else term.coefficient))
            function = "subtract" if negative else "add"
            so_far = self.build.make(function, so_far, other, note=done)
            done = so_far.symbol  # by its name, or the comments would grow with each term
        return so_far

    def summand(self, term: "_Summand") -> Value | Constant:
        if term.value is None:
            return self.build.number(term.coefficient)
        return self.build.times(term.coefficient, term.value, note=term.part)

    def entrywise_product(self, node: Matrix) -> ScaledArray:
        """Return an entrywise product, multiplied factor by factor, which computes each array as late as possible."""
        coefficient: Scalar = S.One
        products: dict[bool, Value] = {}  # the denominator (True) and the numerator (False)
        for factor, below in self.factors(node):
            number, value = factor()
            coefficient = coefficient / number if below else coefficient * number
            if value is not None:
                known = products.get(below)
                products[below] = value if known is None else self.times(known, value)
        return ScaledArray(coefficient, self.build.quotient(products, node))

    def times(self, one: Value, other: Value) -> Value:
        return self.build.make("multiply", one, other, note=HadamardProduct(one.symbol, other.symbol))

    def factors(self, node: HadamardProduct) -> Iterator[tuple[Callable[[], Factored], bool]]:
        """Yield functions that compute the factors, and True for divisors; f′ in terms of f may be several factors."""
        for part in implied(node.args):
            if isinstance(part, HadamardProduct):
                yield from self.factors(part)
            elif isinstance(part, HadamardPower) and part.args[1].is_negative:
                yield partial(self.term, power(part.args[0], -part.args[1])), True
            elif _in_output(part) and self.uses[part] == 1:
                output = self.array(part.output)
                for factor in Mul.make_args(part.function.prime_of_output):
                    yield partial(entrywise, self.build, factor, output), False
            else:
                yield partial(self.operand, part), False

    def power(self, node: Matrix) -> ScaledArray:
        base, exponent = node.args
        if not exponent.is_number:
            return ScaledArray(
                S.One, self.build.make("power", self.array(base), self.build.number(self.scalar(exponent)), note=node)
            )
        coefficient, value = self.term(base)
        if not exponent.is_Integer:
            coefficient, value = S.One, self.build.times(coefficient, value, base)
        number, found = entrywise(self.build, z**exponent, value)
        return ScaledArray(coefficient**exponent * number, found)

    def elementwise(self, node: Matrix) -> ScaledArray:
        if _in_output(node):
            expression, argument = node.function.prime_of_output, self.array(node.output)
        else:
            expression, argument = node.function.code_expression, self.array(node.argument)
        number, value = entrywise(self.build, expression, argument)
        return ScaledArray(number, self.array(Ones(*node.shape)) if value is None else value)

    # along an axis

    def largest(self, node: Matrix) -> ScaledArray:
        value = self.build.make("max", self.array(node.argument), node.axis, shape=node.shape, note=node)
        return ScaledArray(S.One, value)

    def einsum(self, node: Matrix) -> ScaledArray:
        """Return a product of arrays: as `@` of NumPy where it is one, or as `einsum`."""
        terms = [self.term(A) for A in node.operands]
        coefficient, values = Mul(*(term.coefficient for term in terms)), [term.value for term in terms]
        if node.is_product:
            function = "vector" if len(node.shape) == 1 else "matmul"
            return ScaledArray(coefficient, self.build.make(function, *values, shape=node.shape, note=node))
        value = self.build.make("einsum", str(node.args[0]), *values, shape=node.shape, note=node)
        return ScaledArray(coefficient, value)

    def slice(self, node: Matrix) -> ScaledArray:
        if len(node.shape) == 2:
            return self.linear(("rows", "columns")[node.axis], node, *node.bounds)
        return self.linear("part", node, ":, " * node.axis, *node.bounds)

    def broadcast(self, node: Matrix) -> ScaledArray:
        return self.linear("broadcast" if node.is_of_matrices else "repeat", node, *node.shape)

    def strided(self, node: Matrix) -> ScaledArray:
        start, step, count = node.steps
        size, end = node.argument.shape[node.axis], start + step * (count - 1)
        turned = bool(step < 0)
        stop = "" if turned and end < -step else expand(end - 1 if turned else end + 1)
        first = "" if turned and start == size - 1 else start
        return self.linear("strided", node, ":, " * node.axis, first, stop, step)

    def scattered(self, node: Matrix) -> ScaledArray:
        gather = node.gather
        if isinstance(gather, Window):
            return self.linear("overlap_add", node, gather.axis, *node.shape)
        start, step, _ = gather.steps
        return self.linear("put_apart", node, gather.axis, start, step, *node.shape)

    def of_exponentials(self, node: Matrix) -> ScaledArray:
        """Return a softmax, or a log of Σ exp Z, from Z − m so that no exp overflows; m is the largest entry."""
        largest, make = Largest(node.argument, node.axis), self.build.make
        rest = nodes.MatAdd(node.argument, scaled(-1, repeated(largest, node.argument.shape)))
        m, shifted, total = map(self.array, (largest, rest, Sums(Elementwise(EXP, rest), node.axis)))
        if isinstance(node, ops.Softmax):
            return ScaledArray(S.One, make("divide", make("exp", shifted), total, note=node))
        log = make("log", total)
        from_log = make("add", m, log, note=node) if node.reduces else make("subtract", shifted, log, note=node)
        return ScaledArray(S.One, from_log)

    def together(self, node: Matrix) -> ScaledArray:
        terms = [_Summand(*self.term(part), part) for part in node.operands]
        factors = {t.coefficient for t in terms if not isinstance(t.part, nodes.Zeros)}
        common = factors.pop() if len(factors) == 1 else S.One
        values = [
            self.summand(t._replace(coefficient=S.One if isinstance(t.part, nodes.Zeros) else t.coefficient / common))
            for t in terms
        ]
        return ScaledArray(common, self.build.make("concatenate", node.axis, *values, shape=node.shape, note=node))


class _Summand(NamedTuple):
    coefficient: Scalar
    value: Value | None
    part: Matrix | Plain

    @property
    def core(self) -> Matrix:
        """Return the summand without its factor, for the comment beside the code."""
        return Ones(1, 1) if isinstance(self.part, Plain) else split(self.part)[1]


def _common(terms: list[_Summand]) -> Scalar:
    """Return the factor that all terms share up to their signs, with a sign that leaves at least one term positive."""
    first, *others = (term.coefficient for term in terms)
    if any(other not in (first, -first) for other in others):
        return S.One
    return -first if first.could_extract_minus_sign() and -first in others else first


def _is_whole(factor: Matrix) -> bool:
    return not isinstance(factor, Broadcast | Ones)


def _in_output(node: Expression) -> bool:
    """Return True for an f′ that is computed from the value of f."""
    return isinstance(node, Elementwise) and node.function.prime_of_output is not None


_TERMS: dict[type, Callable[[_Lowering, Matrix], ScaledArray]] = {
    nodes.Scaled: _Lowering.scaled,
    nodes.MatMul: _Lowering.product,
    nodes.MatPow: _Lowering.matrix_power,
    nodes.Transpose: lambda lowering, node: lowering.linear("transpose", node),
    nodes.MatAdd: _Lowering.sum,
    HadamardProduct: _Lowering.entrywise_product,
    HadamardPower: _Lowering.power,
    Elementwise: _Lowering.elementwise,
    Sums: lambda lowering, node: lowering.linear("sum", node, node.axis),
    Largest: _Lowering.largest,
    **dict.fromkeys((ops.Softmax, ops.LogSoftmax, ops.LogSumExp), _Lowering.of_exponentials),
    Slice: _Lowering.slice,
    Broadcast: _Lowering.broadcast,
    Einsum: _Lowering.einsum,
    Permute: lambda lowering, node: lowering.linear("permute", node, *node.axes),
    Reshape: lambda lowering, node: lowering.linear("reshape", node, *node.shape),
    Window: lambda lowering, node: lowering.linear("windows", node, node.size, node.axis),
    Strided: _Lowering.strided,
    Scattered: _Lowering.scattered,
    Concatenate: _Lowering.together,
}
