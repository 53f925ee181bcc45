"""The comparison of gradients with finite differences."""
