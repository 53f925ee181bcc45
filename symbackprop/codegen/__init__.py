"""Generation of gradient functions: tape → program → text of a module in NumPy, numba or the array API standard."""
