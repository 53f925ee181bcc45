"""Generation of gradient functions: from the tape to a program, and to a module for NumPy, numba or the array API."""
