"""Second derivatives: the tape of a derivation is itself a network, which is differentiated once more.

The product of the Hessian with directions v_W, one for each parameter W, is the gradient of Σ_W Σ v_W ⊙ ∂J/∂W, in which
the directions are constant.
"""

from sympy import Add

from symbackprop.backprop.tape import Tape
from symbackprop.errors import DerivationError, SymbackpropError, listed
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.operations import Total
from symbackprop.network.network import Network

_NAMES = ("s", "S", "Q", "s_1")  # of the cost of the new network


def hessian_network(tape: Tape) -> Network:
    """Return the network of the gradients, with the directions as inputs, whose gradients are Hessian-vector products.

    Raises:
        DerivationError: the cost is not twice differentiable by the rules, or a name is taken.
    """
    if tape.network.upstream:
        raise DerivationError("second derivatives are those of a cost; this network ends in an output")
    fresh = tape.network.without_equations()
    fresh.gradient_prefix = "Hv_"
    directions = {name: fresh.input(f"v_{name}", *gradient.shape) for name, gradient in tape.gradients.items()}
    named = [*tape.equations[:-1], *tape.used_adjoints]
    try:
        for equation in named:
            fresh.define(equation.name, equation.expression)
        for name, gradient in tape.gradients.items():
            fresh.upstream[fresh.define(f"g_{name}", gradient)] = directions[name]
        cost = next(name for name in _NAMES if name not in fresh.symbols and name not in map(str, fresh.dimensions))
        fresh.minimize(cost, Add(*(Total(hadamard(v, g)) for g, v in fresh.upstream.items())))
    except SymbackpropError as error:
        names = listed(tape.gradients)
        raise DerivationError(f"the gradient with respect to {names} cannot be differentiated again: {error}") from None
    return fresh
