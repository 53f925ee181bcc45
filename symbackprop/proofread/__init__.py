"""Proofreading of gradient code and of derivations that a person wrote."""
