"""The bar of long checks: for a person at a terminal, silent otherwise."""

import io
import sys

import pytest

from symbackprop.gradcheck import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "is_shown"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_on_a_terminal_alone(stream, is_shown, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", stream())
    assert list(progress.tracked(range(50), "checking W")) == list(range(50))
    assert ("checking W" in sys.stderr.getvalue()) == is_shown


def test_silent_without_rich_and_before_a_check_is_long(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress.tracked(range(50), "checking W")) == list(range(50))
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    assert list(progress.tracked(range(50), "checking W")) == list(range(50))
    assert not sys.stderr.getvalue()
