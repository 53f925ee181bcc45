"""Sphinx: Markdown pages by MyST, and an example of a marked page."""

from pathlib import Path

import symbackprop as sb

project = "symbackprop"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "symbackprop: proofreads backpropagation"
exclude_patterns = ["_build", "examples"]


def setup(app):
    """Write the example of a marked page beside the other pages."""
    app.connect("build-finished", _marked_page)


def _marked_page(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    notes = Path(app.srcdir, "examples", "notes.md")
    page = sb.marked_page({notes.name: sb.check_derivation(notes, sb.home_network())})
    Path(app.outdir, "marked-page.html").write_text(page, encoding="utf-8")
