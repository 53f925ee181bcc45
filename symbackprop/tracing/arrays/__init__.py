"""Tracing of whole arrays with symbolic sizes."""
