"""The part of the package that a program imports."""
