"""Gradient code, judged."""
