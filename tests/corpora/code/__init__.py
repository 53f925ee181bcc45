"""Cost and gradient functions as people write them by hand, right ones and ones with a planted mistake."""
