"""Gradient functions generated from a derivation."""
