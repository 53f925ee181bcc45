"""The chain-rule steps to each gradient, as a textbook writes them, from the adjoints that the sweep found.

The steps to ∂J/∂W go from the cost down to W: ∂J/∂W is a sum of terms such as Σ δ3 ⊙ ∂z3/∂W, and each step applies
the rule of a quantity C: it replaces ∂C/∂W by the derivatives of the parts of C. A section starts at the adjoints δ
that earlier sections found. Each use of a quantity is differentiated once: the number of steps is linear in the depth.
"""

from collections.abc import Iterator
from functools import reduce
from itertools import accumulate, chain
from operator import or_
from typing import Any

from sympy import Add

from symbackprop.backprop.adjoints import Adjoints, total_of
from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.rules import rule_for
from symbackprop.backprop.simplify import in_terms_of_output
from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Section
from symbackprop.backprop.wording import (
    DEFINITION,
    GIVEN_ADJOINT,
    KNOWN_ADJOINT,
    NAMED_ADJOINT,
    NO_DEPENDENCE,
    SAME_QUANTITY,
    SEVERAL_USES,
)
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import Gradient, by_entry
from symbackprop.expressions.matrices import MatAdd, is_name, split, zero_of
from symbackprop.expressions.operations import Elementwise, Total
from symbackprop.expressions.shapes import is_matrix, shape_of


def sections(graph: ComputationGraph, found: Adjoints, wrt: tuple[Expression, ...]) -> tuple[Section, ...]:
    """Return a section for each parameter; the parameters that are used last in the network come first."""
    progress = _Progress(graph, found)
    return tuple(_section(progress, parameter) for parameter in sorted(wrt, key=progress.arrival))


def _section(progress: "_Progress", parameter: Expression) -> Section:
    if progress.graph.users.get(parameter):
        return Section(parameter, tuple(ChainRuleSteps(progress, parameter).steps()))
    cost, gradient = progress.graph.cost, Gradient(progress.graph.cost, parameter)
    step = Step(
        NO_DEPENDENCE, gradient, zero_of(parameter), shape_of(parameter), parameter, node=cost, constants=(cost,)
    )
    return Section(parameter, (step,))


class _Progress:
    """The state that the sections share: the adjoints that earlier sections found and named."""

    def __init__(self, graph: ComputationGraph, found: Adjoints):
        self.graph = graph
        self.found = found
        self.distance = {node: i for i, node in enumerate(reversed(graph.order))}  # from the cost
        self.equation = _equations(graph)
        self.depends = _dependences(graph)
        self.examples = graph.network.examples
        self.known = {graph.cost, *graph.given}  # the nodes whose adjoints are known
        self.named: set[Expression] = set()  # the nodes whose adjoints have been given their names

    def arrival(self, parameter: Expression) -> int:
        """Return a sort key, by which parameters that are used last in the network come first."""
        return -min((self.equation[user] for user in self.graph.users.get(parameter, ())), default=0)

    def is_inner(self, node: Expression) -> bool:
        """Return True if a node has no name and only one use."""
        return not is_name(node) and len(self.graph.users[node]) == 1


def _dependences(graph: ComputationGraph) -> dict[Expression, int]:
    """Return the set of parameters that each quantity depends on, as an integer with one bit for each parameter."""
    leaves = (node for node in graph.order if not graph.parts[node])
    depends = {leaf: 1 << bit for bit, leaf in enumerate(leaves)}
    for node in graph.order:
        depends[node] = reduce(or_, (depends[part] for part in graph.parts[node]), depends.get(node, 0))
    return depends


def _equations(graph: ComputationGraph) -> dict[Expression, int]:
    """Return, for each node, the index of the equation that contains it."""
    ends = (int(graph.definition[node] != node) for node in graph.order)  # 1 for the last node of an equation
    return dict(zip(graph.order, accumulate(ends, initial=0), strict=False))


class ChainRuleSteps:
    """Writer of the steps of one section: from the cost, or from known adjoints, to one parameter."""

    def __init__(self, progress: _Progress, parameter: Expression):
        self.progress = progress
        self.graph, self.found = progress.graph, progress.found
        self.parameter = parameter
        self.gradient = Gradient(self.graph.cost, parameter)
        self.new: set[Expression] = set()  # the nodes between, whose adjoints are not known yet
        self.starts: set[Expression] = set()  # the nearest users with known adjoints
        self.skipped: set[Expression] = set()  # constant multiples, treated together with the part below them
        self._find_new()
        self.held = self._held()

    def _find_new(self) -> None:
        """Find the nodes that lie between the parameter and the nearest nodes whose adjoints are known."""
        pending = [self.parameter]
        while pending:
            for user in self.graph.users[pending.pop()]:
                if user in self.progress.known:
                    self.starts.add(user)
                elif user not in self.new:
                    self.new.add(user)
                    pending.append(user)

    def _held(self) -> tuple[Expression, ...]:
        """Return the parts that depend on the parameter, but whose terms an earlier section has already derived."""
        nodes = sorted(self.starts | self.new, key=self.progress.distance.__getitem__)
        used = (part for node in nodes for part in self.graph.parts[node])
        return tuple(dict.fromkeys(part for part in used if part not in self.new and self._depends(part)))

    def _depends(self, node: Expression) -> bool:
        """Return True if a node depends on the parameter and is not the parameter itself."""
        return node != self.parameter and bool(self.progress.depends[node] & self.progress.depends[self.parameter])

    def steps(self) -> Iterator[Step]:
        """Yield the steps from the known adjoints down to the parameter."""
        starts = sorted(self.starts, key=self.progress.distance.__getitem__)
        for node in starts:
            yield from self._name(node)
        steps = chain(
            [self._start(starts)],
            *map(self._steps_about, self._downward(starts)),
            self._gathered(self.parameter),
            self._simplified(self.parameter),
        )
        yield from (step for step in steps if step.before != step.after)
        self.progress.known |= self.new

    def _downward(self, starts: list[Expression]) -> Iterator[Expression]:
        """Yield the starts and the new nodes in depth-first order, each node after all of its users."""
        awaited = {
            node: sum(user in self.new or user in self.starts for user in self.graph.users[node]) for node in self.new
        }
        stack = starts[::-1]
        while stack:
            yield (node := stack.pop())
            below = [part for part in self.graph.parts[node] if part in self.new]
            for part in below:
                awaited[part] -= 1
            stack += [part for part in reversed(below) if not awaited[part]]

    def _steps_about(self, node: Expression) -> Iterator[Step]:
        """Yield the steps that differentiate one node."""
        if node in self.skipped or self._is_skipped(node):
            return
        if node in self.new:
            yield from self._gathered(node)
            yield from self._simplified(node)
            yield from self._name(node)
        yield from self._rule_steps(node, self._below(node))

    # terms

    def _term(self, node: Expression, adjoint: Expression) -> Expression:
        """Return Σ adjoint ⊙ ∂node/∂W."""
        return paired(adjoint, by_entry(self._label(node), self.parameter))

    def _label(self, node: Expression) -> Expression:
        """Return the symbol that denotes a node in a ∂node/∂W: its name, or its definition if it is the cost."""
        return self.graph.definition[node] if node == self.graph.cost else self.graph.names.get(node, node)

    def _step(self, rule: str, before: Expression, after: Expression, **details: Any) -> Step:
        return Step(rule, before, after, shape_of(self.parameter), self.parameter, **details)

    # the steps

    def _start(self, starts: list[Expression]) -> Step:
        after = Add(*(self._term(node, self.found.of(node)) for node in starts))
        if starts == [self.graph.cost]:
            return self._step(DEFINITION, self.gradient, after, node=self.graph.cost)
        first = GIVEN_ADJOINT if starts[0] in self.graph.given else KNOWN_ADJOINT
        rule = first if len(starts) == 1 else SEVERAL_USES
        known = tuple((node, self.found.of(node)) for node in starts)
        return self._step(rule, self.gradient, after, node=self.parameter, known=known, held=self.held)

    def _name(self, node: Expression) -> Iterator[Step]:
        adjoint = self.found.named.get(node)
        if adjoint is not None and node not in self.progress.named:
            self.progress.named.add(node)
            before = Gradient(self.graph.cost, self._label(node))
            value, shape = adjoint.expression, shape_of(node)
            yield Step(NAMED_ADJOINT, before, value, shape, self.parameter, node=node, symbol=adjoint.symbol)

    def _rewritten(self, rule: str, node: Expression, adjoints: list[Expression], after: Expression) -> Step:
        """Return the step from a sum of terms of ∂J/∂node to another form of it, or to another form of the gradient."""
        if node == self.parameter:
            return self._step(rule, self.gradient, after, node=node)
        before = Add(*(self._term(node, adjoint) for adjoint in adjoints))
        return self._step(rule, before, self._term(node, after), node=node)

    def _gathered(self, node: Expression) -> Iterator[Step]:
        """Yield the step that adds up the uses of a node, if it has several."""
        users = self.graph.users[node]
        if len(users) > 1:
            contributions = [self.found.contributions[user, node] for user in users]
            yield self._rewritten(SEVERAL_USES, node, contributions, total_of(contributions))

    def _simplified(self, node: Expression) -> Iterator[Step]:
        """Yield a step for each simpler form of an adjoint."""
        value = self.found.total(self.graph, node)
        for stage in self.found.stages.get(node, []):
            yield self._rewritten(stage.rule, node, [value], stage.value)
            value = stage.value

    def _is_skipped(self, node: Expression) -> bool:
        """Return True if a node is a constant multiple within an expression, which needs no step of its own."""
        return node in self.new and self.progress.is_inner(node) and self.graph.factored(node) is not None

    def _below(self, node: Expression) -> Expression:
        """Return the node that the next rule differentiates: this one, or the part that it is a multiple of."""
        part = self.graph.factored(node)
        while part is not None and self.progress.is_inner(part):
            self.skipped.add(part)
            node, part = part, self.graph.factored(part)
        return node

    def _rule_steps(self, node: Expression, target: Expression) -> Iterator[Step]:
        """Yield the steps of one rule: from ∂node/∂W to the ∂A/∂W of its parts."""
        before = self._term(node, self.found.of(node))
        if self.graph.is_another_name(target):
            part = self.graph.definition[target]
            yield self._step(SAME_QUANTITY, before, self._term(part, self.found.of(node)), node=node, parts=(part,))
            return
        expression = self.graph.definition[target]
        rule = rule_for(expression)
        assert rule is not None  # noqa: S101 — the sweep has used it
        parts = [part for part in self.graph.parts[target] if part in self.new or part == self.parameter]
        still = [part for part in self.graph.parts[target] if part not in parts]
        held = tuple(filter(self._depends, still))
        constants = (*self.graph.constants(target), *(a for a in still if a not in held))
        details: dict[str, Any] = {
            "node": target,
            "expression": expression,
            "parts": tuple(parts),
            "constants": constants,
            "held": held,
        }
        matrix = expression.argument if isinstance(expression, Total) else node
        axis, sizes = self.progress.examples
        if is_matrix(matrix) and len(matrix.shape) == 2 and matrix.shape[axis] in sizes:
            details[("row", "column")[axis]] = "example"
        if rule.local is not None:
            derivatives = [by_entry(self._label(a), self.parameter) if a in parts else None for a in expression.args]
            written_out = rule.local.derivative(self._label(target), expression, derivatives)
            between = paired(self.found.of(target), written_out).xreplace(self.graph.names)
            yield self._step(rule.local.name, before, between, **details)
            before, details["held"] = between, ()
            details["slope"] = self._derivative(target, expression, parts)
        after = self._sum_of_parts(target, parts)
        varying = sum(argument in parts or argument in held for argument in expression.args)
        yield self._step(rule.name_for(expression, varying), before, after, **details)
        if isinstance(expression, Add | MatAdd):  # every term has the adjoint of the sum
            self.progress.known |= {part for part in still if len(self.graph.users[part]) == 1}

    def _derivative(self, node: Expression, expression: Expression, parts: list[Expression]) -> Expression:
        """Return f′ of an elementwise function as the contributions contain it, or None for any other operation."""
        if not isinstance(expression, Elementwise):
            return None
        derivative = expression.function.prime(expression.argument)
        written = any(self.found.contributions[node, part].has(derivative) for part in parts)
        return derivative if written else in_terms_of_output(derivative, self.graph.names)

    def _sum_of_parts(self, node: Expression, parts: list[Expression]) -> Expression:
        ends = [self._without_factors(node, part) for part in parts]
        if [part for _, part in ends] == [self.parameter]:
            return self.found.contributions[ends[0]]
        return Add(*(self._term(part, self.found.contributions[user, part]) for user, part in ends))

    def _without_factors(self, user: Expression, part: Expression) -> tuple[Expression, Expression]:
        """Return the edge below a chain of constant multiples that have no steps."""
        while part in self.new and self._is_skipped(part):
            user, part = part, self.graph.factored(part)
        return user, part


def paired(adjoint: Expression, derivative: Expression) -> Expression:
    """Return Σ adjoint ⊙ derivative, with the scalar factors in front."""
    if not is_matrix(derivative):
        return adjoint * derivative
    coefficient, matrix = split(hadamard(adjoint, derivative))
    return coefficient * Total(matrix)
