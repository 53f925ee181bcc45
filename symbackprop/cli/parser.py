"""The parser of the command line: an error is one line with a suggestion."""

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

from symbackprop.errors import nearest

BAD_USAGE = 2


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print an error in one line, and exit with status 2."""
        plain = re.sub(r"^argument ([^:]*): ", r"\1: ", message)
        self.exit(BAD_USAGE, f"{self.prog}: {plain} (see {self.prog} --help)\n")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Print an error about words that no option takes, and exit."""
        first = next((word for word in unknown if word.startswith("-")), unknown[0])
        option = first.partition("=")[0]
        if not option.startswith("-"):
            joined = "an option is missing before it, or the comma between two names (--wrt W1,W2)"
            self.error(f"{' '.join(unknown)}: there is one word too many: {joined}")
        known = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
        self.error(f"there is no option {option}: {nearest(option, known)}")


def one_of(
    names: Sequence[str],
    also: Mapping[str, str] = MappingProxyType({}),
    instead: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[str], str]:
    """Return a type for an option that takes one of some names.

    Args:
        names: the names.
        also: other spellings, each with the name that it stands for.
        instead: names that are often tried, each with what to write instead.
    """

    def chosen(text: str) -> str:
        name = also.get(text.lower(), text.lower())
        if name in names:
            return name
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not known; {instead.get(name) or nearest(text, names)}")

    return chosen


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, if argcomplete is installed."""
    if "_ARGCOMPLETE" in os.environ:
        try:
            import argcomplete
        except ImportError:
            return
        argcomplete.autocomplete(parser)
