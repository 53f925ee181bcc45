"""One expression at a time: LaTeX, Unicode, NumPy syntax."""
