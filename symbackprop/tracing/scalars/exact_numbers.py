"""The exact number that a float approximates: 1/10 for 0.1, and 1/3 for 0.3333333333333333."""

import math
from fractions import Fraction

import numpy as np

_SHORT = 15  # the most digits of a float that a person types
_DENOMINATOR = 10_000  # a float that is the nearest to such a fraction is that fraction


def exactly(number: float | Fraction) -> tuple[Fraction | float, bool]:
    """Return the exact number, and True if the float may be a rounded value, such as a square root.

    >>> exactly(0.1), exactly(1 / 3)
    ((Fraction(1, 10), False), (Fraction(1, 3), False))
    >>> exactly(2**0.5)
    (Fraction(14142135623730951, 10000000000000000), True)
    """
    if isinstance(number, int | Fraction):
        return Fraction(number), False
    value = float(number)
    if not math.isfinite(value):
        return value, False
    shortest = str(number) if isinstance(number, np.floating) else repr(value)
    digits = shortest.lower().split("e")[0].replace(".", "").strip("-0")
    simple = Fraction(value).limit_denominator(_DENOMINATOR)
    if len(digits) > _SHORT and float(simple) == value:
        return simple, False
    return Fraction(shortest), len(digits) > _SHORT
