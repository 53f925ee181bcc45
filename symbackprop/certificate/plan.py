"""The plan of a certificate: what moves, which nodes there are, their names, and what the whole file assumes."""

import re
from functools import cached_property, reduce

from symbackprop.backprop.adjoints import Adjoints, adjoints
from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.tape import Tape
from symbackprop.backprop.wording import ONE_HOT_ROWS, SUBSTITUTION
from symbackprop.certificate.names import Names
from symbackprop.certificate.rows import assumption
from symbackprop.certificate.terms import Scope, View, abstract
from symbackprop.errors import NotCertifiedError, listed
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import Applied, ElementwiseFunction
from symbackprop.expressions.matrices import OneHot, is_name
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import is_matrix

_WORD = re.compile(r"[^\W\d][\w']*")


class Plan:
    """The facts that all sections of a certificate share.

    Attributes:
        found: the adjoints, as the derivation has them: with f′ in terms of f if it is written so.
        moving: the parameters that the cost depends on.
        nodes: the other nodes, each made by an operation.
        bare: a view in the section of the definitions.
        here: a view in the proofs about one point θ.
    """

    def __init__(self, tape: Tape, found: Adjoints | None):
        self.tape, self.network = tape, tape.network
        self.graph = ComputationGraph(tape.network, tape.wrt)
        self.found, self.is_by_output = self._adjoints() if found is None else (found, False)
        self.moving = tuple(p for p in tape.wrt if p in self.graph.active)
        self.nodes = [node for node in self.graph.order if node not in self.moving]
        self._require_parameters()
        self.scope = Scope(self.graph, Names(), self.moving, self._functions())
        self.names = self.scope.names
        self._give_names()
        self.bare, self.here = View(self.scope), View(self.scope, "θ")

    def _adjoints(self) -> tuple[Adjoints, bool]:
        """Return the adjoints in the form of the tape: f′ at its argument, or (then True) in terms of its output."""
        by_argument = adjoints(self.graph)
        if not self._are_those_of_the_tape(by_argument):
            by_output = adjoints(self.graph, of_outputs=True)
            if self._are_those_of_the_tape(by_output):
                return by_output, True
        return by_argument, False

    def _are_those_of_the_tape(self, found: Adjoints) -> bool:
        gradients = self.tape.gradients
        return all(
            a.of in found.named and a.expression == found.named[a.of].expression for a in self.tape.adjoints
        ) and all(found.values.get(p) in (None, gradients[str(p)]) for p in self.tape.wrt)

    def _require_parameters(self) -> None:
        """Raise an error if a parameter cannot be that of a certificate."""
        numbers = [str(p) for p in self.tape.wrt if not is_matrix(p)]
        if numbers:
            raise NotCertifiedError(
                f"no certificate: {listed(numbers)} is a parameter without axes; in a certificate a parameter is a "
                f"matrix, such as {numbers[0]}: parameter(1, 1)"
            )
        still = [str(p) for p in self.tape.wrt if p not in self.moving]
        if still:
            raise NotCertifiedError(f"no certificate: {self.graph.cost} does not depend on {listed(still)}")

    def _functions(self) -> dict[ElementwiseFunction, str]:
        found = abstract(self.graph)
        only = len({f.name for f in found}) == 1
        return {f: ("f" if only else f"f_{f.name}") + "'" * f.order for f in found}

    def _give_names(self) -> None:
        names, scope = self.names, self.scope
        for thing in (*self.network.dimensions, *(self.network[name] for name in self.network.roles)):
            names.give(thing, str(thing))
        for equation in self.graph.equations:
            names.give(equation.symbol, equation.name)
        for adjoint in self.tape.adjoints:
            names.give(adjoint.symbol, adjoint.name)
        for p in self.tape.wrt:
            names.give(("gradient", p), self.tape.gradient_name(str(p.name)))
        scope.functions = {f: names.new(text) for f, text in scope.functions.items()}
        for f, text in scope.functions.items():
            names.give(("fact", f), f"{text}_is")
            names.give(("output", f), f"{text}_of_output")
        for name in self.network.roles:
            names.give(("one_hot", self.network[name]), f"{name}_one_hot")
        for count, node in enumerate((*self.moving, *self.nodes)):
            stem = names[node] if is_name(node) else f"part{count}"
            for key, name in (("rate", f"d_{stem}"), ("moves", f"{stem}_moves"), ("smooth", f"smooth_{stem}")):
                names.give((key, node), name)
            for key in ("back", "uses", "sum", "claim", "given", "gradient_of"):
                names.give((key, node), f"{key.removesuffix('_of')}_{stem}")

    # what the sections ask

    @cached_property
    def assuming(self) -> list[Expression]:
        """The nodes that are not differentiable everywhere."""
        return [node for node in self.nodes if assumption(self.graph.definition[node])]

    @cached_property
    def rewritten(self) -> list[ElementwiseFunction]:
        """The f′ that somewhere stand in terms of f, so that this form is assumed."""
        stages = (stage.rule for stages in self.found.stages.values() for stage in stages)
        if not self.is_by_output and SUBSTITUTION not in stages:
            return []
        return [f for f in self.scope.functions if f.prime_of_output is not None]

    @cached_property
    def one_hot(self) -> list[Expression]:
        """The one-hot targets whose rows somewhere add up to 1."""
        stages = (stage.rule for stages in self.found.stages.values() for stage in stages)
        targets = [self.network[name] for name in self.network.roles]
        return [y for y in targets if isinstance(y, OneHot)] if ONE_HOT_ROWS in stages else []

    def define(self, name: str, body: str, kind: str = "") -> str:
        """Return a definition, and record which of the section's variables it contains."""
        own = {self.names[p] for p in self.moving}
        words = set(_WORD.findall(body))
        uses = "".join(self.scope.uses.get(word, "") for word in words)
        uses += "θ" * ("θ" in words or bool(own & words)) + "d" * ("d" in words)
        self.scope.uses[name] = "".join(letter for letter in "θd" if letter in uses)
        return f"Definition {name}{kind} := {bare(body)}."

    def sizes(self, p: Expression) -> tuple[str, str]:
        """Return the sizes of a matrix."""
        n, m = map(self.bare.nat, p.shape)
        return n, m

    def weighed(self, adjoint: Expression, node: Expression) -> str:
        """Return Σ adjoint ⊙ (rate of the node)."""
        return self.pair(node, self.here.term(adjoint))

    def whole(self, node: Expression) -> str:
        """Return Σ ∂J/∂node ⊙ (rate of the node), with the gradient by its name for a parameter."""
        if node in self.moving:
            return self.pair(node, self.here.applied(self.names["gradient", node], "θ"))
        return self.weighed(self.found.of(node), node)

    def pair(self, node: Expression, adjoint: str) -> str:
        """Return Σ adjoint ⊙ (rate of the node), of the text of the adjoint."""
        if not is_matrix(node):
            return f"{adjoint} * {self.here.rate(node)}"
        return f"inner {' '.join(self.sizes(node))} {adjoint} {self.here.rate(node)}"


def smooth_at(plan: Plan, point: str) -> str:
    """Return the whole assumption at a point."""
    return f"smooth {point}" if plan.scope.uses["smooth"] else "smooth"


def argument_of(e: Expression) -> Expression:
    """Return the argument of an operation that is not differentiable everywhere."""
    return e.args[1] if isinstance(e, Elementwise | Applied) else e.args[0]


def abstract_of(e: Expression) -> set[ElementwiseFunction]:
    """Return the functions that an expression applies."""
    return {part.function for part in e.atoms(Elementwise, Applied)}


def summed(terms: list[str]) -> str:
    """Return a sum as Coq reads it: a + (b + c)."""
    return reduce(lambda rest, first: f"{first} + ({rest})", terms[-2::-1], terms[-1])


def bare(text: str) -> str:
    """Return a text without the parentheses around all of it."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return text[1:-1] if sign == ")" and at == len(text) - 1 else text
    return text
