"""The picture of the architecture, drawn from the import contract in pyproject.toml.

`python docs/draw_architecture.py` writes docs/architecture.svg. Each row is a layer of the contract; modules import
only from the rows below their own, and modules of one row do not import each other.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
HEIGHT, GAP, PADDING, LETTER, ARROW = 34, 12, 18, 8.2, 26  # in pixels; LETTER is the width of a character

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">
<title>The modules of symbackprop, in layers</title>
<style>
  rect {{ fill: #eef3fb; stroke: #4a6fa5; stroke-width: 1.2 }}
  .folder {{ fill: #d6e4f7 }}
  text {{ font: 14px ui-monospace, Menlo, Consolas, monospace; fill: #1b2a41; text-anchor: middle }}
  .arrow {{ stroke: #7a8ba3; fill: none; stroke-width: 1.6 }}
  .page {{ fill: #ffffff; stroke: none }}
  @media (prefers-color-scheme: dark) {{
    rect {{ fill: #22304a; stroke: #86a7d8 }}
    .folder {{ fill: #2f4468 }}
    text {{ fill: #e8eef8 }}
    .page {{ fill: #14181f }}
  }}
</style>
<rect class="page" width="{width}" height="{height}"/>
<path class="arrow" d="M {x} {top} V {bottom} m -5 -8 l 5 8 l 5 -8"/>
"""


def layers() -> list[list[str]]:
    """Return the layers of the contract, from the top: the modules of each."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    return [[module.strip() for module in layer.split("|")] for layer in contract["layers"]]


def picture() -> str:
    """Return the SVG: a row of boxes for each layer, and an arrow in the direction of imports."""
    rows = layers()
    widths = [[len(name) * LETTER + 2 * PADDING for name in row] for row in rows]
    width = round(max(sum(row) + GAP * (len(row) - 1) for row in widths) + 2 * GAP + ARROW)
    height = len(rows) * (HEIGHT + GAP) + GAP
    lines = [_HEAD.format(width=width, height=height, x=GAP + 8, top=GAP + 6, bottom=height - GAP - 6)]
    for index, (row, sizes) in enumerate(zip(rows, widths, strict=True)):
        x = ARROW + (width - ARROW - sum(sizes) - GAP * (len(row) - 1)) / 2
        y = GAP + index * (HEIGHT + GAP)
        for name, size in zip(row, sizes, strict=True):
            kind = "folder" if (ROOT / "symbackprop" / name).is_dir() else "file"
            lines.append(f'<rect class="{kind}" x="{x:.0f}" y="{y}" width="{size:.0f}" height="{HEIGHT}" rx="6"/>\n')
            lines.append(f'<text x="{x + size / 2:.0f}" y="{y + HEIGHT / 2 + 5:.0f}">{name}</text>\n')
            x += size + GAP
    return "".join([*lines, "</svg>\n"])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
