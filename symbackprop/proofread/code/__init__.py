"""Proofreading of gradient code."""
