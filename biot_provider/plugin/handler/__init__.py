"""Checks that the file which a function's handler names is in the package."""
