"""The textbook's route to each gradient, line by line, from the adjoints that the walk found.

The route to ∂J/∂W goes down from the cost to W: ∂J/∂W is a sum of terms such as Σ δ3 ⊙ ∂z3/∂W, and each line
takes one ∂C/∂W apart, by the rule of C. It starts at what earlier sections found out: at the δ's. So each use of
each quantity is derived once, and the whole stays linear in the depth.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from sympy import Add, Mul

from symbackprop.backprop.adjoints import Adjoints, total_of
from symbackprop.backprop.graph import Flow
from symbackprop.backprop.rules import rule_for
from symbackprop.backprop.simplify import in_terms_of_output
from symbackprop.backprop.tape import Section, Step
from symbackprop.backprop.wording import (
    DEFINITION,
    KNOWN_ADJOINT,
    NAMED_ADJOINT,
    NO_DEPENDENCE,
    SAME_QUANTITY,
    SEVERAL_USES,
)
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import Gradient, by_entry
from symbackprop.expressions.matrices import MatAdd, Scaled, Zeros, is_name, split
from symbackprop.expressions.operations import Elementwise, Total
from symbackprop.expressions.shapes import is_matrix, shape_of


def sections(flow: Flow, found: Adjoints, wrt: tuple[Any, ...]) -> tuple[Section, ...]:
    """A section for each parameter, in the order in which the walk back from the cost has all that it needs."""
    map_ = _Map(flow, found)
    return tuple(_section(map_, parameter) for parameter in sorted(wrt, key=map_.arrival))


def _section(map_: "_Map", parameter: Any) -> Section:
    if map_.flow.users.get(parameter):
        return Section(parameter, tuple(_Route(map_, parameter).lines()))
    cost, zeros = map_.flow.cost, Zeros(*parameter.shape)
    gradient = Gradient(cost, parameter)
    return Section(
        parameter, (Step(NO_DEPENDENCE, gradient, zeros, zeros.shape, parameter, node=cost, constants=(cost,)),)
    )


class _Map:
    """What the routes share: what lies above each parameter, and what earlier routes found out."""

    def __init__(self, flow: Flow, found: Adjoints):
        self.flow = flow
        self.found = found
        self.position = {node: i for i, node in enumerate(flow.order)}
        self.equation = _equations(flow)
        self.depends = _dependences(flow)
        self.examples = flow.network.examples
        self.known = {flow.cost}  # whose adjoints are known
        self.named: set[Any] = set()  # whose adjoints have been given their names

    def arrival(self, parameter: Any) -> int:
        """When the walk back from the cost has passed all equations that use it."""
        return -min((self.equation[user] for user in self.flow.users.get(parameter, ())), default=0)

    def factored(self, node: Any) -> Any:
        """The part that a quantity is a constant multiple of, if it is one; the sum of one entry is that entry."""
        expression, parts = self.flow.made_by[node], self.flow.parts[node]
        if len(parts) != 1 or parts[0] == expression:
            return None
        if isinstance(expression, Total):
            return parts[0] if parts[0].shape == (1, 1) else None
        return parts[0] if type(expression) in (Scaled, Mul) and is_matrix(parts[0]) == is_matrix(node) else None

    def is_inner(self, node: Any) -> bool:
        """Whether it is a part without a name, used in one place."""
        return not is_name(node) and len(self.flow.users[node]) == 1


def _dependences(flow: Flow) -> dict[Any, int]:
    """The set of parameters that each quantity depends on, a bit for each."""
    depends: dict[Any, int] = {}
    free = 1
    for node in flow.order:
        depends[node] = 0
        for part in flow.parts[node]:
            depends[node] |= depends[part]
        if not flow.parts[node]:
            depends[node], free = free, free << 1
    return depends


def _equations(flow: Flow) -> dict[Any, int]:
    """The rank of the equation that each quantity stands in."""
    ranks: dict[Any, int] = {}
    rank = 0
    for node in flow.order:
        ranks[node] = rank
        rank += flow.made_by[node] != node
    return ranks


class _Route:
    """The lines to one parameter."""

    def __init__(self, map_: _Map, parameter: Any):
        self.map = map_
        self.flow, self.found = map_.flow, map_.found
        self.parameter = parameter
        self.gradient = Gradient(self.flow.cost, parameter)
        self.new: set[Any] = set()  # the quantities on this route whose adjoints are not known yet
        self.starts: set[Any] = set()
        self.passed: set[Any] = set()  # multiples of what comes below them, taken together with it
        self._look_up()
        self.held = self._held()

    def _look_up(self) -> None:
        """From the parameter up to the nearest quantities whose adjoints are known."""
        pending = [self.parameter]
        while pending:
            for user in self.flow.users[pending.pop()]:
                if user in self.map.known:
                    self.starts.add(user)
                elif user not in self.new:
                    self.new.add(user)
                    pending.append(user)

    def _held(self) -> tuple[Any, ...]:
        """What depends on the parameter, is used on this route, and has been dealt with by an earlier one."""
        used = (
            part for node in sorted(self.starts | self.new, key=self._from_the_cost) for part in self.flow.parts[node]
        )
        return tuple(dict.fromkeys(part for part in used if part not in self.new and self._depends(part)))

    def _from_the_cost(self, node: Any) -> int:
        return -self.map.position[node]

    def _depends(self, node: Any) -> bool:
        """Whether it depends on the parameter, and is not the parameter itself."""
        return node != self.parameter and bool(self.map.depends[node] & self.map.depends[self.parameter])

    def lines(self) -> Iterator[Step]:
        starts = sorted(self.starts, key=self._from_the_cost)
        for node in starts:
            yield from self._name(node)
        lines = chain(
            [self._start(starts)],
            *map(self._passing, self._downward(starts)),
            self._gathered(self.parameter),
            self._simplified_gradient(),
        )
        yield from (line for line in lines if line.before != line.after)
        self.map.known |= self.new

    def _downward(self, starts: list[Any]) -> Iterator[Any]:
        """The quantities of the route, each after its users, and one term to its end before the next."""
        awaited = {
            node: sum(user in self.new or user in self.starts for user in self.flow.users[node]) for node in self.new
        }
        stack = starts[::-1]
        while stack:
            yield (node := stack.pop())
            below = [part for part in self.flow.parts[node] if part in self.new]
            for part in below:
                awaited[part] -= 1
            stack += [part for part in reversed(below) if not awaited[part]]

    def _passing(self, node: Any) -> Iterator[Step]:
        """The lines that speak about one quantity."""
        if node in self.passed or self._is_passed(node):
            return
        if node in self.new:
            yield from self._gathered(node)
            yield from self._simplified(node)
            yield from self._name(node)
        yield from self._taken_apart(node, self._below(node))

    # terms

    def _term(self, node: Any, adjoint: Any) -> Any:
        """Σ adjoint ⊙ ∂node/∂W."""
        return paired(adjoint, by_entry(self._label(node), self.parameter))

    def _label(self, node: Any) -> Any:
        """How a quantity is written below: by its name, but the cost by what it is."""
        return self.flow.made_by[node] if node == self.flow.cost else self.flow.names.get(node, node)

    def _line(self, rule: str, before: Any, after: Any, **details: Any) -> Step:
        return Step(rule, before, after, self.parameter.shape, self.parameter, **details)

    # the lines

    def _start(self, starts: list[Any]) -> Step:
        after = Add(*(self._term(node, self.found.of(node)) for node in starts))
        if starts == [self.flow.cost]:
            return self._line(DEFINITION, self.gradient, after, node=self.flow.cost)
        rule = KNOWN_ADJOINT if len(starts) == 1 else SEVERAL_USES
        known = tuple((node, self.found.of(node)) for node in starts)
        return self._line(rule, self.gradient, after, node=self.parameter, known=known, held=self.held)

    def _name(self, node: Any) -> Iterator[Step]:
        adjoint = self.found.named.get(node)
        if adjoint is not None and node not in self.map.named:
            self.map.named.add(node)
            before = Gradient(self.flow.cost, self._label(node))
            value, shape = adjoint.expression, shape_of(node)
            yield Step(NAMED_ADJOINT, before, value, shape, self.parameter, node=node, symbol=adjoint.symbol)

    def _gathered(self, node: Any) -> Iterator[Step]:
        """The sum over the uses of a quantity, where it has several."""
        users = self.flow.users[node]
        if len(users) == 1:
            return
        shares = [self.found.shares[user, node] for user in users]
        if node == self.parameter:
            yield self._line(SEVERAL_USES, self.gradient, total_of(shares), node=node)
            return
        before = Add(*(self._term(node, share) for share in shares))
        yield self._line(SEVERAL_USES, before, self._term(node, total_of(shares)), node=node)

    def _simplified(self, node: Any) -> Iterator[Step]:
        """The simpler forms that an adjoint takes, one after the other."""
        value = total_of([self.found.shares[user, node] for user in self.flow.users[node]])
        for stage in self.found.stages.get(node, []):
            yield self._line(stage.rule, self._term(node, value), self._term(node, stage.value), node=node)
            value = stage.value

    def _simplified_gradient(self) -> Iterator[Step]:
        for stage in self.found.stages.get(self.parameter, []):
            yield self._line(stage.rule, self.gradient, stage.value, node=self.parameter)

    def _is_passed(self, node: Any) -> bool:
        """Whether it is a constant multiple inside an expression: the constant goes out in front, without a line."""
        return node in self.new and self.map.is_inner(node) and self.map.factored(node) is not None

    def _below(self, node: Any) -> Any:
        """The quantity that the next rule works on: this one, or what it is a constant multiple of."""
        part = self.map.factored(node)
        while part is not None and self.map.is_inner(part):
            self.passed.add(part)
            node, part = part, self.map.factored(part)
        return node

    def _taken_apart(self, node: Any, target: Any) -> Iterator[Step]:
        """The lines of one rule: from ∂node/∂W to the ∂A/∂W of its parts."""
        before = self._term(node, self.found.of(node))
        if self.flow.is_another_name(target):
            part = self.flow.made_by[target]
            yield self._line(SAME_QUANTITY, before, self._term(part, self.found.of(node)), node=node, parts=(part,))
            return
        expression = self.flow.made_by[target]
        rule = rule_for(expression)
        assert rule is not None  # noqa: S101 — the walk has used it
        parts = [part for part in self.flow.parts[target] if part in self.new or part == self.parameter]
        still = [part for part in self.flow.parts[target] if part not in parts]
        held = tuple(filter(self._depends, still))
        constants = (*self.flow.constants(target), *(a for a in still if a not in held))
        details: dict[str, Any] = {
            "node": target,
            "expression": expression,
            "parts": tuple(parts),
            "constants": constants,
            "held": held,
        }
        matrix = expression.argument if isinstance(expression, Total) else node
        axis, sizes = self.map.examples
        if is_matrix(matrix) and matrix.shape[axis] in sizes:
            details[("row", "column")[axis]] = "example"
        if rule.local is not None:
            slopes = [by_entry(self._label(a), self.parameter) if a in parts else None for a in expression.args]
            written_out = rule.local.derivative(self._label(target), expression, slopes)
            between = paired(self.found.of(target), written_out).xreplace(self.flow.names)
            yield self._line(rule.local.name, before, between, **details)
            before, details["held"] = between, ()
            details["slope"] = self._slope(target, expression, parts)
        after = self._sum_of_parts(target, parts)
        varying = sum(argument in parts or argument in held for argument in expression.args)
        yield self._line(rule.name_for(expression, varying), before, after, **details)
        if isinstance(expression, Add | MatAdd):  # every term has the adjoint of the sum
            self.map.known |= {part for part in still if len(self.flow.users[part]) == 1}

    def _slope(self, node: Any, expression: Any, parts: list[Any]) -> Any:
        """f′ of an elementwise function, as it stands in the shares."""
        if not isinstance(expression, Elementwise):
            return None
        slope = expression.function.prime(expression.argument)
        written = any(self.found.shares[node, part].has(slope) for part in parts)
        return slope if written else in_terms_of_output(slope, self.flow.names)

    def _sum_of_parts(self, node: Any, parts: list[Any]) -> Any:
        ends = [self._past_factors(node, part) for part in parts]
        if [part for _, part in ends] == [self.parameter]:
            return self.found.shares[ends[0]]
        return Add(*(self._term(part, self.found.shares[user, part]) for user, part in ends))

    def _past_factors(self, user: Any, part: Any) -> tuple[Any, Any]:
        """What a part is a constant multiple of, and the multiple that it is used in."""
        while part in self.new and self._is_passed(part):
            user, part = part, self.map.factored(part)
        return user, part


def paired(adjoint: Any, slope: Any) -> Any:
    """Σ adjoint ⊙ slope, with the scalar factors in front."""
    if not is_matrix(slope):
        return adjoint * slope
    coefficient, matrix = split(hadamard(adjoint, slope))
    return coefficient * Total(matrix)
