"""Is the file that a function's handler names in the package?"""
