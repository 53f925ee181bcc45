"""One expression at a time: as LaTeX, as Unicode text, as the text people type."""
