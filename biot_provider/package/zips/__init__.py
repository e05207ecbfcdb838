"""Writes the .zip of a package, and keeps it between the processes of a run."""
