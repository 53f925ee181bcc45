"""Parameters of tests of which only the first ones run by default."""

from collections.abc import Sequence
from typing import Any

import pytest


def some_slow(cases: Sequence[Any], fast: int) -> list[Any]:
    """Return the cases as parameters, all but the first few marked as slow."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=() if k < fast else pytest.mark.slow)
        for k, case in enumerate(cases)
    ]
