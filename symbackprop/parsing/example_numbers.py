"""Separation of the numbers of a worked example from the general formulas of a statement."""

from collections.abc import Sequence
from itertools import compress

from symbackprop.parsing.scripts import FUNCTIONS
from symbackprop.parsing.syntax_tree import Matrix, Name, Node, Number, walk
from symbackprop.parsing.vocabulary import LIBRARY

_WITHOUT_VALUES = {"e", "pi", "sigma", *FUNCTIONS, *LIBRARY}
_LARGE = 3
_ABOUT = {"=", r"\approx", "~", r"\simeq"}


def parted(sides: Sequence[Node], signs: Sequence[str]) -> tuple[tuple[Node, ...], tuple[str, ...], tuple[Node, ...]]:
    """Return the general sides of a statement, the signs between them, and the sides that are numbers of an example."""
    numbers = [_is_numeric(side) for side in sides]
    worked = tuple(compress(sides, numbers))
    if len(sides) < 2 or not set(signs) <= _ABOUT or not any(map(_is_of_example, worked)):
        return tuple(sides), tuple(signs), ()
    general = [not is_number for is_number in numbers]
    return tuple(compress(sides, general)), tuple(compress(("=", *signs), general))[1:], worked


def _is_numeric(side: Node) -> bool:
    names = [part for part in walk(side) if isinstance(part, Name)]
    return all(name.base in _WITHOUT_VALUES and not name.above and not name.below for name in names) and any(
        isinstance(part, Number) for part in walk(side)
    )


def _is_of_example(side: Node) -> bool:
    """Return True for decimals, large numbers, or a matrix of numbers, which general formulas do not contain."""
    parts = list(walk(side))
    numbers = [part for part in parts if isinstance(part, Number)]
    is_large = any("." in number.source or number.value >= _LARGE for number in numbers)
    return is_large or any(isinstance(part, Matrix) for part in parts)
