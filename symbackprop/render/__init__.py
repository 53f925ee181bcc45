"""Documents about a derivation."""
