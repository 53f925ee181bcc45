"""The table of all derivative rules.

A rule takes the adjoint G of a node (the gradient of the cost with respect to the node, in the node's shape), the node
and its arguments, and returns the contribution to the adjoint of each argument: the vector-Jacobian products. It
returns None for an argument with respect to which nothing is differentiated (an axis, a size, an exponent).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TypeAlias

import sympy
from sympy import Add, Basic, Integer, Mul, Pow

from symbackprop.backprop.wording import ACTIVATION
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.constructors import add, hadamard, matmul, power, spread, transposed
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.einsum import Einsum, einsum
from symbackprop.expressions.functions import Applied, ElementwiseFunction
from symbackprop.expressions.gathers import Gather, reshaped, summed
from symbackprop.expressions.linear_algebra import matrix_power
from symbackprop.expressions.matrices import Ones, Zeros, scaled, split, terms_of
from symbackprop.expressions.slicing import Concatenate, Slice, padded, sliced

PerArgument: TypeAlias = list[Expression | None]  # one per argument; None for an argument that does not vary


@dataclass(frozen=True)
class Local:
    """A step that precedes the step of a rule: `derivative(quantity, node, derivatives)` returns ∂quantity/∂W.

    The derivatives are the ∂A/∂W of the node's arguments, None for an argument that does not vary.
    """

    name: str
    derivative: Callable[[Expression, Expression, PerArgument], Expression]


@dataclass(frozen=True)
class Rule:
    """A derivative rule under its textbook name; `adjoints(G, node, *node.args)` returns a list of contributions."""

    name: str
    adjoints: Callable[..., PerArgument]
    with_one_variable: str = ""  # its name where all factors but one are constant
    entrywise: bool = False  # G is used once, and entry by entry: it may stand there as an expression
    local: Local | None = None

    def name_for(self, node: Expression, variables: int) -> str:
        """Return the name of the rule for a node of which this number of arguments vary."""
        if self.name == ACTIVATION and not node.function.row.activation:
            return f"derivative of {node.function.name}"
        return self.with_one_variable if variables == 1 and self.with_one_variable else self.name


def _others(combine: Callable[..., Expression], factors: tuple[Expression, ...]) -> list[Expression]:
    """Return, for each factor, the product of the others."""
    return [combine(*factors[:i], *factors[i + 1 :]) for i in range(len(factors))]


def _matmul(G: Expression, _: object, *factors: Expression) -> PerArgument:
    """Return (A₁ … Aᵢ₋₁)ᵀ G (Aᵢ₊₁ … Aₙ)ᵀ for each Aᵢ of A₁ … Aₙ."""
    turned = [transposed(factor) for factor in factors]
    return [matmul(*turned[:i][::-1], G, *turned[i + 1 :][::-1]) for i in range(len(factors))]


def _elementwise(G: Expression, _: object, f: ElementwiseFunction, Z: Matrix) -> PerArgument:
    derivative = f.prime.expression
    return [None, scaled(derivative, G) if derivative.is_number else hadamard(G, f.prime(Z))]


def _summed(matrix: Matrix, axis: Integer) -> Expression:
    """Return the sums along an axis, with the scalar factor in front."""
    coefficient, matrix = split(matrix)
    return scaled(coefficient, ops.sums(matrix, axis))


def _broadcast(G: Expression, node: Expression, M: Matrix, *sizes: Integer) -> PerArgument:
    """Return the sum over all repetitions, in the shape of the argument."""
    axes = node.repeated
    if node.is_of_matrices:
        return [_summed(G, axes[0]), *(None for _ in sizes)]
    return [reshaped(summed(G, axes), M.shape), *(None for _ in sizes)]


def _einsum(G: Expression, node: Expression, *_: object) -> PerArgument:
    """Return, for each operand, the product of the adjoint with the other operands, in the letters of this operand."""
    (words, output), arrays = node.letters, node.operands
    return [
        None,
        *(
            einsum(
                ",".join([output, *words[:k], *words[k + 1 :]]) + "->" + word,
                G,
                *arrays[:k],
                *arrays[k + 1 :],
            )
            for k, word in enumerate(words)
        ),
    ]


def _gathered(G: Expression, node: Expression, *arguments: Expression) -> PerArgument:
    return [node.adjoint(G), *(None for _ in arguments[1:])]


def _softmax(G: Expression, S: Matrix, Z: Matrix, axis: Integer) -> PerArgument:
    """Return the vector-Jacobian product of the softmax: S ⊙ (G − Σ G ⊙ S), with the sum along the axis."""
    return [hadamard(S, add(G, -spread(_summed(hadamard(G, S), axis), Z.shape))), None]


def _log_softmax(G: Expression, _: object, Z: Matrix, axis: Integer) -> PerArgument:
    """Return the vector-Jacobian product of the log softmax: G − softmax ⊙ Σ G, with the sum along the axis."""
    return [add(G, -hadamard(ops.Softmax(Z, axis), spread(_summed(G, axis), Z.shape))), None]


def _matrix_power(G: Expression, _: object, M: Matrix, n: Integer) -> PerArgument:
    """Return the sum of the contributions of all n factors M of Mⁿ: the terms (Mᵏ)ᵀ G (Mⁿ⁻¹⁻ᵏ)ᵀ."""
    turned, last = nodes.Transpose(M), int(n) - 1
    coefficient, terms = split(add(*(matmul(*[turned] * k, G, *[turned] * (last - k)) for k in range(last + 1))))
    return [scaled(coefficient, add(*(_in_powers(term, M) for term in terms_of(terms)))), None]


def _in_powers(product: Matrix, M: Matrix) -> Expression:
    """Return a product in which k factors Mᵀ that follow each other are one factor (Mᵏ)ᵀ."""
    coefficient, matrix = split(product)
    factors = matrix.args if isinstance(matrix, nodes.MatMul) else (matrix,)
    runs = ((factor, len(list(equal))) for factor, equal in groupby(factors))
    powers = (
        [transposed(matrix_power(M, count))] if factor == nodes.Transpose(M) else [factor] * count
        for factor, count in runs
    )
    return scaled(coefficient, matmul(*chain.from_iterable(powers)))


def _concatenated(G: Expression, node: Expression, *_: object) -> PerArgument:
    """Return, for each concatenated matrix, the block of the adjoint at its position."""
    return [None, *(sliced(G, node.axis, block.start, block.stop) for block in node.blocks)]


def _one_varies(_: object, node: Expression, derivatives: PerArgument) -> Expression:
    """Return the derivative of a node that is linear in each argument: a sum that differentiates one at a time."""
    turns = ((*node.args[:i], dA, *node.args[i + 1 :]) for i, dA in enumerate(derivatives) if dA is not None)
    return add(*(node.func(*turn) for turn in turns))


def _part_by_part(_: object, node: Expression, derivatives: PerArgument) -> Expression:
    """Return the derivative of concatenated matrices, which is the concatenation of their derivatives."""
    return node.func(
        node.axis,
        *(
            Zeros(*M.shape) if dM is None else dM
            for M, dM in zip(node.args, derivatives, strict=True)
            if M in node.operands
        ),
    )


def _chained(quantity: Expression, node: Expression, derivatives: PerArgument) -> Expression:
    """Return the entrywise product of the derivative of f(Z) and that of Z."""
    return hadamard(Entrywise(quantity, node.argument), derivatives[-1])


_LINEAR = Local("linearity", _one_varies)
_PARTS = Local("linearity", _part_by_part)
_CHAIN = Local("chain rule", _chained)


def _scalar_function(G: Expression, node: Expression, *xs: Expression) -> PerArgument:
    return [G * node.fdiff(i + 1) for i in range(len(xs))]


# fmt: off
RULES: dict[type[Basic], Rule] = {
    # node                 name                        adjoint G of the node, node, arguments -> one contribution per argument
    # scalars
    Add:                   Rule("sum rule",             lambda G, _, *xs: [G for _ in xs],
                                with_one_variable="constant rule", entrywise=True),
    Mul:                   Rule("product rule",         lambda G, _, *xs: [G * x for x in _others(Mul, xs)],
                                with_one_variable="constant factor rule", entrywise=True),
    Pow:                   Rule("power rule",           lambda G, _, x, n: [G * n * x**(n - 1), None], entrywise=True),
    sympy.exp:             Rule("chain rule",           _scalar_function, entrywise=True),
    sympy.log:             Rule("chain rule",           _scalar_function, entrywise=True),
    Applied:               Rule("chain rule",           lambda G, _, f, x: [None, G * f.prime(x)], entrywise=True),
    nodes.Trace:           Rule("trace rule",           lambda G, _, M: [scaled(G, nodes.Eye(M.shape[0]))]),
    nodes.Determinant:     Rule("determinant rule",     lambda G, node, M: [scaled(G * node, transposed(nodes.Inverse(M)))]),
    ops.Total:             Rule("sum rule",             lambda G, _, M: [scaled(G, Ones(*M.shape))], entrywise=True),
    # matrices
    nodes.MatAdd:          Rule("sum rule",             lambda G, _, *Ms: [G for _ in Ms],
                                with_one_variable="constant rule", entrywise=True),
    nodes.Scaled:          Rule("product rule",         lambda G, _, c, M: [ops.Total(hadamard(G, M)), scaled(c, G)],
                                with_one_variable="constant factor rule", entrywise=True),
    nodes.MatMul:          Rule("matrix form",          _matmul, local=_LINEAR),
    nodes.Transpose:       Rule("matrix form",          lambda G, _, M: [transposed(G)], local=_LINEAR),
    nodes.MatPow:          Rule("matrix power rule",    _matrix_power),
    nodes.Inverse:         Rule("inverse rule",         lambda G, node, M: [-matmul(transposed(node), G, transposed(node))]),
    nodes.HadamardProduct: Rule("product rule",         lambda G, _, *Ms: [hadamard(G, M) for M in _others(hadamard, Ms)],
                                with_one_variable="constant factor rule", entrywise=True),
    nodes.HadamardPower:   Rule("power rule",           lambda G, _, M, n: [hadamard(G, scaled(n, power(M, n - 1))), None], entrywise=True),
    ops.Elementwise:       Rule(ACTIVATION,             _elementwise, entrywise=True, local=_CHAIN),
    ops.Sums:              Rule("matrix form",          lambda G, _, M, axis: [spread(G, M.shape), None], local=_LINEAR),
    ops.Broadcast:         Rule("matrix form",          _broadcast, local=_LINEAR),
    ops.Softmax:           Rule("softmax rule",         _softmax),
    ops.LogSoftmax:        Rule("log-softmax rule",     _log_softmax),
    ops.Largest:           Rule("maximum rule",         lambda G, _, Z, axis: [hadamard(spread(G, Z.shape), ops.AtLargest(Z, axis)), None], entrywise=True),
    Concatenate:           Rule("matrix form",          _concatenated, local=_PARTS),
    Slice:                 Rule("matrix form",          lambda G, _, M, axis, start, stop: [padded(G, int(axis), start, M.shape[int(axis)]), None, None, None], local=_LINEAR),
    Einsum:                Rule("matrix form",          _einsum, local=_LINEAR),
    Gather:                Rule("matrix form",          _gathered, local=_LINEAR),
    ops.LogSumExp:         Rule("log-sum-exp rule",     lambda G, _, Z, axis: [hadamard(spread(G, Z.shape), ops.Softmax(Z, axis)), None], entrywise=True),
}
# fmt: on


def rule_for(node: Basic) -> Rule | None:
    """Return the rule of a node's class, or of its nearest base class with a rule; None if there is none."""
    return next((RULES[kind] for kind in type(node).__mro__ if kind in RULES), None)
