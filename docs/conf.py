"""Sphinx: Markdown pages by MyST."""

project = "symbackprop"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "symbackprop: proofreads backpropagation"
exclude_patterns = ["_build"]
