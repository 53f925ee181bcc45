"""The catalogue of mistakes, and the search for one that explains a wrong gradient."""
