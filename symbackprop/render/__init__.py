"""Documents made from a derivation."""
