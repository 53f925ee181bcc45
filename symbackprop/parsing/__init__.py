"""Written mathematics, LaTeX or NumPy, parsed to a syntax tree."""
