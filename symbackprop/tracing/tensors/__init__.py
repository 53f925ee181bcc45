"""Placeholders for the arrays of PyTorch and JAX, whose functions are NumPy's by one table."""
