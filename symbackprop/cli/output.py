"""The output of a command: text for the terminal or a file, and JSON."""

import argparse
import json
import math
import sys
from pathlib import Path


def write(args: argparse.Namespace, text: str) -> None:
    """Write text to the file that `-o` names, or else to the terminal."""
    if args.file is None:
        print(text.rstrip("\n"), flush=True)
    else:
        Path(args.file).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        print(f"wrote {args.file}", file=sys.stderr)


def as_json(data: dict[str, object]) -> str:
    """Return data as JSON text; infinity and NaN, which JSON lacks, become null."""
    return json.dumps(_finite(data), ensure_ascii=False, indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
