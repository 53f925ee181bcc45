"""Proofs of each step of a derivation by three independent methods ("witnesses"), which never use the rule table."""
