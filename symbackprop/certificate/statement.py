"""The statements of a certificate: the network, its gradients as they were derived, and a claim for each of them."""

from collections.abc import Iterator

from symbackprop.certificate.plan import Plan, abstract_of, argument_of
from symbackprop.certificate.rows import applied, assumed_of, assumption, not_empty, not_empty_proof
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import ElementwiseFunction
from symbackprop.expressions.functions import a as output
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.shapes import is_matrix

MOST_NAMED = 12  # parameters: with more of them, a claim speaks of their list


def statement(plan: Plan) -> Iterator[str]:
    """Yield the lines of the statement, inside of an open section."""
    yield from _data(plan)
    yield from _definitions(plan)
    yield from _claims(plan)


def _data(plan: Plan) -> Iterator[str]:
    names = plan.names
    for quantities, kind in variables(plan):
        yield f"Variables ({' '.join(quantities)} : {kind})."
    for f, text in plan.scope.functions.items():
        if (fact := _fact(plan, f, text)) is not None:
            yield fact
    for f in plan.rewritten:
        whole = plan.scope.functions[f]
        form = plan.bare.in_x(f.prime_of_output, {output: f"({plan.bare.function(f.undifferentiated)} x)"})
        yield f"Hypothesis {names['output', f]} : forall x, {whole} x = {form}."
    for y in plan.one_hot:
        n, k = map(plan.bare.nat, y.shape)
        yield f"Hypothesis {names['one_hot', y]} : forall i, (i < {n})%nat -> sum {k} (fun j => {names[y]} i j) = 1."
    for size in not_empty_sizes(plan):
        n = plan.bare.nat(size)
        yield f"Hypothesis {not_empty_proof(n)} : (0 < {n})%nat."


def variables(plan: Plan) -> Iterator[tuple[list[str], str]]:
    """Yield the names of the sizes, of the data and of the functions, each group with its type."""
    names, network = plan.names, plan.network
    still = [network[name] for name in network.roles if network[name] not in plan.moving]
    yield from (
        ([names[q] for q in quantities], kind)
        for quantities, kind in (
            (network.dimensions, "nat"),
            ([q for q in still if is_matrix(q)], "mat"),
            ([q for q in still if not is_matrix(q)], "R"),
        )
        if quantities
    )
    if plan.scope.functions:
        yield list(plan.scope.functions.values()), "R -> R"


def stated_functions(plan: Plan) -> list[ElementwiseFunction]:
    """Return the functions of the network of which the file assumes a derivative."""
    used = {f for e in plan.graph.equations for f in abstract_of(e.expression)}
    return [f for f in plan.scope.functions if f in used]


def _fact(plan: Plan, f: ElementwiseFunction, text: str) -> str | None:
    if f not in stated_functions(plan):
        return None
    where = assumed_of(f).replace("{}", "x")
    condition = f"{where} -> " if where else ""
    slope = applied(plan.bare.slope(f), "x")
    return f"Hypothesis {plan.names['fact', f]} : forall x, {condition}is_derive {text} x {slope}."


def not_empty_sizes(plan: Plan) -> list[Expression]:
    """Return the sizes that must not be 0."""
    parts = (part for e in plan.graph.equations for part in postorder(e.expression))
    return list(dict.fromkeys(size for part in parts for size in not_empty(part) if not size.is_Integer))


def _definitions(plan: Plan) -> Iterator[str]:
    names, define = plan.names, plan.define
    yield "\nSection Definitions.\nVariable θ : list mat.  (* the parameters *)"
    for k, p in enumerate(plan.moving):
        yield f"Notation {names[p]} := (nth {k} θ zeros)."
    for e in plan.graph.equations:
        yield define(names[e.symbol], plan.bare.written(e.expression))
    for adjoint in plan.tape.adjoints:
        yield define(names[adjoint.symbol], plan.bare.term(adjoint.expression))
    for p in plan.moving:
        yield define(names["gradient", p], plan.bare.term(plan.tape.gradients[str(p.name)]))
    for node in plan.assuming:
        condition = assumption(plan.graph.definition[node])
        yield define(names["smooth", node], _condition(plan, node, condition), " : Prop")
    if plan.assuming:
        yield define("smooth", " /\\ ".join(names["smooth", node] for node in plan.assuming), " : Prop")
    yield "End Definitions."


def _condition(plan: Plan, node: Expression, condition: str) -> str:
    argument = argument_of(plan.graph.definition[node])
    value = plan.bare.term(argument)
    if not is_matrix(argument):
        return condition.replace("{}", value)
    n, m = plan.sizes(argument)
    return f"forall i j, (i < {n})%nat -> (j < {m})%nat -> {condition.replace('{}', f'{value} i j')}"


def _claims(plan: Plan) -> Iterator[str]:
    names = plan.names
    if len(plan.moving) <= MOST_NAMED:
        yield "\n(* upd W i j w is W with the entry (i, j) moved to w; i and j count from 0 *)"
        for p in plan.moving:
            yield f"Definition {names['claim', p]} : Prop := {_claim(plan, p)}."
        return
    yield "\n(* move k i j w θ is the list θ of the parameters with the entry (i, j) of parameter number k moved to w;"
    yield "   all of them count from 0 *)"
    for k, p in enumerate(plan.moving):
        yield f"Definition {names['claim', p]} : Prop := {_claim_of_list(plan, k, p)}."


def _claim(plan: Plan, p: Expression) -> str:
    names = plan.names
    every = [names[q] for q in plan.moving]
    moved = "; ".join(f"upd {name} i j w" if q == p else name for q, name in zip(plan.moving, every, strict=True))
    point = f"[{'; '.join(every)}]"
    n, m = plan.sizes(p)
    smooth = f" smooth {point} ->" if plan.assuming else ""
    return (
        f"forall {' '.join(every)} i j, (i < {n})%nat -> (j < {m})%nat ->{smooth}\n"
        f"  is_derive (fun w => {names[plan.graph.cost]} [{moved}]) ({names[p]} i j) ({_gradient(plan, p, point)} i j)"
    )


def _claim_of_list(plan: Plan, k: int, p: Expression) -> str:
    n, m = plan.sizes(p)
    smooth = " smooth θ ->" if plan.assuming else ""
    cost = plan.names[plan.graph.cost]
    return (
        f"forall θ i j, length θ = {len(plan.moving)}%nat -> (i < {n})%nat -> (j < {m})%nat ->{smooth}\n"
        f"  is_derive (fun w => {cost} (move {k} i j w θ)) (nth {k} θ zeros i j) ({_gradient(plan, p, 'θ')} i j)"
    )


def _gradient(plan: Plan, p: Expression, point: str) -> str:
    name = plan.names["gradient", p]
    return f"{name} {point}" if plan.scope.uses[name] else name
