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


def _factors(value: Expression) -> Iterator[tuple[Expression, Expression]]:
    """Yield each factor of an entrywise or scalar product, with the product without this factor."""
    coefficient, core = split(value) if is_matrix(value) else (S.One, value)
    for number, rest in _of_number(coefficient):
        yield number, scaled(rest, core)
    if isinstance(core, HadamardProduct):
        for i, factor in enumerate(core.args):
            inner = split(factor)
            for number, rest in _of_number(inner[0]):
                yield number, scaled(coefficient, hadamard(*core.args[:i], scaled(rest, inner[1]), *core.args[i + 1 :]))
            yield (
                inner[1],
                scaled(coefficient, hadamard(*core.args[:i], scaled(inner[0], _ones(factor)), *core.args[i + 1 :])),
            )
    elif not is_matrix(value):
        yield from _of_number(value)


def _ones(matrix: Expression) -> Expression:
    return Ones(*matrix.shape)


def _of_number(value: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Yield each factor of a scalar, with the scalar without this factor; a minus sign is a factor −1."""
    for factor in Mul.make_args(value):
        if isinstance(factor, Rational) and factor < 0:
            yield Integer(-1), -value
            if factor != -1:
                yield -factor, value / -factor
        elif factor != 1:
            yield factor, value / factor


def _has_adjoint(expression: Expression, contribution: Contribution) -> bool:
    return contribution.adjoint in postorder(expression)


def factor_left_out(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution without f′, ½, 1/N or λ."""
    for factor, rest in _factors(contribution.value):
        if factor == -1:
            continue
        if not _has_adjoint(factor, contribution) and factor != contribution.adjoint:
            words, kind = _omission(factor)
            yield Change(f"with {_called(factor)} left out{words}", rest, (kind,))


def factor_twice(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with a factor applied twice."""
    for factor, _rest in _factors(contribution.value):
        if factor == -1 or _has_adjoint(factor, contribution):
            continue
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
        return ": a sum, not a mean", MistakeKind.MEAN
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
    what = text(contribution.user) if at_the_cost else f"the gradient with respect to {text(contribution.part)}"
    for factor in (*backward.network.dimensions, *_whole_sizes(backward), Integer(2)):
        many, few = f"too large by the factor {text(factor)}", f"divided by {text(factor)} once too often"
        kinds: Kinds = (MistakeKind.MEAN,)
        if factor == 2:
            many, few = "twice as large as it should be", "half as large as it should be"
            kinds = (MistakeKind.NUMBER,)
        yield Change(f"with {what} {many}", _times(factor, contribution.value), kinds)
        yield Change(f"with {what} {few}", _times(1 / factor, contribution.value), kinds)


def _whole_sizes(backward: BackwardPass) -> list[Integer]:
    every = chain.from_iterable(s.shape for s in backward.network.arguments if is_matrix(s))
    return sorted({size for size in every if size.is_Integer and size > 2}, key=int)


# Derivatives of activations


def _function_and_argument(contribution: Contribution) -> tuple[Expression, Expression] | None:
    """Return f and its argument z if the contribution contains f′(z), else None."""
    node = contribution.expression
    return (node.function, node.args[1]) if isinstance(node, Elementwise | Applied) else None


def _with_derivative(contribution: Contribution, derivative: Expression) -> Expression:
    return (
        hadamard(contribution.adjoint, derivative)
        if is_matrix(contribution.adjoint)
        else contribution.adjoint * derivative
    )


def derivative_at_output(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with f′ at the activation in place of f′ at the pre-activation."""
    found = _function_and_argument(contribution)
    if found is None:
        return
    f, z = found
    output = contribution.user if is_name(contribution.user) else contribution.expression
    if f.prime.expression.is_number:
        return
    words = f"{text(f.prime(output))} in place of {text(f.prime(z))}"
    yield Change(
        f"with the derivative of the activation instead of the pre-activation: {words}",
        _with_derivative(contribution, f.prime(output)),
        (MistakeKind.DERIVATIVE_ARGUMENT,),
    )


def function_for_derivative(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with the activation, or its argument, in place of the activation's derivative."""
    found = _function_and_argument(contribution)
    if found is None:
        return
    f, z = found
    output = contribution.user if is_name(contribution.user) else contribution.expression
    kinds = (MistakeKind.FUNCTION_FOR_DERIVATIVE,)
    words = f"with the activation {text(output)} itself in place of its derivative {text(f.prime(z))}"
    yield Change(words, _with_derivative(contribution, output), kinds)
    yield Change(
        f"with {text(z)} itself in place of the derivative {text(f.prime(z))}", _with_derivative(contribution, z), kinds
    )


def derivative_formula(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield a (1 − a) with z in place of a or without one factor, and 1 − a in place of 1 − a²."""
    found = _function_and_argument(contribution)
    if found is None or found[0].order or found[0].row.prime_of_output is None:
        return
    f, z = found
    form = f.row.prime_of_output
    output = contribution.user if is_name(contribution.user) else contribution.expression
    right = text(f.prime(z))
    variants = {f"{text(form.xreplace({a: z_}))} of {text(z)}": (form, z)}
    variants |= {_in_output(part, output): (part, output) for part in _simpler(form)}
    for formula, (expression, argument) in variants.items():
        derivative = _polynomial(expression, argument)
        words = f"with {formula} in place of the derivative {right}"
        yield Change(words, _with_derivative(contribution, derivative), (MistakeKind.DERIVATIVE_FORMULA,))


def _in_output(part: Expr, output: Expression) -> str:
    """Return text such as `1 − a2`, or `1 − a of a = …` if the activation has no name."""
    if is_name(output):
        return text(part.xreplace({a: Symbol(str(output.name), real=True)}))
    return f"{text(part)} of a = {text(output)}"


def _simpler(form: Expr) -> list[Expr]:
    """Return wrong forms of a polynomial in a: without one of its factors, or with a in place of a²."""
    parts = [form / factor for factor in Mul.make_args(form)] if form.is_Mul else []
    return [*parts, *({form.xreplace({a**2: a})} - {form})]


def _polynomial(form: Expr, argument: Expression) -> Expression:
    """Return a polynomial in a, with an argument in place of a."""
    if not is_matrix(argument):
        return form.xreplace({a: argument})
    terms = []
    for (power,), coefficient in form.as_poly(a).terms():
        terms.append(scaled(coefficient, hadamard(*[argument] * power) if power else _ones(argument)))
    return add(*terms)


# Products


def _product(contribution: Contribution) -> tuple[Expression, tuple[Expression, ...]] | None:
    coefficient, core = split(contribution.value) if is_matrix(contribution.value) else (S.One, contribution.value)
    return (coefficient, core.args) if isinstance(core, MatMul) else None


def transpose(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield products with one transpose too few or too many, if their shapes are consistent."""
    found = _product(contribution)
    if found is None:
        return
    coefficient, factors = found
    for i, factor in enumerate(factors):
        turned = transposed(factor)
        words = f"with {_shown(contribution, turned)} in place of {_shown(contribution, factor)}: a transpose"
        value = scaled(coefficient, MatMul(*factors[:i], turned, *factors[i + 1 :]))
        yield Change(words, value, (MistakeKind.TRANSPOSE,))
    what = f"the gradient with respect to {text(contribution.part)}" if is_name(contribution.part) else "a product"
    whole = scaled(coefficient, transposed(MatMul(*factors)))
    yield Change(f"with {what} transposed", whole, (MistakeKind.TRANSPOSE,))


def swapped(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield a matrix product with its two factors in the other order."""
    found = _product(contribution)
    if found is not None and len(found[1]) == 2:
        left, right = found[1]
        words = f"with {_shown(contribution, left)} and {_shown(contribution, right)} in the wrong order"
        yield Change(words, scaled(found[0], MatMul(right, left)), (MistakeKind.ORDER,))


def entrywise_product(contribution: Contribution, _: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with ⊙ in place of a matrix product, or a matrix product in place of ⊙."""
    found = _product(contribution)
    if found is not None:
        value = scaled(found[0], HadamardProduct(*found[1]))
        yield Change("with ⊙ for a matrix product", value, (MistakeKind.PRODUCT,))
    coefficient, core = split(contribution.value) if is_matrix(contribution.value) else (S.One, contribution.value)
    if isinstance(core, HadamardProduct):
        value = scaled(coefficient, MatMul(*core.args))
        yield Change("with a matrix product for ⊙", value, (MistakeKind.PRODUCT,))


def _shown(contribution: Contribution, factor: Expression) -> str:
    """Return a factor as text, with ∂J/∂v for the adjoint."""
    if not _has_adjoint(factor, contribution):
        return text(factor)
    turned = "ᵀ" if isinstance(factor, Transpose) else ""
    return f"(∂J/∂{text(contribution.user)}){turned}"


def neighbour(contribution: Contribution, backward: BackwardPass) -> Iterator[Change]:
    """Yield the contribution with another quantity of the same shape: z2 in place of z1, W1 in place of W2."""
    values = {
        s
        for s in contribution.value.atoms(*{type(x) for x in backward.network.symbols.values()})
        if s != contribution.adjoint
    }
    for symbol in sorted((s for s in values if is_name(s) and is_matrix(s)), key=str):
        others = [
            other
            for other in backward.network.symbols.values()
            if is_matrix(other) and other.shape == symbol.shape and other != symbol
        ]
        for other in others[:_MOST_NEIGHBOURS]:
            words = f"with {text(other)} in place of {text(symbol)}"
            value = contribution.value.xreplace({symbol: other})
            yield Change(words, value, (MistakeKind.QUANTITY,))


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
        output = contribution.user if is_name(contribution.user) else node
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
