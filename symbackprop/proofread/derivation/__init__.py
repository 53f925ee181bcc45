"""Derivations, judged line by line."""
