"""Whether two forms are equal, for all sizes and all values of the entries: both are brought to one normal form.

A form is expanded into terms, each a product under one Σ over all of its indices. Factors that share no index are then
summed apart, so that Σᵢⱼ aᵢ bⱼ is (Σᵢ aᵢ)(Σᵢ bᵢ), and the indices get canonical names. A name carries how high in the
nesting its sum stands: otherwise the Σⱼ Q[i,j] and the Σⱼ Q[j,j] under a Σᵢ f(…) would look alike.

Each step here is an equality wherever both of its sides are defined, so two forms with the same normal form are equal.
Equal ones may have different normal forms. That 1/(x + 1) + x/(x + 1) is 1 is seen with x + 1 as the variable.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import combinations, islice, pairwise, product
from typing import Any, NamedTuple

from sympy import Add, Dummy, Function, Integer, Mul, Pow, Sum, Symbol, default_sort_key, expand
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.expressions.matrices import NamedMatrix, OneHot
from symbackprop.expressions.shapes import is_matrix
from symbackprop.prove.index_form import Place

_MOST_TERMS = 5000  # that a product is expanded into
_MOST_NAMINGS = 500  # that are compared for one sum
_HIGHEST_POWER = 4  # of a sum that is multiplied out


class _TooLong(Exception):  # noqa: N818 — it says what is the case
    """A form with too many terms."""


class _Term(NamedTuple):
    """Σ over the indices, which run from 0 to their sizes - 1, of the product of the factors."""

    factors: tuple[Any, ...]
    sizes: dict[Dummy, Any]


def equal(one: Any, other: Any) -> bool:
    """Whether two forms (see `index_form`) are proved equal. False says only that no proof was found."""
    try:
        return any(normal(form) == 0 for form in _in_denominators(one - other))
    except _TooLong:
        return False


def normal(form: Any) -> Any:
    """The normal form."""
    return Add(*(_collected(_found(settled)) for term in _terms(form) for settled in _settled(term)))


# Denominators as variables


def _in_denominators(form: Any) -> Iterator[Any]:
    """The form, and then with x + 1 by which it divides as the variable, and so on: each is 0 where the others are."""
    yield form
    divisors: set[Any] = set()
    while (linear := _divisor(form, divisors)) is not None:
        rest, number, variable = linear
        name = f"divisor {variable}"  # no name of a network has a space
        divisor = NamedMatrix(name, *variable.shape) if is_matrix(variable) else Symbol(name, real=True)
        divisors.add(divisor)
        form = _exchanged(form, variable, partial(_solved, divisor, rest, number))
        yield form


def _divisor(form: Any, divisors: set[Any]) -> tuple[Any, Any, Any] | None:
    """A sum by which the form divides, in a variable that is no divisor itself."""
    bases = {power.base for power in form.atoms(Pow) if power.exp.is_negative}
    sums = (_linear(base) for base in sorted(bases, key=default_sort_key))
    return next((linear for linear in sums if linear is not None and linear[2] not in divisors), None)


def _linear(base: Any) -> tuple[Any, Any, Any] | None:
    """(c, m, x) of a sum c + m x, where m is a number and c the same for all entries of x."""
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


def _solved(divisor: Any, rest: Any, number: Any, x: Any) -> Any:
    """x, of which the divisor is rest + number x."""
    return ((x.func(divisor, x.i, x.j) if is_matrix(divisor) else divisor) - rest) / number


def _exchanged(form: Any, variable: Any, value: Callable[[Any], Any]) -> Any:
    """The form with a value for a scalar, or for each entry of a matrix."""
    if not is_matrix(variable):
        return form.xreplace({variable: value(variable)})
    return form.replace(lambda part: isinstance(part, MatrixElement) and part.parent == variable, value)


# Expanding


def _terms(form: Any) -> list[_Term]:
    """The terms whose sum is the form."""
    if isinstance(form, Add):
        return [term for part in form.args for term in _terms(part)]
    if isinstance(form, Mul):
        return _terms_of_product(form)
    if isinstance(form, Sum):
        fresh = {index: Dummy("i") for index, _, _ in form.limits}
        sizes = {fresh[index]: last + 1 for index, _, last in form.limits}
        return [_Term(term.factors, sizes | term.sizes) for term in _terms(form.function.xreplace(fresh))]
    if _is_expandable(form):
        return _multiplied(_terms(form.base) for _ in range(int(form.exp)))  # each with indices of its own
    if isinstance(form, Pow | Function):
        return _settled(_Term((form.func(*map(normal, form.args)),), {}))
    return [_Term((form,), {})]


def _is_divided_by_another(factor: Any, form: Mul) -> bool:
    """Whether it is a sum in which another factor stands below the line: it will cancel, so it is not expanded."""
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
    """The terms of a product of sums of terms."""
    terms = [_Term((), {})]
    for factor in factors:
        if len(terms) * len(factor) > _MOST_TERMS:
            raise _TooLong
        terms = [_Term(a.factors + b.factors, a.sizes | b.sizes) for a, b in product(terms, factor)]
    return terms


def _is_expandable(form: Any) -> bool:
    if isinstance(form, Pow):
        return bool(form.exp.is_Integer and 1 < form.exp <= _HIGHEST_POWER and isinstance(form.base, Add | Sum))
    return isinstance(form, Add | Mul | Sum)


def _settled(term: _Term) -> list[_Term]:
    """A term with equal bases taken together, as terms: √x √x is x, which may be a sum."""
    factors = tuple(power for factor in Mul.make_args(Mul(*term.factors)) for power in _powers(factor))
    if not any(map(_is_expandable, factors)):
        return [_Term(factors, term.sizes)]
    opened = _multiplied(_terms(f) if _is_expandable(f) else [_Term((f,), {})] for f in factors)
    return [settled for each in opened for settled in _settled(_Term(each.factors, term.sizes | each.sizes))]


def _powers(factor: Any) -> list[Any]:
    """exp(a + b) as exp(a) exp(b), of which a sum may need only one, and xⁿ⁻¹ as xⁿ x⁻¹, which SymPy leaves as is."""
    base, exponent = factor.as_base_exp()
    return [Pow(base, part) for part in Add.make_args(exponent)]


# Finding places


def _found(term: _Term) -> _Term:
    """A sum over all places, in which a factor is 0 at all but one of them, is what stands at that one.

    A sum over a whole row of a one-hot matrix is 1, and one that the term is also divided by cancels.
    """
    for factor in term.factors:
        if _is_division_by_sum(factor):
            shorter = _divided(term, factor)
            if shorter is not None:
                return _found(shorter)
        if _is_row_sum(factor, term):
            rest = tuple(f for f in term.factors if f != factor)
            return _found(_Term(rest, {i: n for i, n in term.sizes.items() if i != factor.j}))
        if isinstance(factor, Place):
            found = _at_place(term, factor)
            if found is not None:
                return _found(found)
    return term


class _Span(NamedTuple):
    """Where on an axis a place can be: start + index, up to and without start + size; with no index, anywhere there."""

    index: Any
    start: Any
    size: Any


def _at_place(term: _Term, factor: Any) -> _Term | None:
    """The term with an index at the one place where the factor is not 0, or without anything if there is none."""
    one, other, size = factor.args
    if expand(one - other) == 0:
        return _Term(tuple(f for f in term.factors if f != factor), term.sizes)
    spans = [_span(side, term.sizes, size) for side in (one, other)]
    for (index, start, length), (_, first, count), at in zip(spans, spans[::-1], (other, one), strict=True):
        if _is_at_most(start + length, first):
            return _Term((Integer(0),), {})
        whole = start == 0 and length == size  # each place is on the axis
        inside = whole or (_is_at_most(start, first) and _is_at_most(first + count, start + length))
        if index is not None and inside and not at.has(index):
            rest = tuple(f.xreplace({index: expand(at - start)}) for f in term.factors if f != factor)
            return _Term(rest, {i: n for i, n in term.sizes.items() if i != index})
    return None


def _span(place: Any, sizes: dict[Dummy, Any], axis: Any) -> _Span:
    indices = place.atoms(Dummy)
    if not indices:
        return _Span(None, place, Integer(1))
    index = next(iter(indices))
    start = expand(place - index)
    if len(indices) > 1 or index not in sizes or start.has(index):
        return _Span(None, Integer(0), axis)
    return _Span(index, start, sizes[index])


def _is_at_most(one: Any, other: Any) -> bool:
    return bool(expand(other - one).is_nonnegative)


def _is_division_by_sum(factor: Any) -> bool:
    return isinstance(factor, Pow) and isinstance(factor.base, Sum) and bool(factor.exp.is_negative)


def _divided(term: _Term, division: Any) -> _Term | None:
    """The term without some of its indices, where the factors that have them add up to what it is divided by."""
    wanted = sorted((last + 1 for _, _, last in division.base.limits), key=default_sort_key)
    for indices in combinations(term.sizes, len(wanted)):
        if sorted((term.sizes[i] for i in indices), key=default_sort_key) != wanted:
            continue
        summed = [factor for factor in term.factors if factor.has(*indices)]
        if division in summed or _sum(Mul(*summed), {i: term.sizes[i] for i in indices}) != division.base:
            continue
        rest = [factor for factor in term.factors if factor not in summed and factor != division]
        left = division * division.base
        sizes = {i: n for i, n in term.sizes.items() if i not in indices}
        return _Term((*rest, *([] if left == 1 else [left])), sizes)
    return None


def _is_row_sum(factor: Any, term: _Term) -> bool:
    """Whether a factor is an entry of a one-hot matrix, which alone is summed over its columns."""
    if not (isinstance(factor, MatrixElement) and isinstance(factor.parent, OneHot)):
        return False
    whole = term.sizes.get(factor.j) == factor.parent.shape[1] and not factor.i.has(factor.j)
    return whole and sum(f.has(factor.j) for f in term.factors) == 1


# Summing apart what shares no index


def _collected(term: _Term) -> Any:
    """The term as a product of sums; a sum over an index that no factor has is its size."""
    groups: list[tuple[set[Dummy], Any]] = []
    for factor in term.factors:
        indices, body = factor.free_symbols & term.sizes.keys(), factor
        linked = [group for group in groups if group[0] & indices]
        groups = [group for group in groups if group not in linked]
        groups.append((indices.union(*(i for i, _ in linked)), Mul(body, *(b for _, b in linked))))
    idle = term.sizes.keys() - set().union(*(indices for indices, _ in groups))
    sums = (_sum(body, {i: term.sizes[i] for i in indices}) for indices, body in groups)
    return Mul(*(term.sizes[i] for i in idle), *sums)


def _sum(body: Any, sizes: dict[Dummy, Any]) -> Any:
    """Σ of the body, with canonical names."""
    if not sizes:
        return body
    height = 1 + max(map(_height, body.atoms(_Name)), default=0)  # no name in the body is caught by this sum
    names = [_name(height, rank) for rank in range(len(sizes))]
    # Any order of the names is right, so that to stop early is no risk: then equal terms may look different.
    orders = islice(_orders(body, _ranked({i: default_sort_key(size) for i, size in sizes.items()})), _MOST_NAMINGS)
    named = {_renamed(body, dict(zip(order, names, strict=True))): order for order in orders}
    least = min(named, key=default_sort_key)
    return Sum(least, *((name, 0, sizes[i] - 1) for name, i in zip(names, named[least], strict=True)))


def _renamed(form: Any, names: dict[Dummy, Dummy]) -> Any:
    """The form with other names; where sums inside have indices that could be exchanged, theirs follow the new ones."""
    renamed = form.xreplace(names)
    exchangeable = (len({last for _, _, last in inner.limits}) < len(inner.limits) for inner in form.atoms(Sum))
    return normal(renamed) if any(exchangeable) else renamed


class _Name(Dummy):
    """A canonical name of an index: nothing that a form has from elsewhere is equal to it."""


@cache
def _name(height: int, rank: int) -> _Name:
    return _Name(f"{height}_{rank}")


def _height(name: _Name) -> int:
    return int(name.name.split("_")[0])


def _orders(body: Any, places: dict[Dummy, int]) -> Iterator[list[Dummy]]:
    """The orders of the indices to choose from: by their places; of those at one place, each is the first in turn."""
    places = _refined(body, places)
    order = sorted(places, key=places.__getitem__)
    tied = next((places[i] for i, j in pairwise(order) if places[i] == places[j]), None)
    if tied is None:
        yield order
        return
    tried: list[Dummy] = []
    for first in (i for i in order if places[i] == tied):
        if any(body.xreplace({first: i, i: first}) == body for i in tried):
            continue  # it would come to the same names
        tried.append(first)
        yield from _orders(body, _ranked({i: (place, place == tied and i != first) for i, place in places.items()}))


def _refined(body: Any, places: dict[Dummy, int]) -> dict[Dummy, int]:
    """The places, told apart by how the body looks from each: the other indices are seen as their places."""
    factors = [(factor, factor.free_symbols) for factor in Mul.make_args(body)]
    while (known := len(set(places.values()))) < len(places):
        seen = {i: _name(0, place) for i, place in places.items()}
        looks = {i: [_renamed(f, {**seen, i: _name(0, -1)}) for f, free in factors if i in free] for i in places}
        finer = _ranked({i: (places[i], sorted(map(default_sort_key, looks[i]))) for i in places})
        if len(set(finer.values())) == known:
            break
        places = finer
    return places


def _ranked(keys: dict[Dummy, Any]) -> dict[Dummy, int]:
    """The rank of each index by its key; equal keys have one rank."""
    order = sorted(keys.values())
    return {index: order.index(key) for index, key in keys.items()}
