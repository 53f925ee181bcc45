"""Second derivatives: the tape of a derivation is itself a network, which is differentiated once more.

The product of the Hessian with directions v_W, one for each parameter W, is the gradient of Σ_W Σ v_W ⊙ ∂J/∂W, in which
the directions are constant.
"""

from collections.abc import Iterable

from sympy import Add

from symbackprop.backprop.tape import Tape
from symbackprop.errors import DerivationError, SymbackpropError, listed
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import Network

_NAMES = ("s", "S", "Q", "s_1")  # of the cost of the new network
_HESSIAN, _JACOBIAN = "Hv_", "Jv_"  # before the names of the results


def hessian_network(tape: Tape, along: Iterable[str] | None = None) -> Network:
    """Return the network of the gradients, with the directions as inputs, whose gradients are Hessian-vector products.

    Args:
        tape: of a cost.
        along: the parameters that have a direction; by default, all of them.

    Raises:
        DerivationError: the cost is not twice differentiable by the rules, or a name is taken or unknown.
    """
    if tape.network.upstream:
        raise DerivationError("second derivatives are those of a cost; this network ends in an output")
    chosen = list(tape.gradients) if along is None else list(along)
    unknown = [name for name in chosen if name not in tape.gradients]
    if unknown:
        raise DerivationError(f"{unknown[0]} is not among the gradients, {listed(tape.gradients)}")
    return _along(tape, chosen, _HESSIAN)


def jacobian_network(tape: Tape) -> Network:
    """Return the network whose gradients with respect to the upstream gradients G are the products J v.

    The vector-Jacobian product Jᵀ G is linear in G, so that the gradient of vᵀ Jᵀ G with respect to G is J v.

    Raises:
        DerivationError: the tape is that of a cost.
    """
    if not tape.network.upstream:
        raise DerivationError(
            "the Jacobian is that of an output, as in derive(network, output='yhat'); a cost has the directional "
            "derivative Σ v ⊙ ∂J/∂W"
        )
    fresh = _along(tape, list(tape.gradients), _JACOBIAN)
    fresh.varying = {str(G.name) for G in tape.network.upstream.values()}
    return fresh


def _along(tape: Tape, chosen: list[str], prefix: str) -> Network:
    """Return the network of Σ v ⊙ ∂J/∂W, the sum over the chosen parameters W with their directions v."""
    fresh = tape.network.without_equations()
    fresh.gradient_prefix, fresh.upstream = prefix, {}
    directions = {name: fresh.input(f"v_{name}", *shape_of(tape.gradients[name])) for name in chosen}
    named = [*tape.equations[:-1], *tape.used_adjoints]
    try:
        for equation in named:
            fresh.define(equation.name, equation.expression)
        for name, direction in directions.items():
            fresh.upstream[fresh.define(f"g_{name}", tape.gradients[name])] = direction
        cost = next(name for name in _NAMES if name not in fresh.symbols and name not in map(str, fresh.dimensions))
        fresh.minimize(cost, Add(*(Total(hadamard(v, g)) for g, v in fresh.upstream.items())))
    except SymbackpropError as error:
        names = listed(tape.gradients)
        raise DerivationError(f"the gradient with respect to {names} cannot be differentiated again: {error}") from None
    return fresh
