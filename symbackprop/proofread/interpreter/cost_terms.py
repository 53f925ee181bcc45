"""The parts of a network's cost that documents give names."""

from sympy import Add, expand_mul

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import MatAdd, Scaled, postorder
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import TARGET, Network


def cost_terms(network: Network) -> tuple[Expression, ...]:
    """Return the terms whose sum is the cost."""
    cost = network.cost.expression
    if isinstance(cost, Total) and isinstance(cost.argument, MatAdd):
        return tuple(Total(term) for term in cost.argument.args)
    return tuple(Add.make_args(expand_mul(cost, deep=False)))


def unnamed(network: Network) -> tuple[Expression, ...]:
    """Return the parts of the cost that documents give names: its terms, and the quantity compared with the target."""
    return (*cost_terms(network), *compared(network))


def compared(network: Network) -> tuple[Expression, ...]:
    """Return the X θ of Σ (X θ - y)² if no equation names it."""
    targets = set(network.of_role(TARGET))
    if any(is_matrix(equation.symbol) for equation in network.equations):
        return ()
    for node in postorder(network.cost.expression):
        terms = node.args if isinstance(node, MatAdd) else ()
        own = [term for term in terms if targets & term.free_symbols]
        others = [term for term in terms if term not in own]
        if len(own) == 1 and others:
            others = [_negative(term) for term in others] if own[0] in targets else others
            return (others[0] if len(others) == 1 else MatAdd(*others),)
    return ()


def _negative(term: Expression) -> Expression:
    is_negative = isinstance(term, Scaled) and term.args[0] == -1
    return term.args[1] if is_negative else Scaled(-1, term)
