"""Reverse-mode differentiation, and the textbook steps that lead to each gradient."""
