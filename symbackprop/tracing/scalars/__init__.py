"""Arrays entry by entry."""
