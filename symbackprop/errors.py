"""Errors that a user can see, and the words that they share."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


class SymbackpropError(ValueError):
    """An invalid input; the message explains what is wrong, where, and what to try."""

    def _render_traceback_(self, *_: object) -> list[str]:
        """Return what a notebook shows: the message, without the frames inside of this package."""
        return [f"{type(self).__name__}: {self}"]


class NameInUseError(SymbackpropError):
    """A name that cannot be used: it is taken, reserved, or not an identifier."""


class ShapeError(SymbackpropError):
    """Shapes that are inconsistent."""


class NetworkError(SymbackpropError):
    """A network that is incomplete, or an expression that cannot be part of one."""


class FormulaError(NetworkError):
    """A text that is not a network or a formula; `line` and `column`, counted from 1, locate the error."""

    def __init__(self, message: str, line: int, column: int):
        super().__init__(f"line {line}, column {column}: {message}")
        self.reason = message
        self.line = line
        self.column = column


class NotNumericError(SymbackpropError, TypeError):
    """A symbolic matrix that is used as a number: in a NumPy function, a loop, or Python's sum()."""


class DerivationError(SymbackpropError):
    """A derivation that is impossible: a quantity in `wrt` is unknown or unsuitable, or an operation has no rule."""


class NotCertifiedError(SymbackpropError):
    """A derivation that cannot be written as a certificate, because the table of rows lacks an operation."""


class ArgumentError(SymbackpropError):
    """An argument of a generated function, a check or a descent that is invalid."""


def listed(names: Iterable[object], last: str = "and") -> str:
    """Return the names as a list in English.

    >>> listed(["X", "y", "W1"])
    'X, y and W1'
    """
    words = [str(name) for name in names]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def nearest(name: object, known: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest known name, or else lists them all.

    >>> nearest("sigmod", ["sigmoid", "tanh"])
    'did you mean sigmoid?'
    >>> nearest("gauss", ["sigmoid", "tanh"])
    'there are sigmoid and tanh'
    """
    names = list(known)
    by_lower = {candidate.lower(): candidate for candidate in names}
    close = get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"did you mean {by_lower[close[0]]}?"
    return f"there are {listed(names)}" if names else "there are none yet"


def misspelled(name: str, known: Iterable[str]) -> str:
    """Return the known name that differs by one letter, or in capitals and underscores alone; "" if there is none.

    A looser match would name another function: log1p is not log, and softmin is not softmax.

    >>> misspelled("sigmod", ["sigmoid", "tanh"]), misspelled("LogSoftmax", ["log_softmax"])
    ('sigmoid', 'log_softmax')
    >>> misspelled("softmin", ["softmax"])
    ''
    """
    plain = name.replace("_", "").lower()
    for candidate in known:
        other = candidate.replace("_", "").lower()
        if plain == other or (min(len(plain), len(other)) > 3 and _one_letter_apart(plain, other)):
            return candidate
    return ""


def _one_letter_apart(one: str, other: str) -> bool:
    """Return True if one letter was left out, added, changed or swapped with the next."""
    start = next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    left, right = one[start:], other[start:]
    return left[1:] == right or left == right[1:] or left[1:] == right[1:] or left[1::-1] + left[2:] == right


def shape_text(shape: Sequence[object]) -> str:
    """Return a shape as people write it: `N×4H`; for a scalar, the words that describe it."""
    return "×".join(map(size_text, shape)) if shape else "a scalar"


def size_text(size: Any) -> str:
    """Return a size as text: N, 4H, (D + H). It does not import SymPy, since the gradient check works without it."""
    is_product, is_sum = (getattr(size, kind, False) for kind in ("is_Mul", "is_Add"))
    if is_product and size.args[0].is_Integer and len(size.args) == 2 and size.args[1].is_Symbol:
        return f"{size.args[0]}{size.args[1]}"
    return f"({size})" if is_product or is_sum else str(size)
