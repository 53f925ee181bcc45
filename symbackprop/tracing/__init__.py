"""Tracing of a user's NumPy functions: they run on placeholders, which record the computation."""
