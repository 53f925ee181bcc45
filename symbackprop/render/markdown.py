"""A derivation as Markdown with `$$` formulas, as GitHub and Jupyter show them."""

from symbackprop.render.latex import LatexWriter, Row, aligned_rows
from symbackprop.render.outline import Outline


def to_markdown(outline: Outline) -> str:
    """A heading for the network and for each parameter, each with its formulas and rules."""
    writer = LatexWriter(outline)
    blocks = [("Network", writer.network()), *((f"${title}$", rows) for title, rows in writer.sections())]
    return "\n\n".join(f"## {title}\n\n{_block(rows)}" for title, rows in blocks) + "\n"


def _block(rows: list[Row]) -> str:
    return f"$$\n\\begin{{aligned}}\n{aligned_rows(rows)}\n\\end{{aligned}}\n$$"
