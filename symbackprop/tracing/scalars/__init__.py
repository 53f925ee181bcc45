"""Tracing of arrays entry by entry, each entry as a scalar."""
