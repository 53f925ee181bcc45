"""Proofs of each step of a derivation, by three independent witnesses that never use the rule table."""
