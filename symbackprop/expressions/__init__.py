"""The expression language: strict SymPy matrices, elementwise functions, NumPy-like operations."""
