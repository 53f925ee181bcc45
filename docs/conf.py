"""Sphinx: Markdown pages by MyST."""

project = "symbackprop"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "proofreads backpropagation", "sidebar_width": "270px", "page_width": "1140px"}
exclude_patterns = ["_build"]
