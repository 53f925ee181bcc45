"""Repairs that insert something the author may have omitted: factors, terms, sums."""

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.kinds import MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, mapped, negated, number
from symbackprop.proofread.derivation.edit import Repair, RepairMaterial, everywhere, is_negative

_MOST_TERMS = 40  # terms that are added within a formula, too


def sums(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with a sum over examples, units or an index added to the whole formula or to a factor."""
    kinds = (MistakeKind.MISSING_SUM,)
    negative = is_negative(formula)
    inner = formula.terms[0] if negative and isinstance(formula, tree.Add) else formula

    def summed(node: Node, axis: int) -> Node:
        return tree.Call(
            function=tree.Name(base="sum", source="np.sum" if material.style == "numpy" else ""),
            arguments=(node,),
            axis=axis,
        )

    for axis in (material.axis, 1 - material.axis):
        which = "examples" if axis == material.axis else "units"
        made = summed(inner, axis)
        yield Repair(negated(made) if negative else made, f"the sum over the {which} is missing", kinds)
    for index in "nijkm":
        made = tree.Summation(indices=(index,), body=inner)
        yield Repair(negated(made) if negative else made, f"the sum over {index} is missing", kinds)

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Multiply):
            for k, factor in enumerate(node.factors):
                for axis in (material.axis, 1 - material.axis):
                    which = "examples" if axis == material.axis else "units"
                    factors = (*node.factors[:k], summed(factor, axis), *node.factors[k + 1 :])
                    new = replace(node, factors=factors, source="")
                    yield Repair(new, f"the sum over the {which} is missing", kinds)

    yield from everywhere(formula, change)


def inserted(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with one more factor: f′(z), or another quantity."""
    signs = ("numpy *", "@") if material.style == "numpy" else (r"\odot", "")
    for new in (*material.calls, *material.names):
        for sign in signs:
            for part in _spots(formula):
                for factors in ((part, new), (new, part)):
                    made = tree.Multiply(sign=sign, factors=tuple(_as_factor(f) for f in factors))
                    words = f"the factor {material.text(new)} is missing"
                    yield Repair(_replaced(formula, part, made), words, (MistakeKind.MISSING_FACTOR,))


def _as_factor(node: Node) -> Node:
    return tree.Group(items=(node,)) if isinstance(node, tree.Add | tree.Multiply) else node


def _spots(formula: Node) -> Iterator[Node]:
    """Yield the parts that may lack a factor: the whole formula, terms, and factors."""
    yield formula
    stack = [formula]
    while stack:
        node = stack.pop()
        if isinstance(node, tree.Add):
            yield from node.terms
            stack += node.terms
        if isinstance(node, tree.Multiply):
            for factor in node.factors:
                inner = factor.items[0] if isinstance(factor, tree.Group) and len(factor.items) == 1 else factor
                yield factor
                stack.append(inner)
        if isinstance(node, tree.Summation):
            yield node.body
            stack.append(node.body)
        if isinstance(node, tree.Divide):
            yield node.above
            stack.append(node.above)


def _replaced(whole: Node, part: Node, new: Node) -> Node:
    if whole is part:
        return new
    return mapped(whole, lambda child: _replaced(child, part, new))


def added(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with one more term, added to the whole formula or (only for a few terms) to a part of it."""
    for term in material.terms:
        for sign in (1, -1):
            if isinstance(formula, tree.Add):
                new = replace(formula, signs=(*formula.signs, sign), terms=(*formula.terms, term), source="")
            else:
                new = tree.Add(signs=(1, sign), terms=(formula, term))
            yield _with_term(new, term, material)
    for term in material.terms[:_MOST_TERMS]:
        for part in _spots(formula):
            if part is not formula:
                for sign in (1, -1):
                    yield _with_term(_replaced(formula, part, _sum((1, sign), part, term)), term, material)


def ones_added(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with a part p replaced by p + x, p - x or x - p, where x is 1 or a quantity."""
    for name in (number(1), *material.names):
        for part in _spots(formula):
            for total in (_sum((1, 1), part, name), _sum((-1, 1), name, part), _sum((1, -1), part, name)):
                yield _with_term(_replaced(formula, part, total), name, material)


def _sum(signs: tuple[int, int], *terms: Node) -> Node:
    return tree.Group(items=(tree.Add(signs=signs, terms=terms),))


def _with_term(formula: Node, term: Node, material: RepairMaterial) -> Repair:
    return Repair(formula, f"the term {material.text(term)} is missing", (MistakeKind.MISSING_TERM,))
