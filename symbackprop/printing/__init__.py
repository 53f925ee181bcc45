"""Printers of single expressions as LaTeX, as Unicode text, and in NumPy syntax."""
