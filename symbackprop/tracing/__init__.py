"""A user's NumPy functions run on placeholders, and what they compute."""
