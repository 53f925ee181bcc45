"""Walk the network backwards once, by the rule table: the adjoint ∂J/∂v of every quantity v.

Each quantity gets its adjoint once, from the shares of the places that use it. An adjoint that is used more than
once, or in a matrix product, gets a name, so that the whole stays linear in the size of the network.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

from sympy import Add, S, Symbol, preorder_traversal

from symbackprop.backprop.graph import Flow
from symbackprop.backprop.rules import rule_for
from symbackprop.backprop.simplify import Stage, in_terms_of_output, simplified
from symbackprop.backprop.tape import Adjoint
from symbackprop.errors import DerivationError
from symbackprop.expressions.constructors import add
from symbackprop.expressions.matrices import NamedMatrix, Ones, Scaled, is_name, postorder
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.latex import latex_name
from symbackprop.printing.text import typed


@dataclass
class Adjoints:
    """What each quantity's adjoint is, the name it got, and each share of it: by user and part."""

    values: dict[Any, Any] = field(default_factory=dict)
    named: dict[Any, Adjoint] = field(default_factory=dict)
    shares: dict[tuple[Any, Any], Any] = field(default_factory=dict)
    stages: dict[Any, list[Stage]] = field(default_factory=dict)  # from the sum of the shares to the value
    expressions: dict[Any, Any] = field(default_factory=dict)  # what the names stand for

    def of(self, node: Any) -> Any:
        """∂J/∂node: by its name, if it has one."""
        return self.named[node].symbol if node in self.named else self.values[node]


def adjoints(flow: Flow, *, of_outputs: bool = False) -> Adjoints:
    """The adjoint of every quantity that varies; `of_outputs` writes f′(z) in terms of f(z)."""
    found, names = Adjoints(), _Names(flow)
    for node in reversed(flow.order):
        if node == flow.cost:
            found.values[node] = S.One
        elif flow.users[node]:
            found.values[node] = total_of([found.shares[user, node] for user in flow.users[node]])
            _simplify(flow, found, node)
        else:
            continue
        if node != flow.cost and _deserves_name(flow, node, found.values[node]):
            symbol = names.symbol_for(node)
            found.named[node] = Adjoint(symbol, found.values[node], node)
            found.expressions[symbol] = found.values[node]
        for part, share in _shares(flow, node, found.of(node)):
            found.shares[node, part] = in_terms_of_output(share, flow.names) if of_outputs else share
    return found


def _simplify(flow: Flow, found: Adjoints, node: Any) -> None:
    """Take the simpler form of an adjoint, if it has one; a constant multiple is left to what it is a multiple of."""
    if isinstance(flow.made_by[node], Scaled):
        return
    stages = simplified(found.values[node], found.expressions, flow.names)
    if stages:
        found.stages[node] = stages
        found.values[node] = stages[-1].value


def total_of(terms: list[Any]) -> Any:
    """The sum of the shares, which are all matrices or all scalars."""
    if len(terms) == 1:
        return terms[0]
    return add(*terms) if is_matrix(terms[0]) else Add(*terms)


def _shares(flow: Flow, node: Any, adjoint: Any) -> Iterator[tuple[Any, Any]]:
    """What one quantity passes on to each of its varying parts, by its rule."""
    if flow.is_another_name(node):
        yield flow.made_by[node], adjoint
        return
    if not flow.parts[node]:
        return
    expression = flow.made_by[node]
    rule = rule_for(expression)
    if rule is None:
        raise DerivationError(f"there is no derivative rule for {typed(expression)}")
    passed = list(zip(rule.adjoints(adjoint, expression, *expression.args), expression.args, strict=True))
    for part in flow.parts[node]:
        shares = [share for share, argument in passed if argument == part]
        if any(share is None for share in shares):
            raise DerivationError(f"there is no rule to derive {typed(expression)} by {typed(part)}")
        yield part, total_of(shares).xreplace(flow.names)  # a2 rather than f(z2)


_READABLE = 40  # nodes: a longer adjoint gets a name


def _deserves_name(flow: Flow, node: Any, adjoint: Any) -> bool:
    """Named is what would otherwise be written twice, or inside a matrix product."""
    if _is_simple(adjoint) or not flow.parts[node]:
        return False
    if not is_name(node):
        return len(flow.parts[node]) > 1
    if flow.is_another_name(node):
        return True
    inner = [part for part in postorder(flow.made_by[node]) if flow.varies(part) and not is_name(part)]
    names = sum(is_name(part) for each in {*inner[:-1], node} for part in flow.parts[each])
    shared = any(len(flow.users[part]) > 1 for part in inner[:-1])
    entrywise = all(rule is not None and rule.entrywise for rule in map(rule_for, inner))
    return not (names == 1 and not shared and entrywise and _size(adjoint) <= _READABLE)


def _size(expression: Any) -> int:
    return sum(1 for _ in preorder_traversal(expression))


def _is_simple(adjoint: Any) -> bool:
    """A name, perhaps with a factor, or a constant: not worth a name of its own."""
    core = adjoint.args[1] if isinstance(adjoint, Scaled) else adjoint
    short = not is_matrix(core) and not core.has(Total) and _size(core) <= _READABLE
    return bool(core.is_symbol) or isinstance(core, Ones) or short


class _Names:
    """Names for adjoints: δ3 for z3, δ_h for h, G1 for a part that has no name itself."""

    def __init__(self, flow: Flow):
        network = flow.network
        self.taken = {latex_name(str(symbol)) for symbol in (*network.symbols, *network.dimensions)}

    def symbol_for(self, node: Any) -> Any:
        name = self._free(self._candidates(node))
        return NamedMatrix(name, *node.shape) if is_matrix(node) else Symbol(name, real=True)

    def _candidates(self, node: Any) -> Iterable[str]:
        if not is_name(node):
            return (f"G{i}" for i in count(1))
        layer = re.fullmatch(r"z(\w*)", str(node.name))
        stem = f"delta{layer[1]}" if layer else f"delta_{node.name}"
        return chain([stem], (f"{stem}_{i}" for i in count(1)))

    def _free(self, candidates: Iterable[str]) -> str:
        name = next(name for name in candidates if latex_name(name) not in self.taken)
        self.taken.add(latex_name(name))
        return name
