"""Factors in which conventions differ: 2, 1/2, the number of examples."""

import numpy as np

from symbackprop.expressions.aliases import Size
from symbackprop.proofread.derivation.reading import DocumentReading


def usual_factors(reading: DocumentReading, point: int = 0) -> dict[float, str]:
    """Return the factors in which conventions differ, for the sizes at a point, each with a description."""
    found = {2.0: "up to the factor 2", 0.5: "up to the factor 1/2"}
    for size, n in _numbers_of_examples(reading, point).items():
        for scale, words in ((1.0, ""), (2.0, "2"), (0.5, "")):
            found.setdefault(n * scale, f"up to the factor {words}{size}" + ("/2" if scale < 1 else ""))
            inverse = f"(2{size})" if scale < 1 else str(size)
            found.setdefault(scale / n, f"up to the factor {words or '1'}/{inverse}")
    return found


def factor_words(reading: DocumentReading, ratio: float | None, point: int = 0) -> str:
    """Return the description of a factor in which conventions differ; "" for any other factor."""
    if ratio is None:
        return ""
    factors = usual_factors(reading, point).items()
    return next((words for factor, words in factors if abs(ratio - factor) < 1e-5 * factor), "")


def size_words(reading: DocumentReading, ratio: float) -> str:
    """Return the description of a factor N or 1/N, where N is the number of examples; "" for any other factor."""
    numbers = _numbers_of_examples(reading, 0).values()
    is_number = any(np.isclose(ratio, factor) for n in numbers for factor in (float(n), 1 / n))
    return factor_words(reading, ratio) if is_number else ""


def _numbers_of_examples(reading: DocumentReading, point: int) -> dict[Size, int]:
    network_at_point = reading.points.at(reading.interpretation.scope, point)
    sizes = reading.points.sizes_of_examples
    return {} if network_at_point is None else {size: network_at_point.sizes[size] for size in sizes}
