"""Gradients against numbers."""
