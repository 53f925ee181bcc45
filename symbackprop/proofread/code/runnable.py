"""Random points at which a user's functions run, of sizes that they can take."""

from collections.abc import Callable

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.sampling import SamplePoint, distinct_sizes, draw_point
from symbackprop.tracing.untraceable import place_in_code

_SMALLEST = (3, 4, 5, 7, 2)  # the smallest of the sizes, in the order in which they are tried
_POINTS = 2


def runnable_points(
    spec: ArgumentSpec, rng: np.random.Generator, run: Callable[[list[SamplePoint]], None]
) -> list[SamplePoint]:
    """Return random points at which `run` raises no exception; it may change their values first.

    Raises:
        ArgumentError: it raises one at the points of all sizes that are tried.
    """
    failure: Exception | None = None
    for smallest in _SMALLEST:
        points = [draw_point(spec, distinct_sizes(spec, smallest), rng, None) for _ in range(_POINTS)]
        try:
            run(points)
        except SymbackpropError:
            raise
        except Exception as error:
            failure = failure or error
        else:
            return points
    where = place_in_code(failure) if failure is not None else ""
    raise ArgumentError(f"the code fails: {type(failure).__name__}: {failure}{where}") from failure
