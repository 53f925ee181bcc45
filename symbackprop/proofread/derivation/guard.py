"""Guards: whatever goes wrong in one formula costs that formula, not the report."""

from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


def guarded(compute: Callable[[], _Result], otherwise: Callable[[str], _Result]) -> _Result:
    """Return the result of a computation; if it fails, what `otherwise` makes of the reason."""
    try:
        return compute()
    except RecursionError:
        return otherwise("it is nested too deeply")
    except Exception as error:
        return otherwise(f"it cannot be judged: {type(error).__name__}: {error}")
