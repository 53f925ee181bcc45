"""A backward sweep through the computation graph, which computes the adjoint ∂J/∂v of every quantity v by the rules.

Each quantity gets its adjoint once, as the sum of the contributions of its uses. An adjoint that is used more than
once, or in a matrix product, gets a name, so that the length of all formulas is linear in the size of the network.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TypeAlias

from sympy import Add, S, Symbol

from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.rules import rule_for
from symbackprop.backprop.simplify import Stage, in_terms_of_output, node_count, simplified
from symbackprop.backprop.tape import Adjoint
from symbackprop.errors import DerivationError
from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.constructors import add
from symbackprop.expressions.matrices import NamedMatrix, Ones, Scaled, changing, is_name, postorder
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.latex_names import latex_name
from symbackprop.printing.text import typed

Edge: TypeAlias = tuple[Expression, Expression]  # of the computation graph: a user and one of its parts


@dataclass(frozen=True)
class Contribution:
    """The contribution of one use: the term `value` that `user` adds to ∂J/∂part, given `adjoint` = ∂J/∂user."""

    user: Expression
    part: Expression
    expression: Expression  # the definition of the user
    adjoint: Expression
    value: Expression

    @property
    def edge(self) -> Edge:
        """The edge of the computation graph that the contribution belongs to."""
        return self.user, self.part


@dataclass
class Adjoints:
    """The adjoint of each quantity, its name if it has one, and the contribution of each edge to it."""

    values: dict[Expression, Expression] = field(default_factory=dict)
    named: dict[Expression, Adjoint] = field(default_factory=dict)
    contributions: dict[Edge, Expression] = field(default_factory=dict)
    stages: dict[Expression, list[Stage]] = field(default_factory=dict)  # from the sum of contributions to the value
    definitions: dict[Expression, Expression] = field(default_factory=dict)  # of the names

    def of(self, node: Expression) -> Expression:
        """Return ∂J/∂node, by its name if it has one."""
        return self.named[node].symbol if node in self.named else self.values[node]

    def total(self, graph: ComputationGraph, node: Expression) -> Expression:
        """Return the sum of the contributions of all uses of a node."""
        return total_of([self.contributions[user, node] for user in graph.users[node]])


def adjoints(graph: ComputationGraph, *, of_outputs: bool = False) -> Adjoints:
    """Return the adjoint of every quantity that varies; with `of_outputs`, f′(z) is written in terms of f(z)."""
    found, names = Adjoints(), _AdjointNames(graph)
    for node in reversed(graph.order):
        if node == graph.cost:
            found.values[node] = S.One
        elif graph.users[node]:
            found.values[node] = found.total(graph, node)
            _simplify(graph, found, node)
        else:
            continue
        if node != graph.cost and _deserves_name(graph, node, found.values[node]):
            symbol = names.symbol_for(node)
            found.named[node] = Adjoint(symbol, found.values[node], node)
            found.definitions[symbol] = found.values[node]
        for one in contributions(graph, node, found.of(node)):
            found.contributions[one.edge] = in_terms_of_output(one.value, graph.names) if of_outputs else one.value
    return found


def contributions(graph: ComputationGraph, node: Expression, adjoint: Expression) -> Iterator[Contribution]:
    """Yield the contribution of a node to the adjoint of each of its varying parts, by the rule of its operation.

    Raises:
        DerivationError: there is no rule for the operation, or none with respect to one of the parts.
    """
    expression = graph.definition[node]
    if graph.is_another_name(node):
        yield Contribution(node, expression, expression, adjoint, adjoint)
        return
    if not graph.parts[node]:
        return
    rule = rule_for(expression)
    if rule is None:
        raise DerivationError(f"there is no derivative rule for {typed(expression)}")
    passed = list(zip(rule.adjoints(adjoint, expression, *expression.args), expression.args, strict=True))
    for part in graph.parts[node]:
        terms = [term for term, argument in passed if argument == part]
        if any(term is None for term in terms):
            raise DerivationError(
                f"there is no rule for differentiating {typed(expression)} with respect to {typed(part)}"
            )
        value = total_of(terms).xreplace(graph.names)  # a2 rather than f(z2)
        yield Contribution(node, part, expression, adjoint, value)


def total_of(terms: list[Expression]) -> Expression:
    """Return the sum of terms that are all matrices or all scalars."""
    if len(terms) == 1:
        return terms[0]
    return add(*terms) if is_matrix(terms[0]) else Add(*terms)


def _simplify(graph: ComputationGraph, found: Adjoints, node: Expression) -> None:
    """Replace an adjoint by its simpler form, if it has one; the adjoint of a constant multiple stays as it is."""
    if isinstance(graph.definition[node], Scaled):
        return
    stages = simplified(found.values[node], found.definitions, graph.names)
    if stages:
        found.stages[node] = stages
        found.values[node] = stages[-1].value


_READABLE = 40  # nodes: a longer adjoint of a quantity that has a name gets a name too
_LONGEST = 100  # nodes: a longer adjoint of any other part gets one, or formulas would grow with each nested function


def _deserves_name(graph: ComputationGraph, node: Expression, adjoint: Expression) -> bool:
    """Return True if an adjoint gets a name, because it would be written twice or inside a matrix product."""
    if _is_simple(adjoint) or not graph.parts[node]:
        return False
    if not is_name(node):
        # With several uses it is a sum, one term for each use; a constant multiple is treated with the part below it.
        is_nested = len(graph.users[node]) == 1 and graph.factored(node) is None
        return len(graph.parts[node]) > 1 or (is_nested and node_count(adjoint) > _LONGEST)
    if graph.is_another_name(node):
        return True
    parts = postorder(graph.definition[node], changing)
    inner = [part for part in parts if graph.varies(part) and not is_name(part)]
    names = sum(is_name(part) for each in {*inner[:-1], node} for part in graph.parts[each])
    is_shared = any(len(graph.users[part]) > 1 for part in inner[:-1])
    entrywise = all(rule is not None and rule.entrywise for rule in map(rule_for, inner))
    return not (names == 1 and not is_shared and entrywise and node_count(adjoint) <= _READABLE)


def _is_simple(adjoint: Expression) -> bool:
    """Return True if an adjoint needs no name of its own: it is a name, perhaps with a factor, or a constant."""
    core = adjoint.args[1] if isinstance(adjoint, Scaled) else adjoint
    short = not is_matrix(core) and not core.has(ops.Total) and node_count(core) <= _READABLE
    return bool(core.is_symbol) or isinstance(core, Ones) or short


class _AdjointNames:
    """Names for adjoints: δ3 for z3, δ_h for h, G1 for a part that has no name itself."""

    def __init__(self, graph: ComputationGraph):
        network = graph.network
        self.taken = {latex_name(str(symbol)) for symbol in (*network.symbols, *network.dimensions)}

    def symbol_for(self, node: Expression) -> Expression:
        name = next(name for name in self._candidates(node) if latex_name(name) not in self.taken)
        self.taken.add(latex_name(name))
        return NamedMatrix(name, *node.shape) if is_matrix(node) else Symbol(name, real=True)

    def _candidates(self, node: Expression) -> Iterable[str]:
        if not is_name(node):
            return (f"G{i}" for i in count(1))
        layer = re.fullmatch(r"z(\w*)", str(node.name))
        stem = f"delta{layer[1]}" if layer else f"delta_{node.name}"
        return chain([stem], (f"{stem}_{i}" for i in count(1)))
