"""A progress bar for long checks, if rich is installed and standard error is a terminal."""

import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TypeVar

_PATIENCE = 1.0  # seconds without a bar

T = TypeVar("T")


def tracked(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items, with a bar on standard error if they take more than a second.

    >>> list(tracked([1, 2, 3], "entries of W"))
    [1, 2, 3]
    """
    shown = iter(items)
    if not sys.stderr.isatty() or find_spec("rich") is None:
        yield from shown
        return
    start = time.monotonic()
    for done, item in enumerate(shown, start=1):
        yield item
        if time.monotonic() - start > _PATIENCE:
            progress = import_module("rich.progress")
            console = import_module("rich.console").Console(stderr=True)
            with progress.Progress(console=console, transient=True) as bar:
                task = bar.add_task(what, total=len(items), completed=done)
                for rest in shown:
                    yield rest
                    bar.advance(task)
            return
