"""Tracing: a user's NumPy functions run on placeholders, which record what is computed."""
