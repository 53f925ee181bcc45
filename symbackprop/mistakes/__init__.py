"""The catalogue of mistakes, and which of them explains a wrong gradient."""
