"""Repairs of a wrong formula: single changes, after which it may be what the author meant."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise, permutations

from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, number
from symbackprop.proofread.derivation.edit import (
    Repair,
    RepairMaterial,
    Row,
    changed,
    everywhere,
    is_negative,
    negative,
    put,
    unsigned,
    with_factors,
)
from symbackprop.proofread.derivation.exchanges import inequalities, letters
from symbackprop.proofread.derivation.insertions import added, inserted, ones_added, sums, sums_of_factors


def edits(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    """Yield single changes of a formula, the most likely ones first."""
    for repairs in REPAIRS:
        yield from repairs(formula, material)


def _sign(formula: Node, _: RepairMaterial) -> Iterator[Repair]:
    words = "the minus sign is missing" if not is_negative(formula) else "a minus sign is too much"
    yield Repair(negative(formula), words, (MistakeKind.SIGN,))


@everywhere
def _signs(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.SIGN,)
    if isinstance(node, tree.Add):
        for k, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
            signs = put(node.signs, k, -sign)
            what = "a minus sign is too much before" if sign < 0 else "the minus sign is missing before"
            new = term if signs == (1,) else changed(node, signs=signs)
            yield Repair(new, f"{what} {material.text(term)}", kinds)
    if isinstance(node, tree.Power) and not isinstance(node.exponent, tree.Number):
        turned = changed(node, exponent=negative(node.exponent))
        yield Repair(turned, f"the exponent of {material.text(node)} has the wrong sign", kinds)
    if isinstance(node, tree.Cases):
        for k, value in enumerate(node.values):
            cases = changed(node, values=put(node.values, k, negative(value)))
            yield Repair(cases, f"the sign of {material.text(value)} is wrong", kinds)
    if isinstance(node, tree.Call) and len(node.arguments) == 1:
        other = changed(node, arguments=(negative(node.arguments[0]),))
        yield Repair(other, f"the argument of {material.text(node)} has the wrong sign", kinds)


@everywhere
def _transposes(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.TRANSPOSE,)
    if isinstance(node, tree.Transposed):
        yield Repair(node.base, f"{material.text(node.base)} must not be transposed", kinds)
    elif isinstance(node, tree.Name | tree.Group | tree.Call | tree.Partial | tree.Differential):
        yield Repair(tree.Transposed(base=node), f"{material.text(node)} must be transposed", kinds)
    if isinstance(node, tree.Multiply):
        for (k, factor), (j, other) in permutations(enumerate(node.factors), 2):
            if isinstance(factor, tree.Transposed) and not isinstance(other, tree.Transposed):
                factors = put(put(node.factors, k, factor.base), j, tree.Transposed(base=other))
                names = material.text(factor.base), material.text(other)
                words = f"not {names[0]} but {names[1]} must be transposed"
                words = f"the other {names[0]} must be transposed" if names[0] == names[1] else words
                yield Repair(changed(node, factors=factors), words, kinds)


@everywhere
def _primes(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.FUNCTION_FOR_DERIVATIVE,)
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Prime):
        new = changed(node, function=node.function.base)
        yield Repair(new, f"{material.text(new)} is meant, not its derivative", kinds)
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
        new = changed(node, function=tree.Prime(base=node.function))
        yield Repair(new, f"the derivative {material.text(new)} is meant", kinds)
    if isinstance(node, tree.Multiply) and not node.sign:
        for k, (f, group) in enumerate(pairwise(node.factors)):
            if isinstance(f, tree.Name) and isinstance(group, tree.Group) and len(group.items) == 1:
                call = tree.Call(function=tree.Prime(base=f), arguments=group.items)
                whole = with_factors(node, (*node.factors[:k], call, *node.factors[k + 2 :]))
                yield Repair(whole, f"the derivative {material.text(call)} is meant", kinds)


@everywhere
def _names(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    if not isinstance(node, tree.Name):
        return
    for other in (*(name for name in material.names if name != node), *_other_layers(node)):
        words = f"{material.text(other)} is meant where {material.text(node)} stands"
        yield Repair(other, words, (MistakeKind.QUANTITY,))


def _other_layers(name: tree.Name) -> Iterator[tree.Name]:
    """Yield the same quantity in the previous and in the next layer."""
    for place, marks in (("above", name.above), ("below", name.below)):
        for k, mark in enumerate(marks):
            for content in _neighbours(mark.content):
                yield changed(name, **{place: put(marks, k, replace(mark, content=content))})


def _neighbours(content: Node) -> Iterator[Node]:
    """Yield the number of the layer before, and of the one after."""
    for shift in (-1, 1):
        if isinstance(content, tree.Number) and content.value + shift >= 0:
            yield number(content.value + shift)
        if isinstance(content, tree.Name) and content.base in {"l", "k", "t", "i", "j", "s", "h"}:
            yield tree.Add(signs=(1, shift), terms=(content, number(1)))
        if isinstance(content, tree.Add) and content.signs == (1, -shift):
            yield content.terms[0]


@everywhere
def _numbers(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    kinds = (MistakeKind.NUMBER,)
    if isinstance(node, tree.Number):
        for new in (*map(number, range(5)), number(Fraction(1, 2))):
            if new != node:
                yield Repair(new, f"the number must be {material.text(new)} where {node.value} stands", kinds)
    if isinstance(node, tree.Power):
        yield Repair(node.base, f"{material.text(node.base)} must not be raised to a power", kinds)
        yield from _power_of_last_term(node, material)
    if isinstance(node, tree.Name | tree.Group | tree.Call):
        power = MistakeKind.FUNCTION, MistakeKind.POWER
        squared = tree.Power(base=node, exponent=number(2))
        yield Repair(squared, f"{material.text(node)} must be squared", power)
        root = tree.Call(function=tree.Name(base="sqrt", source=r"\operatorname{sqrt}"), arguments=(node,))
        yield Repair(root, f"the square root of {material.text(node)} is meant", power)
    if isinstance(node, tree.Divide):
        words = f"{material.text(node)} must not be divided by {material.text(node.below)}"
        yield Repair(node.above, words, kinds)
        turned = changed(node, above=node.below, below=node.above)
        yield Repair(turned, "numerator and denominator are exchanged", kinds)


def _power_of_last_term(node: tree.Power, material: RepairMaterial) -> Iterator[Repair]:
    """Yield 1 - a^2 for (1 - a)^2."""
    inner = node.base.items[0] if isinstance(node.base, tree.Group) and len(node.base.items) == 1 else None
    if isinstance(inner, tree.Add) and len(inner.terms) == 2 and inner.terms[0] == number(1):
        power = changed(node, base=inner.terms[1])
        meant = tree.Group(items=(changed(inner, terms=(inner.terms[0], power)),))
        words = f"{material.text(meant)} is meant where {material.text(node)} stands"
        yield Repair(meant, words, (MistakeKind.POWER, MistakeKind.DERIVATIVE_FORMULA))


def _factors(formula: Node, material: RepairMaterial) -> Iterator[Repair]:
    for factor in (Fraction(2), Fraction(1, 2), Fraction(4), Fraction(1, 4), Fraction(3), Fraction(1, 3)):
        words = f"the factor {factor} is missing"
        yield from _scaled(formula, number(factor), words, (MistakeKind.NUMBER,), material)
    for count in material.counts:
        name, kinds = material.text(count), (MistakeKind.MEAN,)
        inverse = tree.Divide(above=number(1), below=count, slash=material.style == "numpy")
        yield from _scaled(formula, inverse, f"the factor 1/{name} is missing", kinds, material)
        words = f"it must not be divided by {name}: a factor too much"
        yield from _scaled(formula, count, words, kinds, material)


def _scaled(formula: Node, factor: Node, words: str, kinds: Kinds, material: RepairMaterial) -> Iterator[Repair]:
    """Yield the formula with the whole, or one term of a sum, multiplied by a number."""

    def times(node: Node) -> Node:
        return tree.Multiply(sign="numpy *" if material.style == "numpy" else "", factors=(factor, node))

    @everywhere
    def of_terms(node: Node, _: RepairMaterial) -> Iterator[Repair]:
        if isinstance(node, tree.Add) and len(node.terms) > 1:
            for k, term in enumerate(node.terms):
                new = changed(node, terms=put(node.terms, k, times(term)))
                yield Repair(new, f"{words} at {material.text(term)}", kinds)

    inner, signed = unsigned(formula)
    yield Repair(signed(times(tree.Group(items=(inner,)) if isinstance(inner, tree.Add) else inner)), words, kinds)
    yield from of_terms(formula, material)


@everywhere
def _dropped(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    if isinstance(node, tree.Multiply):
        yield from _without_factors(node, material)
    if isinstance(node, tree.Add) and len(node.terms) > 1:
        for k, term in enumerate(node.terms):
            terms, signs = put(node.terms, k), put(node.signs, k)
            new = terms[0] if signs == (1,) else changed(node, terms=terms, signs=signs)
            yield Repair(new, f"the term {material.text(term)} is too much", (MistakeKind.EXTRA_TERM,))
    if isinstance(node, tree.Summation):
        yield Repair(node.body, "the sum is too much", (MistakeKind.EXTRA_SUM,))


def _without_factors(node: tree.Multiply, material: RepairMaterial) -> Iterator[Repair]:
    """Yield a product without one factor, or without two that stand side by side."""
    inner = node.factors[0]
    if isinstance(inner, tree.Multiply) and inner.sign == node.sign:
        yield from _without_factors(changed(node, factors=put(node.factors, 0, *inner.factors)), material)
    for length, words in ((1, "the factor {} is too much"), (2, "the factors {} are too much")):
        for k in range(len(node.factors) - length + 1):
            rest = node.factors[:k] + node.factors[k + length :]
            if rest and not (length == 1 and _is_argument(node, k)):
                left_out = " and ".join(map(material.text, node.factors[k : k + length]))
                yield Repair(with_factors(node, rest), words.format(left_out), (MistakeKind.EXTRA_FACTOR,))


def _is_argument(node: tree.Multiply, k: int) -> bool:
    """Return True for the (x) of a product g (x), which may be the argument of a function."""
    factor, before = node.factors[k], node.factors[k - 1] if k else None
    items = factor.items if isinstance(factor, tree.Group) else ()
    return len(items) == 1 and isinstance(items[0], tree.Name) and isinstance(before, tree.Name)


def _turned(node: Node) -> Node:
    return node.base if isinstance(node, tree.Transposed) else tree.Transposed(base=node)


@everywhere
def _orders(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    if isinstance(node, tree.Name) and len(node.below) > 1 and node.below[-1] != node.below[-2]:
        swapped = changed(node, below=(*node.below[:-2], node.below[-1], node.below[-2]))
        yield Repair(swapped, f"the indices of {material.text(node)} are exchanged", (MistakeKind.TRANSPOSE,))
    if isinstance(node, tree.Multiply):
        turned = changed(node, factors=tuple(_turned(factor) for factor in reversed(node.factors)))
        words = f"the transpose of {material.text(node)} is meant"
        yield Repair(turned, words, (MistakeKind.ORDER, MistakeKind.TRANSPOSE))
        for (k, one), (j, other) in combinations(enumerate(node.factors), 2):
            words = f"{material.text(one)} and {material.text(other)} stand in the wrong order"
            yield Repair(changed(node, factors=put(put(node.factors, k, other), j, one)), words, (MistakeKind.ORDER,))


_ENTRYWISE = {r"\odot", r"\circ", "*", "numpy *", r"\otimes"}


@everywhere
def _products(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    if not isinstance(node, tree.Multiply):
        return
    kinds, factors, is_numpy = (MistakeKind.PRODUCT,), node.factors, material.style == "numpy"
    if node.sign in _ENTRYWISE:
        sign, meant = "@" if is_numpy else "", "a matrix product is meant"
    else:
        sign, meant = "numpy *" if is_numpy else r"\odot", "a product entry by entry is meant"
    yield Repair(changed(node, sign=sign), f"{meant} here", kinds)
    for k in range(1, len(factors)):
        new = tree.Multiply(sign=sign, factors=(_together(node, factors[:k]), _together(node, factors[k:])))
        yield Repair(new, f"{meant} before {material.text(factors[k])}", kinds)
    for a, b in combinations(range(len(factors) + 1), 2):
        if 1 < b - a < len(factors):
            grouped = changed(node, factors=factors[a:b], sign=sign)
            whole = changed(node, factors=(*factors[:a], tree.Group(items=(grouped,)), *factors[b:]))
            yield Repair(whole, f"{meant} within {material.text(grouped)}", kinds)


def _together(node: tree.Multiply, factors: tuple[Node, ...]) -> Node:
    whole = with_factors(node, factors)
    return whole if len(factors) == 1 else tree.Group(items=(whole,))


@everywhere
def _functions(node: Node, material: RepairMaterial) -> Iterator[Repair]:
    def meant(new: Node, what: str, node: Node) -> Repair:
        return Repair(new, f"{what} is meant where {material.text(node)} stands", (MistakeKind.FUNCTION,))

    if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
        for name in material.functions:
            if name != node.function.base:
                yield meant(changed(node, function=tree.Name(base=name)), name, node.function)
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


REPAIRS: tuple[Row, ...] = (
    *(
        _sign,
        _signs,
        _primes,
        _transposes,
        _orders,
        letters,
        inequalities,
        _dropped,
        _numbers,
        _factors,
        _names,
        sums,
        sums_of_factors,
    ),
    *(_products, _functions, added, inserted, ones_added),
)
