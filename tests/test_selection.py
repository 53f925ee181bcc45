"""The tables of longer tests name tests that exist, and every kind of planted error runs in CI."""

import re
from pathlib import Path

import pytest

from tests.selection import LONGER, PLANTED, REPEATED


@pytest.mark.parametrize("name", [*LONGER, *REPEATED])
def test_row_names_a_test(name):
    file, _, function = name.partition("::")
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    assert re.search(rf"^def {function}\(" if function else "parametrize|params=", text, re.MULTILINE)


def test_planted_errors_run_in_ci(request):
    """A test of planted errors has cases that run at night only if it is listed, with what runs in CI."""
    assert request.config.only_at_night <= set(REPEATED)


@pytest.mark.parametrize("name", REPEATED)
def test_what_is_listed_plants_errors(name):
    assert PLANTED.search(name.partition("::")[2])
