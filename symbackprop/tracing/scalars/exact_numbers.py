"""The number that a person meant by a float: 1/10 by 0.1, and 1/3 by 0.3333333333333333."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

_SHORT = 15  # so many digits of a float are what a person typed
_DENOMINATOR = 10_000  # a float that is the nearest to such a fraction is that fraction


def exactly(given: Any) -> tuple[Fraction | float, bool]:
    """The number, and whether it may stand for a number near it, as a rounded square root does.

    >>> exactly(0.1), exactly(1 / 3)
    ((Fraction(1, 10), False), (Fraction(1, 3), False))
    >>> exactly(2**0.5)
    (Fraction(14142135623730951, 10000000000000000), True)
    """
    if isinstance(given, int | Fraction):
        return Fraction(given), False
    value = float(given)
    if not math.isfinite(value):
        return value, False
    shortest = str(given) if isinstance(given, np.floating) else repr(value)
    digits = shortest.lower().split("e")[0].replace(".", "").strip("-0")
    simple = Fraction(value).limit_denominator(_DENOMINATOR)
    if len(digits) > _SHORT and float(simple) == value:
        return simple, False
    return Fraction(shortest), len(digits) > _SHORT
