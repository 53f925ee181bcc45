"""Proofreading of gradient code and of derivations written by people."""
