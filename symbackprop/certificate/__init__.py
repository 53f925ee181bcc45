"""Certificates: derivations as theorems for Coq, whose kernel knows nothing of this package."""
