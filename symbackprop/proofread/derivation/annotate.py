"""A document with remarks in it, in its own format: LaTeX that still compiles, a notebook that is still one."""

import json
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from symbackprop.parsing.documents import CELLS_APART, cells_of
from symbackprop.parsing.files import decoded
from symbackprop.proofread.derivation.report import (
    MARKS,
    UNREMARKED,
    CheckedLine,
    DerivationCheck,
    in_markdown,
    remarks,
)


def annotated(path: Path, check: DerivationCheck) -> str:
    """Return the document at a path with a remark after each formula that is not simply right.

    A LaTeX document has remarks as comments, a notebook as cells, any other document as quotations in Markdown.
    """
    suffix = path.suffix.lower()
    if suffix == ".tex":
        return _latex(check)
    return _notebook(path, check) if suffix == ".ipynb" else check.to_markdown()


def _remarked(check: DerivationCheck) -> Iterator[CheckedLine]:
    return (line for line in check.lines if line.verdict not in UNREMARKED or line.notes)


def _latex(check: DerivationCheck) -> str:
    """Return the document with comments, each on lines of its own, which are allowed within a formula too."""
    text, pieces, at = check.text, [], 0
    for line in sorted(_remarked(check), key=lambda line: line.end):
        end = text.find("\n", line.end)
        end = len(text) if end < 0 else end
        said = [f"{MARKS[line.verdict]} {line.verdict} ({line.number})", *remarks(line)]
        comments = "".join(f"\n%   {part}" for remark in said for part in remark.splitlines())
        pieces += [text[at:end], comments]
        at = max(at, end)
    return "".join([*pieces, text[at:]])


def _notebook(path: Path, check: DerivationCheck) -> str:
    """Return the notebook with a cell of remarks after each cell that has some."""
    text = decoded(path.read_bytes()) or ""
    notebook = json.loads(text)
    starts = [0, *accumulate(len(piece) + len(CELLS_APART) for piece in cells_of(text, path))]
    below: dict[int, list[str]] = {}
    for line in _remarked(check):
        below.setdefault(bisect_right(starts, line.start) - 1, []).append(in_markdown(line))
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        cells.append(cell)
        if said := below.get(number):
            cells.append(
                {"cell_type": "markdown", "metadata": {}, "source": "\n\n".join(said)} | _identity(notebook, number)
            )
    return json.dumps(notebook | {"cells": cells}, ensure_ascii=False, indent=1)


def _identity(notebook: dict[str, object], number: int) -> dict[str, str]:
    """Return the identity of a new cell, which notebooks have since version 4.5."""
    major, minor = notebook.get("nbformat"), notebook.get("nbformat_minor")
    has_identities = isinstance(major, int) and isinstance(minor, int) and (major, minor) >= (4, 5)
    return {"id": f"remarks-{number}"} if has_identities else {}
