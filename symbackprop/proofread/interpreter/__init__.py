"""Values of a written formula at a point, one for each possible reading."""
