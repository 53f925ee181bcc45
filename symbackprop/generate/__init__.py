"""Fast functions from a tape."""
