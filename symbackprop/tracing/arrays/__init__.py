"""Whole arrays of symbolic size."""
