"""A network in which functions that are written as formulas, such as 1/(1 + exp(−z)), are named: for stable code."""

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.recognition import recognized_throughout
from symbackprop.network.network import Equation, Network


def with_named_functions(network: Network) -> Network:
    """Return a network of the same cost that names the functions which are written out; the network if there are none.

    >>> import symbackprop as sb
    >>> net = sb.parse_network("x: parameter(1, 3)\\ne = exp(-x)\\np = 1 / (1 + e)\\nJ = -sum(log(p))")
    >>> print(with_named_functions(net))
    x: parameter(1, 3)
    p = sigmoid(x)
    J = -sum(log(p))
    """
    definitions: dict[Expression, Expression] = {}
    for equation in (*network.equations, network.cost):
        definitions[equation.symbol] = recognized_throughout(equation.expression, definitions)
    if all(definitions[e.symbol] == e.expression for e in (*network.equations, network.cost)):
        return network
    return _with_equations(network, [Equation(*pair) for pair in definitions.items()])


def _with_equations(network: Network, equations: list[Equation]) -> Network:
    """Return a network with the same arguments, and with those of the equations that the last one, the cost, needs."""
    fresh, used = network.without_equations(), {equations[-1].symbol}
    for equation in reversed(equations):
        if equation.symbol in used:
            used |= equation.expression.free_symbols
    for equation in equations[:-1]:
        if equation.symbol in used:
            fresh.define(equation.name, equation.expression)
    fresh.minimize(equations[-1].name, equations[-1].expression)
    return fresh
