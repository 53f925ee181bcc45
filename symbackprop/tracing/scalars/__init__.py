"""Tracing of arrays entry by entry, with each entry as a scalar."""
