"""Tracing of whole arrays, whose sizes are symbols."""
