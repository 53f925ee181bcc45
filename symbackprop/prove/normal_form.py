"""A normal form of sums over indices: forms with the same normal form are equal for all sizes and all entries.

A form is expanded into terms, each a product under one Σ over all of its indices. Factors that share no index are then
summed separately, so that Σᵢⱼ aᵢ bⱼ becomes (Σᵢ aᵢ)(Σᵢ bᵢ), and the indices get canonical names. A name includes the
nesting depth of its sum: otherwise Σⱼ Q[i,j] and Σⱼ Q[j,j] would be the same inside a Σᵢ f(…).

Each rewriting is an equality wherever both of its sides are defined, so two forms with the same normal form are equal.
Equal forms may have different normal forms: 1/(x + 1) + x/(x + 1) = 1 is proved with x + 1 as the variable.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import combinations, islice, pairwise, product
from typing import Any, NamedTuple

from sympy import Add, Dummy, Function, Integer, Mul, Pow, Sum, Symbol, default_sort_key, expand
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.expressions.aliases import Expression, Scalar, Size
from symbackprop.expressions.matrices import NamedMatrix, OneHot
from symbackprop.expressions.shapes import is_matrix
from symbackprop.prove.index_form import IndexSum, KroneckerDelta, split_axes, with_entries

_MOST_TERMS = 5000  # in an expanded product
_MOST_NAMINGS = 500  # compared for one sum
_HIGHEST_POWER = 4  # of a sum that is expanded


class _TooLong(Exception):  # noqa: N818 — a limit, not a failure
    """An error for a form with too many terms."""


class _Term(NamedTuple):
    """A product of factors, summed over indices that run from 0 to their sizes - 1."""

    factors: tuple[Scalar, ...]
    sizes: dict[Dummy, Size]

    def without(self, *indices: Dummy) -> dict[Dummy, Size]:
        """Return the sizes of all indices except these."""
        return {i: n for i, n in self.sizes.items() if i not in indices}


def equal(one: Scalar, other: Scalar) -> bool:
    """Return True if two forms (see `index_form`) are proved equal; False means that no proof was found."""
    try:
        return any(normal(form) == 0 for form in _in_denominators(split_axes(one - other)))
    except _TooLong:
        return False


def normal(form: Scalar) -> Scalar:
    """Return the normal form of a form."""
    return Add(*(_factorized(_simplified(merged)) for term in _terms(form) for merged in _merged(term)))


# Denominators as variables


def _in_denominators(form: Scalar) -> Iterator[Scalar]:
    """Yield the form, then equivalent forms in which a denominator such as x + 1 is a variable."""
    yield form
    divisors: set[Expression] = set()
    while (linear := _divisor(form, divisors)) is not None:
        rest, number, variable = linear
        name = f"divisor {variable}"  # no name of a network has a space
        divisor = NamedMatrix(name, *variable.shape) if is_matrix(variable) else Symbol(name, real=True)
        divisors.add(divisor)
        form = _substituted(form, variable, partial(_solved, divisor, rest, number))
        yield form


def _divisor(form: Scalar, divisors: set[Expression]) -> tuple[Scalar, Scalar, Expression] | None:
    """Return (c, m, x) for a denominator c + m x in the form, unless x already replaces a denominator; else None."""
    bases = {power.base for power in form.atoms(Pow) if power.exp.is_negative}
    sums = (_linear(base) for base in sorted(bases, key=default_sort_key))
    return next((linear for linear in sums if linear is not None and linear[2] not in divisors), None)


def _linear(base: Scalar) -> tuple[Scalar, Scalar, Expression] | None:
    """Return (c, m, x) for a sum c + m x, where m is a number and c is the same for all entries of x; else None."""
    if not isinstance(base, Add):
        return None
    for term in base.args:
        number, variable = term.as_coeff_Mul()
        rest = base - term
        if rest.atoms(MatrixElement, Dummy):
            continue
        if isinstance(variable, MatrixElement) and type(variable.parent) is NamedMatrix:
            return rest, number, variable.parent
        if type(variable) is Symbol and not variable.is_integer and variable not in rest.free_symbols:
            return rest, number, variable
    return None


def _solved(divisor: Expression, rest: Scalar, number: Scalar, x: Scalar) -> Scalar:
    """Return the solution x of divisor = rest + number x."""
    return ((x.func(divisor, *x.indices) if is_matrix(divisor) else divisor) - rest) / number


def _substituted(form: Scalar, variable: Expression, value: Callable[[Scalar], Scalar]) -> Scalar:
    """Return the form with a value in place of a scalar, or of each entry of a matrix."""
    if not is_matrix(variable):
        return form.xreplace({variable: value(variable)})
    return with_entries(form, {variable}, value)


# Expanding


def _terms(form: Scalar) -> list[_Term]:
    """Return the terms whose sum is the form."""
    if isinstance(form, Add):
        return [term for part in form.args for term in _terms(part)]
    if isinstance(form, Mul):
        return _terms_of_product(form)
    if isinstance(form, Sum):
        fresh = {index: Dummy("i") for index, _, _ in form.limits}
        sizes = {fresh[index]: last + 1 for index, _, last in form.limits}
        return [_Term(term.factors, sizes | term.sizes) for term in _terms(form.function.xreplace(fresh))]
    if _is_expandable(form):
        return _multiplied(_terms(form.base) for _ in range(int(form.exp)))  # each with its own indices
    if isinstance(form, Pow | Function):
        return _merged(_Term((form.func(*map(normal, form.args)),), {}))
    return [_Term((form,), {})]


def _is_divided_by_another(factor: Scalar, form: Mul) -> bool:
    """Return True for a sum that is a factor of the form and whose denominator is another factor: they may cancel."""
    if not isinstance(factor, Add):
        return False
    return any(isinstance(p, Pow) and p.exp.is_negative and p.base in form.args for p in factor.atoms(Pow))


def _terms_of_product(form: Mul) -> list[_Term]:
    divided = next((factor for factor in form.args if _is_divided_by_another(factor, form)), None)
    if divided is None:
        return _multiplied(map(_terms, form.args))
    rest = Mul(*(factor for factor in form.args if factor != divided))
    return [term for part in divided.args for term in _terms(part * rest)]


def _multiplied(factors: Iterable[list[_Term]]) -> list[_Term]:
    """Return the terms of a product of sums of terms."""
    terms = [_Term((), {})]
    for factor in factors:
        if len(terms) * len(factor) > _MOST_TERMS:
            raise _TooLong
        terms = [_Term(a.factors + b.factors, a.sizes | b.sizes) for a, b in product(terms, factor)]
    return terms


def _is_expandable(form: Scalar) -> bool:
    if isinstance(form, Pow):
        return bool(form.exp.is_Integer and 1 < form.exp <= _HIGHEST_POWER and isinstance(form.base, Add | Sum))
    return isinstance(form, Add | Mul | Sum)


def _merged(term: _Term) -> list[_Term]:
    """Return the terms after merging factors with equal bases: √x √x becomes x, which may be a sum of terms."""
    factors = tuple(power for factor in Mul.make_args(Mul(*term.factors)) for power in _powers(factor))
    if not any(map(_is_expandable, factors)):
        return [_Term(factors, term.sizes)]
    expanded = _multiplied(_terms(f) if _is_expandable(f) else [_Term((f,), {})] for f in factors)
    return [merged for each in expanded for merged in _merged(_Term(each.factors, term.sizes | each.sizes))]


def _powers(factor: Scalar) -> list[Scalar]:
    """Return the factors exp(a), exp(b) of exp(a + b), since one may move out of a sum, and xⁿ, x⁻¹ of xⁿ⁻¹."""
    base, exponent = factor.as_base_exp()
    return [Pow(base, part) for part in Add.make_args(exponent)]


# Sums that can be evaluated


def _simplified(term: _Term) -> _Term:
    """Return the term with sums of Kronecker deltas and of one-hot rows evaluated, and equal sums cancelled."""
    for factor in term.factors:
        simpler = None
        if _is_division_by_sum(factor):
            simpler = _cancelled(term, factor)
        elif _is_row_sum(factor, term):
            simpler = _Term(tuple(f for f in term.factors if f != factor), term.without(factor.indices[-1]))
        elif isinstance(factor, KroneckerDelta):
            simpler = _contracted(term, factor)
        if simpler is not None:
            return _simplified(simpler)
    return term


class _Span(NamedTuple):
    """The position start + index; without an index, all positions from `start` up to, but excluding, start + size."""

    running: Dummy | None
    start: Size
    size: Size


def _contracted(term: _Term, delta: KroneckerDelta) -> _Term | None:
    """Return the term without a Kronecker delta: with an index substituted, or 0; None if neither is certain."""
    one, other, size = delta.args
    if expand(one - other) == 0:
        return _Term(tuple(f for f in term.factors if f != delta), term.sizes)
    spans = [_span(side, term.sizes, size) for side in (one, other)]
    for (index, start, length), (_, first, count), at in zip(spans, spans[::-1], (other, one), strict=True):
        if _is_at_most(start + length, first):
            return _Term((Integer(0),), {})
        whole = start == 0 and length == size  # each position is on the axis
        inside = whole or (_is_at_most(start, first) and _is_at_most(first + count, start + length))
        if index is not None and inside and not at.has(index):
            rest = tuple(f.xreplace({index: expand(at - start)}) for f in term.factors if f != delta)
            return _Term(rest, term.without(index))
    return None


def _span(position: Size, sizes: dict[Dummy, Size], axis: Size) -> _Span:
    indices = position.atoms(Dummy)
    if not indices:
        return _Span(None, position, Integer(1))
    index = next(iter(indices))
    start = expand(position - index)
    if len(indices) > 1 or index not in sizes or start.has(index):
        return _Span(None, Integer(0), axis)
    return _Span(index, start, sizes[index])


def _is_at_most(one: Size, other: Size) -> bool:
    return bool(expand(other - one).is_nonnegative)


def _is_division_by_sum(factor: Scalar) -> bool:
    return isinstance(factor, Pow) and isinstance(factor.base, Sum) and bool(factor.exp.is_negative)


def _cancelled(term: _Term, division: Pow) -> _Term | None:
    """Return the term after a sum of some of its factors is cancelled with the equal denominator, or None."""
    wanted = sorted((last + 1 for _, _, last in division.base.limits), key=default_sort_key)
    for indices in combinations(term.sizes, len(wanted)):
        if sorted((term.sizes[i] for i in indices), key=default_sort_key) != wanted:
            continue
        summed = [factor for factor in term.factors if factor.has(*indices)]
        if division in summed or _sum(Mul(*summed), {i: term.sizes[i] for i in indices}) != division.base:
            continue
        rest = [factor for factor in term.factors if factor not in summed and factor != division]
        left = division * division.base
        return _Term((*rest, *([] if left == 1 else [left])), term.without(*indices))
    return None


def _is_row_sum(factor: Scalar, term: _Term) -> bool:
    """Return True for an entry of a one-hot matrix that is summed over its whole row without other factors."""
    if not (isinstance(factor, MatrixElement) and isinstance(factor.parent, OneHot)):
        return False
    *others, last = factor.indices
    whole = term.sizes.get(last) == factor.parent.shape[-1] and not any(other.has(last) for other in others)
    return whole and sum(f.has(last) for f in term.factors) == 1


# Products of sums, with canonical names of the indices


def _factorized(term: _Term) -> Scalar:
    """Return the term as a product of separate sums; an index in no factor contributes its size as a factor."""
    groups: list[tuple[set[Dummy], Scalar]] = []
    for factor in term.factors:
        indices, body = factor.free_symbols & term.sizes.keys(), factor
        linked = [group for group in groups if group[0] & indices]
        groups = [group for group in groups if group not in linked]
        groups.append((indices.union(*(i for i, _ in linked)), Mul(body, *(b for _, b in linked))))
    idle = term.sizes.keys() - set().union(*(indices for indices, _ in groups))
    sums = (_sum(body, {i: term.sizes[i] for i in indices}) for indices, body in groups)
    return Mul(*(term.sizes[i] for i in idle), *sums)


def _sum(body: Scalar, sizes: dict[Dummy, Size]) -> Scalar:
    """Return Σ body with canonical names of the indices."""
    if not sizes:
        return body
    depth = 1 + max(map(_depth, body.atoms(_CanonicalIndex)), default=0)  # so this sum captures no name in the body
    names = [_canonical(depth, index) for index in range(len(sizes))]
    # Any order of the names is right: stopping early can only make equal terms look different.
    orders = islice(_orders(body, _ranked({i: default_sort_key(size) for i, size in sizes.items()})), _MOST_NAMINGS)
    named = {_renamed(body, dict(zip(order, names, strict=True))): order for order in orders}
    least = min(named, key=default_sort_key)
    return IndexSum(least, *((name, 0, sizes[i] - 1) for name, i in zip(names, named[least], strict=True)))


def _renamed(form: Scalar, names: dict[Dummy, Dummy]) -> Scalar:
    """Return the form with other index names; inner sums with interchangeable indices are then named again."""
    renamed = form.xreplace(names)
    interchangeable = (len({last for _, _, last in inner.limits}) < len(inner.limits) for inner in form.atoms(Sum))
    return normal(renamed) if any(interchangeable) else renamed


class _CanonicalIndex(Dummy):
    """A canonical name of an index, different from all other indices of a form."""


@cache
def _canonical(depth: int, number: int) -> _CanonicalIndex:
    return _CanonicalIndex(f"{depth}_{number}")


def _depth(name: _CanonicalIndex) -> int:
    return int(name.name.split("_")[0])


def _orders(body: Scalar, ranks: dict[Dummy, int]) -> Iterator[list[Dummy]]:
    """Yield the orders of the indices by rank; indices of equal rank are in all orders that may differ."""
    ranks = _refined(body, ranks)
    order = sorted(ranks, key=ranks.__getitem__)
    tied = next((ranks[i] for i, j in pairwise(order) if ranks[i] == ranks[j]), None)
    if tied is None:
        yield order
        return
    tried: list[Dummy] = []
    for first in (i for i in order if ranks[i] == tied):
        if any(body.xreplace({first: i, i: first}) == body for i in tried):
            continue  # by symmetry, it would lead to the same names
        tried.append(first)
        yield from _orders(body, _ranked({i: (rank, rank == tied and i != first) for i, rank in ranks.items()}))


def _refined(body: Scalar, ranks: dict[Dummy, int]) -> dict[Dummy, int]:
    """Return finer ranks: indices of equal rank are distinguished by the factors in which they occur."""
    factors = [(factor, factor.free_symbols) for factor in Mul.make_args(body)]
    while (known := len(set(ranks.values()))) < len(ranks):
        seen = {i: _canonical(0, rank) for i, rank in ranks.items()}
        views = {i: [_renamed(f, {**seen, i: _canonical(0, -1)}) for f, free in factors if i in free] for i in ranks}
        finer = _ranked({i: (ranks[i], sorted(map(default_sort_key, views[i]))) for i in ranks})
        if len(set(finer.values())) == known:
            break
        ranks = finer
    return ranks


def _ranked(keys: dict[Dummy, Any]) -> dict[Dummy, int]:
    """Return the rank of each index by its key, which may be anything sortable; equal keys have the same rank."""
    order = sorted(keys.values())
    return {index: order.index(key) for index, key in keys.items()}
