"""The output of a command: text for a person, or text for a program, on the terminal or in a file."""

import argparse
import codecs
import json
import math
import os
import re
import shutil
import sys
from pathlib import Path

from symbackprop.errors import SymbackpropError

_HANDLER = "symbackprop"  # the name under which `_spelled` is registered
_COLOURS = {
    **{"✓": 32, "[right]": 32, "right": 32, "✗": 31, "[WRONG]": 31, "wrong": 31, "≈": 33, "[convention]": 33},
    **{"convention": 33, "undecided": 33, "not understood": 33, "?": 33, "[?]": 33},
}
_WORDS = "|".join(map(re.escape, sorted(_COLOURS, key=len, reverse=True)))
_COLOURED = re.compile(
    rf"^(?:(?P<before>(?:derivation|gradient code|gradient check|verification): )|(?= *\S+ +\d+ ))(?P<word>{_WORDS})",
    re.MULTILINE,
)


def prepare_streams() -> None:
    """Let the terminal spell what it cannot show: `dJ/dW` for `∂J/∂W`, never `?`."""
    codecs.register_error(_HANDLER, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from symbackprop.printing.ascii import in_ascii

    text = in_ascii(error.object[error.start : error.end])
    return text.encode("ascii", "backslashreplace").decode(), error.end


def shows_signs() -> bool:
    """Return True if the terminal can show the signs of mathematics."""
    try:
        "∂⊙ᵀδ′✓".encode(sys.stdout.encoding or "utf-8")
    except UnicodeError:
        return False
    return True


def page_width(args: argparse.Namespace) -> int | None:
    """Return the number of columns of the terminal; None if the output goes to a file or another program.

    If the user has set the variable COLUMNS, it is the width for other programs, too. Where LINES is set with it, both
    come from readline, which sets them for the programs that a Python session starts.
    """
    is_set = os.environ.get("COLUMNS", "").isdecimal() and "LINES" not in os.environ
    if args.file is not None or not (sys.stdout.isatty() or is_set):
        return None
    return max(40, shutil.get_terminal_size().columns)


def require_writable(args: argparse.Namespace) -> None:
    """Raise an error, before any work, if `-o` names a file that cannot be written."""
    if getattr(args, "file", None) is None:
        return
    folder = Path(args.file).parent
    if not folder.is_dir():
        raise SymbackpropError(f"-o {args.file}: there is no folder {folder}")
    if Path(args.file).is_dir():
        raise SymbackpropError(f"-o {args.file}: this is a folder; name a file in it")


def write(args: argparse.Namespace, text: str) -> None:
    """Write a text for people to the file that `-o` names, or else, as the terminal can show it, to the terminal."""
    if args.file is not None:
        write_file(args.file, text)
    else:
        print(for_terminal(text, page_width(args)), flush=True)


def write_exactly(args: argparse.Namespace, text: str) -> None:
    """Write code, JSON, HTML or LaTeX: always in UTF-8, and with no line folded."""
    if args.file is not None:
        write_file(args.file, text)
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    print(text.rstrip("\n"), flush=True)


def write_file(path: str, text: str, advice: str = "") -> None:
    """Write a file in UTF-8, and say so, also if there was a file of that name."""
    replaced = " (in place of the file that was there)" if Path(path).exists() else ""
    Path(path).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    print(f"wrote {path}{replaced}{advice}", file=sys.stderr)


def for_terminal(text: str, width: int | None) -> str:
    """Return a text with signs, line lengths and colours as the terminal can show them."""
    from symbackprop.printing.ascii import in_ascii
    from symbackprop.printing.folding import fold

    text = text.rstrip("\n") if shows_signs() else in_ascii(text.rstrip("\n"))
    if width is not None:
        text = "\n".join(piece for line in text.split("\n") for piece in fold(line, width))
    return _COLOURED.sub(_in_colour, text) if _has_colours() else text


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _in_colour(match: re.Match[str]) -> str:
    return f"{match['before'] or ''}\x1b[{_COLOURS[match['word']]}m{match['word']}\x1b[0m"


def as_json(data: object) -> str:
    """Return data as JSON text; infinity and NaN, which JSON lacks, become null."""
    return json.dumps(_finite(data), ensure_ascii=False, indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
