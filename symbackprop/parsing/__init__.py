"""Parsing of formulas in LaTeX or NumPy syntax to syntax trees."""
