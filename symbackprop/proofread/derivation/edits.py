"""Repairs of a wrong formula: single changes, after which it may be what the author meant."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, negated, number
from symbackprop.proofread.derivation.edit import Repair, RepairMaterial, everywhere, is_negative, negative
from symbackprop.proofread.derivation.insertions import added, inserted, ones_added, sums


def edits(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield single changes of a formula, the most likely ones first."""
    for repairs in REPAIRS:
        yield from repairs(formula, material)


def _signs(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.SIGN,)

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Add):
            for k, term in enumerate(node.terms):
                signs = tuple(-sign if index == k else sign for index, sign in enumerate(node.signs))
                new: Node = term if signs == (1,) else replace(node, signs=signs, source="")
                what = "a minus sign is too much before" if node.signs[k] < 0 else "the minus sign is missing before"
                yield Repair(new, f"{what} {material.text(term)}", kinds)
        if isinstance(node, tree.Power) and not isinstance(node.exponent, tree.Number):
            turned = replace(node, exponent=negative(node.exponent), source="")
            yield Repair(turned, f"the exponent of {material.text(node)} has the wrong sign", kinds)
        if isinstance(node, tree.Cases):
            for k, value in enumerate(node.values):
                turned_values = (*node.values[:k], negative(value), *node.values[k + 1 :])
                turned_cases = replace(node, values=turned_values, source="")
                yield Repair(turned_cases, f"the sign of {material.text(value)} is wrong", kinds)
        if isinstance(node, tree.Call) and len(node.arguments) == 1:
            other = replace(node, arguments=(negative(node.arguments[0]),), source="")
            yield Repair(other, f"the argument of {material.text(node)} has the wrong sign", kinds)

    words = "the minus sign is missing" if not is_negative(formula) else "a minus sign is too much"
    yield Repair(negative(formula), words, kinds)
    yield from everywhere(formula, change)


def _transposes(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.TRANSPOSE,)

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Transposed):
            yield Repair(node.base, f"{material.text(node.base)} must not be transposed", kinds)
        elif isinstance(node, tree.Name | tree.Group | tree.Call | tree.Partial | tree.Differential):
            yield Repair(tree.Transposed(base=node), f"{material.text(node)} must be transposed", kinds)
        if isinstance(node, tree.Multiply):
            for k, factor in enumerate(node.factors):
                for j, other in enumerate(node.factors):
                    if j != k and isinstance(factor, tree.Transposed) and not isinstance(other, tree.Transposed):
                        factors = list(node.factors)
                        factors[k], factors[j] = factor.base, tree.Transposed(base=other)
                        words = f"not {material.text(factor.base)} but {material.text(other)} must be transposed"
                        yield Repair(replace(node, factors=tuple(factors), source=""), words, kinds)

    yield from everywhere(formula, change)


def _primes(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.FUNCTION_FOR_DERIVATIVE,)

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Call):
            f = node.function
            if isinstance(f, tree.Prime):
                new = replace(node, function=f.base, source="")
                yield Repair(new, f"{material.text(new)} is meant, not its derivative", kinds)
            elif isinstance(f, tree.Name):
                new = replace(node, function=tree.Prime(base=f), source="")
                yield Repair(new, f"the derivative {material.text(new)} is meant", kinds)
        if isinstance(node, tree.Multiply) and not node.sign:
            for k in range(len(node.factors) - 1):
                f, group = node.factors[k : k + 2]
                if isinstance(f, tree.Name) and isinstance(group, tree.Group) and len(group.items) == 1:
                    call = tree.Call(function=tree.Prime(base=f), arguments=group.items)
                    factors = (*node.factors[:k], call, *node.factors[k + 2 :])
                    whole = call if len(factors) == 1 else replace(node, factors=factors, source="")
                    yield Repair(whole, f"the derivative {material.text(call)} is meant", kinds)

    yield from everywhere(formula, change)


def _names(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Repair]:
        if not isinstance(node, tree.Name):
            return
        if len(node.below) > 1:
            swapped = replace(node, below=(*node.below[:-2], node.below[-1], node.below[-2]), source="")
            yield Repair(swapped, f"the indices of {material.text(node)} are exchanged", (MistakeKind.TRANSPOSE,))
        for other in (*(name for name in material.names if name != node), *_other_layers(node)):
            words = f"{material.text(other)} is meant where {material.text(node)} stands"
            yield Repair(other, words, (MistakeKind.QUANTITY,))

    yield from everywhere(formula, change)


def _other_layers(name: tree.Name) -> Iterator[tree.Name]:
    """Yield the same quantity in the previous and in the next layer."""
    for k, mark in enumerate(name.above):
        for content in _neighbours(mark.content):
            yield replace(
                name, above=(*name.above[:k], replace(mark, content=content), *name.above[k + 1 :]), source=""
            )
    for k, mark in enumerate(name.below):
        for content in _neighbours(mark.content):
            yield replace(
                name, below=(*name.below[:k], replace(mark, content=content), *name.below[k + 1 :]), source=""
            )


def _neighbours(content: Node) -> Iterator[Node]:
    for shift in (-1, 1):
        shifted = _shifted(content, shift)
        if shifted is not None:
            yield shifted


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
    kinds = (MistakeKind.NUMBER,)

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Number):
            for value in (0, 1, 2, 3, 4, Fraction(1, 2)):
                if value != node.value:
                    new = number(value)
                    yield Repair(new, f"the number must be {material.text(new)} where {node.value} stands", kinds)
        if isinstance(node, tree.Power):
            yield Repair(node.base, f"{material.text(node.base)} must not be raised to a power", kinds)
        if isinstance(node, tree.Name | tree.Group | tree.Call):
            squared = tree.Power(base=node, exponent=number(2))
            words = f"{material.text(node)} must be squared"
            yield Repair(squared, words, (MistakeKind.FUNCTION, MistakeKind.POWER))
        if isinstance(node, tree.Divide):
            words = f"{material.text(node)} must not be divided by {material.text(node.below)}"
            yield Repair(node.above, words, kinds)
            turned = replace(node, above=node.below, below=node.above, source="")
            yield Repair(turned, "numerator and denominator are exchanged", kinds)

    yield from everywhere(formula, change)
    for factor in _FACTORS:
        yield from _scaled(formula, number(factor), f"the factor {factor} is missing", kinds, material)
    for count in material.counts:
        name = material.text(count)
        inverse = tree.Divide(above=number(1), below=count, slash=material.style == "numpy")
        mean = (MistakeKind.MEAN,)
        yield from _scaled(formula, inverse, f"the factor 1/{name} is missing", mean, material)
        words = f"it must not be divided by {name}: a factor too much"
        yield from _scaled(formula, count, words, mean, material)


def _scaled(formula: Node, factor: Node, words: str, kinds: Kinds, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with the whole, or one term of a sum, multiplied by a number."""
    sign = "numpy *" if material.style == "numpy" else ""
    negative = is_negative(formula)
    inner = formula.terms[0] if negative and isinstance(formula, tree.Add) else formula
    inner_group = tree.Group(items=(inner,)) if isinstance(inner, tree.Add) else inner
    made: Node = tree.Multiply(sign=sign, factors=(factor, inner_group))
    yield Repair(negated(made) if negative else made, words, kinds)

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Add) and len(node.terms) > 1:
            for k, term in enumerate(node.terms):
                new = tree.Multiply(sign=sign, factors=(factor, term))
                terms = (*node.terms[:k], new, *node.terms[k + 1 :])
                yield Repair(replace(node, terms=terms, source=""), f"{words} at {material.text(term)}", kinds)

    yield from everywhere(formula, change)


def _dropped(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Multiply):
            inner = node.factors[0]
            if isinstance(inner, tree.Multiply) and inner.sign == node.sign:
                yield from change(replace(node, factors=(*inner.factors, *node.factors[1:]), source=""))
            for length, words in ((1, "the factor {} is too much"), (2, "the factors {} are too much")):
                for k in range(len(node.factors) - length + 1):
                    rest = node.factors[:k] + node.factors[k + length :]
                    if rest:
                        new = rest[0] if len(rest) == 1 else replace(node, factors=rest, source="")
                        left_out = " and ".join(map(material.text, node.factors[k : k + length]))
                        yield Repair(new, words.format(left_out), (MistakeKind.EXTRA_FACTOR,))
        if isinstance(node, tree.Add) and len(node.terms) > 1:
            for k, term in enumerate(node.terms):
                terms, signs = node.terms[:k] + node.terms[k + 1 :], node.signs[:k] + node.signs[k + 1 :]
                new = terms[0] if signs == (1,) else replace(node, terms=terms, signs=signs, source="")
                yield Repair(new, f"the term {material.text(term)} is too much", (MistakeKind.EXTRA_TERM,))
        if isinstance(node, tree.Summation):
            yield Repair(node.body, "the sum is too much", (MistakeKind.EXTRA_SUM,))

    yield from everywhere(formula, change)


def _turned(node: Node) -> Node:
    return node.base if isinstance(node, tree.Transposed) else tree.Transposed(base=node)


def _orders(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Multiply):
            turned = replace(node, factors=tuple(_turned(factor) for factor in reversed(node.factors)), source="")
            words = f"the transpose of {material.text(node)} is meant"
            yield Repair(turned, words, (MistakeKind.ORDER, MistakeKind.TRANSPOSE))
            for k, j in combinations(range(len(node.factors)), 2):
                factors = list(node.factors)
                factors[k], factors[j] = factors[j], factors[k]
                words = f"{material.text(factors[j])} and {material.text(factors[k])} stand in the wrong order"
                yield Repair(replace(node, factors=tuple(factors), source=""), words, (MistakeKind.ORDER,))

    yield from everywhere(formula, change)


_ENTRYWISE = {r"\odot", r"\circ", "*", "numpy *", r"\otimes"}


def _products(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.PRODUCT,)
    matrix = "@" if material.style == "numpy" else ""
    entrywise = "numpy *" if material.style == "numpy" else r"\odot"

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Multiply):
            sign = matrix if node.sign in _ENTRYWISE else entrywise
            meant = f"{'a matrix product' if node.sign in _ENTRYWISE else 'a product entry by entry'} is meant"
            yield Repair(replace(node, sign=sign, source=""), f"{meant} here", kinds)
            for k in range(1, len(node.factors)):
                parts = (_together(node, node.factors[:k]), _together(node, node.factors[k:]))
                new = tree.Multiply(sign=sign, factors=parts)
                yield Repair(new, f"{meant} before {material.text(node.factors[k])}", kinds)
            for a, b in combinations(range(len(node.factors) + 1), 2):
                if 1 < b - a < len(node.factors):
                    grouped = replace(node, factors=node.factors[a:b], source="", sign=sign)
                    factors = (*node.factors[:a], tree.Group(items=(grouped,)), *node.factors[b:])
                    words = f"{meant} within {material.text(grouped)}"
                    yield Repair(replace(node, factors=factors, source=""), words, kinds)

    yield from everywhere(formula, change)


def _together(node: tree.Multiply, factors: tuple[Node, ...]) -> Node:
    if len(factors) == 1:
        return factors[0]
    return tree.Group(items=(replace(node, factors=factors, source=""),))


def _functions(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    def meant(new: Node, what: str, node: Node) -> Repair:
        return Repair(new, f"{what} is meant where {material.text(node)} stands", (MistakeKind.FUNCTION,))

    def change(node: Node) -> Iterator[Repair]:
        if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
            for name in material.functions:
                if name != node.function.base:
                    renamed = replace(node, function=tree.Name(base=name), source="")
                    yield meant(renamed, name, node.function)
        if isinstance(node, tree.Norm) and node.single:
            sign = tree.Call(function=tree.Name(base="sign", source=r"\operatorname{sign}"), arguments=(node.body,))
            yield meant(sign, "its sign", node)
        if isinstance(node, tree.Name):
            new = tree.Group(items=(tree.Add(signs=(1, -1), terms=(number(1), node)),))
            yield meant(new, f"1 - {material.text(node)}", node)
        if isinstance(node, tree.Group) and len(node.items) == 1:
            inner = node.items[0]
            if isinstance(inner, tree.Add) and inner.signs == (1, -1) and inner.terms[0] == number(1):
                yield meant(inner.terms[1], material.text(inner.terms[1]), inner)

    yield from everywhere(formula, change)


Row = Callable[[Node, RepairMaterial], Iterator[Repair]]
REPAIRS: tuple[Row, ...] = (
    *(_signs, _primes, _transposes, _orders, _dropped, _numbers, _names, sums, _products, _functions),
    *(added, inserted, ones_added),
)
