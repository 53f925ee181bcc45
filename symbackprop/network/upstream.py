"""A network that ends in outputs instead of a cost: any cost J that depends on them enters by its gradient alone.

The upstream gradient G = ∂J/∂yhat is an argument in the shape of the output yhat. The vector-Jacobian product, ∂J/∂W
for this G, is the gradient of Σ G ⊙ yhat, in which G is constant.
"""

from collections.abc import Iterable

from sympy import Add

from symbackprop.errors import DerivationError, NameInUseError, listed, nearest
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import is_matrix, shape_of
from symbackprop.network.network import INPUT, ONE_HOT, PARAMETER, SCALAR, TARGET, Equation, Network

_COSTS = ("J", "L", "C", "E")  # names for the cost, which has no formula
_AND_INPUTS = (INPUT, PARAMETER)  # roles with respect to which outputs are differentiated by default


def with_upstream(
    network: Network, outputs: Iterable[object] | str, wrt: Iterable[object] | str | None = None
) -> Network:
    """Return the network of the cost Σ G ⊙ output, with the upstream gradient G of each output as a new input.

    Args:
        network: a network; its own cost, if there is one, is left out.
        outputs: the name of an output, or several.
        wrt: inputs, targets or parameters with respect to which it will be differentiated; by default, all inputs and
            parameters that the outputs depend on.

    >>> import symbackprop as sb
    >>> net = sb.parse_network("X: input(N, D)\\nW: parameter(D, K)\\nyhat = tanh(X @ W)")
    >>> print(with_upstream(net, "yhat"))
    X:      input(N, D)
    W:      parameter(D, K)
    G_yhat: input(N, K)
    yhat = tanh(X @ W)
    J = sum(G_yhat * yhat)
    """
    ends = _named(network, outputs)
    equations = _needed(network, ends)
    fresh = network.without_equations(_unused(network, equations))
    fresh.varying |= _varying(network, equations, wrt)
    for end in ends:
        name, shape = f"G_{end.name}", shape_of(end)
        fresh.upstream[end] = fresh.input(name, *shape) if shape else fresh.scalar(name)
    for equation in equations:
        fresh.define(equation.name, equation.expression)
    _check_names(fresh)
    cost = next(name for name in (*_COSTS, "J_1") if name not in fresh.symbols and name not in _sizes(fresh))
    fresh.minimize(cost, Add(*(_times(G, end) for end, G in fresh.upstream.items())))
    return fresh


def _times(G: Expression, end: Expression) -> Expression:
    return Total(hadamard(G, end)) if is_matrix(end) else G * end


def _sizes(network: Network) -> set[str]:
    return {str(size) for size in network.dimensions}


def _named(network: Network, outputs: Iterable[object] | str) -> list[Expression]:
    """Return the symbols of outputs that are given by name or as symbols."""
    known = {e.name: e.symbol for e in network.all_equations}
    given = [outputs] if isinstance(outputs, str) or not isinstance(outputs, Iterable) else list(outputs)
    names = [str(getattr(name, "name", name)) for name in given]
    if not known:
        raise DerivationError("this network defines nothing, so it has no output")
    if not names:
        raise DerivationError(f"no output is named; the network defines {listed(known)}")
    for name in names:
        if name in network.roles:
            raise DerivationError(f"{name} is an argument of the network, not an output; it defines {listed(known)}")
        if name not in known:
            raise DerivationError(f"there is no output {name!r}: {nearest(name, known)}")
    return [known[name] for name in dict.fromkeys(names)]


def _needed(network: Network, ends: list[Expression]) -> list[Equation]:
    """Return the equations that the outputs need, in order."""
    used, kept = set(ends), []
    for equation in reversed(network.all_equations):
        if equation.symbol in used:
            used |= equation.expression.free_symbols
            kept.append(equation)
    return kept[::-1]


def _unused(network: Network, equations: list[Equation]) -> set[str]:
    """Return the names of the arguments that the equations do not need, not even for the value of a size."""
    used = {symbol for equation in equations for symbol in equation.expression.free_symbols}
    kept = [symbol for symbol in network.arguments if symbol in used]
    sizes = {size for symbol in kept for size in shape_of(symbol)}
    return {str(s.name) for s in network.arguments if s not in kept} if sizes >= {*network.dimensions} else set()


def _varying(network: Network, equations: list[Equation], wrt: Iterable[object] | str | None) -> set[str]:
    """Return the names of the inputs and targets that are differentiated with respect to."""
    if wrt is None:
        used = {symbol for equation in equations for symbol in equation.expression.free_symbols}
        return {str(symbol.name) for symbol in network.of_role(*_AND_INPUTS) if symbol in used}
    given = [wrt] if isinstance(wrt, str) or not isinstance(wrt, Iterable) else wrt
    names = {str(getattr(name, "name", name)) for name in given}
    for name in names:
        if network.roles.get(name) in (SCALAR, ONE_HOT):
            what = "a hyperparameter" if network.roles[name] == SCALAR else "a one-hot target"
            raise DerivationError(f"{name} is {what}, which is constant here; declare it as an input")
    return {name for name in names if network.roles.get(name) in (INPUT, TARGET, PARAMETER)}


def _check_names(network: Network) -> None:
    """Raise an error if a quantity or a size has the name of a gradient, such as dX."""
    for name in network.varying:
        if f"d{name}" in network.symbols or f"d{name}" in _sizes(network):
            raise NameInUseError(f"d{name} is the name of the gradient with respect to {name}; rename one")
