"""Code that generated modules contain."""
