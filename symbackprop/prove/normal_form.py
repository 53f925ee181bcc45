"""Whether two forms over indices are equal, for all sizes: both are brought to one normal form.

A form becomes a sum of terms, each a coefficient times Σ over indices of a product. The indices get canonical names,
which carry how deep the sum is nested: with the same names everywhere, Σᵢ f(Σⱼ Q[i,j]) and Σᵢ f(Σⱼ Q[j,j]) would
look alike.
"""

from collections.abc import Iterator
from itertools import permutations, product
from math import factorial, prod
from typing import Any

from sympy import Add, Basic, Dummy, Expr, Integer, Mul, Pow, Sum, Symbol, default_sort_key, expand_mul

_MOST_NAMINGS = 5000  # that are tried for one term; with more, equal terms may look different


def equal(one: Expr, other: Expr) -> bool:
    """Whether two forms are proved equal, whatever the sizes and the entries are.

    False says that no proof was found.
    """
    return bool(normal(normal(one) - normal(other)) == 0)


def normal(form: Any) -> Expr:
    """The normal form."""
    return Add(*(_named(factors, ranges) for factors, ranges in _terms(form)))


Ranges = dict[Basic, Expr]  # what each index runs over: 0 … size - 1


def _terms(form: Any) -> list[tuple[Expr, Ranges]]:
    """The form as a sum of products, each with the indices that it is summed over."""
    form = expand_mul(form, deep=False)
    if isinstance(form, Add):
        return [term for part in form.args for term in _terms(part)]
    if isinstance(form, Sum):
        fresh = {i: Dummy("i", integer=True) for i, *_ in form.limits}
        ranges = {fresh[i]: high + 1 for i, _, high in form.limits}
        return [(body, inner | ranges) for body, inner in _terms(form.function.xreplace(fresh))]
    if isinstance(form, Mul):
        return _products(form.args)
    if isinstance(form, Pow) and form.exp.is_Integer and 1 < form.exp <= 4 and isinstance(form.base, Add | Sum):
        return _products((form.base,) * int(form.exp))
    if form == 0:
        return []
    return [(form.func(*map(normal, form.args)) if _is_compound(form) else form, {})]


def _products(factors: Any) -> list[tuple[Expr, Ranges]]:
    terms: list[tuple[Expr, Ranges]] = [(Integer(1), {})]
    for factor in factors:
        terms = [(body * more, ranges | others) for (body, ranges), (more, others) in product(terms, _terms(factor))]
    return terms


def _is_compound(form: Any) -> bool:
    """A function or a power, with something inside that may have more than one form."""
    return bool(form.args) and form.has(Add, Sum, Mul, Pow) and not form.is_number


def _named(body: Expr, ranges: Ranges) -> Expr:
    """A term with canonical names for its indices."""
    idle = [size for index, size in ranges.items() if not body.has(index)]
    used = {index: size for index, size in ranges.items() if body.has(index)}
    height = 1 + max((int(i.name.split("_")[1]) for s in body.atoms(Sum) for i in s.bound_symbols), default=0)
    size_names = {size: str(size) for size in used.values()}
    limits, best = [], None
    for order in _namings(body, used):
        names = [Symbol(f"{size_names[used[i]]}_{height}_{rank}", integer=True) for rank, i in enumerate(order)]
        renamed = body.xreplace(dict(zip(order, names, strict=True)))
        if best is None or default_sort_key(renamed) < default_sort_key(best):
            best, limits = renamed, [(name, 0, used[i] - 1) for name, i in zip(names, order, strict=True)]
    coefficient, rest = best.as_coeff_Mul() if best is not None else (body, Integer(1))
    return Mul(coefficient, *idle, Sum(rest, *limits)) if limits else Mul(body, *idle)


def _namings(body: Expr, used: Ranges) -> Iterator[list[Basic]]:
    """The orders of the indices to choose from: those that look alike in every permutation."""
    alike: dict[Any, list[Basic]] = {}
    for index in used:
        alike.setdefault(_looks(body, index, used), []).append(index)
    groups = [alike[key] for key in sorted(alike)]
    if prod(factorial(len(group)) for group in groups) > _MOST_NAMINGS:
        yield [index for group in groups for index in group]
        return
    for choice in product(*map(permutations, groups)):
        yield [index for group in choice for index in group]


def _looks(body: Expr, index: Basic, used: Ranges) -> Any:
    """How a term looks from one index, with all others alike."""
    others = {other: Symbol(f"other_{size}", integer=True) for other, size in used.items() if other != index}
    marked = body.xreplace(others | {index: Symbol(f"this_{used[index]}", integer=True)})
    return default_sort_key(used[index]), default_sort_key(marked)
