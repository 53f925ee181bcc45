"""Sphinx: Markdown pages by MyST, the reference from docstrings, and the pictures of the gallery by the product."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import draw_gallery

project = "symbackprop"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_design"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
default_role = "code"  # docstrings write `W1`
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature has names; the text says what they are
html_theme = "furo"
html_title = "symbackprop"
html_show_copyright = False
exclude_patterns = ["_build", "examples"]

_SPECIAL = re.compile(r"`[^`]+`|(?<!\\)([*|]|(?<=\w)_(?!\w))")  # what reStructuredText would take for markup


def setup(app):
    """Draw the gallery beside the pages, and read docstrings as plain text with `code` and examples."""
    app.connect("build-finished", _gallery)
    app.connect("autodoc-process-docstring", _plain, priority=100)


def _gallery(app, exception):
    if exception is None and app.builder.name == "html":
        draw_gallery.draw(Path(app.outdir))


def _plain(*arguments):
    lines = arguments[-1]
    example = False
    for number, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[number] = _SPECIAL.sub(lambda match: "\\" + match[0] if match[1] else match[0], line)
