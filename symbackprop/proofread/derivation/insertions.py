"""What its author may have left out: factors, terms, sums."""

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, mapped, negated, number
from symbackprop.parsing.unparse import to_source
from symbackprop.proofread.derivation.edit import Change, Repair, RepairMaterial, everywhere, is_negative


def sums(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
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
        yield Repair(negated(made) if negative else made, f"the sum over the {which} is missing (missing sum)")
    for index in "nijkm":
        made = tree.Summation(indices=(index,), body=inner)
        yield Repair(negated(made) if negative else made, f"the sum over {index} is missing (missing sum)")

    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Multiply):
            for k, factor in enumerate(node.factors):
                for axis in (material.axis, 1 - material.axis):
                    which = "examples" if axis == material.axis else "units"
                    factors = (*node.factors[:k], summed(factor, axis), *node.factors[k + 1 :])
                    new = replace(node, factors=factors, source="")
                    yield new, f"the sum over the {which} is missing (missing sum)"

    yield from everywhere(formula, change)


def inserted(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """A factor that is missing: f′(z), or another quantity."""
    signs = ("numpy *", "@") if material.style == "numpy" else (r"\odot", "")
    for new in (*material.calls, *material.names):
        for sign in signs:
            for part in _spots(formula):
                for factors in ((part, new), (new, part)):
                    made = tree.Multiply(sign=sign, factors=tuple(_as_factor(f) for f in factors))
                    changed = _replaced(formula, part, made)
                    yield Repair(changed, f"the factor {to_source(new, material.style)} is missing (missing factor)")


def _as_factor(node: Node) -> Node:
    return tree.Group(items=(node,)) if isinstance(node, tree.Add | tree.Multiply) else node


def _spots(formula: Node) -> Iterator[Node]:
    """Where a factor may have stood: at the whole, at a term, at a part of a product."""
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
    for term in material.terms:
        for sign in (1, -1):
            if isinstance(formula, tree.Add):
                new = replace(formula, signs=(*formula.signs, sign), terms=(*formula.terms, term), source="")
            else:
                new = tree.Add(signs=(1, sign), terms=(formula, term))
            yield Repair(new, f"the term {to_source(term, material.style)} is missing (missing term)")
    for term in material.terms[:_MOST_TERMS]:
        for part in _spots(formula):
            if part is not formula:
                for sign in (1, -1):
                    plus = tree.Group(items=(tree.Add(signs=(1, sign), terms=(part, term)),))
                    yield Repair(
                        _replaced(formula, part, plus),
                        f"the term {to_source(term, material.style)} is missing (missing term)",
                    )


_MOST_TERMS = 40


def ones_added(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    for name in (number(1), *material.names):
        for part in _spots(formula):
            for sign in (1, -1):
                plus = tree.Group(items=(tree.Add(signs=(sign, 1) if sign < 0 else (1, 1), terms=(name, part)),))
                plus = plus if sign < 0 else tree.Group(items=(tree.Add(signs=(1, 1), terms=(part, name)),))
                yield Repair(
                    _replaced(formula, part, plus),
                    f"the term {to_source(name, material.style)} is missing (missing term)",
                )
                if sign < 0:
                    minus = tree.Group(items=(tree.Add(signs=(1, -1), terms=(part, name)),))
                    yield Repair(
                        _replaced(formula, part, minus),
                        f"the term {to_source(name, material.style)} is missing (missing term)",
                    )
