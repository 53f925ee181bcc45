"""THE derivative rules, one table.

A rule takes the adjoint G of a node (the gradient of the cost by that node, in the node's shape), the
node and its arguments, and gives the adjoint of each argument; None for an argument that is no quantity
to differentiate by (an axis, a size, an exponent).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Add, Basic, Mul, Pow

from symbackprop.backprop.wording import ACTIVATION
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.constructors import add, hadamard, matmul, power, transposed
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.matrices import Ones, Zeros, scaled, split
from symbackprop.expressions.operations import (
    AtLargest,
    Broadcast,
    Elementwise,
    Largest,
    LogSoftmax,
    LogSumExp,
    Softmax,
    Sums,
    Total,
    broadcast,
    sums,
)
from symbackprop.expressions.slicing import Concatenate, Slice, padded, sliced


@dataclass(frozen=True)
class Local:
    """The line before the rule's own: `derivative(quantity, node, slopes)` writes out ∂quantity/∂W.

    The slopes are the ∂A/∂W of the node's arguments, None for those that do not vary.
    """

    name: str
    derivative: Callable[[Any, Any, list[Any]], Any]


@dataclass(frozen=True)
class Rule:
    """`adjoints(G, node, *node.args)` under the name that a textbook gives it."""

    name: str
    adjoints: Callable[..., list[Any]]
    with_one_variable: str = ""  # its name where all factors but one are constant
    entrywise: bool = False  # G is used once, and entry by entry: it may stand there as an expression
    local: Local | None = None

    def name_for(self, node: Any, variables: int) -> str:
        """Return the name of the rule for a node so many of whose arguments vary."""
        if self.name == ACTIVATION and not node.function.row.activation:
            return f"derivative of {node.function.name}"
        return self.with_one_variable if variables == 1 and self.with_one_variable else self.name


def _others(combine: Callable[..., Any], factors: tuple[Any, ...]) -> list[Any]:
    """For each factor, the product of the other ones."""
    return [combine(*factors[:i], *factors[i + 1 :]) for i in range(len(factors))]


def _matmul(G: Any, _: Any, *factors: Any) -> list[Any]:
    """A₁ … Aᵢ … Aₙ: (A₁ … Aᵢ₋₁)ᵀ G (Aᵢ₊₁ … Aₙ)ᵀ."""
    turned = [transposed(factor) for factor in factors]
    return [matmul(*turned[:i][::-1], G, *turned[i + 1 :][::-1]) for i in range(len(factors))]


def _elementwise(G: Any, _: Any, f: Any, Z: Any) -> list[Any]:
    slope = f.prime.expression
    return [None, scaled(slope, G) if slope.is_number else hadamard(G, f.prime(Z))]


def _spread(line: Any, like: Any) -> Any:
    """A row or a column repeated to the shape of a matrix, with the scalar factor in front."""
    coefficient, line = split(line)
    whole = Ones(*like.shape) if isinstance(line, Ones) else broadcast(line, *like.shape)
    return scaled(coefficient, whole)


def _summed(matrix: Any, axis: Any) -> Any:
    """The sums along an axis, with the scalar factor in front."""
    coefficient, matrix = split(matrix)
    return scaled(coefficient, sums(matrix, axis))


def _softmax(G: Any, S: Any, Z: Any, axis: Any) -> list[Any]:
    """The full Jacobian: S ⊙ (G − Σ G ⊙ S), the sum along the axis."""
    return [hadamard(S, add(G, -_spread(_summed(hadamard(G, S), axis), Z))), None]


def _log_softmax(G: Any, _: Any, Z: Any, axis: Any) -> list[Any]:
    """The full Jacobian: G − softmax ⊙ Σ G, the sum along the axis."""
    return [add(G, -hadamard(Softmax(Z, axis), _spread(_summed(G, axis), Z))), None]


def _matrix_power(G: Any, _: Any, M: Any, n: Any) -> list[Any]:
    """M M … M: each factor in turn, (Mᵀ)ᵏ G (Mᵀ)ⁿ⁻¹⁻ᵏ."""
    turned, last = transposed(M), int(n) - 1
    return [add(*(matmul(*[turned] * k, G, *[turned] * (last - k)) for k in range(last + 1))), None]


def _concatenated(G: Any, node: Any, *_: Any) -> list[Any]:
    """Each matrix gets its own part."""
    return [None, *(sliced(G, node.axis, block.start, block.stop) for block in node.blocks)]


def _one_varies(_: Any, node: Any, slopes: list[Any]) -> Any:
    """The derivative of a node that is linear in each argument: one of them in turn is derived."""
    turns = ((*node.args[:i], slope, *node.args[i + 1 :]) for i, slope in enumerate(slopes) if slope is not None)
    return add(*(node.func(*turn) for turn in turns))


def _part_by_part(_: Any, node: Any, slopes: list[Any]) -> Any:
    """The derivative of matrices side by side: their derivatives side by side."""
    return node.func(
        node.axis,
        *(Zeros(*M.shape) if s is None else s for M, s in zip(node.args, slopes, strict=True) if M in node.operands),
    )


def _chained(quantity: Any, node: Any, slopes: list[Any]) -> Any:
    return hadamard(Entrywise(quantity, node.argument), slopes[-1])


_LINEAR = Local("linearity", _one_varies)
_PARTS = Local("linearity", _part_by_part)
_CHAIN = Local("chain rule", _chained)


def _scalar_function(G: Any, node: Any, *xs: Any) -> list[Any]:
    return [G * node.fdiff(i + 1) for i in range(len(xs))]


# fmt: off
RULES: dict[type[Basic], Rule] = {
    # node                 name                        adjoint G of the node, node, arguments -> one adjoint an argument
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
    Total:                 Rule("sum rule",             lambda G, _, M: [scaled(G, Ones(*M.shape))], entrywise=True),
    # matrices
    nodes.MatAdd:          Rule("sum rule",             lambda G, _, *Ms: [G for _ in Ms],
                                with_one_variable="constant rule", entrywise=True),
    nodes.Scaled:          Rule("product rule",         lambda G, _, c, M: [Total(hadamard(G, M)), scaled(c, G)],
                                with_one_variable="constant factor rule", entrywise=True),
    nodes.MatMul:          Rule("matrix form",          _matmul, local=_LINEAR),
    nodes.Transpose:       Rule("matrix form",          lambda G, _, M: [transposed(G)], local=_LINEAR),
    nodes.MatPow:          Rule("matrix power rule",    _matrix_power),
    nodes.Inverse:         Rule("inverse rule",         lambda G, node, M: [-matmul(transposed(node), G, transposed(node))]),
    nodes.HadamardProduct: Rule("product rule",         lambda G, _, *Ms: [hadamard(G, M) for M in _others(hadamard, Ms)],
                                with_one_variable="constant factor rule", entrywise=True),
    nodes.HadamardPower:   Rule("power rule",           lambda G, _, M, n: [hadamard(G, scaled(n, power(M, n - 1))), None], entrywise=True),
    Elementwise:           Rule(ACTIVATION,             _elementwise, entrywise=True, local=_CHAIN),
    Sums:                  Rule("matrix form",          lambda G, _, M, axis: [_spread(G, M), None], local=_LINEAR),
    Broadcast:             Rule("matrix form",          lambda G, node, M, *size: [_summed(G, node.axis), None, None], local=_LINEAR),
    Softmax:               Rule("softmax rule",         _softmax),
    LogSoftmax:            Rule("log-softmax rule",     _log_softmax),
    Largest:               Rule("maximum rule",         lambda G, _, Z, axis: [hadamard(_spread(G, Z), AtLargest(Z, axis)), None], entrywise=True),
    Concatenate:           Rule("matrix form",          _concatenated, local=_PARTS),
    Slice:                 Rule("matrix form",          lambda G, _, M, axis, start, stop: [padded(G, int(axis), start, M.shape[int(axis)]), None, None, None], local=_LINEAR),
    LogSumExp:             Rule("log-sum-exp rule",     lambda G, _, Z, axis: [hadamard(_spread(G, Z), Softmax(Z, axis)), None], entrywise=True),
}
# fmt: on


def rule_for(node: Basic) -> Rule | None:
    """The rule of a node's class, or of the nearest class it derives from."""
    return next((RULES[kind] for kind in type(node).__mro__ if kind in RULES), None)
