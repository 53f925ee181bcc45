"""The expression language: matrices with strict shapes, elementwise functions, and NumPy-like operations."""
