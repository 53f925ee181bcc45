"""The proofs of a certificate: contributions backwards, their sum, and the rule of each node as a derivative."""

from collections.abc import Iterator
from functools import reduce

from symbackprop.certificate.plan import Plan, smooth_at, summed
from symbackprop.certificate.simplification import entry_by_entry, simplifying
from symbackprop.certificate.statement import MOST_NAMED
from symbackprop.certificate.terms import View, rate_of
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import is_name
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import is_matrix

_MOVING = "forall k, moves (rows sizes k) (columns sizes k) (fun s => nth k (c s) zeros) t (nth k d zeros)"


def proofs(plan: Plan) -> Iterator[str]:
    """Yield the lines of the proofs, in the section of the statement."""
    every = "; ".join("({}%nat, {}%nat)".format(*plan.sizes(p)) for p in plan.moving)
    yield f"Definition sizes := [{every}]."
    yield from _given(plan)
    yield from _point(plan)
    yield from _along(plan)
    yield from _theorems(plan)


def _given(plan: Plan) -> Iterator[str]:
    """Yield the assumptions about single nodes, each a part of the whole assumption."""
    last = len(plan.assuming) - 1
    for k, node in enumerate(plan.assuming):
        smooth = plan.names["smooth", node]
        holds = smooth if not plan.scope.uses[smooth] else f"{smooth} θ"
        fact = reduce(lambda text, _: f"(proj2 {text})", range(k), "here")
        yield f"Definition {plan.names['given', node]} θ (here : {smooth_at(plan, 'θ')}) : {holds} :="
        yield f"  {fact if k == last else f'proj1 {fact}'}."


def _point(plan: Plan) -> Iterator[str]:
    yield "Section Point.\nVariables (θ d : list mat)."
    if plan.assuming:
        yield f"Hypothesis here : {smooth_at(plan, 'θ')}."
    yield "(* forwards: the rate of each quantity, from the rates d of the parameters *)"
    for node in plan.nodes:
        yield plan.define(plan.names[rate_of(node)], _rate(plan, node))
    yield f"Definition gradients_at := {_gradients(plan)}."
    yield "(* backwards: each rule, applied to its node; and the sum of all contributions so far *)"
    yield from _backwards(plan)
    yield "End Point.\n"


def _rate(plan: Plan, node: Expression) -> str:
    if plan.graph.is_another_name(node):
        return plan.here.rate(plan.graph.definition[node])
    return plan.here.texts(plan.graph.definition[node]).rate


def _gradients(plan: Plan) -> str:
    return "[" + "; ".join(plan.here.applied(plan.names["gradient", p], "θ") for p in plan.moving) + "]"


def _backwards(plan: Plan) -> Iterator[str]:
    names, cost = plan.names, plan.graph.cost
    before, done = "", "0"
    pending: list[tuple[Expression, str]] = []  # terms that wait for their node
    finished: list[Expression] = []
    totals: list[str] = []
    for node in reversed(plan.graph.order):
        own = [text for at, text in pending if at == node]
        others = [(at, text) for at, text in pending if at != node]
        whole = plan.whole(node)
        facts = [before] if before else []
        if node != cost and own != [whole]:
            yield f"Lemma {names['uses', node]} : {whole} = {summed(own)}."
            yield f"Proof. {_gathering(plan, node)}. Qed."
            facts.append(names["uses", node])
        if node in plan.moving:
            total = names.new(f"total_{names[node]}")
            yield plan.define(total, f"{whole} + {done}")
            done, pending, unfold = total, others, f"unfold {total}. "
            totals, finished = [total, *totals], [*finished, node]
        else:
            shares = [(part, _share(plan, node, part)) for part in plan.graph.parts[node]]
            yield f"Lemma {names['back', node]} : {whole} = {summed([text for _, text in shares])}."
            yield f"Proof. {_backing(plan, node)}. Qed."
            facts.append(names["back", node])
            pending, unfold = [*shares, *others], ""
        before = names["sum", node]
        terms = summed([*(text for _, text in pending), done])
        yield f"Lemma {before} : {plan.here.rate(cost)} = {terms}."
        poses = " ".join(f"pose proof {fact}." for fact in facts)
        yield f"Proof. {poses} {unfold}lra. Qed."
    in_order = finished[::-1] == list(plan.moving)
    yield f"Lemma chain : {plan.here.rate(cost)} = weigh 0 sizes gradients_at d."
    how = "reflexivity" if in_order else f"unfold sizes, gradients_at, {', '.join(totals)}. cbn [weigh nth]. lra"
    yield f"Proof using All. rewrite {before}. rewrite ?Rplus_0_l. {how}. Qed."


def _gathering(plan: Plan, node: Expression) -> str:
    """Return the proof that an adjoint is the sum of the contributions of its users."""
    names, adjoint = plan.names, plan.found.of(node)
    name = names["gradient", node] if node in plan.moving else names.get(adjoint, "")
    unfolded = f"unfold {name}. " if name else ""
    if not is_matrix(node):
        return unfolded + "ring || field"
    stages = plan.found.stages.get(node)
    if not stages:
        return f"{unfolded}gather"
    return unfolded + simplifying(plan, plan.found.total(plan.graph, node), stages[0].value)


def _share(plan: Plan, user: Expression, part: Expression) -> str:
    return plan.weighed(plan.found.contributions[user, part], part)


def _backing(plan: Plan, node: Expression) -> str:
    """Return the proof that a node contributes to its parts as its rule says."""
    definition = plan.graph.definition[node]
    unfolded = f"unfold {plan.names[rate_of(node)]}. "
    if plan.graph.is_another_name(node):
        return unfolded + "reflexivity"
    if not any(map(is_matrix, (node, *plan.graph.parts[node]))):
        return unfolded + "ring || field"
    rewriting = "".join(f"{tactic}. " for tactic in plan.here.texts(definition).collects)
    if is_name(node) and any(plan.found.contributions[node, part].has(node) for part in plan.graph.parts[node]):
        unfolded += f"unfold {plan.names[node]}. "  # a softmax is a factor of its own derivative
    rates = [plan.here.rate(part) for part in plan.graph.parts[node] if part not in plan.moving]
    atoms = "".join(f"generalize {rate}; intros {rate}. " for rate in rates)  # no tactic looks inside
    if plan.is_by_output and isinstance(definition, Elementwise) and definition.function.prime in plan.rewritten:
        return f"{unfolded}{atoms}collect. apply inner_ext. {entry_by_entry(plan, [], [])}"
    return unfolded + atoms + rewriting + "backwards"


def _along(plan: Plan) -> Iterator[str]:
    names, view = plan.names, View(plan.scope, "(c t)", "d")
    curve = View(plan.scope, "(c s)", "d")
    yield "(* the rule of each node: its rate is its derivative along every curve c of the parameters *)"
    yield "Section Along.\nVariables (c : R -> list mat) (t : R) (d : list mat)."
    yield f"Hypothesis moving : {_MOVING}."
    if plan.assuming:
        yield f"Hypothesis here : {smooth_at(plan, '(c t)')}."
    for k, p in enumerate(plan.moving):
        n, m = plan.sizes(p)
        lemma = f"moves {n} {m} (fun s => nth {k} (c s) zeros) t (nth {k} d zeros)"
        yield f"Lemma {names['moves', p]} : {lemma}.\nProof. exact (moving {k}). Qed."
    for node in plan.nodes:
        value, rate = curve.term(node), view.rate(node)
        if is_matrix(node):
            n, m = map(view.nat, node.shape)
            yield f"Lemma {names['moves', node]} : moves {n} {m} (fun s => {value}) t {rate}."
        else:
            yield f"Lemma {names['moves', node]} : is_derive (fun s => {value}) t {rate}."
        expression = plan.graph.definition[node]
        same = plan.graph.is_another_name(node)
        yield f"Proof. by_rule {view.proof(expression) if same else view.texts(expression).proof}. Qed."
    yield "End Along.\n"


def _theorems(plan: Plan) -> Iterator[str]:
    names = plan.names
    cost = names[plan.graph.cost]
    smooth = "(fun θ => smooth θ)" if plan.assuming and plan.scope.uses["smooth"] else "(fun _ => True)"
    smooth = "(fun _ => smooth)" if plan.assuming and not plan.scope.uses["smooth"] else smooth
    here = " here" if plan.assuming else ""
    yield f"Lemma any_curve c t d : {smooth} (c t) -> ({_MOVING}) ->"
    yield f"  is_derive (fun s => {cost} (c s)) t (weigh 0 sizes (gradients_at (c t)) d)."
    yield f"Proof. intros here moving. rewrite <- (chain (c t) d{here})."
    yield f"  exact ({names['moves', plan.graph.cost]} c t d moving{here}). Qed."
    everywhere = f"sizes {cost} gradients_at {smooth} any_curve"
    point = " ".join(names[q] for q in plan.moving)
    given = "sm" if plan.assuming else "I"
    by_name = len(plan.moving) <= MOST_NAMED
    for k, p in enumerate(plan.moving):
        yield f"Theorem {names['gradient_of', p]} : {names['claim', p]}."
        if by_name:
            yield f"Proof. intros {point} i j rows columns{' sm' if plan.assuming else ''}."
            entry = f"[{point.replace(' ', '; ')}] {k} i j"
            yield f"  exact (gradients {everywhere} {entry} eq_refl {given} rows columns). Qed."
        else:
            yield f"Proof. intros θ i j many rows columns{' sm' if plan.assuming else ''}."
            yield f"  assert (L : ({k} <? length θ)%nat = true) by (rewrite many; reflexivity)."
            yield f"  exact (gradients {everywhere} θ {k} i j L {given} rows columns). Qed."
    claims = " /\\ ".join(names["claim", p] for p in plan.moving)
    all_of = [names["gradient_of", p] for p in plan.moving]
    yield f"Theorem all_gradients : {claims}."
    yield f"Proof. exact {reduce(lambda rest, first: f'(conj {first} {rest})', all_of[-2::-1], all_of[-1])}. Qed."
