"""The backward pass in numbers, share by share: what each quantity passes on to each of its parts.

Each share is an expression in the adjoint of its user, so that one of them can be changed, and what follows from that
be computed, without another derivation.
"""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add as add_
from typing import Any

import numpy as np
from sympy import S, Symbol

from symbackprop.backprop.adjoints import total_of
from symbackprop.backprop.graph import Flow
from symbackprop.backprop.rules import rule_for
from symbackprop.errors import DerivationError
from symbackprop.expressions.matrices import NamedMatrix, is_name, postorder, quantities
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.evaluate import IN_FLOATS, Arithmetic, Evaluation
from symbackprop.network.network import Network

Place = tuple[Any, Any]  # a user and one of its parts


@dataclass(frozen=True)
class Share:
    """What `user` passes on to `part`: `value`, in terms of `error`, which stands for ∂J/∂user."""

    user: Any
    part: Any
    expression: Any  # what the user is made by
    error: Any
    value: Any

    @property
    def place(self) -> Place:
        return self.user, self.part


class Backward:
    """The backward pass of a network.

    Args:
        network: it must have a cost.
        wrt: the parameters.
    """

    def __init__(self, network: Network, wrt: tuple[Any, ...]):
        self.network = network
        self.wrt = wrt
        self.flow = Flow(network, wrt)
        self.errors = {node: _stand_in(k, node) for k, node in enumerate(self.flow.order)}
        self.shares: dict[Place, Share] = {
            share.place: share for node in reversed(self.flow.order) for share in self._shares(node)
        }

    def _shares(self, node: Any) -> list[Share]:
        flow, error = self.flow, self.errors[node]
        expression = flow.made_by[node]
        if flow.is_another_name(node):
            return [Share(node, expression, expression, error, error)]
        if not flow.parts[node]:
            return []
        rule = rule_for(expression)
        if rule is None:
            raise DerivationError(f"there is no derivative rule for {expression}")
        passed = list(zip(rule.adjoints(error, expression, *expression.args), expression.args, strict=True))
        found = []
        for part in flow.parts[node]:
            value = total_of([share for share, argument in passed if argument == part and share is not None])
            found.append(Share(node, part, expression, error, value.xreplace(flow.names)))
        return found


class AtAPoint:
    """A backward pass at given values of the arguments, in floats or in digits.

    Args:
        backward: the pass.
        sizes: of every dimension, symbols as well as numbers.
        given: the value of every argument of the network, by symbol.
    """

    def __init__(
        self, backward: Backward, sizes: Mapping[Any, int], given: Mapping[Any, Any], how: Arithmetic = IN_FLOATS
    ):
        self.backward = backward
        self.how = how
        self.evaluation = Evaluation(sizes)
        self.values: dict[Any, Any] = dict(given)
        self.free: dict[Any, list[Any]] = {}
        self.stand_ins = set(backward.errors.values())
        self.contributions: dict[Place, Any] = {}  # of the right pass
        with np.errstate(all="ignore"):
            for equation in backward.flow.equations:
                self.values[equation.symbol] = self.value(equation.expression)
            self.right = self.errors({})

    def value(self, expression: Any) -> Any:
        """Of what needs no adjoint."""
        with np.errstate(all="ignore"):
            return self.evaluation.value(expression, self.values, self.how)

    def errors(self, changed: Mapping[Place, Any], cut: frozenset[Any] = frozenset()) -> dict[Any, Any]:
        """∂J/∂v of every v, where some shares are changed; those that are `cut` are taken as constants.

        What neither is changed nor follows from a change is taken over from the right pass.
        """
        flow = self.backward.flow
        found: dict[Any, Any] = {}
        known: dict[Any, Any] = {}
        stale = {part for _, part in changed}
        contributions: dict[Place, Any] = {}
        for node in reversed(flow.order):
            if node in cut:
                error = None
            elif node in stale or not self.contributions:
                error = self._sum(node, contributions)
            else:
                error = self.right.get(node)
            fresh = node in cut or node in stale or not self.contributions
            if error is not None:
                found[node] = known[self.backward.errors[node]] = error
            for part in flow.parts[node]:
                place = node, part
                if fresh or place in changed:
                    share = changed.get(place, self.backward.shares[place].value)
                    contributions[place] = None if error is None else self._share(share, known, part)
                    stale.add(part)
        if not self.contributions:
            self.contributions = contributions
        return found

    def _sum(self, node: Any, contributions: Mapping[Place, Any]) -> Any:
        """What all users pass on to a node; None if that is nothing."""
        if node == self.backward.flow.cost:
            return self.how.number(S.One)
        places = [(user, node) for user in self.backward.flow.users[node]]
        values = [contributions.get(place, self.contributions.get(place)) for place in places]
        kept = [value for value in values if value is not None]
        return reduce(add_, kept) if kept else None

    def _share(self, expression: Any, known: dict[Any, Any], part: Any) -> Any:
        if expression == 0:
            return 0 * np.asarray(self.values[part])
        for node in self._free(expression):
            if node not in self.values:
                parts = [self.values[part] for part in quantities(node)]
                self.values[node] = self.evaluation.combined(node, parts, self.how)
        return self.evaluation.value(expression, ChainMap({}, known, self.values), self.how)  # type: ignore[arg-type]

    def _free(self, expression: Any) -> list[Any]:
        if expression not in self.free:
            self.free[expression] = _without(expression, self.stand_ins)
        return self.free[expression]

    def gradients(self, errors: Mapping[Any, Any]) -> dict[str, Any]:
        """∂J/∂W of every parameter by its name."""
        return {str(p.name): errors[p] if p in errors else 0 * np.asarray(self.values[p]) for p in self.backward.wrt}


def _stand_in(k: int, node: Any) -> Any:
    """A name that no network has, for ∂J/∂node."""
    name = f"error {k}"
    return NamedMatrix(name, *node.shape) if is_matrix(node) else Symbol(name, real=True)


def _without(expression: Any, stand_ins: set[Any]) -> list[Any]:
    """The parts of an expression in which no adjoint stands, parts before wholes."""
    free: dict[Any, bool] = {}
    for node in postorder(expression):
        free[node] = node not in stand_ins if is_name(node) else all(free[part] for part in quantities(node))
    return [node for node, is_free in free.items() if is_free]
