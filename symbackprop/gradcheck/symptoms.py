"""What a wrong gradient most likely is: the right one with a factor, a term, an order or a sum that is not right.

Each row of `MISTAKES` looks at a gradient and at the numeric one, and says what it recognizes, or nothing. The first
that recognizes its mistake is the one that is named: the simpler ones come first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from math import isclose, log, pi
from typing import Any

import numpy as np

from symbackprop.errors import listed, shape_text

_CLOSE = 1e-5  # relative to the largest entry: as near as entries count as equal here
_MOST_LINES = 6  # whose orders are tried
_MOST_NAMED = 4  # entries that are named one by one
_CONSTANTS = {"ln 10": log(10), "ln 2": log(2), "π": pi}


@dataclass(frozen=True, eq=False)
class Evidence:
    """A gradient that is wrong, entry by entry, beside the numeric one and its error bars.

    `sizes` are numbers that mean something, by what they are (`the number of rows of X`); `others` the numeric
    gradients of the other parameters, by name.
    """

    name: str
    parameter: np.ndarray
    ours: np.ndarray
    numeric: np.ndarray
    error: np.ndarray
    sizes: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    sampled: bool = False  # whether these are some entries of a larger gradient

    def is_like(self, other: np.ndarray) -> bool:
        """Whether our gradient is the other one, which was made of the numeric one."""
        return other.shape == self.ours.shape and self._is_zero(self.ours - other)

    def _is_zero(self, residual: np.ndarray) -> bool:
        return bool(np.all(np.abs(residual) <= self.slack))

    @property
    def slack(self) -> float:
        """How far entries that count as equal may be apart."""
        largest = max(np.max(np.abs(self.numeric), initial=0.0), np.max(np.abs(self.ours), initial=0.0))
        return float(20 * np.max(self.error, initial=0.0) + _CLOSE * largest)

    @property
    def wrong(self) -> np.ndarray:
        """Which entries differ."""
        return np.abs(self.ours - self.numeric) > self.slack

    def multiple(self, of: np.ndarray, whole: np.ndarray) -> float | None:
        """c, if `whole` is c times `of`."""
        square = float(np.sum(of * of))
        if not square:
            return None
        factor = float(np.sum(whole * of)) / square
        return factor if self._is_zero(whole - factor * of) else None


def diagnosis(evidence: Evidence) -> str:
    """One sentence about what the mistake likely is, or nothing.

    >>> import numpy as np
    >>> numeric = np.array([[1.0, -2.0, 0.5]])
    >>> diagnosis(Evidence("W", np.ones((1, 3)), -numeric, numeric, np.zeros((1, 3))))
    'its sign is wrong'
    """
    if not np.all(np.isfinite(evidence.ours)) or not np.all(np.isfinite(evidence.numeric)):
        return ""
    rows = SHAPES if evidence.ours.shape != evidence.numeric.shape else SAMPLED if evidence.sampled else MISTAKES
    return next((found for found in (row(evidence) for row in rows) if found), "")


# Of a gradient of another shape


def _turned_shape(e: Evidence) -> str:
    return "it is transposed" if e.ours.ndim == 2 and _of_shape(e, e.ours.T) else ""


def _flattened(e: Evidence) -> str:
    same = e.ours.size == e.numeric.size
    return f"it has the right entries, but not the shape {shape_text(e.numeric.shape)}" * (
        same and _of_shape(e, e.ours.reshape(e.numeric.shape))
    )


def _not_summed(e: Evidence) -> str:
    for axis, what in enumerate(("rows", "columns")[: e.ours.ndim]):
        if _of_shape(e, np.sum(e.ours, axis=axis, keepdims=True)) or _of_shape(e, np.sum(e.ours, axis=axis)):
            return f"it is not summed over the {what}: each example has its own"
        if _of_shape(e, np.mean(e.ours, axis=axis, keepdims=True)) or _of_shape(e, np.mean(e.ours, axis=axis)):
            return f"it is not averaged over the {what}"
    return ""


def _summed_too_far(e: Evidence) -> str:
    for axis, what in enumerate(("rows", "columns")[: e.numeric.ndim]):
        for keepdims in (True, False):
            whole = np.sum(e.numeric, axis=axis, keepdims=keepdims)
            if e.ours.shape == whole.shape and np.allclose(e.ours, whole, rtol=_CLOSE, atol=e.slack):
                return f"it is summed over the {what}, which the parameter keeps"
    total = np.sum(e.numeric)
    return "it is the sum of all entries" if e.ours.size == 1 and isclose(e.ours.item(), total, rel_tol=1e-4) else ""


def _of_shape(e: Evidence, other: np.ndarray) -> bool:
    return other.shape == e.numeric.shape and bool(np.all(np.abs(other - e.numeric) <= e.slack))


# Of a gradient of the right shape


def _zero(e: Evidence) -> str:
    return "it is 0 throughout" if not np.any(e.ours) and np.any(np.abs(e.numeric) > e.slack) else ""


def _ratio(e: Evidence) -> str:
    factor = e.multiple(e.numeric, e.ours)
    return "" if factor is None or isclose(factor, 1, rel_tol=1e-4) else _of_factor(factor, e.sizes)


def _of_factor(factor: float, sizes: Mapping[str, int]) -> str:
    if isclose(factor, -1, rel_tol=1e-4):
        return "its sign is wrong"
    sign = "its sign is wrong, and " if factor < 0 else ""
    factor = abs(factor)
    named = [(f"{n}, {what}", float(n)) for what, n in sizes.items() if n > 1]
    named += list(_CONSTANTS.items())
    for text, value in named:
        if isclose(factor, value, rel_tol=1e-4):
            return f"{sign}it is too large by the factor {text}"
        if isclose(factor, 1 / value, rel_tol=1e-4):
            return f"{sign}it is too small: it was divided by {text}"
    if isclose(factor, 2, rel_tol=1e-4):
        return f"{sign}it is twice as large as it should be"
    if isclose(factor, 0.5, rel_tol=1e-4):
        return f"{sign}it is half as large as it should be: a factor 2 is missing"
    return f"{sign}it is {factor:.6g} times what it should be"


def _penalty(e: Evidence) -> str:
    residual = e.ours - e.numeric
    for measure, term in ((e.parameter, e.name), (np.sign(e.parameter), f"sign({e.name})")):
        share = e.multiple(measure, residual)
        if share is not None and share:
            kind = "L2" if term == e.name else "L1"
            if share < 0:
                return f"{-share:.6g} · {term} is missing: the gradient of an {kind} penalty, or a part of it"
            return f"{share:.6g} · {term} is too much: the gradient of an {kind} penalty that the cost does not have"
    return ""


def _another(e: Evidence) -> str:
    return next((f"it is the gradient of {name}" for name, other in e.others.items() if e.is_like(other)), "")


def _transposed(e: Evidence) -> str:
    return "it is transposed" if e.numeric.ndim == 2 and e.is_like(e.numeric.T) else ""


def _turned(e: Evidence) -> str:
    """Rows or columns shifted, reversed, or in another order."""
    for axis, what in enumerate(("rows", "columns")[: e.numeric.ndim]):
        lines = e.numeric.shape[axis]
        if e.is_like(np.flip(e.numeric, axis)):
            return f"its {what} are in reverse order"
        for shift in range(1, lines):
            if e.is_like(np.roll(e.numeric, shift, axis)):
                return f"its {what} are shifted by {shift}"
        if 2 < lines <= _MOST_LINES:
            orders = (list(order) for order in permutations(range(lines)))
            if any(e.is_like(np.take(e.numeric, order, axis)) for order in orders):
                return f"its {what} are in another order"
    if e.numeric.ndim == 2 and e.is_like(e.numeric.T.reshape(e.numeric.shape)):
        return "its entries are in the order of the transpose"
    return ""


def _spread(e: Evidence) -> str:
    """The same number in every entry, or in every row or column."""
    reductions: dict[str, Callable[..., Any]] = {"the sum": np.sum, "the mean": np.mean}
    for what, reduce in reductions.items():
        if e.numeric.size > 1 and e.is_like(np.full(e.numeric.shape, reduce(e.numeric))):
            return f"every entry is {what} of all entries"
    for axis, lines in enumerate(("row", "column")[: e.numeric.ndim]):
        for what, reduce in reductions.items():
            whole = reduce(e.numeric, axis=axis, keepdims=True)
            if e.numeric.shape[axis] > 1 and e.is_like(np.broadcast_to(whole, e.numeric.shape)):
                return f"every {lines} is {what} of all {lines}s"
    return ""


def _constant(e: Evidence) -> str:
    residual = e.ours - e.numeric
    off = float(np.mean(residual))
    same = e.numeric.size > 2 and e._is_zero(residual - off)
    return f"every entry is off by the same {off:.6g}" if same else ""


def _unsigned(e: Evidence) -> str:
    if e.is_like(np.abs(e.numeric)):
        return "it has lost its signs: each entry is positive"
    return "entries below 0 are 0" if e.is_like(np.maximum(e.numeric, 0)) else ""


def _clipped(e: Evidence) -> str:
    """At a bound that several entries are at: one that is large and wrong is at its own."""
    bound = float(np.max(np.abs(e.ours)))
    beyond = np.abs(e.numeric) > bound + e.slack
    is_it = np.count_nonzero(beyond) > 1 and e.is_like(np.clip(e.numeric, -bound, bound))
    return f"it is clipped at ±{bound:.6g}" if is_it else ""


def _squared(e: Evidence) -> str:
    return "each entry is squared" if e.is_like(e.numeric**2) else ""


def _rounded(e: Evidence) -> str:
    """Off by no more than single precision is, in each entry."""
    size, difference = np.maximum(np.abs(e.numeric), np.abs(e.ours)), np.abs(e.ours - e.numeric)
    single = np.all(e.ours == e.ours.astype(np.float32)) and np.all(difference <= 1e-3 * size)
    if np.all(difference <= 8 * e.error) or not (single or np.all(difference <= _CLOSE * size)):
        return ""
    return "it was rounded to single precision (float32) on the way"


def _zero_part(e: Evidence) -> str:
    zero = (e.ours == 0) & (np.abs(e.numeric) > e.slack)
    if not np.any(zero) or np.any(e.wrong & ~zero):
        return ""
    return f"{_places(zero)} 0, the rest is right"


def _some(e: Evidence) -> str:
    """A row, a column, or a few entries."""
    wrong = e.wrong
    if not np.any(wrong) or np.all(wrong):
        return ""
    factor = e.multiple(e.numeric[wrong], e.ours[wrong]) if np.sum(wrong) > 1 else None
    how = "" if factor is None else f": there {_of_factor(factor, e.sizes)}"
    return f"only {_places(wrong)} wrong{how}"


def _places(where: np.ndarray) -> str:
    """Some of the entries, in words, with their verb."""
    if where.ndim == 2:
        rows, columns = (np.flatnonzero(np.any(where, axis=axis)) for axis in (1, 0))
        if len(rows) == 1 and np.all(where[rows[0]]):
            return f"row {rows[0]} is"
        if len(columns) == 1 and np.all(where[:, columns[0]]):
            return f"column {columns[0]} is"
        diagonal = np.eye(*where.shape) == 1
        if np.array_equal(where, np.logical_not(diagonal)):
            return "the entries off the diagonal are"
        if np.array_equal(where, diagonal):
            return "the diagonal is"
    places = [str([int(i) for i in index]) for index in np.argwhere(where)]
    if len(places) > _MOST_NAMED:
        return f"{len(places)} of {where.size} entries are"
    return f"{listed(places)} {'is' if len(places) == 1 else 'are'}"


# Of some entries alone, what does not depend on where they stand.
SAMPLED: tuple[Callable[[Evidence], str], ...] = (
    *(_zero, _rounded, _ratio, _penalty, _constant, _unsigned, _clipped, _squared),
)
SHAPES: tuple[Callable[[Evidence], str], ...] = (_turned_shape, _flattened, _not_summed, _summed_too_far)
MISTAKES: tuple[Callable[[Evidence], str], ...] = (
    *(_zero, _rounded, _ratio, _penalty, _transposed, _turned, _another, _spread, _constant, _unsigned, _clipped),
    *(_squared, _zero_part, _some),
)
