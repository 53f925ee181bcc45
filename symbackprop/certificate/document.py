"""A certificate: the file for Coq that states and proves the gradients of a derivation.

Its sections: the library; the network and its gradients, as they were derived; the claims; then the proofs: rates
forwards, contributions backwards, their sum, and the rule of each node as a derivative.
"""

import re
from collections.abc import Iterator
from functools import reduce

from symbackprop.backprop.adjoints import Adjoints, adjoints
from symbackprop.backprop.graph import ComputationGraph
from symbackprop.backprop.tape import Tape
from symbackprop.certificate.names import LIBRARY, Names
from symbackprop.certificate.rows import applied, assumed_of, assumption, not_empty
from symbackprop.certificate.terms import Scope, View, abstract, rate_of
from symbackprop.errors import NotCertifiedError, listed
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import Applied, ElementwiseFunction
from symbackprop.expressions.matrices import is_name, postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.text import typed

TESTED = "Coq 8.16 with Coquelicot 3"
_MOVING = "forall k, moves (rows sizes k) (columns sizes k) (fun s => nth k (c s) zeros) t (nth k d zeros)"
_WORD = re.compile(r"[^\W\d][\w']*")


def certificate(tape: Tape, found: Adjoints | None = None) -> str:
    """Return a certificate of the gradients of a tape, as the text of a file for Coq.

    Args:
        tape: the derivation.
        found: the adjoints with their contributions; by default, the adjoints that the rules give.

    Raises:
        NotCertifiedError: an operation has no row.
    """
    return "\n".join(_Certificate(tape, found).lines()) + "\n"


class _Certificate:
    """The parts of a certificate, in their order."""

    def __init__(self, tape: Tape, found: Adjoints | None):
        self.tape, self.network = tape, tape.network
        self.graph = ComputationGraph(tape.network, tape.wrt)
        self.found = adjoints(self.graph) if found is None else found
        self.moving = tuple(p for p in tape.wrt if p in self.graph.active)
        self.nodes = [node for node in self.graph.order if node not in self.moving]  # made by an operation
        self._require_rows()
        self.scope = Scope(self.graph, Names(), self.moving, self._functions())
        self._give_names()
        self.bare = View(self.scope)  # where the network is defined
        self.here = View(self.scope, "θ")  # in the proofs about one point

    def _require_rows(self) -> None:
        """Raise an error where a row is missing for the derivation as a whole."""
        numbers = [str(p) for p in self.tape.wrt if not is_matrix(p)]
        if numbers:
            raise NotCertifiedError(
                f"no certificate: {listed(numbers)} is a parameter without axes; in a certificate a parameter is a "
                f"matrix, such as {numbers[0]}: parameter(1, 1)"
            )
        still = [str(p) for p in self.tape.wrt if p not in self.moving]
        if still:
            raise NotCertifiedError(f"no certificate: {self.graph.cost} does not depend on {listed(still)}")
        for node, stages in self.found.stages.items():
            raise NotCertifiedError(
                f"no certificate: the adjoint of {typed(node)} is simplified by the rule {stages[0].rule!r}, "
                "which has no lemma in certificate/library.v; verify proves it without Coq"
            )
        if any(
            a.expression != self.found.named[a.of].expression for a in self.tape.adjoints if a.of in self.found.named
        ):
            outputs = adjoints(self.graph, of_outputs=True)
            if all(a.expression == outputs.named[a.of].expression for a in self.tape.adjoints if a.of in outputs.named):
                raise NotCertifiedError(
                    "no certificate: this derivation writes f′ in terms of f, which holds only for some f; "
                    "derive with activation_derivative='argument'"
                )

    def _functions(self) -> dict[ElementwiseFunction, str]:
        found = abstract(self.graph)
        only = len({f.name for f in found}) == 1
        return {f: ("f" if only else f"f_{f.name}") + "'" * f.order for f in found}

    def _give_names(self) -> None:
        names, scope = self.scope.names, self.scope
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
        for count, node in enumerate((*self.moving, *self.nodes)):
            stem = names[node] if is_name(node) else f"part{count}"
            for key, name in (("rate", f"d_{stem}"), ("moves", f"{stem}_moves"), ("smooth", f"smooth_{stem}")):
                names.give((key, node), name)
            for key in ("back", "uses", "sum", "claim", "given", "gradient_of"):
                names.give((key, node), f"{key.removesuffix('_of')}_{stem}")

    # the file

    def lines(self) -> Iterator[str]:
        """Yield the sections of the file."""
        yield f"(* Written by symbackprop, for {TESTED}. First the library; then, after the line NETWORK, what is"
        yield "   claimed: the network, its gradients as they were derived, and a claim for each; then the proofs. *)"
        yield LIBRARY
        yield "(* ======== NETWORK ========"
        yield from (f"     {line}" for line in str(self.network).splitlines())
        yield "*)\nSection Network."
        yield from self._data()
        yield from self._definitions()
        yield from self._claims()
        yield "\n(* ======== PROOFS: nothing below has to be read ======== *)"
        yield from self._point()
        yield from self._along()
        yield from self._theorems()
        yield "End Network.\n\n(* prints the axioms on which all of this rests: those of Coq's real numbers *)"
        yield "Print Assumptions all_gradients."

    def _data(self) -> Iterator[str]:
        names, network = self.scope.names, self.network
        still = [network[name] for name in network.roles if network[name] not in self.moving]
        groups = (
            (network.dimensions, "nat"),
            ([q for q in still if is_matrix(q)], "mat"),
            ([q for q in still if not is_matrix(q)], "R"),
        )
        for quantities, kind in groups:
            if quantities:
                yield f"Variables ({' '.join(names[q] for q in quantities)} : {kind})."
        if self.scope.functions:
            yield f"Variables ({' '.join(self.scope.functions.values())} : R -> R)."
        used = {f for e in self.graph.equations for f in abstract_of(e.expression)}
        for f, text in self.scope.functions.items():
            if f in used:
                where = assumed_of(f).replace("{}", "x")
                slope = applied(self.bare.slope(f), "x")
                condition = f"{where} -> " if where else ""
                yield f"Hypothesis {names['fact', f]} : forall x, {condition}is_derive {text} x {slope}."
        parts = (part for e in self.graph.equations for part in postorder(e.expression))
        for size in dict.fromkeys(size for part in parts if (size := not_empty(part)) is not None):
            n = self.bare.nat(size)
            yield f"Hypothesis {n}_not_empty : (0 < {n})%nat."

    def _define(self, name: str, body: str, kind: str = "") -> str:
        """Return a definition, and record which of the section's variables it contains."""
        own = {self.scope.names[p] for p in self.moving}
        words = set(_WORD.findall(body))
        uses = "".join(self.scope.uses.get(word, "") for word in words)
        uses += "θ" * ("θ" in words or bool(own & words)) + "d" * ("d" in words)
        self.scope.uses[name] = "".join(letter for letter in "θd" if letter in uses)
        return f"Definition {name}{kind} := {_bare(body)}."

    def _definitions(self) -> Iterator[str]:
        names = self.scope.names
        yield "\nSection Definitions.\nVariable θ : list mat.  (* the parameters *)"
        for k, p in enumerate(self.moving):
            yield f"Notation {names[p]} := (nth {k} θ zeros)."
        for e in self.graph.equations:
            yield self._define(names[e.symbol], self.bare.written(e.expression))
        for adjoint in self.tape.adjoints:
            yield self._define(names[adjoint.symbol], self.bare.term(adjoint.expression))
        for p in self.moving:
            yield self._define(names["gradient", p], self.bare.term(self.tape.gradients[str(p.name)]))
        for node in self.nodes:
            if condition := assumption(self.graph.definition[node]):
                yield self._define(names["smooth", node], self._condition(node, condition), " : Prop")
        if self._assuming():
            whole = " /\\ ".join(names["smooth", node] for node in self._assuming())
            yield self._define("smooth", whole, " : Prop")
        yield "End Definitions."

    def _assuming(self) -> list[Expression]:
        return [node for node in self.nodes if assumption(self.graph.definition[node])]

    def _condition(self, node: Expression, condition: str) -> str:
        argument = argument_of(self.graph.definition[node])
        value = self.bare.term(argument)
        if not is_matrix(argument):
            return condition.replace("{}", value)
        n, m = map(self.bare.nat, argument.shape)
        return f"forall i j, (i < {n})%nat -> (j < {m})%nat -> {condition.replace('{}', f'{value} i j')}"

    def _if_smooth(self, point: str) -> str:
        return f" smooth {point} ->" if self._assuming() else ""

    def _statement(self, p: Expression) -> str:
        names = self.scope.names
        all_names = [names[q] for q in self.moving]
        moved = "; ".join(
            f"upd {name} i j w" if q == p else name for q, name in zip(self.moving, all_names, strict=True)
        )
        point = f"[{'; '.join(all_names)}]"
        n, m = map(self.bare.nat, p.shape) if is_matrix(p) else ("1", "1")
        gradient = names["gradient", p]
        value = f"{gradient} {point}" if self.scope.uses[gradient] else gradient
        value = f"{value} i j" if is_matrix(p) else f"({value})"
        return (
            f"forall {' '.join(all_names)} i j, (i < {n})%nat -> (j < {m})%nat ->{self._if_smooth(point)}\n"
            f"  is_derive (fun w => {names[self.graph.cost]} [{moved}]) ({names[p]} i j) ({value})"
        )

    def _claims(self) -> Iterator[str]:
        names = self.scope.names
        yield "\n(* upd W i j w is W with the entry (i, j) moved to w; i and j count from 0 *)"
        for p in self.moving:
            yield f"Definition {names['claim', p]} : Prop := {self._statement(p)}."

    # the proofs

    def _weighed(self, adjoint: Expression, node: Expression) -> str:
        """Return Σ adjoint ⊙ (rate of the node)."""
        rate = self.here.rate(node)
        if not is_matrix(node):
            return f"{self.here.term(adjoint)} * {rate}"
        n, m = map(self.here.nat, node.shape)
        return f"inner {n} {m} {self.here.term(adjoint)} {rate}"

    def _whole(self, node: Expression) -> str:
        """Return Σ ∂J/∂node ⊙ (rate of the node), with the gradient by its name for a parameter."""
        if node not in self.moving:
            return self._weighed(self._adjoint(node), node)
        n, m = map(self.here.nat, node.shape) if is_matrix(node) else ("1", "1")
        name = self.here.applied(self.scope.names["gradient", node], "θ")
        return f"inner {n} {m} {name} {self.here.rate(node)}" if is_matrix(node) else f"{name} * {self.here.rate(node)}"

    def _adjoint(self, node: Expression) -> Expression:
        return self.found.of(node)

    def _point(self) -> Iterator[str]:
        names = self.scope.names
        yield "Section Point.\nVariables (θ d : list mat)."
        if self._assuming():
            yield "Hypothesis here : smooth θ."
        yield "(* forwards: the rate of each quantity, from the rates d of the parameters *)"
        for node in self.nodes:
            yield self._define(names[rate_of(node)], self._rate(node))
        yield "(* backwards: each rule, applied to its node; and the sum of all contributions so far *)"
        yield from self._backwards()
        yield "End Point.\n"

    def _rate(self, node: Expression) -> str:
        if self.graph.is_another_name(node):
            return self.here.rate(self.graph.definition[node])
        return self.here.texts(self.graph.definition[node]).rate

    def _backwards(self) -> Iterator[str]:
        names = self.scope.names
        cost = self.graph.cost
        before, done = "", "0"
        pending: list[tuple[Expression, str]] = []  # terms that wait for their node
        finished: list[Expression] = []
        totals: list[str] = []
        for node in reversed(self.graph.order):
            own = [text for at, text in pending if at == node]
            others = [(at, text) for at, text in pending if at != node]
            whole = self._whole(node)
            facts = [before] if before else []
            if node != cost and own != [whole]:
                yield f"Lemma {names['uses', node]} : {whole} = {_sum(own)}."
                yield f"Proof. {self._gathering(node)}. Qed."
                facts.append(names["uses", node])
            if node in self.moving:
                total = names.new(f"total_{names[node]}")
                yield self._define(total, f"{whole} + {done}")
                done, pending, unfold = total, others, f"unfold {total}. "
                totals, finished = [total, *totals], [*finished, node]
            else:
                shares = [(part, self._share(node, part)) for part in self.graph.parts[node]]
                yield f"Lemma {names['back', node]} : {whole} = {_sum([text for _, text in shares])}."
                yield f"Proof. {self._backing(node)}. Qed."
                facts.append(names["back", node])
                pending, unfold = [*shares, *others], ""
            before = names["sum", node]
            terms = _sum([*(text for _, text in pending), done])
            yield f"Lemma {before} : {self.here.rate(cost)} = {terms}."
            poses = " ".join(f"pose proof {fact}." for fact in facts)
            yield f"Proof. {poses} {unfold}lra. Qed."
        in_order = finished[::-1] == list(self.moving)
        yield f"Lemma chain : {self.here.rate(cost)} = weigh 0 {self._all_sizes()} {self._gradients('θ')} d."
        how = "reflexivity" if in_order else f"unfold {', '.join(totals)}. cbn [weigh nth]. lra"
        yield f"Proof using All. rewrite {before}. rewrite ?Rplus_0_l. {how}. Qed."

    def _sizes(self, p: Expression) -> tuple[str, str]:
        n, m = map(self.bare.nat, p.shape) if is_matrix(p) else ("1", "1")
        return n, m

    def _all_sizes(self) -> str:
        return "[" + "; ".join(f"({n}%nat, {m}%nat)" for n, m in map(self._sizes, self.moving)) + "]"

    def _gradients(self, point: str) -> str:
        names = self.scope.names
        return "[" + "; ".join(self.here.applied(names["gradient", p], point) for p in self.moving) + "]"

    def _gathering(self, node: Expression) -> str:
        """Return the proof that an adjoint is the sum of the contributions of its users."""
        name = self.scope.names["gradient", node] if node in self.moving else None
        adjoint = self._adjoint(node)
        if name is None and adjoint in self.scope.names:
            name = self.scope.names[adjoint]
        return (f"unfold {name}. " if name else "") + ("gather" if is_matrix(node) else "ring || field")

    def _share(self, user: Expression, part: Expression) -> str:
        return self._weighed(self.found.contributions[user, part], part)

    def _backing(self, node: Expression) -> str:
        """Return the proof that a node contributes to its parts as its rule says."""
        unfolded = f"unfold {self.scope.names[rate_of(node)]}. "
        if self.graph.is_another_name(node):
            return unfolded + "reflexivity"
        if not any(map(is_matrix, (node, *self.graph.parts[node]))):
            return unfolded + "ring || field"
        lemmas = self.here.texts(self.graph.definition[node]).collects
        rewriting = "".join(f"collect. rewrite ({lemma}). " for lemma in lemmas)
        rates = [self.here.rate(part) for part in self.graph.parts[node] if part not in self.moving]
        atoms = "".join(f"generalize {rate}; intros {rate}. " for rate in rates)  # no tactic looks inside
        return unfolded + atoms + rewriting + "backwards"

    def _along(self) -> Iterator[str]:
        names, view = self.scope.names, View(self.scope, "(c t)", "d")
        curve = View(self.scope, "(c s)", "d")
        yield "(* the rule of each node: its rate is its derivative along every curve c of the parameters *)"
        yield f"Definition sizes := {self._all_sizes()}."
        yield "Section Along.\nVariables (c : R -> list mat) (t : R) (d : list mat)."
        yield f"Hypothesis moving : {_MOVING}."
        if self._assuming():
            yield "Hypothesis here : smooth (c t)."
        for k, p in enumerate(self.moving):
            n, m = self._sizes(p)
            lemma = f"moves {n} {m} (fun s => nth {k} (c s) zeros) t (nth {k} d zeros)"
            yield f"Lemma {names['moves', p]} : {lemma}.\nProof. exact (moving {k}). Qed."
        assuming = self._assuming()
        for k, node in enumerate(assuming):
            last = k == len(assuming) - 1
            fact = reduce(lambda text, _: f"(proj2 {text})", range(k), "here")
            fact = fact if last else f"(proj1 {fact})"
            yield f"Definition {names['given', node]} : {names['smooth', node]} (c t) := {fact}."
        for node in self.nodes:
            value, rate = curve.term(node), view.rate(node)
            if is_matrix(node):
                n, m = map(view.nat, node.shape)
                yield f"Lemma {names['moves', node]} : moves {n} {m} (fun s => {value}) t {rate}."
            else:
                yield f"Lemma {names['moves', node]} : is_derive (fun s => {value}) t {rate}."
            expression = self.graph.definition[node]
            same = self.graph.is_another_name(node)
            yield f"Proof. by_rule {view.proof(expression) if same else view.texts(expression).proof}. Qed."
        yield "End Along.\n"

    def _theorems(self) -> Iterator[str]:
        names = self.scope.names
        cost = names[self.graph.cost]
        smooth = "smooth" if self._assuming() else "(fun _ => True)"
        here = " here" if self._assuming() else ""
        rates = f"(weigh 0 {{}} {self._gradients('(c t)')} d)"
        yield f"Lemma any_curve c t d : {smooth} (c t) -> ({_MOVING}) ->"
        yield f"  is_derive (fun s => {cost} (c s)) t {rates.format('sizes')}."
        yield f"Proof. intros here moving. change {rates.format('sizes')} with {rates.format(self._all_sizes())}."
        yield f"  rewrite <- (chain (c t) d{here}). exact ({names['moves', self.graph.cost]} c t d moving{here}). Qed."
        everywhere = f"sizes {cost} (fun θ => {self._gradients('θ')}) {smooth} any_curve"
        point = " ".join(names[q] for q in self.moving)
        given = "sm" if self._assuming() else "I"
        for k, p in enumerate(self.moving):
            yield f"Theorem {names['gradient_of', p]} : {names['claim', p]}."
            yield f"Proof. intros {point} i j rows columns{' sm' if self._assuming() else ''}."
            entry = f"[{point.replace(' ', '; ')}] {k} i j"
            yield f"  exact (gradients {everywhere} {entry} eq_refl {given} rows columns). Qed."
        claims = " /\\ ".join(names["claim", p] for p in self.moving)
        proofs = [names["gradient_of", p] for p in self.moving]
        yield f"Theorem all_gradients : {claims}."
        yield f"Proof. exact {reduce(lambda rest, first: f'(conj {first} {rest})', proofs[-2::-1], proofs[-1])}. Qed."


def argument_of(e: Expression) -> Expression:
    """Return the argument of an operation that is not differentiable everywhere."""
    return e.args[1] if isinstance(e, Elementwise | Applied) else e.args[0]


def abstract_of(e: Expression) -> set[ElementwiseFunction]:
    """Return the functions that an expression applies."""
    return {part.function for part in e.atoms(Elementwise, Applied)}


def _sum(terms: list[str]) -> str:
    return reduce(lambda rest, first: f"{first} + ({rest})", terms[-2::-1], terms[-1])


def _bare(text: str) -> str:
    """Return a text without the parentheses around all of it."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return text[1:-1] if sign == ")" and at == len(text) - 1 else text
    return text
