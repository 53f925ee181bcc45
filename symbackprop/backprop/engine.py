"""The function backpropagate, which derives the gradients of a network's cost, and records them on a tape.

The tape is the answer: named equations, named adjoints (δ), gradients, and the steps that lead to them.
"""

from collections.abc import Iterable

from sympy import Basic

from symbackprop.backprop.adjoints import adjoints
from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.steps import sections
from symbackprop.backprop.tape import Tape
from symbackprop.errors import ArgumentError, DerivationError, listed, nearest
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import zero_of
from symbackprop.network.network import INPUT, PARAMETER, Network

ARGUMENT, OUTPUT = "argument", "output"  # of an activation: its derivative is written in terms of one of them


def chosen_parameters(network: Network, wrt: Iterable[str] | str | None) -> tuple[Expression, ...]:
    """Return the parameters named in `wrt`, or all of them if it is None, in the order of their declaration."""
    names = {str(p.name): p for p in network.parameters}
    if not names:
        raise DerivationError(
            "this network has no parameters to differentiate with respect to; declare one, as in W: parameter(D, K) in "
            "a text, or with net.parameter('W', …)"
        )
    if wrt is None:
        return network.parameters
    if not isinstance(wrt, Iterable | Basic):
        raise DerivationError(f"wrt is a list of parameter names, such as {list(names)}, not {wrt!r}")
    chosen = [str(getattr(name, "name", name)) for name in ([wrt] if isinstance(wrt, str | Basic) else wrt)]
    for name in chosen:
        if name in names:
            continue
        role = network.roles.get(name)
        if role is not None and role != PARAMETER:
            article = "an" if role == INPUT else "a"
            raise DerivationError(
                f"{name} is {article} {role}, which is constant here; the parameters are {listed(names)} "
                f"(to differentiate with respect to it, declare {name} as a parameter: {name}: parameter(…) in a text, "
                "net.parameter in Python)"
            )
        if name == network.cost.name or name in network.symbols:
            what = "the cost itself" if name == network.cost.name else "an intermediate quantity"
            raise DerivationError(f"{name} is {what}; gradients are with respect to parameters: {listed(names)}")
        raise DerivationError(f"unknown parameter {name!r}: {nearest(name, names)}")
    if not chosen:
        raise DerivationError(f"nothing to differentiate with respect to was named; the parameters are {listed(names)}")
    return tuple(symbol for name, symbol in names.items() if name in chosen)


def backpropagate(
    network: Network, wrt: Iterable[str] | str | None = None, *, activation_derivative: str = ARGUMENT
) -> Tape:
    """Derive the gradients with respect to every parameter, or only those in `wrt`; see `symbackprop.derive`.

    >>> import symbackprop as sb
    >>> tape = backpropagate(sb.mlp([2, 3, 1]))
    >>> [str(adjoint.symbol) for adjoint in tape.adjoints]
    ['delta3', 'delta2']
    """
    if activation_derivative not in (ARGUMENT, OUTPUT):
        raise ArgumentError(
            f"activation_derivative is {ARGUMENT!r}, which writes f′(z), or {OUTPUT!r}, which writes a ⊙ (1 − a); "
            f"it is not {activation_derivative!r}"
        )
    graph = ComputationGraph(network, chosen := chosen_parameters(network, wrt))
    found = adjoints(graph, of_outputs=activation_derivative == OUTPUT)
    gradients = {str(p.name): found.values.get(p, zero_of(p)) for p in chosen}
    steps = sections(graph, found, chosen)
    named = tuple(found.named.values())
    return Tape(network, chosen, tuple(graph.equations), named, gradients, steps, graph.given)
