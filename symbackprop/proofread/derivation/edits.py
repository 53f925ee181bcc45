"""Single changes of a formula: what its author may have meant to write."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, negated, number
from symbackprop.parsing.unparse import to_source
from symbackprop.proofread.derivation.edit import Change, Repair, RepairMaterial, everywhere, is_negative, negative
from symbackprop.proofread.derivation.insertions import added, inserted, ones_added, sums


def edits(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Single changes, likely ones first."""
    for kind in _KINDS:
        yield from kind(formula, material)


def _signs(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Add):
            for k, term in enumerate(node.terms):
                signs = tuple(-sign if rank == k else sign for rank, sign in enumerate(node.signs))
                new: Node = term if signs == (1,) else replace(node, signs=signs, source="")
                what = "a minus sign is too much before" if node.signs[k] < 0 else "the minus sign is missing before"
                yield new, f"{what} {to_source(term, material.style)} (sign)"
        if isinstance(node, tree.Power) and not isinstance(node.exponent, tree.Number):
            turned = replace(node, exponent=negative(node.exponent), source="")
            yield turned, f"the exponent of {to_source(node, material.style)} has the wrong sign (sign)"
        if isinstance(node, tree.Cases):
            for k, value in enumerate(node.values):
                turned_values = (*node.values[:k], negative(value), *node.values[k + 1 :])
                yield replace(node, values=turned_values, source=""), f"the sign of {to_source(value)} is wrong (sign)"
        if isinstance(node, tree.Call) and len(node.arguments) == 1:
            other = replace(node, arguments=(negative(node.arguments[0]),), source="")
            yield other, f"the argument of {to_source(node, material.style)} has the wrong sign (sign)"

    yield Repair(
        negative(formula),
        "the minus sign is missing (sign)" if not is_negative(formula) else "a minus sign is too much (sign)",
    )
    yield from everywhere(formula, change)


def _transposes(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Transposed):
            base = node.base
            yield base, f"{to_source(base, material.style)} must not be transposed (transpose)"
        elif isinstance(node, tree.Name | tree.Group | tree.Call | tree.Partial | tree.Differential):
            new = tree.Transposed(base=node)
            yield new, f"{to_source(node, material.style)} must be transposed (transpose)"
        if isinstance(node, tree.Multiply):
            for k, factor in enumerate(node.factors):
                for j in range(len(node.factors)):
                    other = node.factors[j]
                    if j != k and isinstance(factor, tree.Transposed) and not isinstance(other, tree.Transposed):
                        factors = list(node.factors)
                        factors[k], factors[j] = factor.base, tree.Transposed(base=other)
                        yield (
                            replace(node, factors=tuple(factors), source=""),
                            f"not {to_source(factor.base, material.style)} but "
                            f"{to_source(other, material.style)} must be transposed (transpose)",
                        )

    yield from everywhere(formula, change)


def _primes(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Call):
            f = node.function
            if isinstance(f, tree.Prime):
                new = replace(node, function=f.base, source="")
                yield new, f"{to_source(new, material.style)} is meant, not its derivative (function)"
            elif isinstance(f, tree.Name):
                new = replace(node, function=tree.Prime(base=f), source="")
                yield new, f"the derivative {to_source(new, material.style)} is meant (function: f for f′)"
        if isinstance(node, tree.Multiply) and not node.sign:
            for k in range(len(node.factors) - 1):
                f, group = node.factors[k : k + 2]
                if isinstance(f, tree.Name) and isinstance(group, tree.Group) and len(group.items) == 1:
                    call = tree.Call(function=tree.Prime(base=f), arguments=group.items)
                    factors = (*node.factors[:k], call, *node.factors[k + 2 :])
                    whole = call if len(factors) == 1 else replace(node, factors=factors, source="")
                    yield whole, f"the derivative {to_source(call, material.style)} is meant (function: f for f′)"

    yield from everywhere(formula, change)


def _names(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Name) and len(node.below) > 1:
            swapped = replace(node, below=(*node.below[:-2], node.below[-1], node.below[-2]), source="")
            yield swapped, f"the indices of {to_source(node, material.style)} are exchanged (transpose)"
        if isinstance(node, tree.Name):
            for other in material.names:
                if other != node:
                    old, new = to_source(node, material.style), to_source(other, material.style)
                    yield other, f"{new} is meant where {old} stands (another quantity)"
            for other in _other_layers(node):
                old, new = to_source(node, material.style), to_source(other, material.style)
                yield other, f"{new} is meant where {old} stands (another quantity)"

    yield from everywhere(formula, change)


def _other_layers(name: tree.Name) -> Iterator[tree.Name]:
    """The same of the layer before and of the one behind."""
    for scripts in ("above", "below"):
        marks = getattr(name, scripts)
        for k, mark in enumerate(marks):
            for shift in (-1, 1):
                content = _shifted(mark.content, shift)
                if content is not None:
                    moved = (*marks[:k], replace(mark, content=content), *marks[k + 1 :])
                    yield (
                        replace(name, above=moved, source="")
                        if scripts == "above"
                        else replace(name, below=moved, source="")
                    )


def _shifted(content: Node, shift: int) -> Node | None:
    if isinstance(content, tree.Number):
        return number(content.value + shift) if content.value + shift >= 0 else None
    if isinstance(content, tree.Name) and content.base in {"l", "k", "t", "i", "j", "s", "h"}:
        return tree.Add(signs=(1, shift), terms=(content, number(1)))
    if isinstance(content, tree.Add) and content.signs in {(1, 1), (1, -1)} and content.signs[1] == -shift:
        return content.terms[0]
    return None


_FACTORS = (Fraction(2), Fraction(1, 2), Fraction(4), Fraction(1, 4), Fraction(3), Fraction(1, 3))


def _numbers(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Number):
            for value in (0, 1, 2, 3, 4, Fraction(1, 2)):
                if value != node.value:
                    new = number(value)
                    yield new, f"the number must be {to_source(new)} where {node.value} stands (number)"
        if isinstance(node, tree.Power):
            yield node.base, f"{to_source(node.base, material.style)} must not be raised to a power (number)"
        if isinstance(node, tree.Name | tree.Group | tree.Call):
            squared = tree.Power(base=node, exponent=number(2))
            yield squared, f"{to_source(node, material.style)} must be squared (function: a square)"
        if isinstance(node, tree.Divide):
            yield (
                node.above,
                f"{to_source(node, material.style)} must not be divided by {to_source(node.below)} (number)",
            )
            turned = replace(node, above=node.below, below=node.above, source="")
            yield turned, "numerator and denominator are exchanged (number)"

    yield from everywhere(formula, change)
    for factor in _FACTORS:
        yield from _scaled(formula, number(factor), f"the factor {factor} is missing (number)", material)
    for count in material.counts:
        name = to_source(count, material.style)
        inverse = tree.Divide(above=number(1), below=count, slash=material.style == "numpy")
        yield from _scaled(formula, inverse, f"the factor 1/{name} is missing", material)
        yield from _scaled(formula, count, f"it must not be divided by {name}: a factor too much", material)


def _scaled(formula: Node, factor: Node, words: str, material: RepairMaterial) -> Iterator[Repair]:
    """The whole, or one term of a sum, times a number."""
    sign = "numpy *" if material.style == "numpy" else ""
    negative = is_negative(formula)
    inner = formula.terms[0] if negative and isinstance(formula, tree.Add) else formula
    inner_group = tree.Group(items=(inner,)) if isinstance(inner, tree.Add) else inner
    made: Node = tree.Multiply(sign=sign, factors=(factor, inner_group))
    yield Repair(negated(made) if negative else made, words)

    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Add) and len(node.terms) > 1:
            for k, term in enumerate(node.terms):
                new = tree.Multiply(sign=sign, factors=(factor, term))
                terms = (*node.terms[:k], new, *node.terms[k + 1 :])
                yield replace(node, terms=terms, source=""), f"{words} at {to_source(term, material.style)}"

    yield from everywhere(formula, change)


def _dropped(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        inner = node.factors[0] if isinstance(node, tree.Multiply) else None
        if isinstance(node, tree.Multiply) and isinstance(inner, tree.Multiply) and inner.sign == node.sign:
            flat = replace(node, factors=(*inner.factors, *node.factors[1:]), source="")
            yield from change(flat)
        if isinstance(node, tree.Multiply):
            for k, factor in enumerate(node.factors):
                rest = node.factors[:k] + node.factors[k + 1 :]
                new = rest[0] if len(rest) == 1 else replace(node, factors=rest, source="")
                yield new, f"the factor {to_source(factor, material.style)} is too much (extra factor)"
            for k in range(len(node.factors) - 1):
                rest = node.factors[:k] + node.factors[k + 2 :]
                if rest:
                    new = rest[0] if len(rest) == 1 else replace(node, factors=rest, source="")
                    both = " and ".join(to_source(factor, material.style) for factor in node.factors[k : k + 2])
                    yield new, f"the factors {both} are too much (extra factor)"
        if isinstance(node, tree.Add) and len(node.terms) > 1:
            for k, term in enumerate(node.terms):
                terms, signs = node.terms[:k] + node.terms[k + 1 :], node.signs[:k] + node.signs[k + 1 :]
                new = terms[0] if signs == (1,) else replace(node, terms=terms, signs=signs, source="")
                yield new, f"the term {to_source(term, material.style)} is too much (extra term)"
        if isinstance(node, tree.Summation):
            yield node.body, "the sum is too much (extra sum)"

    yield from everywhere(formula, change)


def _turned(node: Node) -> Node:
    return node.base if isinstance(node, tree.Transposed) else tree.Transposed(base=node)


def _orders(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Multiply):
            turned = replace(node, factors=tuple(_turned(factor) for factor in reversed(node.factors)), source="")
            yield turned, f"the transpose of {to_source(node, material.style)} is meant (order, transpose)"
            for k in range(len(node.factors)):
                for j in range(k + 1, len(node.factors)):
                    factors = list(node.factors)
                    factors[k], factors[j] = factors[j], factors[k]
                    swapped = f"{to_source(factors[j], material.style)} and {to_source(factors[k], material.style)}"
                    yield (
                        replace(node, factors=tuple(factors), source=""),
                        f"{swapped} stand in the wrong order (order)",
                    )

    yield from everywhere(formula, change)


_ENTRYWISE = {r"\odot", r"\circ", "*", "numpy *", r"\otimes"}


def _kinds_of_product(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    matrix = "@" if material.style == "numpy" else ""
    entrywise = "numpy *" if material.style == "numpy" else r"\odot"

    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Multiply):
            sign = matrix if node.sign in _ENTRYWISE else entrywise
            kind = "a matrix product" if node.sign in _ENTRYWISE else "a product entry by entry"
            yield replace(node, sign=sign, source=""), f"{kind} is meant here (product)"
            for k in range(1, len(node.factors)):
                parts = [_together(node, node.factors[:k]), _together(node, node.factors[k:])]
                new = tree.Multiply(sign=sign, factors=tuple(parts))
                yield new, f"{kind} is meant before {to_source(node.factors[k], material.style)} (product)"
            for a, b in combinations(range(len(node.factors) + 1), 2):
                if 1 < b - a < len(node.factors):
                    grouped = replace(node, factors=node.factors[a:b], source="", sign=sign)
                    factors = (*node.factors[:a], tree.Group(items=(grouped,)), *node.factors[b:])
                    yield (
                        replace(node, factors=factors, source=""),
                        f"{kind} is meant within {to_source(grouped)} (product)",
                    )

    yield from everywhere(formula, change)


def _together(node: tree.Multiply, factors: tuple[Node, ...]) -> Node:
    if len(factors) == 1:
        return factors[0]
    return tree.Group(items=(replace(node, factors=factors, source=""),))


def _functions(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Change]:
        if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
            for name in material.functions:
                if name != node.function.base:
                    renamed = replace(node, function=tree.Name(base=name), source="")
                    yield renamed, f"{name} is meant where {to_source(node.function)} stands (function)"
        if isinstance(node, tree.Norm) and node.single:
            sign = tree.Call(function=tree.Name(base="sign", source=r"\operatorname{sign}"), arguments=(node.body,))
            yield sign, f"its sign is meant where {to_source(node)} stands (function)"
        if isinstance(node, tree.Name):
            new = tree.Group(items=(tree.Add(signs=(1, -1), terms=(number(1), node)),))
            name = to_source(node, material.style)
            yield new, f"1 - {name} is meant where {name} stands (function)"
        if isinstance(node, tree.Group) and len(node.items) == 1:
            inner = node.items[0]
            if isinstance(inner, tree.Add) and inner.signs == (1, -1) and inner.terms[0] == number(1):
                yield (
                    inner.terms[1],
                    f"{to_source(inner.terms[1], material.style)} is meant where {to_source(inner)} stands (function)",
                )

    yield from everywhere(formula, change)


_KINDS: tuple[Callable[[Node, RepairMaterial], Iterator[Repair]], ...] = (
    _signs,
    _primes,
    _transposes,
    _orders,
    _dropped,
    _numbers,
    _names,
    sums,
    _kinds_of_product,
    _functions,
    added,
    inserted,
    ones_added,
)
