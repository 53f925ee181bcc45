"""Diagnosis of a wrong gradient from its numbers: a wrong factor, term, order or sum.

Each row of `MISTAKES` compares a gradient with the numeric one and returns the mistake that it recognizes, or None. The
first row that recognizes its mistake names it: simpler mistakes come first.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from math import isclose, log, log10, pi

import numpy as np

from symbackprop.errors import listed, shape_text
from symbackprop.kinds import Mistake, MistakeKind

_SAME_FACTOR = 1e-4  # relative
_CLOSE = 1e-5  # relative to the largest entry: entries that are nearer count as equal here
_MOST_LINES = 6  # rows or columns of which every order is tried
_MOST_NAMED = 4  # entries that are named one by one
_FEW_SIGNS = 3  # fewer entries may have these signs by chance
_AXES = ("rows", "columns")
_REDUCTIONS: dict[str, Callable[..., np.ndarray]] = {"the sum": np.sum, "the mean": np.mean}
_CONSTANTS = {"ln 10": log(10), "ln 2": log(2), "π": pi}


@dataclass(frozen=True, eq=False)
class Evidence:
    """A wrong gradient, with the numeric gradient and its error bars.

    `sizes` maps a description (`the number of rows of X`) to that size; `others` maps the names of the other parameters
    to their numeric gradients.
    """

    name: str
    parameter: np.ndarray
    ours: np.ndarray
    numeric: np.ndarray
    error: np.ndarray
    sizes: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    sampled: bool = False  # True if these are some entries of a larger gradient

    def is_like(self, other: np.ndarray) -> bool:
        """Return True if the gradient under test equals `other`, which is computed from the numeric gradient."""
        return other.shape == self.ours.shape and self.is_zero(self.ours - other)

    def is_zero(self, residual: np.ndarray) -> bool:
        """Return True if each entry of a difference of gradients is within the slack."""
        return bool(np.all(np.abs(residual) <= self.slack))

    @property
    def slack(self) -> float:
        """The largest difference of entries that are considered equal."""
        largest = max(np.max(np.abs(self.numeric), initial=0.0), np.max(np.abs(self.ours), initial=0.0))
        return float(20 * np.max(self.error, initial=0.0) + _CLOSE * largest)

    @property
    def tolerance(self) -> float:
        """The relative tolerance of factors, from the error bars."""
        return max(_SAME_FACTOR, self.slack / float(np.max(np.abs(self.numeric), initial=0.0) or 1.0))

    @property
    def wrong(self) -> np.ndarray:
        """A mask of the entries that differ, each beside its own error bar and magnitude."""
        magnitude = np.maximum(np.abs(self.numeric), np.abs(self.ours))
        return np.abs(self.ours - self.numeric) > 20 * self.error + _CLOSE * magnitude

    def multiple(self, of: np.ndarray, whole: np.ndarray) -> float | None:
        """Return c if `whole` is c times `of`, else None."""
        square = float(np.sum(of * of))
        if not square:
            return None
        factor = float(np.sum(whole * of)) / square
        return factor if self.is_zero(whole - factor * of) else None


def diagnosis(evidence: Evidence) -> Mistake | None:
    """Return the likely mistake, or None if no row recognizes one.

    >>> import numpy as np
    >>> numeric = np.array([[1.0, -2.0, 0.5]])
    >>> diagnosis(Evidence("W", np.ones((1, 3)), -numeric, numeric, np.zeros((1, 3))))
    Mistake(words='its sign is wrong', kinds=(<MistakeKind.SIGN: 'sign'>,))
    """
    if not np.all(np.isfinite(evidence.ours)) or not np.all(np.isfinite(evidence.numeric)):
        return None
    rows = SAMPLED if evidence.sampled else MISTAKES
    if evidence.ours.shape != evidence.numeric.shape:
        rows = SHAPES
    elif evidence.is_like(evidence.numeric):  # beside its largest entries: only entries themselves can tell
        rows = LITTLE
    return next((found for row in rows if (found := row(evidence)) is not None), None)


# A gradient of another shape


def _transposed_shape(e: Evidence) -> Mistake | None:
    if e.ours.ndim != 2 or not _is_numeric(e, e.ours.T):
        return None
    return Mistake("it is transposed", (MistakeKind.TRANSPOSE,))


def _flattened(e: Evidence) -> Mistake | None:
    if e.ours.size != e.numeric.size or not _is_numeric(e, e.ours.reshape(e.numeric.shape)):
        return None
    words = f"it has the right entries, but not the shape {shape_text(e.numeric.shape)}"
    return Mistake(words, (MistakeKind.SHAPE,))


def _not_summed(e: Evidence) -> Mistake | None:
    for axis, what in enumerate(_AXES[: e.ours.ndim]):
        for reduce, words in (
            (np.sum, f"it is not summed over the {what}: each example has its own gradient"),
            (np.mean, f"it is not averaged over the {what}"),
        ):
            if any(_is_numeric(e, reduce(e.ours, axis=axis, keepdims=keepdims)) for keepdims in (True, False)):
                return Mistake(words, (MistakeKind.MISSING_SUM,))
    return None


def _summed_too_far(e: Evidence) -> Mistake | None:
    for axis, what in enumerate(_AXES[: e.numeric.ndim]):
        for keepdims in (True, False):
            whole = np.sum(e.numeric, axis=axis, keepdims=keepdims)
            if e.ours.shape == whole.shape and np.allclose(e.ours, whole, rtol=_CLOSE, atol=e.slack):
                return Mistake(f"it is summed over the {what}, which the parameter keeps", (MistakeKind.EXTRA_SUM,))
    if e.ours.size == 1 and isclose(e.ours.item(), np.sum(e.numeric), rel_tol=1e-4):
        return Mistake("it is the sum of all entries", (MistakeKind.EXTRA_SUM,))
    return None


def _is_numeric(e: Evidence, other: np.ndarray) -> bool:
    return other.shape == e.numeric.shape and bool(np.all(np.abs(other - e.numeric) <= e.slack))


# A gradient of the right shape


def _zero(e: Evidence) -> Mistake | None:
    is_zero = not np.any(e.ours) and np.any(np.abs(e.numeric) > e.slack)
    return Mistake("it is 0 throughout", (MistakeKind.ZERO,)) if is_zero else None


def _ratio(e: Evidence) -> Mistake | None:
    factor = e.multiple(e.numeric, e.ours)
    if factor is None or isclose(factor, 1, rel_tol=e.tolerance):
        return None
    if e.numeric.size == 1 and not _is_telling(abs(factor), e):  # one number is always a multiple of another
        return None
    return _multiplied(factor, e)


def _is_telling(factor: float, e: Evidence) -> bool:
    """Return True if a factor is 1, 2, one of the sizes or constants, or the inverse of one of these."""
    known = (1.0, 2.0, *map(float, e.sizes.values()), *_CONSTANTS.values())
    return any(
        isclose(factor, value, rel_tol=e.tolerance) or isclose(factor, 1 / value, rel_tol=e.tolerance)
        for value in known
    )


def _multiplied(factor: float, e: Evidence) -> Mistake:
    """Return the mistake of a gradient that is the right one times `factor`."""
    if isclose(factor, -1, rel_tol=e.tolerance):
        return Mistake("its sign is wrong", (MistakeKind.SIGN,))
    size = _size_of_factor(abs(factor), e)
    return Mistake(f"its sign is wrong, and {size.words}", (MistakeKind.SIGN, *size.kinds)) if factor < 0 else size


def _size_of_factor(factor: float, e: Evidence) -> Mistake:
    named = [(f"{n}, {what}", float(n), MistakeKind.MEAN) for what, n in e.sizes.items() if n > 1]
    named += [(text, value, MistakeKind.NUMBER) for text, value in _CONSTANTS.items()]
    for text, value, kind in named:
        if isclose(factor, value, rel_tol=e.tolerance):
            return Mistake(f"it is too large by the factor {text}", (kind,))
        if isclose(factor, 1 / value, rel_tol=e.tolerance):
            return Mistake(f"it is too small: it was divided by {text}", (kind,))
    words = f"it is {_shown(factor, e.tolerance)} times what it should be"
    if isclose(factor, 2, rel_tol=e.tolerance):
        words = "it is twice as large as it should be"
    elif isclose(factor, 0.5, rel_tol=e.tolerance):
        words = "it is half as large as it should be: a factor 2 is missing"
    return Mistake(words, (MistakeKind.NUMBER,))


def _shown(factor: float, tolerance: float) -> str:
    """Return a number with as many digits as its tolerance leaves."""
    return f"{factor:.{min(6, max(1, round(-log10(tolerance)) + 2))}g}"


def _penalty(e: Evidence) -> Mistake | None:
    residual = e.ours - e.numeric
    if np.count_nonzero(e.wrong) < 2:  # one entry is always a multiple of another
        return None
    for measure, term, penalty in (
        (e.parameter, e.name, "L2"),
        (np.sign(e.parameter), f"sign({e.name})", "L1"),
    ):
        factor = e.multiple(measure, residual)
        if not factor:
            continue
        words = f"{factor:.6g} · {term} is too much: the gradient of an {penalty} penalty that the cost does not have"
        if factor < 0:
            words = f"{-factor:.6g} · {term} is missing: the gradient of an {penalty} penalty, or a part of it"
        return Mistake(words, (MistakeKind.PENALTY,))
    return None


def _another(e: Evidence) -> Mistake | None:
    for name, other in e.others.items():
        if e.is_like(other):
            return Mistake(f"it is the gradient of {name}", (MistakeKind.QUANTITY,))
    return None


def _transposed(e: Evidence) -> Mistake | None:
    is_transposed = e.numeric.ndim == 2 and e.is_like(e.numeric.T)
    return Mistake("it is transposed", (MistakeKind.TRANSPOSE,)) if is_transposed else None


def _reordered(e: Evidence) -> Mistake | None:
    """Return the mistake if rows or columns are shifted, reversed, or in another order; else None."""
    if not np.all(np.abs(np.sort(e.ours, axis=None) - np.sort(e.numeric, axis=None)) <= e.slack):
        return None  # these are other entries
    words = next(_other_orders(e), "")
    return Mistake(words, (MistakeKind.ORDER,)) if words else None


def _other_orders(e: Evidence) -> Iterator[str]:
    for axis, what in enumerate(_AXES[: e.numeric.ndim]):
        lines = e.numeric.shape[axis]
        if e.is_like(np.flip(e.numeric, axis)):
            yield f"its {what} are in reverse order"
        for shift in range(1, lines):
            if e.is_like(np.roll(e.numeric, shift, axis)):
                yield f"its {what} are shifted by {shift}"
        if 2 < lines <= _MOST_LINES:
            orders = (list(order) for order in permutations(range(lines)))
            if any(e.is_like(np.take(e.numeric, order, axis)) for order in orders):
                yield f"its {what} are in another order"
    if e.numeric.ndim == 2 and e.is_like(e.numeric.T.reshape(e.numeric.shape)):
        yield "its entries are in the order of the transpose"


def _spread(e: Evidence) -> Mistake | None:
    """Return the mistake if all entries, or all in a row or column, are the same number; else None."""
    words = next(_reductions(e), "")
    return Mistake(words, (MistakeKind.EXTRA_SUM,)) if words else None


def _reductions(e: Evidence) -> Iterator[str]:
    for what, reduce in _REDUCTIONS.items():
        if e.numeric.size > 1 and e.is_like(np.full(e.numeric.shape, reduce(e.numeric))):
            yield f"every entry is {what} of all entries"
    for axis, lines in enumerate(("row", "column")[: e.numeric.ndim]):
        for what, reduce in _REDUCTIONS.items():
            whole = reduce(e.numeric, axis=axis, keepdims=True)
            if e.numeric.shape[axis] > 1 and e.is_like(np.broadcast_to(whole, e.numeric.shape)):
                yield f"every {lines} is {what} of all {lines}s"


def _constant(e: Evidence) -> Mistake | None:
    residual = e.ours - e.numeric
    off = float(np.mean(residual))
    is_constant = e.numeric.size > 2 and e.is_zero(residual - off)
    return Mistake(f"every entry is off by the same {off:.6g}", (MistakeKind.OFFSET,)) if is_constant else None


def _unsigned(e: Evidence) -> Mistake | None:
    if e.numeric.size < _FEW_SIGNS:
        return None
    if e.is_like(np.abs(e.numeric)):
        return Mistake("it has lost its signs: each entry is positive", (MistakeKind.LOST_SIGNS,))
    if e.is_like(np.maximum(e.numeric, 0)):
        return Mistake("entries below 0 are 0", (MistakeKind.LOST_SIGNS,))
    return None


def _clipped(e: Evidence) -> Mistake | None:
    """Return the mistake if entries are clipped at a bound, else None; a single entry at the bound proves nothing."""
    bound = float(np.max(np.abs(e.ours)))
    beyond = np.abs(e.numeric) > bound + e.slack
    is_clipped = np.count_nonzero(beyond) > 1 and e.is_like(np.clip(e.numeric, -bound, bound))
    return Mistake(f"it is clipped at ±{bound:.6g}", (MistakeKind.CLIPPED,)) if is_clipped else None


def _squared(e: Evidence) -> Mistake | None:
    return Mistake("each entry is squared", (MistakeKind.POWER,)) if e.is_like(e.numeric**2) else None


def _rounded(e: Evidence) -> Mistake | None:
    """Return the mistake if the errors are those of single precision, else None."""
    size, difference = np.maximum(np.abs(e.numeric), np.abs(e.ours)), np.abs(e.ours - e.numeric)
    single = np.all(e.ours == e.ours.astype(np.float32)) and np.all(difference <= 1e-3 * size)
    if np.all(difference <= 8 * e.error) or not (single or np.all(difference <= _CLOSE * size)):
        return None
    return Mistake("it was rounded to single precision (float32) on the way", (MistakeKind.PRECISION,))


def _zero_part(e: Evidence) -> Mistake | None:
    zero = (e.ours == 0) & (np.abs(e.numeric) > e.slack)
    if not np.any(zero) or np.any(e.wrong & ~zero):
        return None
    return Mistake(f"{_listed_entries(zero)} 0, the rest is right", (MistakeKind.ZERO,))


def _some(e: Evidence) -> Mistake | None:
    """Return the mistake if only a row, a column, or a few entries are wrong; else None."""
    wrong = e.wrong
    if not np.any(wrong) or np.all(wrong):
        return None
    words, kinds = f"only {_listed_entries(wrong)} wrong", (MistakeKind.SOME_ENTRIES,)
    factor = e.multiple(e.numeric[wrong], e.ours[wrong]) if np.sum(wrong) > 1 else None
    if factor is None:
        return Mistake(words, kinds)
    there = _multiplied(factor, e)
    return Mistake(f"{words}: there {there.words}", (*kinds, *there.kinds))


def _listed_entries(where: np.ndarray) -> str:
    """Return the entries of a mask in words, with a verb: `row 2 is`."""
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
    entries = [str([int(i) for i in index]) for index in np.argwhere(where)]
    if len(entries) > _MOST_NAMED:
        return f"{len(entries)} of {where.size} entries are"
    return f"{listed(entries)} {'is' if len(entries) == 1 else 'are'}"


Row = Callable[[Evidence], Mistake | None]
# Rows for a sample of the entries: they do not depend on where these stand.
SAMPLED: tuple[Row, ...] = (_zero, _rounded, _ratio, _penalty, _constant, _unsigned, _clipped, _squared)
LITTLE: tuple[Row, ...] = (_rounded, _zero_part, _some)
SHAPES: tuple[Row, ...] = (_transposed_shape, _flattened, _not_summed, _summed_too_far)
MISTAKES: tuple[Row, ...] = (
    *(_zero, _rounded, _ratio, _penalty, _transposed, _reordered, _another, _spread, _constant, _unsigned, _clipped),
    *(_squared, _zero_part, _some),
)
