"""Proofreading of what a person wrote: gradient code and derivations."""
