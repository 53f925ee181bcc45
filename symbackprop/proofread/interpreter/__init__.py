"""The value of a written formula at a point, in each way that it can be read."""
