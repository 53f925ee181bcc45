"""The table of mistakes that people make in one contribution of the backward pass.

A contribution is the term that one use of a quantity adds to its adjoint. Each row of `ROWS` yields wrong forms of it,
each with a description.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from sympy import Expr, Integer, Mul, Rational, S, Symbol

from symbackprop.backprop.adjoints import Contribution
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.constructors import add, hadamard, transposed
from symbackprop.expressions.functions import Applied, a
from symbackprop.expressions.functions import z as z_
from symbackprop.expressions.matrices import HadamardProduct, MatMul, Ones, Transpose, is_name, postorder, scaled, split
from symbackprop.expressions.operations import Broadcast, Elementwise, LogSoftmax, Softmax, Sums, broadcast, sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.mistakes.contributions import BackwardPass
from symbackprop.printing.text import text

_MOST_NEIGHBOURS = 12
_AXES = ("rows", "columns")


@dataclass(frozen=True)
class Change:
    """A changed contribution, a description of the change (`with sigmoid′(z2) left out`), and the kinds of mistake."""

    words: str
    value: Expression
    kinds: Kinds


Row = Callable[[Contribution, BackwardPass], Iterator[Change]]


# Factors


def _factors(contribution: Contribution) -> Iterator[tuple[Expression, Expression]]:
    """Yield each factor of an entrywise or scalar product but ∂J/∂v, with the product without this factor."""
    for factor, rest in _factors_of(contribution.value):
        if not _has_adjoint(factor, contribution):
            yield factor, rest


def _factors_of(value: Expression) -> Iterator[tuple[Expression, Expression]]:
    coefficient, core = split(value)
    for number, rest in _of_number(coefficient):
        yield number, scaled(rest, core)
    if isinstance(core, HadamardProduct):
        for i, (number, matrix) in enumerate(map(split, core.args)):
            without = [(factor, scaled(rest, matrix)) for factor, rest in _of_number(number)]
            for factor, rest in (*without, (matrix, scaled(number, _ones(matrix)))):
                yield factor, scaled(coefficient, hadamard(*core.args[:i], rest, *core.args[i + 1 :]))
    elif not is_matrix(value):
        yield from _of_number(value)


def _ones(matrix: Expression) -> Expression:
    return Ones(*matrix.shape)


def _of_number(value: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Yield each factor of a scalar, without its sign, with the scalar without this factor."""
    for factor in Mul.make_args(value):
        size = abs(factor) if isinstance(factor, Rational) else factor
        if size != 1:
            yield size, value / size


def _has_adjoint(expression: Expression, contribution: Contribution) -> bool:
    return contribution.adjoint in postorder(expression)


def factor_left_out(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution without f′, ½, 1/N or λ."""
    for factor, rest in _factors(contribution):
        words, kind = _omission(factor)
        yield Change(f"with {_called(factor)} left out{words}", rest, (kind,))


def factor_twice(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with a factor applied twice."""
    for factor, _rest in _factors(contribution):
        twice = hadamard(contribution.value, factor) if is_matrix(factor) else _times(factor, contribution.value)
        kind = MistakeKind.REPEATED_DERIVATIVE if _is_derivative(factor) else MistakeKind.EXTRA_FACTOR
        yield Change(f"with {_called(factor)} applied twice", twice, (kind,))


def _called(factor: Expression) -> str:
    if _is_derivative(factor):
        return f"the derivative {text(factor)}"
    return text(factor) if is_matrix(factor) else f"the factor {text(factor)}"


def _omission(factor: Expression) -> tuple[str, MistakeKind]:
    """Return a phrase about the factor that is left out, and the kind of this mistake."""
    if _is_derivative(factor):
        return ", the slope of the activation", MistakeKind.MISSING_DERIVATIVE
    count: Expression = S.One if is_matrix(factor) else 1 / factor
    if count.is_integer and (count.is_Symbol or count > 2):
        # a number such as 4 may be a size or an exponent
        return ": a sum, not a mean" if count.is_Symbol else "", MistakeKind.MEAN
    return "", MistakeKind.MISSING_FACTOR


def _is_derivative(factor: Expression) -> bool:
    return isinstance(factor, Elementwise | Applied) and factor.function.order > 0


def _times(number: Expression, value: Expression) -> Expression:
    return scaled(number, value) if is_matrix(value) else number * value


def sign(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with the other sign."""
    words = f"with the wrong sign in what {text(contribution.user)} passes on to {text(contribution.part)}"
    yield Change(words, -contribution.value, (MistakeKind.SIGN,))


def another_factor(contribution: Contribution, backward: BackwardPass) -> Iterator[Change]:
    """Yield a sum in place of a mean, a mean in place of a sum, or a factor 2 or ½, at the cost or at a parameter."""
    at_the_cost = not is_matrix(contribution.user)
    if not at_the_cost and contribution.part not in backward.wrt:
        return
    is_one_of_many = sum(part == contribution.part for _, part in backward.contributions) > 1
    what = text(contribution.user) if at_the_cost else f"the gradient with respect to {text(contribution.part)}"
    if is_one_of_many and not at_the_cost:
        what = f"the contribution of {text(contribution.user)} to {what}"
    for factor in (*backward.network.dimensions, *_whole_sizes(backward), Integer(2)):
        many, few = f"too large by the factor {text(factor)}", f"divided by {text(factor)} once too often"
        kinds: Kinds = (MistakeKind.MEAN,)
        if factor == 2:
            many, few = "twice as large as it should be", "half as large as it should be"
            if is_one_of_many and not at_the_cost:
                many, few = "doubled", "halved"
            kinds = (MistakeKind.NUMBER,)
        yield Change(f"with {what} {many}", _times(factor, contribution.value), kinds)
        yield Change(f"with {what} {few}", _times(1 / factor, contribution.value), kinds)


def _whole_sizes(backward: BackwardPass) -> list[Integer]:
    every = chain.from_iterable(s.shape for s in backward.network.arguments if is_matrix(s))
    return sorted({size for size in every if size.is_Integer and size > 2}, key=int)


# Derivatives of activations


def _applied(contribution: Contribution) -> Iterator[tuple[Expression, Expression, Expression]]:
    """Yield f, z and f(z) if the contribution has a derivative f′(z) in it."""
    node = contribution.expression
    if isinstance(node, Elementwise | Applied):
        yield node.function, node.args[1], _output(contribution)


def _output(contribution: Contribution) -> Expression:
    """Return the name of the quantity that uses this one; its formula if it has no name."""
    return contribution.user if is_name(contribution.user) else contribution.expression


def _with_derivative(contribution: Contribution, derivative: Expression) -> Expression:
    adjoint = contribution.adjoint
    return hadamard(adjoint, derivative) if is_matrix(adjoint) else adjoint * derivative


def derivative_at_output(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with f′ at the activation in place of f′ at the pre-activation."""
    for f, z, output in _applied(contribution):
        if not f.prime.expression.is_number:
            words = f"{text(f.prime(output))} in place of {text(f.prime(z))}"
            yield Change(
                f"with the derivative of the activation instead of the pre-activation: {words}",
                _with_derivative(contribution, f.prime(output)),
                (MistakeKind.DERIVATIVE_ARGUMENT,),
            )


def function_for_derivative(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with the activation, or its argument, in place of the activation's derivative."""
    kinds = (MistakeKind.FUNCTION_FOR_DERIVATIVE,)
    for f, z, output in _applied(contribution):
        words = f"with the activation {text(output)} itself in place of its derivative {text(f.prime(z))}"
        yield Change(words, _with_derivative(contribution, output), kinds)
        words = f"with {text(z)} itself in place of the derivative {text(f.prime(z))}"
        yield Change(words, _with_derivative(contribution, z), kinds)


def derivative_formula(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield a (1 − a) with z in place of a or without one factor, and 1 − a in place of 1 − a²."""
    for f, z, output in _applied(contribution):
        form = None if f.order else f.row.prime_of_output
        if form is not None:
            variants = {f"{text(form.xreplace({a: z_}))} of {text(z)}": (form, z)}
            variants |= {_in_output(part, output): (part, output) for part in _simpler(form)}
            for formula, (expression, argument) in variants.items():
                words = f"with {formula} in place of the derivative {text(f.prime(z))}"
                derivative = _polynomial(expression, argument)
                yield Change(words, _with_derivative(contribution, derivative), (MistakeKind.DERIVATIVE_FORMULA,))


def _in_output(part: Expr, output: Expression) -> str:
    """Return text such as `1 − a2`, or `1 − a of a = …` if the activation has no name."""
    if is_name(output):
        return text(part.xreplace({a: Symbol(str(output.name), real=True)}))
    return f"{text(part)} of a = {text(output)}"


def _simpler(form: Expr) -> list[Expr]:
    """Return wrong forms of a polynomial in a: without one of its factors, or with a in place of a²."""
    parts = [form / factor for factor in Mul.make_args(form)] if form.is_Mul else []
    squared = {form.xreplace({a**2: a}), (1 - a) ** 2 if form == 1 - a**2 else form} - {form}
    return [*parts, *sorted(squared, key=str)]


def _polynomial(form: Expr, argument: Expression) -> Expression:
    """Return a polynomial in a, with an argument in place of a."""
    if not is_matrix(argument):
        return form.xreplace({a: argument})
    terms = ((power, coefficient) for (power,), coefficient in form.expand().as_poly(a).terms())
    return add(*(scaled(c, hadamard(*[argument] * power) if power else _ones(argument)) for power, c in terms))


# Products


def transpose(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield products with one transpose too few or too many, if their shapes are consistent."""
    coefficient, core = split(contribution.value)
    if isinstance(core, MatMul):
        for i, factor in enumerate(core.args):
            turned = transposed(factor)
            words = f"with {_shown(contribution, turned)} in place of {_shown(contribution, factor)}: a transpose"
            value = scaled(coefficient, MatMul(*core.args[:i], turned, *core.args[i + 1 :]))
            yield Change(words, value, (MistakeKind.TRANSPOSE,))
        what = f"the gradient with respect to {text(contribution.part)}" if is_name(contribution.part) else "a product"
        yield Change(f"with {what} transposed", scaled(coefficient, transposed(core)), (MistakeKind.TRANSPOSE,))


def swapped(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield a matrix product with its two factors in the other order."""
    coefficient, core = split(contribution.value)
    if isinstance(core, MatMul) and len(core.args) == 2:
        left, right = core.args
        words = f"with {_shown(contribution, left)} and {_shown(contribution, right)} in the wrong order"
        yield Change(words, scaled(coefficient, MatMul(right, left)), (MistakeKind.ORDER,))


def entrywise_product(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with ⊙ in place of a matrix product, or a matrix product in place of ⊙."""
    coefficient, core = split(contribution.value)
    for kind, other, words in (
        (MatMul, HadamardProduct, "with ⊙ for a matrix product"),
        (HadamardProduct, MatMul, "with a matrix product for ⊙"),
    ):
        if isinstance(core, kind):
            yield Change(words, scaled(coefficient, other(*core.args)), (MistakeKind.PRODUCT,))


def _shown(contribution: Contribution, factor: Expression) -> str:
    """Return a factor as text, with ∂J/∂v for the adjoint."""
    if not _has_adjoint(factor, contribution):
        return text(factor)
    turned = "ᵀ" if isinstance(factor, Transpose) else ""
    return f"(∂J/∂{text(contribution.user)}){turned}"


def neighbour(contribution: Contribution, backward: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with another quantity of the same shape: z2 in place of z1, W1 in place of W2."""
    known = backward.network.symbols.values()
    used = contribution.value.atoms(*map(type, known)) - {contribution.adjoint}
    for symbol in sorted((s for s in used if is_name(s) and is_matrix(s)), key=str):
        others = [s for s in known if is_matrix(s) and s.shape == symbol.shape and s != symbol]
        for other in others[:_MOST_NEIGHBOURS]:
            words = f"with {text(other)} in place of {text(symbol)}"
            yield Change(words, contribution.value.xreplace({symbol: other}), (MistakeKind.QUANTITY,))


# Sums, softmax, paths


def other_axis(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the adjoint of a broadcast quantity summed along the other axis."""
    if isinstance(contribution.expression, Broadcast):
        axis = contribution.expression.axis
        wrong = sums(contribution.adjoint, 1 - axis)
        words = "with the sum over the {}, not over the {}".format(*_AXES[:: 1 if axis else -1])
        yield Change(words, wrong, (MistakeKind.AXIS,))
        yield Change("with the sum over the wrong axis", transposed(wrong), (MistakeKind.AXIS,))


def sum_over_the_other_axis(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield a sum within the contribution, such as that of a softmax, along the other axis."""
    for spread in contribution.value.atoms(Broadcast):
        whole = spread.argument
        if isinstance(whole, Sums):
            other = broadcast(sums(whole.argument, 1 - whole.axis), *spread.shape)
            words = "with the sum over the {}, not over the {}".format(*_AXES[:: 1 if whole.axis else -1])
            yield Change(words, contribution.value.xreplace({spread: other}), (MistakeKind.AXIS,))


def softmax_jacobian(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield wrong forms of the Jacobian of a softmax, such as its diagonal alone."""
    for words, value in _softmax_forms(contribution):
        yield Change(words, value, (MistakeKind.SOFTMAX,))


def _softmax_forms(contribution: Contribution) -> Iterator[tuple[str, Expression]]:
    node = contribution.expression
    if isinstance(node, Softmax):
        output = _output(contribution)
        diagonal = hadamard(contribution.adjoint, output, add(_ones(output), -output))
        yield "with the Jacobian of the softmax cut to its diagonal", diagonal
        yield "with the Jacobian of the softmax left out", contribution.adjoint
        yield "with the sum in the Jacobian of the softmax left out", hadamard(contribution.adjoint, output)
        rest = add(hadamard(contribution.adjoint, output), -contribution.value)
        yield "with the wrong sign in the Jacobian of the softmax", add(hadamard(contribution.adjoint, output), rest)
    if isinstance(node, LogSoftmax):
        soft = Softmax(*node.args)
        yield "with the softmax in the derivative of its logarithm left out", contribution.adjoint
        yield (
            f"with {text(node.argument)} in place of their softmax",
            contribution.value.xreplace({soft: node.argument}),
        )
        yield "with the sum in the Jacobian of the softmax left out", add(contribution.adjoint, -soft)
        diagonal = hadamard(contribution.adjoint, add(_ones(soft), -soft))
        yield "with the Jacobian of the softmax cut to its diagonal", diagonal


def path_left_out(contribution: Contribution, backward: BackwardPass) -> Iterator[Change]:
    """Yield 0 in place of the contribution of one of several paths from a quantity to the cost."""
    if len(backward.graph.users[contribution.part]) > 1:
        path = f"the path from {text(contribution.part)} through {_user(contribution, backward)}"
        words = f"with {path} left out: a term of the sum is missing"
        yield Change(words, S.Zero, (MistakeKind.MISSING_PATH,))


def _user(contribution: Contribution, backward: BackwardPass) -> str:
    """Return the name of the nearest named quantity on the path to the cost."""
    node = contribution.user
    while not is_name(node) and backward.graph.users[node]:
        node = backward.graph.users[node][0]
    return text(node) if node != backward.graph.cost else text(contribution.user)


ROWS: tuple[Row, ...] = (
    *(factor_left_out, path_left_out, derivative_at_output, function_for_derivative, derivative_formula, factor_twice),
    *(
        transpose,
        swapped,
        entrywise_product,
        other_axis,
        sum_over_the_other_axis,
        softmax_jacobian,
        sign,
        another_factor,
        neighbour,
    ),
)
