"""Code that generated modules carry along."""
