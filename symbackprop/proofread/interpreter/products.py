"""Products as people write them: the brackets and the kinds of products for which the shapes match."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import pairwise

from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

_MOST_FACTORS = 12
_MOST = 6
JUXTAPOSED = "juxtaposed"


def readings(sign: str, factors: list[list[IndexedArray]]) -> list[IndexedArray]:
    """Return the values of a product, beginning with the readings that have the fewest entrywise products.

    Raises ShapeMismatchError if no reading has consistent shapes.
    """
    factors = _with_numbers_together(factors)
    if len(factors) > _MOST_FACTORS:
        raise UnsupportedNotationError(f"a product of more than {_MOST_FACTORS} factors is not read")

    @cache
    def between(first: int, last: int) -> tuple[tuple[int, IndexedArray], ...]:
        if last - first == 1:
            return tuple((0, value) for value in factors[first])
        found: list[tuple[int, IndexedArray]] = []
        for middle in range(last - 1, first, -1):  # from left to right
            for cost, one in between(first, middle):
                for more, other in between(middle, last):
                    for extra, value in _pairs(sign, one, other):
                        if not any(values.same(value, known) for _, known in found):
                            found.append((cost + more + extra, value))
        return tuple(sorted(found, key=lambda item: item[0])[:_MOST])

    found = between(0, len(factors))
    if not found:
        raise ShapeMismatchError(_problem(sign, factors))
    return [value for _, value in found]


def _with_numbers_together(factors: Sequence[list[IndexedArray]]) -> list[list[IndexedArray]]:
    """Return factors in which numbers side by side are multiplied: their order and their brackets do not matter."""
    found: list[list[IndexedArray]] = []
    for factor in factors:
        if found and all(len(values_) == 1 and _is_plain_number(values_[0]) for values_ in (found[-1], factor)):
            found[-1] = [values.product(found[-1][0], factor[0])]
        else:
            found.append(factor)
    return found


def _is_plain_number(value: IndexedArray) -> bool:
    return value.is_number and not value.is_derivative


def _hadamard(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    product = values.entrywise(one, other, strict=True)
    is_plain = one.is_number or other.is_number or one.is_derivative or other.is_derivative
    return product if is_plain else replace(product, notes=product.notes | {JUXTAPOSED})


def _broadcast(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return the product entry by entry of a matrix and a row that is the same for all examples, or a column."""
    has_index = bool({*one.indices, *other.indices} - {values.PERTURBATIONS})
    if has_index or one.is_derivative or other.is_derivative or (1 in one.shape) == (1 in other.shape):
        raise ShapeMismatchError("not a matrix and a row or a column")
    product = values.entrywise(one, other)
    return replace(product, notes=product.notes | {JUXTAPOSED})


def _as_matrices(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    if not (one.is_derivative or other.is_derivative):
        raise ShapeMismatchError("neither factor is a derivative")
    pair = (values.as_matrix(value) if value.is_derivative else value for value in (one, other))
    return values.product(*pair)


def _inner(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return the inner product a · b of two vectors."""
    if one.shape != other.shape or 1 not in one.shape or one.is_derivative or other.is_derivative:
        raise ShapeMismatchError("not two vectors of the same shape")
    return values.total(values.entrywise(one, other))


def _outer(one: IndexedArray, other: IndexedArray) -> IndexedArray:
    """Return the outer product of two vectors, each of them a row or a column."""
    if 1 not in one.shape or 1 not in other.shape or one.is_derivative or other.is_derivative:
        raise ShapeMismatchError("not two vectors")
    column = one if one.shape[1] == 1 else values.transposed(one)
    row = other if other.shape[0] == 1 else values.transposed(other)
    return values.product(column, row)


_Pair = Callable[[IndexedArray, IndexedArray], IndexedArray]
_JUXTAPOSED: tuple[tuple[int, _Pair], ...] = ((0, values.product), (1, _hadamard), (1, _as_matrices))
_ENTRYWISE: tuple[tuple[int, _Pair], ...] = ((0, values.entrywise),)
_KINDS: dict[str, tuple[tuple[int, _Pair], ...]] = {
    "": _JUXTAPOSED,
    r"\cdot": (*_JUXTAPOSED, (2, _inner)),
    r"\times": _JUXTAPOSED,
    r"\odot": _ENTRYWISE,
    r"\circ": _ENTRYWISE,
    "*": ((0, values.entrywise), (1, values.product)),
    "numpy *": _ENTRYWISE,
    r"\otimes": ((0, values.entrywise), (1, values.product), (2, _outer)),
    "@": ((0, values.product),),
}


def _pairs(sign: str, one: IndexedArray, other: IndexedArray) -> list[tuple[int, IndexedArray]]:
    kinds = _KINDS[sign]
    found = []
    for cost, kind in kinds:
        with suppress(ShapeMismatchError):
            found.append((cost, kind(one, other)))
    if not found and kinds is _JUXTAPOSED:
        with suppress(ShapeMismatchError):
            found.append((2, _broadcast(one, other)))
    return found


def _problem(sign: str, factors: list[list[IndexedArray]]) -> str:
    """Return a message about neighbouring factors whose shapes do not match."""
    for one, other in pairwise(factors):
        if not _pairs(sign, one[0], other[0]):
            shapes = f"{values.shape_text(one[0])} and {values.shape_text(other[0])}"
            return f"factors of {shapes} stand side by side"
    return "the factors do not fit"
