"""Repairs that insert something the author may have omitted: factors, terms, sums."""

from collections.abc import Iterator
from itertools import product

from symbackprop.kinds import MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, number
from symbackprop.proofread.derivation.edit import Repair, RepairMaterial, changed, everywhere, put, replaced, unsigned

_MOST_TERMS = 40  # terms that are added within a formula, too


def sums(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with a sum over examples, units or an index added to the whole formula."""
    inner, signed = unsigned(formula)
    for over, made in _summed(inner, material):
        yield Repair(signed(made), f"the sum over the {over} is missing", (MistakeKind.MISSING_SUM,))
    for index in "nijkm":
        made = tree.Summation(indices=(index,), body=inner)
        yield Repair(signed(made), f"the sum over {index} is missing", (MistakeKind.MISSING_SUM,))


@everywhere
def sums_of_factors(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield a product with one of its factors summed over examples or units."""
    if isinstance(node, tree.Multiply):
        for k, factor in enumerate(node.factors):
            for over, made in _summed(factor, material):
                new = changed(node, factors=put(node.factors, k, made))
                yield Repair(new, f"the sum over the {over} is missing", (MistakeKind.MISSING_SUM,))


def _summed(node: Node, material: RepairMaterial) -> Iterator[tuple[str, Node]]:
    """Yield the sums of a formula over the examples and over the units, in words and as a formula."""
    function = tree.Name(base="sum", source="np.sum" if material.style == "numpy" else "")
    for over, axis in (("examples", material.axis), ("units", 1 - material.axis)):
        yield over, tree.Call(function=function, arguments=(node,), axis=axis)


def inserted(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with one more factor: f′(z), or another quantity."""
    signs = ("numpy *", "@") if material.style == "numpy" else (r"\odot", "")
    for new, sign, part in product((*material.calls, *material.names), signs, list(_spots(formula))):
        for factors in ((part, new), (new, part)):
            made = tree.Multiply(sign=sign, factors=tuple(map(_as_factor, factors)))
            words = f"the factor {material.text(new)} is missing"
            yield Repair(replaced(formula, part, made), words, (MistakeKind.MISSING_FACTOR,))


def _as_factor(node: Node) -> Node:
    return tree.Group(items=(node,)) if isinstance(node, tree.Add | tree.Multiply) else node


def _spots(formula: Node) -> Iterator[Node]:
    """Yield the parts that may lack a factor: the whole formula, terms, and factors."""
    yield formula
    stack = [formula]
    while stack:
        whole = stack.pop()
        parts = _parts(whole)
        yield from parts
        is_product = isinstance(whole, tree.Multiply)  # brackets around a factor may contain more spots
        stack += [p.items[0] if is_product and isinstance(p, tree.Group) and len(p.items) == 1 else p for p in parts]


def _parts(whole: Node) -> tuple[Node, ...]:
    if isinstance(whole, tree.Add | tree.Multiply):
        return whole.terms if isinstance(whole, tree.Add) else whole.factors
    if isinstance(whole, tree.Summation | tree.Divide):
        return (whole.body if isinstance(whole, tree.Summation) else whole.above,)
    return ()


def added(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with one more term, added to the whole formula or (only for a few terms) to a part of it."""
    for term in material.terms:
        for sign in (1, -1):
            if isinstance(formula, tree.Add):
                new = changed(formula, signs=(*formula.signs, sign), terms=(*formula.terms, term))
            else:
                new = tree.Add(signs=(1, sign), terms=(formula, term))
            yield _with_term(new, term, material)
    for term in material.terms[:_MOST_TERMS]:
        for part in _spots(formula):
            for sign in (1, -1) if part is not formula else ():
                yield _with_term(replaced(formula, part, _sum((1, sign), part, term)), term, material)


def ones_added(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with a part p replaced by p + x, p - x or x - p, where x is 1 or a quantity."""
    for name in (number(1), *material.names):
        for part in _spots(formula):
            for total in (_sum((1, 1), part, name), _sum((-1, 1), name, part), _sum((1, -1), part, name)):
                yield _with_term(replaced(formula, part, total), name, material)


def _sum(signs: tuple[int, int], *terms: Node) -> Node:
    return tree.Group(items=(tree.Add(signs=signs, terms=terms),))


def _with_term(formula: Node, term: Node, material: RepairMaterial) -> Repair:
    return Repair(formula, f"the term {material.text(term)} is missing", (MistakeKind.MISSING_TERM,))
