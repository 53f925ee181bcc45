"""The reason why code cannot be traced, with the line of the user's code."""

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from symbackprop.errors import SymbackpropError
from symbackprop.tracing.patching import is_library


class Untraceable(BaseException):
    """An operation of the user's code that has no meaning for placeholders; the message says which.

    It is not an Exception, which the user's code may catch as one of its own.
    """


class NumberNeeded(Untraceable):
    """A conversion of a placeholder to a number, as by float(), where no number is known."""


@contextmanager
def failures_as_untraceable() -> Iterator[None]:
    """Turn exceptions of the user's code into Untraceable, with the line: given numbers, the same code runs."""
    try:
        yield
    except Untraceable as reason:
        raise type(reason)(f"{reason}{place_in_code(reason)}") from None
    except SymbackpropError:
        raise
    except Exception as error:
        raise Untraceable(f"{type(error).__name__}: {error}{place_in_code(error)}") from None


def place_in_code(error: BaseException) -> str:
    """Return the last line of the user's own code on the way to an error, as " (line 3 of cost: return float(J))"."""
    own = [(frame, line) for frame, line in walk_tb(error.__traceback__) if not is_library(frame.f_globals)]
    if not own:
        return ""
    frame, line = own[-1]
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    return f" (line {line} of {frame.f_code.co_name}{f': {text:.80}' if text else ''})"
