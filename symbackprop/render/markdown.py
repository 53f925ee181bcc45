"""A derivation as Markdown with `$$` formulas, which GitHub and Jupyter display."""

from collections.abc import Iterable, Iterator

from symbackprop.render.latex import LatexBlock, LatexRow, formula, latex_blocks
from symbackprop.render.outline import Outline


def to_markdown(outline: Outline) -> str:
    """Return a heading for the network and for each parameter, each with its formulas, rules and reasons."""
    return "\n\n".join(part for block in latex_blocks(outline) for part in _parts(block)) + "\n"


def _parts(block: LatexBlock) -> Iterator[str]:
    yield f"## {block.title}"
    if block.intro:
        yield block.intro
    rows: list[LatexRow] = []
    for row in block.rows:
        if row.above and rows:
            yield _display(rows)
            rows = []
        if row.above:
            yield row.above.replace("\\emph{", "**").replace("}:", ":**", 1)
        rows.append(row)
    yield _display(rows)


def _display(rows: Iterable[LatexRow]) -> str:
    aligned = " \\\\\n".join(map(formula, rows))
    return f"$$\n\\begin{{aligned}}\n{aligned}\n\\end{{aligned}}\n$$"
