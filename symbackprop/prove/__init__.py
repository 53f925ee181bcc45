"""Proofs of every step, by witnesses that share nothing with the table of rules."""
