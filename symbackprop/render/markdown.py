"""A derivation as Markdown with `$$` formulas, which GitHub and Jupyter display."""

from collections.abc import Iterator

from symbackprop.render.latex import latex_blocks
from symbackprop.render.latex_rows import LatexBlock, formula, grouped
from symbackprop.render.outline import Outline


def to_markdown(outline: Outline) -> str:
    """Return a heading for the network and for each parameter, each with its formulas, rules and reasons."""
    return "\n\n".join(part for block in latex_blocks(outline) for part in _parts(block)) + "\n"


def _parts(block: LatexBlock) -> Iterator[str]:
    yield f"## {block.title}"
    if block.intro:
        yield block.intro
    for rows in grouped(block.rows):
        if rows[0].above:
            yield rows[0].above.replace("\\emph{", "**").replace("}:", ":**", 1)
        aligned = " \\\\\n".join(map(formula, rows))
        yield f"$$\n\\begin{{aligned}}\n{aligned}\n\\end{{aligned}}\n$$"
