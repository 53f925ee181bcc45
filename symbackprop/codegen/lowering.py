"""A tape → a program: each expression as operations on arrays, what occurs twice computed once.

A scalar factor stays outside of products, sums and transposes until an array needs it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial, reduce
from typing import Any, NamedTuple

from sympy import Expr, Mul, S

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.entrywise import entrywise
from symbackprop.codegen.program import Builder, Program, Value
from symbackprop.codegen.schedule import BACKWARD, GRADIENT, in_order
from symbackprop.codegen.stability import without_detours
from symbackprop.expressions.constructors import hadamard, power
from symbackprop.expressions.functions import FUNCTION, ElementwiseFunction, z
from symbackprop.expressions.matrices import (
    Determinant,
    HadamardPower,
    HadamardProduct,
    MatAdd,
    MatMul,
    Ones,
    Scaled,
    Trace,
    Transpose,
    Zeros,
    postorder,
    quantities,
    scaled,
    split,
)
from symbackprop.expressions.operations import (
    ROWS,
    Broadcast,
    Elementwise,
    Largest,
    LogSoftmax,
    LogSumExp,
    Softmax,
    Sums,
    Total,
    broadcast,
)
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice
from symbackprop.printing.entries import Plain
from symbackprop.printing.notation import implied

EXP = FUNCTION["exp"]


class Term(NamedTuple):
    """A number times an array."""

    coefficient: Expr
    value: Value


def program(tape: Tape, results: Collection[str]) -> Program:
    """The operations that make these results, such as J and dJdW1, of a tape."""
    definitions = {equation.symbol: equation.expression for equation in tape.equations[:-1]}
    equations = [(part, e, without_detours(e.expression, definitions)) for part, e in in_order(tape)]
    lowering = _Lowering(
        tape, Counter(node for *_, whole in equations for node in postorder(whole) if _in_output(node))
    )
    for part, equation, expression in equations:
        lowering.equation(part, equation, expression)
    return lowering.program(results)


class _Lowering:
    def __init__(self, tape: Tape, uses: Counter[Any]):
        self.build = Builder(tape.network.arguments)
        self.uses = uses  # of each f′ that is known in terms of f
        self.terms: dict[Any, Term] = {value.symbol: Term(S.One, value) for value in self.build.arguments}
        self.results: dict[str, Value] = {}

    def program(self, results: Collection[str]) -> Program:
        values = tuple(self.results[name] for name in results)
        return Program(self.build.arguments, self.build.operations, values).without_unneeded()

    # equations

    def equation(self, part: str, equation: Any, expression: Any) -> None:
        done = len(self.build.operations)
        if is_matrix(expression):
            term = self.term(expression)
            if part != BACKWARD:
                term = Term(S.One, self.build.times(*term, note=expression))
            if part == GRADIENT:
                term = Term(S.One, self.owned(term.value))
        else:
            term = Term(S.One, self.scalar_value(expression))
        self.terms[equation.symbol] = term
        self.results[equation.name] = term.value
        maker = self.build.makers.get(term.value)
        if maker is not None and maker.equation is None and maker in self.build.operations[done:]:
            maker.equation, maker.note, maker.coefficient = equation, equation.expression, term.coefficient

    def owned(self, value: Value) -> Value:
        """The value in memory that no argument and no other result has."""
        maker = self.build.makers.get(value)
        if maker is None or not maker.kind.takes_out or value in self.results.values():
            return self.build.make("positive", value, note=value.symbol, new=True)
        return value

    # scalars

    def scalar(self, expression: Any) -> Any:
        """A scalar expression in numbers, sizes, and symbols of values."""
        if expression in self.terms:
            coefficient, value = self.terms[expression]
            return coefficient * value.symbol
        if isinstance(expression, Total):
            return self.total(expression)
        if isinstance(expression, Trace | Determinant):
            return expression.func(self.array(expression.args[0]).symbol)
        if not expression.args or isinstance(expression, ElementwiseFunction):
            return expression
        return expression.func(*map(self.scalar, expression.args))

    def scalar_value(self, expression: Any) -> Value:
        scalar = self.scalar(expression)
        found = self.build.number(scalar)
        return found if isinstance(found, Value) else self.build.code(scalar, ())

    def total(self, expression: Any) -> Any:
        """Σ A, from the product of two arrays without an array for it where A is one."""
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

    def term(self, expression: Any) -> Term:
        """A matrix expression as a number times an array."""
        if expression not in self.terms:
            lower = next((_TERMS[kind] for kind in type(expression).__mro__ if kind in _TERMS), _Lowering.as_it_stands)
            self.terms[expression] = lower(self, expression)
        return self.terms[expression]

    def array(self, expression: Any) -> Value:
        return self.build.times(*self.term(expression), note=expression)

    def as_it_stands(self, node: Any) -> Term:
        """What has no operation of its own: code, in arrays for the parts that are quantities."""
        parts = {part: self.array(part).symbol for part in quantities(node) if is_matrix(part)}
        return Term(S.One, self.build.code(node.xreplace(parts), node.shape, node))

    def scaled(self, node: Any) -> Term:
        coefficient, value = self.term(node.args[1])
        return Term(self.scalar(node.args[0]) * coefficient, value)

    def product(self, node: Any) -> Term:
        terms = [self.term(factor) for factor in node.args]

        def times(left: tuple[Value, int], right: tuple[Value, int]) -> tuple[Value, int]:
            (one, _), (other, last) = left, right
            note = MatMul(*node.args[: last + 1])
            return self.build.make("dot", one, other, shape=(one.shape[0], other.shape[1]), note=note), last

        value, _ = reduce(times, ((term.value, place) for place, term in enumerate(terms)))
        return Term(Mul(*(term.coefficient for term in terms)), value)

    def transpose(self, node: Any) -> Term:
        coefficient, value = self.term(node.args[0])
        return Term(coefficient, self.build.make("transpose", value, shape=node.shape, note=node))

    def sum(self, node: Any) -> Term:
        """A sum of matrices; the factor that all have, but for their signs, stays outside."""
        terms = [_Summand(*self.operand(part), part) for part in implied(node.args)]
        common = _common(terms)
        terms = [term._replace(coefficient=term.coefficient / common) for term in terms]
        if [term.coefficient for term in terms] == [1, -1] and self.is_given(terms[0]) and not self.is_given(terms[1]):
            common, terms = -common, [term._replace(coefficient=-term.coefficient) for term in terms[::-1]]
        terms.sort(key=lambda term: (term.coefficient != 1, term.value is None))  # it starts from what is as it is
        return Term(common, self.added(terms))

    def operand(self, part: Any) -> tuple[Any, Value | None]:
        """A part of an operation entry by entry; a number has no array."""
        return (self.scalar(part.value), None) if isinstance(part, Plain) else self.term(part)

    def is_given(self, term: Any) -> bool:
        return term.value in self.build.arguments

    def added(self, terms: list["_Summand"]) -> Value:
        first, *rest = terms
        so_far = self.summand(first)
        done = scaled(first.coefficient, first.core)
        for term in rest:
            done = MatAdd(done, scaled(term.coefficient, term.core))
            negative = term.coefficient.could_extract_minus_sign()
            other = self.summand(term._replace(coefficient=-term.coefficient if negative else term.coefficient))
            function = "subtract" if negative else "add"
            so_far = self.build.make(function, so_far, other, note=done)
            done = so_far.symbol  # by its name, or the words would grow with each term
        return so_far

    def summand(self, term: "_Summand") -> Any:
        if term.value is None:
            return self.build.number(term.coefficient)
        return self.build.times(term.coefficient, term.value, note=term.part)

    def entrywise_product(self, node: Any) -> Term:
        """A product entry by entry, factor by factor, so that each array is made as late as it can be."""
        coefficient: Any = S.One
        products: dict[bool, Value] = {}  # what stands below the line, and above it
        for factor, below in self.factors(node):
            number, value = factor()
            coefficient = coefficient / number if below else coefficient * number
            if value is not None:
                known = products.get(below)
                products[below] = value if known is None else self.times(known, value)
        if True not in products:
            return Term(coefficient, products[False])
        if False not in products:
            return Term(coefficient, self.build.make("reciprocal", products[True], note=node))
        return Term(coefficient, self.build.make("divide", products[False], products[True], note=node))

    def times(self, one: Value, other: Value) -> Value:
        return self.build.make("multiply", one, other, note=HadamardProduct(one.symbol, other.symbol))

    def factors(self, node: Any) -> Iterator[tuple[Any, bool]]:
        """The factors, as what makes them, and whether they divide; f′ that is a product of f is its factors."""
        for part in implied(node.args):
            if isinstance(part, HadamardProduct):
                yield from self.factors(part)
            elif isinstance(part, HadamardPower) and part.args[1].is_negative:
                yield partial(self.term, power(part.args[0], -part.args[1])), True
            elif _in_output(part) and self.uses[part] == 1:
                output = self.array(_output(part))
                for factor in Mul.make_args(part.function.row.prime_of_output):
                    yield partial(entrywise, self.build, factor, output), False
            else:
                yield partial(self.operand, part), False

    def power(self, node: Any) -> Term:
        base, exponent = node.args
        if not exponent.is_number:
            return Term(
                S.One, self.build.make("power", self.array(base), self.build.number(self.scalar(exponent)), note=node)
            )
        coefficient, value = self.term(base)
        if not exponent.is_Integer:
            coefficient, value = S.One, self.build.times(coefficient, value, base)
        number, found = entrywise(self.build, z**exponent, value)
        return Term(coefficient**exponent * number, found)

    def elementwise(self, node: Any) -> Term:
        if _in_output(node):
            expression, argument = node.function.row.prime_of_output, self.array(_output(node))
        else:
            expression, argument = node.function.code_expression, self.array(node.argument)
        number, value = entrywise(self.build, expression, argument)
        return Term(number, self.array(Ones(*node.shape)) if value is None else value)

    # along an axis

    def along(self, function: str, node: Any, inner: Any) -> Term:
        coefficient, value = inner
        return Term(coefficient, self.build.make(function, value, node.axis, shape=node.shape, note=node))

    def sums(self, node: Any) -> Term:
        return self.along("sum", node, self.term(node.argument))

    def largest(self, node: Any) -> Term:
        return self.along("max", node, (S.One, self.array(node.argument)))

    def shifted(self, node: Any) -> tuple[Value, Value, Value]:
        """The largest entry m of each line of Z, Z − m, and Σ exp(Z − m), which cannot overflow."""
        largest = Largest(node.argument, node.axis)
        rest = MatAdd(node.argument, scaled(-1, broadcast(largest, *node.argument.shape)))
        grown = Elementwise(EXP, rest)
        return self.array(largest), self.array(rest), self.array(Sums(grown, node.axis))

    def softmax(self, node: Any) -> Term:
        _, rest, total = self.shifted(node)
        return Term(S.One, self.build.make("divide", self.build.make("exp", rest), total, note=node))

    def log_softmax(self, node: Any) -> Term:
        _, rest, total = self.shifted(node)
        return Term(S.One, self.build.make("subtract", rest, self.build.make("log", total), note=node))

    def log_sum_exp(self, node: Any) -> Term:
        largest, _, total = self.shifted(node)
        return Term(S.One, self.build.make("add", largest, self.build.make("log", total), note=node))

    # parts

    def part(self, node: Any) -> Term:
        coefficient, value = self.term(node.argument)
        function = "rows" if node.axis == ROWS else "columns"
        return Term(coefficient, self.build.make(function, value, *node.bounds, shape=node.shape, note=node))

    def repeated(self, node: Any) -> Term:
        coefficient, value = self.term(node.argument)
        return Term(coefficient, self.build.make("broadcast", value, *node.shape, shape=node.shape, note=node))

    def together(self, node: Any) -> Term:
        terms = [_Summand(*self.term(part), part) for part in node.operands]
        factors = {t.coefficient for t in terms if not isinstance(t.part, Zeros)}
        common = factors.pop() if len(factors) == 1 else S.One
        values = [
            self.summand(t._replace(coefficient=S.One if isinstance(t.part, Zeros) else t.coefficient / common))
            for t in terms
        ]
        return Term(common, self.build.make("concatenate", node.axis, *values, shape=node.shape, note=node))


class _Summand(NamedTuple):
    coefficient: Any
    value: Value | None
    part: Any

    @property
    def core(self) -> Any:
        """The part without its factor, for the words beside the code."""
        return Ones(1, 1) if isinstance(self.part, Plain) else split(self.part)[1]


def _common(terms: list[_Summand]) -> Any:
    """The factor that all terms have but for their signs, such that one of them is left without a sign."""
    first, *others = (term.coefficient for term in terms)
    if any(other not in (first, -first) for other in others):
        return S.One
    return -first if first.could_extract_minus_sign() and -first in others else first


def _is_whole(factor: Any) -> bool:
    return not isinstance(factor, Broadcast | Ones)


def _in_output(node: Any) -> bool:
    """Whether it is an f′ that is known in terms of f."""
    return isinstance(node, Elementwise) and node.function.order == 1 and node.function.row.prime_of_output is not None


def _output(node: Any) -> Any:
    return Elementwise(node.function.undifferentiated, node.argument)


_TERMS: dict[type, Callable[[_Lowering, Any], Term]] = {
    Scaled: _Lowering.scaled,
    MatMul: _Lowering.product,
    Transpose: _Lowering.transpose,
    MatAdd: _Lowering.sum,
    HadamardProduct: _Lowering.entrywise_product,
    HadamardPower: _Lowering.power,
    Elementwise: _Lowering.elementwise,
    Sums: _Lowering.sums,
    Largest: _Lowering.largest,
    Softmax: _Lowering.softmax,
    LogSoftmax: _Lowering.log_softmax,
    LogSumExp: _Lowering.log_sum_exp,
    Slice: _Lowering.part,
    Broadcast: _Lowering.repeated,
    Concatenate: _Lowering.together,
}
