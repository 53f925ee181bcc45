"""Proofs that an adjoint equals a simpler form of itself: first what is inside of its sums, then entry by entry."""

from collections.abc import Iterator

from symbackprop.backprop.simplify import in_terms_of_output, inside
from symbackprop.certificate.plan import Plan, argument_of
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import HadamardPower, OneHot, Transpose, postorder
from symbackprop.expressions.operations import ROWS, Elementwise, Sums


def simplifying(plan: Plan, total: Expression, first: Expression) -> str:
    """Return the proof that an adjoint equals the simplest form of itself, of which `first` is the first stage."""
    kept = {part for part in postorder(first) if part.is_symbol}
    definitions = plan.found.definitions
    written_out = [p for p in postorder(total) if p.is_symbol and p in definitions and p not in kept]
    inserted = total.xreplace({symbol: definitions[symbol] for symbol in written_out})
    unfolded = [plan.names[symbol] for symbol in written_out if symbol in plan.names]
    start = f"unfold {', '.join(unfolded)}. " if unfolded else ""
    bases = [*_denominators(inserted), *_denominators(in_terms_of_output(inserted, plan.graph.names))]
    facts = [fact for base in dict.fromkeys(bases) if (fact := _fact(plan, base))]
    equations = list(_inside_sums(plan, inserted, facts))
    known = [f"E{k}" for k in range(len(equations))]
    asserted = "".join(f"assert ({name} : {equation}). " for name, equation in zip(known, equations, strict=True))
    return f"{start}rewrite <- ?inner_plus. apply inner_ext. {asserted}{entry_by_entry(plan, facts, known)}"


def entry_by_entry(plan: Plan, facts: list[str], equations: list[str]) -> str:
    """Return the proof that two matrices are equal entry by entry, given facts about their entries."""
    known = "".join(f"pose proof {fact.format('i j Hi Hj')} as F{k}. " for k, fact in enumerate(facts))
    names = [*equations, *(f"F{k}" for k in range(len(facts)))]
    rewriting = "".join(f"rewrite ?{name} by (assumption || lia). " for name in equations)
    return f"intros i j Hi Hj. {known}{_unfolding(plan, names)}{rewriting}{_forms(plan)}by_numbers"


def _unfolding(plan: Plan, known: list[str]) -> str:
    where = f" in {', '.join(known)} |- *" if known else ""
    outputs = [plan.names[e.symbol] for e in plan.graph.equations if _is_output(plan, e.expression)]
    first = f"unfold {', '.join(outputs)}{where}. " if outputs else ""
    return f"{first}unfold tr, had, add, scale, map, ones, zeros, eye, brow, bcol{where}. "


def _forms(plan: Plan) -> str:
    return "".join(f"rewrite ?{plan.names['output', f]}. " for f in plan.rewritten)


def _is_output(plan: Plan, e: Expression) -> bool:
    return isinstance(e, Elementwise) and e.function.prime in plan.rewritten


def _denominators(value: Expression) -> Iterator[Expression]:
    powers = (part for part in postorder(value) if isinstance(part, HadamardPower))
    yield from (part.args[0] for part in powers if not part.args[1].is_nonnegative)


def _fact(plan: Plan, base: Expression) -> str:
    """Return the assumption that a denominator is not 0 at the entry {}; nothing if no node assumes it."""
    base = plan.graph.names.get(base, base)
    for node in plan.assuming:
        argument = argument_of(plan.graph.definition[node])
        if plan.graph.names.get(argument, argument) == base:
            return f"({plan.names['given', node]} θ here {{}})"
    return ""


def _inside_sums(plan: Plan, value: Expression, facts: list[str]) -> Iterator[str]:
    """Yield, with its proof, an equation for each sum along an axis: it equals the sum of simpler terms, or 1."""
    found = dict.fromkeys(part for part in postorder(value) if isinstance(part, Sums))
    for part in found:
        simpler = inside(in_terms_of_output(part, plan.graph.names))
        if simpler != part:
            at = "k j Hk Hj" if part.axis == ROWS else "i k Hi Hk"
            known = "".join(f"pose proof {fact.format(at)} as F{k}. " for k, fact in enumerate(facts))
            unfolding = _unfolding(plan, [f"F{k}" for k in range(len(facts))])
            how = f"unfold sumrows, sumcols, scale. rewrite <- ?sum_factor. apply sum_ext. intros k Hk. {known}"
            yield _equation(plan, part, plan.here.term(simpler), f"{how}{unfolding}{_forms(plan)}by_numbers")
    simplest = (part for one in found for part in postorder(inside(in_terms_of_output(one, plan.graph.names))))
    for part in dict.fromkeys(part for part in simplest if isinstance(part, Sums)):
        turned = isinstance(part.argument, Transpose)
        matrix = part.argument.args[0] if turned else part.argument
        if isinstance(matrix, OneHot):
            row = "j Hj" if turned else "i Hi"
            yield _equation(plan, part, "ones", f"exact ({plan.names['one_hot', matrix]} {row})")


def _equation(plan: Plan, part: Expression, simpler: str, proof: str) -> str:
    n, m = plan.sizes(part)
    where = f"forall i j, (i < {n})%nat -> (j < {m})%nat ->"
    return f"{where} {plan.here.term(part)} i j = {simpler} i j) by (intros i j Hi Hj. {proof}".replace(". ", "; ")
