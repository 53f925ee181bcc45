"""Errors for code that cannot be traced, with the line of the user's code."""

import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb

from symbackprop.errors import SymbackpropError

_LIBRARIES = ("numpy", "scipy", "torch", "jax", "jaxlib", "symbackprop", "builtins")


class Untraceable(BaseException):
    """An operation in the user's code that is impossible for placeholders; the message names it.

    It is not an Exception, so that `except Exception` in the user's code does not catch it.
    """


class NumberNeeded(Untraceable):
    """A conversion of a placeholder to a number, as by float(), whose number is not known."""


class RandomNumbers(Untraceable):
    """Random numbers that are drawn while the code is read."""


class NoDerivative(Untraceable):
    """A cost without a finite derivative near the point, as where a probability is 0 in all digits."""


@contextmanager
def failures_as_untraceable() -> Iterator[None]:
    """Turn exceptions in the user's code, which runs on numbers, into Untraceable with the line of the code."""
    try:
        yield
    except Untraceable as reason:
        raise type(reason)(f"{reason}{place_in_code(reason)}") from None
    except SymbackpropError:
        raise
    except Exception as error:
        raise Untraceable(f"{type(error).__name__}: {error}{place_in_code(error)}") from None


def place_in_code(error: BaseException) -> str:
    """Return the last line of the user's code in the traceback, as " (line 3 of cost: return float(J))"."""
    own = [(frame, line) for frame, line in walk_tb(error.__traceback__) if not is_library(frame.f_globals)]
    if not own:
        return ""
    frame, line = own[-1]
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    return f" (line {line} of {frame.f_code.co_name}{f': {text:.80}' if text else ''})"


def is_library(space: Mapping[str, object]) -> bool:
    """Return True for the globals of a module that does not belong to the user."""
    name = str(space.get("__name__", "")).split(".")[0]
    of_python = name in sys.stdlib_module_names and name != "__main__"
    return name in _LIBRARIES or of_python or "site-packages" in str(space.get("__file__", ""))
