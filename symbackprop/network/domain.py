"""The domain of a network's cost: the first part that has no finite value, or no finite derivative, at a point."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy
from sympy import Pow, S

from symbackprop.expressions.aliases import Expression, Size
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.matrices import HadamardPower, Inverse, postorder, quantities
from symbackprop.expressions.operations import Elementwise
from symbackprop.network.evaluate import IN_FLOATS, Evaluation, Value
from symbackprop.network.network import Equation, Network
from symbackprop.printing.text import typed

LIMITED = (sympy.log, Pow, HadamardPower, Inverse)
Condition: TypeAlias = tuple[str, Value, Any]  # in words, its numbers, and True for each of them that fulfils it

_LEAST = 1e-12  # distance from the end of a domain, where derivatives are infinite
_MOST = 1e100  # a value, since products of derivatives may be too large for a float before it is
_WORST = 1e10  # condition number of a matrix that is inverted


@dataclass(frozen=True)
class Outside:
    """A part of an equation that has no value at a point, and how far the computation came."""

    equation: Equation
    node: Expression
    wanted: str
    values: Value  # of the argument
    progress: float  # parts that have values, and the share of this part's entries that have

    def __str__(self) -> str:
        low, high = (f"{bound:.3g}" for bound in (np.min(self.values), np.max(self.values)))
        found = low if low == high else f"{low} to {high}"
        whole = f"{self.equation.name} = {typed(self.equation.expression)}"
        return f"in {whole:.200}, {typed(self.node):.100} needs {self.wanted}, but got {found}"


def first_outside(network: Network, sizes: Mapping[Size, int], given: Mapping[Expression, Value]) -> Outside | None:
    """Return the first part of the network that has no finite value or derivative for these arguments, or None."""
    evaluation, values, count = Evaluation(sizes), dict(given), 0
    for equation in (*network.equations, network.cost):
        for node in postorder(equation.expression):
            if node in values:
                continue
            count += 1
            parts = [values[part] for part in quantities(node)]
            for wanted, argument, inside in _conditions(node, parts, values, evaluation):
                if not np.all(inside):
                    return Outside(equation, node, wanted, argument, count + np.mean(np.asarray(inside, float)))
        values[equation.symbol] = values[equation.expression]
    return None


def _conditions(
    node: Expression, parts: list[Value], values: dict[Expression, Value], evaluation: Evaluation
) -> Iterator[Condition]:
    """Yield the conditions on the argument, add the value of the node to `values`, and yield those on the value."""
    if parts:
        yield from _domain(node, parts)
    with np.errstate(all="ignore"):
        try:
            values[node] = evaluation.combined(node, parts, IN_FLOATS)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            yield f"other numbers ({error})", parts[0], False
            return
    yield f"a result below {_MOST:.0e}", values[node], abs(np.asarray(values[node], float)) < _MOST


def _domain(node: Expression, parts: list[Value]) -> Iterator[Condition]:
    """Yield the condition that a function's domain is for its argument."""
    argument = parts[0]
    if isinstance(node, Elementwise | Applied):
        domain = node.function.row.domain
        if domain != S.Reals:
            low, high = float(domain.inf), float(domain.sup)
            yield _between(low, high), argument, (argument > low + _LEAST) & (argument < high - _LEAST)
    elif isinstance(node, sympy.log):
        yield _between(0, np.inf), argument, argument > 0  # of a determinant, which may be very small
    elif isinstance(node, Inverse):
        condition = np.linalg.cond(argument)
        yield f"a matrix with a condition number below {_WORST:.0e}", condition, condition < _WORST
    elif isinstance(node, Pow | HadamardPower):
        exponent = float(parts[1])
        if not exponent.is_integer():
            yield _between(0, np.inf), argument, argument > _LEAST
        elif exponent < 0:
            yield "numbers other than 0", argument, abs(argument) > _LEAST


def _between(low: float, high: float) -> str:
    ends = [f"above {low:g}"] * (low > -np.inf) + [f"below {high:g}"] * (high < np.inf)
    return f"numbers {' and '.join(ends)}"
