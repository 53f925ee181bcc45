"""The table of longer tests names tests that exist."""

import re
from pathlib import Path

import pytest

from tests.selection import LONGER


@pytest.mark.parametrize("name", LONGER)
def test_row_names_a_test(name):
    file, _, function = name.partition("::")
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    assert re.search(rf"^def {function}\(" if function else "parametrize|params=", text, re.MULTILINE)
