"""Proofreading of a written derivation, line by line."""
