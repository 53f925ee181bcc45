"""Derivations that a person wrote: read, understood, judged line by line."""
