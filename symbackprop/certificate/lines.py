"""The lines of a derivation as lemmas: a section for each parameter, in which this parameter alone moves.

∂z/∂W is the rate of z: how fast z moves when W moves in any direction dW. What the derivation holds fixed has no rate.
∂J/∂W on the left of a line is Σ ∂J/∂W ⊙ dW. The first line of a section says that its terms add up to this gradient;
the lines below it prove that, so it stands behind them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sympy import Add, Integer

from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.step import Step
from symbackprop.backprop.steps import paired
from symbackprop.backprop.tape import Section
from symbackprop.backprop.wording import CANCELLATION, ONE_HOT_ROWS, SUBSTITUTION
from symbackprop.certificate.plan import Plan, smooth_at, summed
from symbackprop.certificate.rows import LEFT_MOVES, RIGHT_MOVES, slope_proof
from symbackprop.certificate.simplification import simplifying
from symbackprop.certificate.terms import View, by_section
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.derivative_symbols import PARTIALS, ByEntry, Entrywise, Gradient, ScalarByEntry
from symbackprop.expressions.matrices import MatMul, is_name, postorder, quantities
from symbackprop.expressions.shapes import is_matrix

_SIMPLER = (SUBSTITUTION, CANCELLATION, ONE_HOT_ROWS)


def lines(plan: Plan) -> Iterator[str]:
    """Yield the lines of the sections with a lemma for each printed line."""
    first = 1
    for section in plan.tape.sections:
        yield from _Lines(plan, section, first).text()
        first += len(section.steps)


@dataclass(frozen=True)
class _LineView(View):
    """The texts of the formulas in the lines of one parameter: ∂z/∂W by the name of the rate of z."""

    parameter: Expression | None = None
    between: frozenset[Expression] = frozenset()  # the quantities that move with the parameter, and are not held

    def term(self, e: Expression) -> str:
        if isinstance(e, Entrywise):
            function = self._definition(e.of).function
            return f"(map (Derive {self.function(function)}) {super().term(e.by)})"
        return self.rate(e.of) if isinstance(e, ByEntry | ScalarByEntry) else super().term(e)

    def _parameter(self, p: Expression) -> str:
        return self.scope.names[p]

    def _definition(self, of: Expression) -> Expression:
        return self.scope.graph.definition[self.scope.graph.names.get(of, of)]

    def varies(self, e: Expression) -> bool:
        node = self.scope.graph.names.get(e, e)
        return not self.is_still and (node == self.parameter or node in self.between)

    def rate(self, e: Expression) -> str:
        node = self.scope.graph.names.get(e, e)
        return self.scope.names[by_section(self.parameter, node)]


@dataclass
class _Terms:
    """The terms that add up to ∂J/∂W after each line: with a ∂z/∂W that is still to be worked out, and finished."""

    pending: Expression = field(default_factory=lambda: Integer(0))
    finished: list[Expression] = field(default_factory=list)

    def about(self, quantity: Expression) -> dict[Expression, Expression]:
        """Return the pending terms that contain ∂quantity/∂W, each with this symbol."""
        found = {}
        for term in Add.make_args(self.pending):
            partials = [partial for partial in term.atoms(*PARTIALS) if partial.of == quantity]
            if partials:
                found[term] = partials[0]
        return found

    def replace(self, before: Expression, after: Expression) -> None:
        """Replace terms by others, or by a part of the gradient."""
        self.pending -= before
        if is_matrix(after):
            self.finished.append(after)
        else:
            self.pending += after


class _Lines:
    """The section of one parameter."""

    def __init__(self, plan: Plan, section: Section, first: int):
        self.plan, self.graph, self.names = plan, plan.graph, plan.names
        self.parameter, self.steps, self.first = section.parameter, section.steps, first
        self.starts, self.between = _moving(plan.graph, section)
        self.moving = [node for node in plan.nodes if node in self.between or node in self.starts]
        self.view = _LineView(plan.scope, "θ", parameter=self.parameter, between=self.between)
        self.terms = _Terms()
        self.facts: list[str] = []  # the lemmas that turn the terms of the first line into the gradient
        self._give_names()

    def _give_names(self) -> None:
        W = self.names[self.parameter]
        self.names.give(by_section(self.parameter, self.parameter), f"d{W}")
        for node in self.moving:
            stem = self.names["rate", node].removeprefix("d_")
            self.names.give(by_section(self.parameter, node), f"{stem}_by_{W}")
        for number, _ in enumerate(self.steps, self.first):
            self.names.give(("line", number), f"line{number}")

    def text(self) -> Iterator[str]:
        W, dW = self.names[self.parameter], self.view.rate(self.parameter)
        label = self.names.new(f"Lines_{W}")
        yield f"\n(* the lines to ∂J/∂{W}: z_by_{W} is ∂z/∂{W}, where {W} moves in the direction {dW} *)"
        yield f"Section {label}.\nVariables (θ : list mat) ({dW} : mat)."
        if self.plan.assuming:
            yield f"Hypothesis here : {smooth_at(self.plan, 'θ')}."
        yield from (f"Notation {self.names[p]} := (nth {k} θ zeros)." for k, p in enumerate(self.plan.moving))
        for node in self.moving:
            yield self.plan.define(self.names[by_section(self.parameter, node)], self._rate(node))
        start = None
        for number, step in enumerate(self.steps, self.first):
            if isinstance(step.before, Gradient) and step.symbol is None and self._is_start(step):
                start, self.terms.pending = number, step.after
            else:
                yield from self._line(number, step)
        if start is not None:
            yield from self._start(start)
        yield f"End {label}."

    def _rate(self, node: Expression) -> str:
        definition = self.graph.definition[node]
        return self.view.rate(definition) if self.graph.is_another_name(node) else self.view.texts(definition).rate

    def _is_start(self, step: Step) -> bool:
        return self.terms.pending == 0 and not self.terms.finished and not is_matrix(step.after)

    # the kinds of lines

    def _line(self, number: int, step: Step) -> Iterator[str]:
        if step.symbol is not None:
            statement, proof = self._named(number, step)
        elif isinstance(step.before, Gradient):
            statement, proof = self._gathered(step)
        else:
            statement = f"{self.view.term(step.before)} = {self._side(step.after)}"
            proof = self._simplified(step) if step.rule in _SIMPLER else self._by_rule(step)
            self.terms.replace(step.before, step.after)
            self.facts.append(self._name(number))
        yield f"Lemma {self._name(number)} : {statement}.  (* {step.rule} *)"
        yield f"Proof. {proof}. Qed."

    def _named(self, number: int, step: Step) -> tuple[str, str]:
        """Return the statement and the proof that the factor of ∂z/∂W gets a name."""
        name, about = self.names[step.symbol], self.terms.about(step.before.of)
        if not about:
            return f"{self.view.term(step.symbol)} = {self.view.term(step.after)}", "reflexivity"
        before = Add(*about)
        after = Add(*(paired(step.symbol, partial) for partial in about.values()))
        self.terms.replace(before, after)
        self.facts.append(self._name(number))
        return (
            f"{self.view.term(before)} = {self.view.term(after)}",
            f"unfold {name}. {self._atoms(about.values())}line",
        )

    def _gathered(self, step: Step) -> tuple[str, str]:
        """Return the statement and the proof of another form of the whole gradient."""
        whole = self.names["gradient", self.parameter]
        proof = f"unfold {whole}. same"
        later = [s.after for s in self.steps[self.steps.index(step) + 1 :] if isinstance(s.before, Gradient)]
        if later and step.after != self.plan.tape.gradients[str(self.parameter.name)]:
            proof = f"unfold {whole}. symmetry. {simplifying(self.plan, step.after, later[0])}"
        return f"{self._whole()} = {self._side(step.after)}", proof

    def _start(self, number: int) -> Iterator[str]:
        step = self.steps[number - self.first]
        parts = self.names.new(f"{self._name(number)}_parts")
        rest = [self.view.term(term) for term in Add.make_args(self.terms.pending) if term != 0]  # Σ G ⊙ ∂W/∂W
        shares = summed([*map(self._side, self.terms.finished), *rest])
        whole, stages = self.names["gradient", self.parameter], self.plan.found.stages.get(self.parameter)
        how = (
            simplifying(self.plan, self.plan.found.total(self.graph, self.parameter), stages[0].value)
            if stages
            else "gather"
        )
        yield f"Lemma {parts} : {self._whole()} = {shares}."
        yield f"Proof. unfold {whole}. as_inner. collect. scaled. {how}. Qed."
        poses = " ".join(f"pose proof {fact}." for fact in (*self.facts, parts))
        yield f"Lemma {self._name(number)} : {self._whole()} = {self.view.term(step.after)}.  (* {step.rule} *)"
        yield f"Proof. {poses} lra. Qed."

    # texts and proofs

    def _name(self, number: int) -> str:
        return self.names["line", number]

    def _whole(self) -> str:
        """Return Σ ∂J/∂W ⊙ dW."""
        return self._inner(self.view.applied(self.names["gradient", self.parameter], "θ"))

    def _side(self, e: Expression) -> str:
        return self._inner(self.view.term(e)) if is_matrix(e) else self.view.term(e)

    def _inner(self, gradient: str) -> str:
        return f"inner {' '.join(self.plan.sizes(self.parameter))} {gradient} {self.view.rate(self.parameter)}"

    def _by_rule(self, step: Step) -> str:
        before, after = _partials(step.before), _partials(step.after)
        unfolded = self._unfolded(before, after)
        names = [self.names[by_section(self.parameter, node)] for node in unfolded]
        names += [self.names[node] for node in self._outputs(step)]
        start = f"unfold {', '.join(names)}. " if names else ""
        tactics = [tactic for node in unfolded for tactic in self._collects(node)]
        tactics += [tactic for side in (step.before, step.after) for tactic in self._products(side)]
        rewriting = "".join(f"as_inner. try ({tactic}). " for tactic in dict.fromkeys(tactics))
        return f"{start}{self._slopes(step)}{self._atoms([*before, *after], unfolded)}{rewriting}line"

    def _simplified(self, step: Step) -> str:
        stages = self.plan.found.stages[step.node]
        values = [self.plan.found.total(self.graph, step.node), *(stage.value for stage in stages)]
        value, stage = next(pair for pair in zip(values, stages, strict=False) if pair[1].rule == step.rule)
        atoms = self._atoms(_partials(step.before))
        return f"{atoms}as_inner. collect. scaled. {simplifying(self.plan, value, stage.value)}"

    def _unfolded(self, before: set[Expression], after: set[Expression]) -> list[Expression]:
        """Return the quantities whose rates a line writes out, from the cost."""
        kept = {self._node(partial) for partial in after}
        opened = {self._node(partial) for partial in before} - kept
        found = []
        for node in reversed(self.moving):
            if node in opened:
                found.append(node)
                opened |= {part for part in self.graph.parts[node] if part in self.between} - kept
        return found

    def _outputs(self, step: Step) -> list[Expression]:
        """Return the quantities f(z) that stand in their own derivative, such as exp(z)."""
        nodes = sorted({self._node(part) for part in step.before.atoms(Entrywise)}, key=str)
        return [node for node in nodes if is_name(node) and any(term.has(node) for term in _factors(step.after))]

    def _collects(self, node: Expression) -> tuple[str, ...]:
        if self.graph.is_another_name(node):
            return ()
        return self.view.texts(self.graph.definition[node]).collects

    def _products(self, side: Expression) -> Iterator[str]:
        """Yield the lemmas about the products of a line, which say which factor moves."""
        if isinstance(side, Gradient):
            return
        for product in reversed(list(postorder(side, terms_in))):
            if isinstance(product, MatMul) and product.atoms(*PARTIALS):
                for k in reversed(range(1, len(product.args))):
                    left = MatMul(*product.args[:k]) if k > 1 else product.args[0]
                    right = product.args[k]
                    if left.atoms(*PARTIALS):
                        yield LEFT_MOVES.format(b=self.view.term(right), da=self.view.term(left))
                    elif right.atoms(*PARTIALS):
                        yield RIGHT_MOVES.format(a=self.view.term(left), db=self.view.term(right))

    def _atoms(self, partials: Iterable[Expression], unfolded: Sequence[Expression] = ()) -> str:
        """Return tactics after which no tactic looks inside of the rates that a line keeps."""
        nodes = dict.fromkeys(map(self._node, partials))
        below = (part for node in unfolded for part in self.graph.parts[node] if part in self.between)
        kept = [node for node in dict.fromkeys([*nodes, *below]) if node != self.parameter and node not in unfolded]
        names = sorted(self.names[by_section(self.parameter, node)] for node in kept)
        return "".join(f"generalize {name}; intros {name}. " for name in names)

    def _slopes(self, step: Step) -> str:
        """Return assertions about the derivatives of the functions that a line has as ∂f/∂z."""
        sides = [side for side in (step.before, step.after) if not isinstance(side, Gradient)]
        found = dict.fromkeys(part for side in sides for part in sorted(side.atoms(Entrywise), key=str))
        return "".join(self._slope(f"slope'{k}", part) for k, part in enumerate(found))

    def _slope(self, name: str, part: Entrywise) -> str:
        definition = self.graph.definition[self._node(part)]
        f, z = definition.function, self.view.term(part.by)
        n, m = self.plan.sizes(part.by)
        equation = f"Derive {self.view.function(f)} ({z} i j) = {self.view.slope(f)} ({z} i j)"
        proof = f"intros i j Hi Hj; apply is_derive_unique; exact ({slope_proof(self.view, definition)} i j Hi Hj)"
        return f"assert ({name} : forall i j, (i < {n})%nat -> (j < {m})%nat -> {equation}) by ({proof}). "

    def _node(self, partial: Expression) -> Expression:
        return self.graph.names.get(partial.of, partial.of)


def _partials(side: Expression) -> set[Expression]:
    return side.atoms(ByEntry, ScalarByEntry)


def _moving(graph: ComputationGraph, section: Section) -> tuple[frozenset[Expression], frozenset[Expression]]:
    """Return the quantities at which a section starts, and those between them and the parameter."""
    known = [step.known for step in section.steps if isinstance(step.before, Gradient) and step.known]
    starts = frozenset(node for node, _ in known[0]) if known else frozenset([graph.cost])
    found: set[Expression] = set()
    pending = [section.parameter]
    while pending:
        above = [user for user in graph.users[pending.pop()] if user not in starts and user not in found]
        found.update(above)
        pending += above
    return starts, frozenset(found)


def _factors(side: Expression) -> Iterator[Expression]:
    return (part for part in postorder(side, terms_in) if part.is_symbol)


def terms_in(node: Expression) -> list[Expression]:
    """Return the operands of a node; a partial derivative has none."""
    return [] if isinstance(node, PARTIALS) else quantities(node)
