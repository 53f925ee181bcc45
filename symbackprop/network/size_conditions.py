"""Conditions on the sizes of a network: the parts of arrays that it takes, such as A[0:2], must be there."""

from dataclasses import dataclass

from sympy import Integer, ceiling

from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.shapes import shape_of
from symbackprop.expressions.slicing import Slice
from symbackprop.network.network import Network


@dataclass(frozen=True)
class LeastSize:
    """A size, or a sum or product of sizes, and the least number that it may be."""

    size: Size
    least: int

    def __str__(self) -> str:
        return f"{self.size} ≥ {self.least}"


def least_sizes(network: Network) -> list[LeastSize]:
    r"""Return the least sizes of a network, as far as they are above 1.

    >>> import symbackprop as sb
    >>> net = sb.parse_network("A: input(N, D)\nw: parameter(D)\nJ = sum(A[0:3] @ w) + sum(A[2:, -2:])")
    >>> print(*least_sizes(net), sep=", ")
    N ≥ 3, D ≥ 2
    """
    least: dict[Size, int] = {}
    for length in dict.fromkeys([*lengths(network), *margins(network)]):
        constant, names = length.as_coeff_Add()
        factor, names = names.as_coeff_Mul()
        least[names] = max(int(ceiling(-constant / factor)), least.get(names, 1))
    return [LeastSize(size, number) for size, number in least.items() if number > 1]


def lengths(network: Network) -> list[Size]:
    """Return the lengths of arrays in a network that may be below 1, such as N - 1."""
    nodes = (*network.arguments, *_nodes(network))
    return list(dict.fromkeys(size for node in nodes for size in shape_of(node) if not size.is_positive))


def margins(network: Network) -> list[Size]:
    """Return the numbers of entries before and behind the slices in a network that may be negative, such as N - 2."""
    slices = [node for node in _nodes(network) if isinstance(node, Slice)]
    ends = (end for node in slices for end in node.margins if not end.is_nonnegative)
    return list(dict.fromkeys(ends))


def at_least(network: Network) -> list[tuple[Size, Size]]:
    """Return pairs of sizes of which the first is at least as large as the second, such that no part is empty."""
    least = [*((length, Integer(1)) for length in lengths(network)), *((end, Integer(0)) for end in margins(network))]
    return [(Integer(1) * size, bound) for size, bound in least]


def _nodes(network: Network) -> list[Expression]:
    return [node for e in (*network.equations, network.cost) for node in postorder(e.expression)]
