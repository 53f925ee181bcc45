"""Places on an axis: indices with known sizes, and the place on each of two axes that were made one."""

from typing import Any

import numpy as np
from sympy import Add, Dummy, Expr, Function, Integer, expand, sympify

from symbackprop.expressions.aliases import Size

Place = Expr | int | np.ndarray  # a symbolic index, a number, or an array of numbers


class Index(Dummy):
    """An index that runs from 0 over an axis of `size` places."""

    size: Size

    def __new__(cls, size: Size) -> "Index":
        """Return a new index."""
        self = Dummy.__new__(cls, "i", integer=True, nonnegative=True)
        self.size = size
        return self


class OuterPlace(Function):
    """The place on the outer one of two axes that were made one, which is p // n; n is the size of the inner one."""

    is_integer = is_nonnegative = True


class InnerPlace(Function):
    """The place on the inner one of two axes that were made one, which is p % n; n is the size of the inner one."""

    is_integer = is_nonnegative = True


def divided(place: Any, n: Size) -> tuple[Any, Any]:
    """Return the quotient and the remainder of a place and a size, each in the simplest form that is known.

    >>> i, j = Index(Integer(2)), Index(Integer(3))
    >>> divided(3 * i + j, Integer(3)) == (i, j)
    True
    """
    if isinstance(place, np.ndarray):
        return divmod(place.astype(int), int(n))
    place, n = sympify(place, strict=True), sympify(n, strict=True)  # numbers and expressions, never text
    if n == 1:
        return place, Integer(0)
    if place.is_Integer and n.is_Integer:
        return Integer(place // n), Integer(place % n)
    whole = [term for term in Add.make_args(expand(place)) if (term / n).is_integer]
    rest = expand(place - Add(*whole))
    if _is_below(rest, n):
        return expand(Add(*whole) / n), rest
    return OuterPlace(place, n), InnerPlace(place, n)


def _is_below(place: Expr, n: Size) -> bool:
    """Return True if a place is one of 0 … n-1, whatever its indices are."""
    if place.atoms(Dummy) != place.atoms(Index):
        return False
    if any(term.could_extract_minus_sign() for term in Add.make_args(place)) or place.has(OuterPlace, InnerPlace):
        return False
    last = place.xreplace({index: index.size - 1 for index in place.atoms(Index)})
    return bool(expand(n - 1 - last).is_nonnegative)
